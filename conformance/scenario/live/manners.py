"""An endpoint that is not ours, treated with manners.

    target = Polite(HttpTarget(url, key=key), Purse(budget, REAL))
    target.send(request)
    target.tidy()

429 and 503 are no answers to a request but the endpoint's state: it is asked again after as long as
`Retry-After` says, and nothing is sent that the budget does not allow. What was stored is known, and
deleted by `tidy`.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from conformance.errors import (
    BudgetSpent,
    ConformanceError,
    EndpointLacking,
    EndpointStrange,
    KeyLost,
    KeyRefused,
    TargetBusy,
    TargetUnreachable,
)
from conformance.scenario.impression import impression, sentence_of
from conformance.scenario.live.budget import Purse
from conformance.scenario.live.metering import expected_tokens, told_tokens
from conformance.scenario.target import HttpTarget
from conformance.wire.exchange import Exchange, Request, Response, header
from conformance.wire.redaction import redact_text

__all__ = ["Polite", "asked_pause_s"]

BUSY = frozenset({429, 503})
_PATIENCE = 6
_FIRST_PAUSE_S = 1.0
_AGAIN_S = 0.25
_LONGEST_PAUSE_S = 300.0
_LOST = 3
_REFUSALS = frozenset({400, 401, 403})
_GONE = frozenset({200, 202, 204, 404})
_TO_TIDY = 2
"""How many requests are kept back for each interaction that is stored: one to delete it, one to try again."""


@dataclass(frozen=True, slots=True)
class _Errand:
    """What a request is for, as far as it has a cost.

    previous: the interaction that it goes on from.
    """

    creates: bool
    stores: bool
    deletes: str
    body: dict[str, Any]

    @classmethod
    def of(cls, request: Request) -> "_Errand":
        path = urlsplit(request.url).path.rstrip("/")
        creates = request.method == "POST" and path.endswith("/interactions")
        deletes = unquote(path.rpartition("/")[2]) if request.method == "DELETE" else ""
        body: Any = {}
        if creates:
            with suppress(ValueError, RecursionError):
                body = json.loads(request.body)
        known = body if isinstance(body, dict) else {}
        return cls(creates, creates and known.get("store") is not False, deletes, known)


class Polite:
    """A target that is asked no more than its budget allows, and no sooner than it wants to be.

    tell: what is called with a sentence before a wait that people would notice.
    """

    def __init__(
        self, target: HttpTarget, purse: Purse, *, tell: Callable[[str], None] | None = None
    ) -> None:
        self.url = target.url
        self.purse = purse
        self.answered = False
        self._target = target
        self._timeout_s = target.timeout_s
        self._tell = tell or (lambda _: None)
        self._stored: dict[str, Request] = {}
        self._lost = 0
        self._met = False
        self._over: ConformanceError | None = None

    @property
    def key(self) -> str:
        """The key that goes with each request."""
        return self._target.key

    @key.setter
    def key(self, key: str) -> None:
        self._target.key = key

    def send(self, request: Request) -> Exchange:
        """Send a request when the endpoint takes it; the exchange is that with its answer.

        Raises:
            BudgetSpent: what is left does not suffice for it.
            TargetBusy: 429 or 503 for longer than is waited; every later request is refused too.
            KeyRefused, KeyLost: the key is not taken, or no more; the same.
            TargetUnreachable: there is no answer.
        """
        if self._over is not None:
            raise self._over
        errand = _Errand.of(request)
        tokens = self._expected(errand)
        owed = _TO_TIDY if errand.stores else 0
        for attempt in range(_PATIENCE):
            self.purse.afford(requests=1 + owed, tokens=tokens, seconds=self.purse.grace_s)
            try:
                exchange = self._once(request, self.purse.left_s - self.purse.grace_s)
            except TargetUnreachable as error:
                self._lost_one(error, attempt)
                self.purse.pay(f"lost {self.purse.requests}", tokens)
                self._pause(_AGAIN_S * 2**attempt, "no answer came")
                continue
            response = exchange.response
            if response is None or response.status not in BUSY:
                self._refused(exchange)
                self._book(errand, exchange, tokens)
                return exchange
            self._busy(response.status, response, attempt)
        raise self._end(TargetBusy(self.url, f"gave no answer to {_PATIENCE} tries of one request"))

    def wait(self, seconds: float) -> None:
        """Wait between two polls, as far as the budget allows.

        Raises:
            BudgetSpent: no time would be left for the next one.
        """
        self.purse.afford(requests=0, seconds=seconds + self.purse.grace_s)
        self.purse.clock.sleep(seconds)

    def meet(self, exchanges: Iterable[Exchange]) -> None:
        """Look at the first conversation with the endpoint: whether this API answers at all.

        Raises:
            EndpointStrange, EndpointLacking: it does not; every later request is refused too.
        """
        if self._met:
            return
        told = sentence_of(exchanges)
        if told is not None:
            strange = EndpointLacking if told.exit_code == 5 else EndpointStrange
            self._end(strange(self.url, "is not asked again: it is not this API", told.hint))
            raise strange(self.url, told.sentence, told.hint)
        self._met = True

    def tidy(self) -> None:
        """Delete what was stored since the last time, from what the budget has kept back for it."""
        stored = dict(self._stored)
        self.purse.left += stored  # beforehand, since somebody may interrupt this
        for name, made in stored.items():
            del self._stored[name]
            self.purse.owed -= _TO_TIDY
            if self._deleted(name, made):
                self.purse.left.remove(name)

    def _deleted(self, name: str, made: Request) -> bool:
        address = urlsplit(made.url)
        path = f"{address.path.rstrip('/')}/{quote(name, safe='', errors='replace')}"
        url = address._replace(path=path, query="").geturl()
        headers = tuple(pair for pair in made.headers or () if pair[0].lower() not in _OF_A_BODY)
        request = Request("DELETE", url, headers, b"")
        tries = _TO_TIDY if self._over is None else 1
        for attempt in range(1, tries + 1):
            with suppress(ConformanceError):
                self.purse.afford()
                response = self._once(request, self.purse.left_s).response
                if response is None or response.status not in BUSY:
                    return response is not None and response.status in _GONE
                if attempt < tries:
                    self._busy(response.status, response, attempt)
            if self._over is not None:
                break
        return False

    def _refused(self, exchange: Exchange) -> None:
        """See whether the key is taken that every request but a few wrong ones has."""
        asked, response = exchange.request, exchange.response
        if asked is None or response is None or response.status not in _REFUSALS:
            return
        if header(asked.headers, "x-goog-api-key") != self.key:
            return
        told = impression(exchange, self.key)
        if told is None or told.kind != "key refused":
            return
        why = told.sentence.removeprefix("refuses the key: ")
        if not self.answered:
            raise self._end(KeyRefused(self.url, why))
        if response.status != 403 or "key" in why.lower():  # 403 may be about this request alone
            raise self._end(KeyLost(self.url, why))

    def _expected(self, errand: _Errand) -> int:
        if not errand.creates:
            return 0
        previous = errand.body.get("previous_interaction_id")
        history = self.purse.tokens_of(previous) if isinstance(previous, str) else 0
        return expected_tokens(errand.body, history)

    def _once(self, request: Request, most_s: float) -> Exchange:
        self.purse.send()
        self._target.timeout_s = min(self._timeout_s, max(0.1, most_s))
        return self._target.send(request)

    def _lost_one(self, error: TargetUnreachable, attempt: int) -> None:
        """Count a request without an answer; where that is more than chance, it is told."""
        self.purse.lost += 1
        self._lost += 1
        if "nothing listens" in error.problem or attempt + 1 >= _LOST:
            if self._lost >= _LOST:
                self._over = error
            raise error

    def _busy(self, status: int, response: Response, attempt: int) -> None:
        """Wait as long as a busy endpoint asks for."""
        self.purse.busy[status] += 1
        asked = asked_pause_s(header(response.headers, "retry-after"), self.purse.clock.today())
        pause = _FIRST_PAUSE_S * 2**attempt if asked is None else asked
        told = f"answers HTTP {status}"
        if asked is not None:
            told += f" with Retry-After: {header(response.headers, 'retry-after')}"
        if pause > min(_LONGEST_PAUSE_S, self.purse.left_s - self.purse.grace_s):
            raise self._end(TargetBusy(self.url, f"{told}, which is longer than is waited"))
        self._pause(pause, told)
        if attempt + 1 >= _PATIENCE:
            raise self._end(TargetBusy(self.url, f"{told} to {_PATIENCE} tries of one request"))

    def _pause(self, seconds: float, why: str) -> None:
        if seconds >= self.purse.left_s:
            raise BudgetSpent(
                f"the budget is spent: {why}, and only {self.purse.left_s:.0f} seconds are left"
            )
        if seconds >= _NOTICED_S:
            self._tell(redact_text(f"waiting {seconds:.0f} s: {self.url} {why}", [self.key]))
        self.purse.paused_s += seconds
        self.purse.clock.sleep(seconds)

    def _end(self, error: ConformanceError) -> ConformanceError:
        self._over = error
        return error

    def _book(self, errand: _Errand, exchange: Exchange, tokens: int) -> None:
        """Note what an answer cost, and what it stored."""
        self._lost = 0
        self.answered = True
        response = exchange.response
        if response is None or response.status is None or response.status >= 400:
            return
        name, cost = told_tokens(exchange)
        if cost is not None:
            self.purse.pay(name or f"request {self.purse.requests}", cost)
        elif errand.creates and response.cut:
            self.purse.pay(name or f"request {self.purse.requests}", tokens)
        if errand.stores and name and exchange.request is not None and name not in self._stored:
            self._stored[name] = exchange.request
            self.purse.owed += _TO_TIDY
            self.purse.stored += 1
        if errand.deletes and self._stored.pop(errand.deletes, None) is not None:
            self.purse.owed -= _TO_TIDY


_OF_A_BODY = ("content-type", "content-length", "transfer-encoding", "accept")
_NOTICED_S = 2.0


def asked_pause_s(text: str | None, today: datetime | None = None) -> float | None:
    """Read `Retry-After` (RFC 9110, 10.2.3): seconds or a date; None where it says neither.

    >>> asked_pause_s("2")
    2.0
    """
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    with suppress(ValueError, TypeError):
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - (today or datetime.now(UTC))).total_seconds())
    return None
