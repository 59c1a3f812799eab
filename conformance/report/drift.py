"""Two recordings of one conversation side by side: what differs, which requirements that touches, and a diff.

    comparison = compare(Trace.of(old), Trace.of(new))
    comparison.headline            # "shape drift: 1 new field; content: 3 texts, 2 ids"
    list(comparison.lines())

A requirement is touched where its verdict is another one now, which is the strongest evidence, or where it
governs or names the place that differs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from conformance.contract.openapi import Difference, touched_requirements
from conformance.contract.openapi.differences import DifferenceKind
from conformance.judge.judge import judge
from conformance.judge.verdict import OUTCOMES, Outcome, Report
from conformance.wire.drift import KINDS, Drifted, DriftKind, differences
from conformance.wire.trace import Trace

__all__ = ["Comparison", "OtherVerdict", "compare", "counted", "touched"]

_TOUCHED = 6  # requirements on one line
_PLURALS: Final = {"chunk": "other chunks", "byte": "other bytes", "poll": "other polls"}
_NAMED: Final = frozenset(
    {"changed type", "new kind", "gone kind", "new event", "gone event", "new word", "other order"}
)
"""Of these the place alone does not tell what it is."""
_AS_IN_A_CONTRACT: dict[DriftKind, DifferenceKind] = {
    "new field": "field",
    "gone field": "field",
    "changed type": "type",
    "new word": "value",
    "new kind": "member",
    "gone kind": "member",
    "new event": "member",
    "gone event": "member",
}


@dataclass(frozen=True, slots=True)
class OtherVerdict:
    """A requirement that is judged otherwise now; None where it was not judged."""

    requirement: str
    was: Outcome | None
    now: Outcome | None
    message: str = ""

    @property
    def said(self) -> str:
        """The change as people say it."""
        match self.was, self.now:
            case _, None:
                return "no longer shown"
            case _, "fail" | "warn":
                return f"{self.now}s now: {self.message}"
            case None, _:
                return "shown now"
        return "kept again"


@dataclass(frozen=True)
class Comparison:
    """What is not as it was recorded."""

    differences: tuple[Drifted, ...]
    verdicts: tuple[OtherVerdict, ...]

    @cached_property
    def shape(self) -> tuple[Drifted, ...]:
        """What programs may break by."""
        return tuple(one for one in self.differences if one.is_shape)

    @property
    def unknown(self) -> tuple[Drifted, ...]:
        """What is new and the contract does not know: it fails where the contract is closed."""
        return tuple(one for one in self.shape if one.is_unknown)

    @property
    def warned(self) -> bool:
        """Whether a requirement warns that did not."""
        return any(one.now == "warn" for one in self.verdicts)

    @property
    def asked(self) -> tuple[Drifted, ...]:
        """Where the scenario asks something else than was recorded."""
        return tuple(one for one in self.differences if one.kind == "asked otherwise")

    @property
    def named(self) -> list[str]:
        """What programs may break by, each thing once, as a word or two and its place."""
        return [_named(group[0]) for group in _grouped(self.shape)]

    @property
    def headline(self) -> str:
        """The comparison in a few words."""
        content = _content(self.differences)
        if self.shape:
            kinds = Counter(group[0].kind for group in _grouped(self.shape))
            told = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS if kinds[kind])
            return f"shape drift: {told}" + (f"; content: {content}" if content else "")
        return f"content only ({content})" if content else "unchanged"

    def lines(self, *, verbose: bool = False) -> Iterator[str]:
        """Give the diff, a line a time; of content only when asked for."""
        for one in self.asked[:1]:
            more = f", and at {len(self.asked) - 1} places more" if len(self.asked) > 1 else ""
            yield f"the scenario asks otherwise than was recorded: exchange {one.exchange} {one.place}{more}"
        shown = [*self.shape, *(one for one in self.differences if verbose and one.kind == "content")]
        for group in _grouped(shown):
            yield from _diff(group)
        for said in dict.fromkeys(verdict.said for verdict in self.verdicts):
            names = [verdict.requirement for verdict in self.verdicts if verdict.said == said]
            yield f"{'requirement' if len(names) == 1 else 'requirements':<14} {', '.join(names)} {said}"

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "headline": self.headline,
            "differences": [_row(one) for one in self.differences],
            "requirements": [
                {"id": one.requirement, "was": one.was, "now": one.now, "message": one.message}
                for one in self.verdicts
            ],
        }


def compare(old: Trace, new: Trace) -> Comparison:
    """Compare two recordings of one conversation, and judge the server in both."""
    was, now = (judge(trace, parties=("server",)) for trace in (old, new))
    return Comparison(tuple(differences(old, new)), tuple(_verdicts(was, now)))


def _verdicts(old: Report, new: Report) -> Iterator[OtherVerdict]:
    """Give the requirements that are judged otherwise, the worst first."""
    was, now = old.outcomes(), new.outcomes()
    messages: dict[str, str] = {}
    for verdict in new.findings:
        messages.setdefault(verdict.requirement, verdict.message)
    other = [name for name in sorted({*was, *now}) if was.get(name) != now.get(name)]
    for name in sorted(other, key=lambda name: OUTCOMES.index(now.get(name, "excluded"))):
        yield OtherVerdict(name, was.get(name), now.get(name), messages.get(name, ""))


def touched(one: Drifted) -> list[str]:
    """Give the ids of the requirements that govern or name the place of a difference."""
    kind = _AS_IN_A_CONTRACT.get(one.kind)
    if kind is None or not one.way:
        return []
    difference = Difference("", kind, "", one.way, "", one.name)
    return [requirement.id for requirement in touched_requirements(difference)]


def counted(count: int, noun: str) -> str:
    """Write a number of things."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _content(found: Sequence[Drifted]) -> str:
    counts: Counter[str] = Counter()
    for one in found:
        if one.kind == "content":
            counts[one.name] += one.count
    told = [counted(count, name) for name, count in counts.most_common() if name not in _PLURALS]
    return ", ".join([*told, *(text for name, text in _PLURALS.items() if name in counts)])


