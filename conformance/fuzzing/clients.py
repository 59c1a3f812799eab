"""Fuzzing a client: streams that nobody recorded, right ones and broken ones, and what it makes of them.

    with ClientFuzz(ClientOrder(command=["python", "driver.py"], seconds=60)) as fuzz:
        for line in fuzz.lines():
            line["type"]        # "progress", "finding"
        fuzz.closing_lines()

A finding is confirmed before it is told: the client meets the stream twice more, as small as it got. What
does not show again is inconclusive. A client of ours that is wrong about cuts meets the same first streams:
where it survives, nothing was tried.
"""

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hypothesis import given, settings
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy

from conformance.errors import ConformanceError, TesteeBroken
from conformance.fuzzing.answers import Drawn, answers
from conformance.fuzzing.blame import CUTS, HANDED_OVER
from conformance.fuzzing.hunt import Hunt, Prey
from conformance.fuzzing.opponent import LIVES, Met, Opponent, case_of
from conformance.fuzzing.smaller import smaller
from conformance.fuzzing.stores import database_at
from conformance.generate.illegal import EDGES, Illegal, illegal_streams
from conformance.report.record import Line
from conformance.server import serving
from conformance.testees.cutting import CONTROL
from conformance.testees.played import Played, case_line
from conformance.testees.process import Testee
from conformance.testees.running import call_of, testee_line
from conformance.testees.stage import Stage

if TYPE_CHECKING:
    from conformance.judge.verdict import Outcome
    from conformance.testees.case import Case

__all__ = ["ClientFuzz", "ClientOrder"]

BATCH = {"streams": 100, "edges": 75}
"""The sorts of streams, which take turns, and how many each time."""
_AGAIN = 2
_SMALLER_S = 4.0
_STRATEGIES: dict[str, Callable[[], SearchStrategy[Any]]] = {"streams": answers, "edges": illegal_streams}


@dataclass(frozen=True, slots=True)
class ClientOrder:
    """What to do with a client.

    command: starts its driver. seconds, examples: when to end; one of them is needed.
    database: a folder, or a redis:// address; empty for none.
    control: the wrong client that shows that cuts arrive.
    """

    command: Sequence[str]
    seed: int = 7
    seconds: float | None = None
    examples: int | None = None
    database: str = ""
    api_version: str = "v1beta"
    ready_s: float = 10.0
    control: Sequence[str] = CONTROL


