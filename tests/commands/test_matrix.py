"""`matrix`: several clients on the same cases, side by side."""

import json
import shlex
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from conformance.cli import main
from conformance.contract.places import folder

CONTROL = "control"
LOSES = f"loses={shlex.join([sys.executable, '-m', 'conformance.testees.wrong', 'loses-arguments'])}"
CASES = ["--only", "arguments/seed-and-temperature", "--only", "requests/text"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_fault_stands_in_the_column_of_its_client(capsys: pytest.CaptureFixture[str]) -> None:
    """With its message, and the line of the record where its trace begins; the document keeps its schema."""
    assert main(["matrix", "--testee", CONTROL, "--testee", LOSES, "--to", "out", *CASES]) == 1
    matrix = json.loads(Path("out/matrix.json").read_text())
    schema = json.loads((folder("schemas") / "harness" / "matrix.json").read_bytes())
    Draft202012Validator(schema).validate(matrix)
    row = next(row for row in matrix["rows"] if row["subject"] == "arguments/seed-and-temperature")
    assert row["cells"]["control"]["outcome"] == "pass"
    assert row["cells"]["loses"]["outcome"] == "fail"
    assert (
        "was given to the call and is not in the request" in row["cells"]["loses"]["findings"][0]["message"]
    )
    name, _, number = row["cells"]["loses"]["trace"].partition("#L")
    line = json.loads(Path("out", name).read_text().splitlines()[int(number) - 1])
    assert (line["type"], line["subject"]) == ("case", "arguments/seed-and-temperature")
    page = Path("out/matrix.md").read_text()
    assert capsys.readouterr().out == page
    assert f"[**fail**]({row['cells']['loses']['trace']} " in page
    assert "`requests/text`" not in page


def test_a_client_that_does_not_start_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """The others are tried all the same; exit code 4."""
    assert main(["matrix", "--testee", "none=./no-such", "--testee", CONTROL, *CASES, "--to", "out"]) == 4
    assert "none: left out: ./no-such cannot be started" in capsys.readouterr().err
    assert [one["name"] for one in json.loads(Path("out/matrix.json").read_text())["testees"]] == ["control"]


def test_clients_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The bundled ones are listed."""
    assert main(["matrix"]) == 2
    assert "Bundled are google-genai" in capsys.readouterr().err


def test_names_that_make_the_same_file_name_get_two_files() -> None:
    """@google/genai comes after google-genai, and its record does not take the place of the other."""
    same = f"@con/trol={shlex.join([sys.executable, '-m', 'conformance.testees.control'])}"
    other = same.replace("@con/trol", "con-trol")
    assert main(["matrix", "--testee", other, "--testee", same, "--to", "out", *CASES]) == 0
    told = json.loads(Path("out/matrix.json").read_text())["testees"]
    assert [one["record"] for one in told] == ["con-trol.ndjson", "con-trol-2.ndjson"]
