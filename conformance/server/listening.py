"""Listening on a port, with connections of any kind, and an eye on those that take too long.

async with listening("127.0.0.1", 0, made, Limits()) as (address, port, connections):
    ...
"""

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from conformance.errors import AddressRefused, PortTaken, UsageRefused
from conformance.server.connection import Limits, Reading
from conformance.server.room import room

__all__ = ["listening"]

_SWEEP_S = 0.5
_KNOCKING = 512
_HARMLESS = frozenset({errno.ENOTCONN, errno.EMFILE, errno.ENFILE})


@contextlib.asynccontextmanager
async def listening(
    host: str,
    port: int,
    made: Callable[[Limits, set[Reading]], Reading],
    limits: Limits,
    *,
    allow_remote: bool = False,
) -> AsyncIterator[tuple[str, int, set[Reading]]]:
    """Listen with connections that `made` makes; give address, port, and those that are open.

    Raises:
        PortTaken, AddressRefused, UsageRefused: it cannot be listened there.
    """
    address = "127.0.0.1" if host == "localhost" else host
    if not allow_remote and not _is_loopback(address):
        raise AddressRefused(host)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report)
    connections: set[Reading] = set()
    most, backlog = room()
    limits = replace(limits, connections=min(limits.connections, most))
    try:
        listener = await loop.create_server(lambda: made(limits, connections), address, port, backlog=backlog)
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise PortTaken(host, port) from None
        raise UsageRefused(
            f"cannot serve on {host} port {port}: {error}", "Choose another with --host or --port."
        ) from None
    for socket_of_it in listener.sockets:
        # So many are accepted at a time; more than that may knock.
        with socket.fromfd(socket_of_it.fileno(), socket_of_it.family, socket_of_it.type) as twin:
            twin.listen(_KNOCKING)
    sweeper = loop.create_task(_sweep(connections, min(_SWEEP_S, limits.request_s / 2)))
    try:
        yield address, listener.sockets[0].getsockname()[1], connections
    finally:
        sweeper.cancel()
        listener.close()
        for connection in tuple(connections):
            connection.close()
        # One turn of the loop, in which the connections hear that they are closed.
        await asyncio.sleep(0)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what goes wrong in the loop, but not what is none of our faults.

    That is: a client left, which asyncio can meet anywhere; and there is no file descriptor for one more,
    which asyncio tells once for each place in the backlog, and tries again a second later.
    """
    error = context.get("exception")
    if isinstance(error, ConnectionError) or (isinstance(error, OSError) and error.errno in _HARMLESS):
        return
    loop.default_exception_handler(context)


async def _sweep(connections: set[Reading], every_s: float) -> None:
    """Look at the deadlines of all connections now and then: cheaper than a timer for each request."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every_s)
        now = loop.time()
        for connection in tuple(connections):
            connection.expire(now)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
