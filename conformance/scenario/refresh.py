"""Recording a scenario again: how that differs from its cassette, and whether it takes its place.

    refreshed = refresh_scenario(path, "live", targets, Wishes("tapes"))
    refreshed.headline, list(refreshed.lines())

A cassette gives way to a recording that keeps the contract and in which all was as the scenario expects.
Whatever else happens, it stays as it was, and why is told in a sentence.
"""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance.errors import (
    CassetteBroken,
    ConformanceError,
    TargetUnreachable,
)
from conformance.report.drift import Comparison, compare
from conformance.scenario.live.tries import ENDING
from conformance.scenario.recording import (
    Recording,
    Wishes,
    play_scenario,
    recorded,
    refuse_half,
    writing_cassette,
)
from conformance.scenario.running import Targets, cassette_path
from conformance.scenario.scenario import read_scenario, scenario_id
from conformance.wire.cassette import EDITED, read_cassette
from conformance.wire.exchange import Exchange
from conformance.wire.redaction import redact, redact_text
from conformance.wire.trace import Trace

__all__ = ["Refreshed", "refresh_scenario"]

_KEPT = "kept the old one"
_NOTHING = "nothing recorded"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of one scenario.

    note: why the cassette is not written, or is a new one; empty when there is nothing to say.
    comparison: with the cassette that was there; None when there was none, or nothing was recorded.
    header: what else was different, such as the server.
    written: whether the cassette is another one now.
    unsure: the recording tells nothing, since a model did not do as the scenario expects.
    skipped: nothing was sent.
    error: what stopped it.
    """

    scenario: str
    note: str = ""
    comparison: Comparison | None = None
    header: tuple[str, ...] = ()
    written: bool = False
    unsure: bool = False
    skipped: bool = False
    error: ConformanceError | None = None

    def exit_code(self, *, strict: bool, closed: bool) -> int:
        """The exit code of this one: drift is none, unless it is asked for."""
        if self.error is not None:
            return self.error.exit_code
        found = self.comparison
        drifted = found is not None and bool(found.shape or found.warned)
        if (strict and (drifted or self.unsure)) or (closed and found is not None and found.unknown):
            return 1
        return 0

    @property
    def outcome(self) -> str:
        """What came of it, in a word or two that can be counted."""
        if self.skipped:
            return "not sent"
        if self.error is not None or self.unsure:
            return "not refreshed"
        return self.comparison.headline.partition(":")[0].partition(" (")[0] if self.comparison else "new"

    @property
    def headline(self) -> str:
        """The whole in one line."""
        told = self.comparison.headline if self.comparison is not None else ""
        return f"{self.scenario}: {'; '.join(filter(None, (told, self.note)))}"

    def lines(self, *, verbose: bool = False) -> Iterator[str]:
        """Give the line and the diff below it."""
        yield self.headline
        found = self.comparison
        if found is None or not (found.differences or found.verdicts):
            return
        below = list(found.lines(verbose=verbose))
        yield from (f"    {line}" for line in [*(self.header if below else ()), *below])

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        told = self.comparison.to_json() if self.comparison is not None else {}
        return {
            "scenario": self.scenario,
            "outcome": self.outcome,
            "note": self.note,
            "header": list(self.header),
            "written": self.written,
            **told,
        }


def refresh_scenario(
    path: Path, target: str, targets: Targets, wishes: Wishes, *, check_only: bool = False
) -> Refreshed:
    """Record a scenario again and compare; write the cassette where it may be written, unless `check_only`.

    Whatever stops it is in what is given, so that the others can go on.
    """
    name, to = scenario_id(path), cassette_path(path, wishes.folder_to)
    try:
        scenario = read_scenario(path)
        if scenario.only and target not in scenario.only:
            note = f"left as it is: it makes sense for {' and '.join(scenario.only)} alone"
            return Refreshed(name, note, skipped=True)
        if check_only and not to.exists():
            return Refreshed(name, "no cassette yet: it would be recorded", skipped=True)
        with nullcontext() if check_only else writing_cassette(to):
            before, note = _before(to)
            played = play_scenario(path, target, targets)
            recording = recorded(played, to, target, targets, wishes)
            result = Refreshed(name, note)
            if before is not None:
                result = _compared(result, *before, recording)
            return _decided(result, recording, wishes, check_only=check_only)
    except ConformanceError as error:
        kept = _KEPT if to.exists() else _NOTHING
        return Refreshed(name, f"{kept}: {redact_text(str(error), _secrets(targets, target))}", error=error)


def _secrets(targets: Targets, target: str) -> list[str]:
    with suppress(ConformanceError):
        return [targets.key(target, "")]
    return []


def _before(to: Path) -> tuple[tuple[list[Exchange], Mapping[str, Any]] | None, str]:
    """Read the cassette that is there; say why there is none to compare with."""
    if not to.exists():
        return None, "no cassette before: recorded anew"
    try:
        return read_cassette(to), ""
    except CassetteBroken as error:
        return None, f"recorded anew, since the old cassette cannot be read: {error.problem}"


def _compared(
    result: Refreshed, exchanges: list[Exchange], told: Mapping[str, Any], recording: Recording
) -> Refreshed:
    """Compare with what the cassette holds, as far as the scenario was played, as if that were new too."""
    old = [replace(redact(exchange, recording.secrets), witnessed=bool(told)) for exchange in exchanges]
    if recording.played.stopped:
        old = old[: len(recording.exchanges)]
    new = Trace.of(recording.exchanges, result.scenario)
    return replace(
        result,
        comparison=compare(Trace.of(old, result.scenario), new),
        header=_header(told, recording.provenance),
    )


def _header(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Say what was another one when the cassette was recorded: above all the server."""
    told = []
    if was.get("origin") != now["origin"]:
        told = ["two servers are compared", f"--- {was.get('origin', 'unknown')}", f"+++ {now['origin']}"]
    if was.get("api_version", now["api_version"]) != now["api_version"]:
        told.append(f"two versions are compared: {was['api_version']}, and now {now['api_version']}")
    return (*told, EDITED) if was.get("edited") else tuple(told)


def _decided(result: Refreshed, recording: Recording, wishes: Wishes, *, check_only: bool) -> Refreshed:
    """Write the recording, or say why the old one is kept."""
    played, old = recording.played, result.comparison is not None
    stopped = redact_text(played.stopped, recording.secrets)
    unmet = "; ".join(filter(None, (recording.unmet, stopped)))
    try:
        if isinstance(played.ended, ENDING):
            raise played.ended
        if played.ended is not None:
            raise TargetUnreachable(recording.provenance["origin"], f"answers no more, {stopped}")
        if not (unmet and old):
            refuse_half(played, recording.secrets)
        recording.refuse_wrong(even_if_wrong=wishes.even_if_wrong)
        if unmet and old:
            return replace(result, note=f"not as expected: {_KEPT} ({unmet})", unsure=True)
        written = not check_only and recording.write()
    except ConformanceError as error:
        told = redact_text(str(error).removeprefix(f"{recording.file} is not written: "), recording.secrets)
        return replace(result, note=f"{_KEPT if old else _NOTHING}: {told}", error=error)
    notes = [result.note, f"not as expected: {unmet}" if unmet else ""]
    notes += [f"it breaks {'; '.join(recording.wrong)}"] if recording.wrong else []
    return replace(result, note="; ".join(filter(None, notes)), written=written)
