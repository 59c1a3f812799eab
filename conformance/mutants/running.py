"""One wrong server: played over real sockets, judged as a run judges, and what came of it.

    line = run_server(mutant)          # {"type": "mutant", "outcome": "killed", ...}
    line = run_control("interactions/text")

Outcomes of a mutant, all but the first three red:

    killed                the requirements that it breaks are found broken where it is wrong, and no others
    equivalent            it is said that nothing can tell it from a right server, and nothing did
    known                 it survived, as is said of it
    killed-wrong-reason   others were found broken, or at another place, or `also` names what did not break
    survived              a requirement that it breaks was not found broken
    inapplicable          its operator touched nothing in the bytes
    crashed               its own code or the server under it raised an error
    hung                  it took longer than the limit

The control is the right server: `clean`, or `dirty`, which is red.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from conformance.errors import TargetUnreachable
from conformance.judge.verdict import Report, Verdict
from conformance.mutants.difference import Touch, shown, touched
from conformance.mutants.lines import control_line, mutant_line
from conformance.mutants.mutant import EXPECTED, Mutant, scenario_file
from conformance.mutants.service import MutatedService
from conformance.report.record import Line
from conformance.scenario.judging import judge_played
from conformance.scenario.play import Played, play
from conformance.scenario.scenario import read_scenario
from conformance.scenario.target import HttpTarget
from conformance.server import serving
from conformance.server.service import Service
from conformance.wire.trace import Place

__all__ = ["LIMIT_S", "run_control", "run_server"]

LIMIT_S = 10.0
_SEED = 7
_GRACE_S = 2.0
_ADVERSE = ("fail", "warn")

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Shown:
    """What one scenario shows of a mutant."""

    scenario: str
    service: MutatedService
    played: Played
    late: bool

    def reports(self) -> tuple[Report, Report]:
        """Judge it in the open profile and in the closed one."""
        return judge_played(self.played, closed=False, own=True), judge_played(
            self.played, closed=True, own=True
        )


@dataclass(slots=True)
class Findings:
    """What the judge found in all scenarios of a mutant, by requirement."""

    at: dict[str, list[Line]] = field(default_factory=dict)
    misplaced: dict[str, list[Line]] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """The requirements that were found broken."""
        return {*self.at, *self.misplaced}


def run_server(mutant: Mutant, *, limit_s: float = LIMIT_S, seed: int = _SEED) -> Line:
    """Play a mutant's scenarios; say what came of it."""
    started = time.monotonic()
    shows: list[Shown] = []
    outcome, problem = "", ""
    for name in mutant.play:
        service = MutatedService(mutant.mutate, seed)
        show = _within(limit_s, lambda name=name, service=service: _show(name, service, limit_s))  # type: ignore[misc]
        if show is None or show.late:
            outcome, problem = "hung", f"{name} was not over after {limit_s:g} s"
            break
        shows.append(show)
        if service.crash:
            outcome, problem = "crashed", f"{name}: {service.crash}"
            break
    seconds = time.monotonic() - started
    if outcome:
        return _line(mutant, outcome, problem, seconds=seconds)
    return _judged(mutant, shows, seconds)


def run_control(scenario: str, *, limit_s: float = LIMIT_S, seed: int = _SEED) -> Line:
    """Play a scenario against the right server."""
    started = time.monotonic()
    service = MutatedService({}, seed, wrong=Service(seed))
    show = _within(limit_s, lambda: _show(scenario, service, limit_s))
    if show is None or show.late:
        return control_line("server", scenario, f"it was not over after {limit_s:g} s")
    problems = [
        f"{verdict.requirement or 'as expected by the scenario'}: {verdict.message}"
        for report in show.reports()
        for verdict in report.findings
    ]
    problems += [f"it differs from itself at {touch}" for touch in touched(service.answered)]
    return control_line("server", scenario, "; ".join(problems[:3]), seconds=time.monotonic() - started)


def _within(limit_s: float, work: Callable[[], Found]) -> Found | None:
    """Give what comes of some work; None when it is not over in time, and then it is left to itself."""
    results: list[Found] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  it is raised where it is waited for
            errors.append(error)

    thread = threading.Thread(target=run, name="mutant", daemon=True)
    thread.start()
    thread.join(limit_s + _GRACE_S)
    if errors:
        raise errors[0]
    return results[0] if results else None


def _show(name: str, service: MutatedService, limit_s: float) -> Shown:
    """Play one scenario to one mutant."""
    path = scenario_file(name)
    scenario = read_scenario(path)
    started = time.monotonic()
    with (
        serving(answering=service) as server,
        HttpTarget(server.url, key="key-of-a-mutant", timeout_s=limit_s) as target,
    ):
        try:
            played = play(scenario, target)
        except TargetUnreachable as error:
            played = Played(scenario, stopped=str(error), ended=error)
    return Shown(name, service, played, time.monotonic() - started >= limit_s)


