"""What random cuts cost: calls a second, and the seconds until a planted fault is found and made small.

    python -m tests.testees.bench [--calls 600] [--repeats 3]

The clients are ours: the control client, and one that decodes each chunk by itself. Server, harness and
driver share the machine, as they do for whoever runs this; a figure is the best of some repeats. The start
of the faulty client that shows that cuts arrive is not in the figures of calls, and is in that of the
fault. A figure that misses its aim is marked, and the exit code is 1.
"""

import argparse
import sys
import time

from conformance.server import serving
from conformance.testees.case import Case, read_cases
from conformance.testees.cutting import CutReport, Cutter, fuzz_cuts
from conformance.testees.process import Testee
from conformance.testees.stage import Stage
from tests.server.bench import told

CONTROL = [sys.executable, "-m", "conformance.testees.control"]
PLANTED = [sys.executable, "-m", "conformance.testees.wrong", "decodes-per-chunk"]


def calls_a_second(cases: list[Case], calls: int, repeats: int) -> dict[str, float]:
    """Cut the answer of each case in so many calls; give how many the control client makes a second."""
    best: dict[str, float] = {}
    stage = Stage(7)
    with (
        Testee(CONTROL) as testee,
        serving(answering=stage) as server,
        Cutter(testee, stage, server.url) as cutter,
    ):
        cutter.play(cases[0], 1)
        for case in cases * repeats:
            report = cutter.play(case, calls)
            clean = not (report.survivor or report.uncut or report.finding or report.unconfirmed)
            assert clean, report
            best[case.id] = max(best.get(case.id, 0.0), report.calls / report.seconds)
    return best


def seconds_to_a_finding(case: Case) -> tuple[float, CutReport]:
    """Start everything, and look for the planted fault until it is one cut."""
    start = time.perf_counter()
    with Testee(PLANTED) as testee:
        (report,) = fuzz_cuts(testee, [case], calls=2000)
        return time.perf_counter() - start, report


def main() -> int:
    """Measure and print; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cases = [case for case in read_cases() if case.cuts]
    found = calls_a_second(cases, options.calls, options.repeats)
    met = [
        told(f"calls with random cuts, {name}", best, "1/s", 200, least=True) for name, best in found.items()
    ]
    unicode_case = next(case for case in cases if case.id == "cuts/unicode")
    seconds, report = min(
        (seconds_to_a_finding(unicode_case) for _ in range(options.repeats)), key=lambda one: one[0]
    )
    met.append(told("a planted fault is found and made small", seconds, "s", 2))
    left = len(report.finding.cuts) if report.finding else 0
    met.append(left == 1 and told("so many cuts it takes", left, "", 1))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
