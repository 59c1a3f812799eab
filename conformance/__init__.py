"""Tells whether a client or an endpoint keeps the documented contract of the Gemini API.

    from conformance import judge, load

    for trace in load("recordings/"):
        report = judge(trace)
        print(report.outcome, report.findings)

`judge` and `load` with what they take and give are all that is public; the rest may change. Reading on:
`judge/stream.py` for what a check is, `contract/` for the contract, `cli.py` for the commands.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.judge.judge import judge
    from conformance.judge.verdict import Report, Verdict
    from conformance.wire.recording import load
    from conformance.wire.trace import Trace

__all__ = ["Report", "Trace", "Verdict", "judge", "load"]

_HOMES = {
    "Report": "conformance.judge.verdict",
    "Trace": "conformance.wire.trace",
    "Verdict": "conformance.judge.verdict",
    "load": "conformance.wire.recording",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used; `judge` is its package, which can be called."""
    if name == "judge":
        return import_module("conformance.judge")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
