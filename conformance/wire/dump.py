"""Raw HTTP/1.1 text, as `curl -i` prints a response or a proxy writes both sides.

Recognised from its first line. Interim responses (100 Continue) and redirects before the last response belong
to one exchange, and the last one counts. `curl -i` undoes the chunks and leaves the header that tells of
them, so chunks are undone only where the bytes show them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from conformance.wire.coding import undo_coding
from conformance.wire.exchange import Exchange, Headers, Request, Response, header

__all__ = ["exchanges_of_dump", "looks_like_dump"]

_RESPONSE = re.compile(rb"HTTP/[\d.]+ (\d{3})[^\r\n]*\r?\n")
_REQUEST = re.compile(rb"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (\S+) HTTP/[\d.]+\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?\r\n")


def looks_like_dump(data: bytes) -> bool:
    """Tell whether a text begins with the first line of an HTTP message."""
    return (_RESPONSE.match(data) or _REQUEST.match(data)) is not None


@dataclass(frozen=True, slots=True)
class _Message:
    """One message: a request's method and target, or a response's status, with what follows."""

    method: str
    target: str
    status: int
    headers: Headers
    body: bytes


def exchanges_of_dump(data: bytes) -> list[Exchange]:
    """Give the exchanges of a dump.

    Raises:
        ValueError: a head has no end, or is not one of HTTP; the message says where.
    """
    exchanges: list[Exchange] = []
    request: Request | None = None
    response: Response | None = None
    for message in _messages(data):
        if message.method:
            if request is not None or response is not None:
                exchanges.append(Exchange(request, response))
            request, response = Request(message.method, message.target, message.headers, message.body), None
        else:
            body = undo_coding(message.headers, _undo_chunks(message.headers, message.body))
            response = Response(message.status, message.headers, body)
    return [*exchanges, Exchange(request, response)]


def _messages(data: bytes) -> Iterator[_Message]:
    at = 0
    while at < len(data):
        first = _RESPONSE.match(data, at) or _REQUEST.match(data, at)
        if first is None:
            raise ValueError(f"byte {at} begins no HTTP message")
        end = _HEAD_END.search(data, first.end() - 2)
        if end is None:
            raise ValueError("the head of a message has no end: the file is cut off")
        headers = tuple(_header_lines(data[first.end() : end.start()]))
        body_end = _body_end(data, end.end(), headers, is_request=first.re is _REQUEST)
        body = data[end.end() : body_end]
        if first.re is _REQUEST:
            yield _Message(first[1].decode(), first[2].decode(errors="replace"), 0, headers, body)
        else:
            yield _Message("", "", int(first[1]), headers, body)
        at = body_end
        while data[at : at + 1] in (b"\r", b"\n"):
            at += 1


def _header_lines(head: bytes) -> Iterator[tuple[str, str]]:
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()


def _body_end(data: bytes, start: int, headers: Headers, *, is_request: bool) -> int:
    """Where a body ends: at its length, or where the next message begins, or at the end of the file."""
    length = header(headers, "content-length")
    if length is not None and length.isdigit() and header(headers, "content-encoding") is None:
        return min(start + int(length), len(data))
    following = re.compile(rb"(?<=\n)" + (_RESPONSE if is_request else _REQUEST).pattern).search(data, start)
    if following is None and not is_request:
        following = _RESPONSE.match(data, start)
    return following.start() if following is not None else len(data)


def _undo_chunks(headers: Headers, body: bytes) -> bytes:
    if "chunked" not in (header(headers, "transfer-encoding") or "").lower() or not _CHUNK.match(body):
        return body
    whole, at = bytearray(), 0
    while match := _CHUNK.match(body, at):
        size = int(match[1], 16)
        if size == 0:
            return bytes(whole)
        whole += body[match.end() : match.end() + size]
        at = match.end() + size + 2
    return bytes(whole)
