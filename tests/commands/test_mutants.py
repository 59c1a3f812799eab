"""`mutants`: exit codes, what is printed, the matrix that is written."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from conformance.cli import main
from conformance.contract.places import folder
from conformance.mutants import running


def test_mutants_that_are_killed_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, one line a kind, the ratio, the controls."""
    assert main(["mutants", "--kind", "server", "--only", "id-changes"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "server     1 mutants: 1 killed",
        "killed 100.0% · controls 1 of 1 clean",
    ]


def test_a_survivor_is_shown_with_its_bytes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1: here the judge finds nothing any more."""
    monkeypatch.setattr(running, "_ADVERSE", ())
    assert main(["mutants", "--kind", "server", "--only", "total-does-not-add-up"]) == 1
    out = capsys.readouterr().out
    assert "survived server total-does-not-add-up: The total is one more than its parts.\n" in out
    assert "    IX-USAGE-003 is not found broken\n" in out
    assert '    -  "total_tokens": 51,\n    +  "total_tokens": 52,\n' in out
    assert out.endswith("killed 0.0% · controls 1 of 1 clean\n")


def test_nothing_chosen_is_too_little(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 5, and what to do."""
    assert main(["mutants", "--only", "no such word"]) == 5
    assert "no mutant holds no such word" in capsys.readouterr().err


def test_the_lines_and_the_matrix_are_as_their_schemas_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON on request, and two files: for programs and for people."""
    to = tmp_path / "matrix.json"
    arguments = ["mutants", "--only", "IX-STREAM-012", "--kind", "server", "--kind", "trace"]
    assert main([*arguments, "--format", "json", "--matrix", str(to)]) == 0
    told = json.loads(capsys.readouterr().out)
    harness = folder("schemas") / "harness"
    lines = Draft202012Validator(json.loads((harness / "record.json").read_bytes()))
    for line in told["lines"]:
        lines.validate(line)
    assert {line["type"] for line in told["lines"]} == {"header", "control", "mutant", "footer"}
    matrix = Draft202012Validator(json.loads((harness / "mutant_matrix.json").read_bytes()))
    matrix.validate(json.loads(to.read_text()))
    assert "| IX-STREAM-012 deltas-belong-to-open-steps | " in to.with_suffix(".md").read_text()


def test_a_matrix_that_cannot_be_written_is_a_wrong_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, in one sentence."""
    to = tmp_path / "missing" / "matrix.json"
    assert main(["mutants", "--kind", "server", "--only", "id-changes", "--matrix", str(to)]) == 2
    assert "cannot be written" in capsys.readouterr().err
