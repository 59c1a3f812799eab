"""The interaction as a resource: what it says of itself.

Unary answers and the snapshots that a stream carries are judged alike where the documents describe both.
Source: https://ai.google.dev/api/interactions-api
"""

import re
from collections.abc import Iterator
from typing import Any

from conformance.judge.verdict import Subject, Verdict, broken, kept
from conformance.wire.trace import Call, Event, Trace, is_placeholder

__all__ = [
    "agents_are_echoed",
    "cut_turns_are_incomplete",
    "foreground_creates_end",
    "get_answers_with_the_same_id",
    "interactions_are_called_interaction",
    "legacy_outputs_are_gone",
    "models_are_echoed",
    "stateless_interactions_have_no_id",
    "status_is_told",
    "stored_interactions_have_an_id",
    "tiers_are_echoed",
    "times_are_utc_seconds",
    "user_input_is_not_repeated",
]

_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def _snapshots(trace: Trace) -> Iterator[tuple[Subject, str, dict[str, Any]]]:
    """Every description of an interaction: the whole body of a unary answer, or a snapshot in an event."""
    for call in trace.calls:
        if call.stream is None and call.interaction is not None:
            yield call, "", call.interaction
        for event in call.stream.payloads if call.stream is not None else ():
            match event.json:
                case {
                    "event_type": "interaction.created" | "interaction.completed",
                    "interaction": dict(told),
                }:
                    yield event, "/interaction", told


def _creates(trace: Trace) -> Iterator[tuple[Call, dict[str, Any], dict[str, Any]]]:
    """The creates that were answered with an interaction: call, request body, interaction."""
    for call in trace.calls:
        if call.operation == "create" and isinstance(call.asked, dict) and call.interaction is not None:
            yield call, call.asked, call.interaction


def interactions_are_called_interaction(trace: Trace) -> Iterator[Verdict]:
    """The resource has `object: "interaction"` (IX-CREATE-011).

    Judged on unary answers alone: documented snapshots of streams lack it, recorded ones have it.
    """
    for subject, at, told in _snapshots(trace):
        if at:
            continue
        if told.get("object") == "interaction":
            yield kept(subject)
        elif "object" in told:
            yield broken(subject, "/object", f"object is {ascii(told['object'])}")
        elif not _is_excerpt(trace, subject):
            yield broken(subject, "", "object is absent")


def status_is_told(trace: Trace) -> Iterator[Verdict]:
    """A unary answer and the end of a stream tell the status of the interaction (IX-CREATE-013)."""
    for subject, at, told in _snapshots(trace):
        if isinstance(told.get("status"), str):
            yield kept(subject)
        elif "status" not in told and not _is_created(subject) and not _is_excerpt(trace, subject):
            yield broken(subject, at, "the interaction tells no status")


def _is_excerpt(trace: Trace, subject: Subject) -> bool:
    return trace.calls[subject.place.exchange].exchange.excerpt


def _is_created(subject: Subject) -> bool:
    return isinstance(subject, Event) and subject.type == "interaction.created"


def times_are_utc_seconds(trace: Trace) -> Iterator[Verdict]:
    """`created` and `updated` are UTC with whole seconds, and in this order (IX-CREATE-014)."""
    for subject, at, told in _snapshots(trace):
        times = {key: told[key] for key in ("created", "updated") if isinstance(told.get(key), str)}
        wrong = [
            (key, value)
            for key, value in times.items()
            if not _SECONDS.fullmatch(value) and not is_placeholder(value)
        ]
        for key, value in wrong:
            yield broken(subject, f"{at}/{key}", f"{value!r} is not of the form 2026-05-20T12:00:00Z")
        real = not any(map(is_placeholder, times.values()))
        if len(times) == 2 and real and not wrong and times["updated"] < times["created"]:
            yield broken(
                subject, f"{at}/updated", f"updated {times['updated']} is before created {times['created']}"
            )
        elif times and not wrong:
            yield kept(subject)


def models_are_echoed(trace: Trace) -> Iterator[Verdict]:
    """The interaction tells the model that was asked for (IX-CREATE-015)."""
    for call, asked, told in _creates(trace):
        match asked.get("model"), told.get("model"):
            case str(wanted), str(found) if wanted.removeprefix("models/") == found.removeprefix("models/"):
                yield kept(call)
            case str(wanted), found if "model" in told:
                yield broken(call, "/model", f"{wanted!r} was asked for, {found!r} is told")


