"""The heads of messages, as a proxy passes them on (RFC 9110, section 7.6).

What belongs to one connection alone stays behind; the rest goes on as it came, in its order and spelling. The
body of an answer is passed on byte for byte, so the header that tells how it is framed goes with it.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

import h11

from conformance.wire.exchange import Headers, Request, header

__all__ = ["answer_head", "named", "path_of", "request_head"]

_OF_ONE_CONNECTION = frozenset(
    "connection proxy-connection keep-alive te upgrade proxy-authorization proxy-authenticate".split()
)
_OF_A_REQUEST = frozenset("host content-length transfer-encoding trailer expect".split())
_CODINGS = frozenset("gzip x-gzip deflate identity".split())
_WITH_A_BODY = frozenset({"POST", "PUT", "PATCH"})


def request_head(request: Request, *, host: str, prefix: str) -> bytes:
    """Write the head of a request to the upstream; its body follows whole.

    Of the codings that the client takes only those go on that the judge can read.
    """
    dropped = _named_by(request.headers or ()) | _OF_ONE_CONNECTION | _OF_A_REQUEST
    lines = [f"{request.method} {prefix}{path_of(request.url)} HTTP/1.1", f"Host: {host}"]
    for name, value in request.headers or ():
        lower = name.lower()
        if lower == "accept-encoding":
            lines.append(f"{name}: {_readable(value)}")
        elif lower not in dropped:
            lines.append(f"{name}: {value}")
    if request.body or request.method in _WITH_A_BODY or header(request.headers, "content-length"):
        lines.append(f"Content-Length: {len(request.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer_head(response: h11.Response, *, close: bool, chunked: bool) -> bytes:
    """Write the head of an answer to the client.

    close: the connection ends with it. chunked: the body goes on in the chunks in which it came.
    """
    headers = named(response)
    dropped = _named_by(headers) | _OF_ONE_CONNECTION
    if not chunked:
        dropped |= {"transfer-encoding", "trailer"}
    reason = response.reason.decode("latin-1") or _phrase(response.status_code)
    lines = [f"HTTP/1.1 {response.status_code} {reason}"]
    lines += [f"{name}: {value}" for name, value in headers if name.lower() not in dropped]
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def named(response: h11.Response) -> Headers:
    """Give the headers of an answer as text, spelled as they were."""
    pairs = response.headers.raw_items()
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)


def path_of(target: str) -> str:
    """Give path and query of what a client asks for, which may be a whole URL."""
    if target.startswith("/"):
        return target
    parts = urlsplit(target)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _named_by(headers: Headers) -> frozenset[str]:
    """Give the headers that `Connection` names, which are for one connection alone."""
    told = ",".join(value for name, value in headers if name.lower() == "connection")
    return frozenset(word.strip().lower() for word in told.split(",")) - {"transfer-encoding"}


def _readable(codings: str) -> str:
    kept = [word.strip() for word in codings.split(",") if word.partition(";")[0].strip().lower() in _CODINGS]
    return ", ".join(kept) or "identity"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
