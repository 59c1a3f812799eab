"""Delivery plans: in which pieces an answer goes out, how fast, and whether the peer got each alone.

    await deliver(scripted(answer, ...), Plan(cut="byte", confirm=True), wire, gate, delivered)

Without a plan an answer is written as fast as the peer takes it, and TCP joins what it likes. A plan cuts,
and with `confirm` each piece is sent only when the peer has read all before it: nothing is left in our send
queue (SIOCOUTQ) and nothing in the peer's receive queue (asked of the kernel by sock_diag, which can tell
because the peer's socket is on this machine). Where that cannot be known - another system, another machine,
a peer that does not read for a second - the server pauses instead and counts the cut as unconfirmed;
`GET /conformance/deliveries` tells both counts to whoever holds the same key.

A cut is an offset in the body. In the chunked coding every piece is a chunk of its own; the head goes before
the first piece in a write of its own, but for the plan `whole`, where everything is one write.
"""

import asyncio
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from conformance.server.faults import Script

__all__ = ["CUTS", "Delivered", "Gate", "Plan", "Wire", "confirmed", "deliver", "pieces_of"]

CUTS = frozenset({"write", "whole", "frame", "byte"})
_WAIT_S = 1.0
_LONGEST_SLEEP_S = 10.0
_SPINS = 5
_UNKNOWN_PAUSE_S = 0.005
_SIOCOUTQ = 0x5411
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """How a body is cut and paced; `control` explains the fields.

    due: when each piece goes out, in seconds from the beginning; the head goes with the first.
    """

    cut: str = "write"
    at: tuple[int, ...] = ()
    pause_s: float = 0.0
    confirm: bool = False
    lockstep: bool = False
    due: tuple[float, ...] = ()


@dataclass(slots=True)
class Delivered:
    """What became of one planned delivery.

    number: which of the account's planned deliveries it is, from 0.
    writes: how many went out, the head included.
    confirmed, unconfirmed: before how many of them the peer was seen to have read all the others, or was not;
        the first has nothing before it.
    unread: before how many of the last ones in a row it was not.
    whole: whether the answer went out to its planned end.
    left: whether the peer closed the connection before that, or while the server had nothing more to send.
    """

    number: int = 0
    writes: int = 0
    confirmed: int = 0
    unconfirmed: int = 0
    unread: int = 0
    whole: bool = False
    left: bool = False


class Gate:
    """Lets writes through one by one: what `lockstep` waits at."""

    def __init__(self) -> None:
        self._open = 0
        self._arrived = asyncio.Event()

    def release(self, writes: int) -> None:
        """Let so many more writes through."""
        self._open += writes
        self._arrived.set()

    async def passed(self) -> None:
        """Wait for a write to be let through."""
        while not self._open:
            self._arrived.clear()
            await self._arrived.wait()
        self._open -= 1


class Wire(Protocol):
    """What delivery needs of a connection."""

    async def send(self, data: bytes) -> None:
        """Write; returns when there is room for more."""

    def unsent(self) -> int:
        """How many bytes wait in this process."""

    def endpoint(self) -> socket.socket:
        """Give the socket behind it."""


async def deliver(script: "Script", plan: Plan, wire: Wire, gate: Gate, delivered: Delivered) -> None:
    """Send what a script holds as a plan wants it; what happens in the end is the business of the caller."""
    begun = asyncio.get_running_loop().time()
    with closing(Kernel()) as kernel:
        for data in _writes_of(script, plan):
            if plan.due:
                place = min(max(0, delivered.writes - 1), len(plan.due) - 1)
                await _until(begun + plan.due[place], wire)
            if plan.confirm and delivered.writes:
                if await confirmed(wire, kernel):
                    delivered.confirmed += 1
                    delivered.unread = 0
                else:
                    delivered.unconfirmed += 1
                    delivered.unread += 1
            if plan.lockstep:
                await gate.passed()
            await wire.send(data)
            delivered.writes += 1
            if plan.pause_s:
                await asyncio.sleep(plan.pause_s)
    delivered.whole = True


