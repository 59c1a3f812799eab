"""The passage of one client: its connection, and the one to the upstream that belongs to it.

Both live and die together, so that a client meets what it would meet without a proxy: a connection that the
upstream closes is closed, and one that the client leaves is left. While the client does not read, nothing is
read from the upstream. Requests are taken whole, answers are passed on byte for byte as they come.
"""

import asyncio
import math
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h11

from conformance.proxy.heads import answer_head, named, path_of, request_head
from conformance.proxy.passed import Passed, Told
from conformance.proxy.upstream import Upstream
from conformance.server.connection import Limits, Reading
from conformance.server.refusal import Refused
from conformance.wire.coding import LARGEST_BYTES
from conformance.wire.exchange import LEFT, STOPPED, Headers, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Passage", "Road"]

_CONNECT_S = 10.0


@dataclass(slots=True, eq=False)
class Road:
    """What all passages share: where it goes, and how much has gone.

    url: the upstream's, without a slash at its end. silence_s: how long it may say nothing.
    most: how many requests are passed on; None for any number.
    tell: takes what has passed. room: returns when there is room for more of that.
    """

    url: str
    host: str
    port: int
    authority: str
    prefix: str
    tls: ssl.SSLContext | None
    silence_s: float
    most: int | None
    tell: Callable[[Passed], None]
    room: asyncio.Event
    begun: int = 0
    over: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def finish(self, passed: Passed) -> None:
        """Tell what has passed, and that it is enough when it is."""
        self.over += 1
        self.tell(passed)
        if self.most is not None and self.over >= self.most:
            self.done.set()

    def refusal(self, request: Request) -> Refused | None:
        """Say why a request is not passed on; None when it is."""
        if request.method == "CONNECT":
            told = "This is a base address (GOOGLE_GEMINI_BASE_URL), and no proxy for all addresses."
            return Refused(501, "unimplemented", told)
        if self.most is not None and self.begun >= self.most:
            told = f"This proxy was started for {self.most} requests, and they have come."
            return Refused(503, "service_unavailable", told)
        return None


@dataclass(slots=True, eq=False)
class _Passing:
    """One exchange on its way."""

    number: int
    request: Request
    began: float
    start: float
    status: int = 0
    headers: Headers = ()
    pieces: list[tuple[bytes, float]] = field(default_factory=list)
    size: int = 0
    verbatim: bool = True
    head: bytes = b""


