"""What came of a case, or of a conversation: judged, and told as the lines of a record.

    played = Played(case, "key-7")
    played.add(act, findings)
    lines, branches = played.lines()

The exchanges are judged as those of any trace; what was found by comparing (`judging`) is added. The line of
the summary comes first.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from conformance.contract.registry import registry
from conformance.judge.judge import judge
from conformance.judge.verdict import Outcome, Report, SeenDrift, Verdict, worst
from conformance.report.record import Line, exchange_lines, kept_whole, report_lines
from conformance.scenario.scenario import Scenario
from conformance.testees.case import Case
from conformance.testees.conversation import DELIVERS, SENDS
from conformance.testees.judging import KEYS, Loss, Miss, outcome_for
from conformance.testees.protocol import Message
from conformance.testees.stage import Act, Seen
from conformance.wire.exchange import Exchange
from conformance.wire.redaction import redact, redact_text
from conformance.wire.trace import UNREADABLE, Place, Trace

__all__ = ["Played", "Subject", "case_line", "subject_of"]

Subject: TypeAlias = Case | Scenario
_BLIND = "the client does not declare events, so nothing is compared"


def subject_of(subject: Subject) -> str:
    """Give the name under which a case, or a conversation, stands in the record."""
    return subject.id if isinstance(subject, Case) else f"conversations/{subject.id.rpartition('/')[2]}"


@dataclass(slots=True, eq=False)
class Played:
    """What came of a case, or of every turn of a conversation.

    calls: what the client was asked for, act by act.
    happened: what it did, in words that can be compared.
    unclear: why nothing follows from what was seen. unseen: nothing that the case expects could be compared.
    unshown: what goes wrong without a cut as well, so that nothing is shown of cuts.
    hasty: the client gave up so early that a busy machine may be the reason.
    fault: how the driver failed. unsayable: what the client has no way to say.
    blind: why the harness saw nothing. problem: why a conversation ended early.
    again: the options of the command that shows the same again.
    """

    subject: Subject
    key: str
    again: str = ""
    calls: list[Message] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    found: list[tuple[Act, Miss, int]] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    happened: str = ""
    unclear: str = ""
    unseen: bool = False
    unshown: str = ""
    hasty: bool = False
    blind: str = ""
    ending: str = ""
    fault: str = ""
    unsayable: str = ""
    problem: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """The name of its subject."""
        return subject_of(self.subject)

    @property
    def silent(self) -> bool:
        """Whether the documents are silent, so that it gives no verdict."""
        return isinstance(self.subject, Case) and self.subject.silent

    def add(self, act: Act, found: Iterable[Miss | Loss]) -> None:
        """Keep an act, and what was found in it, with the number of its first exchange."""
        first = sum(len(one.here) for one in self.acts)
        self.acts.append(act)
        for one in found:
            if isinstance(one, Loss):
                self.losses.append(one)
            else:
                self.found.append((act, one, first))

    def line(self, outcome: Outcome, problem: str = "", *, hint: str = "", exit_code: int = 0) -> Line:
        """Give the line of its summary."""
        line = case_line(self.subject, outcome, problem=problem, hint=hint, exit_code=exit_code)
        line |= {
            "ending": self.ending,
            "observed": self.happened,
            "requests": sum(len(act.here) for act in self.acts),
            "seconds": round(self.seconds, 4),
        }
        line |= {"options": self.again} if self.again else {}
        return line | {"call": self.calls[self._wrong]} if self.calls else line

    @property
    def _wrong(self) -> int:
        """The number of the call in which something is wrong, or of the last one."""
        blamed = [act for act, _, _ in self.found]
        return next((number for number, act in enumerate(self.acts) if act in blamed), -1)

    def lines(self, unasked: Callable[[Act], list[Seen]] | None = None) -> tuple[list[Line], frozenset[Any]]:
        """Judge it; give its lines, and the branches of the schemas that it has shown.

        unasked: gives the answers that were prepared for requests which never came.
        """
        if self.blind:
            return [self.line("error", self.blind, exit_code=3)], frozenset()
        if problem := self.fault or self.unsayable:
            return [self.line("untestable" if self.fault else "not-applicable", problem)], frozenset()
        if self.unshown and not any(miss.requirement for _, miss, _ in self.found):
            return [self.line("not-observed", f"without a cut as well: {self.unshown}")], frozenset()
        exchanges = [exchange for act in self.acts for exchange in act.exchanges()]
        trace = Trace.of(exchanges, self.name)
        report = judge(trace, parties=("client",))
        branches = frozenset(report.branches)
        self._complete(report, trace)
        shown = Trace.of([redact(exchange, [self.key]) for exchange in exchanges], self.name)
        kept = [call.exchange for call in shown.calls]
        whole = kept_whole(report.findings)
        more = unasked(self.acts[0]) if whole and unasked is not None and len(self.acts) == 1 else []
        told = (
            self._whole(kept, more) if whole and self.calls else exchange_lines(self.name, kept, whole=whole)
        )
        lines = [self._summary(report), *told, *report_lines(self.name, report, shown), *self._loss_lines()]
        return lines, branches

    def _complete(self, report: Report, trace: Trace) -> None:
        """Add what was found by comparing, and what is kept where nothing was."""
        report.findings = [verdict for verdict in report.findings if not self._on_purpose(verdict)]
        report.drift = [drift for drift in report.drift if not self._asked_for(drift)]
        report.findings += [_verdict(act.case, miss, first, trace) for act, miss, first in self.found]
        judged = {act.case.judges for act in self.acts} or {KEYS}
        if self.unclear and not self.found and not self.silent:
            place = Place(0, "response")
            report.findings.append(Verdict("inconclusive", place, "", self.unclear, min(judged), "client"))
        if self.unseen or self.silent:
            judged = set()
        elif DELIVERS in judged:
            judged = judged | {SENDS}
        blamed = {verdict.requirement for verdict in report.findings}
        report.passes.update(name for name in sorted({*judged, KEYS}) if name not in blamed)

    def _on_purpose(self, verdict: Verdict) -> bool:
        """Whether it is about a request that is wrong because the call was."""
        last = 0
        for act in self.acts:
            last += len(act.here)
            if verdict.place.exchange < last:
                return verdict.place.side == "request" and not act.case.expect.sends
        return False

    def _asked_for(self, drift: SeenDrift) -> bool:
        """Whether what the contract does not know stands in the call, and is not the client's doing."""
        asked = json.dumps([call["arguments"] for call in self.calls], ensure_ascii=False)
        return drift.place.side == "request" and json.dumps(drift.name, ensure_ascii=False) in asked

    def _summary(self, report: Report) -> Line:
        outcome = worst(report.outcomes().values())
        if self.unseen and outcome == "pass":
            return self.line("not-observed", _BLIND)
        return self.line(outcome, self.problem)

    def _whole(self, exchanges: list[Exchange], more: list[Seen]) -> Iterator[Line]:
        """Give what serving the same again takes: whole answers, their deliveries, those nobody asked for."""
        seen = [one for act in self.acts for one in act.here]
        unasked = [replace(redact(one.exchange, [self.key]), request=None) for one in more]
        deliveries = [
            {**one.delivery, "head": redact_text(one.delivery["head"], [self.key])} for one in [*seen, *more]
        ]
        every = [*exchanges, *unasked]
        for line in exchange_lines(self.name, every, whole=range(len(every)), deliveries=deliveries):
            yield line if line["exchange"] < len(seen) else {**line, "unasked": True}

    def _loss_lines(self) -> Iterator[Line]:
        """Give what the client does not hand on, a line for each type of event."""
        pointers: dict[str, set[str]] = {}
        for loss in self.losses:
            pointers.setdefault(loss.event_type, set()).add(loss.pointer)
        for name, found in pointers.items():
            yield {"type": "loss", "subject": self.name, "event_type": name, "pointers": sorted(found)}


