"""Checked requests a second: fuzzing with one process and with two, and schemathesis on the same server.

    python -m tests.fuzzing.bench [--seconds 10] [--repeats 3]

A worker has a server of its own in its own process, and every exchange is judged. schemathesis is no
dependency of ours: `nox -s bench` installs it; without it the comparison is left out, and said to be. It runs
to its end once, most of which is its list of cases, and for as long as we do, which is fuzzing. It has one
worker, the exported document, and a server in this process, which counts what comes between the first
request and the last; our command is run against that server too. A figure is the best of some repeats. One
that misses its aim is marked, and the exit code is 1.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from conformance.fuzzing.running import Order
from conformance.fuzzing.workers import fuzz_together, shared_out
from conformance.server import Answer, Service, serving
from conformance.wire.exchange import Request
from tests.rivals.tools import Tool, run_tool, tools
from tests.server.bench import told

TWICE = 1.6


class Counted:
    """The right server, and how often it was asked from the first request to the last."""

    def __init__(self) -> None:
        self._service = Service(7)
        self.ledger = self._service.ledger
        self.asked = 0
        self._first = self._last = 0.0

    def answer(self, request: Request) -> Answer:
        """Answer as it does."""
        self._last = time.perf_counter()
        self._first = self._first or self._last
        self.asked += 1
        return self._service.answer(request)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.asked / max(self._last - self._first, 0.001)


def judged_a_second(seconds: float, workers: int) -> float:
    """Fuzz the reference server; give the exchanges that were judged in a second.

    Raises:
        RuntimeError: it found something, or a worker died: then it is no measure.
    """
    judged = 0
    for line in fuzz_together(shared_out(Order(seconds=seconds), workers)):
        if line["type"] == "finding" or line.get("why"):
            raise RuntimeError(f"the run cannot be measured: {line.get('key') or line['why']}")
        judged += line.get("exchanges", 0)
    return judged / seconds


def sent_a_second(tool: Tool) -> tuple[float, int]:
    """Run a tool against the counted server; give its requests a second, and how many there were.

    Raises:
        RuntimeError: it did not come to its end.
    """
    counted = Counted()
    with tempfile.TemporaryDirectory() as work, serving(answering=counted) as server:
        run = run_tool(tool, server.url, Path(work) / "run", right=True)
    if run.problem:
        raise RuntimeError(f"{tool.name}: {run.problem}")
    return counted.rate, counted.asked


def _best(measure: Callable[[], float], repeats: int) -> float:
    return max(measure() for _ in range(repeats))


def main() -> int:
    """Measure and print; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    one = _best(lambda: judged_a_second(options.seconds, 1), options.repeats)
    two = _best(lambda: judged_a_second(options.seconds, 2), options.repeats)
    available = {**tools(options.seconds), "schemathesis": tools(_WHOLE_S)["schemathesis"]}
    theirs = 0.0
    if (Path(sys.executable).parent / "schemathesis").exists():
        runs = {
            name: [
                sent_a_second(available[name])
                for _ in range(1 if name == "schemathesis" else options.repeats)
            ]
            for name in _BESIDE
        }
        theirs = max(rate for name in runs if name != "fuzz" for rate, _ in runs[name])
        for name, of in runs.items():
            rate, asked = max(of)
            what = f"{name}: requests that came, server apart"
            print(f"{what:52} {rate:9.2f} /s       {asked} in all", flush=True)  # noqa: T201
    else:
        print("schemathesis is not installed here: left out", flush=True)  # noqa: T201
    met = [
        told("checked requests, one process with its server", one, "/s", theirs, least=True),
        told("checked requests, two processes", two, "/s", theirs, least=True),
        told("two processes, times one", two / one, "", TWICE, least=True),
    ]
    return 0 if all(met) else 1


_BESIDE = ("schemathesis", "schemathesis-for", "fuzz")
"""schemathesis to its end, whatever it takes, and for as long as ours; the faster of the two counts."""
_WHOLE_S = 180.0

if __name__ == "__main__":
    sys.exit(main())
