"""The matrix: mutants of all kinds against all requirements."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conformance.contract.places import folder
from conformance.contract.registry import registry
from conformance.errors import DataFolderMissing
from conformance.mutants.clients import catching, run_client, run_right_client
from conformance.mutants.jobs import Job, jobs, run_job, run_jobs, untraced
from conformance.mutants.lines import control_line, is_red, mutant_line
from conformance.mutants.matrix import Matrix, judged
from conformance.mutants.mutant import read_mutants
from conformance.mutants.traces import run_right_trace, run_trace, violations
from conformance.report.record import Line
from conformance.testees.case import Case, read_cases
from conformance.testees.wrong import WRONG


def cases_called(name: str) -> list[Case]:
    """The case of a name, and no other."""
    return [case for case in read_cases() if case.id == name]


def planted(name: str, outcome: str, *breaks: str, kind: Any = "server") -> Line:
    """A line of a mutant."""
    return mutant_line(kind, name, outcome, title="Planted.", area="tests", breaks=breaks)


def schema_of(name: str) -> Draft202012Validator:
    """A schema of our own files."""
    return Draft202012Validator(json.loads((folder("schemas") / "harness" / f"{name}.json").read_bytes()))


def test_a_kill_counts_for_what_the_mutant_breaks() -> None:
    """One that survives kills nothing, whatever else fired."""
    matrix = Matrix.of(
        [
            planted("a", "killed", "IX-USAGE-003", "IX-USAGE-001"),
            planted("b", "survived", "IX-USAGE-005"),
            planted("c", "killed", "IX-USAGE-003", kind="trace"),
            planted("d", "equivalent"),
        ]
    )
    assert matrix.killers["IX-USAGE-003"] == {"server": ["a"], "client": [], "trace": ["c"]}
    assert "IX-USAGE-005" not in matrix.killers
    assert matrix.ratio == pytest.approx(2 / 3)
    assert [line["subject"] for line in matrix.red] == ["b"]
    without = {one.id for one in matrix.without}
    assert "IX-USAGE-005" in without
    assert not without & {"IX-USAGE-001", "IX-USAGE-003"}
    assert "IX-USAGE-001" not in {one.id for one in matrix.unkilled_by_servers}
    assert "IX-USAGE-005" in {one.id for one in matrix.unkilled_by_servers}


def test_nothing_run_is_no_perfect_ratio() -> None:
    """Nothing judged is never green."""
    assert Matrix().ratio == 0
    assert Matrix.of([planted("d", "equivalent")]).ratio == 0


def test_a_control_that_is_not_clean_is_red() -> None:
    """A judge that finds something in what is right kills for nothing."""
    matrix = Matrix.of([control_line("server", "text", "IX-USAGE-003: 1"), control_line("server", "search")])
    assert [line["subject"] for line in matrix.red] == ["text"]


def test_the_matrix_is_written_as_its_schema_says() -> None:
    """As JSON; for people as one table an area."""
    lines = [planted("a", "killed", "IX-USAGE-003"), control_line("server", "text")]
    matrix = Matrix.of(lines)
    for line in lines:
        schema_of("record").validate(line)
    told = json.loads(json.dumps(matrix.to_json()))
    schema_of("mutant_matrix").validate(told)
    rows = {row["id"] for row in told["requirements"]}
    assert rows == {one.id for one in judged()}
    assert rows > {one.id for one in registry().values() if one.checks}
    text = matrix.to_markdown()
    assert "| IX-USAGE-003 the-total-adds-up | a |  |  |\n" in text
    assert "| IX-INPUT-001 input-has-its-form | none: Only requests hold an input. |" in text


def test_every_judged_requirement_has_a_killer() -> None:
    """Of some kind: what each kind claims to kill is what its own tests insist on."""
    servers = {name for one in read_mutants() if not (one.known or one.equivalent) for name in one.breaks}
    clients = {case.judges for case in read_cases() if case.catches}
    traces = {re.split(r"(?<=-\d{3})-", path.stem)[0] for path in violations()}
    assert {one.id for one in judged()} - servers - clients - traces == set()


def test_jobs_are_chosen_by_name_area_and_requirement() -> None:
    """With the controls that they need."""
    assert jobs(["id-changes-at-the-end"]) == [
        Job("server", "interactions/search_streamed", control=True),
        Job("server", "id-changes-at-the-end"),
    ]
    found = {(job.kind, job.name) for job in jobs(["ix-usage-003"]) if not job.control}
    traces = {("trace", path.stem) for path in violations() if path.stem.startswith("IX-USAGE-003-")}
    assert found == {("server", "total-does-not-add-up"), *traces}
    assert len(traces) > 0
    assert {job.name for job in jobs(["usage"], ["server"]) if not job.control} >= {"usage-is-a-list"}
    assert jobs(["no such word"]) == []
    assert {job.kind for job in jobs(kinds=["trace"])} == {"trace"}


def test_all_jobs_are_all_mutants() -> None:
    """Every wrong server, every violation, and every wrong client but those of silent cases alone."""
    wrong = {name for case in read_cases() if not case.silent for name in case.catches}
    assert WRONG.keys() >= wrong
    counts = {
        kind: sum(job.kind == kind and not job.control for job in jobs())
        for kind in ("server", "client", "trace")
    }
    assert counts == {"server": len(read_mutants()), "client": len(wrong), "trace": len(violations())}


def test_jobs_run_in_several_processes_as_in_one() -> None:
    """The same lines, in the same order, whatever their times."""
    chosen = jobs(["id-changes-at-the-end", "IX-STREAM-012"], ["server", "trace"])
    assert len(chosen) > 3
    one, two = ([{**line, "seconds": 0} for line in run_jobs(chosen, processes=n)] for n in (1, 2))
    assert one == two
    assert not any(map(is_red, one))


def test_a_wrong_client_is_killed_by_the_cases_that_claim_it() -> None:
    """For the requirements that they judge."""
    line = run_client("wants-a-space")
    schema_of("record").validate(line)
    assert (line["outcome"], line["problem"]) == ("killed", "")
    assert line["breaks"] == sorted({case.judges for case in catching("wants-a-space")})


def test_a_client_that_no_case_claims_or_that_passes_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a driver that cannot be driven is told apart."""
    (case,) = cases_called("framing/no-space")
    monkeypatch.setattr("conformance.mutants.clients.catching", lambda _: (case,))
    line = run_client("never-retries")
    assert (line["outcome"], line["problem"]) == ("survived", "framing/no-space does not catch it")
    assert run_client("no-such-client")["outcome"] == "crashed"
    monkeypatch.setattr("conformance.mutants.clients.catching", lambda _: ())
    assert run_client("never-retries")["outcome"] == "inapplicable"


