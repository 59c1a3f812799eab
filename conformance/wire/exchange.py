"""A request and its response as they crossed the wire: raw bytes first.

What a recording does not tell is None, never a guess: a bare body has no status, no headers, no request.
`wire.trace` reads meaning into exchanges; nothing here parses JSON.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

__all__ = [
    "LEFT",
    "STOPPED",
    "Arrival",
    "Exchange",
    "Form",
    "Headers",
    "Request",
    "Response",
    "header",
]

Headers: TypeAlias = tuple[tuple[str, str], ...]
Form: TypeAlias = Literal["bytes", "events"]
LEFT: Final = "the client left before the end"
STOPPED: Final = "the recording was stopped before the end"
"""Why a response is not whole, through no fault of the server's."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """`end` bytes of the body had arrived `time_s` seconds after the request was sent."""

    end: int
    time_s: float


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent. `url` is absolute, or starts at the path where the host is not known."""

    method: str
    url: str
    headers: Headers | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered.

    status: the HTTP status; None when the recording does not tell.
    headers: in the order of the wire; None when the recording does not tell.
    body: the content, with transfer and content codings undone.
    arrivals: when which part of the body came; empty when nobody measured.
    cut: why the response ended before its end, such as "the connection was reset"; empty when it came whole.
    form: "bytes" as on the wire, or "events" when the recording kept one JSON event a line and no framing.
    """

    status: int | None
    headers: Headers | None
    body: bytes
    arrivals: Sequence[Arrival] = ()
    cut: str = ""
    form: Form = "bytes"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its response; either may be unknown.

    name: what people call it: a scenario's call, a file.
    excerpt: the recording was shortened by hand, so what is missing proves nothing.
    witnessed: the harness saw the request itself, so a header that is not there was not sent; a recording
        made by others may have had its keys filtered out.
    """

    request: Request | None
    response: Response | None
    name: str = ""
    excerpt: bool = False
    witnessed: bool = False


def header(headers: Iterable[tuple[str, str]] | None, name: str) -> str | None:
    """Give the first value of a header, whatever its case; None when it is absent or nothing is known."""
    for key, value in headers or ():
        if key.lower() == name:
            return value
    return None
