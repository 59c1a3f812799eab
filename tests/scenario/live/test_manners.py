"""An endpoint that is not ours: asked when it wants to be, no more than was agreed, and left as it was."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.errors import (
    BudgetSpent,
    ConformanceError,
    EndpointLacking,
    KeyLost,
    KeyRefused,
    TargetBusy,
    TargetUnreachable,
)
from conformance.scenario.live.budget import Budget, Purse
from conformance.scenario.live.manners import Polite, asked_pause_s
from conformance.wire.exchange import Exchange, Request
from tests.live.clock import FakeClock
from tests.scenario.live.endpoint import (
    KEY,
    URL,
    Endpoint,
    Turn,
    busy,
    create,
    cut_off,
    lost,
    refusing,
    right,
    says,
)

KEYED = (("x-goog-api-key", KEY),)


class Asked:
    """A polite target with its endpoint, its clock and what it said."""

    def __init__(self, *turns: Turn | None, always: Turn | None = None, budget: str = "") -> None:
        self.clock = FakeClock()
        self.endpoint = Endpoint(*turns, always=always)
        self.purse = Purse(Budget.read(budget) if budget else Budget(), self.clock)
        self.said: list[str] = []
        self.target = Polite(self.endpoint, self.purse, tell=self.said.append)

    def create(self, **more: object) -> int | None:
        """Make an interaction; give the status."""
        return status(self.target.send(create(**more)))

    def end(self) -> ConformanceError:
        """Send a request, and give why that is not possible."""
        with pytest.raises(ConformanceError) as ended:
            self.create()
        return ended.value


def status(exchange: Exchange) -> int | None:
    """The status of an answer."""
    return exchange.response.status if exchange.response is not None else None


def later(seconds: float) -> str:
    """The date so many seconds after the beginning of the clock."""
    return format_datetime(FakeClock().today() + timedelta(seconds=seconds), usegmt=True)


# Busy endpoints.


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("after", ["7", later(7)])
def test_a_busy_endpoint_is_asked_again_when_it_says(code: int, after: str) -> None:
    """In seconds or as a date; its refusal is no answer, and whoever waits is told why."""
    asked = Asked(busy(code, after))
    assert asked.create() == 200
    assert asked.clock.slept == [7.0]
    assert asked.purse.busy == {code: 1}
    assert asked.purse.paused_s == 7.0
    assert asked.said == [f"waiting 7 s: {URL} answers HTTP {code} with Retry-After: {after}"]


def test_a_key_that_comes_with_a_pause_is_not_told() -> None:
    """Dates may have words behind them."""
    asked = Asked(busy(429, f"{later(7)} {KEY}"))
    assert asked.create() == 200
    assert asked.said == [f"waiting 7 s: {URL} answers HTTP 429 with Retry-After: {later(7)} REDACTED"]


def test_without_a_hint_pauses_grow() -> None:
    """A burst of 503 is sat out."""
    asked = Asked(*[busy(503)] * 4)
    assert asked.create() == 200
    assert asked.clock.slept == [1.0, 2.0, 4.0, 8.0]
    assert asked.purse.busy == {503: 4}


def test_an_endpoint_that_stays_busy_is_not_asked_for_ever() -> None:
    """Six times; after that nothing is sent any more."""
    asked = Asked(always=busy(429))
    ended = asked.end()
    assert isinstance(ended, TargetBusy)
    assert str(ended) == f"{URL} answers HTTP 429 to 6 tries of one request"
    assert len(asked.endpoint.requests) == 6
    assert asked.end() is ended
    assert len(asked.endpoint.requests) == 6


def test_nobody_waits_an_hour() -> None:
    """A quota that is spent for the day is no pause."""
    asked = Asked(always=busy(429, "3600"))
    assert isinstance(asked.end(), TargetBusy)
    assert asked.clock.slept == []
    assert len(asked.endpoint.requests) == 1


def test_nobody_waits_beyond_the_time_that_is_left() -> None:
    """What is kept back for deleting is not waited away either."""
    asked = Asked(always=busy(429, "28"), budget="seconds=30")
    assert "Retry-After: 28, which is longer than is waited" in str(asked.end())
    assert asked.clock.slept == []
    in_time = Asked(busy(429, "26"), budget="seconds=30")
    assert in_time.create() == 200


def test_busy_answers_are_paid_from_the_budget() -> None:
    """Each was a request."""
    asked = Asked(always=busy(503), budget="requests=5")
    ended = asked.end()
    assert isinstance(ended, BudgetSpent)
    assert len(asked.endpoint.requests) == 3  # two more are kept back for what might be stored


def test_an_exchange_takes_no_longer_than_is_left() -> None:
    """The limit of one exchange is that of the run, where less of it is left."""
    asked = Asked(budget="seconds=30")
    asked.create()
    asked.clock.sleep(20)
    asked.create()
    assert asked.endpoint.allowed_s == pytest.approx([27.0, 7.0])


def test_retry_after_is_seconds_or_a_date() -> None:
    """And nothing else is guessed at."""
    today = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    assert asked_pause_s("12") == 12.0
    assert asked_pause_s(" 0 ") == 0.0
    assert asked_pause_s(format_datetime(today + timedelta(seconds=90), usegmt=True), today) == 90.0
    assert asked_pause_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert [asked_pause_s(text) for text in (None, "", "soon", "-3", "1.5", "99 Oct 2026")] == [None] * 6


# Lost requests.


def test_a_lost_request_is_sent_again() -> None:
    """Once or twice is chance; what it may have cost is paid."""
    asked = Asked(lost, lost, budget="tokens=50000")
    assert asked.create() == 200
    assert asked.clock.slept == [0.25, 0.5]
    assert asked.purse.lost == 2
    assert asked.purse.tokens > 2 * 700


def test_three_times_no_answer_are_told() -> None:
    """And nothing more is sent."""
    asked = Asked(always=lost)
    ended = asked.end()
    assert isinstance(ended, TargetUnreachable)
    assert asked.end() is ended
    assert len(asked.endpoint.requests) == 3


def test_where_nobody_listens_is_not_asked_again() -> None:
    """Three requests in a row that are refused end it."""
    asked = Asked(always=refusing)
    for sent in (1, 2, 3, 3):
        assert "nothing listens there" in str(asked.end())
        assert len(asked.endpoint.requests) == sent
    assert asked.clock.slept == []


# What is stored.


def test_what_was_stored_is_deleted() -> None:
    """With the key that made it; twice `tidy` deletes nothing twice."""
    asked = Asked()
    made = [asked.create(), asked.create(), asked.create(store=False)]
    assert made == [200, 200, 200]
    assert len(asked.endpoint.stored) == asked.purse.stored == 2
    asked.target.tidy()
    asked.target.tidy()
    assert asked.endpoint.stored == set()
    assert (asked.purse.left, asked.purse.owed) == ([], 0)
    sent = asked.endpoint.requests[3:]
    assert [(one.method, dict(one.headers or ()), one.body) for one in sent] == [
        ("DELETE", {"x-goog-api-key": KEY}, b"")
    ] * 2


def test_an_answer_that_breaks_off_has_stored_too() -> None:
    """Its id came before its end."""
    asked = Asked(cut_off)
    asked.create()
    asked.target.tidy()
    assert asked.endpoint.stored == set()
    assert len(asked.endpoint.deleted) == 1


def test_what_the_scenario_deletes_itself_pays_back_what_was_kept() -> None:
    """And it is not deleted again."""
    asked = Asked(budget="requests=4")
    asked.create()
    assert asked.purse.owed == 2
    (name,) = asked.endpoint.stored
    delete = Request("DELETE", f"{URL}/v1beta/interactions/{name}", KEYED)
    assert status(asked.target.send(delete)) == 200
    assert asked.purse.owed == 0
    asked.target.tidy()
    assert len(asked.endpoint.requests) == 2


def named(name: str) -> Turn:
    """An answer with this id."""
    return says(200, json.dumps({"id": name, "status": "completed", "steps": []}).encode())


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("a/b", "a%2Fb"),
        ("../../admin", "..%2F..%2Fadmin"),
        ("a?b#c d", "a%3Fb%23c%20d"),
        ("é", "%C3%A9"),
        ("\ud800", "%3F"),
    ],
)
def test_an_odd_id_stays_one_part_of_an_address(name: str, address: str) -> None:
    """Half a character too, which UTF-8 cannot hold."""
    asked = Asked(named(name), says(200, b"{}"))
    asked.create()
    asked.target.tidy()
    assert asked.endpoint.requests[1].url == f"{URL}/v1beta/interactions/{address}"
    assert asked.purse.left == []


def test_a_scenario_may_delete_an_odd_id_itself() -> None:
    """It is the same interaction, however its id is written in an address."""
    asked = Asked(named("a/b"), says(200, b"{}"))
    asked.create()
    asked.target.send(Request("DELETE", f"{URL}/v1beta/interactions/a%2Fb", KEYED))
    assert asked.purse.owed == 0


def test_what_cannot_be_deleted_is_listed() -> None:
    """An error is no deletion; that it is gone already is."""
    wrong = says(500, b'{"error": {"code": "internal", "message": "No."}}')
    gone = says(404, b'{"error": {"code": "not_found", "message": "No."}}')
    asked = Asked(named("v1_a"), named("v1_b"), wrong, gone)
    asked.create()
    asked.create()
    asked.target.tidy()
    assert asked.purse.left == ["v1_a"]


def test_deleting_waits_as_long_as_it_is_told_and_is_tried_once_more() -> None:
    """For that a second request was kept back."""
    for refusal, waited in ((busy(429, "9"), [9.0]), (lost, [])):
        asked = Asked(right, refusal)
        asked.create()
        asked.target.tidy()
        assert (asked.endpoint.stored, asked.purse.left) == (set(), [])
        assert asked.clock.slept == waited


def test_deleting_is_not_tried_again_sooner_than_it_is_told() -> None:
    """Where that is too long it is left behind, and told."""
    asked = Asked(right, busy(429, "3600"))
    asked.create()
    asked.target.tidy()
    assert len(asked.endpoint.requests) == 2
    assert asked.purse.left == list(asked.endpoint.stored)


def test_after_the_end_deleting_is_still_tried() -> None:
    """Once each: an endpoint that is busy for a model need not be for this."""
    asked = Asked(right, right, *[busy(429)] * 6)
    asked.create()
    asked.create()
    assert isinstance(asked.end(), TargetBusy)
    asked.target.tidy()
    assert asked.endpoint.stored == set()
    assert len(asked.endpoint.deleted) == 2


def test_what_is_interrupted_before_it_is_deleted_is_listed() -> None:
    """Somebody presses ctrl-C twice."""

    def interrupted(_: Endpoint, __: Request) -> Exchange:
        raise KeyboardInterrupt

    asked = Asked(right, right, right, right, interrupted)
    for _ in range(3):
        asked.create()
    with pytest.raises(KeyboardInterrupt):
        asked.target.tidy()
    assert len(asked.endpoint.stored) == 2
    assert set(asked.purse.left) == asked.endpoint.stored


def test_time_is_left_for_deleting() -> None:
    """When nothing else may be sent any more."""
    asked = Asked(budget="seconds=30")
    asked.create()
    asked.clock.sleep(28)
    assert isinstance(asked.end(), BudgetSpent)
    asked.target.tidy()
    assert asked.endpoint.stored == set()


def test_waiting_for_an_answer_in_the_background_leaves_time_for_deleting() -> None:
    """A pause between two polls is no reason to leave anything behind."""
    asked = Asked(budget="seconds=30")
    asked.create()
    for _ in range(5):
        asked.target.wait(5)
    with pytest.raises(BudgetSpent, match="the budget is spent: 25 of 30 seconds"):
        asked.target.wait(5)
    asked.target.tidy()
    assert asked.endpoint.stored == set()
    assert asked.purse.paused_s == 0.0  # it was not the endpoint that was busy


# Keys.

EXPIRED = b'{"error": {"code": 400, "message": "API key expired.", "status": "INVALID_ARGUMENT"}}'
FORBIDDEN = b'{"error": {"code": "permission_denied", "message": "The model is not for you."}}'


def test_a_key_that_is_refused_at_first_is_wrong() -> None:
    """Exit code 2, and no second request."""
    asked = Asked(always=says(400, EXPIRED))
    ended = asked.end()
    assert isinstance(ended, KeyRefused)
    assert ended.exit_code == 2
    assert asked.end() is ended
    assert len(asked.endpoint.requests) == 1


def test_the_word_of_a_scenario_for_a_bad_key_is_no_good_key_of_a_run() -> None:
    """Where somebody takes `bad-key` for a key, its refusal is not on purpose."""
    asked = Asked(always=says(400, EXPIRED))
    asked.target.key = "bad-key"
    right_one = create()
    wrong = Request(right_one.method, right_one.url, (("x-goog-api-key", "bad-key"),), right_one.body)
    with pytest.raises(KeyRefused):
        asked.target.send(wrong)


def test_a_key_that_was_good_before_is_lost() -> None:
    """Exit code 5: what was seen stays seen."""
    asked = Asked(right, always=says(400, EXPIRED))
    asked.create(store=False)
    ended = asked.end()
    assert isinstance(ended, KeyLost)
    assert ended.exit_code == 5


def test_one_request_may_be_forbidden_without_the_key_being_lost() -> None:
    """Where the sentence is not about the key."""
    asked = Asked(right, says(403, FORBIDDEN))
    assert [asked.create(), asked.create(), asked.create()] == [200, 403, 200]


def test_a_key_that_is_bad_on_purpose_is_refused_by_right() -> None:
    """It is not the key of the run."""
    asked = Asked(says(400, EXPIRED))
    bad = create()
    exchange = asked.target.send(Request(bad.method, bad.url, (("x-goog-api-key", "bad-key"),), bad.body))
    assert status(exchange) == 400
    assert asked.create() == 200


def test_an_endpoint_of_another_kind_is_told_once() -> None:
    """By its first conversation; nothing is sent after it."""
    asked = Asked(always=says(404, b'{"error": {"code": 404, "message": "No.", "status": "NOT_FOUND"}}'))
    exchange = asked.target.send(create())
    with pytest.raises(EndpointLacking, match="has no Interactions API at /v1beta/interactions: HTTP 404"):
        asked.target.meet([exchange])
    assert isinstance(asked.end(), EndpointLacking)
    assert str(asked.end()) == f"{URL} is not asked again: it is not this API"
    assert len(asked.endpoint.requests) == 1


def test_after_a_good_conversation_it_is_not_looked_at_again() -> None:
    """A page in between is one answer, and the judge's."""
    page = says(200, b"<!doctype html><title>Sign in</title>", ("Content-Type", "text/html"))
    asked = Asked(right, page)
    asked.target.meet([asked.target.send(create())])
    asked.target.meet([asked.target.send(create())])
    assert asked.create() == 200


