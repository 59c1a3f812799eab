"""Whether two recordings of one scenario asked the same: an answer to another question tells nothing.

    for place, was, now in asked_otherwise(old, old.calls[1], new, new.calls[1]):
        ...

What a request repeats of an earlier answer, such as an id or a signature, is not what it asks.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from conformance.wire.trace import ABSENT, UNREADABLE, Call, Trace

__all__ = ["address", "asked_otherwise"]

_DEEPEST = 100  # what is nested deeper means nothing to anybody
_SCALARS = (str, int, float)  # what is unreadable is none


def address(call: Call) -> str:
    """Give method and path of a request; nothing when it is not known."""
    request = call.exchange.request
    return "" if request is None else f"{request.method} {urlsplit(request.url).path}"


def asked_otherwise(old: Trace, before: Call, new: Trace, after: Call) -> Iterator[tuple[str, str, str]]:
    """Give each place at which two requests ask something else, with a value of either."""
    if (one := _head(before)) != (other := _head(after)):
        yield "request", one, other
    was, now = _values(before.asked), _values(after.asked)
    for pointer in dict.fromkeys([*was, *now]):
        left, right = was.get(pointer, Counter()), now.get(pointer, Counter())
        gone = [value for value in left - right if value not in _answered(old, before)]
        come = [value for value in right - left if value not in _answered(new, after)]
        if gone or come:
            yield f"request {pointer}", next(iter(gone), ""), next(iter(come), "")


def _head(call: Call) -> str:
    """Give method and path of a request; of one interaction the operation, whichever it is."""
    if call.id is None:
        return address(call)
    return " ".join(filter(None, (call.version, call.operation, *sorted(call.query))))


def _values(asked: Any) -> dict[str, Counter[str]]:
    """Give the values of a body, as JSON, by generalised pointer."""
    found: dict[str, Counter[str]] = {}
    for pointer, value in _leaves("", {} if asked in (ABSENT, UNREADABLE) else asked):
        found.setdefault(pointer, Counter())[json.dumps(value)] += 1
    return found


def _answered(trace: Trace, call: Call) -> set[str]:
    """Give the values that a client had been answered before a call, as JSON."""
    told: list[Any] = []
    for earlier in trace.earlier(call):
        told += [earlier.interaction, None if earlier.answered in (ABSENT, UNREADABLE) else earlier.answered]
        told += [event.json for event in earlier.stream.payloads] if earlier.stream is not None else []
    return {json.dumps(value) for _, value in _leaves("", told) if isinstance(value, _SCALARS)}


def _leaves(at: str, value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case dict() | list() if at.count("/") > _DEEPEST:
            return
        case dict():
            for name, item in value.items():
                yield from _leaves(f"{at}/{name}", item)
        case list():
            for item in value:
                yield from _leaves(f"{at}/*", item)
        case _:
            yield at, value
