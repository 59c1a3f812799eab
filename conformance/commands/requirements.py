"""`gemini-conformance requirements`: what is judged, and why."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, get_args

import yaml

from conformance.contract.places import folder
from conformance.contract.registry import Confidence, Level, Party, Requirement, registry
from conformance.contract.validation import nearest
from conformance.errors import UsageRefused
from conformance.judge.judge import judge
from conformance.report.text import render_requirement
from conformance.testees.case import Case, read_cases
from conformance.wire.recording import Recording, read_all

__all__ = ["add_arguments", "run"]

_STATES = ("checked", "cases", "pending", "excluded")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="such as IX-STREAM-012: explain it")
    parser.add_argument("--area", metavar="AREA", help="only those of one area, such as stream")
    parser.add_argument("--level", choices=get_args(Level), help="only those of one level")
    parser.add_argument("--party", choices=get_args(Party), help="only those of one party")
    parser.add_argument("--confidence", choices=get_args(Confidence), help="only those of one confidence")
    parser.add_argument(
        "--state",
        choices=_STATES,
        help="only those with checks, with client cases, waiting for either, or excluded",
    )
    parser.add_argument(
        "--unobserved",
        action="append",
        metavar="PATH",
        help="only those with checks that no recording at or below the path has exercised; may be repeated",
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what is printed; default: text"
    )


def run(options: argparse.Namespace) -> int:
    """Explain the requirements that were named, or list those that were chosen."""
    chosen = [_named(name) for name in options.ids] if options.ids else _chosen(options)
    if options.format == "json":
        print(json.dumps([_as_json(requirement) for requirement in chosen], indent=2))
    elif options.ids:
        for requirement in chosen:
            print(
                "\n".join([*render_requirement(requirement), *_cases(requirement), *_violations(requirement)])
            )
    else:
        for one in chosen:
            print(f"{one.id:<15} {one.level:<6} {one.party:<6} {one.confidence:<10} {one.says}")
        states = Counter(next(_states(requirement)) for requirement in chosen)
        told = ", ".join(f"{states[name]} {name}" for name in _STATES if states[name])
        print(f"{len(chosen)} of {len(registry())} requirements: {told or 'none'}", file=sys.stderr)
    return 0


def _as_json(requirement: Requirement) -> dict[str, Any]:
    return asdict(requirement) | {"cases": [case.id for case in _judging(requirement)]}


def _judging(requirement: Requirement) -> list[Case]:
    """Give the client cases that judge a requirement; they are read only where there are some."""
    if not requirement.cases:
        return []
    return [case for case in read_cases() if case.judges == requirement.id]


def _cases(requirement: Requirement) -> Iterator[str]:
    """Show the client cases that judge a requirement, and what runs them."""
    cases = _judging(requirement)
    yield from (f"    case      {case.id}: {case.title}" for case in cases)
    if cases:
        yield f"    run       gemini-conformance client --only {requirement.id} -- COMMAND"


def _violations(requirement: Requirement) -> Iterator[str]:
    """Show the committed conversations that break a requirement: each is one right conversation, changed."""
    for path in sorted(folder("violations").glob(f"{requirement.id}-*.yaml")):
        violation = yaml.safe_load(path.read_bytes())
        yield f"    broken by {path.stem.removeprefix(requirement.id).strip('-').replace('-', ' ')}"
        for change in violation["patch"]:
            value = f" = {json.dumps(change['value'])}" if "value" in change else ""
            yield f"              {change['op']} {change['path']}{value}"[:150]
        yield f"              says: {violation['says']}"[:150]


def _named(name: str) -> Requirement:
    known = registry()
    if name not in known:
        raise UsageRefused(
            f"there is no requirement {name}{nearest(name, known)}",
            "The list: gemini-conformance requirements",
        )
    return known[name]


def _states(requirement: Requirement) -> Iterator[str]:
    """What judges a requirement, or keeps it from being judged; checks and cases may both do."""
    given = (requirement.checks, requirement.cases, requirement.pending, requirement.excluded)
    yield from (state for state, value in zip(_STATES, given, strict=True) if value)


def _chosen(options: argparse.Namespace) -> list[Requirement]:
    areas = {requirement.area for requirement in registry().values()}
    if options.area is not None and options.area not in areas:
        raise UsageRefused(f"there is no area {options.area!r}", f"The areas: {', '.join(sorted(areas))}")
    observed = _observed(options.unobserved) if options.unobserved else None
    return [
        requirement
        for requirement in registry().values()
        if options.area in (None, requirement.area)
        and options.level in (None, requirement.level)
        and options.party in (None, requirement.party)
        and options.confidence in (None, requirement.confidence)
        and (options.state is None or options.state in _states(requirement))
        and (observed is None or (requirement.checks and requirement.id not in observed))
    ]


def _observed(paths: list[str]) -> set[str]:
    """The requirements that the recordings below some paths exercise."""
    observed: set[str] = set()
    for recording in read_all(paths):
        if isinstance(recording, Recording) and not recording.note:
            observed |= judge(recording.trace).outcomes().keys()
    return observed
