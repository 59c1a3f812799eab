"""What hypothesis leaves: a conversation with calls and members taken out that a fault does not need.

    smaller = reduced(seen, world, key, until=monotonic() + 3)

Strategies know which members belong together, and shrink to the simplest conversation that they can draw. A
fault may need less than that: here each call, member and item is left out in turn, and the judge asked again.
What shows another fault beside is not taken: an endpoint that takes a request without a model would have the
others shown by such requests, and whoever mends it would say that they were wrong.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from conformance.errors import TargetUnreachable
from conformance.fuzzing.endpoint import Seen, World, key_of
from conformance.scenario.scenario import ScenarioCall, names_in

__all__ = ["reduced"]


def reduced(seen: Seen, world: World, key: str, *, until: float) -> Seen:
    """Give the smallest conversation found that shows the fault; the one given where none is smaller.

    What is found because of how a request was made, and not by the judge, is left as it is: with a member
    less it would be another request.
    """
    if key in _keys(world.seen(seen.talk)):
        while (smaller := _smaller(seen, world, key, until)) is not None:
            seen = smaller
    return seen


def _smaller(seen: Seen, world: World, key: str, until: float) -> Seen | None:
    for calls in _candidates(seen.calls):
        if time.monotonic() > until:
            return None
        try:
            talk = world.talk()
            talk.again(calls)
        except TargetUnreachable:
            continue
        found = world.seen(talk)
        if key in _keys(found) <= _keys(seen):
            return found
    return None


def _keys(seen: Seen) -> set[str]:
    return {key_of(one) for one in seen.verdicts}


def _candidates(calls: Sequence[ScenarioCall]) -> Iterator[list[ScenarioCall]]:
    """Give the conversations with one thing less: first whole calls, then what they bind, then members."""
    for number in reversed(range(len(calls))):
        rest = [*calls[:number], *calls[number + 1 :]]
        if rest and _bound(rest):
            yield rest
    for number, call in enumerate(calls):
        for name in call.binds:
            fewer = replace(
                call, bind=_without(call.bind, name), bind_events=_without(call.bind_events, name)
            )
            changed = [*calls[:number], fewer, *calls[number + 1 :]]
            if _bound(changed):
                yield changed
        for arguments in _fewer(call.arguments):
            if call.operation == "interactions.create" or "id" in arguments:
                yield [*calls[:number], replace(call, arguments=arguments), *calls[number + 1 :]]


def _bound(calls: Sequence[ScenarioCall]) -> bool:
    """Whether every name that is used was bound before."""
    known: set[str] = set()
    for call in calls:
        if not set(names_in(call.arguments)) <= known:
            return False
        known |= call.binds
    return True


def _without(members: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in members.items() if key != name}


def _fewer(value: Any) -> Iterator[Any]:
    """Give a JSON value with one member or item less, the outermost first."""
    match value:
        case Mapping():
            for key in value:
                yield {name: item for name, item in value.items() if name != key}
            for key, inner in value.items():
                for smaller in _fewer(inner):
                    yield {**value, key: smaller}
        case list():
            for position in range(len(value)):
                yield [*value[:position], *value[position + 1 :]]
            for position, inner in enumerate(value):
                for smaller in _fewer(inner):
                    yield [*value[:position], smaller, *value[position + 1 :]]
