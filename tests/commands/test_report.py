"""`report`: what a run printed is printed again, with its exit code; what is broken is told in a sentence."""

import json
import sys
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.contract.places import folder

GOLDEN = Path(__file__).parents[1] / "golden"
WRONG = [sys.executable, "-m", "conformance.testees.wrong", "takes-cuts-for-success"]
TEXT = str(folder("scenarios") / "interactions" / "text.scenario.yaml")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        ["run", TEXT],
        ["lint", str(folder("cassettes") / "interactions"), str(GOLDEN / "run.ndjson"), "--party", "server"],
        ["client", "--only", "errors/no-completed", "--only", "delivery/text", "--", *WRONG],
        ["client", "--only", "requests/get", "--", *WRONG],
    ],
    ids=["run", "lint", "client", "right client"],
)
@pytest.mark.parametrize("more", [[], ["--format", "json"]], ids=["text", "json"])
def test_a_run_is_shown_again_as_it_was(
    command: list[str], more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same text, the same JSON, the same exit code."""
    name, *rest = command
    code = main([name, "--record", "r.ndjson", *more, *rest])
    before = capsys.readouterr().out
    assert main(["report", "r.ndjson", *more]) == code
    assert capsys.readouterr().out == before != ""


def test_verbose_is_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    """As in the run itself."""
    main(["run", "-v", TEXT, "--record", "r.ndjson"])
    before = capsys.readouterr().out
    main(["report", "-v", "r.ndjson"])
    assert capsys.readouterr().out == before


def test_a_record_that_was_cut_off_is_reported_even_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and a note; every form says it or shows what there is."""
    main(["run", TEXT, "--record", "r.ndjson"])
    capsys.readouterr()
    *lines, _footer = Path("r.ndjson").read_text().splitlines(keepends=True)
    Path("r.ndjson").write_text("".join(lines))
    for form in ("text", "json", "markdown", "junit", "github", "badge", "html"):
        assert main(["report", "r.ndjson", "--format", form]) == 1
        told = capsys.readouterr()
        assert "r.ndjson: cut off: the run was ended before its end" in told.err
        assert form not in ("markdown", "html") or "The run was cut off" in told.out
        assert form != "json" or json.loads(told.out)["exit_code"] == 1


@pytest.mark.parametrize(("line", "code"), [({"type": "fault", "message": "no"}, 3), (None, 1)])
def test_what_is_worse_than_being_cut_off_counts(line: dict[str, str] | None, code: int) -> None:
    """A fault of the harness stays one."""
    header = (GOLDEN / "run.ndjson").read_text().splitlines()[0]
    Path("r.ndjson").write_text("\n".join([header, *([json.dumps(line)] if line else []), ""]))
    assert main(["report", "r.ndjson"]) == code


def test_what_is_no_record_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Missing is a wrong call, broken is a finding; nothing is printed before it is known."""
    assert main(["report", "none.ndjson", "--format", "json"]) == 2
    header = (GOLDEN / "run.ndjson").read_text().splitlines()[0]
    Path("r.ndjson").write_text(f"{header}\n{{oops\n\n")
    assert main(["report", "r.ndjson", "--format", "json"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "none.ndjson: no such file or directory" in told.err
    assert "r.ndjson line 2: not JSON" in told.err
    assert "hint: Give the file that `run`, `client` or `lint --record FILE` wrote" in told.err
