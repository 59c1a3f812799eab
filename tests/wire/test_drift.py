"""What differs between two recordings: each kind of drift by its name, and content never as shape."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.wire.drift import UNKNOWN, Drifted, differences
from conformance.wire.trace import Trace
from tests.miniatures import CONVERSATIONS, conversation, patched, stream, trace_of

steady = settings(derandomize=True, deadline=None, max_examples=100)
ANSWER = "/0/response/body"
EVENTS = "/0/response/events"


def changed(name: str, *operations: dict[str, Any]) -> list[Drifted]:
    """A conversation beside itself, patched."""
    return differences(conversation(name), trace_of(patched(name, operations), name))


def put(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def drop(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


def move(path: str, to: str) -> dict[str, Any]:
    return {"op": "move", "from": path, "path": to}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_recording_beside_itself_differs_in_nothing(name: str) -> None:
    assert differences(conversation(name), conversation(name)) == []


SHAPES: dict[str, tuple[str, list[dict[str, Any]], str, str, str]] = {
    "a member is added": (
        "text",
        [put(f"{ANSWER}/usage/energy", 3)],
        "new field",
        "/usage/energy",
        "energy",
    ),
    "a member is added to one of many": (
        "search",
        [put(f"{ANSWER}/steps/0/mood", "calm")],
        "new field",
        "/steps/*[thought]/mood",
        "mood",
    ),
    "a member of an event is added": (
        "text_stream",
        [put(f"{EVENTS}/0/interaction/region", "eu")],
        "new field",
        "interaction.created /interaction/region",
        "region",
    ),
    "a member is gone": ("text", [drop(f"{ANSWER}/updated")], "gone field", "/updated", "updated"),
    "a number is a text": (
        "text",
        [put(f"{ANSWER}/usage/total_tokens", "187")],
        "changed type",
        "/usage/total_tokens",
        "string instead of integer",
    ),
    "a whole number is none": (
        "text",
        [put(f"{ANSWER}/usage/total_tokens", 187.5)],
        "changed type",
        "/usage/total_tokens",
        "number instead of integer",
    ),
    "a list is null": (
        "text",
        [put(f"{ANSWER}/steps", None)],
        "changed type",
        "/steps",
        "null instead of array",
    ),
    "the body is a list": ("text", [put(ANSWER, [])], "changed type", "the body", "array instead of object"),
    "the body is no JSON": (
        "text",
        [drop(ANSWER), put("/0/response/raw", "Hello")],
        "changed type",
        "the body",
        "text",
    ),
    "a word is new": ("text", [put(f"{ANSWER}/service_tier", "turbo")], "new word", "/service_tier", "turbo"),
    "a known word is another one": (
        "text",
        [put(f"{ANSWER}/service_tier", "flex")],
        "new word",
        "/service_tier",
        "flex",
    ),
    "a kind of step is new": (
        "text",
        [put(f"{ANSWER}/steps/-", {"type": "dream"})],
        "new kind",
        "/steps/*",
        "dream",
    ),
    "a kind of step is gone": ("text", [drop(f"{ANSWER}/steps/0")], "gone kind", "/steps/*", "thought"),
    "a kind of delta is new": (
        "text_stream",
        [put(f"{EVENTS}/4", {"index": 0, "delta": {"type": "dream"}, "event_type": "step.delta"})],
        "new kind",
        "step.delta /delta",
        "dream",
    ),
    "an event is new": (
        "text_stream",
        [put(f"{EVENTS}/2", {"event_type": "step.heartbeat"})],
        "new event",
        "events",
        "step.heartbeat",
    ),
    "an event is gone": (
        "text_stream",
        [drop(f"{EVENTS}/1")],
        "gone event",
        "events",
        "interaction.status_update",
    ),
    "the last frame is gone": ("search_stream", [drop(f"{EVENTS}/17")], "gone event", "events", "[DONE]"),
    "the status is another one": ("text", [put("/0/response/status", 201)], "other status", "status", "201"),
    "the content type is another one": (
        "text",
        [put("/0/response/headers/content-type", "text/json")],
        "other content type",
        "content-type",
        "text/json",
    ),
    "steps come in another order": (
        "text",
        [move(f"{ANSWER}/steps/1", f"{ANSWER}/steps/0")],
        "other order",
        "steps",
        "steps",
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_each_kind_of_drift_is_told_as_that_kind(case: str) -> None:
    """One thing is changed, one difference of shape is told: what, where, and which."""
    name, operations, kind, place, named = SHAPES[case]
    shape = [one for one in changed(name, *operations) if one.is_shape]
    assert [(one.kind, one.place, one.name) for one in shape] == [(kind, place, named)]
    assert [one.kind for one in changed(name, *operations) if not one.is_shape] in ([], ["content"])


def test_events_in_another_order_are_told_with_both_orders() -> None:
    (one,) = differences(stream("C S0 D0 P0 F Z"), stream("S0 D0 C P0 F Z"))[:1]
    assert (one.kind, one.place) == ("other order", "events")
    assert one.old == "interaction.created, step.start, step.stop, interaction.completed, [DONE]"
    assert one.new == "step.start, interaction.created, step.stop, interaction.completed, [DONE]"


@pytest.mark.parametrize(
    ("letters", "told"),
    [
        ("C S0 D0 S1 D1 P0 P1 F Z", "steps overlap"),
        ("C S0 P0 D0 S1 D1 P1 F Z", "step.delta after its step.stop"),
        ("C D0 S0 D0 P0 S1 P1 F Z", "step.delta before its step.start"),
        ("C S0 D0 P0 S1 D1 F Z", "a step does not stop"),
        ("C S0 D0 P0 S1 D1 P1 F U Z", "events after interaction.completed"),
    ],
)
def test_an_order_within_steps_is_told_in_words(letters: str, told: str) -> None:
    """What no stream should do, whichever of its events do it; and the way back as well."""
    right, wrong = (
        stream("C U S0 D0 P0 S1 D1 P1 F Z"),
        stream(letters if "U" in letters else f"C U {letters[2:]}"),
    )
    assert ("other order", told) in [(one.kind, one.name) for one in differences(right, wrong)]
    assert ("other order", f"no more {told}") in [(one.kind, one.name) for one in differences(wrong, right)]


def test_how_many_deltas_and_updates_there_are_is_content() -> None:
    """A text in more pieces, and a status that is told twice, later: the grammar is the same."""
    old = stream("C U S0 D0 P0 S1 D1 P1 F Z")
    new = stream("C S0 D0 D0 U D0 P0 S1 D1 D1 P1 U F Z")
    found = differences(old, new)
    assert found
    assert [one for one in found if one.is_shape] == []


def test_a_text_cut_in_other_places_is_another_chunking_and_no_other_text() -> None:
    event = {"index": 1, "delta": {"text": "", "type": "text"}, "event_type": "step.delta"}
    first = next(
        number
        for number, told in enumerate(patched("text_stream", [])[0]["response"]["events"])
        if isinstance(told, dict) and told.get("delta", {}).get("type") == "text"
    )
    (one,) = changed("text_stream", put(f"{EVENTS}/{first}", event))
    assert (one.kind, one.name) == ("content", "chunk")


def test_what_the_contract_knows_of_it_is_told() -> None:
    """A field and a word that it does not know, or knows; a field that it requires, or does not."""
    for operation, contract in (
        (put(f"{ANSWER}/usage/energy", 3), UNKNOWN),
        (put(f"{ANSWER}/service_tier", "turbo"), UNKNOWN),
        (put(f"{ANSWER}/service_tier", "flex"), "known to the contract"),
        (put(f"{ANSWER}/labels", {"a": "b"}), "known to the contract"),
        (drop(f"{ANSWER}/status"), "the contract requires it"),
        (drop(f"{ANSWER}/updated"), "the contract lets it be absent"),
        (put(f"{ANSWER}/usage/total_tokens", "9"), "the contract does not allow it"),
    ):
        (one,) = changed("text", operation)
        assert one.contract == contract
        assert one.is_unknown is (contract == UNKNOWN)


def test_samples_are_short_and_tell_how_often() -> None:
    long = {"text": "x" * 500}
    (one,) = (
        one for one in changed("search", put(f"{ANSWER}/steps/0/more", long)) if one.kind == "new field"
    )
    assert (one.old, one.count) == ("", 1)
    assert one.new.startswith('{"text": "xxx')
    assert one.new.endswith("…")
    assert len(one.new) == 60


def test_what_a_function_is_called_with_is_content() -> None:
    """Arguments are the model's: members, types and all."""
    found = changed("functions", put(f"{ANSWER}/steps/1/arguments", {"place": ["Ulm"], "days": 3}))
    assert [(one.kind, one.name) for one in found] == [("content", "value")]


