"""Where a drawn value is led to, so that what lies deep is reached as often as what lies on top.

    for root, goal in goals(("interactions/tool_function", "interactions/tool_retrieval")):
        Drawing(choices, contract(), toward=goal)        # takes what leads there

Left to chance a member five objects deep is drawn once in thousands of values. A goal is one place of a
schema, or one of its words: what leads there is taken, and everything else stays a choice. New members become
goals by themselves.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

from conformance.contract.store import contract
from conformance.generate.excluded import excluded

__all__ = ["MANY", "Goal", "goals"]

MANY = "*"
"""Taken in the object that is the goal itself: any number of its members."""

Goal: TypeAlias = Mapping[int, str | int]
"""What to take on the way, by the identity of the schema: a member, a branch, an item, a word."""

_MEMBERS_A_GOAL = 2

_Place: TypeAlias = tuple[str, Mapping[str, Any]]


@cache
def goals(roots: tuple[str, ...]) -> tuple[tuple[str, Goal], ...]:
    """Give the way to each place and word that some schemas hold, with the schema to start in.

    Each has one way, the shortest; an object with many members counts several times.
    """
    found: list[tuple[str, Goal]] = []
    waiting: list[tuple[str, _Place, Goal]] = [(root, (root, contract().schema(root)), {}) for root in roots]
    met = {id(place[1]) for _, place, _ in waiting}
    while waiting:
        root, (name, schema), way = waiting.pop(0)
        if "properties" in schema:
            many = {**way, id(schema): MANY}
            found.extend([(root, many)] * (1 + len(schema["properties"]) // _MEMBERS_A_GOAL))
        found.extend((root, {**way, id(schema): word}) for word in schema.get("x-open-enum", ()))
        for taken, place in _parts(name, schema):
            if id(place[1]) not in met:
                met.add(id(place[1]))
                waiting.append((root, place, way if taken is None else {**way, id(schema): taken}))
    return tuple(sorted(found, key=lambda goal: roots.index(goal[0])))


def _parts(name: str, schema: Mapping[str, Any]) -> Iterator[tuple[str | int | None, _Place]]:
    """Give the schemas that one is made of, each with what has to be taken to get there."""
    store = contract()
    if "$ref" in schema:
        target = store.resolve(name, schema["$ref"])
        yield None, (target, store.schema(target))
    for number in dict.fromkeys(store.kinds(name, schema).values()) if "oneOf" in schema else ():
        yield number, (name, schema["oneOf"][number])
    for number, branch in enumerate(schema.get("anyOf", ())):
        yield number, (name, branch)
    for key, member in schema.get("properties", {}).items():
        if not excluded(name, "present", key):
            yield key, (name, member)
    if "items" in schema:
        yield 0, (name, schema["items"])
