"""Who broke what, told as the exchanges pass.

    conversations = Conversations(parties=("server", "client"))
    for line in conversations.take(passed, exchange): ...
    for line in conversations.close(): ...

A conversation is what comes with one API key, in the order of arrival; the key itself is not kept. Each
exchange is judged as it ends, together with the seven before it, and then once more with the whole chapter in
which it stands: a hundred exchanges, or fewer where they are large, where there are many conversations, or
where the proxy ends. So each exchange is judged a limited number of times however long a proxy lives, and
what it holds in memory is limited too. What a chapter shows that was not told before is told then. What is
counted as kept, and drift, are those of the chapters.
"""

import bisect
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.judge.judge import judge
from conformance.judge.verdict import Report, Verdict
from conformance.proxy.passed import Passed, keys_of
from conformance.report.record import Line, exchange_lines, kept_whole, report_lines
from conformance.wire.exchange import Exchange
from conformance.wire.redaction import redact, redact_text
from conformance.wire.trace import Trace

if TYPE_CHECKING:
    from conformance.contract.validation import Branch

__all__ = ["Conversation", "Conversations", "secrets_of"]

_WINDOW = 8
_WINDOW_BYTES = 4 * 2**20
_CHAPTER = 100
_HELD_BYTES = 64 * 2**20
_HELD_CONVERSATIONS = 500
_SHORTEST_SECRET = 16
_QUOTING = ("message", "bytes", "pointer", "name")


def secrets_of(passed: Passed) -> list[str]:
    """Give the keys of a request that have to be taken out wherever they stand.

    A short one, as tests have them, would take half the words with it; it is taken out where keys stand.
    """
    return [key for key in keys_of(passed.request) if len(key) >= _SHORTEST_SECRET]


@dataclass(slots=True)
class _Held:
    """One exchange while it may be judged again."""

    number: int
    exchange: Exchange
    secrets: Sequence[str]

    @property
    def size(self) -> int:
        request, response = self.exchange.request, self.exchange.response
        return (len(request.body) if request else 0) + (len(response.body) if response else 0)


@dataclass(slots=True)
class Conversation:
    """The exchanges of one key.

    chapter: what has not been judged together yet. before: the end of the chapter before.
    unanswered: how many requests the upstream did not answer. trouble: why, of the first.
    """

    subject: str
    count: int = 0
    unanswered: int = 0
    trouble: str = ""
    chapter: list[_Held] = field(default_factory=list)
    before: list[_Held] = field(default_factory=list)
    told: set[tuple[object, ...]] = field(default_factory=set)
    shown: set[int] = field(default_factory=set)

    @property
    def size(self) -> int:
        """How many bytes wait to be judged together."""
        return sum(held.size for held in self.chapter)

    def insert(self, held: _Held) -> Sequence[_Held]:
        """Put an exchange where it belongs by arrival; give it with those before it, itself the last."""
        at = bisect.bisect(self.chapter, held.number, key=lambda other: other.number)
        self.chapter.insert(at, held)
        window = [*self.before, *self.chapter[: at + 1]][-_WINDOW:]
        return window if sum(one.size for one in window) <= _WINDOW_BYTES else [held]


