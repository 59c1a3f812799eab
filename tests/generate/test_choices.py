"""Choices are the same, whether hypothesis's own data can be used or not."""

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from conformance.generate.choices import Choices, chosen
from tests.generate.effort import examples


def _made(choices: Choices) -> tuple[int, str, list[str], str]:
    return (
        choices.below(9),
        choices.of("abc"),
        choices.some(("a", "b", "c", "d", "e", "f", "g"), 3),
        choices.text(["one"], st.text()),
    )


@pytest.mark.parametrize("fast", [True, False])
def test_choices_are_within_their_bounds(fast: bool) -> None:
    """In either way, and all of them come."""
    seen = set()

    @examples(200)
    @given(chosen(_made, "made", fast=fast))
    def collect(made: tuple[int, str, list[str], str]) -> None:
        number, letter, some, _ = made
        assert 0 <= number < 9
        assert letter in "abc"
        assert len(some) <= 3
        assert some == sorted(set(some))
        seen.add(number)

    collect()
    assert seen == set(range(9))


@pytest.mark.parametrize("fast", [True, False])
def test_the_first_is_the_simplest(fast: bool) -> None:
    """What is not needed is made small."""
    assert find(chosen(_made, "made", fast=fast), lambda made: made[1] == "b") == (0, "b", [], "one")
