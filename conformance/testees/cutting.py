"""Random cuts against one client: what is delivered depends on the bytes, and not on the cuts.

    with Cutter(testee, stage, server.url, seed=7) as cutter:
        report = cutter.play(case, calls=20)
        report.finding, report.survivor, report.unconfirmed

    for report in fuzz_cuts(testee, cases, calls=2000, seed=7):
        ...

The client makes the same call again and again; the answer is the same each time, and each time cut elsewhere.
What it delivers is held against what it delivers without a cut. The first delivery that differs is made
smaller to the fewest cuts that it takes (see `cuts`), each time in a call of its own.

Two things keep this honest. A cut counts when the server has seen that the client had read all before it; a
call with any other cut is made again, and what is left then is `unconfirmed`. And a client of ours that is
wrong about cuts meets the same cuts first: where it survives, nothing was tried.
"""

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from conformance.errors import ConformanceError
from conformance.server import serving
from conformance.testees.cuts import draw_cuts, fewest, shown_cut
from conformance.testees.difference import difference, how_it_ends
from conformance.testees.process import Testee
from conformance.testees.stage import Act, Stage
from conformance.testees.trials import Caller, Cuts, Trial

if TYPE_CHECKING:
    from conformance.testees.case import Case

__all__ = ["CONTROL", "CutFinding", "CutReport", "Cutter", "fuzz_cuts", "shares"]

_Try: TypeAlias = Callable[["Case", Cuts, Sequence[Trial]], Trial | None]
CONTROL = (sys.executable, "-m", "conformance.testees.wrong", "splits-lines-per-chunk")
"""The client that no cut within a line leaves alone."""
_FIRST = 20
_MOST = 200
_FEW = 8
_AGAIN = 3
_SHRINKING_S = 20.0


@dataclass(frozen=True, slots=True)
class CutFinding:
    """A client that delivers something else when an answer is cut.

    message: what it is. number: the call that showed it, from 0. drawn: how many cuts that had.
    cuts: the fewest that show it, as offsets in the body; all of them where it did not show again.
    places: the bytes around each, the cut as `|`.
    steady: whether it showed again. confirmed: whether the client was seen to read the parts one by one.
    """

    case: str
    seed: int
    number: int
    drawn: int
    cuts: tuple[int, ...]
    places: tuple[str, ...]
    difference: str
    steady: bool
    confirmed: bool
    act: Act

    @property
    def message(self) -> str:
        """Say what happened, in one sentence."""
        shown = "; ".join(
            f"at {cut}: {_quoted(place)}" for cut, place in zip(self.cuts[:4], self.places, strict=False)
        )
        more = f" and {len(self.cuts) - 4} more" if len(self.cuts) > 4 else ""
        many = "one cut" if len(self.cuts) == 1 else f"{len(self.cuts)} cuts"
        once = "" if self.steady else "; it did not show again with the same cuts"
        return (
            f"{many} in the answer ({shown}{more}): {self.difference} "
            f"(call {self.number} of seed {self.seed}, which had {self.drawn} cuts{once})"
        )


def _quoted(place: str) -> str:
    """Quote bytes, so that lists of known failures do not depend on which of several cuts was left."""
    return '"' + place.replace('"', "'") + '"'


@dataclass(slots=True)
class CutReport:
    """What came of random cuts in the answer of one case.

    calls: how many were made; cuts: how many cuts their answers had.
    unconfirmed: how many of the calls have a cut that nobody could confirm, and prove nothing.
    different: how many delivered something else than without a cut; finding: the first of them.
    uncut: why the call fails already without a cut; then nothing was cut.
    survivor: why the cuts have shown nothing: the faulty client survived them.
    """

    case: str
    seed: int
    calls: int = 0
    cuts: int = 0
    unconfirmed: int = 0
    different: int = 0
    seconds: float = 0.0
    finding: CutFinding | None = None
    uncut: str = ""
    survivor: str = ""


