"""How much of a finding its fault needs: made smaller by hand, beside the right server, until nothing can go.

    more = read_findings(folder, mutant)
    more["sizes"]          # [{"requirement": "IX-ID-001", "members": 4, "needed": 2, "calls": 1}]

What was told is the start, and so are requests that anybody would try first and the calls of the scenarios
that kill the mutant. From each, calls and members are left out, and values put in the place of others, as
long as the same finding shows on the mutant and not on the right server. The smallest of all is what the
fault needs. It shares the judge with fuzzing, and nothing of how fuzzing makes things small.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import yaml

from conformance.errors import TargetUnreachable
from conformance.fuzzing.endpoint import World, key_of, members
from conformance.fuzzing.plain import PlainTarget
from conformance.mutants.mutant import Mutant, scenario_file
from conformance.report.fingerprint import fingerprint
from conformance.scenario.needs import given
from conformance.scenario.scenario import ScenarioCall, fill, names_in, read_scenario
from conformance.server import Service, serving
from tests.rivals.servers import SEED, Beside, standing

__all__ = ["Finding", "Pair", "least", "read_findings", "size"]

_TOLD = ("error", "fail", "warn")
_PATIENCE_S = 20.0
_MODEL = {"model": "gemini-3.5-flash"}
_WEATHER = [{"type": "function", "name": "get_weather"}]
BY_HAND: tuple[Mapping[str, Any], ...] = (
    {**_MODEL, "input": "Hello"},
    {**_MODEL, "input": "Hello", "stream": True},
    {**_MODEL, "input": "What is the weather in London?", "tools": _WEATHER},
    {**_MODEL, "input": "What is the weather in London?", "tools": _WEATHER, "stream": True},
    {**_MODEL, "input": "Hello", "background": True},
    {**_MODEL, "input": "Hello", "tools": [{"type": "google_search"}]},
    {**_MODEL, "input": "Hello", "tools": [{"type": "code_execution"}]},
    {**_MODEL, "input": "Hello", "generation_config": {"thinking_summaries": "auto"}},
    {**_MODEL},
    {"input": "Hello"},
    {},
)
_SIMPLER: tuple[Any, ...] = ("Hello", True, 1, [], {})

Calls = Sequence[ScenarioCall]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was told, as a record has it.

    exchange: which call it is about. seconds: after which it was told.
    """

    requirement: str
    message: str
    exchange: int
    calls: tuple[ScenarioCall, ...]
    seconds: float

    @property
    def key(self) -> str:
        """What it has in common with the same fault in another conversation."""
        return f"{self.requirement}:{fingerprint(self.message)}"


