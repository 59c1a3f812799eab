"""Cases and conversations against one client: the lines of a record for each.

    with Testee(command) as testee, ClientRun(testee, seed=7) as run:
        run.begin(cases)                               # as many at a time as the driver takes
        for case in cases:
            lines = run.lines(case)
    more = run.closing_lines()

`begin` is what keeps every lane of a driver busy while somebody waits for one case after the other, as pytest
does. What is to be said of the driver itself, and the coverage, comes last.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from conformance.contract.coverage import Coverage
from conformance.contract.registry import registry
from conformance.errors import TesteeBroken
from conformance.judge.judge import judge
from conformance.judge.verdict import Outcome, Verdict, worst
from conformance.report.record import Line, coverage_line, exchange_lines, kept_whole, report_lines
from conformance.scenario.scenario import SUFFIX, Scenario, read_scenario
from conformance.server import serving
from conformance.testees.case import Case, read_cases
from conformance.testees.conversation import DELIVERS, SENDS, Conversation, Turn
from conformance.testees.cutting import Cutter
from conformance.testees.judging import KEYS, Miss, misses, outcome_for
from conformance.testees.process import Delivered, Testee
from conformance.testees.protocol import Message
from conformance.testees.stage import Act, Seen, Stage
from conformance.wire.exchange import Exchange
from conformance.wire.redaction import redact, redact_text
from conformance.wire.trace import UNREADABLE, Place, Trace

__all__ = [
    "ClientRun",
    "Played",
    "Subject",
    "case_line",
    "run_cases",
    "subject_of",
    "subjects_of",
    "testee_line",
]

Subject: TypeAlias = Case | Scenario
_GRACE_S = 3.0
_RETRIES_S = 30.0
"""What a client that retries may take beyond its time-out, which may be that of one attempt."""


def subject_of(subject: Subject) -> str:
    """Give the name under which a case, or a conversation, stands in the record."""
    return subject.id if isinstance(subject, Case) else f"conversations/{subject.id.rpartition('/')[2]}"


def subjects_of(files: Iterable[Path], words: Sequence[str] = ()) -> list[Subject]:
    """Read scenarios and files of cases; give those that hold a word, or name a requirement that does.

    Raises:
        CaseBroken, ScenarioBroken: a file makes no sense.
    """
    found: list[Subject] = []
    for file in files:
        if file.name.endswith(SUFFIX):
            found.append(read_scenario(file))
        else:
            found += [case for case in read_cases(file.parent) if case.family == file.stem]
    return [subject for subject in found if not words or _holds(subject, words)]


def _holds(subject: Subject, words: Sequence[str]) -> bool:
    about = (subject.judges,) if isinstance(subject, Case) else subject.exercises
    told = " ".join((subject_of(subject), *about)).lower()
    return any(word.lower() in told for word in words)


def run_cases(testee: Testee, cases: Sequence[Subject], *, seed: int = 7) -> Iterator[Line]:
    """Run cases, one after the other in the eyes of the caller; give all of their lines."""
    with ClientRun(testee, seed=seed) as run:
        run.begin(cases)
        for case in cases:
            yield from run.lines(case)
        yield from run.closing_lines()


def testee_line(testee: Testee) -> Line:
    """What is to be said of the driver itself."""
    ready = testee.ready
    return {
        "type": "testee",
        "command": testee.command,
        "name": str(ready.get("name", "")),
        "version": str(ready.get("version", "")),
        "language": str(ready.get("language", "")),
        "operations": sorted(testee.words("operations")),
        "capabilities": sorted(testee.words("capabilities")),
        "problems": list(testee.problems),
        "crashes": list(testee.crashes),
        "log": testee.log[-4000:],
        "exit_code": 4 if testee.problems or testee.given_up else 0,
    }


class ClientRun:
    """One client on our stage: a server, and as many lanes as its driver takes calls at a time."""

    def __init__(self, testee: Testee, *, seed: int = 7, api_version: str = "v1beta") -> None:
        self._testee = testee
        self._api_version = api_version
        self._seed = seed
        self._stage = Stage(seed)
        self._branches: set[Any] = set()
        self._begun: dict[str, Future[list[Line]]] = {}
        self._numbers = count()
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._origin = self._stack.enter_context(serving(answering=self._stage)).url
        self._cutter = self._stack.enter_context(
            Cutter(self._testee, self._stage, self._origin, seed=self._seed, api_version=self._api_version)
        )
        self._pool = ThreadPoolExecutor(self._testee.max_in_flight, thread_name_prefix="lane")
        self._stack.callback(self._pool.shutdown, wait=False, cancel_futures=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def begin(self, subjects: Iterable[Subject]) -> None:
        """Play these as lanes come free, in this order; what has begun is not begun again."""
        for subject in subjects:
            name = subject_of(subject)
            if name not in self._begun:
                self._begun[name] = self._pool.submit(self._play, subject)

    def lines(self, subject: Subject) -> list[Line]:
        """Wait for a case; give its lines."""
        self.begin([subject])
        return self._begun[subject_of(subject)].result()

    def closing_lines(self) -> list[Line]:
        """Give the lines that come last: the coverage, and what is to be said of the driver."""
        return [coverage_line("", Coverage.of(self._branches)), testee_line(self._testee)]

    def _play(self, subject: Subject) -> list[Line]:
        start = time.monotonic()
        with self._lock:
            number = next(self._numbers)
        played = Played(subject, f"key-{number}-of-a-case")
        missing = self._missing(subject)
        if missing:
            return [case_line(subject, "not-applicable", problem=missing)]
        try:
            if isinstance(subject, Case):
                self._play_case(subject, played)
            else:
                self._play_conversation(subject, played)
        except TesteeBroken as error:
            line = case_line(subject, "untestable", problem=str(error), hint=error.hint, exit_code=4)
            return [played.with_call(line)]
        played.seconds = time.monotonic() - start
        lines, branches = played.lines(self._stage.unasked)
        with self._lock:
            self._branches |= branches
        return lines

    def _missing(self, subject: Subject) -> str:
        """Say what the client would need for a case and does not declare; empty when it has everything."""
        if isinstance(subject, Scenario):
            conversation = Conversation(subject)
            if conversation.unfit:
                return conversation.unfit
            needs, operations = conversation.needs, conversation.operations
        else:
            needs, operations = subject.needs, frozenset([f"interactions.{subject.operation}"])
        lacking = sorted(operations - self._testee.words("operations"))
        lacking += sorted(needs - self._testee.words("capabilities"))
        return f"the client does not declare {', '.join(lacking)}" if lacking else ""

    def _play_case(self, case: Case, played: "Played") -> None:
        act = self._stage.open(case, played.key)
        delivered = self._ask(act, played)
        closed = not case.expect.closes or self._stage.left(act)
        self._conclude(act, delivered, played, closed=closed)
        if case.cuts and not played.found and not played.fault:
            self._cut(case, played)

    def _cut(self, case: Case, played: "Played") -> None:
        """Make the call of a case again and again, its answer cut elsewhere each time."""
        report = self._cutter.play(case, case.cuts)
        if report.survivor:
            played.blind = report.survivor
        elif report.finding:
            played.acts.clear()
            played.add(report.finding.act, [Miss(report.finding.message)])
        elif report.uncut:
            played.found = [(played.acts[0], Miss(report.uncut), 0)]
        elif report.unconfirmed:
            played.unclear = (
                f"{report.unconfirmed} of {report.calls} calls have cuts that could not be confirmed"
            )

    def _play_conversation(self, scenario: Scenario, played: "Played") -> None:
        def make(turn: Case) -> Turn:
            act = self._stage.open(turn, played.key)
            delivered = self._ask(act, played)
            self._conclude(act, delivered, played, closed=True)
            return Turn(act, delivered)

        conversation = Conversation(scenario)
        played.problem = conversation.hold(make, key=played.key, api_version=self._api_version)

    def _conclude(self, act: Act, delivered: Delivered, played: "Played", *, closed: bool) -> None:
        """Take an act off the stage, and find what is wrong in it."""
        unconfirmed = self._stage.unconfirmed(act)
        if unconfirmed:
            played.unclear = (
                f"{unconfirmed} cuts could not be confirmed: the client may have read their parts as one"
            )
        played.ending = delivered.ending
        if delivered.ending == "fault":
            played.fault = f"the driver failed: {str(delivered.last.get('message'))[:300]}"
        if delivered.ending == "unsupported" and delivered.last.get("pointer"):
            played.unsayable = f"the client has no way to say it: {str(delivered.last.get('reason'))[:200]}"
        told = json.dumps([delivered.last, *delivered.events])
        found = list(misses(act, delivered, told=told, log=self._testee.log, closed=closed))
        if _timed_out(delivered) and act.case.expect.ending == "end" and self._stage.still_sending(act):
            played.unclear = "the time-out came while the answer was still on its way, piece by piece"
            found = [miss for miss in found if miss.requirement == KEYS]
        self._stage.close(act)
        played.add(act, found)

    def _ask(self, act: Act, played: "Played") -> Delivered:
        case = act.case
        played.calls.append(_call_of(act, self._api_version))
        call = {
            "type": "call",
            "id": f"{act.key.removesuffix('-of-a-case').replace('key', 'call')}-{len(played.acts)}",
            "base_url": self._origin,
            "api_key": act.key,
            **played.calls[-1],
        }
        more_s = _GRACE_S if case.retries == "off" else _RETRIES_S
        return self._testee.ask(call, case.timeout_ms / 1000 + more_s)


def _call_of(act: Act, api_version: str) -> Message:
    """Give the call of a case as far as it is the same in every run."""
    case = act.case
    call = {
        "operation": f"interactions.{case.operation}",
        "stream": case.stream,
        "api_version": api_version,
        "arguments": act.arguments,
        "timeout_ms": case.timeout_ms,
        "retries": case.retries,
    }
    return {**call, "cancel": dict(case.cancel)} if case.cancel else call


@dataclass(slots=True, eq=False)
class Played:
    """What came of a case, or of every turn of a conversation.

    calls: what the client was asked for, act by act.
    unclear: why nothing follows from what was seen. fault: how the driver failed.
    unsayable: what the client has no way to say. blind: why the harness saw nothing.
    problem: why a conversation ended early.
    """

    subject: Subject
    key: str
    calls: list[Message] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    found: list[tuple[Act, Miss, int]] = field(default_factory=list)
    unclear: str = ""
    blind: str = ""
    ending: str = ""
    fault: str = ""
    unsayable: str = ""
    problem: str = ""
    seconds: float = 0.0

    def add(self, act: Act, found: Iterable[Miss]) -> None:
        """Keep an act, and what is wrong in it, with the number of its first exchange."""
        first = sum(len(one.seen) for one in self.acts)
        self.acts.append(act)
        self.found += [(act, miss, first) for miss in found]

    def with_call(self, line: Line) -> Line:
        """Add the call in which something is wrong, or the last one, to the line of its case."""
        if not self.calls:
            return line
        wrong = [
            number for number, act in enumerate(self.acts) if any(act is one for one, _, _ in self.found)
        ]
        return {**line, "call": self.calls[wrong[0] if wrong else -1]}

    def lines(self, unasked: Callable[[Act], list[Seen]] | None = None) -> tuple[list[Line], frozenset[Any]]:
        """Judge it; give its lines, and the branches of the schemas that it has shown.

        unasked: gives the answers that were prepared for requests which never came.
        """
        if self.blind:
            line = case_line(self.subject, "error", problem=self.blind, exit_code=3, seconds=self.seconds)
            return [self.with_call(line)], frozenset()
        if problem := self.fault or self.unsayable:
            outcome: Outcome = "untestable" if self.fault else "not-applicable"
            line = case_line(self.subject, outcome, problem=problem, seconds=self.seconds)
            return [self.with_call(line)], frozenset()
        name = subject_of(self.subject)
        exchanges = [exchange for act in self.acts for exchange in act.exchanges()]
        trace = Trace.of(exchanges, name)
        report = judge(trace, parties=("client",))
        report.findings = [verdict for verdict in report.findings if not self._on_purpose(verdict)]
        branches = frozenset(report.branches)
        report.findings += [_verdict(act.case, miss, first, trace) for act, miss, first in self.found]
        judged = {act.case.judges for act in self.acts} or {KEYS}
        judged |= {SENDS} if DELIVERS in judged else set()
        if self.unclear and not self.found:
            place = Place(0, "response")
            report.findings.append(Verdict("inconclusive", place, "", self.unclear, min(judged), "client"))
        blamed = {verdict.requirement for verdict in report.findings}
        report.passes.update(name for name in sorted({*judged, KEYS}) if name not in blamed)
        shown = Trace.of([redact(exchange, [self.key]) for exchange in exchanges], name)
        line = case_line(
            self.subject,
            worst(report.outcomes().values()),
            problem=self.problem,
            seconds=self.seconds,
            requests=len(exchanges),
            ending=self.ending,
        )
        kept = [call.exchange for call in shown.calls]
        whole = kept_whole(report.findings)
        more = unasked(self.acts[0]) if whole and unasked is not None and len(self.acts) == 1 else []
        told = self._whole(kept, more) if whole and self.calls else exchange_lines(name, kept, whole=whole)
        return [self.with_call(line), *told, *report_lines(name, report, shown)], branches

    def _whole(self, exchanges: list[Exchange], more: list[Seen]) -> Iterator[Line]:
        """Give what serving the same again takes: whole answers, their deliveries, those nobody asked for."""
        seen = [one for act in self.acts for one in act.seen]
        unasked = [replace(redact(one.exchange, [self.key]), request=None) for one in more]
        deliveries = [
            {**one.delivery, "head": redact_text(one.delivery["head"], [self.key])} for one in [*seen, *more]
        ]
        every = [*exchanges, *unasked]
        for line in exchange_lines(
            subject_of(self.subject), every, whole=range(len(every)), deliveries=deliveries
        ):
            yield line if line["exchange"] < len(seen) else {**line, "unasked": True}

    def _on_purpose(self, verdict: Verdict) -> bool:
        """Whether it is about a request that is wrong because the call was."""
        last = 0
        for act in self.acts:
            last += len(act.seen)
            if verdict.place.exchange < last:
                return verdict.place.side == "request" and not act.case.expect.sends
        return False


def _timed_out(delivered: Delivered) -> bool:
    return delivered.ending == "hung" or delivered.last.get("kind") == "timeout"


def _verdict(case: Case, miss: Miss, first: int, trace: Trace) -> Verdict:
    blamed = SENDS if case.judges == DELIVERS and miss.side == "request" else case.judges
    requirement = registry()[miss.requirement or blamed]
    harm = case.harm or ("leak" if miss.requirement == KEYS else "")
    number = first + (miss.exchange or 0)
    stream = trace.calls[number].stream if number < len(trace.calls) else None
    known = stream is not None and all(event.json is not UNREADABLE for event in stream.payloads)
    event = miss.event if known else None
    place = Place(number, "request" if miss.side == "request" else "response", event)
    return Verdict(outcome_for(requirement, harm), place, "", miss.message, requirement.id, "client")


def case_line(
    subject: Subject,
    outcome: Outcome,
    *,
    problem: str = "",
    hint: str = "",
    exit_code: int = 0,
    seconds: float = 0.0,
    requests: int = 0,
    ending: str = "",
) -> Line:
    """One case, or conversation, and what became of it."""
    return {
        "type": "case",
        "subject": subject_of(subject),
        "title": subject.title,
        "judges": subject.judges if isinstance(subject, Case) else DELIVERS,
        "outcome": outcome,
        "problem": problem,
        "hint": hint,
        "ending": ending,
        "exit_code": exit_code,
        "requests": requests,
        "seconds": round(seconds, 4),
    }
