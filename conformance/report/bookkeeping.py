"""What became of a list of known failures in a run.

    book = Bookkeeping(known, date.today(), version="3.4.0", partial=False)
    for line in lines:
        book.take(line)
    book.problems(), book.rewritten()

An entry must be needed: each of its patterns selects a case that fails for the reason which it tells. Where
none does, because all pass, fail for another reason, or have other names, that is red; so is an entry that
has expired, has no url, says what another one says, or selects more than twenty cases without a reason. What
was not run proves nothing, and an entry for other versions of the testee is left alone. One part of a run
that is shared proves nothing either: the list travels in its record, and is judged when the parts are merged.

Pure: today is the caller's. Lines may come in any order, and from any number of processes.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Literal, Self, TypeAlias

from conformance.judge.verdict import Outcome, worst
from conformance.report.known import (
    SUMMARIES,
    Entry,
    Known,
    finding_of,
    read_entry,
    selects,
    write_entry,
)
from conformance.report.record import Line

__all__ = ["MOST_CASES", "Bookkeeping"]

MOST_CASES = 20
"""How many cases an entry may select without saying why."""

_UNPLAYED = ("error", "not-applicable", "not-observed", "excluded")
_RED = ("fail", "untestable")
_ADDRESS = re.compile(r"\[https?://[^][]*\]$")
State: TypeAlias = Literal["needed", "other", "unclear", "stale", "not run", "unmatched"]


@dataclass(slots=True)
class _Subject:
    """What a run tells of one subject: whether it was played, what was found, what stayed open."""

    played: bool = False
    found: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)


class Bookkeeping:
    """What became of the entries, told by the lines of all subjects.

    today: by which entries expire and new ones are dated. version: that of the testee.
    partial: not all cases were selected, so that none can be missed.
    shared: cases that were selected are played elsewhere, so that no entry can be seen to be needed no more.
    """

    def __init__(
        self,
        known: Known,
        today: date,
        *,
        version: str = "",
        partial: bool = False,
        shared: bool = False,
    ) -> None:
        self.known = known
        self.version = version
        self._today = today
        self._partial = partial
        self._shared = shared
        self._subjects: dict[str, _Subject] = defaultdict(_Subject)

    @classmethod
    def of_line(cls, line: Line, today: date, *, shared: bool = False) -> Self:
        """Begin with the list that stands in a record."""
        entries = tuple(map(read_entry, line["entries"]))
        known = Known(line["file"], entries=entries)
        return cls(known, today, version=line["version"], partial=line["partial"], shared=shared)

    def line(self) -> Line:
        """Give the list for the record, so that whoever merges records can judge it."""
        return {
            "type": "list",
            "file": self.known.file,
            "version": self.version,
            "partial": self._partial,
            "entries": [{**write_entry(entry), "place": entry.place} for entry in self.known.entries],
        }

    def take(self, line: Line) -> None:
        """Take one line into account, before or after `Known.applied`."""
        if line["type"] in SUMMARIES:
            given_up = line["outcome"] in _UNPLAYED or line["problem"] or line.get("exit_code")
            self._subjects[line["subject"]].played = not given_up
        elif (finding := finding_of(line)) is not None:
            found = self._subjects[line["subject"]].found
            found[finding] = worst((line["outcome"], found.get(finding, "excluded")))
        elif line["type"] == "verdict":
            self._subjects[line["subject"]].open.add(line["requirement"])

    def problems(self) -> list[Line]:
        """What is wrong with the list: red lines, each of one entry."""
        return [line for entry in self._fitting for line in self._problems_of(entry)]

    def rewritten(self, *, strict: bool = False) -> Known:
        """The list that this run needs: what is left of the old one, and new entries for what is red.

        What was not run, and what is for other versions, stays. With `strict` what warns is red too.
        """
        entries = [left for entry in self.known.entries if (left := self._left_of(entry)).cases]
        for key, cases in sorted(self._unknown((*_RED, "warn") if strict else _RED).items()):
            same = [at for at, one in enumerate(entries) if one.key == key and one.holds_for(self.version)]
            if same:
                entries[same[0]] = replace(entries[same[0]], cases=(*entries[same[0]].cases, *cases))
            else:
                entries.append(Entry(key[0], cases, key[1], since=self._today))
        return replace(self.known, entries=tuple(entries))

    @cached_property
    def _fitting(self) -> list[Entry]:
        return [entry for entry in self.known.entries if entry.holds_for(self.version)]

    def _problems_of(self, entry: Entry) -> Iterator[Line]:
        if not entry.url:
            yield _problem(entry, "has no url that tells where it is tracked", "Fill in its url.")
        if entry.expires is not None and entry.expires < self._today:
            advice = "Look whether it still has to fail; then set another date, or delete the entry."
            yield _problem(entry, f"was to be known until {entry.expires}", advice)
        selected = sum(map(entry.selects, self._subjects))
        if selected > MOST_CASES and not entry.broad:
            advice = (
                f"Name its cases more narrowly, or tell in `broad` why it is about more than {MOST_CASES}."
            )
            yield _problem(entry, f"is known in {selected} cases", advice)
        for subject, seen in self._subjects.items():
            first = self._first(entry.key, subject)
            listed = entry.key in seen.found and entry.selects(subject)
            if listed and first is not None and first is not entry:
                yield _problem(entry, f"in {subject} is known by {first.place} too", "Delete one of the two.")
                break
        for pattern in entry.cases:
            yield from self._problem_of(entry, pattern)

    def _problem_of(self, entry: Entry, pattern: str) -> Iterator[Line]:
        delete = "Delete it from the list, or have it written again with --write-known."
        match self._state(entry, pattern):
            case "stale":
                yield _problem(entry, f"in {pattern} is known, and fails no more", delete)
            case "unmatched":
                yield _problem(entry, f"is known in {pattern}, which is the name of no case", delete)
            case "other":
                found = min(self._other_reasons(entry, pattern))
                problem = f"in {pattern} fails for another reason: {found!r} instead of {entry.reason!r}"
                yield _problem(
                    entry, problem, "If it is the same failure, change the reason; else delete it."
                )

    def _state(self, entry: Entry, pattern: str) -> State:
        """What became of one pattern; it is needed as long as one of its cases fails as it says."""
        selected = [seen for subject, seen in self._subjects.items() if selects(pattern, subject)]
        if any(entry.key in seen.found for seen in selected):
            return "needed"
        if self._shared:
            return "not run"
        if any(self._other_reasons(entry, pattern)):
            return "other"
        if any(entry.requirement in seen.open for seen in selected):
            return "unclear"
        if any(seen.played for seen in selected):
            return "stale"
        return "not run" if selected or self._partial else "unmatched"

    def _other_reasons(self, entry: Entry, pattern: str) -> Iterator[str]:
        """For what else the requirement fails in the cases of a pattern, where no entry says so."""
        for subject, seen in self._subjects.items():
            for name, reason in seen.found:
                same = name == entry.requirement and selects(pattern, subject)
                if same and self._first((name, reason), subject) is None:
                    yield reason

    def _first(self, finding: tuple[str, str], subject: str) -> Entry | None:
        """The entry by which a finding is known."""
        found = (entry for entry in self._fitting if entry.key == finding and entry.selects(subject))
        return next(found, None)

    def _left_of(self, entry: Entry) -> Entry:
        """An entry without the patterns that nothing needs, or of which an earlier one says the same."""
        if not entry.holds_for(self.version):
            return entry
        left = []
        for pattern in entry.cases:
            needed = [
                subject
                for subject, seen in self._subjects.items()
                if entry.key in seen.found and selects(pattern, subject)
            ]
            earlier = all(self._first(entry.key, subject) is not entry for subject in needed)
            if self._state(entry, pattern) in ("needed", "unclear", "not run") and not (needed and earlier):
                left.append(pattern)
        return replace(entry, cases=tuple(left))

    def _unknown(self, red: tuple[str, ...]) -> dict[tuple[str, str], tuple[str, ...]]:
        """What is red and in no entry, with the names of its cases; the port of a server is not kept."""
        unknown: dict[tuple[str, str], tuple[str, ...]] = defaultdict(tuple)
        for subject, seen in self._subjects.items():
            for finding, outcome in seen.found.items():
                if outcome in red and self._first(finding, subject) is None:
                    unknown[finding] = (*unknown[finding], _ADDRESS.sub("", subject))
        return unknown


def _problem(entry: Entry, told: str, hint: str) -> Line:
    return {
        "type": "known",
        "entry": entry.place,
        "requirement": entry.requirement,
        "outcome": "fail",
        "message": f"{entry.requirement or 'an expectation'} {told}",
        "hint": hint,
    }
