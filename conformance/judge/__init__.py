"""The judge: `judge(trace)` gives a report. One module an area of the contract holds its checks.

A check is a generator `trace -> verdicts`. It can fail, is deterministic, takes malformed input without
raising, and judges its own sentence and no neighbour's. A requirement names its checks; nothing registers
itself. Start at `stream`.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Judge(ModuleType):
    """The package as a function too: `from conformance import judge` loads nothing before it is called."""

    def __call__(self, trace: Any, **options: Any) -> Any:
        """Judge a trace, see `conformance.judge.judge.judge`."""
        return import_module("conformance.judge.judge").judge(trace, **options)


sys.modules[__name__].__class__ = _Judge
