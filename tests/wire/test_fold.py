"""From the events of a stream to the interaction that they add up to."""

import json
from typing import Any

import pytest

from conformance.wire.fold import fold


def folded(start: dict[str, Any], *deltas: Any) -> dict[str, Any]:
    """The one step that a start and its deltas add up to."""
    events = [
        {"event_type": "step.start", "index": 0, "step": start},
        *({"event_type": "step.delta", "index": 0, "delta": delta} for delta in deltas),
        {"event_type": "step.stop", "index": 0},
    ]
    (step,) = fold(events)["steps"]
    return dict(step)


def text(value: str) -> dict[str, str]:
    """A text delta."""
    return {"text": value, "type": "text"}


def test_text_joins_in_order_of_arrival() -> None:
    """Fragments of text make one block."""
    step = folded({"type": "model_output"}, text("Hel"), text(""), text("lo"))

    assert step == {"type": "model_output", "content": [{"text": "Hello", "type": "text"}]}


def test_text_goes_on_where_the_start_began() -> None:
    """A block that the start brought is continued, and the start is not changed."""
    start = {"type": "model_output", "content": [{"type": "text", "text": "Hel"}]}

    assert folded(start, text("lo"))["content"] == [{"type": "text", "text": "Hello"}]
    assert start["content"] == [{"type": "text", "text": "Hel"}]


def test_a_change_of_kind_opens_a_block() -> None:
    """An image between two texts makes three blocks."""
    image = {"mime_type": "image/png", "data": "AAAA", "type": "image"}

    content = folded({"type": "model_output"}, text("a"), image, text("b"))["content"]

    assert content == [text("a"), image, text("b")]


def test_annotations_belong_to_the_text_so_far() -> None:
    """Those of several deltas are collected in one list of the block."""
    first, second = {"type": "url_citation", "url": "https://a.example"}, {"type": "place_citation"}

    (block,) = folded(
        {"type": "model_output"},
        text("a"),
        {"type": "text_annotation_delta", "annotations": [first]},
        text("b"),
        {"type": "text_annotation_delta", "annotations": [second]},
    )["content"]

    assert block == {"text": "ab", "type": "text", "annotations": [first, second]}


def test_arguments_join_and_are_parsed() -> None:
    """The pieces are JSON when they are all there, and replace what the start had."""
    start = {"id": "call_1", "type": "function_call", "name": "add", "arguments": {}}
    pieces = [{"arguments": piece, "type": "arguments_delta"} for piece in ('{"x": 7', ', "y": 11}')]

    assert folded(start, *pieces) == {**start, "arguments": {"x": 7, "y": 11}}


@pytest.mark.parametrize("broken", ['{"x": ', "[" * 50_000])
def test_arguments_that_are_not_json_stay_text(broken: str) -> None:
    """What the check of arguments looks at is what came."""
    start = {"type": "function_call", "arguments": {}}

    assert folded(start, {"arguments": broken, "type": "arguments_delta"})["arguments"] == broken


def test_a_thought_gets_summary_and_signature() -> None:
    """Each summary delta is one item; the signature is a field of the step."""
    step = folded(
        {"type": "thought"},
        {"content": text("First."), "type": "thought_summary"},
        {"content": text("Then."), "type": "thought_summary"},
        {"signature": "c2ln", "type": "thought_signature"},
    )

    assert step == {"type": "thought", "summary": [text("First."), text("Then.")], "signature": "c2ln"}


def test_other_deltas_fill_the_fields_of_their_step() -> None:
    """An empty string tells nothing new."""
    start = {"id": "call_1", "signature": "c2ln", "type": "google_search_call"}
    delta = {"signature": "", "type": "google_search_call", "arguments": {"queries": ["a"]}}

    assert folded(start, delta) == {**start, "arguments": {"queries": ["a"]}}


def test_snapshots_and_updates_tell_the_interaction() -> None:
    """Later ones win, and a completed stream without steps has none."""
    events = [
        {"event_type": "interaction.created", "interaction": {"id": "v1_a", "status": "in_progress"}},
        {"event_type": "interaction.status_update", "interaction_id": "v1_a", "status": "requires_action"},
        {"event_type": "interaction.completed", "interaction": {"id": "v1_a", "status": "incomplete"}},
    ]

    assert fold(events[:2]) == {"id": "v1_a", "status": "requires_action"}
    assert fold(events) == {"id": "v1_a", "status": "incomplete"}


def test_steps_come_in_order_of_index() -> None:
    """They may overlap on the wire."""
    events = [
        {"event_type": "step.start", "index": 1, "step": {"type": "model_output"}},
        {"event_type": "step.start", "index": 0, "step": {"type": "thought"}},
        {"event_type": "step.delta", "index": 1, "delta": text("a")},
    ]

    assert [step["type"] for step in fold(events)["steps"]] == ["thought", "model_output"]


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        {"event_type": "step.start"},
        {"event_type": "step.start", "index": "0", "step": {}},
        {"event_type": "step.delta", "index": 7, "delta": {"type": "text", "text": "a"}},
        {"event_type": "step.delta", "index": 0, "delta": None},
        {"event_type": "interaction.completed", "interaction": []},
    ],
    ids=json.dumps,
)
def test_malformed_events_are_passed_over(event: Any) -> None:
    """Whoever wants to know about them reads the verdicts."""
    assert fold([event]) == {}


@pytest.mark.parametrize(
    "delta",
    [
        {},
        {"type": None},
        {"type": []},
        {"type": "text", "text": 5},
        {"type": "text_annotation_delta", "annotations": {"a": 1}},
        {"type": "arguments_delta", "arguments": {"a": 1}},
        {"type": "thought_summary"},
    ],
    ids=json.dumps,
)
def test_malformed_deltas_leave_the_step_standing(delta: Any) -> None:
    """A step of the wrong shape is still that step."""
    assert folded({"type": "model_output"}, delta, text("a"))["content"][-1] == text("a")


@pytest.mark.parametrize("content", [None, "text", [None], [{"type": "text", "text": None}]], ids=json.dumps)
def test_a_start_with_odd_content_is_continued(content: Any) -> None:
    """What is no block is left out; nothing raises."""
    assert folded({"type": "model_output", "content": content}, text("a"))["content"][-1]["type"] == "text"
