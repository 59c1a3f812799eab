"""Tells whether a client or an endpoint keeps the documented contract of the Gemini API.

    from conformance import judge, load

    for trace in load("recordings/"):
        report = judge(trace)
        print(report.outcome, report.findings)

`judge` and `load` with what they take and give are all that is public; the rest may change. Reading on:
`judge/stream.py` for what a check is, `contract/` for the contract, `cli.py` for the commands.
"""

from conformance.judge.judge import judge
from conformance.judge.verdict import Report, Verdict
from conformance.wire.recording import load
from conformance.wire.trace import Trace

__all__ = ["Report", "Trace", "Verdict", "judge", "load"]
