"""Scenario files: read, checked, ready to be played.

    scenario = read_scenario(Path("text.scenario.yaml"))
    scenario.calls[0].arguments

The format is `schemas/harness/scenario.json`, explained in `scenarios/README.md`. Whatever can be wrong
before the first request is found here, so that a broken file never sends anything.
"""

import base64
import binascii
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from conformance.contract.models import models
from conformance.contract.places import folder
from conformance.contract.registry import registry
from conformance.errors import NothingToDo, PathMissing, ScenarioBroken, UsageRefused

__all__ = [
    "MODEL",
    "SUFFIX",
    "Expectation",
    "Scenario",
    "ScenarioCall",
    "fill",
    "fill_text",
    "find_scenarios",
    "is_ours",
    "names_in",
    "names_within",
    "read_scenario",
    "scenario_id",
]

SUFFIX = ".scenario.yaml"
MODEL = "model"
"""The name of the model that is chosen by what a scenario needs: it may write `<model>` unbound."""
_NAME = re.compile(r"<([a-z][a-z0-9_]*)(\.\.\.)?>")
_WITHIN = re.compile(r"<([a-z][a-z0-9_]*)>")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one call expects; None stands for "nothing expected"."""

    http: int = 200
    status: str | None = None
    error: str | int | None = None
    says: str | None = None
    includes: tuple[dict[str, Any], ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScenarioCall:
    """One call of a scenario, its values not yet filled in."""

    name: str
    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    body: str | None = None
    body_base64: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    key: str = "good"
    method: str | None = None
    path: str | None = None
    expect: Expectation = Expectation()
    bind: Mapping[str, str] = field(default_factory=dict)
    bind_events: Mapping[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> bytes | None:
        """The body as it is sent, where the file tells its letters or bytes; None for one of arguments."""
        if self.body_base64 is not None:
            return base64.b64decode(self.body_base64)
        return None if self.body is None else self.body.encode()

    @property
    def binds(self) -> frozenset[str]:
        """The names that its answer gives values to."""
        return frozenset(self.bind) | frozenset(self.bind_events)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A conversation.

    id: its path without the ending, below `scenarios/` or, for a file elsewhere, from the current folder.
    only: the targets that it makes sense for, where that is not every one.
    needs: what a model must be able to do, and what an account must have.
    """

    id: str
    file: Path
    title: str
    source: str
    exercises: tuple[str, ...]
    given: Mapping[str, Any]
    calls: tuple[ScenarioCall, ...]
    only: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


def is_ours(path: Path) -> bool:
    """Whether a scenario lies in our own folder."""
    return path.resolve().is_relative_to(folder("scenarios").resolve())


def scenario_id(path: Path) -> str:
    """Give the id of a scenario file: its path below our folder, or for others as seen from the current one.

    `interactions/text` for one of ours, `mine/text` for `./mine/text.scenario.yaml`: no two files share one.
    """
    if is_ours(path):
        relative = path.resolve().relative_to(folder("scenarios").resolve())
    else:
        relative = _from_here(path)
    return relative.as_posix().removesuffix(SUFFIX)


def _from_here(path: Path) -> Path:
    try:
        return Path(os.path.relpath(path))
    except ValueError:  # on another drive of Windows
        return path.absolute()


def find_scenarios(paths: Sequence[str]) -> list[Path]:
    """Give the scenario files at and below the paths, sorted.

    Raises:
        PathMissing: a path does not exist.
        UsageRefused: a file is not called `*.scenario.yaml`.
        NothingToDo: there is none.
    """
    found: list[Path] = []
    for name in paths:
        path = Path(name)
        if path.is_dir():
            found += sorted(path.rglob(f"*{SUFFIX}"))
        elif not path.exists():
            raise PathMissing(name)
        elif path.name.endswith(SUFFIX):
            found.append(path)
        else:
            raise UsageRefused(
                f"{name} is not called *{SUFFIX}", "Rename it: pytest collects scenarios by this name."
            )
    if not found:
        raise NothingToDo(f"no scenario in {', '.join(paths)}", f"Scenario files are called *{SUFFIX}.")
    return found


def read_scenario(path: Path) -> Scenario:
    """Read and check a scenario.

    Raises:
        ScenarioBroken: it is not YAML, not a scenario, names a requirement that does not exist, or uses a
            value that nothing binds. The message names the place.
    """
    data = _parse(path)
    try:
        problem = next(((at[1:], what) for at, what in _foreign(data)), None) or _schema_problem(data)
    except RecursionError:
        problem = "", "nested too deeply"
    if problem is not None:
        raise ScenarioBroken(str(path), *problem)
    calls = tuple(_call(entry) for entry in data["calls"])
    scenario = Scenario(
        id=scenario_id(path),
        file=path,
        title=data["title"],
        source=data["source"],
        exercises=tuple(data["exercises"]),
        given=data.get("given", {}),
        calls=calls,
        only=tuple(data.get("only", ())),
        needs=tuple(data.get("needs", ())),
    )
    for where, what in _inconsistencies(scenario):
        raise ScenarioBroken(str(path), where, what)
    return scenario


