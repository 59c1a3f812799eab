"""Conversations of several turns: chained by `previous_interaction_id`, or sent whole each time.

Source: https://ai.google.dev/gemini-api/docs/interactions-overview
"""

from collections.abc import Iterator
from typing import Any

from conformance.judge.deltas import ALLOWED
from conformance.judge.functions import input_steps, is_redacted, same_step, turn_before
from conformance.judge.requests import altered, answered_ids, is_nobodys_id, refusal
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Call, Document, Trace, is_placeholder

__all__ = [
    "answers_hold_this_turn_alone",
    "branches_have_ids_of_their_own",
    "continuation_tokens_come_back_unchanged",
    "continuations_have_a_token",
    "each_turn_has_a_new_id",
    "follow_ups_name_the_turn_before",
    "previous_ids_are_echoed_unchanged",
    "settings_are_not_inherited",
    "steps_are_sent_back_unchanged",
    "stored_history_is_not_sent_again",
    "stored_text_is_the_streamed_text",
    "tools_are_not_inherited",
    "unknown_turns_are_refused",
    "unstored_history_is_sent_again",
    "unstored_turns_are_not_continued",
]

_TOOL_CALLS = frozenset(
    """function_call google_search_call code_execution_call url_context_call google_maps_call file_search_call
    mcp_server_tool_call""".split()
)
_FEW = 20  # letters


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
    """The answer of a follow-up holds its own steps, not those of the turn before (IX-TURN-015).

    Thoughts alone and a few words prove nothing: a thought may be signed by a constant, an answer repeated.
    """
    for call, previous in _follow_ups(trace):
        before = trace.answering(previous, before=call.position)
        if before is None or not (len(before.text) > _FEW or any(step.get("id") for step in before.steps)):
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
        streamed = trace.answering(call.id, before=call.position)
        if streamed is None or streamed.stream is None or streamed.stream.completed is None:
            continue
        if call.text == streamed.text:
            yield kept(call)
        else:
            yield broken(call, "/steps", "the stored text differs from the streamed text")


def _asked(call: Call) -> Document:
    """The request of a call as a subject."""
    return Document(call.asked, call.request_place, "request")


def follow_ups_name_the_turn_before(trace: Trace) -> Iterator[Verdict]:
    """A follow-up names the turn before in `previous_interaction_id`, by its id unchanged (IX-TURN-001).

    An id that resembles none of this conversation comes from elsewhere and is not judged.
    """
    for call in trace.calls:
        if call.operation != "create" or not isinstance(call.asked, dict):
            continue
        known = answered_ids(trace.earlier(call))
        for name, told in call.asked.items():
            if name == "previous_interaction_id" and isinstance(told, str) and not is_placeholder(told):
                changed = altered(told, known)
                if told in known:
                    yield kept(_asked(call))
                elif changed:
                    yield broken(_asked(call), f"/{name}", f"{changed!r} was answered, {told!r} is continued")
            elif name not in ("previous_interaction_id", "input") and told in known:
                yield broken(_asked(call), f"/{name}", f"{name} names the turn before {told!r}")


def _stored_follow_ups(trace: Trace) -> Iterator[tuple[Call, Call]]:
    """The creates that continue a stored turn of this conversation: the call, and the turn before."""
    for call in trace.calls:
        match call.asked:
            case {"previous_interaction_id": str(previous)} if call.operation == "create":
                before = trace.answering(previous, before=call.position)
                if before is not None:
                    yield call, before


def stored_history_is_not_sent_again(trace: Trace, kind: str) -> Iterator[Verdict]:
    """With `previous_interaction_id` the input has no step of the turn before (IX-TURN-002, IX-THINK-007)."""
    for call, before in _stored_follow_ups(trace):
        received = [step for step in before.steps if step.get("type") == kind]
        sent = [step for step in input_steps(call) if step.get("type") == kind]
        again = [step for step in received if any(same_step(step, other) for other in sent)]
        if again:
            yield broken(_asked(call), "/input", f"a stored {kind} is sent again")
        elif received:
            yield kept(_asked(call))


def tools_are_not_inherited(trace: Trace) -> Iterator[Verdict]:
    """A follow-up without tools has none: what the turn before declared does not last (IX-TURN-004)."""
    for call, _ in _stored_follow_ups(trace):
        if "tools" in call.asked or "model" not in call.asked or call.interaction is None:
            continue
        used = [number for number, step in enumerate(call.steps) if str(step.get("type")) in _TOOL_CALLS]
        for number in used:
            yield broken(
                call, f"/steps/{number}", f"no tool is declared, and there is a {call.steps[number]['type']}"
            )
        if not used and call.steps:
            yield kept(call)


def settings_are_not_inherited(trace: Trace, member: str) -> Iterator[Verdict]:
    """A follow-up that leaves a setting out does not have that of the turn before (IX-TURN-005, IX-TURN-006).

    Judged by what the answer tells of itself.
    """
    for call, before in _stored_follow_ups(trace):
        if member in call.asked or call.interaction is None or not isinstance(before.asked, dict):
            continue
        had, told = before.asked.get(member), call.interaction.get(member)
        if had and told == had:
            yield broken(call, f"/{member}", f"{member} was not sent, and that of the turn before is told")
        elif had:
            yield kept(call)


def unstored_turns_are_not_continued(trace: Trace) -> Iterator[Verdict]:
    """A turn that was not stored cannot be continued (IX-TURN-007)."""
    for call, before in _stored_follow_ups(trace):
        if before.stored is False:
            yield from refusal(call, "a previous_interaction_id that was not stored", (400, 404))


