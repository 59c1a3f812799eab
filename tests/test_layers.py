"""The direction of imports, which `pyproject.toml` lays down and import-linter checks."""

from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports


def test_imports_run_downward_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No module imports one of a higher layer; server and judge do not know each other."""
    monkeypatch.chdir(Path(__file__).parent.parent)

    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == EXIT_STATUS_SUCCESS, (
        capsys.readouterr().out
    )
