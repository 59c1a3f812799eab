"""What scenarios say of events and of the targets they are for."""

from pathlib import Path

import pytest

from conformance.cli import main
from conformance.scenario.play import play
from conformance.scenario.scenario import read_scenario
from conformance.scenario.target import HttpTarget
from conformance.server import Service, serving

HEAD = """
title: A scenario of a test
source: https://ai.google.dev/gemini-api/docs/streaming
exercises: [IX-CREATE-010]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.scenario.yaml"
    path.write_text(HEAD + text)
    return path


RESUMED = """
calls:
  - name: begin
    operation: interactions.create
    arguments: {model: gemini-3.5-flash, input: Hello, background: true, stream: true}
    bind: {turn: $.id}
    bind_events: {mark: '$[3].event_id'}
  - name: resume
    operation: interactions.get
    arguments: {id: <turn>, stream: true, last_event_id: <mark>}
"""


def test_a_value_is_bound_from_an_event(tmp_path: Path) -> None:
    """The stream goes on after the event whose id was bound."""
    scenario = read_scenario(written(tmp_path, RESUMED))
    with serving(seed=7) as server, HttpTarget(server.url, key="k") as target:
        first, second = play(scenario, target).trace.streams

    assert [event.json for event in second.payloads] == [event.json for event in first.payloads[4:]]


def test_an_event_of_a_unary_answer_cannot_be_bound(tmp_path: Path) -> None:
    """The play stops, and says why."""
    scenario = read_scenario(
        written(tmp_path, RESUMED.replace("background: true, stream: true", "store: true"))
    )
    with serving(seed=7) as server, HttpTarget(server.url, key="k") as target:
        played = play(scenario, target)

    assert played.stopped == "after the call begin, <mark> cannot be bound: the answer is no stream"


def test_an_error_event_is_the_error_that_is_expected(tmp_path: Path) -> None:
    """Whether it is told by the body or in the stream."""
    text = """
calls:
  - name: ask
    operation: interactions.create
    headers: {x-conformance-control: '{"error": "api_error", "form": "event"}'}
    arguments: {model: gemini-3.5-flash, input: Hello, stream: true}
    expect: {error: api_error}
"""
    scenario = read_scenario(written(tmp_path, text))
    with serving(seed=7) as server, HttpTarget(server.url, key="k") as target:
        assert play(scenario, target).misses == []


def test_a_scenario_for_other_targets_does_not_apply(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not played, and nothing is judged by it."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "only: [embedded]\n" + RESUMED)
    with serving(seed=7) as server:
        assert main(["run", "mine.scenario.yaml", "--target", server.url]) == 5
        assert isinstance(server.service, Service)
        assert len(server.service.memory) == 0

    told = capsys.readouterr().out
    assert "not-applicable" in told
    assert "0 of 0 scenarios" in told