def _parse(path: Path) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 (both loaders are safe)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioBroken(str(path), f"line {line}", f"not YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioBroken(str(path), "", f"not YAML: {str(error).splitlines()[0]}") from None
    except OSError as error:
        raise ScenarioBroken(str(path), "", f"cannot be read: {error.strerror}") from None
    except RecursionError:
        raise ScenarioBroken(str(path), "", "nested too deeply") from None
    return data


def _foreign(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Find what YAML has and JSON has not, such as dates; no request can hold it."""
    match value:
        case dict():
            for key, item in value.items():
                if isinstance(key, str):
                    yield from _foreign(item, f"{at}/{key}")
                else:
                    yield at, f"the key {key!r} is no text: quote it"
        case list():
            for number, item in enumerate(value):
                yield from _foreign(item, f"{at}/{number}")
        case None | str() | int():
            return
        case float() if math.isfinite(value):
            return
        case _:
            yield at, f"{value} is of the kind {type(value).__name__}, which JSON does not have: quote it"


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    schema = json.loads((folder("schemas") / "harness" / "scenario.json").read_bytes())
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _schema_problem(data: Any) -> tuple[str, str] | None:
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(data))
    if error is None:
        return None
    message = "; ".join(error.message.split("\n"))
    short = message if len(message) <= 160 else f"{message[:157]}…"
    return "/".join(str(part) for part in error.absolute_path), short


def _call(entry: Mapping[str, Any]) -> ScenarioCall:
    expect = dict(entry.get("expect", {}))
    for key in ("includes", "lacks"):
        expect[key] = tuple(expect.get(key, ()))
    rest = {key: value for key, value in entry.items() if key != "expect"}
    return ScenarioCall(**rest, expect=Expectation(**expect))


def _inconsistencies(scenario: Scenario) -> Iterator[tuple[str, str]]:
    known = registry()
    for number, name in enumerate(scenario.exercises):
        if name not in known:
            yield f"exercises/{number}", f"there is no requirement {name}"
        elif not known[name].checks:
            reason = known[name].excluded or known[name].pending or "client cases judge it"
            yield f"exercises/{number}", f"{name} has no checks: {reason}"
    yield from _unknown_needs(scenario)
    bound = {MODEL, *scenario.given, *(models().account.keys() & set(scenario.needs))}
    seen: set[str] = set()
    for number, call in enumerate(scenario.calls):
        where = f"calls/{number}"
        if call.name in seen:
            yield f"{where}/name", f"two calls are called {call.name!r}"
        seen.add(call.name)
        for name in (*names_in(call.arguments), *names_in(call.query), *names_within(call.path or "")):
            if name not in bound:
                choice = ", ".join(sorted(bound)) or "none"
                yield f"{where}/arguments", f"<{name}> is bound by nothing before it (bound: {choice})"
        if fault := _base64_fault(call.body_base64 or ""):
            yield f"{where}/body_base64", f"this is not base64: {fault}"
        if call.operation != "interactions.create" and "id" not in call.arguments and call.path is None:
            yield f"{where}/arguments", f"{call.operation} needs an id"
        for name, path in (*call.bind.items(), *call.bind_events.items()):
            if fault := _jsonpath_fault(path):
                yield f"{where}/bind/{name}", f"{path!r} is not JSONPath: {fault}"
        bound |= call.binds


def _unknown_needs(scenario: Scenario) -> Iterator[tuple[str, str]]:
    known = (*models().words, *models().account)
    for number, need in enumerate(scenario.needs):
        if need not in known:
            yield f"needs/{number}", f"there is no need {need!r} (known: {', '.join(known)})"


def _base64_fault(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        return str(error)
    return ""


def _jsonpath_fault(path: str) -> str:
    import jsonpath_rfc9535

    try:
        jsonpath_rfc9535.compile(path)
    except jsonpath_rfc9535.JSONPathError as error:
        return str(error).splitlines()[0]
    return ""


def names_in(value: Any) -> Iterator[str]:
    """Find the names of bound values in a JSON value."""
    match value:
        case str():
            if found := _NAME.fullmatch(value):
                yield found[1]
        case dict():
            for item in value.values():
                yield from names_in(item)
        case list():
            for item in value:
                yield from names_in(item)


def names_within(text: str) -> list[str]:
    """Find the names of bound values within a text, such as a path."""
    return _WITHIN.findall(text)


def fill_text(text: str, values: Mapping[str, Any]) -> str:
    """Put bound values where their names stand within a text, such as a path.

    >>> fill_text("/interactions/<turn>/cancel", {"turn": "v1_x"})
    '/interactions/v1_x/cancel'
    """
    return _WITHIN.sub(
        lambda found: quote(str(values[found[1]]), safe="") if found[1] in values else found[0], text
    )


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Put bound values where their names stand: `<name>` for the value, `<name...>` for each item of a list.

    A value is put in as it is: what a server said is never read for names.

    >>> fill({"input": ["<first>", "<rest...>"]}, {"first": 1, "rest": [2, 3]})
    {'input': [1, 2, 3]}
    """
    match value:
        case str():
            found = _NAME.fullmatch(value)
            return values[found[1]] if found else value
        case dict():
            return {key: fill(item, values) for key, item in value.items()}
        case list():
            filled: list[Any] = []
            for item in value:
                found = _NAME.fullmatch(item) if isinstance(item, str) else None
                if found and found[2] and isinstance(values[found[1]], list):
                    filled.extend(values[found[1]])
                else:
                    filled.append(fill(item, values))
            return filled
    return value
