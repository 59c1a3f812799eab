"""An endpoint in miniature: the reference server, but for what a test says of single requests.

    endpoint = Endpoint(busy(429, "2"), lost)           # the first two requests; all others are answered well
    endpoint = Endpoint(always=without_tools)           # every request
    with listening(endpoint.behave) as server: ...      # the same over a socket

It keeps its own books: `requests` are those that reached it, `stored` what a client has left there.
"""

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias
from urllib.parse import urlsplit

from conformance.errors import TargetUnreachable
from conformance.scenario.target import HttpTarget
from conformance.server import Service
from conformance.wire.exchange import Exchange, Request, Response

__all__ = [
    "KEY",
    "URL",
    "Endpoint",
    "Turn",
    "busy",
    "create",
    "cut_off",
    "lost",
    "refusing",
    "right",
    "says",
    "without_tools",
]

URL = "http://127.0.0.1:1"
KEY = "a-key-of-some-length"
EARLY = "the connection ended early (somebody pulled the plug)"


class Endpoint(HttpTarget):
    """A target that opens no socket.

    turns: what happens to the first requests; None is the right answer. always: what happens to the others.
    """

    def __init__(self, *turns: "Turn | None", always: "Turn | None" = None) -> None:
        super().__init__(URL, key=KEY)
        self.requests: list[Request] = []
        self.stored: set[str] = set()
        self.allowed_s: list[float] = []
        self._service = Service(seed=7)
        self._turns = turns
        self._always = always

    def send(self, request: Request) -> Exchange:
        at = len(self.requests)
        self.requests.append(request)
        self.allowed_s.append(self.timeout_s)
        turn = self._turns[at] if at < len(self._turns) else self._always
        return (turn or right)(self, request)

    def right(self, request: Request) -> Exchange:
        """Answer as the reference server does."""
        told = self._service.answer(request)
        body = b"".join(told.followed())
        name = urlsplit(request.url).path.rpartition("/")[2]
        if request.method == "DELETE" and told.status == 200:
            self.stored.discard(name)
        if request.method == "POST" and name == "interactions" and told.status == 200:
            self._store(request, body)
        return Exchange(request, Response(told.status, tuple(told.headers), body), witnessed=True)

    def _store(self, request: Request, body: bytes) -> None:
        if json.loads(request.body).get("store") is not False and body.startswith(b"{"):
            self.stored.add(json.loads(body)["id"])

    @property
    def deleted(self) -> list[str]:
        """The last part of the address of each DELETE."""
        return [one.url.rpartition("/")[2] for one in self.requests if one.method == "DELETE"]

    def behave(self, peer: socket.socket, request: Request) -> None:
        """Answer over a socket; what is lost or cut off ends the connection."""
        try:
            response = self.send(request).response
        except TargetUnreachable:
            return
        assert response is not None
        dropped = ("content-length", "transfer-encoding", "connection")
        kept = [(name, value) for name, value in response.headers or () if name.lower() not in dropped]
        kept += [("Content-Length", str(len(response.body) + 100 * bool(response.cut)))]
        lines = [f"HTTP/1.1 {response.status} Answered", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in kept]
        peer.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + response.body)


Turn: TypeAlias = Callable[[Endpoint, Request], Exchange]


def right(endpoint: Endpoint, request: Request) -> Exchange:
    """What the reference server answers."""
    return endpoint.right(request)


def says(status: int, body: bytes, *headers: tuple[str, str], cut: str = "") -> Turn:
    """Give a turn that answers this, whatever is asked."""

    def say(_: Endpoint, request: Request) -> Exchange:
        told = headers or (("Content-Type", "application/json"),)
        return Exchange(request, Response(status, told, body, cut=cut), witnessed=True)

    return say


def busy(status: int, after: str | None = None) -> Turn:
    """Give a turn that is 429 or 503, with a Retry-After or without."""
    body = json.dumps({"error": {"code": "too_many_requests", "message": "Not now."}}).encode()
    more = (("Retry-After", after),) if after is not None else ()
    return says(status, body, ("Content-Type", "application/json"), *more)


def lost(_: Endpoint, request: Request) -> Exchange:
    """The connection ends before there is an answer."""
    raise TargetUnreachable(URL, "gave no HTTP answer: the peer closed the connection")


def refusing(_: Endpoint, request: Request) -> Exchange:
    """Nobody listens."""
    raise TargetUnreachable(URL, "refuses the connection: nothing listens there")


def cut_off(endpoint: Endpoint, request: Request) -> Exchange:
    """The right answer, but for its second half."""
    exchange = endpoint.right(request)
    assert exchange.response is not None
    half = exchange.response.body[: len(exchange.response.body) // 2]
    return replace(exchange, response=replace(exchange.response, body=half, cut=EARLY))


def without_tools(endpoint: Endpoint, request: Request) -> Exchange:
    """A model that does not use what it was given."""
    body = json.loads(request.body) if request.body else {}
    if "tools" not in body:
        return endpoint.right(request)
    asked = {name: value for name, value in body.items() if name != "tools"}
    answered = endpoint.right(replace(request, body=json.dumps(asked).encode()))
    return replace(answered, request=request)


def create(**more: object) -> Request:
    """Give a request that makes an interaction."""
    body = json.dumps({"model": "gemini-3.5-flash", "input": "Hello", **more}).encode()
    headers = (("x-goog-api-key", KEY), ("content-type", "application/json"))
    return Request("POST", f"{URL}/v1beta/interactions", headers, body)
