"""Choices, few and cheap: each is one integer below a bound, and 0 is the simplest.

    choices = Choices(draw)
    choices.of(("auto", "none")), choices.some(("a", "b", "c"), most=2), choices.below(4) == 3

What hypothesis does for a choice costs more than all that is done with it, so a strategy is made once a
bound, and nothing is filtered.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["Choices"]

_T = TypeVar("_T")
_FEW = 5


@cache
def _numbers(bound: int) -> SearchStrategy[int]:
    return st.integers(0, bound - 1)


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
