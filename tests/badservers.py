"""Wrong servers in miniature: each does one thing to a connection that no good endpoint does.

    with listening(html_200) as server:
        server.url, server.requests

Plain sockets and threads, ports from the kernel, everything closed at the end. A behaviour is a function of
a connection and the request that was read from it; the connection ends when it returns.
"""

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from conformance.server import Service
from conformance.wire.exchange import Request

__all__ = ["BadServer", "Behaviour", "listening", "relaying"]

Behaviour: TypeAlias = Callable[[socket.socket, Request], None]
INTERACTION = {
    "id": "v1_Um9ib3Q",
    "object": "interaction",
    "model": "gemini-3.5-flash",
    "status": "completed",
    "steps": [{"type": "model_output", "content": [{"type": "text", "text": "A few words."}]}],
}
FRAME = (
    b'event: step.delta\ndata: {"index":0,"delta":{"text":"a","type":"text"},"event_type":"step.delta"}\n\n'
)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(slots=True, eq=False)
class BadServer:
    """Where it listens, the requests that reached it, and whether there was one."""

    url: str
    requests: list[Request] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)


@contextmanager
def listening(behaviour: Behaviour) -> Iterator[BadServer]:
    """Serve on loopback until the block ends; every connection is a thread and one request."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = BadServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
    peers: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                peers.append(peer)
                threads.append(threading.Thread(target=serve, args=(peer,), daemon=True))
                threads[-1].start()

    def serve(peer: socket.socket) -> None:
        with suppress(OSError), peer:
            request = _read(peer)
            if request is not None:
                server.requests.append(request)
                server.asked.set()
                behaviour(peer, request)

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(5)
        for peer in peers:
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)


def _read(peer: socket.socket) -> Request | None:
    """Read one request; None when the peer leaves before its end."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = peer.recv(65536)
        if not more:
            return None
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    while len(body) < length:
        body += peer.recv(65536)
    method, path, _ = first.split(" ")
    return Request(method, path, headers, body)


def answer(status: str, kind: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """Write a response with a content length, which may be wrong."""
    told = len(body) if length is None else length
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {told}", "Connection: close"]
    return "\r\n".join([*head, *headers, "", ""]).encode("latin-1") + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _json(value: Any) -> bytes:
    return answer("200 OK", "application/json", json.dumps(value).encode())


def html_200(peer: socket.socket, _: Request) -> None:
    """A sign-in page."""
    peer.sendall(answer("200 OK", "text/html", b"<!doctype html><title>Sign in</title><p>Welcome."))


def html_502(peer: socket.socket, _: Request) -> None:
    """A proxy's page for people."""
    peer.sendall(answer("502 Bad Gateway", "text/html", b"<html><h1>502 Bad Gateway</h1></html>"))


def closes_at_once(peer: socket.socket, _: Request) -> None:
    """No answer at all."""


def says_nothing(peer: socket.socket, _: Request) -> None:
    """Waits until the client leaves."""
    peer.recv(1)


def speaks_garbage(peer: socket.socket, _: Request) -> None:
    """Not HTTP."""
    peer.sendall(b"\x16\x03\x01 SSH-2.0-nonsense\r\n\r\n")


def streams_for_ever(peer: socket.socket, _: Request) -> None:
    """A frame each 50 ms, and no end."""
    peer.sendall(STREAM_HEAD)
    peer.settimeout(0.05)
    while True:
        peer.sendall(_chunk(FRAME))
        try:
            if not peer.recv(1):
                return
        except TimeoutError:
            continue


def drips_its_head(peer: socket.socket, _: Request) -> None:
    """A header that grows by a byte each 50 ms, and never ends."""
    peer.sendall(b"HTTP/1.1 200 OK\r\nx-slow: ")
    peer.settimeout(0.05)
    while True:
        peer.sendall(b"z")
        try:
            if not peer.recv(1):
                return
        except TimeoutError:
            continue


def cuts_a_frame(peer: socket.socket, _: Request) -> None:
    """The connection ends in the middle of a frame."""
    peer.sendall(STREAM_HEAD + _chunk(FRAME) + _chunk(FRAME)[:40])


def lacks_the_last_chunk(peer: socket.socket, _: Request) -> None:
    """Whole frames, then the connection ends without the chunk that ends a body."""
    peer.sendall(STREAM_HEAD + _chunk(FRAME) + _chunk(b"event: done\ndata: [DONE]\n\n"))


def promises_more(peer: socket.socket, _: Request) -> None:
    """A content length longer than the body."""
    body = json.dumps(INTERACTION).encode()
    peer.sendall(answer("200 OK", "application/json", body, length=len(body) + 100))


def promises_less(peer: socket.socket, _: Request) -> None:
    """A content length shorter than the body."""
    body = json.dumps(INTERACTION).encode()
    peer.sendall(answer("200 OK", "application/json", body, length=len(body) - 10))


def sends_200_mb(peer: socket.socket, _: Request) -> None:
    """A body of 200 MB that begins as JSON."""
    peer.sendall(answer("200 OK", "application/json", b'{"steps": "', length=200_000_011))
    for _part in range(200):
        peer.sendall(b"x" * 1_000_000)


def unpacks_to_200_mb(peer: socket.socket, _: Request) -> None:
    """A small body that is gzip of a large one."""
    body = gzip.compress(b'{"steps": "' + b"x" * 200_000_000, 1)
    peer.sendall(answer("200 OK", "application/json", body, "Content-Encoding: gzip"))


def answers_a_list(peer: socket.socket, _: Request) -> None:
    """JSON that is no interaction."""
    peer.sendall(_json(["hello"]))


def answers_something_else(peer: socket.socket, _: Request) -> None:
    """JSON that is no interaction."""
    peer.sendall(_json({"hello": "world"}))


def gzips(peer: socket.socket, _: Request) -> None:
    """A good enough body, gzipped although identity was asked for."""
    body = gzip.compress(json.dumps(INTERACTION).encode())
    peer.sendall(answer("200 OK", "application/json", body, "Content-Encoding: gzip"))


def redirecting(url: str) -> Behaviour:
    """Give a behaviour that sends everyone to another address."""

    def redirect(peer: socket.socket, request: Request) -> None:
        peer.sendall(answer("307 Temporary Redirect", "text/plain", b"", f"Location: {url}{request.url}"))

    return redirect


def echoes_the_key(peer: socket.socket, request: Request) -> None:
    """The key in a header, in values, in a member's name and in what is no interaction."""
    key = dict(request.headers or ()).get("x-goog-api-key", "none")
    said = {
        **INTERACTION,
        "id": key,
        "status": key,
        key: key,
        "steps": [{"type": key, "content": [{"type": "text", "text": f"Your key is {key}"}]}],
        "usage": {"total_tokens": key},
    }
    body = json.dumps(said).encode()
    peer.sendall(answer("200 OK", "application/json", body, f"x-your-key: {key}"))


def echoes_the_key_in_garbage(peer: socket.socket, request: Request) -> None:
    """The key in a line that is not HTTP."""
    key = dict(request.headers or ()).get("x-goog-api-key", "none")
    peer.sendall(f"Hello {key}\r\n\r\n".encode())


def relaying(change: Callable[[bytes], bytes] = bytes) -> Behaviour:
    """Give a behaviour that answers as the reference server does, with its body changed."""
    service = Service(seed=7)

    def relay(peer: socket.socket, request: Request) -> None:
        told = service.answer(request)
        kind = next(value for name, value in told.headers if name == "Content-Type")
        peer.sendall(answer(f"{told.status} Relayed", kind, change(told.body)))

    return relay
