"""One exchange as it passed: what the forwarding process tells the judging one.

    exchange = exchange_of(passed)

The bodies are as on the wire here, without the chunks of HTTP; content codings are undone in `exchange_of`,
which the forwarding process has no time for.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from conformance.wire.coding import LARGEST_BYTES
from conformance.wire.exchange import STOPPED, Arrival, Exchange, Headers, Request, Response, header

__all__ = ["Passed", "Told", "exchange_of", "keys_of"]

_READABLE = ("gzip", "x-gzip", "deflate")


@dataclass(frozen=True, slots=True)
class Told:
    """What the upstream answered.

    pieces: the body as it came, each piece with the seconds since the request was sent.
    cut: why it ended before its end; empty when it came whole.
    shortened: it went on, but no more of it was kept.
    """

    status: int
    headers: Headers
    pieces: Sequence[tuple[bytes, float]]
    cut: str = ""
    shortened: bool = False


@dataclass(frozen=True, slots=True)
class Passed:
    """One request and what became of it.

    number: which one it is of this proxy, by arrival, from 0. began: seconds since the epoch.
    told: None when the upstream gave no answer; then `trouble` says why, or nobody waited for it.
    unfinished: why nobody waited for the end of the answer; empty when somebody did.
    """

    number: int
    began: float
    seconds: float
    request: Request
    told: Told | None
    trouble: str = ""
    unfinished: str = ""


def keys_of(request: Request) -> tuple[str, ...]:
    """Give the API keys that a request carries, in whichever way, the first of them the one that counts."""
    bearer = header(request.headers, "authorization") or ""
    try:
        query = parse_qs(urlsplit(request.url).query).get("key", [])
    except ValueError:  # such as a bracket that never closes
        query = []
    found = [header(request.headers, "x-goog-api-key") or "", bearer.rpartition(" ")[2], *query]
    return tuple(dict.fromkeys(filter(None, (key.strip() for key in found))))


def exchange_of(passed: Passed) -> Exchange:
    """Give the exchange, with the coding of its body undone.

    What was not seen to its end through no fault of the server's is an excerpt. An answer in a coding that
    we cannot undo is left out, since nothing can be said of it.
    """
    told = passed.told
    if told is None or _coding(told) not in ("", "identity", *_READABLE):
        return Exchange(passed.request, None, witnessed=True)
    body, arrivals, more = _plain(told)
    unfinished = STOPPED if told.shortened or more else passed.unfinished
    response = Response(told.status, told.headers, body, arrivals, unfinished or told.cut)
    return Exchange(passed.request, response, excerpt=bool(unfinished), witnessed=True)


def _coding(told: Told) -> str:
    return (header(told.headers, "content-encoding") or "").strip().lower()


def _plain(told: Told) -> tuple[bytes, tuple[Arrival, ...], bool]:
    """Give the body without its coding, when which part of it could be read, and whether there is more."""
    coded = _coding(told) in _READABLE and told.pieces and told.pieces[0][0][:1] in (b"\x1f", b"\x78")
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32) if coded else None
    body = bytearray()
    arrivals: list[Arrival] = []
    for piece, time_s in told.pieces:
        if decoder is None:
            body += piece
        else:
            try:
                body += decoder.decompress(piece, max(1, LARGEST_BYTES - len(body)))
            except zlib.error:  # what does not unpack is judged as it came
                raw = b"".join(piece for piece, _ in told.pieces)
                return raw, (Arrival(len(raw), time_s),), False
            if decoder.unconsumed_tail:
                return bytes(body), tuple(arrivals), True
        arrivals.append(Arrival(len(body), time_s))
    return bytes(body), tuple(arrivals), False
