"""What the lines of a record add up to.

    tally = Tally()
    for line in lines:
        tally.add(line)
    tally.outcomes, tally.counts(), tally.exit_code(strict=False)

Memory grows with what was found, not with what was kept: of a right recording stays one short line, of a
scenario its requests too.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from conformance.contract.coverage import Coverage
from conformance.contract.registry import Requirement, registry
from conformance.judge.verdict import Outcome, worst
from conformance.report.record import Line

__all__ = ["Finding", "Tally"]

_RED = ("error", "fail", "untestable")
_PALE = ("warn", "inconclusive")
_PLACES = 4
_LISTS = {
    "scenario": "scenarios",
    "file": "files",
    "case": "cases",
    "conversation": "conversations",
    "testee": "testees",
    "known": "wrongly_known",
    "fuzz": "fuzzed",
    "spent": "spent",
}
"""Where lines of a kind are kept as they are."""


@dataclass(slots=True)
class Finding:
    """One thing that was found in one subject, however often.

    first: the line of the first verdict, with its bytes.
    requirements: whose verdicts say the same; one, unless nothing could be seen at all.
    places: the lines of the first few verdicts.
    """

    first: Line
    requirements: list[str] = field(default_factory=list)
    places: list[Line] = field(default_factory=list)
    times: int = 0

    def add(self, line: Line) -> None:
        """Count one more verdict."""
        self.times += 1
        if line["requirement"] not in self.requirements:
            self.requirements.append(line["requirement"])
        if len(self.places) < _PLACES:
            self.places.append(line)


@dataclass(slots=True)
class Tally:
    """The sum of a record.

    parties: whose conduct was judged.
    outcomes: the worst outcome of each requirement that was judged.
    passes: how often each was kept.
    findings: by outcome, requirement (or message, where nothing could be seen) and subject.
    drift: what the contract does not know, with how often it was seen.
    wrongly_known: what is wrong with the list of known failures.
    losses: what a client does not hand on, by type of event and pointer, with how often that was seen.
    fuzzed: what fuzzing did, in all. spent: what endpoints were asked for that are not our own.
    requests: the request of each exchange, for sending it again.
    coverage: which kinds, words and fields of the schemas were shown.
    idle: nothing of what was selected falls to this part of a run that is shared.
    """

    parties: tuple[str, ...] = ("server", "client")
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    passes: Counter[str] = field(default_factory=Counter)
    findings: dict[tuple[str, str, str], Finding] = field(default_factory=dict)
    drift: Counter[str] = field(default_factory=Counter)
    scenarios: list[Line] = field(default_factory=list)
    files: list[Line] = field(default_factory=list)
    cases: list[Line] = field(default_factory=list)
    conversations: list[Line] = field(default_factory=list)
    testees: list[Line] = field(default_factory=list)
    wrongly_known: list[Line] = field(default_factory=list)
    fuzzed: list[Line] = field(default_factory=list)
    spent: list[Line] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    losses: Counter[tuple[str, str]] = field(default_factory=Counter)
    requests: dict[tuple[str, int], Any] = field(default_factory=dict)
    coverage: Coverage = field(default_factory=Coverage)
    idle: bool = False

    @classmethod
    def of(cls, lines: Iterable[Line]) -> Self:
        """Add up the lines of a whole record."""
        tally = cls()
        for line in lines:
            tally.add(line)
        return tally

    def add(self, line: Line) -> None:
        """Take one line into account; a header and a footer add nothing."""
        match line["type"]:
            case "passes":
                self.passes.update(line["counts"])
                for requirement in line["counts"]:
                    self.outcomes.setdefault(requirement, "pass")
            case "verdict":
                self._add_verdict(line)
            case "drift":
                self.drift[f"{line['schema'].removeprefix('interactions/')}: {line['message']}"] += 1
            case kind if kind in _LISTS:
                getattr(self, _LISTS[kind]).append(line)
            case "loss":
                self.losses.update((line["event_type"], pointer) for pointer in line["pointers"])
            case "exchange":
                self.requests[line["subject"], line["exchange"]] = line["request"]
            case "coverage":
                self.coverage = self.coverage.merged(Coverage.from_json(line))
            case "share":
                self.idle = line["items"] == 0 < line["selected"]
            case "fault":
                self.faults.append(line["message"])

    def _add_verdict(self, line: Line) -> None:
        name, outcome = line["requirement"], line["outcome"]
        if name:
            self.outcomes[name] = worst((outcome, self.outcomes.get(name, "excluded")))
        same = line["message"] if outcome in ("untestable", "inconclusive") else name
        key = (outcome, same, line["subject"])
        if key not in self.findings:
            self.findings[key] = Finding(line)
        self.findings[key].add(line)

    def counts(self) -> dict[str, int]:
        """How many requirements ended with which outcome, those that nothing was about included."""
        counts: Counter[str] = Counter(self.outcomes.values())
        counts.update(self.state(known) for known in registry().values() if known.id not in self.outcomes)
        return dict(counts)

    def state(self, requirement: Requirement) -> str:
        """What became of a requirement; what it is, where nothing was about it."""
        if requirement.id in self.outcomes:
            return self.outcomes[requirement.id]
        if requirement.excluded or requirement.pending:
            return "excluded" if requirement.excluded else "pending"
        concerned = requirement.party == "both" or requirement.party in self.parties
        if not requirement.checks:  # client cases alone judge it, and only `client` runs them
            concerned = bool(self.cases)
        return "not-observed" if concerned else "not-applicable"

    @property
    def judged(self) -> bool:
        """Whether anything was judged at all."""
        return bool(self.passes or self.findings)

    def exit_code(self, *, strict: bool) -> int:
        """The exit code: our fault, a wrong file, a client not driven, findings, too little evidence."""
        summaries = [*self.scenarios, *self.files, *self.cases, *self.conversations]
        summaries += [*self.testees, *self.wrongly_known]
        codes = {line.get("exit_code", 0) for line in summaries}
        outcomes = {line.get("outcome", "excluded") for line in summaries} | {key[0] for key in self.findings}
        if 3 in codes or self.faults:
            return 3
        if 2 in codes:
            return 2
        if 4 in codes:
            return 4
        if outcomes.intersection(_RED) or (strict and (self.drift or outcomes.intersection(_PALE))):
            return 1
        return 0 if (self.judged or self.idle) and 5 not in codes else 5
