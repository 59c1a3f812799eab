"""What is tried again, and what comes of it where a server errs each time, or a model never does its part.

No socket: the reference server, of which one thing or another is wrong.
"""

import json
from dataclasses import dataclass, field

import pytest

from conformance.contract.places import folder
from conformance.scenario.judging import judge_tried
from conformance.scenario.live.tries import Tried, try_scenario
from conformance.scenario.needs import given
from conformance.scenario.scenario import Scenario, read_scenario
from conformance.server.service import Service
from conformance.wire.exchange import Exchange, Request, Response, header
from tests.live.clock import FakeClock

OURS = folder("scenarios") / "interactions"
REFUSALS = read_scenario(OURS / "refusals.scenario.yaml")
SEARCHES = [
    one
    for one in map(read_scenario, sorted(OURS.glob("*.scenario.yaml")))
    if "IX-SEARCH-002" in one.exercises
]


@dataclass(slots=True)
class Wrong:
    """It takes both model and agent, and is out of order so many times for those without a key."""

    out_of_order: int
    service: Service = field(default_factory=lambda: Service(7))
    url: str = "http://127.0.0.1:1"
    key: str = "k"

    def send(self, request: Request) -> Exchange:
        """Answer wrongly what is to be refused."""
        if not header(request.headers, "x-goog-api-key") and self.out_of_order:
            self.out_of_order -= 1
            failed = Response(500, (("content-type", "text/plain"),), b"Internal Server Error")
            return Exchange(request, failed, witnessed=True)
        answer = self.service.answer(_without_agent(request))
        response = Response(answer.status, answer.headers, b"".join(answer.followed()))
        return Exchange(request, response, witnessed=True)


def _without_agent(request: Request) -> Request:
    try:
        told = json.loads(request.body or b"")
    except ValueError:
        return request
    if not isinstance(told, dict) or "model" not in told or "agent" not in told:
        return request
    del told["agent"]
    return Request(request.method, request.url, request.headers, json.dumps(told).encode())


def tried(out_of_order: int) -> Tried:
    """The refusals, played until they need not be played again."""
    return try_scenario(
        REFUSALS, Wrong(out_of_order), given(REFUSALS), api_version="v1beta", sleep=FakeClock().sleep
    )


def failing(told: Tried) -> set[str]:
    """The requirements that are told as broken."""
    parts = judge_tried(told, closed=False, weak=False)
    return {one.requirement for part in parts for one in part.report.of("fail")}


def test_an_error_that_always_comes_is_found_beside_another_fault() -> None:
    """The other fault does not end the tries that tell an accident from a rule."""
    told = tried(out_of_order=100)
    assert told.broken == {"no_key"}
    assert {"IX-CREATE-005", "IX-AUTH-002", "HTTP-013"} <= failing(told)


def test_an_error_that_comes_once_is_an_accident_beside_another_fault() -> None:
    """It is blamed on nobody, and what is wrong all the same is told."""
    told = tried(out_of_order=1)
    assert len(told.attempts) == 2
    assert failing(told) == {"IX-CREATE-005"}


@dataclass(slots=True)
class Incurious:
    """Its model never searches: tools do not reach it."""

    service: Service = field(default_factory=lambda: Service(7))
    url: str = "http://127.0.0.1:1"
    key: str = "k"

    def send(self, request: Request) -> Exchange:
        """Answer from what it has learnt."""
        asked = {**json.loads(request.body or b"{}")}
        asked.pop("tools", None)
        body = json.dumps(asked).encode() if request.body else b""
        answer = self.service.answer(Request(request.method, request.url, request.headers, body))
        response = Response(answer.status, answer.headers, b"".join(answer.followed()))
        return Exchange(request, response, witnessed=True)


@pytest.mark.parametrize("scenario", SEARCHES, ids=lambda one: one.id)
def test_a_model_that_does_not_search_is_no_fault_of_its_endpoint(scenario: Scenario) -> None:
    """What its searches would have shown is inconclusive."""
    told = try_scenario(scenario, Incurious(), given(scenario), api_version="v1beta", sleep=FakeClock().sleep)
    found = {
        one.outcome for part in judge_tried(told, closed=False, weak=False) for one in part.report.findings
    }
    assert "inconclusive" in found
    assert not found & {"fail", "untestable"}