async def _until(due: float, wire: Wire) -> None:
    """Wait for a time; sending nothing now and then shows that the connection is not stalled."""
    loop = asyncio.get_running_loop()
    while (left := due - loop.time()) > 0:
        await asyncio.sleep(min(left, _LONGEST_SLEEP_S))
        await wire.send(b"")


def _writes_of(script: "Script", plan: Plan) -> Iterator[bytes]:
    """Give what goes to the socket, write by write."""
    pieces = map(script.coded, pieces_of(script.writes, plan))
    if plan.cut == "whole" and not plan.at:
        yield script.head + b"".join(pieces) + script.last
        return
    yield script.head
    yield from filter(None, pieces)
    if script.last:
        yield script.last


def pieces_of(writes: Iterator[bytes], plan: Plan) -> Iterator[bytes]:
    """Cut a body, given as writes, as a plan wants it; taken lazily, since a stream may change on its way."""
    if plan.at:
        return _cut_at(writes, plan.at)
    match plan.cut:
        case "whole":
            return iter([b"".join(writes)])
        case "byte":
            return (write[place : place + 1] for write in writes for place in range(len(write)))
    return writes


def _cut_at(writes: Iterator[bytes], cuts: tuple[int, ...]) -> Iterator[bytes]:
    body = b"".join(writes)
    places = [0, *(cut for cut in cuts if cut < len(body)), len(body)]
    return (body[start:end] for start, end in pairwise(places) if end > start)


async def confirmed(wire: Wire, kernel: "Kernel | None" = None) -> bool:
    """Wait until the peer has read everything that was written; False when that cannot be known."""
    if kernel is None:
        with closing(Kernel()) as own:
            return await confirmed(wire, own)
    loop = asyncio.get_running_loop()
    end = loop.time() + _WAIT_S
    turn = 0
    while loop.time() < end:
        if wire.unsent() == 0:
            match _left(wire.endpoint(), kernel):
                case None:
                    break
                case 0:
                    return True
        turn += 1
        await asyncio.sleep(0 if turn < _SPINS else 0.0005)
    await asyncio.sleep(_UNKNOWN_PAUSE_S)
    return False


def _left(sock: socket.socket, kernel: "Kernel") -> int | None:
    """How many bytes the peer has not read yet; None when this system cannot tell."""
    if sys.platform != "linux":
        return None
    import fcntl

    try:
        (unsent,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), _SIOCOUTQ, bytes(4)))
        if unsent:
            return int(unsent)
        return kernel.receive_queue(sock.family, sock.getpeername(), sock.getsockname())
    except (OSError, ValueError, struct.error):  # the client has left
        return None


class Kernel:
    """The kernel as the one who knows what waits to be read in a socket of this machine.

    The format is that of linux/inet_diag.h: a request for one socket, named by both of its ends.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def receive_queue(self, family: int, here: tuple[str, int], there: tuple[str, int]) -> int | None:
        """Ask how much waits to be read in the socket from `here` to `there`."""
        if self._socket is None:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG)
            self._socket.settimeout(0.5)
        self._socket.send(_question(family, here[:2], there[:2]))
        told = self._socket.recv(8192)
        kind = struct.unpack_from("=H", told, 4)[0]
        if kind != _SOCK_DIAG_BY_FAMILY:
            return None
        return int(struct.unpack_from("=I", told, 16 + 4 + 48 + 4)[0])

    def close(self) -> None:
        """Ask no more."""
        if self._socket is not None:
            self._socket.close()


@lru_cache(maxsize=1024)
def _question(family: int, here: tuple[str, int], there: tuple[str, int]) -> bytes:
    ends = b"".join(
        socket.inet_pton(family, end[0].partition("%")[0]).ljust(16, b"\0") for end in (here, there)
    )
    name = struct.pack("!HH", here[1], there[1]) + ends + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    asked = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + name
    return struct.pack("=IHHII", 16 + len(asked), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + asked