# Whatever happens.

TURNS: dict[str, Turn] = {
    "right": right,
    "cut off": cut_off,
    "lost": lost,
    "refused": refusing,
    "429": busy(429),
    "429 soon": busy(429, "2"),
    "503 later": busy(503, "40"),
    "429 tomorrow": busy(429, "86400"),
    "500": says(500, b'{"error": {"code": "internal", "message": "No."}}'),
    "expired": says(400, EXPIRED),
    "page": says(502, b"<!doctype html>", ("Content-Type", "text/html")),
}
STEPS: dict[str, Callable[[Asked], object]] = {
    "store": Asked.create,
    "forget": lambda asked: asked.create(store=False),
    "delete": lambda asked: asked.target.send(
        Request("DELETE", f"{URL}/v1beta/interactions/{min(asked.endpoint.stored, default='none')}", KEYED)
    ),
    "wait": lambda asked: asked.target.wait(3),
    "tidy": lambda asked: asked.target.tidy(),
}
BUDGETS = st.builds(
    lambda requests, seconds: f"requests={requests},seconds={seconds}", st.integers(1, 25), st.integers(1, 90)
)


@given(
    st.lists(st.sampled_from(sorted(TURNS) + ["right"] * 8), max_size=20),
    st.lists(st.sampled_from(sorted(STEPS)), max_size=12),
    BUDGETS,
)
def test_no_budget_is_exceeded_and_nothing_is_left_behind_unsaid(
    turns: list[str], steps: list[str], budget: str
) -> None:
    """Whatever the endpoint answers, and whatever is asked of it."""
    asked = Asked(*(TURNS[name] for name in turns), budget=budget)
    for step in steps:
        with suppress(ConformanceError):
            STEPS[step](asked)
    asked.target.tidy()
    most = asked.purse.budget
    assert asked.purse.requests == len(asked.endpoint.requests) <= (most.requests or 0)
    assert asked.purse.seconds <= (most.seconds or 0)
    assert asked.endpoint.stored <= set(asked.purse.left)
    assert asked.purse.owed == 0
