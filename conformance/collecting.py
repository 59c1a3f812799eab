"""What pytest collects: a scenario against a target, or a case or conversation against a client.

Every item keeps the lines of the record that it gives; the plugin lets them travel on its report. An item is
red by raising `Red`, so that pytest shows the finding and no traceback through our own code.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from conformance.errors import ConformanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from conformance.report.known import Known
    from conformance.report.record import Line
    from conformance.scenario.live.forecast import Forecast
    from conformance.scenario.running import Options, Targets
    from conformance.shards import Shard
    from conformance.testees.played import Subject
    from conformance.testees.process import Testee
    from conformance.testees.running import ClientRun

__all__ = [
    "TARGETS",
    "TESTEE",
    "ClientFile",
    "ClientOptions",
    "Item",
    "Red",
    "ScenarioFile",
    "closing_lines",
    "grouped",
    "keep_own",
    "planned",
]

TARGETS: pytest.StashKey[Targets] = pytest.StashKey()
"""The targets of a run; whoever calls pytest may bring some, with a clock of their own."""
TESTEE: pytest.StashKey[Testee] = pytest.StashKey()
"""A client that runs already, where whoever calls pytest has started it."""
_CLIENT: pytest.StashKey[_Client] = pytest.StashKey()
_KNOWN: pytest.StashKey[Known] = pytest.StashKey()
_SELECTED: pytest.StashKey[list[Item]] = pytest.StashKey()
"""What was selected, wherever it is played."""
_SHARE: pytest.StashKey[Line] = pytest.StashKey()
VERSION = "v1beta"
SEED = 7
_CHUNK = 32


@dataclass(eq=False)
class Red(Exception):
    """A scenario or case that does not conform: what its item raises, so that pytest counts it as failed."""

    summary: str

    def __str__(self) -> str:
        return self.summary


class Item(pytest.Item):
    """Something that is judged."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self.lines: list[Line] = []

    def judged(self) -> list[Line]:
        """Play it; give its lines, the summary among them."""
        raise NotImplementedError

    def about(self) -> str:
        """The subject of its lines."""
        raise NotImplementedError

    def weight(self) -> int:
        """About how many calls it makes."""
        raise NotImplementedError

    def version(self) -> str:
        """The version of what is judged; empty where it has none."""
        return ""

    def runtest(self) -> None:
        """Play, judge, keep the lines, and fail if something is red that is not known."""
        self.lines = known_of(self.config).applied(self.judged(), self.version())
        summary = next(line for line in self.lines if line["type"] in ("scenario", "case"))
        if summary["outcome"] in ("error", "fail", "untestable"):
            raise Red(summary["problem"] or _first_finding(self.lines))
        if summary["outcome"] == "known":
            pytest.xfail(", ".join(sorted({line["url"] for line in self.lines if line.get("url")})))
        if summary["outcome"] in ("inconclusive", "not-observed", "not-applicable"):
            pytest.skip(summary["problem"] or "nothing was judged")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the finding alone: a traceback through our own code teaches nobody."""
        if isinstance(excinfo.value, Red):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """How pytest names the item."""
        return self.path, None, f"{self.path.name}[{self.name}]"


def known_of(config: pytest.Config) -> Known:
    """Give the list of known failures of this run."""
    from conformance.report.known import Known

    if _KNOWN not in config.stash:
        path = config.getoption("gemini_known")
        config.stash[_KNOWN] = Known.read(path) if path else Known()
    return config.stash[_KNOWN]


def _first_finding(lines: list[Line]) -> str:
    from conformance.report.tally import Tally
    from conformance.report.text import render_findings

    return "\n".join(render_findings(Tally.of(lines)))


# Scenarios against targets.


class ScenarioFile(pytest.File):
    """One scenario file: an item for each target. One that is no scenario is one item, which says so."""

    def __init__(self, *, options: Callable[[], Options], **rest: Any) -> None:
        super().__init__(**rest)
        self._options = options

    def collect(self) -> Iterator[pytest.Item]:
        """Give the items; pytest asks files for them alone that were asked for."""
        from conformance.scenario.running import targets_of

        options = self._options()
        for target in targets_of(self.path, options):
            yield ScenarioItem.from_parent(self, name=target, options=options)


class ScenarioItem(Item):
    """One scenario against one target, which is its name.

    forecast: what it is expected to cost, where that was asked for. beyond: why it is not played.
    """

    def __init__(self, *, options: Options, **rest: Any) -> None:
        super().__init__(**rest)
        self.options = options
        self.forecast: Forecast | None = None
        self.beyond = ""

    def judged(self) -> list[Line]:
        """Play the scenario."""
        from conformance.scenario.running import Targets, not_played, run_scenario

        if self.beyond:
            return [not_played(self.typed_path(), self.name, self.beyond, self.forecast)]
        stash = self.session.config.stash
        if TARGETS not in stash:
            stash[TARGETS] = Targets(self.options)
        return run_scenario(self.typed_path(), self.name, stash[TARGETS], self.forecast)

    def about(self) -> str:
        """The scenario with the target."""
        from conformance.scenario.running import subject_of

        return subject_of(self.typed_path(), self.name)

    def weight(self) -> int:
        """The calls of the scenario; one that makes no sense is an item as well."""
        from conformance.scenario.scenario import read_scenario

        try:
            return len(read_scenario(self.path).calls)
        except ConformanceError:
            return 1

    def foreseen(self) -> Forecast | None:
        """Give what it is expected to cost; nothing where it costs nothing, or is no scenario."""
        from conformance.scenario.running import OWN_TARGETS, forecast_for

        dry = "not sent: a dry run" if self.options.dry_run else ""
        if self.name in OWN_TARGETS:
            self.beyond = dry
            return None
        try:
            told = forecast_for(self.typed_path(), self.name, self.options)
        except ConformanceError:
            return None
        if isinstance(told, str):
            self.beyond = told
            return None
        self.forecast, self.beyond = told, dry
        return told

    def typed_path(self) -> Path:
        """Give the path from where pytest was called: what people typed, and what records keep."""
        start = self.session.config.invocation_params.dir
        return self.path.relative_to(start) if self.path.is_relative_to(start) else self.path


def planned(items: list[pytest.Item]) -> None:
    """Put scenarios for endpoints that are not our own in the order of their worth, within the budget.

    What is beyond it stays, and says so. The order of everything else does not change.
    """
    asked = [item for item in items if isinstance(item, ScenarioItem)]
    if not asked or not (asked[0].options.dry_run or asked[0].options.limits.to_json()):
        return
    from conformance.scenario.live.plan import plan

    options = asked[0].options
    costly = {item: forecast for item in asked if (forecast := item.foreseen()) is not None}
    order, beyond = plan(costly, options.limits)
    for item in beyond:
        item.beyond = "not sent: it is beyond the budget"
    rank = {item: number for number, item in enumerate([*order, *beyond])}
    places = [at for at, item in enumerate(items) if item in rank]
    for at, item in zip(places, sorted(costly, key=rank.__getitem__), strict=True):
        items[at] = item


# Cases and conversations against a client.


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Which client is tried, and on what.

    command: its driver. only: words, of which a case or its requirement must hold one.
    cuts: how many calls with random cuts all cases make together; 0: as many as they say.
    """

    command: tuple[str, ...]
    only: tuple[str, ...] = ()
    api_version: str = VERSION
    seed: int = SEED
    ready_s: float = 10.0
    validate: bool = False
    cuts: int = 0

    @property
    def again(self) -> str:
        """What a command that is to show a finding again must have, beside its case."""
        version = f"--api-version {self.api_version}" if self.api_version != VERSION else ""
        seed = f"--seed {self.seed}" if self.seed != SEED else ""
        cuts = f"--cuts {self.cuts}" if self.cuts else ""
        return " ".join(filter(None, (version, seed, cuts)))


