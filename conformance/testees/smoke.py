"""What is missing in a driver, in the order in which one writes it.

    for step in smoke(["python", "driver.py"]):
        step.name, step.outcome, step.problem

Each step needs those before it: the first that fails is the one to mend. The steps at the end are for what a
driver declares beyond calls and streams.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from conformance.errors import ConformanceError
from conformance.report.record import Line
from conformance.testees.case import read_cases
from conformance.testees.process import Delivered, Heard, Testee
from conformance.testees.protocol import Message
from conformance.testees.running import run_cases

__all__ = ["Step", "smoke"]

_READY = "it starts and says ready"
_STOP = "it ends when told to stop"
_STEPS = (
    ("a call is answered", "delivery/reference-text"),
    ("a stream is handed over", "delivery/reference-stream"),
    ("an error is told", "errors/bad-request"),
    ("an error in a stream is told", "errors/bad-request-while-streaming"),
    ("an interaction is got by its id", "requests/get"),
    ("a stored stream is got", "requests/stream-of-a-get"),
    ("an interaction is cancelled", "requests/cancel"),
    ("an interaction is deleted", "requests/delete"),
    ("a stream is left when asked to", "delivery/left-in-mid-stream"),
)
_CONVENIENCES = {
    "text": ("delivery/reference-text", "delivery/reference-stream"),
    "usage": ("delivery/reference-text", "delivery/reference-stream"),
    "calls": ("steps/call-and-no-text", "delivery/two-calls"),
}
_OPERATIONS = frozenset(f"interactions.{name}" for name in ("create", "get", "cancel", "delete"))
_CAPABILITIES = frozenset(
    "stream events text output_text calls usage cancel timeout retries resume repeat headers".split()
)
_LIMIT_MS = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """One step: "works", "left out" because the driver does not declare it, or "missing" with the problem."""

    name: str
    outcome: str
    problem: str = ""
    hint: str = ""


class _Watched(Testee):
    """A driver of which the last message of a call is kept."""

    last: Message

    def ask(self, call: Mapping[str, object], limit_s: float, *, heard: Heard | None = None) -> Delivered:
        delivered = super().ask(call, limit_s, heard=heard)
        self.last = delivered.last
        return delivered


def smoke(command: Sequence[str], ready_s: float = 10) -> Iterator[Step]:
    """Try a driver step by step, to the first that is missing."""
    name = _READY
    try:
        with _Watched(command, ready_s=ready_s, validate=True) as testee:
            for step in _steps(testee):
                yield step
                name = step.name
                if step.outcome == "missing":
                    return
    except ConformanceError as error:
        yield Step(name, "missing", str(error), error.hint)
        return
    if testee.crashes:
        yield Step(_STOP, "missing", testee.crashes[-1])
    else:
        yield Step(_STOP, "works")


def _steps(testee: _Watched) -> Iterator[Step]:
    yield _ready(testee)
    for name, case_id in _STEPS:
        yield _step(testee, name, case_id)
    for name, case_ids in _CONVENIENCES.items():
        if name in testee.words("capabilities"):
            yield _convenience(testee, name, case_ids)


def _ready(testee: Testee) -> Step:
    if testee.problems:
        return Step(_READY, "missing", testee.problems[0], _hint_of(testee.problems[0]))
    for name, known in (("operations", _OPERATIONS), ("capabilities", _CAPABILITIES)):
        if strange := sorted(testee.words(name) - known):
            hint = f"There are {', '.join(sorted(known))}."
            return Step(_READY, "missing", f"{name} that nobody asks for: {', '.join(strange)}", hint)
    return Step(_READY, "works")


def _step(testee: Testee, name: str, case_id: str) -> Step:
    lines = _played(testee, case_id)
    told = next(line for line in lines if line["type"] == "case")
    if testee.problems:
        return Step(name, "missing", testee.problems[0], _hint_of(testee.problems[0]))
    match told["outcome"]:
        case "not-applicable" if case_id == _STEPS[0][1]:
            return Step(name, "missing", told["problem"], "There is no client without interactions.create.")
        case "not-applicable":
            return Step(name, "left out", told["problem"])
        case "pass" | "warn":
            return Step(name, "works")
    again = f"gemini-conformance client --only {case_id} -- {shlex.join(testee.command)}"
    return Step(name, "missing", told["problem"] or _first(lines), again)


def _convenience(testee: _Watched, name: str, case_ids: Sequence[str]) -> Step:
    """Find what a driver declares in one of the answers that have it; a client may give it there alone."""
    for case_id in case_ids:
        testee.last = {}
        _played(testee, case_id)
        if testee.last.get(name):
            return Step(f"the {name} of an answer is told", "works")
    problem = f"{name} is declared, and no end of a call has it"
    return Step(
        f"the {name} of an answer is told", "missing", problem, f"Add it to end, or declare no {name}."
    )


def _played(testee: Testee, case_id: str) -> list[Line]:
    case = next(case for case in read_cases() if case.id == case_id)
    return list(run_cases(testee, [replace(case, timeout_ms=min(case.timeout_ms, _LIMIT_MS))]))


def _hint_of(problem: str) -> str:
    if "schema" in problem:
        return "The schema is schemas/harness/testee.json."
    return "stdout belongs to the protocol, a message a line: logs go to stderr."


def _first(lines: Sequence[Line]) -> str:
    return next((line["message"] for line in lines if line["type"] == "verdict"), "nothing could be judged")
