"""Choices, few and cheap: each is one integer below a bound, and 0 is the simplest.

    strategy = chosen(lambda choices: choices.of(("auto", "none")))
    choices.some(("a", "b", "c"), most=2), choices.below(4) == 3

They are made in hypothesis's own data and not by strategies of their own. A strategy costs twice as much as
its choice; and it marks where it drew, whereupon hypothesis varies every value six times, so that three
thousand values differ no more than five hundred. `ConjectureData.draw_integer` is not documented: nothing
outside this module uses it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.strategies import SearchStrategy

__all__ = ["Choices", "chosen"]

_T = TypeVar("_T")
_FEW = 5


class _Chosen(SearchStrategy[_T], Generic[_T]):
    """Draws what a function makes of choices."""

    def __init__(self, make: "Callable[[Choices], _T]", told: str) -> None:
        super().__init__()
        self._make = make
        self._told = told

    def do_draw(self, data: ConjectureData) -> _T:
        return self._make(Choices(data))

    def __repr__(self) -> str:
        return self._told


def chosen(make: "Callable[[Choices], _T]", told: str) -> SearchStrategy[_T]:
    """Give the strategy of what a function makes of choices.

    told: how hypothesis writes the strategy.
    """
    return _Chosen(make, told)


class Choices:
    """Makes choices for one value."""

    def __init__(self, data: ConjectureData) -> None:
        self._data = data

    def draw(self, strategy: SearchStrategy[_T]) -> _T:
        """Draw from a strategy, for what is more than a number."""
        return self._data.draw(strategy)

    def below(self, bound: int) -> int:
        """Choose a number from 0 on."""
        return self._data.draw_integer(0, bound - 1) if bound > 1 else 0

    def of(self, items: Sequence[_T]) -> _T:
        """Choose one; the first is the simplest."""
        return items[self.below(len(items))]

    def one_in(self, number: int) -> bool:
        """Choose true once in so many times."""
        return self.below(number) == number - 1

    def maybe(self, items: Sequence[_T], nothing: int = 1) -> _T | None:
        """Choose one, or none: as often as so many items."""
        place = self.below(len(items) + nothing)
        return items[place - nothing] if place >= nothing else None

    def some(self, items: Sequence[_T], most: int, *, least: int = 0) -> list[_T]:
        """Choose some, all different, in their order; the fewest and the first are the simplest."""
        if len(items) <= _FEW:
            bits = self.below(1 << len(items))
            places = [place for place in range(len(items)) if bits >> place & 1]
        else:
            count = least + self.below(min(most, len(items)) - least + 1)
            places = sorted({self.below(len(items)) for _ in range(count)})
        return [items[place] for place in places[:most] or range(least)]

    def text(self, texts: Sequence[str], strange: SearchStrategy[Any]) -> str:
        """Choose one of some texts, or now and then any text at all."""
        place = self.below(len(texts) + 3)
        return texts[place] if place < len(texts) else str(self.draw(strange))
