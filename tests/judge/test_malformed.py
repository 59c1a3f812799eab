"""Checks take whatever a wire can bring: what does not match is judged where shapes are judged."""

import json
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest

from conformance.judge.judge import judge
from tests.miniatures import CONVERSATIONS, patched, trace_of

ODD: list[Any] = [None, True, -1, 2**70, 1.5, "", "x", [], [None], [[1]], {}, {"type": 5}, {"x": {}}]


def _places(value: Any, pointer: str) -> Iterator[str]:
    yield pointer
    match value:
        case dict():
            for key, item in value.items():
                yield from _places(item, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
        case list():
            for number, item in enumerate(value):
                yield from _places(item, f"{pointer}/{number}")


def json_places(name: str) -> list[str]:
    """Every place inside the bodies and events of a conversation."""
    return [
        place
        for number, exchange in enumerate(patched(name, []))
        for side, member in (("request", "body"), ("response", "body"), ("response", "events"))
        if member in exchange[side]
        for place in _places(exchange[side][member], f"/{number}/{side}/{member}")
        if not place.endswith("/events")
    ]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_no_check_stumbles(name: str) -> None:
    """Whatever is taken out of a conversation or put into it, judging it raises nothing."""
    for place, odd in zip(json_places(name), cycle(ODD), strict=False):
        judge(trace_of(patched(name, [{"op": "replace", "path": place, "value": odd}])))
        judge(trace_of(patched(name, [{"op": "remove", "path": place}])), closed=True)


@pytest.mark.parametrize("name", ["functions_stream", "search_stream"])
def test_no_check_stumbles_over_a_stream_that_is_cut_anywhere(name: str) -> None:
    """Nor over events in another order."""
    events = json.loads(json.dumps(patched(name, [])[0]["response"]["events"]))
    for cut in range(len(events)):
        for told in (
            events[:cut],
            events[cut:],
            events[cut:] + events[:cut],
            events[:cut] + events[cut:][::-1],
        ):
            judge(trace_of(patched(name, [{"op": "replace", "path": "/0/response/events", "value": told}])))
