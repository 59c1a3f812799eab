"""HAR 1.2 archives, as browsers and proxies export them: one exchange an entry.

A browser may leave the body of a response out; then nothing is known of it, and nothing is judged.
Format: http://www.softwareishard.com/blog/har-12-spec/
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from conformance.wire.exchange import Exchange, Headers, Request, Response

__all__ = ["exchanges_of_har"]


def exchanges_of_har(archive: Mapping[str, Any]) -> list[Exchange]:
    """Give the exchanges of an archive in its order.

    Raises:
        KeyError, TypeError, ValueError: it is not a HAR archive, or an entry is incomplete.
    """
    return list(_exchanges(archive["log"]["entries"]))


def _exchanges(entries: list[Any]) -> Iterator[Exchange]:
    for entry in entries:
        request, response = entry["request"], entry["response"]
        sent = Request(
            str(request["method"]),
            str(request["url"]),
            _headers(request),
            str((request.get("postData") or {}).get("text") or "").encode(),
        )
        yield Exchange(sent, _response(response))


def _response(response: Mapping[str, Any]) -> Response | None:
    status, content = response["status"], response.get("content") or {}
    if not status:  # the browser saw no response
        return None
    text = content.get("text") or ""
    body = base64.b64decode(text) if content.get("encoding") == "base64" else text.encode()
    return Response(int(status), _headers(response), body)


def _headers(message: Mapping[str, Any]) -> Headers:
    return tuple((str(pair["name"]), str(pair["value"])) for pair in message.get("headers") or ())
