"""What a service has that adds something every week: members, words and kinds that no document knows yet.

with_members(body, rng), with_words(body, rng)              # in an interaction, before it is stored
events_with_members(events, rng), events_with_words(...)    # in a stream
seen(sent)                                                  # the names of those that these bytes hold
without(asked)                                              # a request that sends back what came, as it was
"""

import re
from collections.abc import Iterable
from random import Random
from typing import Any

__all__ = [
    "MEMBERS",
    "WORDS",
    "events_with_members",
    "events_with_words",
    "seen",
    "with_members",
    "with_words",
    "without",
]

MEMBERS: dict[str, Any] = {
    "serving_region": "europe-north9",
    "confidence_band": {"low": 0.25, "high": 0.75},
    "latency_parts": [{"part": "queue", "ms": 3}, {"part": "model", "ms": 41}],
    "memory_tokens": 0,
    "sequence_number": 7,
    "spoken_form": None,
}
"""Members, each with a value."""

STEPS = frozenset({"memory_lookup", "self_check_call"})
WORDS = STEPS | {
    "completed_with_notes",  # a status in the end
    "reviewing",  # a status on the way
    "nightly",  # a service_tier
    "hologram",  # a modality
    "semantic_search",  # a search_type
    "holodeck",  # a grounding tool
    "interaction.heartbeat",  # an event
}
"""Words of open enumerations, kinds of steps and of events."""

_FIRST = 2  # interaction.created and the first status_update
_NAMES = re.compile(rb'"(%s)"' % b"|".join(name.encode() for name in sorted({*MEMBERS, *WORDS})))


def seen(sent: bytes) -> list[str]:
    """Give the names of everything new that is in some bytes, sorted."""
    return sorted({name.decode() for name in _NAMES.findall(sent)})


def _more(rng: Random, told: dict[str, Any], *names: str) -> dict[str, Any]:
    """Give an object with one more member, its `type` still last."""
    name = rng.choice(names)
    return {name: MEMBERS[name], **told}


def with_members(body: dict[str, Any], rng: Random) -> dict[str, Any]:
    """Give an interaction with new members: in itself, its usage, its steps, or its texts."""
    body = dict(body)
    if rng.random() < 0.5:
        body = _more(rng, body, "serving_region", "latency_parts", "spoken_form")
    if "usage" in body and rng.random() < 0.5:
        body["usage"] = {**body["usage"], "memory_tokens": MEMBERS["memory_tokens"]}
    if "steps" in body:
        body["steps"] = [_step_with_members(step, rng) for step in body["steps"]]
    return body


def _step_with_members(step: dict[str, Any], rng: Random) -> dict[str, Any]:
    if rng.random() < 0.3:
        step = _more(rng, step, "latency_parts", "confidence_band")
    content = step.get("content")
    if isinstance(content, list) and rng.random() < 0.3:
        step = {**step, "content": [_more(rng, block, "spoken_form", "confidence_band") for block in content]}
    return step


def with_words(body: dict[str, Any], rng: Random, asked: Iterable[str]) -> dict[str, Any]:
    """Give an interaction with a new word or step; what the request itself asked for stays as it is."""
    steps, usage = body.get("steps", []), body.get("usage", {})
    places = ["modality", "count"] if usage else []
    places += ["step"] if steps else []
    places += [] if "service_tier" in asked else ["tier"]
    places += ["search", "search"] if any("search_type" in step for step in steps) else []
    places += ["status"] if body.get("status") == "completed" and rng.random() < 0.2 else []
    match rng.choice([*places, "none"]):
        case "step":
            at = rng.randrange(len(steps))
            return {**body, "steps": [*steps[:at], _new_step(rng), *steps[at:]]}
        case "tier":
            return {**body, "service_tier": "nightly"}
        case "modality":
            rows = [*usage.get("input_tokens_by_modality", []), {"modality": "hologram", "tokens": 0}]
            return {**body, "usage": {**usage, "input_tokens_by_modality": rows}}
        case "count":
            rows = [*usage.get("grounding_tool_count", []), {"type": "holodeck", "count": 1}]
            return {**body, "usage": {**usage, "grounding_tool_count": rows}}
        case "search":
            kind = {"search_type": "semantic_search"}
            return {**body, "steps": [{**step, **kind} if "search_type" in step else step for step in steps]}
        case "status":
            return {**body, "status": "completed_with_notes"}
    return body


def _new_step(rng: Random) -> dict[str, Any]:
    if rng.random() < 0.5:
        return {"found": 2, "type": "memory_lookup"}
    return {"id": f"chk{rng.randrange(10**5):05}", "question": "Is that so?", "type": "self_check_call"}


def events_with_members(events: list[dict[str, Any]], rng: Random) -> list[dict[str, Any]]:
    """Give events with new members: in themselves, or in those of their deltas whose kind is known."""
    return [_event_with_members(event, rng) for event in events]


def _event_with_members(event: dict[str, Any], rng: Random) -> dict[str, Any]:
    numbered = {"sequence_number": rng.randrange(100)} if rng.random() < 0.2 else {}
    delta = event.get("delta", {})
    more = rng.random() < 0.2 and delta.get("type", "") not in {"", *STEPS}
    told = {"delta": _more(rng, delta, "confidence_band", "latency_parts")} if more else {}
    return {**numbered, **event, **told}


def events_with_words(events: list[dict[str, Any]], rng: Random, interaction: str) -> list[dict[str, Any]]:
    """Give events with one more of a new kind, or with a status on the way that is new."""
    at = rng.randrange(_FIRST, len(events))
    kind = rng.choice(["interaction.heartbeat", "interaction.status_update"])
    more = {"interaction_id": interaction, "status": "reviewing", "event_type": kind}
    if kind == "interaction.heartbeat":
        del more["status"]
    return [*events[:at], more, *events[at:]]


def without(value: Any) -> Any:
    """Give what a client sends back without everything new: the service knows its own."""
    match value:
        case dict():
            return {key: without(told) for key, told in value.items() if key not in MEMBERS}
        case list():
            return [without(one) for one in value if not (isinstance(one, dict) and one.get("type") in STEPS)]
        case "semantic_search":
            return "web_search"
    return value
