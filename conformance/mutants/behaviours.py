"""Wrong behaviours that no operator can express: each is a server that is wrong in the one way it says.

    BEHAVIOURS["keeps-what-is-deleted"](seed=7).answer(request)

A mutant names one as `behaviour: keeps-what-is-deleted`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from conformance.server.memory import Memory, Stored
from conformance.server.service import Service

__all__ = ["BEHAVIOURS"]


class _KeepsAll(Memory):
    """Deletes nothing."""

    def forget(self, account: str, interaction_id: str) -> bool:
        return (account, interaction_id) in self._kept


class _KeepsNothing(Memory):
    """Stores nothing."""

    def keep(self, stored: Stored) -> None:
        return


class _OneChain(Memory):
    """Takes all interactions of an account for one conversation."""

    def chain(self, stored: Stored) -> Iterator[Stored]:
        return (kept for kept in reversed(self._kept.values()) if kept.account == stored.account)


class _NumbersAgain(Memory):
    """Gives every interaction of an account the same number, and so the same id."""

    def next_number(self, account: str) -> int:
        super().next_number(account)
        return 0


def _with(memory: type[Memory]) -> Callable[[int], Service]:
    return lambda seed: Service(seed, memory())


BEHAVIOURS: Mapping[str, Callable[[int], Any]] = {
    "keeps-what-is-deleted": _with(_KeepsAll),
    "stores-nothing": _with(_KeepsNothing),
    "takes-all-for-one-chain": _with(_OneChain),
    "gives-an-id-again": _with(_NumbersAgain),
}