class ClientFile(pytest.File):
    """One file of client cases, or a scenario that the client is to hold."""

    def __init__(self, *, options: ClientOptions, **rest: Any) -> None:
        super().__init__(**rest)
        self.options = options

    def collect(self) -> Iterator[pytest.Item]:
        """Give an item for each case that was asked for."""
        from conformance.testees.played import subject_of
        from conformance.testees.running import subjects_of

        for subject in subjects_of([self.path], self.options.only):
            name = subject_of(subject).rpartition("/")[2]
            yield ClientItem.from_parent(self, name=name, subject=subject, options=self.options)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """A broken file is told in one sentence."""
        return (
            str(excinfo.value)
            if isinstance(excinfo.value, ConformanceError)
            else super().repr_failure(excinfo)
        )


class ClientItem(Item):
    """One case, or one conversation, of one client."""

    def __init__(self, *, subject: Subject, options: ClientOptions, **rest: Any) -> None:
        super().__init__(**rest)
        self.subject = subject
        self._options = options

    def judged(self) -> list[Line]:
        """Wait for the case, which may have been played long before its turn."""
        return self._client.lines(self)

    def about(self) -> str:
        """The name of the case, or of the conversation."""
        from conformance.testees.played import subject_of

        return subject_of(self.subject)

    def weight(self) -> int:
        """The calls of the conversation, or of the case with all of its cuts."""
        from conformance.testees.case import Case

        return 1 + self.subject.cuts if isinstance(self.subject, Case) else len(self.subject.calls)

    def version(self) -> str:
        """The version that the driver tells."""
        return self._client.version

    @property
    def _client(self) -> _Client:
        stash = self.session.config.stash
        if _CLIENT not in stash:
            every = [item.subject for item in stash[_SELECTED] if isinstance(item, ClientItem)]
            stash[_CLIENT] = _Client(self._options, stash.get(TESTEE, None), every)
        return stash[_CLIENT]

    @property
    def group(self) -> str:
        """The name of the part of a distributed run that it belongs to; empty where it is not distributed."""
        mark = self.get_closest_marker("xdist_group")
        return str(mark.args[0]) if mark else ""


