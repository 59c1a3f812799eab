"""How often a thing is tried before it is believed, and how often that is wrong."""

from random import Random

import pytest

from conformance.scenario.live.chance import SequentialTest


def test_five_misses_show_that_a_thing_is_seldom() -> None:
    """With what a model is asked for; four are not enough."""
    test = SequentialTest(seldom=0.05, often=0.5, wrong=0.05)
    assert [test.add(False) for _ in range(5)] == [None, None, None, None, "seldom"]
    assert (test.times, test.happened) == (5, 0)


def test_two_hits_show_that_it_is_often() -> None:
    """Since it would hardly happen twice by chance."""
    test = SequentialTest(seldom=0.05, often=0.5, wrong=0.05)
    assert [test.add(True), test.add(True)] == [None, "often"]


def test_four_accidents_in_a_row_are_none() -> None:
    """With what the network is asked for."""
    test = SequentialTest(seldom=0.1, often=0.9, wrong=0.0005)
    assert [test.add(True) for _ in range(4)] == [None, None, None, "often"]


def test_what_happens_every_other_time_is_gone_on_with() -> None:
    """Where both guesses are equally far off, neither wins."""
    test = SequentialTest(seldom=0.1, often=0.9, wrong=0.0005)
    assert {test.add(happened) for happened in [True, False] * 50} == {None}
    assert (test.times, test.happened) == (100, 50)


def test_a_result_stays() -> None:
    """Whatever comes after it."""
    test = SequentialTest(seldom=0.05, often=0.5, wrong=0.05)
    for happened in [False] * 5 + [True] * 20:
        test.add(happened)
    assert test.result == "seldom"


@pytest.mark.parametrize(("seldom", "often", "wrong"), [(0.05, 0.5, 0.05), (0.1, 0.9, 0.01)])
def test_it_is_wrong_no_oftener_than_it_says(seldom: float, often: float, wrong: float) -> None:
    """4,000 tests of each kind; a third is allowed for the luck of the draw."""
    draw = Random(20)
    for share, right in ((seldom, "seldom"), (often, "often")):
        missed = 0
        for _ in range(4000):
            test = SequentialTest(seldom, often, wrong)
            while test.result is None:
                test.add(draw.random() < share)
            missed += test.result != right
        assert 0 < missed <= 4000 * wrong * 4 / 3