class ClientFuzz:
    """One client that is fuzzed, with the wrong one beside it.

    examples: how many streams the client has met, those of shrinking included.
    problem: why it ended before its time.

    Raises:
        TesteeMissing, TesteeNotReady: its driver does not start.
    """

    def __init__(self, order: ClientOrder) -> None:
        self.examples = 0
        self.problem = ""
        self._order = order
        self._stack = ExitStack()
        self._started = time.monotonic()
        self._hunts: dict[str, Hunt] = {}

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _open(self) -> None:
        """Start the driver and our server."""
        order, numbers = self._order, itertools.count()
        self._stage = Stage(order.seed)
        origin = self._stack.enter_context(serving(answering=self._stage)).url
        testee = self._stack.enter_context(Testee(list(order.command), ready_s=order.ready_s))

        def opponent(testee: Testee) -> Opponent:
            version = order.api_version
            return Opponent(testee, self._stage, origin, self._stack, numbers=numbers, api_version=version)

        self.opponent = opponent(testee)
        self._control = _Control(order.control, opponent, self._stack)
        database = database_at(order.database) if order.database else None
        known: set[str] = set()
        self._hunts = {sort: Hunt(f"client {sort}", database, order.seed, known) for sort in BATCH}

    @property
    def name(self) -> str:
        """The client with its version."""
        ready = self.opponent.testee.ready
        return f"{ready.get('name')} {ready.get('version')}"

    @property
    def version(self) -> str:
        """The version of the client; empty where its driver does not say."""
        return str(self.opponent.testee.ready.get("version", ""))

    @property
    def edges(self) -> int:
        """How many broken edges the client has met."""
        return len(self.opponent.edges)

    @property
    def all_edges(self) -> int:
        """How many there are."""
        return len(EDGES)

    @property
    def seconds(self) -> float:
        """How long it took so far."""
        return time.monotonic() - self._started

    def lines(self) -> Iterator[Line]:
        """Let the sorts take turns, until time or examples are over; give progress and findings."""
        missing = {"stream"} - self.opponent.testee.words("capabilities")
        missing |= {"interactions.create"} - self.opponent.testee.words("operations")
        if missing:
            self.problem = f"the client does not declare {', '.join(sorted(missing))}"
            return
        self._started = time.monotonic()
        seconds = self._order.seconds
        until = self._started + seconds if seconds is not None else float("inf")
        try:
            yield from self._in_turns(until)
        except TesteeBroken as error:
            self.problem = str(error)

    def _in_turns(self, until: float) -> Iterator[Line]:
        done = 0
        while True:
            for sort, hunt in self._hunts.items():
                most = self._order.examples
                left = BATCH[sort] if most is None else min(BATCH[sort], most - done)
                if left <= 0 or time.monotonic() >= until:
                    return
                before = hunt.examples
                broken: list[TesteeBroken] = []
                for prey in hunt.batch(self._test(sort, hunt, broken), examples=left, until=until):
                    yield self._finding(sort, prey)
                done += max(1, min(left, hunt.examples - before))
                self.examples += hunt.examples - before
                yield {"type": "progress"}
                if broken:
                    raise broken[0]

    def _test(
        self, sort: str, hunt: Hunt, broken: list[TesteeBroken]
    ) -> Callable[[settings, int], Callable[[], None]]:
        """Make the test of a sort; a client that can be driven no more fails no other example."""

        def meet(stream: Drawn | Illegal) -> None:
            if broken:
                return
            try:
                if isinstance(stream, Drawn):
                    self._control.meet(stream)
                met = self.opponent.meet(stream)
            except TesteeBroken as error:
                broken.append(error)
                return
            hunt.saw(met)

        def test(chosen: settings, seed: int) -> Callable[[], None]:
            test_of_one: Callable[[], None] = given(_STRATEGIES[sort]())(meet)
            # The settings come last: a seed sets the database aside.
            found: Callable[[], None] = chosen(seeded(seed)(test_of_one))
            return found

        return test

    # Findings.

    def _finding(self, sort: str, prey: Prey) -> Line:
        """Confirm a finding, and give it as the lines of a record."""
        met = self._smaller(prey.held)
        key, found = met.key, met.found
        number = hashlib.sha256(key.encode()).hexdigest()[:6]
        case = replace(
            met.case,
            id=f"fuzz/{sort}/{prey.sighting.requirement}-{number}",
            title=_title(met, prey.examples),
            judges=prey.sighting.requirement,
        )
        act = replace(met.trial.act, case=case)
        played = Played(case, act.key, again=f"--seed {self._order.seed}")
        played.calls.append(call_of(act, self._order.api_version))
        played.ending = met.trial.delivered.ending
        if others := self._instead(met):
            played.unclear = f"{prey.sighting.message}; met again, {others}"
            played.add(act, [])
        else:
            played.add(act, [] if found is None else [found])
        lines, _ = played.lines(self._stage.unasked)
        return {"type": "finding", "key": key, "subject": case.id, "lines": lines}

    def _smaller(self, met: Met) -> Met:
        """Take a right stream apart, as long as it shows the same and time is left."""
        end = time.monotonic() + _SMALLER_S
        best = met

        def fails(drawn: Drawn) -> bool:
            nonlocal best
            tried = self.opponent.meet(drawn) if time.monotonic() < end else None
            if tried is None or tried.key != met.key:
                return False
            best = tried
            return True

        if isinstance(met.stream, Drawn):
            with suppress(TesteeBroken):
                smaller(met.stream, fails)
        return best

    def _instead(self, met: Met) -> str:
        """Let the client meet a stream again; say what came instead of the finding, or nothing."""
        self.opponent.lives = LIVES  # those of before went into making it small
        try:
            for _ in range(_AGAIN):
                again = self.opponent.meet(met.stream)
                if again.key != met.key:
                    return again.found.message if again.found is not None else "all was well"
        except TesteeBroken as error:
            return str(error)
        return ""

    # The end.

    def closing_lines(self) -> list[Line]:
        """Give the lines that come last: what was kept, what the client chooses, how the driver is."""
        seen = self.opponent
        subject = "fuzz/streams"
        lines: list[Line] = [self._summary(subject)]
        if seen.kept:
            kept = {name: count for name, count in sorted(seen.kept.items()) if count}
            lines.append({"type": "passes", "subject": subject, "counts": kept})
        lines += [
            _choice_line(edge.name, edge.says, seen.chosen[edge.name])
            for edge in EDGES
            if edge.name in seen.chosen
        ]
        lines += _loss_lines(subject, seen)
        lines.append(
            {
                "type": "fuzz",
                "target": self.name,
                "examples": self.examples,
                "exchanges": seen.calls,
                "seconds": round(self.seconds, 1),
                "workers": 1,
                "problems": list(filter(None, [self.problem, self._unsure])),
            }
        )
        testee = testee_line(seen.testee)
        ended = {"exit_code": 4} if self.problem or seen.faults else {}
        return [*lines, {**testee, "crashes": seen.crashes, **ended}]

    @property
    def _unsure(self) -> str:
        seen = self.opponent
        many = f"{seen.unconfirmed} of {seen.cut} streams have cuts that could not be confirmed"
        return many if seen.unconfirmed else ""

    def _summary(self, subject: str) -> Line:
        """Tell how the right streams went, as far as no finding does."""
        case = replace(case_of(Drawn(())), id=subject, judges=CUTS, title=f"{self.examples} drawn streams.")
        seen = self.opponent
        if self._control.survived:
            return case_line(case, "error", problem=self._control.survived, exit_code=3)
        if seen.faults:
            return case_line(case, "untestable", problem=f"the driver failed: {seen.faults[0]}", exit_code=4)
        if self.problem:
            return case_line(case, "untestable", problem=self.problem, exit_code=4)
        if not self._control.shown:
            why = self._control.problem or "no stream was cut, so nothing is shown of cuts"
            return case_line(case, "inconclusive", problem=why, exit_code=5)
        if 2 * seen.unconfirmed > seen.cut:
            return case_line(case, "inconclusive", problem=self._unsure)
        outcome: Outcome = "pass" if seen.kept[HANDED_OVER] else "not-observed"
        return {**case_line(case, outcome), "requests": seen.calls, "seconds": round(self.seconds, 1)}


