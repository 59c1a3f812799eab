"""An answer as the bytes that go out: every piece is one write of its own.

    answer = json_answer(200, {"object": "interaction"})
    answer = event_stream(frames)
    for piece in answer.pieces():
        transport.write(piece)

In a stream each frame is one write and one chunk of the chunked transfer coding, so that a delivery plan can
cut, pace or break between frames or within one. Headers carry no date and no server name: the same request
gives the same bytes.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

from conformance.wire.exchange import Headers

if TYPE_CHECKING:
    from conformance.server.misbehaving import Delivery

__all__ = ["DONE", "Answer", "Follow", "event_stream", "frame", "json_answer", "to_json"]

Follow: TypeAlias = Callable[[int], tuple[bytes, ...] | None]

DONE = b"event: done\ndata: [DONE]\n\n"
_JSON = ("Content-Type", "application/json")
_STREAM: Headers = (("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that is known to its last byte.

    writes: the body in pieces; each is written, and in a stream framed, on its own.
    chunked: whether the body goes out in the chunked transfer coding.
    follow: asked before each write goes out, with its number; it may give what goes out instead of the rest.
    delivery: how the bytes get out, where a test says so.
    """

    status: int
    headers: Headers
    writes: tuple[bytes, ...]
    chunked: bool = False
    follow: Follow | None = field(default=None, compare=False)
    delivery: "Delivery | None" = None

    @property
    def body(self) -> bytes:
        """The content, without transfer coding."""
        return b"".join(self.writes)

    def head(self, *, close: bool = False) -> bytes:
        """Write the status line and the headers; `close` when the connection ends with this answer."""
        try:
            reason = HTTPStatus(self.status).phrase
        except ValueError:
            reason = ""
        lines = [f"HTTP/1.1 {self.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if close:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def pieces(self, *, close: bool = False, bodiless: bool = False) -> Iterator[bytes]:
        """Everything that goes to the socket, write by write; `bodiless` for an answer to HEAD."""
        yield self.head(close=close)
        if bodiless:
            return
        if not self.chunked:
            yield from self.followed()
            return
        for write in self.followed() if self.follow is not None else self.writes:
            yield b"%x\r\n%b\r\n" % (len(write), write)
        yield b"0\r\n\r\n"

    def followed(self) -> Iterator[bytes]:
        """Give the writes one by one, as they are when it is their turn."""
        if self.follow is None:
            yield from self.writes
            return
        for number, write in enumerate(self.writes):
            instead = self.follow(number)
            if instead is not None:
                yield from instead
                return
            yield write

    def unchunked(self) -> "Answer":
        """Give the same for a client of HTTP/1.0, which knows no chunks: it ends with the connection."""
        if not self.chunked:
            return self
        headers = tuple(pair for pair in self.headers if pair[0] != "Transfer-Encoding")
        return replace(self, headers=headers, chunked=False)


def to_json(value: Any) -> bytes:
    """Write JSON as the service does: one line, no spaces, characters as they are."""
    return _encode(value).encode()


def json_answer(status: int, value: Any, *headers: tuple[str, str]) -> Answer:
    """Answer with one JSON value."""
    body = to_json(value)
    return Answer(status, (_JSON, ("Content-Length", str(len(body))), *headers), (body,))


def frame(event: dict[str, Any]) -> bytes:
    """Write one event as the service frames it: the event line repeats `event_type`, then one data line."""
    return b"event: %b\ndata: %b\n\n" % (event["event_type"].encode(), to_json(event))


def event_stream(frames: Iterable[bytes]) -> Answer:
    """Answer with a stream of frames."""
    return Answer(200, _STREAM, tuple(frames), chunked=True)
