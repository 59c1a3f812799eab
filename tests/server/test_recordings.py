"""Our answer to a request that was recorded from the real service has the shape of the recorded answer.

The shape: the events or the steps in their order, runs of the same delta counted once, and the fields that
are there. What differs is listed in `recordings.yaml` with its reason; a difference that is not listed fails,
and so does one that is listed and gone. The recordings lie in the evidence folder (CONFORMANCE_EVIDENCE).
"""

import json
import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.server.talking import Talk, calls_of, events_of

EVIDENCE = os.environ.get("CONFORMANCE_EVIDENCE", "")
REAL = Path(EVIDENCE) / "wire" / "interactions" / "real"
LISTED = yaml.safe_load((Path(__file__).parent / "recordings.yaml").read_text(encoding="utf-8"))
NAMES = (
    sorted(path.name.removesuffix(".request.json") for path in REAL.glob("*.request.json"))
    if EVIDENCE
    else []
)


def fields(value: Any, at: str) -> Iterator[str]:
    """Give the place of every field; steps and blocks are told by their type, lists by their first item."""
    match value:
        case dict():
            for key, told in value.items():
                if key not in ("arguments", "type"):
                    yield f"{at}/{key}"
                    yield from fields(told, f"{at}/{key}")
        case [dict(first), *_]:
            yield from fields(first, f"{at}[{first.get('type', '')}]")


def shape_of_object(told: dict[str, Any]) -> list[str]:
    rest = {key: value for key, value in told.items() if key != "steps"}
    shape = [f"status {told['status']}", *sorted(fields(rest, ""))]
    for place, step in enumerate(told.get("steps", ())):
        shape += [f"step {place} {step['type']}", *sorted(fields(step, f"step {place}"))]
    return shape


def kind_of(event: dict[str, Any]) -> str:
    return f"{event['event_type']}:{(event.get('delta') or event.get('step') or {}).get('type', '')}"


def shape_of_events(events: list[dict[str, Any]]) -> list[str]:
    told = [" ".join(kind for kind, _ in groupby(map(kind_of, events)))]
    for event in events:
        what = event.get("step") or event.get("delta") or event.get("interaction") or {}
        name = f"{event['event_type']} {what.get('type', what.get('status', ''))}"
        told.append(name)
        told += [f"{name} {place}" for place in sorted(fields(event, ""))]
    return told


def differences(recorded: list[str], ours: list[str]) -> list[str]:
    only = [f"recorded only: {line}" for line in recorded if line not in ours]
    return only + [f"ours only: {line}" for line in ours if line not in recorded]


def request_of(name: str) -> dict[str, Any]:
    """Give a recorded request; the ids in it are ours where they come from an earlier answer."""
    return dict(json.loads((REAL / f"{name}.request.json").read_text(encoding="utf-8")))


def answered(talk: Talk, name: str) -> list[str]:
    request = request_of(name)
    if "previous_interaction_id" in request:
        first = talk.ask(**request_of(name.removesuffix("-2") + "-1"))
        request["previous_interaction_id"] = first["id"]
        text = json.dumps(request)
        for call in calls_of(first):
            text = text.replace("fc_REDACTED_1", call["id"])
        request = json.loads(text)
    if request.get("stream"):
        return shape_of_events(events_of(talk.create(**request).body))
    return shape_of_object(talk.ask(**request))


def recorded(name: str) -> list[str]:
    stream = REAL / f"{name}.sse"
    if stream.exists():
        return shape_of_events(events_of(stream.read_bytes()))
    [path] = [path for path in (REAL / f"{name}.json", REAL / f"{name}.trimmed.json") if path.exists()]
    return shape_of_object(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.skipif(not NAMES, reason="CONFORMANCE_EVIDENCE names no folder of recordings")
@pytest.mark.parametrize("name", NAMES)
def test_the_answer_has_the_recorded_shape(talk: Talk, name: str) -> None:
    """But for the differences that have a reason."""
    everywhere = LISTED["everywhere"]
    listed = {**everywhere, **LISTED.get(name, {})}
    found = differences(recorded(name), answered(talk, name))
    assert [line for line in found if line not in listed] == []
    assert [line for line in LISTED.get(name, {}) if line not in found] == []


@pytest.mark.skipif(not NAMES, reason="CONFORMANCE_EVIDENCE names no folder of recordings")
def test_every_listed_recording_is_there() -> None:
    """A list entry without its recording says nothing."""
    assert LISTED.keys() - {"everywhere", *NAMES} == set()
