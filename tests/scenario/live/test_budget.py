"""What a run may spend is read from the command line, and never exceeded."""

import pytest

from conformance.errors import BudgetSpent, UsageRefused
from conformance.scenario.live.budget import LIVE, Budget, Purse
from tests.live.clock import FakeClock


def purse(text: str, clock: FakeClock | None = None) -> Purse:
    """A purse with a clock that nobody waits for."""
    return Purse(Budget.read(text), clock or FakeClock())


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("requests=40,tokens=20000,seconds=300", Budget(40, 20000, 300)),
        ("seconds=1", Budget(seconds=1)),
        (" tokens = 7 , requests=2", Budget(requests=2, tokens=7)),
    ],
)
def test_a_budget_is_read_as_it_is_written(text: str, budget: Budget) -> None:
    """What is left out has no limit, and it can be written again."""
    assert Budget.read(text) == budget
    assert Budget.read(str(budget)) == budget


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("40", "'40'"),
        ("requests", "'requests'"),
        ("requests=", "'requests='"),
        ("requests=0", "'requests=0'"),
        ("requests=-1", "'requests=-1'"),
        ("requests=1.5", "'requests=1.5'"),
        ("requests=1e3", "'requests=1e3'"),
        ("requests=٣", "'requests=٣'"),
        ("requests=²", "'requests=²'"),
        ("requests=1000000000000", "'requests=1000000000000'"),
        ("requests=1,requests=2", "'requests=2'"),
        ("requests=1,", "''"),
        ("requests=1;tokens=2", "'requests=1;tokens=2'"),
        ("Requests=1", "'Requests=1'"),
        ("minutes=5", "'minutes=5'"),
        ("clock=1", "'clock=1'"),
    ],
)
def test_what_is_no_budget_is_one_sentence(text: str, named: str) -> None:
    """It names the part that is wrong, and shows a right one."""
    with pytest.raises(UsageRefused) as refused:
        Budget.read(text)
    assert str(refused.value) == f"{named} is no part of a budget"
    assert "--budget requests=40,tokens=20000,seconds=300" in refused.value.hint


def test_the_live_service_has_limits_of_its_own() -> None:
    """All three of them."""
    assert set(LIVE.to_json()) == {"requests", "tokens", "seconds"}
    assert str(Budget()) == ""


def test_requests_are_let_through_as_far_as_the_limit() -> None:
    """The one after it is not."""
    spent = purse("requests=2")
    for _ in range(2):
        spent.afford()
        spent.send()
    with pytest.raises(BudgetSpent, match=r"^the budget is spent: 2 of 2 requests$"):
        spent.afford()


def test_what_is_owed_is_kept_back() -> None:
    """A request that would take what deleting needs is not sent."""
    spent = purse("requests=5")
    spent.send()
    spent.owed = 2
    spent.afford(requests=2)
    with pytest.raises(BudgetSpent, match="1 of 5 requests, 2 more are kept back for deleting"):
        spent.afford(requests=3)


def test_twice_what_an_answer_is_expected_to_take_has_to_be_left() -> None:
    """What costs nothing is let through all the same, so that deleting stays possible."""
    spent = purse("tokens=1000")
    spent.pay("v1_a", 400)
    spent.afford(tokens=300)
    with pytest.raises(BudgetSpent, match="400 of 1000 tokens, and the next answer takes about 301"):
        spent.afford(tokens=301)
    spent.pay("v1_b", 900)
    spent.afford()


def test_the_tokens_of_one_interaction_are_paid_once() -> None:
    """Whoever reads it again is told the same number; where it grows, the growth is paid."""
    spent = purse("tokens=1000")
    for tokens in (100, 100, 160, 40):
        spent.pay("v1_a", tokens)
    spent.pay("v1_b", 7)
    assert (spent.tokens, spent.tokens_of("v1_a"), spent.tokens_of("v1_x")) == (167, 160, 0)


def test_seconds_count_from_the_first_request() -> None:
    """Whatever was done before it."""
    clock = FakeClock()
    spent = purse("seconds=60", clock)
    clock.sleep(1000)
    assert (spent.seconds, spent.left_s) == (0.0, 60.0)
    spent.send()
    clock.sleep(20)
    spent.send()
    assert (spent.seconds, spent.left_s) == (20.0, 40.0)


def test_some_seconds_are_kept_back_for_deleting() -> None:
    """A tenth, and ten at most; without a limit there is nothing to keep."""
    assert [purse(text).grace_s for text in ("seconds=30", "seconds=100", "seconds=3600")] == [
        3.0,
        10.0,
        10.0,
    ]
    assert purse("requests=9").grace_s == 0.0
    assert purse("requests=9").left_s == float("inf")


def test_seconds_end_a_run_too() -> None:
    """A request that leaves no time for deleting is not let through; deleting is, until the end."""
    clock = FakeClock()
    spent = purse("seconds=60", clock)
    spent.send()
    clock.sleep(54)
    with pytest.raises(BudgetSpent, match="54 of 60 seconds"):
        spent.afford(seconds=spent.grace_s)
    spent.afford()
    clock.sleep(6)
    with pytest.raises(BudgetSpent, match="60 of 60 seconds"):
        spent.afford()


def test_what_was_spent_is_told_with_its_limits() -> None:
    """As the record keeps it."""
    spent = purse("requests=9")
    spent.send()
    spent.pay("v1_a", 12)
    spent.busy[429] += 2
    spent.left.append("v1_a")
    told = spent.to_json()
    assert told["budget"] == {"requests": 9}
    assert (told["requests"], told["tokens"], told["busy"], told["left"]) == (1, 12, {"429": 2}, ["v1_a"])
