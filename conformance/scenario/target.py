"""Where requests go: an endpoint over HTTP, or a cassette.

    with HttpTarget("http://127.0.0.1:8000", key="test") as target:
        exchange = target.send(request)

A target keeps the bytes as they came and when, and says so when a response ended before its end.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

from conformance.errors import CassetteMiss, TargetUnreachable
from conformance.wire.cassette import read_cassette, undo_coding
from conformance.wire.exchange import Arrival, Exchange, Headers, Request, Response
from conformance.wire.recording import LARGEST_BYTES
from conformance.wire.trace import parse_json

if TYPE_CHECKING:
    import httpx2

__all__ = ["CassetteTarget", "HttpTarget", "Target"]


class Target(Protocol):
    """Somewhere that answers requests. `url` is what the path of a request is put behind."""

    url: str
    key: str

    def send(self, request: Request) -> Exchange:
        """Send a request and give the exchange, whatever the answer is."""


class HttpTarget:
    """An endpoint over HTTP/1.1.

    timeout_s: how long one whole exchange may take; a stream that goes on longer is cut off and says so.
    """

    def __init__(
        self, url: str, *, key: str, timeout_s: float = 60, largest_bytes: int = LARGEST_BYTES
    ) -> None:
        self.url = url.rstrip("/")
        self.key = key
        self._timeout_s = timeout_s
        self._largest_bytes = largest_bytes
        self._client: httpx2.Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> "httpx2.Client":
        if self._client is None:
            import httpx2

            plain = self.url.startswith("http://")  # loopback alone: no certificates, no proxies
            self._client = httpx2.Client(
                verify=not plain,
                trust_env=not plain,
                follow_redirects=False,
                timeout=httpx2.Timeout(self._timeout_s, connect=min(10.0, self._timeout_s)),
            )
        return self._client

    def send(self, request: Request) -> Exchange:
        """Send a request; a response that is not JSON, cut off or an error is an exchange like any other.

        Raises:
            TargetUnreachable: nobody listens, or the connection ends before a response begins.
        """
        import httpx2

        client = self._connected()
        headers = [("accept-encoding", "identity"), *(request.headers or ())]
        built = client.build_request(
            request.method, request.url, headers=headers, content=request.body or None
        )
        for name in ("accept", "user-agent"):
            if not any(given.lower() == name for given, _ in headers):
                del built.headers[name]
        start = time.monotonic()
        try:
            with_stream = client.send(built, stream=True)
        except httpx2.ConnectError:
            raise TargetUnreachable(self.url, "refuses the connection: nothing listens there") from None
        except httpx2.TimeoutException:
            raise TargetUnreachable(self.url, f"did not answer in {self._timeout_s:g} s") from None
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            raise TargetUnreachable(self.url, f"gave no HTTP answer: {_reason(error)}") from None
        try:
            response = self._read(with_stream, start)
        finally:
            with_stream.close()
        sent = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in built.headers.raw)
        return Exchange(Request(request.method, str(built.url), sent, request.body), response, witnessed=True)

    def _read(self, response: "httpx2.Response", start: float) -> Response:
        body, arrivals, cut = bytearray(), [], ""
        try:
            for chunk in response.iter_raw():
                elapsed = time.monotonic() - start
                body += chunk
                arrivals.append(Arrival(len(body), elapsed))
                if elapsed > self._timeout_s:
                    cut = f"the time limit of {self._timeout_s:g} s was reached"
                elif len(body) > self._largest_bytes:
                    cut = f"the limit of {self._largest_bytes // 1024 // 1024} MB was reached"
                if cut:
                    break
        except Exception as error:  # noqa: BLE001 (whatever the transport meets is the server's doing)
            elapsed = time.monotonic() - start
            late = "Timeout" in type(error).__name__
            cut = (
                f"the time limit of {self._timeout_s:g} s was reached"
                if late
                else f"the connection ended early ({_reason(error)})"
            )
        headers: Headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw
        )
        return Response(
            response.status_code, headers, undo_coding(headers, bytes(body)), tuple(arrivals), cut
        )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


class CassetteTarget:
    """A cassette: answers the requests that it holds, each once and in order, and opens no socket.

    A request is known by method, path, query and body; keys and other headers do not count.
    """

    url = ""

    def __init__(self, path: Path, *, key: str = "REDACTED") -> None:
        self.key = key
        self._path = path
        self._exchanges, self.provenance = read_cassette(path)
        self._played = [False] * len(self._exchanges)

    def send(self, request: Request) -> Exchange:
        """Give the recorded answer.

        Raises:
            CassetteMiss: there is none left; the message names the nearest recorded request.
        """
        wanted = _identity(request)
        for number, exchange in enumerate(self._exchanges):
            if not self._played[number] and exchange.request and _identity(exchange.request) == wanted:
                self._played[number] = True
                return Exchange(exchange.request, exchange.response, witnessed=bool(self.provenance))
        raise CassetteMiss(str(self._path), f"{request.method} {request.url}", self._nearest(request))

    def _nearest(self, request: Request) -> str:
        known = [exchange.request for exchange in self._exchanges if exchange.request is not None]
        if not known:
            return "it is empty"
        number, best = max(enumerate(known), key=lambda item: _likeness(request, item[1]))
        differences = list(_differences(request, best))
        if not differences:
            return f"its exchange {number} is the same, and has been played"
        return f"the nearest is its exchange {number}, which differs in {'; '.join(differences[:3])}"


def _identity(request: Request) -> tuple[Any, ...]:
    url = urlsplit(request.url)
    query = sorted(pair for pair in parse_qsl(url.query, keep_blank_values=True) if pair[0] != "key")
    body = parse_json(request.body) if request.body else None
    return request.method, url.path, tuple(query), json.dumps(body, sort_keys=True, default=str)


def _likeness(one: Request, other: Request) -> float:
    return -float(len(list(_differences(one, other))))


def _differences(sent: Request, recorded: Request) -> Iterator[str]:
    """What differs, place by place, as far as people want to read."""
    if sent.method != recorded.method:
        yield f"the method, {recorded.method}"
    if urlsplit(sent.url).path != urlsplit(recorded.url).path:
        yield f"the path, {urlsplit(recorded.url).path}"
    if _identity(sent)[2] != _identity(recorded)[2]:
        yield f"the query, {urlsplit(recorded.url).query or 'none'}"
    yield from _json_differences(parse_json(sent.body or b"null"), parse_json(recorded.body or b"null"), "")


def _json_differences(sent: Any, recorded: Any, at: str) -> Iterator[str]:
    if isinstance(sent, dict) and isinstance(recorded, dict):
        for key in sorted(sent.keys() | recorded.keys()):
            if key not in recorded:
                yield f"{at}/{key}, which it lacks"
            elif key not in sent:
                yield f"{at}/{key}, which only it has"
            else:
                yield from _json_differences(sent[key], recorded[key], f"{at}/{key}")
    elif isinstance(sent, list) and isinstance(recorded, list) and len(sent) == len(recorded):
        for number, (one, other) in enumerate(zip(sent, recorded, strict=True)):
            yield from _json_differences(one, other, f"{at}/{number}")
    elif sent != recorded:
        yield f"{at or 'the body'}: {_shown(recorded)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 50 else f"{text[:47]}…"