class Conversations:
    """All conversations of a proxy.

    branches: which parts of the schemas they have shown.
    """

    def __init__(self, *, parties: Sequence[str] = ("server", "client"), closed: bool = False) -> None:
        self.branches: set[Branch] = set()
        self._parties = tuple(parties)
        self._closed = closed
        self._found: dict[str, Conversation] = {}
        self._open: dict[str, int] = {}

    def __iter__(self) -> Iterator[Conversation]:
        return iter(self._found.values())

    def of(self, passed: Passed) -> Conversation:
        """Give the conversation to which an exchange belongs."""
        keys = keys_of(passed.request)
        mark = hashlib.sha256(keys[0].encode()).hexdigest() if keys else ""
        if mark not in self._found:
            self._found[mark] = Conversation(f"conversation-{len(self._found) + 1}")
        self._open[mark] = self._open.pop(mark, 0)  # the latest is the last
        return self._found[mark]

    def take(self, passed: Passed, exchange: Exchange) -> list[Line]:
        """Judge an exchange; give what there is to tell, as lines of a record."""
        conversation = self.of(passed)
        conversation.count += 1
        if passed.trouble:
            conversation.unanswered += 1
            conversation.trouble = conversation.trouble or redact_text(passed.trouble, secrets_of(passed))
        held = _Held(passed.number, exchange, secrets_of(passed))
        window = conversation.insert(held)
        _, report = self._judged(window)
        lines = list(_news(conversation, window, report))
        mark = next(reversed(self._open))
        self._open[mark] += held.size
        if len(conversation.chapter) >= _CHAPTER:
            lines += self._end_chapter(mark)
        while sum(self._open.values()) > _HELD_BYTES or len(self._open) > _HELD_CONVERSATIONS:
            lines += self._end_chapter(next(iter(self._open)))
        return lines

    def close(self) -> Iterator[Line]:
        """Judge what has not been judged together yet."""
        for mark in list(self._open):
            yield from self._end_chapter(mark)

    def _end_chapter(self, mark: str) -> list[Line]:
        conversation = self._found[mark]
        del self._open[mark]
        chapter = conversation.chapter
        if not chapter:
            return []
        trace, report = self._judged(chapter)
        self.branches |= report.branches
        lines = [
            {
                "type": "passes",
                "subject": conversation.subject,
                "counts": dict(sorted(report.passes.items())),
            },
            *_news(conversation, chapter, report),
            *_drift(conversation, chapter, trace, report),
        ]
        conversation.before = [
            held for held in chapter[1 - _WINDOW :] if held.size < _WINDOW_BYTES // _WINDOW
        ]
        conversation.chapter = []
        first = conversation.before[0].number if conversation.before else chapter[-1].number
        conversation.shown = {number for number in conversation.shown if number >= first}
        conversation.told = {key for key in conversation.told if isinstance(key[0], int) and key[0] >= first}
        return lines

    def _judged(self, window: Sequence[_Held]) -> tuple[Trace, Report]:
        trace = Trace.of(held.exchange for held in window)
        report = judge(trace, closed=self._closed, parties=self._parties)
        if "server" in self._parties:
            report.findings.extend(_cuts(trace))
        return trace, report


def _cuts(trace: Trace) -> Iterator[Verdict]:
    """Find answers that ended before their end, which their bytes alone may not show."""
    for call in trace.calls:
        response = call.exchange.response
        if response is not None and response.cut and not call.exchange.excerpt:
            yield Verdict("fail", call.place, "", f"the answer is not whole: {response.cut}", "", "server")


def _news(conversation: Conversation, window: Sequence[_Held], report: Report) -> Iterator[Line]:
    """Give the findings that were not told before, each with its exchange."""
    new = []
    for verdict in report.findings:
        number = window[verdict.place.exchange].number
        key = (number, verdict.requirement, verdict.place.side, verdict.place.event, verdict.pointer)
        if key not in conversation.told:
            conversation.told.add(key)
            new.append(verdict)
    if not new:
        return
    plain = [redact(held.exchange, held.secrets) for held in window]
    wanted = {at for at in kept_whole(new) if window[at].number not in conversation.shown}
    for line in exchange_lines(conversation.subject, plain, whole=wanted):
        if line["exchange"] in wanted:
            conversation.shown.add(window[line["exchange"]].number)
            yield _numbered(line, window)
    found = Report(findings=new)
    for line in report_lines(conversation.subject, found, Trace.of(plain)):
        if line["type"] == "verdict":
            yield _numbered(line, window)


def _drift(
    conversation: Conversation, window: Sequence[_Held], trace: Trace, report: Report
) -> Iterator[Line]:
    found = Report(drift=report.drift)
    for line in report_lines(conversation.subject, found, trace):
        if line["type"] == "drift":
            yield _numbered(line, window)


def _numbered(line: Line, window: Sequence[_Held]) -> Line:
    """Tell the exchange by its number in the life of the proxy, and no key in what is quoted."""
    held = window[line["exchange"]]
    quoted = {
        name: redact_text(line[name], held.secrets) for name in _QUOTING if isinstance(line.get(name), str)
    }
    return {**line, **quoted, "exchange": held.number}
