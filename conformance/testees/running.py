"""Cases and conversations against one client: the lines of a record for each.

    with Testee(command) as testee, ClientRun(testee, seed=7) as run:
        run.begin(cases)                               # as many at a time as the driver takes
        for case in cases:
            lines = run.lines(case)
    more = run.closing_lines()

`begin` is what keeps every lane of a driver busy while somebody waits for one case after the other, as pytest
does. One of which nothing is clear is played again, with more time, twice at most: a busy machine reads late.
What is to be said of the driver itself comes last.

What fails with cuts at certain places is played without them as well, and what fails with a short time-out
with a longer one: only what cuts and time-outs are the reason of is blamed on them.
"""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from conformance.contract.coverage import Coverage
from conformance.errors import TesteeBroken
from conformance.report.record import Line, coverage_line
from conformance.scenario.scenario import SUFFIX, Scenario, read_scenario
from conformance.server import serving
from conformance.testees.case import Case, read_cases
from conformance.testees.conversation import Conversation, Turn
from conformance.testees.cutting import Cutter
from conformance.testees.judging import KEYS, Miss, misses, observed
from conformance.testees.played import Played, Subject, case_line, subject_of
from conformance.testees.process import Delivered, Testee
from conformance.testees.protocol import Message
from conformance.testees.stage import Act, Stage

__all__ = ["ClientRun", "call_of", "run_cases", "subjects_of", "testee_line"]

