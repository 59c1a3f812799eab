"""What the server remembers: the stored interactions, and how many each account has made.

    number = memory.next_number(account)
    memory.keep(Stored(...))
    memory.find(account, interaction_id)

Bounded, since a server may run for weeks: at most 10,000 interactions or 256 MiB of them, over all accounts,
the oldest out; and the counts of the last 100,000 accounts. An interaction that went out is unknown, and a
chain that led over it begins after it.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.server.background import Run

__all__ = ["Memory", "Stored"]

INTERACTIONS = 10_000
BYTES = 256 * 2**20
ACCOUNTS = 100_000


@dataclass(frozen=True, slots=True)
class Stored:
    """An interaction as the server keeps it.

    first: the name of the first turn of its chain.
    turn: what was said to the model, as steps.
    body: what was answered, steps included.
    weight: about how many bytes it takes.
    run: how it goes on, where it runs in the background.
    """

    account: str
    id: str
    first: str
    previous: str | None
    turn: list[dict[str, Any]]
    body: dict[str, Any]
    weight: int
    run: "Run | None" = None

    def now(self) -> dict[str, Any]:
        """Give the answer as it stands: of a background interaction, what there is of it."""
        return self.body if self.run is None else self.run.body()


class Memory:
    """The state of one server."""

    def __init__(self, interactions: int = INTERACTIONS, size: int = BYTES) -> None:
        self._limit = interactions
        self._size = size
        self._weight = 0
        self._kept: OrderedDict[tuple[str, str], Stored] = OrderedDict()
        self._numbers: OrderedDict[str, int] = OrderedDict()

    def next_number(self, account: str) -> int:
        """Count one more interaction of an account, from 0."""
        number = self._numbers.pop(account, -1) + 1
        self._numbers[account] = number
        if len(self._numbers) > ACCOUNTS:
            self._numbers.popitem(last=False)
        return number

    def keep(self, stored: Stored) -> None:
        """Keep an interaction, and forget the oldest where there are too many."""
        self.forget(stored.account, stored.id)
        self._kept[stored.account, stored.id] = stored
        self._weight += stored.weight
        while len(self._kept) > self._limit or (self._weight > self._size and len(self._kept) > 1):
            _, oldest = self._kept.popitem(last=False)
            self._weight -= oldest.weight

    def find(self, account: str, interaction_id: str) -> Stored | None:
        """Give an interaction of this account."""
        return self._kept.get((account, interaction_id))

    def forget(self, account: str, interaction_id: str) -> bool:
        """Delete an interaction; False when there is none."""
        stored = self._kept.pop((account, interaction_id), None)
        if stored is None:
            return False
        self._weight -= stored.weight
        return True

    def chain(self, stored: Stored) -> Iterator[Stored]:
        """Give an interaction and those before it in its chain, the last first."""
        here: Stored | None = stored
        while here is not None:
            yield here
            here = self.find(here.account, here.previous) if here.previous is not None else None

    def __len__(self) -> int:
        return len(self._kept)
