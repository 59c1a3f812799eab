"""Coverage counts what the traversal of values has seen, of what the schemas have."""

import json
from typing import Any

from hypothesis import given

from conformance.contract.coverage import Coverage, points
from conformance.contract.store import contract
from conformance.contract.validation import Branch
from conformance.generate import instances
from tests.generate.effort import examples

DELTA = ("interactions/delta",)


def _seen(name: str, *values: Any, roots: tuple[str, ...] = DELTA) -> Coverage:
    branches = {branch for value in values for branch in contract().validate(name, value).branches}
    return Coverage.of(branches, roots)


def _drawn(name: str) -> set[Branch]:
    """The branches that some drawn values of a schema take."""
    branches: set[Branch] = set()

    @examples(25)
    @given(instances(name, depth=3))
    def collect(value: Any) -> None:
        branches.update(contract().validate(name, value).branches)

    collect()
    return branches


def test_a_kind_is_seen_when_a_value_is_of_it() -> None:
    """The others are named as never seen, in the order of the schema."""
    coverage = _seen("interactions/delta", {"type": "text", "text": "a"}, {"type": "audio"})

    assert coverage.seen["interactions/delta"]["kinds"] == {"text", "audio"}
    assert coverage.never("interactions/delta", "kinds")[:2] == ("thought_summary", "thought_signature")


def test_a_field_is_seen_present_and_absent() -> None:
    """Both are points: a reader that needs the field breaks on the second."""
    place = "interactions/delta_audio"
    once = _seen("interactions/delta", {"type": "audio", "data": "AAAA"})

    assert once.seen[place]["present"] == {"data"}
    assert "data" in once.never(place, "absent")
    assert "data" not in once.merged(_seen("interactions/delta", {"type": "audio"})).never(place, "absent")


def test_what_the_contract_does_not_know_is_no_point() -> None:
    """Unknown kinds, words and fields are drift and are counted nowhere."""
    wanted = _seen("interactions/delta", {"type": "text", "text": ""})
    unknown = _seen("interactions/delta", {"type": "smell"}, {"type": "text", "text": "", "colour": 1})

    assert unknown == wanted


def test_types_and_cases_are_points() -> None:
    """A branch of an `anyOf` is told by its JSON type, a case of an `if` by its side."""
    roots = ("interactions/create_request",)
    coverage = _seen("interactions/create_request", {"model": "gemini-2.5-pro", "input": []}, roots=roots)

    assert coverage.seen["interactions/create_request"]["cases"] == {"else"}
    assert coverage.seen["interactions/input"]["types"] == {"array"}
    assert coverage.seen["interactions/model"]["values"] == {"gemini-2.5-pro"}


def test_it_survives_its_record() -> None:
    """Through JSON and back nothing changes; what the contract no longer has is dropped."""
    coverage = _seen("interactions/delta", {"type": "text", "text": ""})
    told = json.loads(json.dumps(coverage.to_json()))
    assert Coverage.from_json(told) == coverage

    told["seen"]["interactions/delta"]["kinds"].append("retired")
    told["seen"]["interactions/retired"] = {"kinds": ["any"]}
    assert Coverage.from_json(told) == coverage


def test_the_text_counts_with_denominators() -> None:
    """Each line tells how many of how many, and what is missing."""
    first, *lines = _seen("interactions/delta", {"type": "text", "text": ""}).text(shown=2).splitlines()

    assert first.startswith("1 of ")
    assert lines[0] == "delta: 1 of 28 kinds, never thought_summary, thought_signature and 25 more"
    assert lines[-1].startswith("never reached: ")


def test_every_place_can_be_seen() -> None:
    """What validation calls a place is what the count calls it: drawn values reach all that there is."""
    names = {place.partition("#")[0] for place in points(DELTA)}
    coverage = Coverage.of(set[Branch]().union(*map(_drawn, sorted(names))), DELTA)
    assert coverage.count >= 0.9 * coverage.total
    assert {place for place in points(DELTA) if place not in coverage.seen} == set()
