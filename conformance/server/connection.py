"""One connection: requests in by h11, answers out in our own bytes, piece by piece.

    await loop.create_server(lambda: Connection(service, limits, connections), host, port)

h11 (https://h11.readthedocs.io) reads; it never writes, since the bytes of an answer are ours to the letter.
Each piece of an answer is one write. While a client does not read, nothing more is written to it and nothing
read from it, so that it cannot make the server grow; while an answer goes out, the next request waits.

An answer that a test wants delivered in another way (see `plans` and `faults`) goes out in a task of its own.

Deadlines are looked at from outside: whoever owns the set of connections calls `expire` now and then.

`Reading` is the part that takes requests; who answers them otherwise than a service does, as a proxy, begins
there.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import h11

from conformance.server.answer import Answer
from conformance.server.faults import Script, scripted
from conformance.server.plans import Delivered, confirmed, deliver
from conformance.server.refusal import FrontEndRefused, Refused
from conformance.wire.exchange import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.server.ledger import Ledger
    from conformance.server.misbehaving import Delivery

__all__ = ["Answering", "Connection", "Limits", "Reading"]

_NO_LINGER = struct.pack("ii", 1, 0)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TOO_LARGE = Refused(413, "content_too_large", "The body of the request is larger than {} bytes.")


class Answering(Protocol):
    """What a connection asks: the service, or cassettes in its place."""

    ledger: "Ledger"

    def answer(self, request: Request) -> Answer:
        """Answer a request, whatever it is; never raises."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, and how long, a client may take.

    head: bytes of a request line with its headers; more is answered with 431.
    body: bytes of a body; more is answered with 413.
    request_s: seconds for a whole request once its first byte came; later is answered with 408.
    idle_s: seconds without a request after which the connection is closed.
    stalled_s: seconds in which a client must read something of its answer, or finish saying goodbye.
    connections: how many may be open; for one more, the one nearest to its deadline is closed, unless it is
        being answered.
    """

    head: int = 65_536
    body: int = 20 * 2**20
    request_s: float = 30.0
    idle_s: float = 120.0
    stalled_s: float = 60.0
    linger_s: float = 2.0
    connections: int = 16_384


class Reading(asyncio.Protocol):
    """The life of one connection: read a request, have it answered, and again.

    A subclass answers: `_answer` is called with each whole request, and in the end calls `_begin` with an
    answer, or writes by itself and calls `_finish`; meanwhile `_pieces` is not None.

    States: reading (a request, or waiting for one), answering (an answer goes out), lingering (the last
    answer is out, and what still comes in is thrown away so that the client can read it).
    """

    _transport: asyncio.Transport

    def __init__(self, limits: Limits, connections: "set[Reading]") -> None:
        self._limits = limits
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._pieces: Iterator[bytes] | None = None
        self._writable = True
        self._last = False
        self._lingering = False
        self._ended = False
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._next_request()

    def _next_request(self) -> None:
        self._reader = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.head)
        self._request: h11.Request | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._deadline = self._loop.time() + self._limits.idle_s

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        if len(self._connections) >= self._limits.connections:
            self._close_another()
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  it does not matter why
        """Forget everything; a client may go whenever it likes."""
        self._connections.discard(self)
        self._pieces = None
        self._lingering = True
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Take what came in."""
        if self._lingering:
            return
        first = self._request is None and self._reader.trailing_data[0] == b""
        if first and self._pieces is None:
            self._deadline = self._loop.time() + self._limits.request_s
        self._receive(data)

    def eof_received(self) -> bool:
        """Let an answer that is on its way out be finished; otherwise close."""
        if self._pieces is None:
            return False
        self._last = self._ended = True
        return True

    def pause_writing(self) -> None:
        """Stop: the client does not read."""
        self._writable = False
        self._room.clear()
        self._deadline = self._loop.time() + self._limits.stalled_s

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        self._room.set()
        if self._pieces is not None and self._task is None:
            self._deliver()

    # What the owner asks for.

    def expire(self, now: float) -> None:
        """Close, with a word where one is due, when the client took too long."""
        if now < self._deadline:
            return
        half = self._request is not None or self._reader.trailing_data[0] != b""
        if half and self._pieces is None and not self._lingering:
            seconds = self._limits.request_s
            self._refuse(
                FrontEndRefused(408, f"The request was not whole after {seconds:g} seconds.").answer()
            )
        else:
            self._transport.abort()

    def close(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _close_another(self) -> None:
        idle = (other for other in self._connections if other._pieces is None)  # noqa: SLF001  one of us
        other = min(idle, key=lambda other: other._deadline, default=None)  # noqa: SLF001
        if other is not None:
            self._connections.discard(other)
            other.close()

    # Reading.

    def _receive(self, data: bytes) -> None:
        try:
            self._reader.receive_data(data)
            if self._pieces is None:
                self._read()
            elif len(self._reader.trailing_data[0]) > self._limits.head:
                self._transport.pause_reading()
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            what = "The head of the request is too large." if status == 431 else "This is not HTTP/1.1."
            self._refuse(FrontEndRefused(status, what).answer())

    def _read(self) -> None:
        """Read events until the request is whole or more bytes are needed."""
        while True:
            event = self._reader.next_event()
            if event is h11.NEED_DATA:
                self._transport.resume_reading()
                self._invite()
                return
            if isinstance(event, h11.Request):
                self._request = event
                if event.http_version not in (b"1.0", b"1.1"):
                    self._refuse(FrontEndRefused(505, "This server speaks HTTP/1.1.").answer())
                    return
                if _announced(event) > self._limits.body:
                    self._refuse_size()
                    return
            elif isinstance(event, h11.Data):
                self._size += len(event.data)
                if self._size > self._limits.body:
                    self._refuse_size()
                    return
                self._body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and self._request is not None:
                self._answer(self._request)
                return
            else:
                return

    def _invite(self) -> None:
        """Answer `Expect: 100-continue`."""
        if self._reader.they_are_waiting_for_100_continue:
            self._transport.write(_CONTINUE)
            # h11 is told, so that it does not ask again.
            self._reader.send(h11.InformationalResponse(status_code=100, headers=[]))

    def _refuse_size(self) -> None:
        message = _TOO_LARGE.message.format(self._limits.body)
        self._refuse(Refused(_TOO_LARGE.status, _TOO_LARGE.code, message).answer())

    # Answering.

    def _answer(self, asked: h11.Request) -> None:
        """Answer a whole request, whose body is in `_body`."""
        raise NotImplementedError

    def _understood(self, asked: h11.Request) -> Request:
        """Give the request as data, and look whether the client stays for another."""
        self._last = self._reader.their_state is not h11.DONE
        if not self._reader.trailing_data[0]:
            self._transport.resume_reading()  # whether the client leaves can be seen again
        return Request(
            method=asked.method.decode("ascii"),
            url=asked.target.decode("latin-1"),
            headers=tuple(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in self._headers(asked)
            ),
            body=b"".join(self._body),
        )

    def _headers(self, asked: h11.Request) -> "Iterable[tuple[bytes, bytes]]":
        """Give the headers as they are to be told: here with their names in lower case."""
        return asked.headers

    def _refuse(self, answer: Answer) -> None:
        """Answer what is not a whole request, for the last time on this connection."""
        self._last = True
        self._begin(answer)

    def _begin(self, answer: Answer, *, bodiless: bool = False) -> None:
        self._deadline = self._loop.time() + self._limits.stalled_s
        self._pieces = answer.pieces(close=self._last, bodiless=bodiless)
        self._deliver()

    def _deliver(self) -> None:
        """Write pieces while the client takes them."""
        pieces, transport = self._pieces, self._transport
        if pieces is None:
            return
        for piece in pieces:
            if transport.is_closing():
                return
            transport.write(piece)
            if not self._writable:
                transport.pause_reading()
                return
        self._pieces = None
        self._finish()

    def _finish(self) -> None:
        """Go on with the next request, of which some may have come already, or say goodbye."""
        transport = self._transport
        if transport.is_closing():
            return
        transport.resume_reading()
        if self._last and self._ended:
            transport.close()
        elif self._last:
            self._lingering = True
            self._deadline = self._loop.time() + self._limits.linger_s
            try:
                transport.write_eof()
            except OSError:  # the client has left meanwhile
                transport.abort()
        else:
            self._go_on()

    def _go_on(self) -> None:
        left, _ = self._reader.trailing_data
        self._next_request()
        if left:
            # What came is answered before more is read, so that a client that only sends costs no memory. Not
            # at once: a thousand requests in one segment must not become a thousand stack frames.
            self._transport.pause_reading()
            self._loop.call_soon(self._receive_later, left)

    def _receive_later(self, data: bytes) -> None:
        if not self._lingering and not self._transport.is_closing():
            self.data_received(data)


class Connection(Reading):
    """A connection to a service, which also delivers answers as a test wants them."""

    def __init__(self, service: Answering, limits: Limits, connections: "set[Reading]") -> None:
        self._service = service
        self._delivered: Delivered | None = None
        super().__init__(limits, connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything, and tell who wants to know that the client has left."""
        super().connection_lost(exc)
        if self._delivered is not None:
            self._delivered.left = True

    def _answer(self, asked: h11.Request) -> None:
        request = self._understood(asked)
        answer = self._service.answer(request)
        if asked.http_version < b"1.1":
            answer = answer.unchunked()
        self._begin(answer, bodiless=request.method == "HEAD")

    def _begin(self, answer: Answer, *, bodiless: bool = False) -> None:
        if answer.delivery is None:
            super()._begin(answer, bodiless=bodiless)
            return
        self._deadline = self._loop.time() + self._limits.stalled_s
        script = scripted(answer, answer.delivery.fault, close=self._last, bodiless=bodiless)
        self._pieces = iter(())
        self._task = self._loop.create_task(self._deliver_as_planned(script, answer.delivery))

    async def _deliver_as_planned(self, script: Script, delivery: "Delivery") -> None:
        """Send an answer as a test wants it, and end the connection as it wants it."""
        ledger, plan = self._service.ledger, delivery.plan
        self._delivered = ledger.delivery(delivery.account)
        await deliver(script, plan, self, ledger.gate(delivery.account), self._delivered)
        if script.end != "stall":
            self._delivered = None
        if script.end == "reset":
            await confirmed(self)
        self._task = self._pieces = None
        match script.end:
            case "keep" | "close":
                self._last |= script.end == "close"
                self._finish()
            case "reset":
                self.endpoint().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                self._transport.abort()
            case "half_close":
                self._lingering = True
                self._transport.write_eof()
            case "stall":
                self._lingering = True

    # What `plans` needs of a connection.

    async def send(self, data: bytes) -> None:
        """Write, and wait until there is room for more; a client that has left is no news."""
        if self._transport.is_closing():
            raise ConnectionResetError
        self._deadline = self._loop.time() + self._limits.stalled_s
        self._transport.write(data)
        await self._room.wait()

    def unsent(self) -> int:
        """How many bytes wait in this process."""
        return self._transport.get_write_buffer_size()

    def endpoint(self) -> socket.socket:
        """Give the socket of this connection."""
        return cast("socket.socket", self._transport.get_extra_info("socket"))


def _announced(request: h11.Request) -> int:
    for name, value in request.headers:
        if name == b"content-length":
            return int(value)
    return 0
