"""All cases against one client: the lines of a record.

    with Testee(command) as testee:
        for line in run_cases(testee, cases, seed=7):
            record.write(line)

As many cases run at a time as the driver takes, each in its turn; lines come in the order of the cases. One
whose cuts could not be confirmed is played again, twice at most: a busy machine reads late. A `testee` line
comes last: what is to be said of the driver itself.
"""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from conformance.contract.coverage import Coverage
from conformance.contract.registry import registry
from conformance.errors import TesteeBroken
from conformance.judge.judge import judge
from conformance.judge.verdict import Outcome, Verdict, worst
from conformance.report.record import Line, coverage_line, exchange_lines, report_lines
from conformance.server import serving
from conformance.testees.case import Case
from conformance.testees.judging import KEYS, Loss, Miss, misses, observed, outcome_for
from conformance.testees.process import Delivered, Testee
from conformance.testees.protocol import Message
from conformance.testees.stage import Act, Stage
from conformance.wire.redaction import redact
from conformance.wire.trace import UNREADABLE, Place, Trace

__all__ = ["run_cases", "testee_line"]

_GRACE_S = 3.0
_RETRIES_S = 30.0
"""What a client that retries may take beyond its time-out, which may be that of one attempt."""


def run_cases(
    testee: Testee, cases: Sequence[Case], *, seed: int = 7, api_version: str = "v1beta"
) -> Iterator[Line]:
    """Run the cases; give their lines, then those of the coverage and of the driver."""
    stage = Stage(seed)
    branches: set[Any] = set()
    with serving(answering=stage) as server, serving(answering=stage.elsewhere) as other:
        stage.lies_at(server.url, other.url)
        player = _Player(testee, stage, server.url, api_version, branches)
        pool = ThreadPoolExecutor(testee.max_in_flight, thread_name_prefix="lane")
        turns = sorted(enumerate(cases), key=lambda told: told[1].turn)
        plays = {number: pool.submit(player.play, number, case) for number, case in turns}
        try:
            for number in range(len(cases)):
                yield from plays.pop(number).result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    yield coverage_line("", Coverage.of(branches))
    yield testee_line(testee)


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


