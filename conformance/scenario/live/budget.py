"""What a run may spend, and what it has spent.

    purse = Purse(Budget.read("requests=40,tokens=20000,seconds=300"), REAL)
    purse.afford(requests=1, tokens=900)

Requests and seconds are never exceeded. What an answer costs in tokens is known when it has ended, so a
request is sent only where twice what is expected of it is left.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from conformance.errors import BudgetSpent, UsageRefused
from conformance.scenario.live.clock import Clock

__all__ = ["LIVE", "Budget", "Purse"]

_PARTS = ("requests", "tokens", "seconds")
_GRACE_S = 10.0
_ADVICE = (
    "Write it as in --budget requests=40,tokens=20000,seconds=300, in whole numbers from 1; "
    "what is left out has no limit."
)


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a run may spend; None stands for no limit.

    requests: how many are sent, deleting included. tokens: as the endpoint counts them, over all answers.
    seconds: from the first request to the last answer, with all waiting.
    """

    requests: int | None = None
    tokens: int | None = None
    seconds: int | None = None

    @classmethod
    def read(cls, text: str) -> "Budget":
        """Read a budget as it is written on the command line.

        >>> Budget.read("requests=40,seconds=300")
        Budget(requests=40, tokens=None, seconds=300)

        Raises:
            UsageRefused: it is written in another way.
        """
        found: dict[str, int] = {}
        for part in text.split(","):
            name, _, number = (word.strip() for word in part.partition("="))
            whole = number.isascii() and number.isdigit() and 0 < int(number) < 10**12
            if name not in _PARTS or name in found or not whole:
                raise UsageRefused(f"{part.strip()!r} is no part of a budget", _ADVICE)
            found[name] = int(number)
        return cls(**found)

    def __str__(self) -> str:
        return ",".join(f"{name}={limit}" for name, limit in self.to_json().items())

    def to_json(self) -> dict[str, Any]:
        """The limits that there are."""
        limits = ((name, getattr(self, name)) for name in _PARTS)
        return {name: limit for name, limit in limits if limit is not None}


LIVE: Final = Budget(requests=600, tokens=600_000, seconds=3600)
"""What a run against the live service may spend where nobody says."""


@dataclass(slots=True)
class Purse:
    """What has been spent of a budget.

    owed: how many requests are kept back for deleting what is stored.
    busy: how often the endpoint answered 429 and 503; lost: how many requests got no answer.
    """

    budget: Budget
    clock: Clock
    requests: int = 0
    owed: int = 0
    paused_s: float = 0.0
    busy: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    stored: int = 0
    left: list[str] = field(default_factory=list)
    _tokens: dict[str, int] = field(default_factory=dict)
    _begun: float | None = None

    @property
    def tokens(self) -> int:
        """How many tokens all answers have cost."""
        return sum(self._tokens.values())

    @property
    def seconds(self) -> float:
        """How long ago the first request was sent."""
        return 0.0 if self._begun is None else self.clock.now() - self._begun

    @property
    def left_s(self) -> float:
        """How many seconds are left."""
        return float("inf") if self.budget.seconds is None else self.budget.seconds - self.seconds

    @property
    def grace_s(self) -> float:
        """How many of them are kept back for deleting what is stored."""
        return 0.0 if self.budget.seconds is None else min(_GRACE_S, self.budget.seconds / 10)

    def tokens_of(self, interaction: str) -> int:
        """Give what an interaction has cost: what comes after it costs that again."""
        return self._tokens.get(interaction, 0)

    def pay(self, what: str, tokens: int) -> None:
        """Note what an interaction has cost; told again it is not paid again."""
        self._tokens[what] = max(tokens, self._tokens.get(what, 0))

    def send(self) -> None:
        """Note that a request is sent."""
        self.requests += 1
        if self._begun is None:
            self._begun = self.clock.now()

    def afford(self, *, requests: int = 1, tokens: int = 0, seconds: float = 0.0) -> None:
        """Let a request through for which enough is left.

        requests: it and those that have to follow. tokens: those that are expected.

        Raises:
            BudgetSpent: too little is left.
        """
        most = self.budget
        if most.requests is not None and self.requests + self.owed + requests > most.requests:
            kept = f", {self.owed} more are kept back for deleting" if self.owed else ""
            raise BudgetSpent(f"the budget is spent: {self.requests} of {most.requests} requests{kept}")
        if most.tokens is not None and self.tokens + 2 * tokens > most.tokens and tokens:
            told = f"{self.tokens} of {most.tokens} tokens, and the next answer takes about {tokens}"
            raise BudgetSpent(f"the budget is spent: {told}")
        if most.seconds is not None and self.left_s <= seconds:
            raise BudgetSpent(f"the budget is spent: {self.seconds:.0f} of {most.seconds:g} seconds")

    def to_json(self) -> dict[str, Any]:
        """What was spent, as a line of the record tells it."""
        return {
            "budget": self.budget.to_json(),
            "requests": self.requests,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 3),
            "paused_s": round(self.paused_s, 3),
            "busy": {str(status): times for status, times in sorted(self.busy.items())},
            "lost": self.lost,
            "stored": self.stored,
            "left": list(self.left),
        }
