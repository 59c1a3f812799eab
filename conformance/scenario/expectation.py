"""What only a scenario can expect: that this question gets that kind of answer.

The requirements judge everything else. A miss is a failure against our own server and its cassettes; against
any other endpoint it is inconclusive, since what a model answers is not part of the contract.
"""

import re
from collections.abc import Iterator
from typing import Any

from conformance.scenario.scenario import Expectation
from conformance.wire.trace import Call

__all__ = ["matches", "misses_of"]


def misses_of(expect: Expectation, call: Call) -> Iterator[tuple[str, str]]:
    """Give each expectation that an answer does not meet: its name, and a sentence."""
    if call.status != expect.http:
        yield "http", f"HTTP {call.status}{_error_shown(call)}; expected HTTP {expect.http}"
        return
    status = (call.interaction or {}).get("status")
    if expect.status is not None and status != expect.status:
        yield "status", f"the status is {status!r}; expected {expect.status!r}"
    if expect.error is not None and _code(call) != expect.error:
        yield "error", f"the error code is {_code(call)!r}; expected {expect.error!r}"
    if expect.says is not None and not re.search(expect.says, call.text):
        yield "says", f"the text {_short(call.text)} does not match {expect.says!r}"
    at = 0
    for wanted in expect.includes:
        found = next((n for n in range(at, len(call.steps)) if matches(wanted, call.steps[n])), None)
        if found is None:
            kinds = ", ".join(str(step.get("type")) for step in call.steps) or "none"
            yield "includes", f"no step matches {wanted} (steps: {kinds})"
        else:
            at = found + 1
    for kind in expect.lacks:
        if any(step.get("type") == kind for step in call.steps):
            yield "lacks", f"a {kind} step is there; expected none"


def _code(call: Call) -> Any:
    """The code of the error that a body tells, or the last error of a stream."""
    told = call.stream.errors[-1].json if call.stream is not None and call.stream.errors else call.answered
    match told:
        case {"error": {"code": code}}:
            return code
    return None


def _error_shown(call: Call) -> str:
    match call.answered:
        case {"error": {"message": str(message)}}:
            return f" ({_short(message)})"
    return ""


def _short(text: str) -> str:
    return ascii(text if len(text) <= 70 else f"{text[:67]}…")


def matches(wanted: Any, found: Any) -> bool:
    """Tell whether everything wanted is found: members of objects, items of lists from the first on."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and matches(item, found[key]) for key, item in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(wanted) <= len(found) and all(map(matches, wanted, found))
    return bool(wanted == found)