def _judged(mutant: Mutant, shows: Sequence[Shown], seconds: float) -> Line:
    """Hold what was found against what the mutant breaks."""
    touches = {show.scenario: touched(show.service.answered) for show in shows}
    untouched = [name for name, found in touches.items() if not found]
    difference = [line for show in shows for line in shown(show.service.answered)]
    if untouched:
        problem = f"it touches nothing in {', '.join(untouched)}"
        return _line(mutant, "inapplicable", problem, seconds=seconds)
    open_found, closed_found, drift = Findings(), Findings(), False
    for show in shows:
        places = touches[show.scenario]
        report, closed = show.reports()
        _collect(open_found, report, show.scenario, places, mutant)
        _collect(closed_found, closed, show.scenario, places, mutant)
        drift = drift or any(_holds(places, seen.place, seen.pointer) for seen in report.drift)
    found = closed_found if mutant.profile == "closed" else open_found
    outcome, problem = _outcome(mutant, found)
    if mutant.known:
        outcome, problem = _as_known(outcome, problem)
    if mutant.profile == "closed" and outcome == "killed":
        if open_found.names:
            told = ", ".join(sorted(open_found.names))
            outcome, problem = "killed-wrong-reason", f"in the open profile {told} is found broken"
        elif not drift:
            outcome, problem = "survived", "the open profile shows no drift there"
    return _line(mutant, outcome, problem, found, difference=difference, seconds=seconds)


def _collect(
    found: Findings, report: Report, scenario: str, touches: Iterable[Touch], mutant: Mutant
) -> None:
    """Sort the adverse verdicts by whether they lie where the mutant is wrong."""
    for verdict in report.findings:
        name = verdict.requirement or EXPECTED
        if verdict.outcome not in _ADVERSE or (name == EXPECTED and EXPECTED not in mutant.breaks):
            continue
        here = _holds(touches, verdict.place, verdict.pointer) or _declared(mutant.at, verdict)
        sort = found.at if here else found.misplaced
        sort.setdefault(name, []).append(_place_line(scenario, verdict, name))


def _holds(touches: Iterable[Touch], place: Place, pointer: str) -> bool:
    return any(touch.holds(place, pointer) for touch in touches)


def _declared(places: Iterable[Mapping[str, Any]], verdict: Verdict) -> bool:
    """Tell whether a mutant says that it shows at this place; what it leaves open may be anything."""
    told = {
        "requirement": verdict.requirement,
        "exchange": verdict.place.exchange,
        "event": verdict.place.event,
        "pointer": verdict.pointer,
    }
    return any(all(told[key] == value for key, value in place.items()) for place in places)


def _outcome(mutant: Mutant, found: Findings) -> tuple[str, str]:
    """Say what came of a mutant, and why when it is red."""
    due, strange = set(mutant.breaks), sorted(found.names - set(mutant.breaks) - set(mutant.also))
    missing = sorted(due - found.names)
    misplaced = sorted(due - found.at.keys() - set(missing))
    idle = sorted(set(mutant.also) - found.names)
    if mutant.equivalent:
        told = ", ".join(strange)
        return ("killed-wrong-reason", f"it is no equivalent: {told}") if strange else ("equivalent", "")
    if missing and (strange or len(missing) == len(due)):
        told = f"{', '.join(missing)} is not found broken"
        return ("killed-wrong-reason", f"{told}, but {', '.join(strange)}") if strange else ("survived", told)
    if missing:
        return "survived", f"{', '.join(missing)} is not found broken"
    if strange:
        return "killed-wrong-reason", f"{', '.join(strange)} is found broken too"
    if misplaced:
        return "killed-wrong-reason", f"{_where(found, misplaced)}: not where it is wrong"
    if idle:
        return "killed-wrong-reason", f"`also` names {', '.join(idle)}, which is not found broken"
    return "killed", ""


def _as_known(outcome: str, problem: str) -> tuple[str, str]:
    """Hold a mutant to it that it survives."""
    if outcome == "survived":
        return "known", ""
    told = problem or "it is killed"
    return "killed-wrong-reason", f"it is said to survive, but {told}: take `known` away"


def _where(found: Findings, names: Iterable[str]) -> str:
    lines = (found.misplaced[name][0] for name in names)
    return "; ".join(
        f"{line['requirement']} at exchange {line['exchange']} event {line['event']} {line['pointer']}"
        for line in lines
    )


def _place_line(scenario: str, verdict: Verdict, name: str) -> Line:
    return {
        "scenario": scenario,
        "requirement": name,
        "outcome": verdict.outcome,
        "exchange": verdict.place.exchange,
        "event": verdict.place.event,
        "pointer": verdict.pointer,
        "message": verdict.message,
    }


def _line(
    mutant: Mutant,
    outcome: str,
    problem: str = "",
    found: Findings | None = None,
    *,
    difference: Sequence[str] = (),
    seconds: float = 0.0,
) -> Line:
    found = found or Findings()
    return mutant_line(
        "server",
        mutant.name,
        outcome,
        problem or mutant.equivalent or mutant.known,
        title=mutant.title,
        area=mutant.area,
        breaks=mutant.breaks,
        also=mutant.also,
        killed_by=sorted(found.names),
        profile=mutant.profile,
        plays=mutant.play,
        places=list(_first_places(found, mutant)),
        difference=difference,
        seconds=seconds,
    )


def _first_places(found: Findings, mutant: Mutant) -> Iterator[Line]:
    """Give one verdict for each requirement that the mutant breaks, or that is found broken in vain."""
    for name in [*mutant.breaks, *sorted(found.names - set(mutant.breaks) - set(mutant.also))]:
        yield from (found.at.get(name) or found.misplaced.get(name) or [])[:1]
