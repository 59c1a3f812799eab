"""What was found, told once for every rendering: where, what, what was expected, and how to see it again.

    for told in findings(tally):
        told.outcome, told.place, told.message, told.expected, told.source, told.again

Worst first, in the order of the record. Nothing here is escaped: each rendering knows its own dangers.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from conformance.contract.registry import Requirement, registry
from conformance.judge.verdict import Outcome
from conformance.report.record import Line
from conformance.report.shell import curl
from conformance.report.tally import Finding, Tally

__all__ = ["SHOWN", "Problem", "Told", "findings", "place", "problems", "short_place"]

SHOWN: tuple[Outcome, ...] = ("error", "fail", "untestable", "inconclusive", "warn")


@dataclass(frozen=True, slots=True)
class Told:
    """One finding in one subject.

    same: what findings of other subjects have in common with it: the requirement, or the message where
        nothing could be seen.
    """

    finding: Finding
    tally: Tally
    outcome: str
    same: str

    @property
    def requirement(self) -> Requirement | None:
        """Its requirement; None for an expectation of a scenario, and where several say the same."""
        alone = len(self.finding.requirements) == 1
        return registry().get(self.finding.first["requirement"]) if alone else None

    @property
    def name(self) -> str:
        """The ids of its requirements."""
        return ", ".join(filter(None, self.finding.requirements)) or (
            "answer" if self.tally.conversations else "scenario"
        )

    @property
    def place(self) -> str:
        """Where it shows first."""
        return place(self.finding.first)

    @property
    def also(self) -> str:
        """Where else it shows; empty where it does not."""
        if self.finding.times == 1 or len(self.finding.requirements) > 1:
            return ""
        rest = self.finding.times - len(self.finding.places)
        return ", ".join(map(short_place, self.finding.places[1:])) + (f" and {rest} more" if rest else "")

    @property
    def again(self) -> str:
        """The command that shows it again; empty where there is none."""
        return _again(self.finding.first, self.tally)

    @property
    def subject(self) -> str:
        """What was judged."""
        return str(self.finding.first["subject"])

    @property
    def party(self) -> str:
        """Who is at fault."""
        return str(self.finding.first["party"])

    @property
    def message(self) -> str:
        """What is wrong."""
        return str(self.finding.first["message"])

    @property
    def bytes(self) -> str:
        """The beginning of the bytes that show it."""
        return str(self.finding.first["bytes"])

    @property
    def title(self) -> str:
        """The ids with the name of the requirement."""
        return f"{self.name} {self.requirement.name}" if self.requirement else self.name

    @property
    def expected(self) -> str:
        """What the requirement says, with why it warns or fails where that may surprise."""
        if self.requirement is None:
            return ""
        seen = " (observed, so it warns)" if self.requirement.confidence == "observed" else ""
        if self.requirement.confidence == "inferred" and self.outcome == "fail":
            seen = " (inferred, and it fails: data is lost or leaked, or a failure is told as a success)"
        return f"{self.requirement.says}{seen}"

    @property
    def source(self) -> str:
        """Where the requirement is documented."""
        return self.requirement.source if self.requirement else ""


def findings(tally: Tally) -> Iterator[Told]:
    """Every finding of a record, worst first; those of one requirement together."""
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for (outcome, same, _), finding in tally.findings.items():
        kinds.setdefault((outcome, same), []).append(finding)
    for wanted in SHOWN:
        for (outcome, same), found in kinds.items():
            if outcome == wanted:
                yield from (Told(finding, tally, outcome, same) for finding in found)


def _again(line: Line, tally: Tally) -> str:
    subject = shlex.quote(line["subject"])
    if tally.testees or tally.cases:
        case = next((case for case in tally.cases if case["subject"] == line["subject"]), {})
        fuzzed = line["subject"].startswith("fuzz/")
        asked = " ".join(filter(None, ("" if fuzzed else f"--only {subject}", case.get("options"))))
        command = " ".join(shlex.join(testee["command"]) for testee in tally.testees)
        return f"gemini-conformance {'fuzz' if fuzzed else 'client'} {asked} -- {command}" if command else ""
    if tally.files:
        return f"gemini-conformance lint {subject}"
    request = tally.requests.get((line["subject"], line["exchange"]))
    return curl(request) if request is not None and request["url"].startswith("http") else ""


def place(line: Line) -> str:
    """Tell where a verdict points to, with its subject."""
    call = f"/{line['call']}" if line["call"] else ""
    return f"{line['subject']}{call} {short_place(line)}".rstrip()


def short_place(line: Line) -> str:
    """Tell where a verdict points to within its subject."""
    parts = []
    if line["exchange"]:
        parts.append(f"exchange {line['exchange']}")
    if line["side"] == "request":
        parts.append("request")
    if line["event"] is not None:
        parts.append(f"event {line['event']}")
    if line["pointer"]:
        parts.append(line["pointer"])
    return " ".join(parts) or "response"


@dataclass(slots=True)
class Problem:
    """What could not be played or read: a sentence, its hint, and whose it is."""

    outcome: str
    message: str
    hint: str
    subjects: list[str]

    @property
    def subject(self) -> str:
        """The first subject, and how many more there are."""
        rest = len(self.subjects) - 1
        return f"{self.subjects[0]} and {rest} more" if rest else self.subjects[0]


def problems(tally: Tally) -> Iterator[Problem]:
    """What could not be played or read, the same sentence once; then the faults of harness and driver."""
    found: dict[tuple[str, str, str], Problem] = {}
    for line in [*tally.scenarios, *tally.files, *tally.cases, *tally.conversations]:
        if line["problem"] and line["outcome"] not in ("known", "not-applicable"):
            key = (line["outcome"], line["problem"], line.get("hint", ""))
            found.setdefault(key, Problem(*key, [])).subjects.append(line["subject"])
    yield from found.values()
    for fault in tally.faults:
        yield Problem("error", fault, "", ["proxy" if tally.conversations else "pytest"])
    for line in tally.testees:
        for problem in [*line["problems"], *line["crashes"]]:
            yield Problem("error", problem, "", ["driver"])
