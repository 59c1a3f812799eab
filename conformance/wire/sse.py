"""Server-sent events: from bytes to frames, no byte lost.

    decoder = Decoder()
    for chunk in chunks:
        for frame in decoder.feed(chunk):
            frame.raw, frame.offset, frame.event, frame.data
    for frame in decoder.close():
        ...

Follows the WHATWG algorithm (https://html.spec.whatwg.org/multipage/server-sent-events.html) with two
differences, both because the bytes themselves are judged: a block that dispatches nothing (a comment, an
`event:` line alone) is a frame whose `data` is None, and a block that the stream cuts off is a frame marked
`cut`. The `raw` bytes of all frames, joined, are the stream.

Knows nothing of Gemini; `wire.trace` gives the frames their meaning.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Decoder", "Frame", "decode", "pieces"]

_BOM = b"\xef\xbb\xbf"
# The end of a block: a line end directly followed by another. A CR that ends the buffer may be half of a
# CRLF, so `_LINE_END` leaves it alone until more bytes or the end of the stream tell.
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
_LINE_END_AT_CLOSE = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Frame:
    """One block of an event stream.

    raw: all bytes of the block, its closing blank line included.
    offset: how many bytes of the stream lie before `raw`.
    event: the value of the last `event:` line, or "message", the standard's default.
    id: the value of the block's `id:` line; None when there was none.
    time_s: when the last byte arrived, in seconds since the response began; None when nobody measured.
    cut: the stream ended before the blank line; the standard drops such a block.
    lines: how many `data:` lines there were; with none, nothing is dispatched.
    """

    raw: bytes
    offset: int
    event: str
    id: str | None = None
    time_s: float | None = None
    cut: bool = False
    lines: int = 0

    @property
    def data(self) -> str | None:
        """The `data:` lines joined by LF; None when there is none. Read from `raw`, which is kept once."""
        if not self.lines:
            return None
        fields = (_field(line) for line in _LINE_END_AT_CLOSE.split(_without_bom(self.raw, self.offset)))
        return "\n".join(value.decode(errors="replace") for name, value in fields if name == b"data")


def _field(line: bytes) -> tuple[bytes, bytes]:
    """Split a line into name and value; one space after the colon belongs to neither."""
    name, _, value = line.partition(b":")
    return name, value.removeprefix(b" ")


def _without_bom(data: bytes, offset: int) -> bytes:
    """Take off the byte order mark that may open a stream, and only there."""
    return data.removeprefix(_BOM) if offset == 0 else data


class Decoder:
    """Takes a stream in pieces, however it is cut, and gives its frames.

    Memory is bounded by the longest block, since a block is kept only until its blank line arrives.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._scanned = 0
        self._line_start = 0
        self._lines: list[bytes] = []
        self._started = False

    def feed(self, chunk: bytes, time_s: float | None = None) -> list[Frame]:
        """Take the next bytes; give the frames that they complete."""
        self._buffer += chunk
        return list(self._blocks(_LINE_END, time_s))

    def close(self, time_s: float | None = None) -> list[Frame]:
        """Say that no more bytes come; give what is left, a `cut` block last."""
        frames = list(self._blocks(_LINE_END_AT_CLOSE, time_s))
        if self._buffer:
            self._lines.append(bytes(self._buffer[self._line_start :]))
            frames.append(self._frame(len(self._buffer), time_s, cut=True))
        return frames

    def _blocks(self, line_end: re.Pattern[bytes], time_s: float | None) -> Iterator[Frame]:
        while match := line_end.search(self._buffer, self._scanned):
            line = bytes(self._buffer[self._line_start : match.start()])
            self._scanned = self._line_start = match.end()
            opening = not self._started and not self._lines
            if line and not (opening and line == _BOM):
                self._lines.append(line)
            else:
                yield self._frame(match.end(), time_s, cut=False)
        # Only the last byte can still become part of a line end with what follows.
        self._scanned = max(self._line_start, len(self._buffer) - 1)

    def _frame(self, end: int, time_s: float | None, *, cut: bool) -> Frame:
        raw = bytes(self._buffer[:end])
        lines, self._lines = self._lines, []
        if lines:
            lines[0] = _without_bom(lines[0], self._offset)
        self._started = True
        event, data_lines, last_id = "", 0, None
        for name, value in map(_field, lines):
            match name:
                case b"data":
                    data_lines += 1
                case b"event":
                    event = value.decode(errors="replace")
                case b"id" if b"\0" not in value:
                    last_id = value.decode(errors="replace")
        frame = Frame(
            raw=raw,
            offset=self._offset,
            event=event or "message",
            id=last_id,
            time_s=time_s,
            cut=cut,
            lines=data_lines,
        )
        del self._buffer[:end]
        self._offset += end
        self._scanned = self._line_start = 0
        return frame


def pieces(body: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    """Cut a body that is there as a whole, so that decoding it does not copy all of it at once."""
    return (body[start : start + size] for start in range(0, len(body), size))


def decode(chunks: Iterable[bytes]) -> Iterator[Frame]:
    r"""Give the frames of a whole stream.

    >>> [frame.data for frame in decode([b"data: a\n", b"\ndata: b\r\n\r\n"])]
    ['a', 'b']
    """
    decoder = Decoder()
    for chunk in chunks:
        yield from decoder.feed(chunk)
    yield from decoder.close()
