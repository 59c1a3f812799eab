"""Choices, few and cheap: each is one integer below a bound, and 0 is the simplest.

    choices = Choices(draw)
    choices.of(("auto", "none")), choices.some(("a", "b", "c"), most=2), choices.below(4) == 3

What hypothesis does for a choice costs more than all that is done with it, so a strategy is made once a
bound, and nothing is filtered.
"""

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["Choices"]

_T = TypeVar("_T")
_FEW = 5


@cache
def _numbers(bound: int) -> SearchStrategy[int]:
    return st.integers(0, bound - 1)


@cache
def _subsets(size: int, least: int, most: int) -> tuple[tuple[int, ...], ...]:
    return tuple(chosen for count in range(least, most + 1) for chosen in combinations(range(size), count))


class Choices:
    """Makes choices for one value."""

    def __init__(self, draw: DrawFn) -> None:
        self.draw = draw

    def below(self, bound: int) -> int:
        """Choose a number from 0 on."""
        return self.draw(_numbers(bound)) if bound > 1 else 0

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
        """Choose some, all different, in the order that they have; the fewest and the first are the simplest."""
        most = min(most, len(items))
        if len(items) <= _FEW:
            places = self.of(_subsets(len(items), least, most))
        else:
            count = least + self.below(most - least + 1)
            places = self.of(_subsets(len(items), count, count))
        return [items[place] for place in places]

    def text(self, texts: Sequence[str], strange: SearchStrategy[Any]) -> str:
        """Choose one of some texts, or now and then any text at all."""
        place = self.below(len(texts) + 3)
        return texts[place] if place < len(texts) else str(self.draw(strange))