class _Control:
    """The wrong client, which is started when it is needed, and ended when it has failed.

    shown: whether it has failed because of cuts. met: how many cut streams it has met.
    """

    def __init__(
        self, command: Sequence[str], opponent: Callable[[Testee], Opponent], stack: ExitStack
    ) -> None:
        self.shown = False
        self.met = 0
        self.problem = ""
        self._command = command
        self._opponent = opponent
        self._stack = stack.enter_context(ExitStack())
        self._client: Opponent | None = None

    @property
    def survived(self) -> str:
        """Say that it survives what it has met; empty when it does not, or nobody can tell."""
        if self.shown or self.problem or not self.met:
            return ""
        name = f"the faulty client {self._command[-1]}, which is to show that cuts arrive,"
        return f"{name} survived all {self.met} streams that were cut"

    def meet(self, drawn: Drawn) -> None:
        """Let it meet a stream, where that may show something."""
        if self.shown or self.problem or not drawn.cuts:
            return
        try:
            if self._client is None:
                self._client = self._opponent(self._stack.enter_context(Testee(self._command)))
            found, trial = self._client.missed(drawn)
            self.met += trial.confirmed or found is not None
            if found is not None and self._client.missed(replace(drawn, cuts=()))[0] is None:
                self.shown = True
                self._stack.close()
        except ConformanceError as error:
            self.problem = f"the faulty client {self._command[-1]} cannot be driven: {error}"


def _title(met: Met, examples: int) -> str:
    if isinstance(met.stream, Drawn):
        what = f"{len(met.stream.events)} events; {met.stream.shown()}"
    else:
        what = f"{len(met.stream.payloads)} events; {met.stream.edge.says}"
    return f"A stream that fuzzing found ({examples} examples until it was as small as this): {what}."


def _choice_line(edge: str, says: str, did: dict[str, int]) -> Line:
    case: Case = replace(
        case_of(Drawn(())),
        id=f"fuzz/edges/{edge}",
        title=f"A broken stream: {says}.",
        judges=HANDED_OVER,
        silent=True,
    )
    told = ", ".join(f"{count}× {what}" for what, count in sorted(did.items()))
    return {**case_line(case, "pass"), "observed": told, "requests": sum(did.values())}


def _loss_lines(subject: str, seen: Opponent) -> Iterator[Line]:
    pointers: dict[str, set[str]] = {}
    for loss in seen.losses:
        pointers.setdefault(loss.event_type, set()).add(loss.pointer)
    for name, found in pointers.items():
        yield {"type": "loss", "subject": subject, "event_type": name, "pointers": sorted(found)}