def test_the_control_client_is_a_control() -> None:
    """Clean on the cases it is given."""
    assert run_right_client(cases_called("framing/no-space"))["outcome"] == "clean"


def test_a_trace_is_killed_at_its_place_and_a_right_one_is_clean(tmp_path: Any) -> None:
    """Otherwise it is red, each in its way."""
    (path,) = folder("violations").glob("IX-STREAM-012-delta-after-stop.yaml")
    assert run_trace(path)["outcome"] == "killed"
    assert run_right_trace("text_stream")["outcome"] == "clean"
    for old, new, outcome in (
        ("event: 11", "event: 10", "killed-wrong-reason"),
        ("breaks: IX-STREAM-012", "breaks: IX-STREAM-013", "killed-wrong-reason"),
        ("path: /0/response/events/11", "path: /0/response/events/10", "survived"),
    ):
        changed = tmp_path / path.name
        changed.write_text(path.read_text().replace(old, new))
        assert run_trace(changed)["outcome"] == outcome


def test_a_job_is_what_it_says() -> None:
    """The line of each kind names it."""
    assert run_job(Job("trace", "text_stream", control=True))["type"] == "control"
    assert run_job(Job("server", "id-changes-at-the-end"))["subject"] == "id-changes-at-the-end"


def test_traces_that_cannot_be_run_are_left_out_and_it_is_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where jsonpatch is not installed, and where an installation has no conversations."""
    assert untraced() == ""
    monkeypatch.setattr("conformance.mutants.jobs.find_spec", lambda _: None)
    assert untraced() == "jsonpatch is not installed: pip install 'gemini-conformance[tests]'"
    assert jobs(kinds=["trace"]) == []

    def missing(name: str) -> Path:
        raise DataFolderMissing(name)

    monkeypatch.setattr("conformance.mutants.jobs.folder", missing)
    assert untraced() == "this installation has no folder of conversations: run them from a checkout"
