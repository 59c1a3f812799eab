"""The process that forwards, and what holds it from outside.

    with forwarding(Order("http://127.0.0.1:8000")) as forwarder:
        print(forwarder.url)
        for passed in forwarder.passed(idle_s=0.5):    # None when nothing came for so long

It does nothing else: whatever is judged, written or printed takes another process's time. When the process
that started it dies, it ends too. What has passed waits in its memory until it is taken; when that is much,
new requests wait.
"""

import asyncio
import multiprocessing
import queue
import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from conformance.errors import ConformanceError, ForwarderLost
from conformance.proxy.passage import Passage, Road
from conformance.proxy.passed import Passed
from conformance.server.connection import Limits, Reading
from conformance.server.listening import listening
from conformance.server.room import make_room

__all__ = ["LIMITS", "Forwarder", "Order", "forwarding", "road_of"]

LIMITS = Limits(body=32 * 2**20, request_s=120.0)
_MOST_WAITING = 256 * 2**20
_ENDS_IN_S = 5.0
_GOODBYE_S = 2.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to do.

    upstream: its URL, checked, without a slash at the end. silence_s: how long it may say nothing.
    most: end when so many requests have passed; None for never.
    """

    upstream: str
    port: int = 0
    silence_s: float = 600.0
    most: int | None = None


@dataclass(slots=True, eq=False)
class Forwarder:
    """The forwarding process, from outside. `url` is what a client takes for its base address."""

    url: str
    pid: int
    _told: Connection
    _stop: Connection

    def passed(self, idle_s: float = 0.5) -> Iterator[Passed | None]:
        """Give what has passed until it ends; None when nothing came for `idle_s`.

        Raises:
            ForwarderLost: the process has died.
        """
        while True:
            if not self._told.poll(idle_s):
                yield None
                continue
            try:
                told = self._told.recv()
            except (EOFError, OSError):
                raise ForwarderLost from None
            if told is None:
                return
            yield told

    def waiting(self) -> bool:
        """Say whether more has passed and was not taken yet."""
        return self._told.poll(0)

    def stop(self) -> None:
        """Let it end; what has passed until then can still be taken. May be called from a signal handler."""
        self._stop.close()


@contextmanager
def forwarding(order: Order) -> Iterator[Forwarder]:
    """Forward in a process of its own until the block ends.

    Raises:
        PortTaken, UsageRefused: it cannot listen.
        ForwarderLost: it could not be started.
    """
    context = multiprocessing.get_context("spawn")
    told, tells = context.Pipe(duplex=False)
    stopped, stop = context.Pipe(duplex=False)
    process = context.Process(target=_forward, args=(order, tells, stopped), name="forwarder", daemon=True)
    process.start()
    tells.close()
    stopped.close()
    try:
        try:
            first = told.recv()
        except EOFError:
            raise ForwarderLost from None
        if isinstance(first, ConformanceError):
            raise first
        yield Forwarder(str(first), process.pid or 0, told, stop)
    finally:
        stop.close()
        told.close()
        process.join(_ENDS_IN_S)
        if process.is_alive():
            process.kill()
            process.join()


def _forward(order: Order, tells: Connection, stopped: Connection) -> None:
    """What the process does."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the parent takes them, and stops us
        signal.signal(number, signal.SIG_IGN)
    make_room()
    with suppress(BrokenPipeError):
        asyncio.run(_live(order, tells, stopped))


async def _live(order: Order, tells: Connection, stopped: Connection) -> None:
    try:
        teller = _Teller(tells)
        road = road_of(order, teller.tell, teller.room)
        loop = asyncio.get_running_loop()
        threading.Thread(target=_await_stop, args=(stopped, loop, road.done), daemon=True).start()

        def made(limits: Limits, connections: set[Reading]) -> Passage:
            return Passage(road, limits, connections)

        async with listening("127.0.0.1", order.port, made, LIMITS) as (host, port, passages):
            tells.send(f"http://{host}:{port}")
            teller.start()
            await road.done.wait()
            await _say_goodbye(passages)
        await asyncio.to_thread(teller.close)
    except ConformanceError as error:
        tells.send(error)


async def _say_goodbye(passages: set[Reading]) -> None:
    """Let clients have what was written to them, as long as they read."""
    for passage in tuple(passages):
        if isinstance(passage, Passage):
            passage.say_goodbye()
    for _ in range(int(_GOODBYE_S / 0.01)):
        if not passages:
            return
        await asyncio.sleep(0.01)


def _await_stop(stopped: Connection, loop: asyncio.AbstractEventLoop, done: asyncio.Event) -> None:
    with suppress(EOFError, OSError):
        stopped.recv_bytes()
    with suppress(RuntimeError):  # it has ended by itself
        loop.call_soon_threadsafe(done.set)


def road_of(order: Order, tell: Callable[[Passed], None], room: asyncio.Event) -> Road:
    """Give what all clients share; `tell` takes what has passed, as long as there is `room`."""
    parts = urlsplit(order.upstream)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    return Road(
        url=order.upstream,
        host=host,
        port=parts.port or (443 if secure else 80),
        authority=parts.netloc,
        prefix=parts.path,
        tls=_tls() if secure else None,
        silence_s=order.silence_s,
        most=order.most,
        tell=tell,
        room=room,
    )


def _tls() -> ssl.SSLContext:
    import httpx2

    context = httpx2.create_ssl_context()  # what the other commands trust
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Teller:
    """Hands over what has passed, in a thread that waits instead of the loop."""

    def __init__(self, tells: Connection) -> None:
        self._tells = tells
        self._queue: queue.SimpleQueue[Passed | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._waiting = 0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.room = asyncio.Event()
        self.room.set()

    def start(self) -> None:
        """Begin to hand over."""
        self._thread.start()

    def tell(self, passed: Passed) -> None:
        """Take what has passed; when much is waiting, there is no room until it is less."""
        self._waiting += _size(passed)
        if self._waiting > _MOST_WAITING:
            self.room.clear()
        self._queue.put(passed)

    def close(self) -> None:
        """Hand over what is left, and that this was all."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        with suppress(BrokenPipeError, OSError):
            while (passed := self._queue.get()) is not None:
                self._tells.send(passed)
                with suppress(RuntimeError):  # the loop has ended
                    self._loop.call_soon_threadsafe(self._handed_over, _size(passed))
            self._tells.send(None)

    def _handed_over(self, size: int) -> None:
        self._waiting -= size
        if self._waiting <= _MOST_WAITING // 2:
            self.room.set()


def _size(passed: Passed) -> int:
    pieces = passed.told.pieces if passed.told is not None else ()
    return len(passed.request.body) + sum(len(piece) for piece, _ in pieces)
