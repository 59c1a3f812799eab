"""What a check says, and what a trace adds up to.

A check yields `kept(subject)` or `broken(subject, pointer, message)` for everything it judges; silence means
that there was nothing to judge. It does not say how bad that is: `judge()` signs each verdict with the
requirement's id, the party at fault, and the outcome that level and confidence give.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, get_args

from conformance.contract.registry import Requirement
from conformance.contract.validation import Branch
from conformance.wire.trace import Place

__all__ = ["OUTCOMES", "Outcome", "Report", "SeenDrift", "Subject", "Verdict", "broken", "kept", "worst"]

Outcome: TypeAlias = Literal[
    "error",
    "fail",
    "untestable",
    "inconclusive",
    "warn",
    "known",
    "pass",
    "not-observed",
    "not-applicable",
    "excluded",
]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""All outcomes, worst first."""


class Subject(Protocol):
    """Anything that lies at a place of the trace: an event, a document, a call, a stream."""

    @property
    def place(self) -> Place:
        """Where it lies."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judgement.

    pointer: the JSON pointer of the evidence in the document at `place`.
    message: what is wrong, with the values that show it; empty when the requirement is kept.
    requirement, party: set by `judge()`.
    """

    outcome: Outcome
    place: Place
    pointer: str = ""
    message: str = ""
    requirement: str = ""
    party: str = ""

    @property
    def event(self) -> int | None:
        """The position of the event in its stream, from 0."""
        return self.place.event


def kept(subject: Subject) -> Verdict:
    """Say that the subject keeps the requirement."""
    return Verdict("pass", subject.place)


def broken(subject: Subject, pointer: str, message: str) -> Verdict:
    """Say that the subject breaks the requirement at `pointer`, and why, in words that show the values."""
    return Verdict("fail", subject.place, pointer, message)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Give the worst of some outcomes; "not-observed" for none."""
    return min(outcomes, key=OUTCOMES.index, default="not-observed")


@dataclass(frozen=True, slots=True)
class SeenDrift:
    """Something unknown to the contract, where it was seen."""

    place: Place
    pointer: str
    kind: str
    name: str
    message: str
    schema: str


@dataclass(slots=True)
class Report:
    """What judging one trace gave.

    passes: how often each requirement was kept.
    findings: every verdict that is not a pass, in the order of the requirements.
    drift: what the contract does not know; no outcome of its own.
    branches: which kinds, words and fields of the schemas its values took; `contract.coverage` counts them.
    """

    name: str = ""
    passes: Counter[str] = field(default_factory=Counter)
    findings: list[Verdict] = field(default_factory=list)
    drift: list[SeenDrift] = field(default_factory=list)
    branches: set[Branch] = field(default_factory=set)

    @property
    def judged(self) -> int:
        """How many verdicts there are."""
        return self.passes.total() + len(self.findings)

    @property
    def outcome(self) -> Outcome:
        """The worst outcome; "not-observed" when nothing was judged."""
        return worst(self.outcomes().values())

    def outcomes(self) -> dict[str, Outcome]:
        """The worst outcome of each requirement that was judged."""
        found: dict[str, Outcome] = dict.fromkeys(self.passes, "pass")
        for verdict in self.findings:
            found[verdict.requirement] = worst((verdict.outcome, found.get(verdict.requirement, "excluded")))
        return found

    def of(self, outcome: Outcome) -> list[Verdict]:
        """The findings of one outcome."""
        return [verdict for verdict in self.findings if verdict.outcome == outcome]


def outcome_of(requirement: Requirement) -> Outcome:
    """The outcome when a requirement is broken: what only was seen, or only should be, warns."""
    firm = requirement.confidence in ("documented", "spec", "standard")
    return "fail" if requirement.level == "must" and firm else "warn"
