"""Whole runs against the awkward server, as a user starts them, each held against the server's own books.

    python -m tests.live.runs --runs 200 --real 5

Nothing may be red, nothing green that was not seen, no budget exceeded, nothing left behind unsaid. Time is
that of an injected clock, but for the last few runs.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from conformance.commands import run as command
from conformance.scenario.live.budget import LIVE, Budget
from conformance.scenario.scenario import Scenario
from tests.live.awkward import Awkward, awkward
from tests.live.clock import Clock, FakeClock, RealClock
from tests.live.day import scenarios

__all__ = ["Ran", "run_once"]

_BUDGETS = (
    "",
    "",
    "requests=40,tokens=20000,seconds=300",
    "requests=100,tokens=100000,seconds=600",
    "requests=15",
    "tokens=30000",
    "seconds=90",
)
_KEY = "AIzaSyD-a-key-of-the-awkward-server-0001"


@dataclass(slots=True)
class Ran:
    """One run and what is wrong with it."""

    seed: int
    budget: str
    code: int
    told: str
    outcomes: Counter[str]
    requests: int
    wrong: list[str] = field(default_factory=list)


def run_once(seed: int, folder: Path, *, real: bool = False) -> Ran:
    """Run everything once; what is drawn for a seed is the budget and how bad the day is."""
    draw = random.Random(seed)
    budget = draw.choice(_BUDGETS)
    how: dict[str, float] = {"quota": draw.choice([float("inf")] * 9 + [draw.randint(5, 60)])}
    clock: Clock = RealClock() if real else FakeClock()
    if real:
        budget, how["longest_wait"] = "requests=40,tokens=40000,seconds=60", 1
    record = folder / f"{seed}.ndjson"
    with awkward(seed=seed, clock=clock, **how) as server:
        started = clock.now()
        code, told = _called(server, clock, budget, record)
        ran = Ran(seed, budget, code, told, Counter(), server.requests)
        limits = Budget.read(budget) if budget else LIVE
        ran.wrong += _overspent(server, limits, clock.now() - started)
        lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
        ran.outcomes = Counter(line["outcome"] for line in lines if line["type"] == "scenario")
        ran.wrong += _red(lines, code)
        ran.wrong += _unseen(lines)
        ran.wrong += _left(server, lines)
        if _KEY in record.read_text(encoding="utf-8") + told:
            ran.wrong.append("the key is shown")
    return ran


def _called(server: Awkward, clock: Clock, budget: str, record: Path) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    options = ["--target", "live", "--record", str(record), *(("--budget", budget) if budget else ())]
    chosen = parser.parse_args(options)
    chosen.rest = []
    out, said = StringIO(), StringIO()
    surroundings = {"GOOGLE_GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": _KEY}
    with patch.dict(os.environ, surroundings), redirect_stdout(out), redirect_stderr(said):
        code = command.run(chosen, clock)
    return code, said.getvalue() + out.getvalue()


def _overspent(server: Awkward, most: Budget, seconds: float) -> Iterator[str]:
    spent = (("requests", server.requests), ("tokens", server.tokens_told), ("seconds", seconds))
    for name, amount in spent:
        limit = getattr(most, name)
        if limit is not None and amount > limit:
            yield f"{amount} {name} of {limit}"


def _red(lines: list[dict[str, Any]], code: int) -> Iterator[str]:
    for line in lines:
        if line["type"] == "verdict" and line["outcome"] != "inconclusive":
            yield f"{line['outcome']} {line['requirement']} {line['subject']}: {line['message']}"
        if line["type"] in ("fault", "known") or (line["type"] == "scenario" and line["outcome"] == "error"):
            yield f"{line}"
    if code not in (0, 5):
        yield f"exit code {code}"


def _unseen(lines: list[dict[str, Any]]) -> Iterator[str]:
    """What passed although the bytes of its answers do not hold the steps that it is about."""
    bodies: dict[tuple[str, str], str] = {}
    for line in lines:
        if line["type"] == "exchange" and line["response"]:
            bodies[line["subject"], line["call"]] = line["response"]["body"].replace(" ", "")
    for line in lines:
        if line["type"] != "scenario" or line["outcome"] not in ("pass", "warn"):
            continue
        for call in _scenario(line["subject"]).calls:
            body = bodies.get((line["subject"], call.name))
            if body is None:
                yield f"{line['subject']} passed without the call {call.name}"
                continue
            for step in call.expect.includes:
                if f'"type":"{step["type"]}"' not in body:
                    yield f"{line['subject']} passed, and {call.name} has no {step['type']}"


def _scenario(subject: str) -> Scenario:
    return next(one for one in scenarios() if one.id == subject.rpartition("[")[0])


def _left(server: Awkward, lines: list[dict[str, Any]]) -> Iterator[str]:
    told = {name for line in lines if line["type"] == "spent" for name in line["left"]}
    behind = set(server.stored) - set(server.untold) - told
    if behind:
        yield f"left behind and not told: {sorted(behind)}"


def main() -> int:
    """Run so many times; tell what was wrong, and how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--real", type=int, default=5, help="how many of them take real time")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    begun, outcomes, codes, wrong, requests = time.monotonic(), Counter[str](), Counter[int](), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.runs):
            real = number >= options.runs - options.real
            ran = run_once(options.seed + number, Path(folder), real=real)
            outcomes += ran.outcomes
            codes[ran.code] += 1
            requests += ran.requests
            for problem in ran.wrong:
                wrong += 1
                print(f"seed {ran.seed} ({ran.budget or 'default'}): {problem}")
            if ran.code == 3:
                print(ran.told)
    seconds = time.monotonic() - begun
    told = ", ".join(f"{count} {name}" for name, count in outcomes.most_common())
    print(f"{options.runs} runs, {requests} requests, {seconds:.0f} s: {told}; exit codes {dict(codes)}")
    print(f"{wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
