"""Cuts of which nobody can tell whether the client saw them."""

import sys
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.server import plans


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
