"""Faults: an answer that is wrong on the wire in exactly one way.

    script = scripted(answer, fault, close=False, bodiless=False)
    script.head, script.writes, script.chunked, script.end

What goes out is the script: a head, the writes of the body, each a chunk where the answer is chunked, and
what happens in the end. `control` lists the faults:

reset           the connection is reset after some of the body
half_close      our side is closed after some of the body, and the other is read on
close           the connection is closed after some of the body
stall           after some of the body nothing comes any more, until the peer leaves or is let go
no_last_chunk   everything but the last chunk of the chunked coding; then the connection is closed. An answer
                that has no chunks ends ten bytes early
wrong_length    the Content-Length announces more, or less, than comes; then the connection is closed
no_done         a stream ends without its `[DONE]` frame
gzip            the body is compressed, whether the client asked for it or not
trailing        bytes that belong to nothing follow the answer; then the connection is closed
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from conformance.server.answer import DONE, Answer

__all__ = ["FAULTS", "Fault", "Script", "scripted"]

FAULTS = frozenset("reset half_close close stall no_last_chunk wrong_length no_done gzip trailing".split())
_BREAKS = frozenset({"reset", "half_close", "close", "stall"})
_TRAILING = b"HTTP/1.1 200 OK\r\n\x00trailing bytes"
End: TypeAlias = Literal["keep", "close", "reset", "half_close", "stall"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and its place: `after` so many writes of the body, or `after_bytes` where that is not -1."""

    kind: str
    after: int = 1
    after_bytes: int = -1
    by: int = 10


@dataclass(frozen=True, slots=True)
class Script:
    """What goes out, to the last byte.

    last: what follows the body.
    end: what happens to the connection afterwards; `keep` leaves it to HTTP.
    """

    head: bytes
    writes: Iterator[bytes]
    chunked: bool
    last: bytes
    end: End = "keep"

    def coded(self, piece: bytes) -> bytes:
        """Give a piece of the body as it goes over the wire."""
        return b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked and piece else piece


def scripted(answer: Answer, fault: Fault | None, *, close: bool, bodiless: bool) -> Script:
    """Write the script of an answer."""
    kind = fault.kind if fault is not None else ""
    ends = kind in ("no_last_chunk", "wrong_length", "trailing", *_BREAKS)
    headers = answer.headers
    if kind == "wrong_length" and fault is not None:
        length = max(0, len(answer.body) + fault.by)
        headers = (*_without(headers, "content-length", "transfer-encoding"), ("Content-Length", str(length)))
    elif kind == "gzip":
        headers = (*headers, ("Content-Encoding", "gzip"))
    chunked = answer.chunked and kind != "wrong_length"
    writes, length_now = _faulty(answer, fault)
    if length_now is not None and not chunked:
        headers = (*_without(headers, "content-length"), ("Content-Length", str(length_now)))
    head = Answer(answer.status, headers, ()).head(close=close or (ends and kind not in _BREAKS))
    if bodiless:
        return Script(head, iter(()), chunked=False, last=b"")
    last = b"0\r\n\r\n" if chunked and kind not in ("no_last_chunk", *_BREAKS) else b""
    return Script(head, writes, chunked, last + (_TRAILING if kind == "trailing" else b""), _end_of(kind))


def _end_of(kind: str) -> End:
    match kind:
        case "reset" | "half_close" | "close" | "stall":
            return kind
        case "no_last_chunk" | "wrong_length" | "trailing":
            return "close"
    return "keep"


def _faulty(answer: Answer, fault: Fault | None) -> tuple[Iterator[bytes], int | None]:
    """Give the writes of the body, and its length where that has changed."""
    writes = answer.followed()
    match fault:
        case Fault(kind) if kind in _BREAKS:
            return _begun(writes, fault), None
        case Fault("no_last_chunk") if not answer.chunked:
            return iter([answer.body[:-10]]), None
        case Fault("no_done"):
            return (write for write in writes if write != DONE), None
        case Fault("gzip"):
            packed = list(_packed(writes))
            return iter(packed), sum(map(len, packed))
    return writes, None


def _begun(writes: Iterator[bytes], fault: Fault) -> Iterator[bytes]:
    """Give the beginning of a body, up to the place of the fault."""
    if fault.after_bytes < 0:
        for _ in range(fault.after):
            write = next(writes, None)
            if write is None:
                return
            yield write
        return
    left = fault.after_bytes
    for write in writes:
        if left <= 0:
            return
        yield write[:left]
        left -= len(write)


def _packed(writes: Iterator[bytes]) -> Iterator[bytes]:
    """Compress a body write by write, so that each can be read when it comes."""
    packer = zlib.compressobj(wbits=31)
    for write in writes:
        yield packer.compress(write) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def _without(headers: tuple[tuple[str, str], ...], *names: str) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in headers if pair[0].lower() not in names)
