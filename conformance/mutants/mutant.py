"""Wrong servers as data: one YAML file an area, in the folder `servers` beside this module.

    for mutant in read_mutants():
        mutant.name, mutant.breaks, mutant.mutate

Its README shows the format; `schemas/harness/mutants.json` describes it. Whatever can be wrong with a mutant
before it runs is found here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from conformance.contract.places import folder
from conformance.contract.registry import registry
from conformance.errors import MutantBroken
from conformance.mutants.behaviours import BEHAVIOURS
from conformance.scenario.scenario import SUFFIX

__all__ = ["EXPECTED", "SERVERS", "Mutant", "read_mutants", "scenario_file"]

SERVERS = Path(__file__).parent / "servers"
EXPECTED = "scenario"
"""What stands in the place of a requirement for what a scenario alone expects."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong server.

    breaks: the requirements that must be found broken.
    also: those that cannot but break with them.
    play: the scenarios that show it.
    at: places at which the verdicts may lie, besides those where the bytes differ.
    profile: "closed" where only a closed contract fails it, and an open one reports drift.
    equivalent: why nothing can tell it from a right server; empty for the others.
    known: why it survives for now; empty for the others.
    """

    name: str
    title: str
    area: str
    mutate: Mapping[str, Any]
    play: tuple[str, ...]
    breaks: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    at: tuple[Mapping[str, Any], ...] = ()
    profile: str = "open"
    equivalent: str = ""
    known: str = ""


def read_mutants(place: Path = SERVERS) -> tuple[Mutant, ...]:
    """Read every mutant of a folder.

    Raises:
        MutantBroken: a file is not YAML, not a list of mutants, or names what there is not.
    """
    mutants = tuple(mutant for path in sorted(place.glob("*.yaml")) for mutant in _read(path))
    seen: set[str] = set()
    for mutant in mutants:
        if mutant.name in seen:
            raise MutantBroken(f"{mutant.area}.yaml", mutant.name, "the name is taken")
        seen.add(mutant.name)
    return mutants


def scenario_file(name: str) -> Path:
    """Give the file of a scenario of ours."""
    return folder("scenarios") / f"{name}{SUFFIX}"


def _read(path: Path) -> Iterator[Mutant]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 (both loaders are safe)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MutantBroken(path.name, "", f"not YAML: {' '.join(str(error).split())}") from None
    _refuse_shape(path, data)
    for entry in data["mutants"]:
        lists = {key: tuple(entry.get(key, ())) for key in ("play", "breaks", "also", "at")}
        mutant = Mutant(**{**entry, **lists, "area": path.stem})
        for problem in _problems(mutant):
            raise MutantBroken(path.name, mutant.name, problem)
        yield mutant


def _refuse_shape(path: Path, data: Any) -> None:
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(data))
    if error is not None:
        where = "/".join(str(part) for part in error.absolute_path)
        raise MutantBroken(path.name, where, error.message[:200])


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads((folder("schemas") / "harness" / "mutants.json").read_bytes()))


def _problems(mutant: Mutant) -> Iterator[str]:
    yield from _unknown(mutant.breaks + mutant.also)
    for name in mutant.play:
        if not scenario_file(name).exists():
            yield f"there is no scenario {name}"
    if mutant.mutate.get("behaviour", "") not in ("", *BEHAVIOURS):
        yield f"there is no behaviour {mutant.mutate['behaviour']}"


def _unknown(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name == EXPECTED:
            continue
        requirement = registry().get(name)
        if requirement is None:
            yield f"there is no requirement {name}"
        elif not requirement.checks:
            yield f"{name} has no checks"
        elif requirement.party == "client":
            yield f"{name} is for clients"