class _Player:
    """Plays cases, one in each lane at a time."""

    def __init__(
        self, testee: Testee, stage: Stage, origin: str, api_version: str, branches: set[Any]
    ) -> None:
        self._testee = testee
        self._stage = stage
        self._origin = origin
        self._api_version = api_version
        self._branches = branches

    def play(self, number: int, case: Case) -> list[Line]:
        """Play one case; give its lines."""
        missing = self._missing(case)
        if missing:
            return [_case_line(case, "not-applicable", problem=f"the client does not declare {missing}")]
        for again in ("", "-again", "-and-again"):
            lines = self._play_once(f"key-{number}{again}-of-a-case", case)
            if lines[0]["outcome"] != "inconclusive":
                break
        return lines

    def _play_once(self, key: str, case: Case) -> list[Line]:
        start = time.monotonic()
        act = self._stage.open(case, key)
        try:
            more_s = _GRACE_S if case.retries == "off" else _RETRIES_S
            limit_s = case.timeout_ms / 1000 + more_s
            heard = partial(self._hear, act) if case.lockstep else None
            delivered = self._testee.ask(self._call(act), limit_s, heard=heard)
        except TesteeBroken as error:
            return [_case_line(case, "untestable", problem=str(error), exit_code=4)]
        asks = case.expect.closes or "connection" in case.observe
        closed = not asks or self._stage.left(act)
        seconds = time.monotonic() - start
        unconfirmed = self._stage.unconfirmed(act)
        self._stage.close(act)
        if delivered.ending == "fault":
            problem = f"the driver failed: {str(delivered.last.get('message'))[:300]}"
            return [_case_line(case, "untestable", problem=problem, seconds=seconds)]
        told = json.dumps([delivered.last, *delivered.events])
        capabilities = self._testee.words("capabilities")
        found = misses(
            act, delivered, told=told, log=self._testee.log, closed=closed, capabilities=capabilities
        )
        happened = observed(act, delivered, closed=closed)
        return self._lines(
            act, delivered, list(found), seconds=seconds, unconfirmed=unconfirmed, told=happened
        )

    def _hear(self, act: Act, _: Message) -> None:
        """Take note that the client has handed over an event of a stream that is sent in lock-step."""
        self._stage.release(act)

    def _missing(self, case: Case) -> str:
        """Give what the client would need for a case and does not declare."""
        lacking = sorted(case.needs - self._testee.words("capabilities"))
        if f"interactions.{case.operation}" not in self._testee.words("operations"):
            lacking.insert(0, f"interactions.{case.operation}")
        return ", ".join(lacking)

    def _call(self, act: Act) -> Message:
        case = act.case
        call = {
            "type": "call",
            "id": act.key.removesuffix("-of-a-case").replace("key", "call"),
            "operation": f"interactions.{case.operation}",
            "stream": case.stream,
            "base_url": self._origin,
            "api_key": act.key,
            "api_version": self._api_version,
            "arguments": act.arguments,
            "timeout_ms": case.timeout_ms,
            "retries": case.retries,
        }
        return {**call, "cancel": dict(case.cancel)} if case.cancel else call

    def _lines(
        self,
        act: Act,
        delivered: Delivered,
        findings: list[Miss | Loss],
        *,
        seconds: float,
        unconfirmed: int,
        told: str,
    ) -> list[Line]:
        case = act.case
        found = [finding for finding in findings if isinstance(finding, Miss)]
        blind = case.expect.is_blind(delivered.last) and "events" not in self._testee.words("capabilities")
        exchanges = act.exchanges()
        trace = Trace.of(exchanges, case.id)
        report = judge(trace, parties=("client",))
        self._branches |= report.branches
        report.findings += [_verdict(case, miss, trace) for miss in found]
        if unconfirmed and not found and not case.silent:
            message = f"{unconfirmed} cuts could not be confirmed: the client may have read the parts as one"
            place = Place(0, "response")
            report.findings.append(Verdict("inconclusive", place, "", message, case.judges, "client"))
        blamed = {verdict.requirement for verdict in report.findings}
        seen = (KEYS,) if blind or case.silent else (case.judges, KEYS)
        report.passes.update(name for name in seen if name not in blamed)
        shown = Trace.of([redact(exchange, [act.key]) for exchange in exchanges], case.id)
        outcome = worst(report.outcomes().values())
        problem = ""
        if blind and outcome == "pass":
            outcome, problem = "not-observed", "the client does not declare events, so nothing is compared"
        line = _case_line(
            case,
            outcome,
            problem=problem,
            seconds=seconds,
            requests=len(act.seen),
            ending=delivered.ending,
            happened=told,
        )
        kept = [call.exchange for call in shown.calls]
        losses = _loss_lines(case, findings)
        return [line, *exchange_lines(case.id, kept), *report_lines(case.id, report, shown), *losses]


def _verdict(case: Case, miss: Miss, trace: Trace) -> Verdict:
    requirement = registry()[miss.requirement or case.judges]
    harm = case.harm or ("leak" if miss.requirement == KEYS else "")
    number = miss.exchange or 0
    stream = trace.calls[number].stream if number < len(trace.calls) else None
    known = stream is not None and all(event.json is not UNREADABLE for event in stream.payloads)
    event = miss.event if known else None
    place = Place(number, "request" if miss.side == "request" else "response", event)
    return Verdict(outcome_for(requirement, harm), place, "", miss.message, requirement.id, "client")


def _loss_lines(case: Case, findings: Sequence[Miss | Loss]) -> Iterator[Line]:
    """Give what the client does not hand on, a line for each type of event."""
    pointers: dict[str, set[str]] = {}
    for finding in findings:
        if isinstance(finding, Loss):
            pointers.setdefault(finding.event_type, set()).add(finding.pointer)
    for name, found in pointers.items():
        yield {"type": "loss", "subject": case.id, "event_type": name, "pointers": sorted(found)}


def _case_line(
    case: Case,
    outcome: Outcome,
    *,
    problem: str = "",
    exit_code: int = 0,
    seconds: float = 0.0,
    requests: int = 0,
    ending: str = "",
    happened: str = "",
) -> Line:
    return {
        "type": "case",
        "subject": case.id,
        "title": case.title,
        "judges": case.judges,
        "outcome": outcome,
        "problem": problem,
        "ending": ending,
        "observed": happened,
        "exit_code": exit_code,
        "requests": requests,
        "seconds": round(seconds, 4),
    }
