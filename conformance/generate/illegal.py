"""Streams that are wrong at one place: a right stream with exactly one edge of the state machine broken.

    illegal_streams()
    illegal.edge.name, illegal.edge.requirements, illegal.payloads, illegal.body()

Each edge says what is wrong, which requirements that breaks, and which steps the stream needs for it. The
rest of the stream stays as right as it was, as far as the edge lets it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.generate.choices import Choices
from conformance.generate.streams import Streamed, streams

__all__ = ["EDGES", "Edge", "Illegal", "illegal_streams"]

_Event: TypeAlias = dict[str, Any]
_OTHER_ID = "v1_of_another"


@dataclass(slots=True)
class _Told:
    """A stream while an edge of it is broken.

    names: what frames are called, by the number of the event, where that is not its type.
    texts: payloads that are no JSON, or written in another way, by the number of the event.
    done: how many `[DONE]` follow; early: one comes before the last event.
    kept: how much of the text goes out, where it is cut.
    """

    events: list[_Event]
    choose: Choices
    names: dict[int, str] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    done: int = 1
    early: bool = False
    cut: bool = False

    def all(self, kind: str) -> list[int]:
        """Where the events of a type are."""
        return [number for number, event in enumerate(self.events) if event["event_type"] == kind]

    def one(self, kind: str) -> int:
        """Choose where an event of a type is."""
        return self.choose.of(self.all(kind))

    def deltas(self, kind: str) -> list[int]:
        """Where the deltas of a type are."""
        return [at for at in self.all("step.delta") if self.events[at]["delta"]["type"] == kind]

    def delta(self, kind: str) -> _Event:
        """Choose a delta of a type."""
        found: _Event = self.events[self.choose.of(self.deltas(kind))]["delta"]
        return found

    def start(self, kind: str) -> int:
        """Choose where a step of a type starts."""
        return self.choose.of(
            [at for at in self.all("step.start") if self.events[at]["step"]["type"] == kind]
        )

    @property
    def created(self) -> _Event:
        """What the first event tells of the interaction."""
        found: _Event = self.events[0]["interaction"]
        return found

    @property
    def completed(self) -> _Event:
        """What the last event tells of the interaction."""
        found: _Event = self.events[-1]["interaction"]
        return found

    @property
    def usage(self) -> _Event:
        """What the interaction has cost."""
        found: _Event = self.completed["usage"]
        return found

    def body(self) -> str:
        """Write it as the service frames it."""
        frames = list(self._frames())
        closing = "event: done\ndata: [DONE]\n\n"
        if self.early:
            frames.insert(-1, closing)
        if self.cut:
            last = frames.pop()
            return "".join([*frames, last[: 1 + self.choose.below(len(last) - 3)]])
        return "".join([*frames, *[closing] * (self.done - self.early)])

    def _frames(self) -> Iterator[str]:
        for number, event in enumerate(self.events):
            payload = self.texts.get(number) or json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            lines = "".join(f"data: {line}\n" for line in payload.split("\n"))
            yield f"event: {self.names.get(number, event['event_type'])}\n{lines}\n"


@dataclass(frozen=True, slots=True)
class Edge:
    """One way in which a stream can be wrong.

    requirements: one of these, at least, is broken by it.
    needs: the steps that the stream begins with.
    stored: whether its interaction needs an id.
    alone: whether no step may follow those.
    """

    name: str
    says: str
    requirements: tuple[str, ...]
    breaks: Callable[[_Told], None]
    needs: tuple[str, ...] = ()
    stored: bool | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Illegal:
    """A request, and a stream that answers it wrongly at one place.

    payloads: the JSON of each event, in order, before the bytes were broken, if they are.
    """

    edge: Edge
    request: dict[str, Any]
    payloads: tuple[dict[str, Any], ...]
    text: str

    def body(self) -> bytes:
        """Give the bytes of the stream."""
        return self.text.encode()


def illegal_streams(edges: Sequence[str] = (), *, most_steps: int = 2) -> SearchStrategy[Illegal]:
    """Draw streams with one edge broken: one of those that are named, or any.

    most_steps: how many steps follow those that the edge needs.
    """
    chosen = [edge for edge in EDGES if not edges or edge.name in edges]
    return st.sampled_from(chosen).flatmap(lambda edge: _broken(edge, most_steps))


def _broken(edge: Edge, most_steps: int) -> SearchStrategy[Illegal]:
    more = 0 if edge.alone else most_steps
    right = streams(most_steps=more, first=edge.needs, stored=edge.stored)
    return right.flatmap(lambda streamed: _illegal(edge, streamed))


@st.composite
def _illegal(draw: DrawFn, edge: Edge, streamed: Streamed) -> Illegal:
    told = _Told(deepcopy(list(streamed.payloads)), Choices(draw))
    edge.breaks(told)
    return Illegal(edge, streamed.request, tuple(told.events), told.body())


# The beginning and the end.


def _created_missing(told: _Told) -> None:
    del told.events[0]


def _created_twice(told: _Told) -> None:
    at = 1 + told.choose.below(len(told.events) - 1)
    told.events.insert(at, deepcopy(told.events[0]))


def _created_late(told: _Told) -> None:
    told.events.insert(1, told.events.pop(0))


def _created_without_model(told: _Told) -> None:
    del told.created["model"]


def _created_without_status(told: _Told) -> None:
    del told.created["status"]


def _created_completed(told: _Told) -> None:
    told.created["status"] = "completed"


def _update_without_status(told: _Told) -> None:
    told.events.insert(1, {"interaction_id": told.created["id"], "event_type": "interaction.status_update"})


def _completed_missing(told: _Told) -> None:
    del told.events[-1]


def _ends_early(told: _Told) -> None:
    """Leave out the last event and [DONE], as a connection does that is closed between two events."""
    del told.events[1 + told.choose.below(len(told.events) - 1) :]
    told.done = 0


def _ends_within_an_event(told: _Told) -> None:
    told.cut = True


def _completed_twice(told: _Told) -> None:
    told.events.append(deepcopy(told.events[-1]))


def _event_after_completed(told: _Told) -> None:
    told.events.append(
        {
            "interaction_id": told.completed["id"],
            "status": "in_progress",
            "event_type": "interaction.status_update",
        }
    )


def _step_after_completed(told: _Told) -> None:
    completed = told.events.pop()
    told.events.insert(told.one("step.stop"), completed)


def _completed_in_progress(told: _Told) -> None:
    told.completed["status"] = "in_progress"


def _completed_without_status(told: _Told) -> None:
    del told.completed["status"]


def _completed_without_usage(told: _Told) -> None:
    del told.completed["usage"]


def _completed_with_steps(told: _Told) -> None:
    told.completed["steps"] = [{"type": "model_output", "content": [{"type": "text", "text": "It is noon."}]}]


def _done_missing(told: _Told) -> None:
    told.done = 0


def _done_twice(told: _Told) -> None:
    told.done = 2


def _done_early(told: _Told) -> None:
    told.early = True


def _error_without_code(told: _Told) -> None:
    told.events[-1] = {"error": {"message": "It failed."}, "event_type": "error"}
    told.done = told.choose.below(2)


def _error_without_error(told: _Told) -> None:
    told.events[-1] = {"event_type": "error"}
    told.done = told.choose.below(2)


# Steps and their numbers.


def _delta_before_start(told: _Told) -> None:
    first = told.deltas("text")[0]
    start = max(at for at in told.all("step.start") if at < first)
    told.events.insert(start, told.events.pop(first))


def _delta_after_stop(told: _Told) -> None:
    last = told.deltas("text")[-1]
    stop = min(at for at in told.all("step.stop") if at > last)
    told.events.insert(stop, told.events.pop(last))


def _delta_of_no_step(told: _Told) -> None:
    told.events[told.one("step.delta")]["index"] = 97


def _start_missing(told: _Told) -> None:
    del told.events[told.one("step.start")]


def _start_twice(told: _Told) -> None:
    at = told.one("step.start")
    told.events.insert(at + 1, deepcopy(told.events[at]))


def _stop_missing(told: _Told) -> None:
    del told.events[told.one("step.stop")]


def _stop_twice(told: _Told) -> None:
    at = told.one("step.stop")
    told.events.insert(at + 1, deepcopy(told.events[at]))


def _stop_before_start(told: _Told) -> None:
    stop = told.one("step.stop")
    start = max(at for at in told.all("step.start") if at < stop)
    told.events.insert(start, told.events.pop(stop))


def _stop_of_no_step(told: _Told) -> None:
    stop = told.one("step.stop")
    told.events.insert(stop + 1, {"index": 97, "event_type": "step.stop"})


def _renumbered(told: _Told, to: Callable[[int], int]) -> None:
    for event in told.events:
        if "index" in event:
            event["index"] = to(event["index"])


def _index_skipped(told: _Told) -> None:
    first = told.events[told.one("step.start")]["index"]
    _renumbered(told, lambda index: index + (index >= first))


def _index_reused(told: _Told) -> None:
    last = told.events[told.all("step.start")[-1]]["index"]
    other = told.choose.below(last)
    _renumbered(told, lambda index: other if index == last else index)


def _index_negative(told: _Told) -> None:
    _renumbered(told, lambda index: index - 1)


def _start_without_index(told: _Told) -> None:
    del told.events[told.one("step.start")]["index"]


def _delta_without_index(told: _Told) -> None:
    del told.events[told.one("step.delta")]["index"]


def _stop_without_index(told: _Told) -> None:
    del told.events[told.one("step.stop")]["index"]


def _index_is_a_text(told: _Told) -> None:
    event = told.events[told.one("step.start")]
    event["index"] = str(event["index"])


def _step_without_type(told: _Told) -> None:
    del told.events[told.one("step.start")]["step"]["type"]


# What deltas say.


def _delta_without_type(told: _Told) -> None:
    del told.events[told.one("step.delta")]["delta"]["type"]


def _delta_of_another_step(told: _Told) -> None:
    other = {"type": "arguments_delta", "arguments": "{}"}
    told.events[told.deltas("text")[0]]["delta"] = other


def _text_within_a_call(told: _Told) -> None:
    told.events[told.deltas("arguments_delta")[0]]["delta"] = {"type": "text", "text": "It is noon."}


def _text_is_no_text(told: _Told) -> None:
    told.delta("text")["text"] = 7


def _arguments_are_no_text(told: _Told) -> None:
    told.delta("arguments_delta")["arguments"] = {"city": "Paris"}


def _arguments_are_cut(told: _Told) -> None:
    start = told.start("function_call")
    index = told.events[start]["index"]
    parts = [at for at in told.deltas("arguments_delta") if told.events[at]["index"] == index]
    last = [at for at in parts if told.events[at]["delta"]["arguments"].strip()][-1]
    delta = told.events[last]["delta"]
    delta["arguments"] = delta["arguments"].rstrip()[:-1] or "["


def _arguments_are_a_list(told: _Told) -> None:
    start = told.start("function_call")
    index = told.events[start]["index"]
    parts = [at for at in told.deltas("arguments_delta") if told.events[at]["index"] == index]
    told.events[parts[0]]["delta"]["arguments"] = "[" + told.events[parts[0]]["delta"]["arguments"]
    told.events[parts[-1]]["delta"]["arguments"] += "]"


def _call_without_name(told: _Told) -> None:
    del told.events[told.start("function_call")]["step"]["name"]


def _call_without_id(told: _Told) -> None:
    del told.events[told.start("function_call")]["step"]["id"]


def _signature_is_no_base64(told: _Told) -> None:
    told.delta("thought_signature")["signature"] = "not base64!"


def _summary_after_signature(told: _Told) -> None:
    at = told.deltas("thought_signature")[0]
    content = {"text": "I think.", "type": "text"}
    late = {"content": content, "type": "thought_summary"}
    told.events.insert(at + 1, {"index": told.events[at]["index"], "delta": late, "event_type": "step.delta"})


def _annotations_before_text(told: _Told) -> None:
    at = told.deltas("text")[0]
    mark = {
        "type": "url_citation",
        "url": "https://example.com/",
        "title": "A",
        "start_index": 0,
        "end_index": 1,
    }
    early = {"annotations": [mark], "type": "text_annotation_delta"}
    told.events.insert(at, {"index": told.events[at]["index"], "delta": early, "event_type": "step.delta"})


def _annotations_are_no_list(told: _Told) -> None:
    at = told.deltas("text")[-1]
    late = {"annotations": {}, "type": "text_annotation_delta"}
    told.events.insert(at + 1, {"index": told.events[at]["index"], "delta": late, "event_type": "step.delta"})


# Who answers whom.


def _id_changed(told: _Told) -> None:
    told.completed["id"] = _OTHER_ID


def _id_of_an_update_changed(told: _Told) -> None:
    told.events.insert(
        1, {"interaction_id": _OTHER_ID, "status": "in_progress", "event_type": "interaction.status_update"}
    )


def _model_changed(told: _Told) -> None:
    told.completed["model"] = told.created["model"] = "gemini-of-another"


def _result_of_no_call(told: _Told) -> None:
    at = told.start("code_execution_result")
    told.events[at]["step"]["call_id"] = "call_nobody_made"


def _result_before_its_call(told: _Told) -> None:
    call, result = told.start("code_execution_call"), told.start("code_execution_result")
    ids = told.events[call]["index"], told.events[result]["index"]
    parts = [[event for event in told.events if event.get("index") == index] for index in ids]
    first = min(at for at, event in enumerate(told.events) if event.get("index") == ids[0])
    rest = [event for event in told.events if event.get("index") not in ids]
    for part, index in zip(parts, reversed(ids), strict=True):
        for event in part:
            event["index"] = index
    told.events = [*rest[:first], *parts[1], *parts[0], *rest[first:]]


def _call_id_reused(told: _Told) -> None:
    starts = [at for at in told.all("step.start") if told.events[at]["step"]["type"] == "function_call"]
    told.events[starts[1]]["step"]["id"] = told.events[starts[0]]["step"]["id"]


def _action_without_call(told: _Told) -> None:
    told.completed["status"] = "requires_action"


def _call_without_action(told: _Told) -> None:
    told.completed["status"] = "completed"


# What it cost, and when.


def _total_is_wrong(told: _Told) -> None:
    told.usage["total_tokens"] += 1 + told.choose.below(9)


def _more_cached_than_asked(told: _Told) -> None:
    told.usage["total_cached_tokens"] = told.usage["total_input_tokens"] + 1


def _modalities_do_not_add_up(told: _Told) -> None:
    asked = told.usage["total_input_tokens"]
    told.usage["input_tokens_by_modality"] = [{"modality": "text", "tokens": asked + 1}]


def _modality_in_capitals(told: _Told) -> None:
    asked = told.usage["total_input_tokens"]
    told.usage["input_tokens_by_modality"] = [{"modality": "TEXT", "tokens": asked}]


def _usage_is_early(told: _Told) -> None:
    told.created["usage"] = deepcopy(told.usage)


def _usage_of_another_interface(told: _Told) -> None:
    told.usage["prompt_tokens"] = told.usage["total_input_tokens"]


def _totals_missing(told: _Told) -> None:
    del told.usage[told.choose.of(("total_tokens", "total_input_tokens", "total_output_tokens"))]


def _time_without_zone(told: _Told) -> None:
    told.completed["created"] = told.completed["created"].removesuffix("Z")


# How it is written.


def _frame_of_another_name(told: _Told) -> None:
    number = told.choose.below(len(told.events))
    told.names[number] = told.choose.of(("message", "step.other"))


def _payload_is_cut(told: _Told) -> None:
    number = told.one("step.delta")
    whole = json.dumps(told.events[number], ensure_ascii=False)
    told.texts[number] = whole[: 1 + told.choose.below(len(whole) - 1)].split("\n")[0]


def _payload_in_two_lines(told: _Told) -> None:
    number = told.choose.below(len(told.events))
    told.texts[number] = json.dumps(told.events[number], ensure_ascii=False, indent=1)


def _legacy_name(told: _Told) -> None:
    told.events[told.one("step.start")]["event_type"] = "content.start"


def _no_event_type(told: _Told) -> None:
    number = told.one("step.delta")
    event = told.events[number]
    told.texts[number] = json.dumps({key: event[key] for key in event if key != "event_type"})
    told.names[number] = "step.delta"


_TEXT, _CALL, _THOUGHT, _TOOL = ("text",), ("function_call",), ("thought",), ("code_execution",)

EDGES: tuple[Edge, ...] = (
    Edge("created-missing", "the stream does not open with created", ("IX-STREAM-004",), _created_missing),
    Edge("created-twice", "created comes again", ("IX-STREAM-004",), _created_twice),
    Edge("created-late", "a step begins before created", ("IX-STREAM-004",), _created_late, _TEXT),
    Edge("created-without-model", "created names no model", ("IX-STREAM-005",), _created_without_model),
    Edge("created-without-status", "created tells no status", ("IX-STREAM-005",), _created_without_status),
    Edge("created-completed", "created says that it is over", ("IX-STREAM-005",), _created_completed),
    Edge("update-without-status", "an update tells no status", ("IX-STREAM-006",), _update_without_status),
    Edge("completed-missing", "[DONE] comes without completed", ("IX-STREAM-035",), _completed_missing),
    Edge("ends-early", "the stream ends between two events", ("IX-STREAM-035",), _ends_early),
    Edge(
        "ends-within-an-event", "the stream ends in its last event", ("IX-STREAM-035",), _ends_within_an_event
    ),
    Edge("completed-twice", "completed comes again", ("IX-STREAM-035",), _completed_twice),
    Edge("event-after-completed", "an update follows completed", ("IX-STREAM-035",), _event_after_completed),
    Edge(
        "step-after-completed",
        "a step ends after completed",
        ("IX-STREAM-035",),
        _step_after_completed,
        _TEXT,
    ),
    Edge(
        "completed-in-progress", "completed says that it goes on", ("IX-STREAM-038",), _completed_in_progress
    ),
    Edge(
        "completed-without-status", "completed tells no status", ("IX-CREATE-013",), _completed_without_status
    ),
    Edge("completed-without-usage", "completed tells no usage", ("IX-STREAM-037",), _completed_without_usage),
    Edge("completed-with-steps", "completed repeats the steps", ("IX-STREAM-036",), _completed_with_steps),
    Edge("done-missing", "[DONE] does not come", ("IX-STREAM-041",), _done_missing),
    Edge("done-twice", "[DONE] comes twice", ("IX-STREAM-041",), _done_twice),
    Edge("done-early", "[DONE] comes before the last event", ("IX-STREAM-041",), _done_early),
    Edge("error-without-code", "an error has no code", ("IX-STREAM-045",), _error_without_code),
    Edge("error-without-error", "an error says nothing", ("IX-STREAM-045",), _error_without_error),
    Edge(
        "delta-before-start", "a delta comes before its step", ("IX-STREAM-012",), _delta_before_start, _TEXT
    ),
    Edge("delta-after-stop", "a delta comes after its step", ("IX-STREAM-012",), _delta_after_stop, _TEXT),
    Edge("delta-of-no-step", "a delta is of no step", ("IX-STREAM-012",), _delta_of_no_step, _TEXT),
    Edge("start-missing", "a step does not start", ("IX-STREAM-012", "IX-STREAM-013"), _start_missing, _TEXT),
    Edge("start-twice", "a step starts twice", ("IX-STREAM-064",), _start_twice, _TEXT),
    Edge("stop-missing", "a step does not stop", ("IX-STREAM-013",), _stop_missing, _TEXT),
    Edge("stop-twice", "a step stops twice", ("IX-STREAM-013",), _stop_twice, _TEXT),
    Edge("stop-before-start", "a step stops before it starts", ("IX-STREAM-013",), _stop_before_start, _TEXT),
    Edge("stop-of-no-step", "a step stops that never started", ("IX-STREAM-013",), _stop_of_no_step, _TEXT),
    Edge("index-skipped", "an index is left out", ("IX-STREAM-014",), _index_skipped, _TEXT),
    Edge("index-reused", "two steps have one index", ("IX-STREAM-064",), _index_reused, (*_TEXT, *_TEXT)),
    Edge(
        "index-negative", "the first index is -1", ("IX-STREAM-009", "IX-STREAM-014"), _index_negative, _TEXT
    ),
    Edge("start-without-index", "a start has no index", ("IX-STREAM-009",), _start_without_index, _TEXT),
    Edge("delta-without-index", "a delta has no index", ("IX-STREAM-010",), _delta_without_index, _TEXT),
    Edge("stop-without-index", "a stop has no index", ("IX-STREAM-011",), _stop_without_index, _TEXT),
    Edge("index-is-a-text", "an index is a text", ("IX-STREAM-009",), _index_is_a_text, _TEXT),
    Edge("step-without-type", "a step has no type", ("IX-STREAM-009",), _step_without_type, _TEXT),
    Edge("delta-without-type", "a delta has no type", ("IX-STREAM-010",), _delta_without_type, _TEXT),
    Edge(
        "delta-of-another-step",
        "an output takes arguments",
        ("IX-STREAM-030",),
        _delta_of_another_step,
        _TEXT,
    ),
    Edge("text-within-a-call", "a call takes text", ("IX-STREAM-030",), _text_within_a_call, _CALL),
    Edge("text-is-no-text", "the text is a number", ("IX-STREAM-017",), _text_is_no_text, _TEXT),
    Edge(
        "arguments-are-no-text", "arguments are an object", ("IX-STREAM-021",), _arguments_are_no_text, _CALL
    ),
    Edge("arguments-are-cut", "arguments are no JSON", ("IX-STREAM-022",), _arguments_are_cut, _CALL),
    Edge("arguments-are-a-list", "arguments are a list", ("IX-STREAM-022",), _arguments_are_a_list, _CALL),
    Edge("call-without-name", "a call names no function", ("IX-STREAM-024",), _call_without_name, _CALL),
    Edge("call-without-id", "a call has no id", ("IX-STREAM-024",), _call_without_id, _CALL),
    Edge(
        "signature-is-no-base64",
        "a signature is no base64",
        ("IX-STREAM-019",),
        _signature_is_no_base64,
        _THOUGHT,
    ),
    Edge(
        "summary-after-signature",
        "a thought goes on after its signature",
        ("IX-THINK-011", "IX-STREAM-020"),
        _summary_after_signature,
        _THOUGHT,
    ),
    Edge(
        "annotations-before-text",
        "marks come before text",
        ("IX-STREAM-026",),
        _annotations_before_text,
        _TEXT,
    ),
    Edge("annotations-are-no-list", "marks are no list", ("IX-STREAM-025",), _annotations_are_no_list, _TEXT),
    Edge("id-changed", "the id is another at the end", ("IX-STREAM-040",), _id_changed, stored=True),
    Edge(
        "id-of-an-update-changed",
        "an update is of another",
        ("IX-STREAM-040",),
        _id_of_an_update_changed,
        stored=True,
    ),
    Edge("model-changed", "another model answers", ("IX-CREATE-015",), _model_changed),
    Edge("result-of-no-call", "a result answers no call", ("IX-STEP-006",), _result_of_no_call, _TOOL),
    Edge(
        "result-before-its-call",
        "a result precedes its call",
        ("IX-STEP-008",),
        _result_before_its_call,
        _TOOL,
    ),
    Edge("call-id-reused", "two calls have one id", ("IX-STEP-007",), _call_id_reused, (*_CALL, *_CALL)),
    Edge(
        "action-without-call",
        "nothing is asked for",
        ("IX-FUNC-003",),
        _action_without_call,
        _TEXT,
        stored=True,
        alone=True,
    ),
    Edge(
        "call-without-action",
        "a call is no action",
        ("IX-FUNC-003", "IX-STREAM-039"),
        _call_without_action,
        _CALL,
        stored=True,
    ),
    Edge("total-is-wrong", "the total is another", ("IX-USAGE-003",), _total_is_wrong),
    Edge("more-cached-than-asked", "more is cached than asked", ("IX-USAGE-009",), _more_cached_than_asked),
    Edge(
        "modalities-do-not-add-up", "modalities do not add up", ("IX-USAGE-006",), _modalities_do_not_add_up
    ),
    Edge("modality-in-capitals", "a modality is in capitals", ("IX-USAGE-005",), _modality_in_capitals),
    Edge("usage-is-early", "created tells the usage", ("IX-USAGE-010",), _usage_is_early),
    Edge(
        "usage-of-another-interface",
        "the usage has prompt_tokens",
        ("IX-USAGE-008",),
        _usage_of_another_interface,
    ),
    Edge("totals-missing", "a total is missing", ("IX-USAGE-001", "IX-STREAM-037"), _totals_missing),
    Edge("time-without-zone", "a time has no zone", ("IX-CREATE-014",), _time_without_zone),
    Edge("frame-of-another-name", "a frame has another name", ("IX-STREAM-003",), _frame_of_another_name),
    Edge("payload-is-cut", "a payload is no JSON", ("IX-STREAM-053",), _payload_is_cut, _TEXT),
    Edge("payload-in-two-lines", "a payload has many lines", ("IX-STREAM-055",), _payload_in_two_lines),
    Edge("legacy-name", "an event has an old name", ("IX-STREAM-054",), _legacy_name, _TEXT),
    Edge(
        "no-event-type", "an event tells no type", ("IX-STREAM-053", "IX-STREAM-010"), _no_event_type, _TEXT
    ),
)
"""Every edge that is broken, one at a time."""
