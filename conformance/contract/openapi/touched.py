"""What a difference touches: the requirements that govern the place, their checks, the scenarios.

    requirements = touched_requirements(difference)
    exercising({requirement.id for requirement in requirements}, scenarios)

A schema belongs to one requirement at most; the innermost schema on the way to the place that has one
decides, as it does when a value has the wrong shape. To these come the requirements whose sentence names the
field.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Protocol

from conformance.contract.openapi.differences import Difference, our_contract
from conformance.contract.registry import Requirement, registry

__all__ = ["Exercising", "exercising", "touched_checks", "touched_requirements"]

_CHECK = "schema:interactions/"


class Exercising(Protocol):
    """What is needed of a scenario."""

    @property
    def id(self) -> str:
        """What people call it."""

    @property
    def exercises(self) -> Sequence[str]:
        """The requirements that it is about."""


def touched_requirements(difference: Difference) -> list[Requirement]:
    """Give the requirements that a difference touches, the one that governs the place first.

    A difference between two documents is looked up by its path, so that it finds ours where the paths agree.
    """
    near = _governing(difference)
    named = (one for one in registry().values() if _is_named(one, difference, [other for _, other in near]))
    found = [*(requirement for _, requirement in near[:1]), *named]
    return list({requirement.id: requirement for requirement in found}.values())


def touched_checks(difference: Difference) -> list[str]:
    """Give the checks that a difference touches: of the schema that governs the place, then of behaviour."""
    shapes = [f"{_CHECK}{schema}" for schema, _ in _governing(difference)[:1]]
    checks = [check for requirement in touched_requirements(difference) for check in requirement.checks]
    return list(dict.fromkeys([*shapes, *(check.name for check in checks if check.schema is None)]))


def exercising(ids: Collection[str], scenarios: Iterable[Exercising]) -> list[str]:
    """Give the ids of the scenarios that exercise at least one of some requirements."""
    return [scenario.id for scenario in scenarios if not set(ids).isdisjoint(scenario.exercises)]


def _governing(difference: Difference) -> list[tuple[str, Requirement]]:
    """Give the schemas on the way that a requirement names, with it, the innermost first."""
    names = _by_schema()
    return [(name, names[name]) for name in reversed(our_contract().along(difference.path)) if name in names]


@cache
def _by_schema() -> dict[str, Requirement]:
    return {
        check.name.removeprefix(_CHECK): requirement
        for requirement in registry().values()
        for check in requirement.checks
        if check.name.startswith(_CHECK)
    }


def _is_named(requirement: Requirement, difference: Difference, near: Sequence[Requirement]) -> bool:
    """Whether the sentence names what differs; a word that English has too counts in the same area only."""
    fields = [segment[1:] for segment in difference.path if segment.startswith(".")]
    words = [] if difference.kind == "member" else fields[-1:]
    words += [difference.name] if difference.kind in {"value", "member"} else []
    return any(
        re.search(rf"(?<![\w.]){re.escape(word)}(?!\w|\.\w)", requirement.says) is not None
        for word in words
        if "_" in word or requirement in near or (near and requirement.area == near[0].area)
    )
