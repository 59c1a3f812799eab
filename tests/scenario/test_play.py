"""Playing: what is sent, what is bound, what is expected, whatever the server says."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.contract.places import folder
from conformance.scenario.expectation import misses_of
from conformance.scenario.play import play
from conformance.scenario.running import Options, Targets, run_scenario
from conformance.scenario.scenario import Expectation, ScenarioCall, read_scenario
from conformance.scenario.target import HttpTarget
from conformance.server import ReferenceServer, serving
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.trace import Trace
from tests.badservers import answer, listening, relaying

SCENARIOS = folder("scenarios") / "interactions"
STEPS = [
    {"type": "thought", "signature": "c2ln"},
    {"type": "function_call", "id": "a", "name": "look", "arguments": {"place": "London", "units": "C"}},
    {"type": "function_call", "id": "b", "name": "look", "arguments": {"place": "Paris"}},
    {"type": "model_output", "content": [{"type": "text", "text": "Eight paws."}]},
]


@pytest.fixture(scope="module")
def server() -> Iterator[ReferenceServer]:
    """A server on a port."""
    with serving(seed=7) as running:
        yield running


def missed(expect: Expectation, body: Any = None, status: int = 200) -> list[str]:
    """What one answer lacks."""
    told = {"id": "v1_x", "object": "interaction", "status": "completed", "steps": STEPS}
    response = Response(status, (("content-type", "application/json"),), json.dumps(body or told).encode())
    request = Request("POST", "/v1beta/interactions", None, b'{"model": "m", "input": "Hello"}')
    return [one for _, one in misses_of(expect, Trace.of([Exchange(request, response)]).calls[0])]


@pytest.mark.parametrize(
    "expect",
    [
        Expectation(),
        Expectation(status="completed", says="(?i)eight", lacks=("user_input",)),
        Expectation(includes=({"type": "function_call", "id": "b"}, {"type": "model_output"})),
        Expectation(includes=({"type": "function_call"}, {"type": "function_call"})),
        Expectation(includes=({"arguments": {"place": "London"}},)),
        Expectation(includes=({"content": [{"text": "Eight paws."}]},)),
    ],
)
def test_an_answer_as_expected_misses_nothing(expect: Expectation) -> None:
    """Members that nobody asked for may be there."""
    assert missed(expect) == []


@pytest.mark.parametrize(
    ("expect", "miss"),
    [
        (Expectation(http=400), "HTTP 200; expected HTTP 400"),
        (Expectation(status="failed"), "the status is 'completed'; expected 'failed'"),
        (Expectation(error="not_found"), "the error code is None; expected 'not_found'"),
        (Expectation(says="nine"), "the text 'Eight paws.' does not match 'nine'"),
        (Expectation(lacks=("thought",)), "a thought step is there; expected none"),
        (Expectation(includes=({"type": "function_call"},) * 3), "no step matches {'type': 'function_call'}"),
        (Expectation(includes=({"type": "model_output"}, {"type": "thought"})), "no step matches"),
        (Expectation(includes=({"content": [{"text": "Eight"}]},)), "no step matches"),
    ],
)
def test_a_miss_says_what_was_found(expect: Expectation, miss: str) -> None:
    """Steps are looked for in order; a value is the same or it is not."""
    assert [text.startswith(miss) for text in missed(expect)] == [True]


def test_an_error_is_expected_by_code_and_shown_by_message() -> None:
    """A call that is refused unexpectedly says why."""
    body = {"error": {"code": "not_found", "message": "No such interaction."}}
    assert missed(Expectation(http=404, error="not_found"), body, 404) == []
    assert missed(Expectation(), body, 404) == ["HTTP 404 ('No such interaction.'); expected HTTP 200"]


def test_the_first_match_is_bound(server: ReferenceServer) -> None:
    """Two calls match the path: the first one's id is the value."""
    scenario = read_scenario(SCENARIOS / "function_calling_parallel.scenario.yaml")
    asked = replace(scenario.calls[0], bind={"call": "$.steps[?@.type == 'function_call'].id"})
    look = ScenarioCall("look", "interactions.get", {"id": "<call>"})
    with HttpTarget(server.url, key="a-key") as target:
        played = play(replace(scenario, calls=(asked, look)), target)
    ids = [step["id"] for step in played.trace.calls[0].steps if step["type"] == "function_call"]
    assert len(ids) > 1
    assert played.trace.calls[1].id == ids[0]


