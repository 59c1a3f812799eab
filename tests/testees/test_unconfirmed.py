"""Cuts of which nobody can tell whether the client saw them."""

import asyncio
import sys
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.server import plans
from conformance.testees import case


def test_a_cut_that_cannot_be_confirmed_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The case is inconclusive and not passed: the parts may have been read as one."""

    async def never(*_: object) -> bool:
        return False

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plans, "confirmed", never)
    main(
        [
            "client",
            "--only",
            "framing/frame-by-frame",
            "--",
            sys.executable,
            "-m",
            "conformance.testees.control",
        ]
    )

    told = capsys.readouterr().out
    assert "could not be confirmed" in told
    assert "1 inconclusive" in told


@pytest.mark.slow
def test_a_time_out_while_the_answer_is_on_its_way_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client read all the time, and our server, or this machine, was too slow for so many pieces."""
    confirmed = plans.confirmed

    async def slowly(wire: plans.Wire) -> bool:
        await asyncio.sleep(0.1)
        return await confirmed(wire)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plans, "confirmed", slowly)
    monkeypatch.setattr(case, "TIMEOUT_MS", 1500)
    case.read_cases.cache_clear()
    command = [sys.executable, "-m", "conformance.testees.control"]
    main(["client", "--only", "framing/byte-by-byte-crlf", "--", *command])
    case.read_cases.cache_clear()

    told = capsys.readouterr().out
    assert "still on its way" in told
    assert "1 inconclusive" in told