def fuzz_cuts(
    testee: Testee, cases: Sequence["Case"], *, calls: int, seed: int = 7, api_version: str = "v1beta"
) -> Iterator[CutReport]:
    """Make so many calls in all, shared by the cases that have random cuts; give a report for each.

    Raises:
        TesteeBroken: the client's driver crashed too often.
    """
    stage = Stage(seed)
    with (
        serving(answering=stage) as server,
        Cutter(testee, stage, server.url, seed=seed, api_version=api_version) as cutter,
    ):
        share = shares(cases, calls)
        for case in cases:
            if case.id in share:
                yield cutter.play(case, share[case.id])


def shares(cases: Sequence["Case"], calls: int) -> dict[str, int]:
    """Share so many calls among the cases that have random cuts: each has one at least."""
    chosen = [case.id for case in cases if case.cuts]
    return {
        name: max(1, calls // len(chosen) + (number < calls % len(chosen)))
        for number, name in enumerate(chosen)
    }


class Cutter:
    """Tries one client on one stage, and the faulty client beside it, which is started when it is needed."""

    def __init__(
        self,
        testee: Testee,
        stage: Stage,
        origin: str,
        *,
        seed: int = 7,
        api_version: str = "v1beta",
        control: Sequence[str] = CONTROL,
    ) -> None:
        self._testee = testee
        self._stage = stage
        self._origin = origin
        self._seed = seed
        self._api_version = api_version
        self._command = control
        self._lock = threading.Lock()
        self._open = ExitStack()
        self._numbers = itertools.count()
        self._caller = self._calling(testee)
        self._control: Caller | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def play(self, case: "Case", calls: int) -> CutReport:
        """Cut the answer of a case in so many calls; to the first finding.

        Raises:
            TesteeBroken: the client's driver crashed too often.
        """
        start = time.monotonic()
        report = CutReport(case.id, self._seed)
        uncut = [self._caller.once(case, ()) for _ in range(2)]
        report.uncut = _problem_of(uncut[0])
        if not report.uncut:
            body = uncut[0].body()
            draws = (Random(f"{self._seed}/{case.id}/{number}") for number in range(calls))  # noqa: S311
            plans = [draw_cuts(body, draw) for draw in draws]
            report.survivor = self._survivor(case, plans)
            if not report.survivor:
                self._play(case, plans, uncut, report)
        report.seconds = time.monotonic() - start
        return report

    def _calling(self, testee: Testee) -> Caller:
        return Caller(testee, self._stage, self._origin, numbers=self._numbers, api_version=self._api_version)

    def _play(self, case: "Case", plans: Sequence[Cuts], uncut: list[Trial], report: CutReport) -> None:
        while report.finding is None and report.calls < len(plans):
            first, size = report.calls, min(_MOST, max(_FIRST, report.calls))
            trials = dict(enumerate(self._settled(case, plans[first : first + size], uncut), first))
            made = {number: trial for number, trial in trials.items() if trial is not None}
            report.calls += len(made)
            report.cuts += sum(len(trial.cuts) for trial in made.values())
            other = {number: trial for number, trial in made.items() if _differs(uncut, trial)}
            fine = made.keys() - other.keys()
            report.unconfirmed += sum(not made[number].confirmed for number in fine)
            crashed = {number: trial for number, trial in other.items() if trial.crashed}
            if crashed:
                report.different += 1
                report.finding = self._crash(case, crashed, uncut)
                return
            for number, trial in other.items():
                if report.finding is None:
                    # What a client makes up for each call, such as an id, differs without a cut too.
                    uncut.append(self._caller.once(case, ()))
                if not _differs(uncut, trial):
                    continue
                if report.finding is None:
                    found = self._finding(case, number, trial, uncut, self._try)
                    if _is_late(trial) and not found.steady:
                        report.unconfirmed += 1  # the machine was busy, for all that anybody can tell
                        continue
                    report.finding = found
                report.different += 1

    def _settled(self, case: "Case", plans: Sequence[Cuts], uncut: Sequence[Trial]) -> list[Trial | None]:
        """Make a call for each plan; again where all seems well and a cut was not confirmed."""
        trials = self._caller.several(case, plans)
        for _ in range(_AGAIN):
            weak = [
                number
                for number, trial in enumerate(trials)
                if trial is not None and not trial.confirmed and not _differs(uncut, trial)
            ]
            if not weak or None in trials or len(weak) == len(trials) > 1:
                break
            for number, trial in zip(
                weak, self._caller.several(case, [plans[number] for number in weak]), strict=True
            ):
                trials[number] = trial or trials[number]
        return trials

    def _try(self, case: "Case", cuts: Cuts, uncut: Sequence[Trial]) -> Trial | None:
        return self._settled(case, [cuts], uncut)[0]

    def _finding(
        self, case: "Case", number: int, trial: Trial, uncut: Sequence[Trial], try_: _Try
    ) -> CutFinding:
        """Make a delivery that differs as small as it gets."""
        smallest, steady = trial, False
        end = time.monotonic() + _SHRINKING_S

        def fails(cuts: Cuts) -> bool:
            nonlocal smallest, steady
            tried = try_(case, cuts, uncut) if time.monotonic() < end else None
            if tried is None or not _differs(uncut, tried):
                return False
            smallest, steady = tried, True
            return True

        if fails(trial.cuts):
            fewest(trial.cuts, fails)
        body = uncut[0].body()
        return CutFinding(
            case=case.id,
            seed=self._seed,
            number=number,
            drawn=len(trial.cuts),
            cuts=smallest.cuts,
            places=tuple(shown_cut(body, cut) for cut in smallest.cuts),
            difference=_differs(uncut, smallest),
            steady=steady,
            confirmed=smallest.confirmed,
            act=smallest.act,
        )

    def _crash(self, case: "Case", suspects: Mapping[int, Trial], uncut: Sequence[Trial]) -> CutFinding:
        """Find the call that made the program crash, among those that were under way.

        Each is made alone, by drivers that are started for it: the crashes of the client's own are counted.
        """
        with ExitStack() as stack:
            callers: list[Caller] = []

            def alone(case: "Case", cuts: Cuts, _: Sequence[Trial]) -> Trial:
                if not callers:
                    callers.append(self._calling(stack.enter_context(self._testee.again())))
                trial = callers[0].once(case, cuts)
                if trial.crashed:
                    stack.close()
                    callers.clear()
                return trial

            found = [self._finding(case, number, trial, uncut, alone) for number, trial in suspects.items()]
        return next((finding for finding in found if finding.steady), found[0])

    # The faulty client.

    def _survivor(self, case: "Case", plans: Sequence[Cuts]) -> str:
        """Say that the faulty client survives the plans; empty when it does not, or nobody can tell."""
        name = f"the faulty client {self._command[-1]}, which is to show that cuts arrive,"
        seen = False
        try:
            control = self._faulty_client()
            uncut = [control.once(case, ()) for _ in range(2)]
            if problem := _problem_of(uncut[0]):
                return f"{name} fails without a cut: {problem}"
            for first in range(0, len(plans), _FEW):
                trials = [trial for trial in control.several(case, plans[first : first + _FEW]) if trial]
                if any(_differs(uncut, trial) for trial in trials):
                    return ""
                seen |= any(trial.confirmed for trial in trials)
        except ConformanceError as error:
            return f"{name} cannot be driven: {error}"
        return f"{name} survived all {len(plans)} calls" if seen else ""

    def _faulty_client(self) -> Caller:
        with self._lock:
            if self._control is None:
                self._control = self._calling(self._open.enter_context(Testee(self._command)))
            return self._control


def _problem_of(trial: Trial) -> str:
    """Say why there is nothing to compare with; whether all was delivered is for others to judge."""
    if trial.delivered.ending != "end":
        return how_it_ends(trial.delivered)
    return "" if trial.delivered.events and trial.act.seen else "no event is handed over"


def _differs(uncut: Sequence[Trial], trial: Trial) -> str:
    """Say what a delivery has that those without a cut have not; empty when nothing can be said."""
    if _is_late(trial) and not trial.confirmed:
        return ""  # the server waited to confirm its cuts, and the client for the rest
    return difference([one.delivered for one in uncut], trial.delivered)


def _is_late(trial: Trial) -> bool:
    """Whether time was up, which may be the fault of a busy machine: then it has to show again."""
    return trial.delivered.ending == "hung" or trial.delivered.last.get("kind") == "timeout"