class Pair:
    """A mutant and the right server, asked the same."""

    def __init__(self, mutate: Mapping[str, Any]) -> None:
        self._mutate = mutate
        self._stack = ExitStack()
        self._first: dict[str, tuple[set[str], dict[str, int | None]]] = {}

    def __enter__(self) -> Self:
        self._wrong, self._right = (
            self._world(one) for one in (Beside(standing(self._mutate)), Service(SEED))
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _world(self, service: Any) -> World:
        server = self._stack.enter_context(serving(answering=service))
        target = self._stack.enter_context(PlainTarget(server.url, key="least", timeout_s=5))
        return World(target, own=True)

    def shows(self, finding: Finding, calls: Calls, call: ScenarioCall) -> bool:
        """Whether calls show a finding; `call` is what it is about, where the judge does not tell it."""
        keys, statuses = _held(self._wrong, calls)
        if finding.key in keys:
            return finding.key not in _held(self._right, calls)[0]
        judged, answered = self._as_told(finding)
        if finding.key in judged or call.name not in statuses:
            return False
        told, right = statuses[call.name], _held(self._right, calls)[1].get(call.name)
        return told == answered.get(finding.calls[finding.exchange].name) and _sort(told) != _sort(right)

    def _as_told(self, finding: Finding) -> tuple[set[str], dict[str, int | None]]:
        if finding.key not in self._first:
            self._first[finding.key] = _held(self._wrong, finding.calls)
        return self._first[finding.key]


def _held(world: World, calls: Calls) -> tuple[set[str], dict[str, int | None]]:
    """Hold a conversation; give what the judge finds, and how each call was answered."""
    talk = world.talk()
    with suppress(TargetUnreachable, KeyError):  # no answer, or a name that was not bound
        talk.again(calls)
    seen = world.seen(talk)
    statuses = {call.name: answered.status for call, answered in zip(calls, seen.trace.calls, strict=False)}
    return {key_of(one) for one in seen.verdicts}, statuses


def _sort(status: int | None) -> int:
    return (status or 0) // 100


def size(calls: Calls) -> int:
    """Count the members of all calls."""
    return sum(members(call.arguments) for call in calls)


def least(
    pair: Pair, finding: Finding, starts: Sequence[Calls] = (), patience_s: float = _PATIENCE_S
) -> Calls | None:
    """Give the smallest conversation that shows a finding; None where not even its own does."""
    about = finding.calls[finding.exchange]
    if not pair.shows(finding, finding.calls, about):
        return None
    best: Calls = finding.calls
    until = time.monotonic() + patience_s
    for start in (finding.calls, *starts):
        for call in (about, *start) if start is not finding.calls else (about,):
            if pair.shows(finding, start, call):
                best = min(best, _greedy(pair, finding, start, call, until), key=size)
                break
    return best


def _greedy(pair: Pair, finding: Finding, calls: Calls, about: ScenarioCall, until: float) -> Calls:
    """Take the first smaller conversation that still shows it, until there is none."""
    while time.monotonic() < until:
        for smaller in _smaller(calls):
            if size(smaller) < size(calls) and _is_bound(smaller) and pair.shows(finding, smaller, about):
                calls = smaller
                break
        else:
            break
    return calls


def _smaller(calls: Calls) -> Iterator[Calls]:
    for number, call in enumerate(calls):
        rest = calls[:number], calls[number + 1 :]
        if len(calls) > 1:
            yield [*rest[0], *rest[1]]
        if call.operation == "interactions.create":
            for body in BY_HAND:
                yield [*rest[0], replace(call, arguments=body), *rest[1]]
        for arguments in _simpler(call.arguments):
            if isinstance(arguments, Mapping) and (call.operation.endswith("create") or "id" in arguments):
                yield [*rest[0], replace(call, arguments=arguments), *rest[1]]


def _simpler(value: Any) -> Iterator[Any]:
    """Give what a JSON value may be replaced by: less of it, a part of it, or something simple."""
    match value:
        case Mapping():
            for key in value:
                yield {name: item for name, item in value.items() if name != key}
            yield from value.values()
            for key, inner in value.items():
                yield from ({**value, key: one} for one in _simpler(inner))
        case list():
            yield from (value[:at] + value[at + 1 :] for at in range(len(value)))
            yield from value
            for at, inner in enumerate(value):
                yield from ([*value[:at], one, *value[at + 1 :]] for one in _simpler(inner))
        case _:
            return
    yield from _SIMPLER


def _is_bound(calls: Calls) -> bool:
    known: set[str] = set()
    for call in calls:
        if not set(names_in(call.arguments)) <= known:
            return False
        known |= call.binds
    return True


def read_findings(work: Path, mutant: Mutant) -> dict[str, Any]:
    """Give what the record of a run of fuzzing told of a mutant, each finding beside what its fault needs."""
    lines = [json.loads(line) for line in (work / "record.ndjson").read_text(encoding="utf-8").splitlines()]
    found = list(_findings(lines, work))
    starts = [tuple(_killing(name)) for name in mutant.play]
    by_hand = [(ScenarioCall("call_1", "interactions.create", body),) for body in BY_HAND]
    with Pair(mutant.mutate) as pair:
        sizes = [_sized(one, least(pair, one, [*by_hand, *starts])) for one in found]
    (tried,) = (line["seconds"] for line in lines if line["type"] == "fuzz")
    return {"tried_s": tried, "first_s": min((one.seconds for one in found), default=None), "sizes": sizes}


def _findings(lines: Sequence[Mapping[str, Any]], work: Path) -> Iterator[Finding]:
    told = {line["subject"]: line for line in lines if line["type"] == "scenario"}
    for line in lines:
        if line["type"] == "verdict" and line["outcome"] in _TOLD:
            summary = told[line["subject"]]
            file = work / "finding.scenario.yaml"
            file.write_text(yaml.safe_dump(summary["scenario"]), encoding="utf-8")
            calls = read_scenario(file).calls
            yield Finding(line["requirement"], line["message"], line["exchange"], calls, summary["seconds"])


def _sized(finding: Finding, smallest: Calls | None) -> dict[str, Any]:
    return {
        "requirement": finding.requirement,
        "message": finding.message,
        "calls": len(finding.calls),
        "members": size(finding.calls),
        "needed": None if smallest is None else size(smallest),
        "seconds": finding.seconds,
    }


def _killing(name: str) -> Iterator[ScenarioCall]:
    scenario = read_scenario(scenario_file(name))
    known = {**given(scenario), **scenario.given}
    for call in scenario.calls:
        rest = {key: f"<{key}>" for key in _unknown(call, known)}
        yield replace(call, arguments=fill(call.arguments, {**known, **rest}))


def _unknown(call: ScenarioCall, known: Mapping[str, Any]) -> set[str]:
    return {name for name in names_in(call.arguments) if name not in known}
