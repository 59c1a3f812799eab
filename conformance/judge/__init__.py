"""The judge: `judge(trace)` gives a report. One module an area of the contract holds its checks.

A check is a generator `trace -> verdicts`. It can fail, is deterministic, takes malformed input without
raising, and judges its own sentence and no neighbour's. A requirement names its checks; nothing registers
itself. Start at `stream`.
"""
