"""The scenarios that show the most for what they cost come first, and none is planned beyond the budget."""

from hypothesis import given
from hypothesis import strategies as st

from conformance.scenario.live.budget import Budget
from conformance.scenario.live.forecast import Forecast
from conformance.scenario.live.plan import plan


def cost(requests: int, shows: str, tokens: int = 100) -> Forecast:
    """A forecast; each letter is a requirement."""
    return Forecast(requests, tokens, frozenset(shows))


def test_without_a_limit_everything_is_played() -> None:
    """What shows most a request comes first."""
    forecasts = {"dear": cost(8, "abcd"), "cheap": cost(1, "xy"), "next": cost(2, "uvw")}
    assert plan(forecasts, Budget()) == (["cheap", "next", "dear"], [])


def test_always_the_one_that_shows_most_of_what_is_new() -> None:
    """What another has shown already counts no more."""
    forecasts = {"same": cost(2, "abc"), "large": cost(2, "abcd"), "other": cost(2, "z")}
    order, beyond = plan(forecasts, Budget(requests=100))
    assert order == ["large", "other", "same"]
    assert beyond == []


def test_a_cheaper_one_that_shows_the_same_wins() -> None:
    """Where one alone fits, it is that."""
    forecasts = {"dear": cost(6, "abc"), "cheap": cost(3, "abc")}
    assert plan(forecasts, Budget(requests=10)) == (["cheap"], ["dear"])


def test_where_nothing_is_new_the_cheapest_comes_first() -> None:
    """So that as many as possible are played."""
    forecasts = {"three": cost(3, ""), "one": cost(1, ""), "two": cost(2, "")}
    assert plan(forecasts, Budget(requests=100))[0] == ["one", "two", "three"]


def test_a_fifth_is_left_for_what_has_to_be_asked_again() -> None:
    """Of each limit: requests, tokens, and seconds at two a request."""
    for budget in (Budget(requests=10), Budget(tokens=1000), Budget(seconds=20)):
        assert plan({"fits": cost(8, "a", tokens=800)}, budget) == (["fits"], [])
        assert plan({"too dear": cost(9, "a", tokens=801)}, budget) == ([], ["too dear"])


def test_what_does_not_fit_does_not_keep_others_out() -> None:
    """A large one is left out, and smaller ones after it are played."""
    forecasts = {"huge": cost(99, "abcdefghijklmnopqrstuvwxyz" * 9), "small": cost(2, "a")}
    assert plan(forecasts, Budget(requests=10)) == (["small"], ["huge"])


def limits() -> st.SearchStrategy[int | None]:
    """A limit, or none."""
    return st.none() | st.integers(1, 300)


FORECASTS = st.dictionaries(
    st.integers(0, 99),
    st.builds(Forecast, st.integers(0, 40), st.integers(0, 400), st.frozensets(st.sampled_from("abcdef"))),
    max_size=12,
)


@given(FORECASTS, st.builds(Budget, limits(), limits(), limits()))
def test_nothing_planned_is_beyond_a_budget(forecasts: dict[int, Forecast], budget: Budget) -> None:
    """Each scenario is planned once or beyond; what is beyond does not fit after what is planned."""
    order, beyond = plan(forecasts, budget)
    assert sorted([*order, *beyond]) == sorted(forecasts)
    requests = sum(forecasts[name].requests for name in order)
    tokens = sum(forecasts[name].tokens for name in order)
    assert fits(requests, tokens, budget)
    for name in beyond:
        assert not fits(requests + forecasts[name].requests, tokens + forecasts[name].tokens, budget)


def fits(requests: int, tokens: int, budget: Budget) -> bool:
    """Whether four fifths of a budget suffice, told in whole numbers."""
    spent = ((requests, budget.requests), (tokens, budget.tokens), (2 * requests, budget.seconds))
    return all(limit is None or 5 * amount <= 4 * limit for amount, limit in spent)
