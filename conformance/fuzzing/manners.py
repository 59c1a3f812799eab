"""How an endpoint is treated that is not ours: so many requests, so many a second, and no more than it takes.

    target = Mannered(HttpTarget(url, key=key), requests=1000, rate=5, until=monotonic() + 60)
    target.send(request)

429 and 503 are no answers to a request: it is sent again after as long as `Retry-After` asks.
"""

import time
from collections.abc import Callable

from conformance.errors import TargetUnreachable
from conformance.scenario.live.manners import asked_pause_s
from conformance.scenario.target import Target
from conformance.wire.exchange import Exchange, Request, header

__all__ = ["Mannered", "Spent"]

_BUSY = frozenset({429, 503})
_PATIENCE = 4
_FIRST_PAUSE_S = 1.0
_UNREACHABLE = 3


class Spent(BaseException):
    """Nothing is left to do: the budget is spent, or the endpoint takes no more. Hypothesis lets it pass.

    enough: whether the run went as it was meant to.
    """

    def __init__(self, why: str, *, enough: bool) -> None:
        super().__init__(why)
        self.why = why
        self.enough = enough


class Mannered:
    """A target that is asked no more, and no faster, than it was agreed.

    requests: how many may be sent in all; rate: how many a second. None stands for no limit.
    until: when to stop, by `time.monotonic`.
    """

    def __init__(
        self,
        target: Target,
        *,
        requests: int | None = None,
        rate: float | None = None,
        until: float = float("inf"),
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = target.url
        self.sent = 0
        self.paused_s = 0.0
        self._target = target
        self._most = requests
        self._gap_s = 1 / rate if rate else 0.0
        self._until = until
        self._sleep, self._now = sleep, now
        self._next = 0.0
        self._lost = 0

    @property
    def key(self) -> str:
        """The key that goes with each request."""
        return self._target.key

    @key.setter
    def key(self, key: str) -> None:
        self._target.key = key

    def send(self, request: Request) -> Exchange:
        """Send a request when it is its turn.

        Raises:
            Spent: the budget is spent, or the endpoint is busy or away for good.
            TargetUnreachable: there is no answer to this one.
        """
        for attempt in range(_PATIENCE):
            exchange = self._in_turn(request)
            status = exchange.response.status if exchange.response is not None else None
            if status not in _BUSY or exchange.response is None:
                return exchange
            asked = asked_pause_s(header(exchange.response.headers, "retry-after"))
            pause = _FIRST_PAUSE_S * 2**attempt if asked is None else asked
            if self._now() + pause > self._until:
                break
            self.paused_s += pause
            self._sleep(pause)
        raise Spent(f"the endpoint answers HTTP {status} and takes no more", enough=False)

    def _in_turn(self, request: Request) -> Exchange:
        if self._most is not None and self.sent >= self._most:
            raise Spent(f"the budget of {self._most} requests is spent", enough=True)
        wait = self._next - self._now()
        if wait > 0:
            self._sleep(wait)
        self._next = max(self._next, self._now()) + self._gap_s
        self.sent += 1
        try:
            exchange = self._target.send(request)
        except TargetUnreachable as error:
            self._lost += 1
            if self._lost >= _UNREACHABLE and "nothing listens" in str(error):
                raise Spent(str(error), enough=False) from None
            raise
        self._lost = 0
        return exchange
