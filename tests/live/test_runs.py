"""Whole runs against the live service on a bad day: nothing red, nothing green unseen, no budget exceeded."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.scenario.live.budget import Budget
from conformance.scenario.play import play
from conformance.scenario.target import HttpTarget
from tests.live import runs
from tests.live.awkward import awkward
from tests.live.clock import FakeClock
from tests.live.day import scenarios


@pytest.mark.parametrize("seed", [1, 2, 5, 7, 24])
def test_a_bad_day_is_no_fault(seed: int, tmp_path: Path) -> None:
    """Two hundred of them are `nox -s bad_days`; 24 meets a daily quota."""
    ran = runs.run_once(seed, tmp_path)
    assert ran.wrong == []
    assert ran.outcomes["pass"] > 0
    assert ran.code == (5 if ran.seed in (5, 24) else 0)


@pytest.mark.slow
def test_a_bad_day_in_real_time(tmp_path: Path) -> None:
    """The waiting is real."""
    assert runs.run_once(1, tmp_path, real=True).wrong == []


def test_what_would_be_wrong_is_seen(tmp_path: Path) -> None:
    """The books of the server tell when more was sent than agreed, or something was left behind."""
    with awkward(seed=1, clock=FakeClock(), limited=0, unavailable=0, dropped=0) as server:
        code, told = runs._called(server, FakeClock(), "requests=15", tmp_path / "r.ndjson")
        assert (code, "spent: " in told) in ((0, True), (5, True))
        assert list(runs._overspent(server, Budget(requests=5), 0)) == [f"{server.requests} requests of 5"]
        assert list(runs._left(server, [])) == []
        with HttpTarget(server.url, key="k") as target:
            play(next(one for one in scenarios() if one.id == "interactions/text"), target)
        assert "left behind and not told: ['v1_" in next(runs._left(server, []))


def line(kind: str, **rest: Any) -> dict[str, Any]:
    """A line of a record about the search scenario."""
    return {"type": kind, "subject": "interactions/search[live]", **rest}


def test_a_green_that_was_not_seen_is_seen() -> None:
    """A pass without the step in its bytes, or without a call."""
    passed = line("scenario", outcome="pass")
    body = json.dumps({"steps": [{"type": "model_output"}]})
    answer = line("exchange", call="ask", response={"body": body})
    assert any("has no google_search_call" in told for told in runs._unseen([passed, answer]))
    assert list(runs._unseen([passed])) == ["interactions/search[live] passed without the call ask"]
    fail = line("verdict", outcome="fail", requirement="IX-SEARCH-002", message="no")
    assert list(runs._red([fail], 1)) == [
        "fail IX-SEARCH-002 interactions/search[live]: no",
        "exit code 1",
    ]
