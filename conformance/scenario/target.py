"""Where requests go: an endpoint over HTTP, or a cassette.

    with HttpTarget("http://127.0.0.1:8000", key="test") as target:
        exchange = target.send(request)

A target keeps the bytes as they came and when, and says so when a response ended before its end.
"""

import socket
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from conformance.errors import CassetteMiss, TargetUnreachable
from conformance.wire.cassette import EDITED, read_cassette
from conformance.wire.coding import LARGEST_BYTES
from conformance.wire.exchange import Arrival, Exchange, Headers, Request, Response, header
from conformance.wire.likeness import differences, identity
from conformance.wire.redaction import redact_text

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

    timeout_s: how long one whole exchange may take; a stream that goes on longer is cut off and says so. A
        peer that sends a byte now and then outlives every timeout of a read, so a timer ends the connection.
    largest_bytes: how much of a body is read, and kept once its coding is undone.
    """

    def __init__(
        self, url: str, *, key: str, timeout_s: float = 60, largest_bytes: int = LARGEST_BYTES
    ) -> None:
        self.url = url.rstrip("/")
        self.key = key
        self.timeout_s = timeout_s
        self._largest_bytes = largest_bytes
        self._client: httpx2.Client | None = None
        self._stream: Any = None
        self._late = False

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
                timeout=httpx2.Timeout(self.timeout_s, connect=min(10.0, self.timeout_s)),
            )
        return self._client

    def send(self, request: Request) -> Exchange:
        """Send a request; a response that is not JSON, cut off or an error is an exchange like any other.

        Raises:
            TargetUnreachable: nobody listens, or the connection ends before a response begins.
        """
        client = self._connected()
        headers = [("accept-encoding", "identity"), *(request.headers or ())]
        built = client.build_request(
            request.method,
            request.url,
            headers=headers,
            content=request.body or None,
            extensions={"trace": self._follow},
        )
        for name in ("accept", "user-agent"):
            if not any(given.lower() == name for given, _ in headers):
                del built.headers[name]
        self._late = False
        timer = threading.Timer(self.timeout_s, self._end)
        timer.daemon = True
        timer.start()
        try:
            response = self._exchange(client, built)
        finally:
            timer.cancel()
        sent = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in built.headers.raw)
        return Exchange(Request(request.method, str(built.url), sent, request.body), response, witnessed=True)

    def _follow(self, event: str, info: dict[str, Any]) -> None:
        """Keep hold of the connection, as the transport tells of it."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._stream = info["return_value"]
            if self._late:
                self._end()

    def _end(self) -> None:
        """End the connection, whatever waits for it; called by the timer."""
        self._late = True
        open_socket = self._stream.get_extra_info("socket") if self._stream is not None else None
        if open_socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)

    def _exchange(self, client: "httpx2.Client", built: "httpx2.Request") -> Response:
        import httpx2

        start = time.monotonic()
        try:
            with_stream = client.send(built, stream=True)
        except httpx2.ConnectError:
            raise TargetUnreachable(self.url, "refuses the connection: nothing listens there") from None
        except httpx2.TimeoutException:
            raise TargetUnreachable(self.url, f"did not answer in {self.timeout_s:g} s") from None
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            if self._late:
                raise TargetUnreachable(self.url, f"did not answer in {self.timeout_s:g} s") from None
            raise TargetUnreachable(self.url, f"gave no HTTP answer: {self._reason(error)}") from None
        try:
            return self._read(with_stream, start)
        finally:
            with_stream.close()

    def _read(self, response: "httpx2.Response", start: float) -> Response:
        body, arrivals, cut = bytearray(), [], ""
        try:
            for chunk in response.iter_raw():
                elapsed = time.monotonic() - start
                body += chunk
                arrivals.append(Arrival(len(body), elapsed))
                if elapsed > self.timeout_s:
                    cut = f"the time limit of {self.timeout_s:g} s was reached"
                elif len(body) > self._largest_bytes:
                    cut = f"the limit of {self._largest_bytes // 1024 // 1024} MB was reached"
                if cut:
                    break
        except Exception as error:  # noqa: BLE001 (whatever the transport meets is the server's doing)
            elapsed = time.monotonic() - start
            late = self._late or "Timeout" in type(error).__name__
            cut = (
                f"the time limit of {self.timeout_s:g} s was reached"
                if late
                else f"the connection ended early ({self._reason(error)})"
            )
        headers: Headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw
        )
        plain, more = _uncoded(headers, body, self._largest_bytes)
        if more:
            cut = cut or f"the limit of {self._largest_bytes // 1024 // 1024} MB was reached"
        return Response(response.status_code, headers, plain, tuple(arrivals), cut)

    def _reason(self, error: Exception) -> str:
        """Say what the transport says, which may quote a server that quotes the key."""
        return redact_text(" ".join(str(error).split()), [self.key]) or type(error).__name__


def _uncoded(headers: Headers, body: bytearray, largest_bytes: int) -> tuple[bytes, bool]:
    """Undo gzip or deflate, as far as the limit; say whether there is more."""
    coding = (header(headers, "content-encoding") or "").strip().lower()
    if coding in ("gzip", "x-gzip", "deflate") and body.startswith((b"\x1f\x8b", b"\x78")):
        decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        with suppress(zlib.error):
            return decoder.decompress(body, largest_bytes), bool(decoder.unconsumed_tail)
    return bytes(body), False


class CassetteTarget:
    """A cassette: answers the requests that it holds, each once and in order, and opens no socket.

    A request is known by method, path, query and body; keys and other headers do not count.
    given: the values that stood for what its scenario needs, where they were no stand-ins.
    doubt: what speaks against the cassette as evidence; empty when nothing does.
    """

    url = ""

    def __init__(self, path: Path, *, key: str = "REDACTED") -> None:
        self.key = key
        self._path = path
        self._exchanges, self.provenance = read_cassette(path)
        told = self.provenance.get("given")
        self.given: dict[str, str] = told if isinstance(told, dict) else {}
        self.doubt = EDITED if self.provenance.get("edited") else ""
        self._known = [identity(one.request) if one.request else None for one in self._exchanges]
        self._played = [False] * len(self._exchanges)

    def send(self, request: Request) -> Exchange:
        """Give the recorded answer.

        Raises:
            CassetteMiss: there is none left; the message names the nearest recorded request.
        """
        wanted = identity(request)
        for number, exchange in enumerate(self._exchanges):
            if not self._played[number] and self._known[number] == wanted:
                self._played[number] = True
                return Exchange(exchange.request, exchange.response, witnessed=bool(self.provenance))
        nearest = self._nearest(request) + (f"; {self.doubt}" if self.doubt else "")
        raise CassetteMiss(str(self._path), f"{request.method} {request.url}", nearest)

    def _nearest(self, request: Request) -> str:
        known = [exchange.request for exchange in self._exchanges if exchange.request is not None]
        if not known:
            return "it is empty"
        number, best = max(enumerate(known), key=lambda item: -len(list(differences(request, item[1]))))
        told = list(differences(request, best))
        if not told:
            return f"its exchange {number} is the same, and has been played"
        return f"the nearest is its exchange {number}, which differs in {'; '.join(told[:3])}"
