"""What is missing in a driver, in the order in which one writes it.

    for step in smoke(["python", "driver.py"]):
        step.name, step.outcome, step.problem

Each step needs those before it: the first that fails is the one to mend.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conformance.errors import ConformanceError
from conformance.report.record import Line
from conformance.testees.case import read_cases
from conformance.testees.process import Testee
from conformance.testees.running import run_cases

__all__ = ["Step", "smoke"]

_STEPS = (
    ("a call is answered", "delivery/reference-text"),
    ("a stream is handed over", "delivery/reference-stream"),
    ("an error is told", "errors/bad-request"),
    ("an error in a stream is told", "errors/bad-request-while-streaming"),
    ("an interaction is got by its id", "requests/get"),
    ("an interaction is deleted", "requests/delete"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: "works", "left out" because the driver does not declare it, or "missing" with the problem."""

    name: str
    outcome: str
    problem: str = ""
    hint: str = ""


def smoke(command: Sequence[str], ready_s: float = 10) -> Iterator[Step]:
    """Try a driver step by step, to the first that is missing."""
    name = "it starts and says ready"
    try:
        with Testee(command, ready_s=ready_s, validate=True) as testee:
            yield Step(name, "works")
            for name, case_id in _STEPS:
                step = _step(testee, name, case_id)
                yield step
                if step.outcome == "missing":
                    return
    except ConformanceError as error:
        yield Step(name, "missing", str(error), error.hint)
        return
    if testee.crashes:
        yield Step("it ends when told to stop", "missing", testee.crashes[-1])
    else:
        yield Step("it ends when told to stop", "works")


def _step(testee: Testee, name: str, case_id: str) -> Step:
    case = next(case for case in read_cases() if case.id == case_id)
    lines = list(run_cases(testee, [case]))
    told = next(line for line in lines if line["type"] == "case")
    if testee.problems:
        return Step(name, "missing", testee.problems[0], "stdout belongs to the protocol, a message a line.")
    match told["outcome"]:
        case "not-applicable" if case_id == _STEPS[0][1]:
            return Step(name, "missing", told["problem"], "There is no client without interactions.create.")
        case "not-applicable":
            return Step(name, "left out", told["problem"])
        case "pass" | "warn":
            return Step(name, "works")
    return Step(
        name, "missing", told["problem"] or _first(lines), f"gemini-conformance client --only {case_id}"
    )


def _first(lines: Sequence[Line]) -> str:
    return next((line["message"] for line in lines if line["type"] == "verdict"), "nothing could be judged")