def tiers_are_echoed(trace: Trace) -> Iterator[Verdict]:
    """A finished interaction tells the service tier that served it (IX-CREATE-020)."""
    for call, _, told in _creates(trace):
        if told.get("status") not in ("completed", "requires_action", "incomplete") or call.exchange.excerpt:
            continue
        if "service_tier" in told:
            yield kept(call)
        else:
            yield broken(call, "", "it does not tell its service_tier")


def stored_interactions_have_an_id(trace: Trace) -> Iterator[Verdict]:
    """An interaction that is stored has an id that is not empty (IX-CREATE-012)."""
    for call, _, told in _creates(trace):
        if not call.stored or call.exchange.excerpt:
            continue
        match told.get("id"):
            case str(found) if found:
                yield kept(call)
            case found:
                yield broken(
                    call, "/id" if "id" in told else "", f"the id of a stored interaction is {found!r}"
                )


def stateless_interactions_have_no_id(trace: Trace) -> Iterator[Verdict]:
    """With `store: false` the id is absent from a unary answer and empty in a stream (IX-CREATE-038)."""
    for call, _, told in _creates(trace):
        if call.stored is False:
            if told.get("id", "") == "":
                yield kept(call)
            else:
                yield broken(call, "/id", f"store is false, and the id is {told['id']!r}")


def user_input_is_not_repeated(trace: Trace) -> Iterator[Verdict]:
    """The answer to a create holds only what this turn produced, no `user_input` (IX-CREATE-017)."""
    for call, _, _ in _creates(trace):
        places = [number for number, step in enumerate(call.steps) if step.get("type") == "user_input"]
        for number in places:
            yield broken(call, f"/steps/{number}", "the answer repeats the input of the caller")
        if not places and call.steps:
            yield kept(call)


def foreground_creates_end(trace: Trace) -> Iterator[Verdict]:
    """A create, neither streamed nor in the background, answers when its turn has ended (IX-CREATE-019)."""
    for call, asked, told in _creates(trace):
        if asked.get("background") or call.stream is not None:
            continue
        if told.get("status") in ("in_progress", "queued"):
            yield broken(call, "/status", f"the turn was answered while {told['status']}")
        elif isinstance(told.get("status"), str):
            yield kept(call)


def get_answers_with_the_same_id(trace: Trace) -> Iterator[Verdict]:
    """A get answers with the interaction that was asked for (IX-GET-001)."""
    for call in trace.calls:
        if call.operation != "get" or call.interaction is None or is_placeholder(call.id):
            continue
        match call.interaction.get("id"):
            case str(found) if is_placeholder(found):
                continue
            case found if found == call.id:
                yield kept(call)
            case found if found is not None or not call.exchange.excerpt:
                yield broken(call, "/id", f"{call.id!r} was asked for, {found!r} is answered")


def legacy_outputs_are_gone(trace: Trace) -> Iterator[Verdict]:
    """No interaction has `outputs`, the name of `steps` before June 2026 (IX-REV-004)."""
    for subject, at, told in _snapshots(trace):
        if "outputs" in told:
            yield broken(
                subject, f"{at}/outputs", "outputs is the schema before June 2026; the name is steps"
            )
        else:
            yield kept(subject)


def agents_are_echoed(trace: Trace) -> Iterator[Verdict]:
    """The interaction of an agent tells this agent, and no model (IX-CREATE-016)."""
    for call, asked, told in _creates(trace):
        match asked, told:
            case {"model": _}, _:
                continue
            case {"agent": str()}, {"model": found}:
                yield broken(call, "/model", f"an agent was asked for, and the model {found!r} is told")
            case {"agent": str(wanted)}, {"agent": str(found)}:
                if wanted.removeprefix("agents/") == found.removeprefix("agents/"):
                    yield kept(call)
                else:
                    yield broken(call, "/agent", f"{wanted!r} was asked for, {found!r} is told")


def cut_turns_are_incomplete(trace: Trace) -> Iterator[Verdict]:
    """A turn that takes more output than its limit is incomplete, not completed (IX-CREATE-026)."""
    for call, asked, told in _creates(trace):
        match asked, told:
            case (
                {"generation_config": {"max_output_tokens": int(limit)}},
                {"status": str(status), "usage": {"total_output_tokens": int(output)}},
            ) if limit > 0:
                if status == "completed" and output > limit:
                    yield broken(
                        call, "/status", f"completed after {output} output tokens of at most {limit}"
                    )
                else:
                    yield kept(call)