_GRACE_S = 3.0
_RETRIES_S = 30.0
"""What a client that retries may take beyond its time-out, which may be that of one attempt."""
_PATIENCE = (1, 2, 4)
"""How much longer each try of a case is given, which is tried again while nothing is clear."""
_SHORT_MS = 10_000
_MORE = 5
"""What a short time-out shows must show with so much longer a one, too: a busy machine starts late."""


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
    """One client on our stage: two hosts, and as many lanes as its driver takes calls at a time.

    cuts: how many calls with random cuts are made, by case; the others have as many as they say.
    again: the options of the command that shows the same again.
    """

    def __init__(
        self,
        testee: Testee,
        *,
        seed: int = 7,
        api_version: str = "v1beta",
        cuts: Mapping[str, int] | None = None,
        again: str = "",
    ) -> None:
        self._testee = testee
        self._api_version = api_version
        self._seed = seed
        self._cuts = cuts or {}
        self._again = again
        self._stage = Stage(seed)
        self._begun: dict[str, Future[list[Line]]] = {}
        self._numbers = count()
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._origin = self._stack.enter_context(serving(answering=self._stage)).url
        other = self._stack.enter_context(serving(answering=self._stage.elsewhere))
        self._stage.lies_at(self._origin, other.url)
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
        """Play these as lanes come free, those first that take long; what has begun is not begun again."""
        for subject in sorted(subjects, key=_turn):
            name = subject_of(subject)
            if name not in self._begun:
                self._begun[name] = self._pool.submit(self._play, subject)

    def lines(self, subject: Subject) -> list[Line]:
        """Wait for a case; give its lines."""
        self.begin([subject])
        return self._begun[subject_of(subject)].result()

    def closing_lines(self) -> list[Line]:
        """Give the lines that come last: what is to be said of the driver."""
        return [testee_line(self._testee)]

    def _play(self, subject: Subject) -> list[Line]:
        if missing := self._missing(subject):
            return [case_line(subject, "not-applicable", problem=missing)]
        start = time.monotonic()
        for patience in _PATIENCE:
            played = self._begun_as(subject)
            try:
                self._play_once(_with_time(subject, patience), played)
                if played.hasty:
                    played = self._begun_as(subject)
                    self._play_once(_with_time(subject, _MORE), played)
                if isinstance(subject, Case) and played.found:
                    played.unshown = played.unshown or self._fails_uncut(subject)
            except TesteeBroken as error:
                return [played.line("untestable", str(error), hint=error.hint, exit_code=4)]
            played.seconds = time.monotonic() - start
            lines, branches = played.lines(self._stage.unasked)
            if lines[0]["outcome"] != "inconclusive":
                break
        return [*lines, coverage_line(subject_of(subject), Coverage.of(branches))]

    def _begun_as(self, subject: Subject) -> Played:
        """Begin anew, with a key that no other play has."""
        with self._lock:
            return Played(subject, f"key-{next(self._numbers)}-of-a-case", again=self._again)

    def _play_once(self, subject: Subject, played: Played) -> None:
        if isinstance(subject, Case):
            self._play_case(subject, played)
        else:
            self._play_conversation(subject, played)

    def _fails_uncut(self, case: Case) -> str:
        """Say what is wrong in a case whose answers are cut when they are not: that has another reason."""
        if case.uncut is case:
            return ""
        plain = self._begun_as(case)
        self._play_once(case.uncut, plain)
        return plain.found[0][1].message if plain.found else ""

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

    def _play_case(self, case: Case, played: Played) -> None:
        act = self._stage.open(case, played.key)
        delivered = self._ask(act, played)
        asks = case.expect.closes or "connection" in case.observe
        self._conclude(act, delivered, played, closed=not asks or self._stage.left(act))
        if case.cuts and played.found:
            played.unshown = played.found[0][1].message
        elif case.cuts and not played.fault:
            self._cut(case, played)

    def _cut(self, case: Case, played: Played) -> None:
        """Make the call of a case again and again, its answer cut elsewhere each time."""
        report = self._cutter.play(case, self._cuts.get(case.id, case.cuts))
        if report.survivor:
            played.blind = report.survivor
        elif report.finding and not report.finding.steady:
            played.unclear = report.finding.message
        elif report.finding:
            played.acts.clear()
            played.add(report.finding.act, [Miss(report.finding.message)])
        elif report.uncut:
            played.unshown = report.uncut
        elif report.unconfirmed:
            played.unclear = (
                f"{report.unconfirmed} of {report.calls} calls have cuts that could not be confirmed"
            )

    def _play_conversation(self, scenario: Scenario, played: Played) -> None:
        def make(turn: Case) -> Turn:
            act = self._stage.open(turn, played.key)
            delivered = self._ask(act, played)
            self._conclude(act, delivered, played, closed=True)
            return Turn(act, delivered)

        conversation = Conversation(scenario)
        problem = conversation.hold(make, key=played.key, api_version=self._api_version)
        played.problem = "" if played.ending == "unsupported" else problem  # that is a finding of its own

    def _conclude(self, act: Act, delivered: Delivered, played: Played, *, closed: bool) -> None:
        """Take an act off the stage, and find what is wrong in it."""
        if unconfirmed := self._stage.unconfirmed(act):
            played.unclear = (
                f"{unconfirmed} cuts could not be confirmed: the client may have read their parts as one"
            )
        played.ending, last = delivered.ending, delivered.last
        capabilities = self._testee.words("capabilities")
        played.happened = observed(act, delivered, closed=closed, capabilities=capabilities)
        if delivered.ending == "fault":
            played.fault = f"the driver failed: {str(last.get('message'))[:300]}"
        if delivered.ending == "unsupported" and last.get("pointer"):
            reason = str(last.get("reason") or last["pointer"])[:200]
            played.unsayable = f"the client has no way to say it: {reason}"
        capabilities = self._testee.words("capabilities")
        played.unseen |= act.case.expect.is_blind(last, capabilities)
        told, log = json.dumps([last, *delivered.events]), self._testee.log
        found = list(misses(act, delivered, told=told, log=log, closed=closed, capabilities=capabilities))
        paced = act.case.expect.ending == "end" and not act.case.lockstep
        if paced and _timed_out(delivered) and (self._stage.still_sending(act) or _was_busy(act, delivered)):
            played.unclear = "the time-out came while the answer was still on its way, piece by piece"
            found = [one for one in found if isinstance(one, Miss) and one.requirement == KEYS]
        missed = any(isinstance(one, Miss) for one in found)
        played.hasty |= missed and _timed_out(delivered) and act.case.timeout_ms < _SHORT_MS
        self._stage.close(act)
        played.add(act, found)

    def _ask(self, act: Act, played: Played) -> Delivered:
        case = act.case
        played.calls.append(call_of(act, self._api_version))
        call = {
            "type": "call",
            "id": f"{act.key.removesuffix('-of-a-case').replace('key', 'call')}-{len(played.acts)}",
            "base_url": self._origin,
            "api_key": act.key,
            **played.calls[-1],
        }
        more_s = _GRACE_S if case.retries == "off" else _RETRIES_S
        heard = partial(self._hear, act) if case.lockstep else None
        return self._testee.ask(call, case.timeout_ms / 1000 + more_s, heard=heard)

    def _hear(self, act: Act, _: Message) -> None:
        """Take note that the client has handed over an event of a stream that is sent in lock-step."""
        self._stage.release(act)


def _turn(subject: Subject) -> tuple[float, int]:
    return subject.turn if isinstance(subject, Case) else (0.0, 0)


def call_of(act: Act, api_version: str) -> Message:
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


def _with_time(subject: Subject, times: int) -> Subject:
    """Give a case so many times its time."""
    return replace(subject, timeout_ms=times * subject.timeout_ms) if isinstance(subject, Case) else subject


def _timed_out(delivered: Delivered) -> bool:
    return delivered.ending == "hung" or delivered.last.get("kind") == "timeout"


def _was_busy(act: Act, delivered: Delivered) -> bool:
    """Whether events were still handed over in the last fifth of the time."""
    last_ms = delivered.events[-1].get("at_ms") if delivered.events else None
    return isinstance(last_ms, int | float) and last_ms > 0.8 * act.case.timeout_ms
