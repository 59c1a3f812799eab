"""`--known` and `--write-known`: from a red run to a list, and from the list to a run that conforms."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from conformance.cli import main
from conformance.contract.places import folder

SCENARIO = {
    "title": "A greeting",
    "source": "https://ai.google.dev/gemini-api/docs/quickstart",
    "exercises": ["IX-CREATE-011"],
    "calls": [
        {
            "name": "greet",
            "operation": "interactions.create",
            "arguments": {"model": "gemini-3.5-flash", "input": "Hello"},
            "expect": {"status": "completed"},
        }
    ],
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def filled_in(path: str) -> None:
    """Tell where each failure is tracked, as a person would."""
    text = Path(path).read_text(encoding="utf-8")
    Path(path).write_text(text.replace("url: ''", "url: https://issues.example/1"), encoding="utf-8")


def write_scenario(**expect: object) -> None:
    """Write a scenario of ours, expecting something else."""
    call = {**SCENARIO["calls"][0], "expect": expect}  # type: ignore[dict-item]
    Path("mine.scenario.yaml").write_text(yaml.safe_dump({**SCENARIO, "calls": [call]}), encoding="utf-8")


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)])
def test_a_red_run_becomes_a_list_and_then_conforms(
    capsys: pytest.CaptureFixture[str], workers: tuple[str, ...]
) -> None:
    """In this process and in two: red without a url, known with it, red again when it passes."""
    write_scenario(status="requires_action")
    call = ["run", "mine.scenario.yaml", *workers]
    assert main([*call, "--write-known", "known.yaml"]) == 1
    told = capsys.readouterr().err
    assert "known.yaml: 1 known failures, 1 of them without a url: red until it is filled in\n" in told
    assert main([*call, "--known", "known.yaml"]) == 1
    assert "fail known.yaml:4: an expectation has no url that tells where" in capsys.readouterr().out
    filled_in("known.yaml")
    assert main([*call, "--known", "known.yaml", "--strict"]) == 0
    out = capsys.readouterr().out
    assert "known: 1 (see known.yaml)\n" in out
    assert "    mine  known (embedded)\n" in out
    assert "1 of 1 scenarios" in out
    write_scenario(status="completed")
    assert main([*call, "--known", "known.yaml"]) == 1
    assert "fail known.yaml:4: an expectation in mine[embedded] is known, and fails no more" in (
        capsys.readouterr().out
    )
    assert main([*call, "--write-known", "known.yaml"]) == 1
    assert yaml.safe_load(Path("known.yaml").read_text())["failures"] == []
    assert main([*call, "--known", "known.yaml"]) == 0


def test_a_lint_knows_files_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """The record says by which entry; another fault in the file is red."""
    Path("recordings").mkdir()
    file = Path("recordings/cut.sse")
    created = {"id": "v1_bWluZQ", "object": "interaction", "status": "in_progress"}
    event = {"event_type": "interaction.created", "interaction": created}
    file.write_text(f"event: interaction.created\ndata: {json.dumps(event)}\n\n")
    assert main(["lint", "recordings", "--write-known", "known.yaml"]) == 1
    filled_in("known.yaml")
    capsys.readouterr()
    assert main(["lint", "recordings", "--known", "known.yaml", "--format", "json"]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    schema = json.loads((folder("schemas") / "harness" / "record.json").read_bytes())
    assert [e.message for line in lines for e in Draft202012Validator(schema).iter_errors(line)] == []
    (file_line,) = (line for line in lines if line["type"] == "file")
    known = [line for line in lines if line["type"] == "verdict" and line["outcome"] == "known"]
    assert (file_line["outcome"], known[0]["entry"][:11]) in (
        ("known", "known.yaml:"),
        ("warn", "known.yaml:"),
    )
    assert {line["url"] for line in known} == {"https://issues.example/1"}
    file.write_text(file.read_text().replace('"in_progress"', "7"))
    assert main(["lint", "recordings", "--known", "known.yaml"]) == 1
    assert main(["lint", "recordings/../recordings/cut.sse", "--known", "known.yaml"]) == 1


def test_a_list_that_cannot_be_used_is_told_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2: a missing file, a broken one, a folder that is not there."""
    Path("known.yaml").write_text("version: 1\nfailures: 7\n")
    write_scenario(status="completed")
    for option, told in (
        (["--known", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["--known", "known.yaml"], "known.yaml line 2 (failures): 7 is not of type 'array'"),
        (["--write-known", "known.yaml"], "known.yaml line 2 (failures)"),
        (["--write-known", "no/known.yaml"], "no/known.yaml: cannot be written: there is no such folder"),
    ):
        assert main(["run", "mine.scenario.yaml", *option]) == 2
        captured = capsys.readouterr()
        assert (captured.out, told in captured.err) == ("", True)
