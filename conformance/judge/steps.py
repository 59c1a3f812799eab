"""Steps that belong together: a result and the call that it answers.

Source: https://ai.google.dev/api/interactions-api
"""

from collections.abc import Iterator

from conformance.judge.functions import input_steps, is_whole
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Call, Trace, is_placeholder

__all__ = ["call_ids_are_unique", "results_follow_their_call", "results_name_a_call", "steps_tell_no_status"]

_PLAIN = frozenset({"user_input", "thought", "model_output", "function_call"})


def results_name_a_call(trace: Trace) -> Iterator[Verdict]:
    """The `call_id` of a tool's result is the `id` of a call step of the same interaction (IX-STEP-006).

    Not judged: `function_result`, whose call lies in the turn before; redacted ids; excerpts. A turn that
    paused may leave its calls to the next one, so their ids count too.
    """
    for call in trace.calls:
        if call.exchange.excerpt or (call.stream is not None and call.stream.resumed):
            continue
        calls = {
            step["id"]
            for step in call.steps
            if str(step.get("type")).endswith("_call") and isinstance(step.get("id"), str)
        }
        if any(is_placeholder(known) for known in calls):
            continue
        for number, step in enumerate(call.steps):
            match step:
                case {"type": "function_result"}:
                    continue
                case {"type": str(kind), "call_id": str(found)} if kind.endswith("_result"):
                    if is_placeholder(found):
                        continue
                    if found in calls:
                        yield kept(call)
                    elif not _may_be_of_the_turn_before(trace, call, found):
                        known = ", ".join(sorted(calls)) or "none"
                        place = f"/steps/{number}/call_id"
                        yield broken(call, place, f"no call step has the id {found!r} (ids: {known})")


def _may_be_of_the_turn_before(trace: Trace, call: Call, found: str) -> bool:
    """Whether a call of the history has the id, or the history is not known."""
    asked = call.asked if isinstance(call.asked, dict) else {}
    previous = asked.get("previous_interaction_id") or (call.interaction or {}).get("previous_interaction_id")
    if asked.get("continuation_token"):
        return True
    history = input_steps(call)
    if previous:
        before = trace.answering(previous, before=call.position)
        if before is None or not is_whole(before):
            return True
        history += before.steps
    return any(step.get("id") == found for step in history)


def call_ids_are_unique(trace: Trace) -> Iterator[Verdict]:
    """No two call steps of an interaction share an id (IX-STEP-007)."""
    for call in trace.calls:
        seen: set[str] = set()
        for number, step in enumerate(call.steps):
            match step:
                case {"type": str(kind), "id": str(found)} if kind.endswith("_call") and not is_placeholder(
                    found
                ):
                    if found in seen:
                        yield broken(call, f"/steps/{number}/id", f"two call steps have the id {found!r}")
                    else:
                        yield kept(call)
                    seen.add(found)


def results_follow_their_call(trace: Trace) -> Iterator[Verdict]:
    """Steps keep the order of time: a result stands after the call that it answers (IX-STEP-008)."""
    for call in trace.calls:
        places = {
            step["id"]: number
            for number, step in enumerate(call.steps)
            if str(step.get("type")).endswith("_call") and isinstance(step.get("id"), str)
        }
        for number, step in enumerate(call.steps):
            match step:
                case {"type": str(kind), "call_id": str(found)} if kind.endswith("_result"):
                    if is_placeholder(found) or found not in places:
                        continue
                    if places[found] < number:
                        yield kept(call)
                    else:
                        yield broken(
                            call, f"/steps/{number}", f"the {kind} stands before its call at {places[found]}"
                        )


def steps_tell_no_status(trace: Trace) -> Iterator[Verdict]:
    """A step has no status of its own: the interaction has it (IX-STEP-009). Newer kinds are not judged."""
    for call in trace.calls:
        for number, step in enumerate(call.steps):
            match step:
                case {"type": str(kind), "status": _} if kind in _PLAIN:
                    yield broken(call, f"/steps/{number}/status", f"a {kind} step tells a status")
                case {"type": str(kind)} if kind in _PLAIN:
                    yield kept(call)
