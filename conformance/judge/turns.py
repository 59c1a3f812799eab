"""Conversations of several turns: chained by `previous_interaction_id`, or sent whole each time.

Source: https://ai.google.dev/gemini-api/docs/interactions-overview
"""

from collections.abc import Iterator

from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Call, Trace, is_placeholder

__all__ = [
    "answers_hold_this_turn_alone",
    "each_turn_has_a_new_id",
    "previous_ids_are_echoed_unchanged",
    "stored_text_is_the_streamed_text",
]


def _follow_ups(trace: Trace) -> Iterator[tuple[Call, str]]:
    """Answered creates that continue an interaction: the call, and the id it continues."""
    for call in trace.calls:
        match call.asked:
            case {"previous_interaction_id": str(previous)} if call.interaction is not None:
                if call.operation == "create" and not is_placeholder(previous):
                    yield call, previous


def each_turn_has_a_new_id(trace: Trace) -> Iterator[Verdict]:
    """A turn has an id of its own, not that of the turn it continues (IX-TURN-003)."""
    for call, previous in _follow_ups(trace):
        match call.interaction:
            case {"id": str(found)} if found == previous:
                yield broken(call, "/id", f"the answer has the id {found!r} of the turn that it continues")
            case {"id": str(found)} if found:
                yield kept(call)


def previous_ids_are_echoed_unchanged(trace: Trace) -> Iterator[Verdict]:
    """Where an answer repeats `previous_interaction_id`, it is the one of the request (IX-TURN-017)."""
    for call, previous in _follow_ups(trace):
        match call.interaction:
            case {"previous_interaction_id": str(found)} if found == previous:
                yield kept(call)
            case {"previous_interaction_id": found}:
                yield broken(call, "/previous_interaction_id", f"{previous!r} was sent, {found!r} is told")


def answers_hold_this_turn_alone(trace: Trace) -> Iterator[Verdict]:
    """The answer of a follow-up holds its own steps, not those of the turn before (IX-TURN-015)."""
    for call, previous in _follow_ups(trace):
        before = trace.answering(previous)
        if before is None or not before.steps or before.position >= call.position:
            continue
        old, new = before.steps, call.steps
        if len(new) > len(old) and new[: len(old)] == old:
            yield broken(call, "/steps/0", f"the answer begins with all {len(old)} steps of the turn before")
        elif new:
            yield kept(call)


def stored_text_is_the_streamed_text(trace: Trace) -> Iterator[Verdict]:
    """The text of a stream is the text of the interaction that is stored (IX-STREAM-050)."""
    for call in trace.calls:
        if call.operation != "get" or call.stream is not None or call.interaction is None:
            continue
        streamed = trace.answering(call.id)
        if streamed is None or streamed.stream is None or streamed.stream.completed is None:
            continue
        if call.text == streamed.text:
            yield kept(call)
        else:
            yield broken(call, "/steps", "the stored text differs from the streamed text")
