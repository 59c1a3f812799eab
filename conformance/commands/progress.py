"""How far a run has come that somebody pays for: one line on a terminal, in a log a line a scenario."""

import sys
from collections.abc import Sequence
from typing import IO

from conformance.report.record import Line
from conformance.scenario.live.budget import Purse

__all__ = ["Progress"]

_WIDTH = 20
_LONGEST = 110


class Progress:
    """Tells what is done, what was spent and what is left, each time that a scenario has ended.

    total: how many scenarios are to be sent; set when they have been chosen.
    """

    def __init__(self, purse: Purse, out: IO[str] | None = None) -> None:
        self.total = 0
        self._purse = purse
        self._out = out or sys.stderr
        self._done = 0
        self._drawn = 0

    def see(self, lines: Sequence[Line]) -> None:
        """Take the lines of a scenario, if they are of one that was sent."""
        for line in lines:
            if line["type"] == "scenario" and line["outcome"] != "not-applicable":
                self._done += 1
                self._tell(line)

    def _tell(self, line: Line) -> None:
        done = min(1.0, self._done / self.total) if self.total else 0.0
        bar = "#" * round(done * _WIDTH)
        told = f"[{bar:<{_WIDTH}}] {self._done}/{self.total} · {spent(self._purse)}"
        told += f" · {line['outcome']} {line['subject'].rpartition('[')[0]}"
        if not self._out.isatty():
            print(told, file=self._out)
            return
        self.clear()
        shown = told[:_LONGEST]
        print(shown, end="", file=self._out, flush=True)
        self._drawn = len(shown)

    def clear(self) -> None:
        """Take the line away, for what is printed next."""
        if self._drawn:
            print("\r" + " " * self._drawn, end="\r", file=self._out, flush=True)
            self._drawn = 0

    def tell(self, sentence: str) -> None:
        """Print a sentence of its own."""
        self.clear()
        print(sentence, file=self._out)


def spent(purse: Purse) -> str:
    """Tell what was spent of what: `12/40 requests, 4,100/20,000 tokens, 31/300 s`."""
    most = purse.budget
    told = ((purse.requests, most.requests, " requests"), (purse.tokens, most.tokens, " tokens"))
    parts = [f"{have:,}{f'/{limit:,}' if limit is not None else ''}{unit}" for have, limit, unit in told]
    limit = f"/{most.seconds:,}" if most.seconds is not None else ""
    return ", ".join([*parts, f"{purse.seconds:.0f}{limit} s"])
