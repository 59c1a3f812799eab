"""What becomes of one requirement when something of a right conversation is changed.

outcomes("IX-BG-005", "background", put("/4/response/body/status", "queued")) == ["fail"]
"""

from typing import Any

from conformance.judge.judge import judge
from tests.miniatures import patched, trace_of

__all__ = ["added", "outcomes", "put", "removed"]


def outcomes(requirement: str, name: str, *operations: dict[str, Any]) -> list[str]:
    """The outcomes of a requirement, findings first; none when it is not judged."""
    report = judge(trace_of(patched(name, operations)))
    found: list[str] = [verdict.outcome for verdict in report.findings if verdict.requirement == requirement]
    return found + ["pass"] * report.passes[requirement]


def put(path: str, value: Any) -> dict[str, Any]:
    """Another value at a place."""
    return {"op": "replace", "path": path, "value": value}


def added(path: str, value: Any) -> dict[str, Any]:
    """A value at a place that had none."""
    return {"op": "add", "path": path, "value": value}


def removed(path: str) -> dict[str, Any]:
    """Nothing at a place."""
    return {"op": "remove", "path": path}
