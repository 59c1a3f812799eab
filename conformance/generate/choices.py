"""Choices, few and cheap: each is one integer below a bound, and 0 is the simplest.

    strategy = chosen(lambda choices: choices.of(("auto", "none")))
    choices.some(("a", "b", "c"), most=2), choices.below(4) == 3

Where it can be, they are made in hypothesis's own data and not by strategies of their own. A strategy costs
twice as much as its choice; and it marks where it drew, whereupon hypothesis varies every value six times, so
that three thousand values differ no more than five hundred. What that takes of hypothesis is not documented:
nothing outside this module uses it, and without it the documented way is taken.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["Choices", "chosen"]

_T = TypeVar("_T")
_FEW = 5


def chosen(make: "Callable[[Choices], _T]", told: str, *, fast: bool = True) -> SearchStrategy[_T]:
    """Give the strategy of what a function makes of choices.

    told: how hypothesis writes the strategy. fast: in hypothesis's own data, where that can be.
    """
    if fast and hasattr(SearchStrategy, "do_draw"):
        return _Fast(make, told)
    return _documented(make)


class _Fast(SearchStrategy[_T]):
    """Draws what a function makes of choices, each an integer of hypothesis's data."""

    def __init__(self, make: "Callable[[Choices], _T]", told: str) -> None:
        super().__init__()
        self._make = make
        self._told = told

    def do_draw(self, data: Any) -> _T:
        return self._make(Choices(data.draw, getattr(data, "draw_integer", None)))

    def __repr__(self) -> str:
        return self._told


@st.composite
def _documented(draw: DrawFn, make: "Callable[[Choices], _T]") -> _T:
    return make(Choices(draw))


@cache
def _integers(bound: int) -> SearchStrategy[int]:
    return st.integers(0, bound - 1)


class Choices:
    """Makes choices for one value.

    integer: draws an integer between two, faster than a strategy does.
    """

    def __init__(self, draw: DrawFn, integer: Callable[[int, int], int] | None = None) -> None:
        self._draw = draw
        self._integer = integer

    def draw(self, strategy: SearchStrategy[_T]) -> _T:
        """Draw from a strategy, for what is more than a number."""
        return self._draw(strategy)

    def below(self, bound: int) -> int:
        """Choose a number from 0 on."""
        if bound <= 1:
            return 0
        return self._draw(_integers(bound)) if self._integer is None else self._integer(0, bound - 1)

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