def _verdict(case: Case, miss: Miss, first: int, trace: Trace) -> Verdict:
    blamed = SENDS if case.judges == DELIVERS and miss.side == "request" else case.judges
    requirement = registry()[miss.requirement or blamed]
    harm = case.harm or miss.harm or ("leak" if miss.requirement == KEYS else "")
    number = first + (miss.exchange or 0)
    stream = trace.calls[number].stream if number < len(trace.calls) else None
    known = stream is not None and all(event.json is not UNREADABLE for event in stream.payloads)
    event = miss.event if known else None
    place = Place(number, "request" if miss.side == "request" else "response", event)
    return Verdict(outcome_for(requirement, harm), place, "", miss.message, requirement.id, "client")


def case_line(
    subject: Subject, outcome: Outcome, *, problem: str = "", hint: str = "", exit_code: int = 0
) -> Line:
    """One case, or conversation, of which nothing was seen: what became of it, and why."""
    return {
        "type": "case",
        "subject": subject_of(subject),
        "title": subject.title,
        "judges": subject.judges if isinstance(subject, Case) else DELIVERS,
        "silent": isinstance(subject, Case) and subject.silent,
        "outcome": outcome,
        "problem": problem,
        "hint": hint,
        "ending": "",
        "observed": "",
        "exit_code": exit_code,
        "requests": 0,
        "seconds": 0.0,
    }
