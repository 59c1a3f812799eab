"""What is wrong in the bytes of a mutant: where, for the judge's verdicts, and how, for people.

    touched(answered)          # Touch(exchange=0, event=4, pointer="/delta/text"), ...
    shown(answered)            # a diff, a line a change

A touch lies at the place that a verdict would have: events are counted as they arrive.
"""

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.mutants.service import Answered
from conformance.server.answer import Answer
from conformance.wire.exchange import header
from conformance.wire.sse import decode, pieces
from conformance.wire.trace import UNREADABLE, Place, parse_json

__all__ = ["Touch", "shown", "touched"]

_LINES = 24
_WIDTH = 160


@dataclass(frozen=True, slots=True)
class Touch:
    """A place where a mutant's answer differs from the right one; `event` is None for a head or a body."""

    exchange: int
    event: int | None = None
    pointer: str = ""

    def holds(self, place: Place, pointer: str) -> bool:
        """Tell whether a verdict is about this place: there, in it, around it, or about the whole answer."""
        if place.exchange != self.exchange:
            return False
        if self.event is None:
            return _around(pointer, self.pointer)
        return place.event is None or (place.event == self.event and _around(pointer, self.pointer))


def _around(one: str, other: str) -> bool:
    """Tell whether one pointer leads through the other."""
    first, second = one.split("/"), other.split("/")
    shared = min(len(first), len(second))
    return first[:shared] == second[:shared]


def touched(answered: Sequence[Answered]) -> list[Touch]:
    """Give every place that is not as the right server would have it."""
    return [touch for number, one in enumerate(answered) for touch in _touches(number, one)]


def _touches(exchange: int, one: Answered) -> Iterator[Touch]:
    right, sent = one.right, one.sent
    if right.status != sent.status or _head(right) != _head(sent):
        yield Touch(exchange)
    if right.body == sent.body:
        return
    if _streams(right) and _streams(sent):
        yield from _events(exchange, right, sent)
        return
    before, after = parse_json(right.body), parse_json(sent.body)
    if UNREADABLE in (before, after):
        yield Touch(exchange)
    else:
        yield from (Touch(exchange, None, pointer) for pointer in _pointers(before, after) or [""])


def _head(answer: Answer) -> list[tuple[str, str]]:
    return sorted(pair for pair in answer.headers if pair[0].lower() != "content-length")


def _streams(answer: Answer) -> bool:
    return answer.chunked or "event-stream" in (header(answer.headers, "content-type") or "")


def _frames(answer: Answer) -> list[bytes]:
    return [frame.raw for frame in decode(pieces(answer.body)) if frame.data is not None]


def _events(exchange: int, right: Answer, sent: Answer) -> Iterator[Touch]:
    """Give the events that differ; where some are gone, those before and after the gap."""
    before, after = _frames(right), _frames(sent)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, left, left_end, start, end in matcher.get_opcodes():
        if kind == "equal":
            continue
        if kind == "replace" and left_end - left == end - start:
            for offset in range(end - start):
                old, new = _payload(before[left + offset]), _payload(after[start + offset])
                pointers = _pointers(old, new) or [""]
                yield from (Touch(exchange, start + offset, pointer) for pointer in pointers)
            continue
        last = len(after) - 1
        for event in {*range(start, end), max(start - 1, 0), min(end, max(last, 0))}:
            yield Touch(exchange, event)


def _payload(raw: bytes) -> Any:
    (frame,) = decode([raw])
    return parse_json(frame.data or "")


def _pointers(before: Any, after: Any, at: str = "") -> list[str]:
    """Give the JSON pointers at which two values differ, down to the smallest ones."""
    match before, after:
        case dict(), dict():
            names = [*before, *(name for name in after if name not in before)]
            return [
                pointer
                for name in names
                for pointer in (
                    _pointers(before[name], after[name], f"{at}/{_escaped(name)}")
                    if name in before and name in after
                    else [f"{at}/{_escaped(name)}"]
                )
            ]
        case list(), list():
            both = min(len(before), len(after))
            inside = [
                pointer
                for number in range(both)
                for pointer in _pointers(before[number], after[number], f"{at}/{number}")
            ]
            longer = [f"{at}/{number}" for number in range(both, max(len(before), len(after)))]
            return inside + longer
    same = type(before) is type(after) and before == after
    return [] if same else [at]


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def shown(answered: Sequence[Answered]) -> list[str]:
    """Show what differs, `-` for the right server and `+` for the mutant; the first lines of it."""
    lines: list[str] = []
    for number, one in enumerate(answered):
        diff = list(difflib.unified_diff(_lines(one.right), _lines(one.sent), n=0, lineterm=""))[2:]
        changed = [line for line in diff if not line.startswith("@@")]
        if changed:
            lines += [f"exchange {number} {one.request.method} {one.request.url}", *changed]
    short = [line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…" for line in lines]
    return short if len(short) <= _LINES else [*short[:_LINES], f"… and {len(short) - _LINES} lines more"]


def _lines(answer: Answer) -> list[str]:
    head = answer.head().decode("latin-1").splitlines()
    value = UNREADABLE if _streams(answer) else parse_json(answer.body)
    if value is UNREADABLE:
        return [*head, *answer.body.decode(errors="backslashreplace").split("\n")]
    return [*head, *json.dumps(value, indent=1, ensure_ascii=False).splitlines()]
