"""What depends on a model or a network is tried again; what is wrong is wrong at once."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from conformance.contract.places import folder
from conformance.errors import BudgetSpent, TargetBusy, TargetUnreachable
from conformance.judge.verdict import Outcome, worst
from conformance.scenario.judging import Part, judge_tried
from conformance.scenario.live.budget import Budget, Purse
from conformance.scenario.live.manners import Polite
from conformance.scenario.live.tries import Tried, try_scenario
from conformance.scenario.needs import given
from conformance.scenario.scenario import Scenario, read_scenario
from conformance.wire.exchange import Exchange, Request
from tests.live.clock import FakeClock
from tests.scenario.live.endpoint import Endpoint, Turn, busy, cut_off, lost, right, says, without_tools

OURS = folder("scenarios") / "interactions"
TEXT, FUNCTIONS, BACKGROUND = (
    read_scenario(OURS / f"{name}.scenario.yaml") for name in ("text", "function_calling", "background")
)
ERROR = says(500, b'{"error": {"code": "api_error", "message": "Something broke."}}')
WRONG = says(200, b'{"id": "v1_a", "object": "interaction", "status": 7, "steps": []}')


@dataclass(slots=True)
class Ran:
    """All attempts at a scenario, what was judged of them, and how it was waited."""

    tried: Tried
    parts: list[Part]
    endpoint: Endpoint
    clock: FakeClock

    @property
    def outcome(self) -> Outcome:
        """The worst of all parts."""
        return worst(part.report.outcome for part in self.parts)

    @property
    def messages(self) -> list[str]:
        """What the last part tells."""
        return [verdict.message for verdict in self.parts[-1].report.findings]


def ran(scenario: Scenario, *turns: Turn | None, always: Turn | None = None, budget: str = "") -> Ran:
    """Try a scenario at an endpoint, with manners, and judge it."""
    clock, endpoint = FakeClock(), Endpoint(*turns, always=always)
    target = Polite(endpoint, Purse(Budget.read(budget) if budget else Budget(), clock))
    tried = try_scenario(scenario, target, given(scenario), api_version="v1beta", sleep=target.wait)
    return Ran(tried, judge_tried(tried, closed=False, weak=True), endpoint, clock)


def instructions(endpoint: Endpoint) -> list[Any]:
    """The system instruction of each create."""
    creates = [one for one in endpoint.requests if one.method == "POST"]
    return [json.loads(one.body).get("system_instruction") for one in creates]


# What the model does.


def test_what_goes_well_is_tried_once() -> None:
    """And asked as the scenario asks."""
    done = ran(FUNCTIONS)
    assert (len(done.tried.attempts), done.tried.why, done.outcome) == (1, "", "pass")
    assert instructions(done.endpoint) == [None, None]


def test_a_model_that_obeys_the_third_time_passes() -> None:
    """It was asked more firmly each time; what it did before is not told."""
    done = ran(FUNCTIONS, without_tools, without_tools)
    assert len(done.tried.attempts) == 3
    assert (done.outcome, len(done.parts)) == ("pass", 1)
    words = "Call the function get_current_temperature; do not answer without calling it."
    test = f"This is a test of your tools, and the answer itself does not matter. {words}"
    assert instructions(done.endpoint) == [None, words, test, None]


def test_a_model_that_never_does_it_is_nobodys_fault_and_no_success() -> None:
    """Five tries; what they were to show is inconclusive, with how often it was tried."""
    done = ran(FUNCTIONS, always=without_tools)
    assert len(done.tried.attempts) == 5
    assert done.outcome == "inconclusive"
    assert {verdict.outcome for verdict in done.parts[-1].report.findings} == {"inconclusive"}
    told = "(not met in 5 of 5 tries; it is not to be expected any more)"
    assert [message for message in done.messages if told in message] == [
        f"ask: the status is 'completed'; expected 'requires_action' {told}"
    ]


def test_it_may_be_asked_the_same_each_time() -> None:
    """A recording is to hold the questions of its scenario."""
    endpoint = Endpoint(without_tools)
    tried = try_scenario(
        FUNCTIONS, endpoint, given(FUNCTIONS), api_version="v1beta", sleep=FakeClock().sleep, firmly=False
    )
    assert len(tried.attempts) == 2
    assert instructions(endpoint) == [None, None, None]


def test_another_models_words_are_its_own() -> None:
    """`says` and literal values are expected of our own server alone; kinds of step of everyone."""
    call = TEXT.calls[0]
    content = [{"type": "text", "text": "No model ever says this."}]
    for includes, tries in (
        (({"type": "model_output", "content": content},), 1),
        (({"type": "model_output", "content": [{"type": "image"}]},), 5),
    ):
        expect = replace(call.expect, says="^never this$", includes=includes)
        done = ran(replace(TEXT, calls=(replace(call, expect=expect),)))
        assert len(done.tried.attempts) == tries, includes


# What the network does.


def test_an_answer_that_breaks_off_once_is_chance() -> None:
    """The next one is whole, and nothing is told of the first."""
    done = ran(TEXT, cut_off)
    assert (len(done.tried.attempts), done.outcome, len(done.parts)) == (2, "pass", 1)
    first, second = done.endpoint.requests
    assert first == second


def test_answers_that_always_break_off_are_red() -> None:
    """After four tries nobody takes it for chance."""
    done = ran(TEXT, always=cut_off)
    assert (len(done.tried.attempts), sorted(done.tried.broken), done.outcome) == (4, ["ask"], "fail")
    assert any(
        message.startswith("the answer is not whole: the connection ended") for message in done.messages
    )


def test_an_error_of_the_server_once_is_chance() -> None:
    """As its documentation says: try again."""
    done = ran(TEXT, ERROR)
    assert (len(done.tried.attempts), done.outcome) == (2, "pass")


def test_errors_of_the_server_as_a_rule_are_judged() -> None:
    """Nothing was shown; a wrong envelope is red."""
    done = ran(TEXT, always=ERROR)
    assert (len(done.tried.attempts), sorted(done.tried.broken)) == (4, ["ask"])
    assert "HTTP 500 ('Something broke.'); expected HTTP 200" in done.messages
    assert done.outcome == "inconclusive"
    assert ran(TEXT, always=says(500, b'{"error": "no"}')).outcome == "fail"


def test_an_error_that_is_expected_is_no_accident() -> None:
    """Where a scenario asks for it."""
    call = replace(TEXT.calls[0], expect=replace(TEXT.calls[0].expect, http=500, status=None, includes=()))
    done = ran(replace(TEXT, calls=(call,)), always=ERROR)
    assert (len(done.tried.attempts), done.tried.last.unmet) == (1, "")


# What is wrong.


def test_what_is_wrong_is_not_tried_again() -> None:
    """Though the model did not do what was asked either."""
    done = ran(TEXT, WRONG)
    assert (len(done.tried.attempts), done.outcome) == (1, "fail")
    assert done.tried.why == "what was answered is wrong, whatever the model does"


def test_what_was_wrong_in_an_early_try_stays_so() -> None:
    """Though the last one is good: it is a part of its own, with its own exchanges."""
    early = Tried([*ran(TEXT, WRONG).tried.attempts, *ran(TEXT).tried.attempts])
    parts = judge_tried(early, closed=False, weak=True)
    assert [part.report.outcome for part in parts] == ["fail", "pass"]


def test_what_is_wrong_beside_an_accident_is_told() -> None:
    """A wrong type stays one, though the next try, after an answer that broke off, is right."""

    def untyped(endpoint: Endpoint, request: Request) -> Exchange:
        exchange = endpoint.right(request)
        assert exchange.response is not None
        body = json.loads(exchange.response.body) | {"usage": "free"}
        return replace(exchange, response=replace(exchange.response, body=json.dumps(body).encode()))

    done = ran(FUNCTIONS, untyped, cut_off)
    assert done.outcome == "fail"
    assert len(done.tried.attempts) == 2


def test_a_refusal_that_nobody_expected_is_no_matter_of_chance() -> None:
    """It is told as what it is, and not tried again."""
    refusal = says(400, b'{"error": {"code": "invalid_request", "message": "No such model."}}')
    done = ran(TEXT, always=refusal)
    assert (len(done.tried.attempts), done.outcome) == (1, "inconclusive")
    assert "HTTP 400 ('No such model.'); expected HTTP 200" in done.messages


# What ends it.


def test_a_budget_that_is_spent_ends_the_tries() -> None:
    """What was seen is judged; why it ended is told."""
    done = ran(FUNCTIONS, always=without_tools, budget="requests=7")
    assert done.tried.attempts[-1].played.ended is None
    assert "the budget is spent" in done.tried.why
    assert done.outcome == "inconclusive"
    assert any("(not met in 2 of 2 tries; the budget is spent" in message for message in done.messages)


def test_what_ends_in_the_middle_is_kept() -> None:
    """The first answer is judged, the second never came."""
    done = ran(FUNCTIONS, right, always=busy(429, "3600"))
    assert len(done.tried.attempts) == 1
    assert isinstance(done.tried.last.played.ended, TargetBusy)
    assert done.tried.last.report.passes
    assert done.outcome == "inconclusive"


@pytest.mark.parametrize(
    ("turn", "budget", "error"),
    [(busy(429), "", TargetBusy), (lost, "", TargetUnreachable), (right, "requests=2", BudgetSpent)],
)
def test_without_one_answer_there_is_nothing_to_judge(
    turn: Turn, budget: str, error: type[Exception]
) -> None:
    """The run tells why."""
    with pytest.raises(error):
        ran(TEXT, always=turn, budget=budget)


# What takes its time.


def background(*expected: str) -> Scenario:
    """Begin in the background, and get it with these statuses."""
    begin, get = BACKGROUND.calls[0], BACKGROUND.calls[4]
    gets = [
        replace(get, name=f"get_{at}", expect=replace(get.expect, status=status, includes=()))
        for at, status in enumerate(expected)
    ]
    return replace(BACKGROUND, calls=(begin, *gets))


def test_an_answer_in_the_background_is_waited_for() -> None:
    """With pauses that grow, until it is done."""
    done = ran(background("completed"))
    assert (len(done.tried.attempts), done.tried.last.unmet) == (1, "")
    assert done.clock.slept == [1.0, 2.0]
    assert [call.exchange.name for call in done.tried.last.played.trace.calls] == ["begin", *["get_0"] * 3]


def test_an_answer_sooner_than_a_scenario_expects_is_no_miss() -> None:
    """How long it is under way is the endpoint's affair."""
    done = ran(background("in_progress", "in_progress", "in_progress", "queued"))
    statuses = [(call.interaction or {})["status"] for call in done.tried.last.played.trace.calls]
    assert statuses[-1] == "completed"
    assert (len(done.tried.attempts), done.tried.last.unmet, done.clock.slept) == (1, "", [])


def test_nobody_waits_for_ever() -> None:
    """Five minutes, or as long as the budget allows."""

    def never_done(endpoint: Endpoint, request: Request) -> Exchange:
        exchange = endpoint.right(request)
        assert exchange.response is not None
        if request.method == "POST":
            return exchange
        body = json.loads(exchange.response.body) | {"status": "in_progress", "steps": []}
        body.pop("usage", None)
        return replace(exchange, response=replace(exchange.response, body=json.dumps(body).encode()))

    done = ran(background("completed"), always=never_done, budget="seconds=60")
    assert isinstance(done.tried.last.played.ended, BudgetSpent)
    assert sum(done.clock.slept) <= 54
    assert done.outcome == "inconclusive"