def test_a_list_that_is_empty_now_is_content() -> None:
    found = changed("search_stream", put(f"{EVENTS}/14/delta/annotations", []))
    assert [(one.kind, one.name) for one in found] == [("content", "element")]


def test_another_question_is_told_as_one_and_is_no_drift() -> None:
    """Since what differs in the answer may come of it; what a request repeats of an answer is not asked."""
    found = changed("text", put("/0/request/body/input", "Why?"))
    assert [(one.kind, one.place, one.new) for one in found] == [
        ("asked otherwise", "request /input", '"Why?"')
    ]

    same_id = "/0/response/body/steps/1/id", "/1/request/body/input/2/id", "/1/request/body/input/3/call_id"
    assert {
        one.kind for one in changed("functions_stateless", *(put(path, "other") for path in same_id))
    } == {"content"}


def test_an_exchange_that_one_recording_lacks_is_told() -> None:
    whole = conversation("functions_stateless")
    half = Trace(whole.calls[:1])
    (one,) = differences(whole, half)
    assert (one.kind, one.exchange, one.old, one.new) == (
        "asked otherwise",
        1,
        "POST /v1beta/interactions",
        "",
    )


def test_how_often_a_run_is_polled_is_content() -> None:
    """One poll more, or one less, and what comes after is still compared with what it was."""
    polled = patched("background", [])
    poll = next(number for number, one in enumerate(polled) if one["request"]["method"] == "GET")
    more = [*polled[: poll + 1], *polled[poll:]]
    for old, new in ((polled, more), (more, polled)):
        assert [(one.kind, one.name) for one in differences(trace_of(old), trace_of(new))] == [
            ("content", "poll")
        ]
    more[-1]["response"]["body"]["mood"] = "calm"
    found = differences(conversation("background"), trace_of(more))
    assert [(one.kind, one.name) for one in found if one.is_shape] == [("new field", "mood")]


