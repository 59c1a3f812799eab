"""Requests over plain HTTP/1.1, one connection kept open: what fuzzing does a hundred thousand times.

    with PlainTarget("http://127.0.0.1:8000", key="test") as target:
        exchange = target.send(request)

`scenario.target.HttpTarget` does the same for one scenario, with times of arrival and for any address; this
one costs half, which is most of what fuzzing waits for.
"""

import http.client
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from conformance.errors import TargetUnreachable
from conformance.wire.exchange import Exchange, Request, Response

__all__ = ["PlainTarget"]

_CHUNK = 256 * 1024


class PlainTarget:
    """An endpoint on this machine.

    timeout_s: how long one whole exchange may take.
    largest_bytes: how much of a body is read.
    """

    def __init__(self, url: str, *, key: str, timeout_s: float = 10, largest_bytes: int = 16 * 2**20) -> None:
        self.url = url.rstrip("/")
        self.key = key
        self._address = urlsplit(self.url).netloc
        self._timeout_s = timeout_s
        self._largest_bytes = largest_bytes
        self._connection: http.client.HTTPConnection | None = None
        self._deadline = 0.0
        self._late = False
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self.close()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def send(self, request: Request) -> Exchange:
        """Send a request; a response that is cut off or no JSON is an exchange like any other.

        Raises:
            TargetUnreachable: nobody listens, or the connection ends before a response begins.
        """
        kept_open = self._connection is not None
        try:
            return self._exchanged(request)
        except (ConnectionError, http.client.RemoteDisconnected):
            self.close()
            if not kept_open:
                raise TargetUnreachable(self.url, "closes the connection without an answer") from None
        # A server may close a connection that has been idle; on a new one it has to answer.
        try:
            return self._exchanged(request)
        except (ConnectionError, http.client.RemoteDisconnected):
            self.close()
            raise TargetUnreachable(self.url, "closes the connection without an answer") from None

    def _exchanged(self, request: Request) -> Exchange:
        self._late, self._deadline = False, time.monotonic() + self._timeout_s
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._address, timeout=self._timeout_s)
        try:
            response = self._answered(self._connection, request)
        except ConnectionRefusedError:
            self.close()
            raise TargetUnreachable(self.url, "refuses the connection: nothing listens there") from None
        except TimeoutError:
            self.close()
            raise self._too_late() from None
        except (http.client.HTTPException, ValueError, OSError) as error:
            self.close()
            if self._late:
                raise self._too_late() from None
            if isinstance(error, ConnectionError):
                raise
            raise TargetUnreachable(self.url, f"gave no HTTP answer: {type(error).__name__}") from None
        if self._late:  # an end in the middle of a head is taken for its end
            self.close()
            raise self._too_late()
        body, cut = self._read(response)
        self._deadline = 0.0
        if cut or response.will_close:
            self.close()
        headers = tuple(response.getheaders())
        return Exchange(request, Response(response.status, headers, body, (), cut), witnessed=True)

    def _too_late(self) -> TargetUnreachable:
        return TargetUnreachable(self.url, f"did not answer in {self._timeout_s:g} s")

    def _answered(self, connection: http.client.HTTPConnection, request: Request) -> http.client.HTTPResponse:
        parts = urlsplit(request.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.putrequest(request.method, path, skip_accept_encoding=True)
        for name, value in request.headers or ():
            connection.putheader(name, value)
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            connection.putheader("content-length", str(len(request.body)))
        connection.endheaders(request.body or None)
        return connection.getresponse()

    def _read(self, response: http.client.HTTPResponse) -> tuple[bytes, str]:
        """Read a body; say why it is not whole, if it is not."""
        body = bytearray()
        try:
            while chunk := response.read(_CHUNK):
                body += chunk
                if len(body) > self._largest_bytes:
                    return bytes(body), f"the limit of {self._largest_bytes // 2**20} MB was reached"
        except TimeoutError:
            return bytes(body), f"the time limit of {self._timeout_s:g} s was reached"
        except http.client.IncompleteRead as error:
            return bytes(body) + error.partial, self._cut()
        except (OSError, http.client.HTTPException, ValueError):
            return bytes(body), self._cut()
        return bytes(body), "" if response.length in (None, 0) else self._cut()

    def _cut(self) -> str:
        if self._late:
            return f"the time limit of {self._timeout_s:g} s was reached"
        return "the connection ended early"

    def _watch(self) -> None:
        """End exchanges that take too long: a peer that sends a byte now and then outlives every time-out."""
        while not self._closed.wait(min(0.25, self._timeout_s / 4)):
            connection, deadline = self._connection, self._deadline
            if deadline and time.monotonic() > deadline and connection is not None:
                self._late = True
                open_socket = connection.sock
                if open_socket is not None:
                    with suppress(OSError):
                        open_socket.shutdown(socket.SHUT_RDWR)
