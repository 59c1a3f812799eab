"""Which scenarios are worth their cost: the cheapest that show the most requirements, within a budget.

    order, beyond = plan({"text": forecast, "search": other}, Budget(requests=40))

Greedy: always the one that shows the most which is not shown yet for what it costs. For covering a set this
is as near to the best as can be had in reasonable time (V. Chvátal, A greedy heuristic for the set-covering
problem, 1979).
"""

from collections.abc import Mapping
from typing import TypeVar

from conformance.scenario.live.budget import Budget
from conformance.scenario.live.forecast import Forecast

__all__ = ["plan"]

Name = TypeVar("Name")
_SECONDS = 2.0
"""How long a request takes, roughly."""
_PLANNED = 0.8
"""How much of a budget is planned; the rest is for what has to be asked again."""


def plan(forecasts: Mapping[Name, Forecast], budget: Budget) -> tuple[list[Name], list[Name]]:
    """Give what is played, in the order in which it is, and what is beyond the budget."""
    left = dict(forecasts)
    order: list[Name] = []
    shown: set[str] = set()
    spent = Forecast(0, 0, frozenset())
    while fitting := {name: one for name, one in left.items() if _fits(spent, one, budget)}:
        best = max(fitting, key=lambda name: _worth(fitting[name], shown, budget))
        one = left.pop(best)
        order.append(best)
        shown |= one.shows
        spent = Forecast(spent.requests + one.requests, spent.tokens + one.tokens, frozenset())
    return order, list(left)


def _fits(spent: Forecast, more: Forecast, budget: Budget) -> bool:
    return _share(spent.requests + more.requests, spent.tokens + more.tokens, budget) <= _PLANNED


def _share(requests: int, tokens: int, budget: Budget) -> float:
    """How much of a budget would be spent, by what there is least of."""
    shares = [
        requests / budget.requests if budget.requests else 0.0,
        tokens / budget.tokens if budget.tokens else 0.0,
        requests * _SECONDS / budget.seconds if budget.seconds else 0.0,
    ]
    return max(shares)


def _worth(one: Forecast, shown: set[str], budget: Budget) -> tuple[float, float]:
    """How much is new for what it costs; where nothing is, the cheapest comes first."""
    cost = _share(one.requests, one.tokens, budget) or float(one.requests)
    return len(one.shows - shown) / max(cost, 1e-9), -cost