def unknown_turns_are_refused(trace: Trace) -> Iterator[Verdict]:
    """A turn that does not exist cannot be continued (IX-TURN-008).

    Judged where the turn was deleted before, and for ids that a scenario makes up.
    """
    for call in trace.calls:
        match call.asked:
            case {"previous_interaction_id": str(previous)} if call.operation == "create":
                gone = [
                    other
                    for other in trace.earlier(call)
                    if other.operation == "delete" and other.id == previous
                ]
                if any(other.status is not None and other.status < 300 for other in gone):
                    yield from refusal(call, "a previous_interaction_id that was deleted", (400, 404))
                elif is_nobodys_id(previous):
                    yield from refusal(call, "an unknown previous_interaction_id", (400, 404))


def branches_have_ids_of_their_own(trace: Trace) -> Iterator[Verdict]:
    """Two turns that continue the same turn are two interactions (IX-TURN-010)."""
    branches: dict[str, set[str]] = {}
    for call, previous in _follow_ups(trace):
        match call.interaction:
            case {"id": str(found)} if found and not is_placeholder(found):
                others = branches.setdefault(previous, set())
                if found in others:
                    yield broken(call, "/id", f"another branch of {previous!r} has the id {found!r} too")
                elif others:
                    yield kept(call)
                others.add(found)


def _unstored_follow_ups(trace: Trace) -> Iterator[tuple[Call, list[Any], list[dict[str, Any]]]]:
    """Requests that go on from an unstored turn: the call, what it sends beyond that, what was received.

    A request goes on from a turn when it begins with the whole input of that turn; of several such turns,
    from the one whose steps it sends.
    """
    for call in trace.calls:
        if call.operation != "create" or call.stored is not False or "previous_interaction_id" in call.asked:
            continue
        sent = call.asked.get("input")
        if not isinstance(sent, list):
            continue
        begun: dict[int, list[Call]] = {}
        for before in reversed(trace.earlier(call)):
            given = before.asked.get("input") if isinstance(before.asked, dict) else None
            if not isinstance(given, list) or before.stored is not False or not _is_finished(before):
                continue
            if given and len(sent) > len(given) and sent[: len(given)] == given:
                begun.setdefault(len(given), []).append(before)
        if begun:
            length = max(begun)
            turn = turn_before(begun[length], sent[length:])
            if turn is not None:
                yield call, sent[length:], turn.steps


def _is_finished(call: Call) -> bool:
    told = call.interaction
    return (
        told is not None
        and told.get("status") == "completed"
        and bool(call.steps)
        and not call.exchange.excerpt
    )


def _of(kind: object, steps: list[Any]) -> list[dict[str, Any]]:
    return [step for step in steps if isinstance(step, dict) and step.get("type") == kind]


def unstored_history_is_sent_again(trace: Trace) -> Iterator[Verdict]:
    """Without stored state all steps of the turn before are sent, then what the user says (IX-TURN-012).

    Thoughts are judged by IX-TURN-013, turns with functions by IX-FUNC-016. Kinds of steps that the contract
    does not know are not judged.
    """
    for call, sent, received in _unstored_follow_ups(trace):
        kinds = {str(step.get("type")) for step in received} & ALLOWED.keys() - {"thought"}
        missing = [kind for kind in sorted(kinds) if len(_of(kind, sent)) < len(_of(kind, received))]
        if missing:
            yield broken(_asked(call), "/input", f"a {missing[0]} step of the turn before is not sent again")
        elif _of("model_output", sent[-1:]) or _of("thought", sent[-1:]) or _of("function_call", sent[-1:]):
            yield broken(_asked(call), "/input", "the last step is none of the user's")
        else:
            yield kept(_asked(call))


def steps_are_sent_back_unchanged(trace: Trace) -> Iterator[Verdict]:
    """Without stored state the model's steps are sent back as they came, thoughts too (IX-TURN-013)."""
    for call, sent, received in _unstored_follow_ups(trace):
        for step in received:
            kind = step.get("type")
            if str(kind) not in ALLOWED or is_redacted(step):
                continue
            if kind == "thought" and not step.get("signature"):
                continue
            if any(same_step(step, other) for other in _of(kind, sent)):
                yield kept(_asked(call))
            elif any(not is_redacted(other) for other in _of(kind, sent)):
                yield broken(_asked(call), "/input", f"a {kind} step of the turn before is changed")
            elif kind == "thought" and not _of(kind, sent):
                yield broken(_asked(call), "/input", "a thought of the turn before is left out")


def continuations_have_a_token(trace: Trace) -> Iterator[Verdict]:
    """An interaction that requires continuation tells the token to go on with (IX-TURN-019)."""
    for call in trace.calls:
        match call.interaction:
            case {"status": "requires_continuation", "continuation_token": str(token)} if token:
                yield kept(call)
            case {"status": "requires_continuation"} if not call.exchange.excerpt:
                yield broken(
                    call, "", "the status is requires_continuation, and there is no continuation_token"
                )


def continuation_tokens_come_back_unchanged(trace: Trace) -> Iterator[Verdict]:
    """A continuation sends the token that the answer before told (IX-TURN-019)."""
    for call in trace.calls:
        match call.asked:
            case {"continuation_token": str(sent)} if call.operation == "create" and not is_placeholder(sent):
                answers = [other.interaction or {} for other in trace.earlier(call)]
                known = [
                    told for other in answers if isinstance(told := other.get("continuation_token"), str)
                ]
                if sent in known:
                    yield kept(_asked(call))
                elif known and not any(is_placeholder(told) for told in known):
                    yield broken(
                        _asked(call), "/continuation_token", "no answer told this continuation_token"
                    )