class Passage(Reading):
    """A client's connection while its requests are passed on."""

    def __init__(self, road: Road, limits: Limits, connections: set[Reading]) -> None:
        self._road = road
        self._upstream: Upstream | None = None
        self._passing: _Passing | None = None
        self._old = False
        super().__init__(limits, connections)

    # From the client to the upstream.

    def _answer(self, asked: h11.Request) -> None:
        request = self._understood(asked)
        self._old = asked.http_version < b"1.1"
        refusal = self._road.refusal(request)
        if refusal is not None:
            self._begin(refusal.answer(), bodiless=request.method == "HEAD")
            return
        self._pieces = iter(())
        self._deadline = self._loop.time() + self._road.silence_s
        self._passing = _Passing(self._road.begun, request, time.time(), self._loop.time())
        self._road.begun += 1
        if self._upstream is not None and self._road.room.is_set():
            self._ask(self._upstream)
        else:
            self._task = self._loop.create_task(self._connect_and_ask())

    def _headers(self, asked: h11.Request) -> "Iterable[tuple[bytes, bytes]]":
        return asked.headers.raw_items()  # spelled as the client spells them

    async def _connect_and_ask(self) -> None:
        road, passing = self._road, self._passing
        if not road.room.is_set():  # no fault of the upstream's
            self._deadline = math.inf
            await road.room.wait()
            self._deadline = self._loop.time() + road.silence_s
        try:
            async with asyncio.timeout(_CONNECT_S):
                upstream = self._upstream
                if upstream is None:
                    _, upstream = await self._loop.create_connection(
                        lambda: Upstream(self),
                        road.host,
                        road.port,
                        ssl=road.tls,
                        server_hostname=road.host if road.tls else None,
                    )
        except (OSError, UnicodeError, TimeoutError) as error:
            self._task = None
            self._fail(_told(error))
            return
        if passing is None or passing is not self._passing:  # the client, or the upstream, has left meanwhile
            upstream.leave()
            return
        self._task = None
        self._upstream = upstream
        self._ask(upstream)

    def _ask(self, upstream: Upstream) -> None:
        passing, road = self._passing, self._road
        if passing is None:
            return
        head = request_head(passing.request, host=road.authority, prefix=road.prefix)
        passing.start = self._loop.time()
        upstream.ask(head + passing.request.body, passing.request.method)

    # From the upstream to the client.

    def began(self, response: h11.Response) -> None:
        """Make the head of the answer, which goes out with what has come of the body."""
        passing = self._passing
        if passing is None:
            return
        passing.status, passing.headers = response.status_code, named(response)
        framed = {name.lower(): value.lower() for name, value in passing.headers}
        chunked = "chunked" in framed.get("transfer-encoding", "")
        passing.verbatim = not (chunked and self._old)
        bodiless = passing.request.method == "HEAD" or response.status_code in (204, 304)
        if not (bodiless or "content-length" in framed or (chunked and not self._old)):
            self._last = True  # the body ends with the connection
        self._last |= "close" in framed.get("connection", "")
        passing.head = answer_head(response, close=self._last, chunked=passing.verbatim)

    def came(self, raw: bytes, pieces: list[bytes]) -> None:
        """Pass a part of a body on, and keep it."""
        passing = self._passing
        if passing is None:
            return
        self._transport.write(passing.head + (raw if passing.verbatim else b"".join(pieces)))
        passing.head = b""
        now = self._loop.time()
        if self._writable:
            self._deadline = now + self._road.silence_s
        for piece in pieces:
            if passing.size <= LARGEST_BYTES:
                passing.pieces.append((piece, now - passing.start))
            passing.size += len(piece)

    def ended(self, *, stays: bool) -> None:
        """The answer is whole."""
        if not stays:
            self._let_go()
            self._last = True
        self._over()
        if self._pieces is not None:
            self._pieces = None
            self._finish()

    def gone(self, why: str) -> None:
        """The upstream has closed its connection, or speaks no HTTP."""
        self._let_go()
        if self._passing is not None:
            self._fail(why)
        elif self._pieces is None and not self._lingering:
            self._transport.close()

    def _fail(self, why: str) -> None:
        """Answer in the place of the upstream; what it had begun to answer is cut off."""
        self._let_go()
        passing = self._passing
        if passing is None:
            return
        if passing.status:
            self._over(cut=f"the connection ended early ({why})")
            self._lingering = True
            self._transport.close()
            return
        self._over(trouble=why)
        late = why.startswith("said nothing")
        status, code = (504, "deadline_exceeded") if late else (502, "service_unavailable")
        told = f"{self._road.url} gave no answer to gemini-conformance proxy: {why}"
        self._begin(Refused(status, code, told).answer(), bodiless=passing.request.method == "HEAD")

    def _over(self, *, cut: str = "", trouble: str = "", unfinished: str = "") -> None:
        passing, self._passing = self._passing, None
        if passing is None:
            return
        told = None
        if passing.status:
            shortened = passing.size > LARGEST_BYTES
            told = Told(passing.status, passing.headers, passing.pieces, cut, shortened)
        request = Request(
            passing.request.method,
            self._road.url + path_of(passing.request.url),
            tuple(
                (name, self._road.authority if name.lower() == "host" else value)
                for name, value in passing.request.headers or ()
            ),
            passing.request.body,
        )
        seconds = self._loop.time() - passing.start
        self._road.finish(Passed(passing.number, passing.began, seconds, request, told, trouble, unfinished))

    def _let_go(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.leave()

    # What asyncio, and the owner, tell.

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the upstream, since the client has left."""
        super().connection_lost(exc)
        self._let_go()
        self._over(unfinished=LEFT)

    def say_goodbye(self) -> None:
        """End, since the proxy ends: what was written still goes out, an answer on its way is cut off."""
        self._let_go()
        self._over(unfinished=STOPPED)
        self._lingering = True
        self._transport.close()

    def eof_received(self) -> bool:
        """Take a client that says no more for one that has left, as long as it waits for the upstream."""
        return super().eof_received() if self._passing is None else False

    def pause_writing(self) -> None:
        """Stop reading from the upstream: the client does not read."""
        super().pause_writing()
        if self._upstream is not None:
            self._upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        if self._passing is None:
            super().resume_writing()
            return
        self._writable = True
        self._deadline = self._loop.time() + self._road.silence_s
        if self._upstream is not None:
            self._upstream.transport.resume_reading()

    def expire(self, now: float) -> None:
        """End what takes too long: an upstream that says nothing, a client that reads nothing."""
        if self._passing is None:
            super().expire(now)
        elif now >= self._deadline and self._writable:
            if self._task is not None:
                self._task.cancel()
                self._task = None
            self._fail(f"said nothing for {self._road.silence_s:g} s")
        elif now >= self._deadline:
            self._transport.abort()


def _told(error: Exception) -> str:
    """Say why there is no connection, without what a library quotes."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS"
    if isinstance(error, TimeoutError):
        return f"takes no connection within {_CONNECT_S:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "refuses the connection: nothing listens there"
    return f"cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"
