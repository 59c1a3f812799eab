"""Every way to be wrong: drawn, really wrong, refused as documented, and told by the judge."""

import json
import re
from typing import Any

import pytest
from hypothesis import find, given

from conformance.contract.registry import registry
from conformance.generate import WAYS, Way, WrongRequest, wrong_requests
from conformance.generate.ways.calls import call_ways
from conformance.generate.ways.letters import letter_ways
from conformance.generate.ways.right import document, right_bodies, written
from conformance.generate.ways.rules import rule_ways
from conformance.generate.ways.shapes import shape_ways
from conformance.server.service import Service
from tests.generate.effort import EXAMPLES, examples
from tests.generate.stock import accepts
from tests.generate.talking import exchanged, judged, never_refuses, served

QUICK = [way for way in WAYS.values() if not way.costly]
FIRM = [way for way in QUICK if not way.tolerated]
COSTLY = [way for way in WAYS.values() if way.costly]
REFUSALS = {400, 401, 403, 404, 405, 413, 415, 416, 501}
SMALL = 260


SOME_QUICK = [
    pytest.param(way, marks=[pytest.mark.slow] * (number % 16 > 0)) for number, way in enumerate(QUICK)
]
"""The others are slow together."""


def _name(way: Way) -> str:
    return way.name


def test_there_are_many_ways_and_each_is_named_and_told_once() -> None:
    """Sixty at least that no endpoint may answer, each with a sentence of its own."""
    assert len(FIRM) >= 60
    assert len(WAYS) == sum(map(len, (rule_ways(), shape_ways(), letter_ways(), call_ways())))
    assert all(re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", name) for name in WAYS)
    assert len({way.says for way in WAYS.values()}) == len(WAYS)
    assert all(way.says.endswith(".") and len(way.says) < 90 for way in WAYS.values())


@pytest.mark.parametrize("way", WAYS.values(), ids=_name)
def test_a_way_names_a_requirement_for_servers(way: Way) -> None:
    """And what is right: a refusal, or an answer too where it says why."""
    requirement = registry()[way.requirement]

    assert requirement.party in ("server", "both")
    assert bool(way.tolerated) == (200 in way.statuses)
    assert set(way.statuses) - {200} <= REFUSALS
    assert way.tolerated or requirement.checks


@pytest.mark.parametrize("way", QUICK, ids=_name)
def test_a_wrong_request_is_refused_as_documented(way: Way) -> None:
    """With a status of the way, in an envelope, and the judge finds nothing in it."""

    @examples(max(3, EXAMPLES // 25))
    @given(wrong_requests([way.name]))
    def refused(wrong: WrongRequest) -> None:
        exchanges = exchanged(wrong, served(Service(seed=7)))
        response = exchanges[-1].response

        assert wrong.way == way.name
        assert response is not None
        assert response.status in way.statuses
        assert judged(exchanges).findings == []
        if response.status != 200:
            assert json.loads(response.body)["error"]["message"]

    refused()


@pytest.mark.parametrize("way", [way for way in FIRM if not way.unseen], ids=_name)
def test_a_service_that_refuses_nothing_is_told_by_the_judge(way: Way) -> None:
    """By the requirement of the way, from the exchange alone."""

    @examples(max(3, EXAMPLES // 25))
    @given(wrong_requests([way.name]))
    def told(wrong: WrongRequest) -> None:
        findings = judged(exchanged(wrong, never_refuses)).findings

        assert way.requirement in {verdict.requirement for verdict in findings}

    told()


@pytest.mark.parametrize("way", [way for way in QUICK if way.unseen], ids=_name)
def test_what_the_judge_cannot_tell_says_why(way: Way) -> None:
    """And it would be told if it could: a reason that is no longer true has to go."""

    @examples(max(3, EXAMPLES // 25))
    @given(wrong_requests([way.name]))
    def untold(wrong: WrongRequest) -> None:
        findings = judged(exchanged(wrong, never_refuses)).findings

        assert way.requirement not in {verdict.requirement for verdict in findings}

    untold()


@pytest.mark.parametrize("way", COSTLY, ids=_name)
def test_a_costly_way_is_refused_too(way: Way) -> None:
    """By the service where it reads so much; a larger body is refused by the connection before."""

    @examples(1)
    @given(wrong_requests([way.name]))
    def refused(wrong: WrongRequest) -> None:
        assert way.holds(wrong)
        if way.name != "body-too-large":
            (exchange,) = exchanged(wrong, served(Service(seed=7)))
            assert exchange.response is not None
            assert exchange.response.status in way.statuses

    refused()
    assert way.name not in {one.name for one in QUICK}


@pytest.mark.parametrize("way", SOME_QUICK, ids=_name)
def test_a_wrong_request_is_made_small(way: Way) -> None:
    """Nothing is left of it but what is wrong."""
    wrong = find(wrong_requests([way.name]), lambda _: True, settings=examples(10))

    assert len(wrong.body) <= SMALL
    if isinstance(body := _read(wrong.body), dict):
        assert len(body) <= 5


def _read(body: bytes) -> Any:
    try:
        return document(body)
    except ValueError:
        return None


@examples(150)
@given(right_bodies())
def test_no_way_holds_for_a_right_request(body: dict[str, Any]) -> None:
    """So that what was made smaller than wrong is not reported; and the request is really right."""
    request = WrongRequest("", body=written(body))
    exchanges = exchanged(request, served(Service(seed=7)))

    assert accepts("interactions/create_request", body)
    assert exchanges[-1].response is not None
    assert exchanges[-1].response.status == 200
    assert [way.name for way in WAYS.values() if way.holds(request)] == []


@pytest.mark.parametrize("way", [way for way in QUICK if way.requirement == "IX-CREATE-043"], ids=_name)
def test_a_malformed_value_is_refused_by_a_stock_validator_too(way: Way) -> None:
    """Or it is tolerated for another reason than its type."""

    @examples(max(3, EXAMPLES // 25))
    @given(wrong_requests([way.name]))
    def malformed(wrong: WrongRequest) -> None:
        assert way.tolerated or not accepts("interactions/create_request", document(wrong.body))

    malformed()


def test_all_ways_are_drawn_but_costly_ones() -> None:
    """From one strategy, as a fuzzer does."""
    seen: set[str] = set()

    @examples(500)
    @given(wrong_requests())
    def drawn(wrong: WrongRequest) -> None:
        assert WAYS[wrong.way].holds(wrong)
        seen.add(wrong.way)

    drawn()
    assert len(seen) > 60
    assert seen <= {way.name for way in QUICK}


def test_an_unknown_way_is_refused() -> None:
    """With its name."""
    with pytest.raises(KeyError, match="no-such-way"):
        wrong_requests(["no-such-way"])
