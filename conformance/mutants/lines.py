"""The lines that mutants and controls leave in a record; `schemas/harness/record.json` describes them.

A red line is one of a mutant that was not killed as it should be, or of a control that was not clean.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from conformance.report.record import Line

__all__ = ["Kind", "control_line", "is_red", "mutant_line"]

Kind: TypeAlias = Literal["server", "client", "trace"]

_GREEN = frozenset({"killed", "equivalent", "known", "clean"})


def is_red(line: Line) -> bool:
    """Tell whether a line fails a run."""
    return line["outcome"] not in _GREEN


def mutant_line(
    kind: Kind,
    subject: str,
    outcome: str,
    problem: str = "",
    *,
    title: str,
    area: str,
    breaks: Sequence[str],
    also: Sequence[str] = (),
    killed_by: Sequence[str] = (),
    profile: str = "open",
    plays: Sequence[str] = (),
    places: Sequence[Line] = (),
    difference: Sequence[str] = (),
    seconds: float = 0.0,
) -> Line:
    """Give the line of a mutant; what differs in its bytes is told where it is red or known."""
    shown = difference if outcome not in ("killed", "equivalent") else ()
    return {
        "type": "mutant",
        "subject": subject,
        "kind": kind,
        "title": title,
        "area": area,
        "profile": profile,
        "plays": list(plays),
        "outcome": outcome,
        "problem": problem,
        "breaks": list(breaks),
        "also": list(also),
        "killed_by": list(killed_by),
        "places": list(places),
        "difference": list(shown),
        "seconds": round(seconds, 4),
    }


def control_line(kind: Kind, subject: str, problem: str = "", *, seconds: float = 0.0) -> Line:
    """Give the line of what is right: clean where there is no problem."""
    return {
        "type": "control",
        "subject": subject,
        "kind": kind,
        "outcome": "dirty" if problem else "clean",
        "problem": problem,
        "seconds": round(seconds, 4),
    }
