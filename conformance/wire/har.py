"""HAR 1.2 archives, as browsers and proxies export them: one exchange an entry; read, and written for others.

A browser may leave the body of a response out; then nothing is known of it, and nothing is judged.
Format: http://www.softwareishard.com/blog/har-12-spec/
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conformance.wire.exchange import Exchange, Headers, Request, Response, header
from conformance.wire.files import write_atomically

__all__ = ["exchanges_of_har", "har_entry", "write_har"]


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


def write_har(path: Path, entries: Sequence[Mapping[str, Any]], creator: Mapping[str, str]) -> None:
    """Write an archive, whole or not at all. The entries have been redacted by whoever made them."""
    log = {"version": "1.2", "creator": dict(creator), "entries": list(entries)}
    write_atomically(path, json.dumps({"log": log}, ensure_ascii=False, indent=1).encode(errors="replace"))


def har_entry(exchange: Exchange, *, began: float, seconds: float) -> dict[str, Any]:
    """Give an exchange as an entry of an archive; `began` in seconds since the epoch.

    A request that was not answered has the status 0, as browsers write it.
    """
    request, response = exchange.request, exchange.response
    first = response.arrivals[0].time_s if response is not None and response.arrivals else seconds
    entry = {
        "startedDateTime": datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds"),
        "time": round(seconds * 1000, 3),
        "request": _request_entry(request or Request("GET", "")),
        "response": _response_entry(response or Response(0, (), b"")),
        "cache": {},
        "timings": {
            "send": 0,
            "wait": round(first * 1000, 3),
            "receive": round(max(0.0, seconds - first) * 1000, 3),
        },
    }
    return {**entry, "comment": response.cut} if response is not None and response.cut else entry


def _request_entry(request: Request) -> dict[str, Any]:
    entry = {"method": request.method, "url": request.url, **_common(request.headers)}
    entry["queryString"] = _pairs(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
    entry["bodySize"] = len(request.body)
    if request.body:
        kind = header(request.headers, "content-type") or ""
        entry["postData"] = {"mimeType": kind, "text": request.body.decode(errors="replace")}
    return entry


def _response_entry(response: Response) -> dict[str, Any]:
    kind = header(response.headers, "content-type") or "x-unknown"
    content: dict[str, Any] = {"size": len(response.body), "mimeType": kind}
    try:
        content["text"] = response.body.decode()
    except UnicodeDecodeError:
        content |= {"text": base64.b64encode(response.body).decode(), "encoding": "base64"}
    status = response.status or 0
    told = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    return {
        "status": status,
        "statusText": told,
        **_common(response.headers),
        "content": content,
        "redirectURL": header(response.headers, "location") or "",
        "bodySize": -1,
    }


def _common(headers: Headers | None) -> dict[str, Any]:
    return {"httpVersion": "HTTP/1.1", "cookies": [], "headers": _pairs(headers or ()), "headersSize": -1}


def _pairs(pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]