def test_what_cannot_be_bound_ends_the_play() -> None:
    """The calls after it are not sent, and the reason is a sentence."""
    scenario = read_scenario(SCENARIOS / "turns.scenario.yaml")
    with (
        listening(relaying(lambda body: body.replace(b'"id":', b'"di":'))) as relay,
        HttpTarget(relay.url, key="a-key") as target,
    ):
        played = play(scenario, target)
    assert len(relay.requests) == 1
    assert played.stopped == "after the call tell, <first> cannot be bound: nothing matches $.id"


def test_requests_are_those_of_the_quickstart(server: ReferenceServer) -> None:
    """v1beta with its revision, v1 without; a stream is accepted as one; the key in its header."""
    scenario = read_scenario(SCENARIOS / "text_streamed.scenario.yaml")
    with listening(relaying()) as relay, HttpTarget(relay.url, key="a-key") as target:
        for version in ("v1beta", "v1"):
            play(scenario, target, api_version=version)
    headers = [{name.lower(): value for name, value in r.headers or ()} for r in relay.requests]
    assert [request.method for request in relay.requests] == ["POST", "GET"] * 2
    assert relay.requests[0].url == "/v1beta/interactions?alt=sse"
    assert relay.requests[2].url == "/v1/interactions?alt=sse"
    assert [found.get("api-revision") for found in headers] == ["2026-05-20"] * 2 + [None] * 2
    assert [found["accept"] for found in headers[:2]] == ["text/event-stream", "application/json"]
    assert all(found["x-goog-api-key"] == "a-key" for found in headers)
    assert all(found["accept-encoding"] == "identity" for found in headers)


def test_a_scenario_chooses_its_key() -> None:
    """No key is no header; a bad one holds nothing of the good one."""
    calls = [ScenarioCall("x", "interactions.create", {"input": "Hello"}, key=key) for key in ("none", "bad")]
    scenario = read_scenario(SCENARIOS / "refusals.scenario.yaml")
    with listening(relaying()) as relay, HttpTarget(relay.url, key="a-key") as target:
        for call in calls:
            play(replace(scenario, calls=(call,)), target)
    keys = [dict(request.headers or ()).get("x-goog-api-key") for request in relay.requests]
    assert keys == [None, "bad-key"]


WEIRD: list[Any] = [None, 5, "<call>", "\ud800", "", [], {}, [5], [[]], {"type": []}, -1e308, "é/?#%"]


@pytest.mark.parametrize("name", ["function_calling", "function_calling_stateless", "text_streamed"])
@pytest.mark.parametrize("member", ["id", "steps", "status", "usage", "type", "content"])
def test_no_answer_is_a_fault_of_ours(name: str, member: str) -> None:
    """Whatever stands where an id, a step or a status should: a finding or nothing, never an error."""
    path = SCENARIOS / f"{name}.scenario.yaml"
    targets = Targets(Options())
    for value in WEIRD:
        with listening(relaying(partial(_changed, member=member, value=value))) as relay:
            summary, *_ = run_scenario(path, relay.url, targets)
        assert summary["exit_code"] == 0, (value, summary)
    targets.close()


def _changed(body: bytes, member: str, value: Any) -> bytes:
    """Put a value wherever a member of that name stands, in a document or in events."""

    def change(found: Any) -> Any:
        if isinstance(found, dict):
            return {key: value if key == member else change(item) for key, item in found.items()}
        return [change(item) for item in found] if isinstance(found, list) else found

    if body.startswith(b"{"):
        return json.dumps(change(json.loads(body))).encode()
    lines = body.split(b"\n")
    return b"\n".join(
        b"data: " + json.dumps(change(json.loads(line[6:]))).encode() if line.startswith(b"data: {") else line
        for line in lines
    )


def test_an_answer_is_never_read_for_names(tmp_path: Path) -> None:
    """An id that looks like a name of the scenario is sent back as it is."""
    first = {
        "name": "ask",
        "operation": "interactions.create",
        "arguments": {"model": "m", "input": "Hello"},
        "bind": {"turn": "$.id"},
    }
    look = {"name": "look", "operation": "interactions.get", "arguments": {"id": "<turn>"}}
    data = {
        "title": "t",
        "source": "https://a.example",
        "exercises": ["IX-CREATE-011"],
        "calls": [first, look],
    }
    path = tmp_path / "names.scenario.yaml"
    path.write_text(yaml.safe_dump(data))
    body = json.dumps({"id": "<turn>", "object": "interaction", "status": "completed", "steps": []}).encode()
    with (
        listening(lambda peer, _: peer.sendall(answer("200 OK", "application/json", body))) as server,
        HttpTarget(server.url, key="a-key") as target,
    ):
        play(read_scenario(path), target)
    assert server.requests[-1].url == "/v1beta/interactions/%3Cturn%3E"