class _Client:
    """The client of this process, started when its first case is due."""

    def __init__(self, options: ClientOptions, testee: Testee | None, subjects: Sequence[Subject]) -> None:
        self.version = ""
        self._stack = ExitStack()
        self._run: ClientRun | None = None
        self._problem: ConformanceError | None = None
        try:
            self._run = self._started(options, testee, subjects)
        except ConformanceError as error:
            self._problem = error

    def _started(
        self, options: ClientOptions, testee: Testee | None, subjects: Sequence[Subject]
    ) -> ClientRun:
        from conformance.testees.case import Case
        from conformance.testees.cutting import shares
        from conformance.testees.process import Testee
        from conformance.testees.running import ClientRun

        if testee is None:
            own = Testee(options.command, ready_s=options.ready_s, validate=options.validate)
            testee = self._stack.enter_context(own)
        self.version = str(testee.ready.get("version", ""))
        cases = [subject for subject in subjects if isinstance(subject, Case)]
        run = ClientRun(
            testee,
            seed=options.seed,
            api_version=options.api_version,
            cuts=shares(cases, options.cuts) if options.cuts else {},
            again=options.again,
        )
        return self._stack.enter_context(run)

    def lines(self, item: ClientItem) -> list[Line]:
        """Give the lines of an item; all of its group are played meanwhile."""
        from conformance.testees.played import case_line

        if self._run is None:
            told, hint = str(self._problem), self._problem.hint if self._problem else ""
            return [case_line(item.subject, "untestable", problem=told, hint=hint, exit_code=4)]
        others = [other for other in item.session.items if isinstance(other, ClientItem)]
        self._run.begin(other.subject for other in others if other.group == item.group)
        return self._run.lines(item.subject)

    def close(self) -> list[Line]:
        """End the client; give what is to be said of its driver."""
        lines = self._run.closing_lines() if self._run is not None else []
        self._stack.close()
        return lines


def grouped(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Give the cases of a client group by group to the processes of a distributed run.

    A process knows then which cases will be its own, and can keep every lane of its driver busy. Where
    machines share the run, each finds its part of every group, so that groups are so much larger.
    """
    clients = [item for item in items if isinstance(item, ClientItem)]
    shard = _shard_of(config)
    chunk = _CHUNK * (shard.parts if shard is not None else 1)
    for number, item in enumerate(clients):
        item.add_marker(pytest.mark.xdist_group(f"cases-{number // chunk}"))


def _shard_of(config: pytest.Config) -> Shard | None:
    from conformance.shards import read_shard

    text = config.getoption("gemini_shard")
    return read_shard(text) if text else None


def keep_own(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave of our items what falls to this machine, and was not played before; others are not touched."""
    ours = [item for item in items if isinstance(item, Item)]
    config.stash[_SELECTED] = ours
    shard = _shard_of(config)
    done = set(config.getoption("gemini_done") or ())
    if shard is None and not done:
        return
    names = {item: item.about() for item in ours}
    mine = set(names.values())
    if shard is not None:
        weights: Counter[str] = Counter()
        for item, name in names.items():
            weights[name] += item.weight()
        mine &= shard.takes(weights)
        config.stash[_SHARE] = {
            "type": "share",
            "shard": str(shard),
            "items": sum(name in mine for name in names.values()),
            "selected": len(ours),
        }
    left_out = [item for item, name in names.items() if name not in mine or name in done]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]


def closing_lines(config: pytest.Config) -> list[Line]:
    """Close servers, connections and clients; give the lines that come last."""
    lines: list[Line] = []
    if TARGETS in config.stash:
        lines += config.stash[TARGETS].closing_lines()
        config.stash[TARGETS].close()
    if _SHARE in config.stash:
        lines.append(config.stash[_SHARE])
    if _CLIENT in config.stash:
        lines += config.stash[_CLIENT].close()
    return lines
