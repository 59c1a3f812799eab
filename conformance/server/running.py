"""Running the server: in a thread of its own for tests, or in the foreground for the command line.

with serving(seed=7) as server:        # loopback, a port from the kernel, ready when entered
    server.url                         # "http://127.0.0.1:40123"

serve("127.0.0.1", 8080, seed=7, on_ready=lambda server: print(server.url))

Both take `cassettes=` a folder or a file: then recordings are served in the place of the reference server's
answers. `serving` also takes `answering=` whatever else answers.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from conformance.server.connection import Answering, Connection, Limits, Reading
from conformance.server.listening import listening
from conformance.server.replay import Cassettes
from conformance.server.room import make_room
from conformance.server.service import Service

__all__ = ["ReferenceServer", "serve", "serving"]


@dataclass(slots=True, eq=False)
class ReferenceServer:
    """A server that serves: where it is, and what answers behind it."""

    host: str
    port: int
    service: Answering
    connections: set[Reading] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Its base address, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def seed(self) -> int:
        """What its ids and signatures are made from; 0 where it serves cassettes."""
        return self.service.seed if isinstance(self.service, Service) else 0


@contextlib.contextmanager
def serving(
    seed: int = 0,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    limits: Limits | None = None,
    cassettes: Path | None = None,
    speed: float | None = None,
    answering: Answering | None = None,
) -> Iterator[ReferenceServer]:
    """Serve in a thread with an event loop of its own until the block ends.

    Raises:
        PortTaken: the port asked for is in use.
        AddressRefused: the host is not a loopback address.
        CassetteBroken: a file among the cassettes is none.
    """
    ready: Future[tuple[ReferenceServer, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def live() -> None:
        stop = asyncio.Event()
        try:
            recorded = Cassettes(cassettes, speed) if cassettes is not None else None
            service = answering or recorded or Service(seed)
            async with _listening(host, port, service, limits or Limits(), allow_remote=False) as server:
                ready.set_result((server, asyncio.get_running_loop(), stop))
                await stop.wait()
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=asyncio.run, args=(live(),), name="reference server", daemon=True)
    thread.start()
    try:
        server, loop, stop = ready.result()
    except BaseException:
        thread.join()
        raise
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    seed: int = 0,
    on_ready: Callable[[ReferenceServer], None] | None = None,
    *,
    allow_remote: bool = False,
    cassettes: Path | None = None,
    speed: float | None = None,
) -> None:
    """Serve in the foreground until SIGINT or SIGTERM; `on_ready` is called once the port is open.

    Raises:
        PortTaken: the port asked for is in use.
        AddressRefused: the host can be reached from other machines, and `allow_remote` is not set.
        UsageRefused: the host or the port cannot be had at all.
        CassetteBroken: a file among the cassettes is none.
    """
    service = Cassettes(cassettes, speed) if cassettes is not None else Service(seed)
    make_room()

    async def live() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # Windows: ctrl-C ends the loop itself
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
        async with _listening(host, port, service, Limits(), allow_remote=allow_remote) as server:
            if on_ready is not None:
                on_ready(server)
            await stop.wait()

    asyncio.run(live())


@contextlib.asynccontextmanager
async def _listening(
    host: str, port: int, service: Answering, limits: Limits, *, allow_remote: bool
) -> AsyncIterator[ReferenceServer]:
    def made(limits: Limits, connections: set[Reading]) -> Connection:
        return Connection(service, limits, connections)

    async with listening(host, port, made, limits, allow_remote=allow_remote) as (address, number, open_now):
        yield ReferenceServer(address, number, service, open_now)