FREE = {"text", "title", "url", "signature", "id", "call_id", "search_suggestions", "created", "updated"}
COUNTS = ("tokens", "total_", "_index", "count")


def _leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Give each holder of a value, and where it is held."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield value, key
        yield from _leaves(item)


@steady
@given(st.sampled_from(CONVERSATIONS), st.text(min_size=1, max_size=20), st.integers(1, 999))
def test_other_words_ids_and_numbers_are_content_alone(name: str, word: str, number: int) -> None:
    """Every text, id, signature, time and count of every answer is another one, and no shape is."""
    exchanges = patched(name, [])
    was = deepcopy(exchanges)
    for exchange in exchanges:
        for holder, key in _leaves(exchange["response"]):
            if key in FREE and isinstance(holder[key], str):
                holder[key] += word
            elif type(holder[key]) is int and any(part in str(key) for part in COUNTS):
                holder[key] += number
    found = differences(trace_of(was), trace_of(exchanges))
    assert [one for one in found if one.is_shape] == []
    assert {one.kind for one in found if one.exchange == 0} <= {"content"}
    assert bool(found) is (was != exchanges)


OPEN = ("steps", "usage", "step", "delta", "interaction", "error")


@steady
@given(st.sampled_from(CONVERSATIONS), st.data())
def test_an_added_member_is_a_new_field_wherever_it_is(name: str, data: st.DataObject) -> None:
    """In whichever object of whichever answer; its name and its place are told."""
    exchanges = patched(name, [])
    holders = [
        (number, holder[key])
        for number, exchange in enumerate(exchanges)
        for holder, key in [(exchange["response"], "body"), *_leaves(exchange["response"])]
        if key in holder or isinstance(holder, list)
        if isinstance(holder[key], dict) and (key in OPEN or "type" in holder[key] or key == "body")
    ]
    if not holders:
        return
    was = deepcopy(exchanges)
    number, chosen = data.draw(st.sampled_from(holders))
    member = data.draw(st.from_regex(r"[a-z]{3,8}_of_2030", fullmatch=True))
    chosen[member] = data.draw(st.sampled_from([1, "a", None, [], {"b": 2}]))
    shape = [one for one in differences(trace_of(was), trace_of(exchanges)) if one.is_shape]
    assert {(one.exchange, one.kind, one.name) for one in shape} == {(number, "new field", member)}
    assert all(one.place.endswith(f"/{member}") for one in shape)
    assert json.dumps(chosen[member]) == shape[0].new
