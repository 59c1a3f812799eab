"""What the tests of the proxy share.

with passing(server.url) as proxy:        # in a thread, without judge: what passes is in proxy.passed
    proxy.url

with commanded("--upstream", server.url) as command:    # the command, in a process of its own
    command.url, command.ended()
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.proxy.forwarding import LIMITS, Order, road_of
from conformance.proxy.passage import Passage
from conformance.proxy.passed import Passed
from conformance.server.connection import Limits, Reading
from conformance.server.listening import listening

KEY = "AIzaSy-the-key-of-these-tests-0123456789"
PATH = "/v1beta/interactions"
HELLO: dict[str, Any] = {"model": "gemini-3.5-flash", "input": "Hello"}


@dataclass(slots=True, eq=False)
class Passing:
    """A proxy in a thread: where it is, what has passed, and whether there is room for more of that."""

    url: str
    passed: list[Passed] = field(default_factory=list)
    tell_room: Callable[[bool], object] = bool

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return int(self.url.rpartition(":")[2])

    def wait(self, count: int) -> list[Passed]:
        """Wait until so many exchanges have passed."""
        until(lambda: len(self.passed) >= count)
        return self.passed


@contextmanager
def passing(upstream: str, *, silence_s: float = 10.0, most: int | None = None) -> Iterator[Passing]:
    """Pass on in a thread until the block ends."""
    ready: Future[tuple[Passing, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def live() -> None:
        room = asyncio.Event()
        room.set()
        proxy = Passing("")
        road = road_of(Order(upstream, silence_s=silence_s, most=most), proxy.passed.append, room)

        def made(limits: Limits, connections: set[Reading]) -> Passage:
            return Passage(road, limits, connections)

        async with listening("127.0.0.1", 0, made, LIMITS) as (host, port, _):
            proxy.url = f"http://{host}:{port}"
            loop = asyncio.get_running_loop()
            proxy.tell_room = lambda there: loop.call_soon_threadsafe(room.set if there else room.clear)

            ready.set_result((proxy, asyncio.get_running_loop(), road.done))
            await road.done.wait()

    thread = threading.Thread(target=asyncio.run, args=(live(),), daemon=True)
    thread.start()
    proxy, loop, stop = ready.result(5)
    try:
        yield proxy
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(5)


@dataclass(slots=True, eq=False)
class Commanded:
    """`gemini-conformance proxy` in a process of its own."""

    url: str
    process: "subprocess.Popen[str]"

    def ended(self, *, stop: bool = True) -> tuple[int, str, str]:
        """Press ctrl-C, unless it ends by itself; give exit code, stdout without the address, stderr."""
        if stop:
            self.process.send_signal(signal.SIGINT)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        out, err = self.process.stdout.read(), self.process.stderr.read()  # with what was read ahead
        return self.process.wait(20), out, err


@contextmanager
def commanded(*options: str, folder: Path) -> Iterator[Commanded]:
    """Run the command in a folder until the block ends."""
    command = [sys.executable, "-m", "conformance.cli", "proxy", *options]
    paths = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", ""))))
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            yield Commanded(url, process)
        finally:
            if process.poll() is None:
                process.kill()


def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def request_for(body: Any, *more: str, key: str = KEY, method: str = "POST", path: str = PATH) -> bytes:
    """Write a request."""
    content = b"" if body is None else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", "Host: here", f"x-goog-api-key: {key}", *more]
    head += ["Content-Type: application/json", f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(head).encode() + content


def connect(port: int) -> socket.socket:
    """Open a connection that waits ten seconds at most."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def read_one(peer: socket.socket) -> bytes:
    """Read one answer that is no stream."""
    head, _, body = _read_until(peer, b"\r\n\r\n").partition(b"\r\n\r\n")
    length = int(
        next(line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    )
    while len(body) < length:
        body += peer.recv(65536)
    return head + b"\r\n\r\n" + body


def _read_until(peer: socket.socket, mark: bytes) -> bytes:
    got = b""
    while mark not in got:
        got += (part := peer.recv(65536))
        assert part, got
    return got


def read_all(peer: socket.socket) -> bytes:
    """Read until the other side says no more."""
    got = b""
    while part := peer.recv(65536):
        got += part
    return got
