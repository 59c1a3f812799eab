"""What an answer will cost in tokens, and what it has cost; what a scenario will cost altogether."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.places import folder
from conformance.scenario.live.budget import Budget, Purse
from conformance.scenario.live.forecast import Forecast, forecast_of
from conformance.scenario.live.manners import Polite
from conformance.scenario.live.metering import expected_tokens, told_tokens
from conformance.scenario.needs import given
from conformance.scenario.play import play
from conformance.scenario.running import cassette_path
from conformance.scenario.scenario import read_scenario
from conformance.wire.exchange import Exchange, Response
from tests.live.clock import FakeClock
from tests.scenario.live.endpoint import Endpoint, create

PLAIN = {"model": "gemini-3.5-flash", "input": "Hello"}
SEARCH = {"type": "google_search"}
FUNCTION = {"type": "function", "name": "f"}
AGENT = {"agent": "deep-research-pro-preview-12-2025", "input": "Hello", "background": True}


def test_what_was_asked_counts_with_the_answer() -> None:
    """A longer question is dearer, and so is a turn that goes on from others."""
    plain = expected_tokens(PLAIN)
    assert 700 < plain < 720
    assert expected_tokens({**PLAIN, "input": "Hello" * 3000}) == pytest.approx(plain + 5000, abs=5)
    assert expected_tokens(PLAIN, history=3000) == plain + 3000


@pytest.mark.parametrize(
    ("more", "at_least"),
    [
        ({"tools": [SEARCH]}, 1500),
        ({"tools": [SEARCH, {"type": "url_context"}]}, 3000),
        ({"input": [{"type": "image", "data": "A" * 100_000, "mime_type": "image/png"}]}, 1500),
        ({"response_format": {"type": "image"}}, 4000),
        ({"response_modalities": ["audio"]}, 4000),
        ({"model": "gemini-3-pro-image-preview"}, 0),
        ({"generation_config": {"thinking_level": "high"}}, 700),
    ],
)
def test_what_makes_an_answer_dearer_is_expected_to(more: dict[str, Any], at_least: int) -> None:
    """Tools of the server, media in and out, long thoughts; by about that much."""
    difference = expected_tokens({**PLAIN, **more}) - expected_tokens(PLAIN)
    assert at_least <= difference <= at_least + 100 or (more.get("model") and difference >= 4000)


def test_a_function_costs_no_more_than_its_words() -> None:
    """It is the client that runs it."""
    assert expected_tokens({**PLAIN, "tools": [FUNCTION]}) - expected_tokens(PLAIN) < 50


def test_an_agent_at_work_is_dear() -> None:
    """One that is refused, since the request is wrong, is not."""
    assert expected_tokens(AGENT) > 100_000
    wrongs: list[dict[str, Any]] = [{"background": False}, {"model": "m"}, {"tools": [FUNCTION]}]
    for wrong in [*wrongs, {"generation_config": {}}]:
        assert expected_tokens({**AGENT, **wrong}) < 5000


@pytest.mark.parametrize(
    "body", [{}, {"tools": 7}, {"tools": ["x"]}, {"input": None, "generation_config": 1}]
)
def test_a_wrong_request_has_a_cost_too(body: dict[str, Any]) -> None:
    """Scenarios send them."""
    assert expected_tokens(body) >= 700


def answered(body: bytes, *, cut: str = "", streamed: bool = False) -> Exchange:
    """An answer to a create."""
    kind = "text/event-stream" if streamed else "application/json"
    return Exchange(create(stream=streamed), Response(200, (("Content-Type", kind),), body, cut=cut))


def test_an_answer_tells_what_it_cost() -> None:
    """In a body and in a stream."""
    whole = {"id": "v1_a", "status": "completed", "steps": [], "usage": {"total_tokens": 161}}
    assert told_tokens(answered(json.dumps(whole).encode())) == ("v1_a", 161)
    events: list[dict[str, Any]] = [
        {"event_type": "interaction.created", "interaction": {"id": "v1_a", "status": "in_progress"}},
        {"event_type": "interaction.completed", "interaction": whole},
    ]
    text = "".join(f"event: {one['event_type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    assert told_tokens(answered(text.encode(), streamed=True)) == ("v1_a", 161)
    begun = text.partition("\n\n")[0] + "\n\n"
    assert told_tokens(answered(begun.encode(), streamed=True, cut="reset")) == ("v1_a", None)


@pytest.mark.parametrize(
    "usage", [None, [], {}, {"total_tokens": "161"}, {"total_tokens": True}, {"total_tokens": -1}]
)
def test_what_is_no_number_of_tokens_is_none(usage: Any) -> None:
    """A wrong endpoint does not fill or empty a purse."""
    assert told_tokens(
        answered(json.dumps({"id": "v1_a", "status": "completed", "usage": usage}).encode())
    ) == ("v1_a", None)


def test_an_answer_that_breaks_off_tells_its_id() -> None:
    """Where that came; one that is whole and no JSON tells none."""
    assert told_tokens(answered(b'{"id": "v1_a-b", "usage": {"total_tok', cut="reset")) == ("v1_a-b", None)
    assert told_tokens(answered(b'{"status": "comp', cut="reset")) == ("", None)
    assert told_tokens(answered(b'{"id": "v1_a"')) == ("", None)
    assert told_tokens(answered(b'{"id": 7}')) == ("", None)


def forecast(path: Path) -> Forecast:
    """What one of our scenarios would cost."""
    scenario = read_scenario(path)
    return forecast_of(scenario, given(scenario), cassette_path(path))


OURS = folder("scenarios") / "interactions"


@pytest.mark.parametrize(
    ("name", "requests"),
    [
        ("text", 2),
        ("text_stateless", 1),
        ("turns", 4),
        ("stored_and_deleted", 7),
        ("background", 13),
        ("refusals_of_values", 11),
    ],
)
def test_a_forecast_counts_what_is_sent_with_what_deletes(name: str, requests: int) -> None:
    """What the scenario deletes itself is not deleted again; what is refused stores nothing."""
    assert forecast(OURS / f"{name}.scenario.yaml").requests == requests


def test_no_forecast_is_too_low() -> None:
    """Every scenario of ours, held against the books of the reference server."""
    dearer = {}
    for path in sorted(OURS.glob("*.scenario.yaml")):
        scenario = read_scenario(path)
        if scenario.only:
            continue
        endpoint = Endpoint()
        target = Polite(endpoint, Purse(Budget(), FakeClock()))
        play(scenario, target)
        target.tidy()
        told = forecast(path)
        if len(endpoint.requests) > told.requests:
            dearer[scenario.id] = (len(endpoint.requests), told.requests)
        assert target.purse.tokens <= told.tokens, scenario.id
    assert dearer == {}


def test_a_turn_that_goes_on_costs_what_was_before_again() -> None:
    """The service reads it all."""
    one, two = (forecast(OURS / f"{name}.scenario.yaml").tokens for name in ("text", "turns"))
    assert two > 2.9 * one


def test_a_forecast_tells_what_a_cassette_shows() -> None:
    """More than the scenario says; without a cassette, what it says."""
    path = OURS / "text.scenario.yaml"
    scenario = read_scenario(path)
    shown = forecast(path).shows
    bare = forecast_of(scenario, given(scenario), Path("nowhere.yaml"))
    assert bare.shows == set(scenario.exercises)
    assert shown > bare.shows
    assert (bare.requests, bare.tokens) == (forecast(path).requests, forecast(path).tokens)
    assert bare.to_json()["shows"] == sorted(scenario.exercises)