def _grouped(found: Sequence[Drifted]) -> list[list[Drifted]]:
    """Put together what is the same in several exchanges."""
    groups: dict[tuple[str, str, str], list[Drifted]] = {}
    for one in found:
        groups.setdefault((one.kind, one.place, one.name), []).append(one)
    return sorted(groups.values(), key=lambda group: KINDS.index(group[0].kind))


def _named(one: Drifted) -> str:
    named = one.kind in _NAMED and one.name != one.place
    return f"{one.kind:<14} {one.place}{f': {one.name}' if named else ''}"


def _diff(group: Sequence[Drifted]) -> Iterator[str]:
    first = group[0]
    times = sum(one.count for one in group)
    exchanges = sorted({one.exchange for one in group})
    where = f"exchange{'s' if len(exchanges) > 1 else ''} {', '.join(map(str, exchanges))}"
    told = [_named(first), f"{counted(times, 'time')} in {where}", first.contract]
    yield ", ".join(filter(None, told))
    yield from (f"    {mark} {text}" for mark, text in (("-", first.old), ("+", first.new)) if text)
    if names := touched(first):
        more = f", and {len(names) - _TOUCHED} more" if len(names) > _TOUCHED else ""
        yield f"    touches {', '.join(names[:_TOUCHED])}{more}"


def _row(one: Drifted) -> dict[str, Any]:
    return {
        "exchange": one.exchange,
        "call": one.call,
        "kind": one.kind,
        "shape": one.is_shape,
        "place": one.place,
        "name": one.name,
        "old": one.old,
        "new": one.new,
        "count": one.count,
        "contract": one.contract,
        "requirements": touched(one),
    }
