"""Steps that belong together: a result and the call that it answers.

Source: https://ai.google.dev/api/interactions-api
"""

from collections.abc import Iterator

from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Trace, is_placeholder

__all__ = ["call_ids_are_unique", "results_name_a_call"]


def results_name_a_call(trace: Trace) -> Iterator[Verdict]:
    """The `call_id` of a tool's result is the `id` of a call step of the same interaction (IX-STEP-006).

    Not judged: `function_result`, whose call lies in the turn before; redacted ids; excerpts.
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
                    else:
                        known = ", ".join(sorted(calls)) or "none"
                        place = f"/steps/{number}/call_id"
                        yield broken(call, place, f"no call step has the id {found!r} (ids: {known})")


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
