"""Wrong clients as mutants: each runs the cases that claim to catch it.

    line = run_client("splits-lines-per-chunk")
    line = run_right_client()

A case catches a client when it finds the requirement broken that it judges.
"""

import sys
import time
from collections.abc import Sequence

from conformance.errors import ConformanceError
from conformance.mutants.lines import control_line, mutant_line
from conformance.report.record import Line
from conformance.testees.case import Case, read_cases
from conformance.testees.process import Testee
from conformance.testees.running import run_cases

__all__ = ["catching", "run_client", "run_right_client"]

_ADVERSE = ("fail", "warn")


def catching(name: str) -> tuple[Case, ...]:
    """Give the cases that claim to catch a wrong client; one that judges nothing catches nobody."""
    return tuple(case for case in read_cases() if name in case.catches and not case.silent)


def run_client(name: str) -> Line:
    """Try a wrong client on the cases that claim to catch it."""
    started = time.monotonic()
    cases = catching(name)
    lines, broken = _run(["conformance.testees.wrong", name], cases)
    outcome, problem = ("crashed", broken) if broken else _outcome(cases, lines)
    found = [line for line in lines if line["type"] == "verdict" and line["outcome"] in _ADVERSE]
    breaks = sorted({case.judges for case in cases})
    return mutant_line(
        "client",
        name,
        outcome,
        problem,
        title=f"{name.replace('-', ' ').capitalize()}.",
        area="client",
        breaks=breaks,
        plays=[case.id for case in cases],
        killed_by=sorted({line["requirement"] for line in found}),
        places=[_place(line) for line in _first_of_each(found, breaks)],
        seconds=time.monotonic() - started,
    )


def run_right_client(cases: Sequence[Case] | None = None) -> Line:
    """Try the control client on every case: it has to pass each."""
    started = time.monotonic()
    chosen = read_cases() if cases is None else cases
    lines, broken = _run(["conformance.testees.control"], chosen)
    red = [line for line in lines if line["type"] == "case" and line["outcome"] != "pass"]
    told = [f"{line['subject']} is {line['outcome']}" for line in red]
    problem = broken or "; ".join(told[:3])
    return control_line("client", "the control client", problem, seconds=time.monotonic() - started)


def _run(module: Sequence[str], cases: Sequence[Case]) -> tuple[list[Line], str]:
    """Run cases against one of our drivers; say what was wrong with the driver itself."""
    try:
        with Testee([sys.executable, "-m", *module]) as testee:
            lines = list(run_cases(testee, cases))
    except ConformanceError as error:
        return [], str(error)
    problems = lines[-1]["problems"] + lines[-1]["crashes"]
    return lines, "; ".join(problems[:3])


def _outcome(cases: Sequence[Case], lines: Sequence[Line]) -> tuple[str, str]:
    """Say whether each case caught its client, and for its own reason."""
    if not cases:
        return "inapplicable", "no case claims to catch it"
    outcomes = {line["subject"]: line["outcome"] for line in lines if line["type"] == "case"}
    found = {(line["subject"], line["requirement"]) for line in lines if line["type"] == "verdict"}
    missed = [case for case in cases if (case.id, case.judges) not in found]
    if not missed:
        return "killed", ""
    other = [case.id for case in missed if outcomes.get(case.id) in _ADVERSE]
    if other:
        return "killed-wrong-reason", f"{', '.join(other)} fails for another reason than it judges"
    return "survived", f"{', '.join(case.id for case in missed)} does not catch it"


def _first_of_each(found: Sequence[Line], names: Sequence[str]) -> list[Line]:
    by_name = {line["requirement"]: line for line in reversed(found)}
    return [by_name[name] for name in names if name in by_name]


def _place(line: Line) -> Line:
    kept = ("requirement", "outcome", "exchange", "event", "pointer", "message")
    return {"scenario": line["subject"], **{key: line[key] for key in kept}}
