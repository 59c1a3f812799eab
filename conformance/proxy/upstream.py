"""The connection to the upstream that belongs to one connection of a client.

    upstream.ask(head + body, "POST")      # then it calls: began, came, ended, gone

h11 reads, so that the end of an answer is known; what goes to the client are the bytes themselves, as they
came, at once.
"""

import asyncio
from typing import Protocol, cast

import h11

__all__ = ["Upstream", "Waiting"]

_LARGEST_HEAD = 262_144


class Waiting(Protocol):
    """Who asked: the passage of a client."""

    def began(self, response: h11.Response) -> None:
        """The head of the answer is there; what has come of the body follows at once, if only nothing."""

    def came(self, raw: bytes, pieces: list[bytes]) -> None:
        """More of the body is there: the bytes, and the content that they complete."""

    def ended(self, *, stays: bool) -> None:
        """The answer is whole; `stays` when the connection takes another request."""

    def gone(self, why: str) -> None:
        """The connection is over; `why` tells what went wrong, and is empty when nobody was waiting."""


class Upstream(asyncio.Protocol):
    """One connection to the upstream, for one request after the other."""

    transport: asyncio.Transport

    def __init__(self, waiting: Waiting) -> None:
        self._waiting: Waiting | None = waiting
        self._parser: h11.Connection | None = None
        self._started = False

    def ask(self, request: bytes, method: str) -> None:
        """Send a request."""
        self.transport.write(request)
        self._started = False
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        # Only answers are read with h11. Of the request it has to know the method.
        self._parser.send(h11.Request(method=method, target="/", headers=[("host", "upstream")]))
        self._parser.send(h11.EndOfMessage())

    def leave(self) -> None:
        """Close at once, and tell no more."""
        self._waiting = self._parser = None
        self.transport.abort()

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer."""
        if self._parser is None:
            self.transport.abort()  # nobody asked
            return
        self._parser.receive_data(data)
        self._read(self._parser, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits; a body that ends with the connection is whole now."""
        parser, self._parser = self._parser, None
        if self._waiting is None:
            return
        if parser is None:
            self._waiting.gone("")
        elif self._started and exc is None:
            parser.receive_data(b"")
            self._read(parser, b"")
        else:
            self._waiting.gone("the connection was reset" if exc else "the connection was closed")

    def _read(self, parser: h11.Connection, raw: bytes) -> None:
        """Read what came; `raw` is the part of it that belongs to the body."""
        waiting = self._waiting
        if waiting is None:
            return
        pieces: list[bytes] = []
        begins, ended, wrong = False, False, ""
        while not ended:
            try:
                event = parser.next_event()
            except h11.RemoteProtocolError:
                wrong = "it is not HTTP/1.1" if raw else "the connection was closed"
                break
            if isinstance(event, h11.Response):
                begins = self._started = True
                waiting.began(event)
                raw = parser.trailing_data[0]
            elif isinstance(event, h11.Data):
                pieces.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                ended = True
                raw = raw[: len(raw) - len(parser.trailing_data[0])]
            elif not isinstance(event, h11.InformationalResponse):
                break
        if begins or (self._started and raw):
            waiting.came(raw, pieces)
        if ended or wrong:
            self._parser = None
        if ended:
            whole = parser.their_state is h11.DONE and not parser.trailing_data[0]
            waiting.ended(stays=whole and not self.transport.is_closing())
        elif wrong:
            waiting.gone(wrong)
