"""What a server remembers for tests: how often a control has held, and what became of planned deliveries.

    ledger.holds(control, "create", account)     # counts, and says whether the control is for this request
    ledger.delivery(account)                     # a new entry, filled in by whoever delivers
    ledger.answer("GET", "/conformance/deliveries", query, account)

Bounded like the memory: the last 10,000 accounts, the last 100 deliveries of each.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TypeVar

from conformance.server.answer import Answer, json_answer
from conformance.server.control import Control
from conformance.server.plans import Delivered, Gate
from conformance.server.refusal import invalid

__all__ = ["PATHS", "Ledger"]

PATHS = frozenset({("GET", "/conformance/deliveries"), ("POST", "/conformance/release")})
_ACCOUNTS = 10_000
_DELIVERIES = 100
_Kept = TypeVar("_Kept")


class Ledger:
    """The ledger of one server."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, dict[str, int]] = OrderedDict()
        self._deliveries: OrderedDict[str, deque[Delivered]] = OrderedDict()
        self._gates: OrderedDict[str, Gate] = OrderedDict()

    def holds(self, control: Control, operation: str, account: str) -> bool:
        """Whether a control is for this request; those of its operations are counted."""
        if operation not in control.on:
            return False
        number = self._count(account, control.told)
        return control.skip <= number < control.skip + control.times

    def delivery(self, account: str) -> Delivered:
        """Begin the entry of a planned delivery."""
        delivered = Delivered(number=self._count(account, "deliveries"))
        _kept_for(self._deliveries, account, lambda: deque(maxlen=_DELIVERIES)).append(delivered)
        return delivered

    def deliveries(self, account: str) -> list[Delivered]:
        """Give what became of the last planned deliveries of an account."""
        return list(self._deliveries.get(account, ()))

    def gate(self, account: str) -> Gate:
        """Give the gate at which the lock-step deliveries of an account wait."""
        return _kept_for(self._gates, account, Gate)

    def answer(self, path: str, query: Mapping[str, list[str]], account: str) -> Answer:
        """Answer a request to one of `PATHS`."""
        if path == "/conformance/deliveries":
            told = [asdict(one) for one in self.deliveries(account)]
            return json_answer(200, {"deliveries": told})
        writes = query.get("writes", ["1"])[-1]
        if not (writes.isascii() and writes.isdecimal()) or len(writes) > 9:
            raise invalid("'writes' is the number of writes to let through.")
        self.gate(account).release(int(writes))
        return json_answer(200, {})

    def _count(self, account: str, what: str) -> int:
        """Count one more of something, from 0."""
        counts = _kept_for(self._counts, account, dict)
        if len(counts) > _DELIVERIES:
            counts.clear()
        number = counts.get(what, 0)
        counts[what] = number + 1
        return number


def _kept_for(kept: OrderedDict[str, _Kept], account: str, new: Callable[[], _Kept]) -> _Kept:
    """Give what is kept for an account, made where there is none; the oldest goes when there are too many."""
    if account not in kept:
        kept[account] = new()
        if len(kept) > _ACCOUNTS:
            kept.popitem(last=False)
    return kept[account]
