"""`gemini-conformance fuzz` against right, wrong and impossible endpoints on loopback."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from conformance.cli import main
from conformance.contract.places import folder
from conformance.fuzzing.endpoint import members
from conformance.mutants.mutant import read_mutants
from conformance.server import Answer, ReferenceServer, Service, serving
from conformance.server.answer import json_answer
from conformance.wire.exchange import Request
from tests import badservers
from tests.rivals.servers import Beside, standing


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def wrong(name: str) -> Iterator[ReferenceServer]:
    """Serve a mutant that is wrong at any request."""
    mutant = next(one for one in read_mutants() if one.name == name)
    with serving(answering=Beside(standing(mutant.mutate))) as server:
        yield server


def fuzz(*options: str, record: str = "r.ndjson") -> tuple[int, list[dict[str, Any]]]:
    """Run the command; give its exit code and its record."""
    code = main(["fuzz", "--database", "", "--record", record, *options])
    return code, [json.loads(line) for line in Path(record).read_text(encoding="utf-8").splitlines()]


def found(lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Give the verdict of each finding by its requirement."""
    return {line["requirement"]: line for line in lines if line["type"] == "verdict"}


def scenario(lines: list[dict[str, Any]], requirement: str) -> dict[str, Any]:
    """Give the scenario of the finding about a requirement."""
    told: dict[str, Any] = next(
        line["scenario"]
        for line in lines
        if line["type"] == "scenario" and f"/{requirement}-" in line["subject"]
    )
    return told


def test_nothing_is_wrong_with_the_right_server(capsys: pytest.CaptureFixture[str]) -> None:
    """Every sort, in one process: clean, and much was judged."""
    code, lines = fuzz("--examples", "600")
    assert code == 0
    assert found(lines) == {}
    told = next(line for line in lines if line["type"] == "fuzz")
    assert told["exchanges"] > 600
    assert told["problems"] == []
    validator = Draft202012Validator(json.loads((folder("schemas") / "harness" / "record.json").read_bytes()))
    assert [error.message for line in lines for error in validator.iter_errors(line)] == []
    assert "nothing was found" in capsys.readouterr().out


def test_a_fault_is_found_made_small_and_shown_again_by_its_bundle(capfd: pytest.CaptureFixture[str]) -> None:
    """A create, a delete and a get are all it takes; the scenario and the script show it again."""
    with wrong("delete-does-nothing") as server:
        code, lines = fuzz("--target", server.url, "--sort", "life", "--examples", "300")
        assert code == 1
        calls = scenario(lines, "IX-DEL-001")["calls"]
        assert [call["operation"].removeprefix("interactions.") for call in calls] == [
            "create",
            "delete",
            "get",
        ]
        assert sum(members(call["arguments"]) for call in calls) <= 4
        assert "findings: r/README.md" in capfd.readouterr().err
        [bundle] = Path("r").glob("*IX-DEL-001*")
        assert main(["run", str(bundle / "found.scenario.yaml"), "--target", server.url]) == 1
        assert "fail IX-DEL-001" in capfd.readouterr().out
    with serving(seed=7) as server:
        command = ["run", str(bundle / "found.scenario.yaml"), "--target", server.url]
        assert main(command) == 0, "another status than was recorded is inconclusive at an URL"
        assert "fail IX-DEL-001" not in capfd.readouterr().out


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_script_of_a_bundle_sends_the_request_again() -> None:
    """One request: its bytes are sent as they were, and the answer shows the fault."""
    with wrong("stream-as-text") as server:
        code, _ = fuzz("--target", server.url, "--sort", "requests", "--examples", "60")
        assert code == 1
        [bundle] = Path("r").glob("*SSE-022*")
        assert members(json.loads((bundle / "request.bin").read_bytes())) <= 3
        run = subprocess.run(
            ["bash", str(bundle / "request.sh")],
            env={**os.environ, "KEY": "test", "GEMINI_API_KEY": "test"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "text/plain" in run.stdout
        assert "event: interaction.created" in run.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutant", "sort", "requirement", "most"),
    [
        ("stream-as-text", "requests", "SSE-022", 3),
        pytest.param("canceled-with-one-l", "life", "IX-CANCEL-004", 5, marks=pytest.mark.slow),
    ],
)
def test_faults_are_shrunk(mutant: str, sort: str, requirement: str, most: int) -> None:
    """To no more members than a person would write."""
    with wrong(mutant) as server:
        _, lines = fuzz("--target", server.url, "--sort", sort, "--examples", "900")
    calls = scenario(lines, requirement)["calls"]
    assert sum(members(call.get("arguments", {})) for call in calls) <= most


class _TakesAnything:
    """A canned answer to whatever is asked, as mocks give it."""

    ledger = Service(7).ledger

    def answer(self, request: Request) -> Answer:
        return json_answer(200, badservers.INTERACTION)


def test_a_right_request_is_not_made_smaller_than_right() -> None:
    """Also where the endpoint would take it: a request without a model proves nothing about its answer."""
    with serving(answering=_TakesAnything()) as server:
        _, lines = fuzz("--target", server.url, "--sort", "requests", "--examples", "200")
    [call] = scenario(lines, "IX-BG-001")["calls"]
    assert "input" in call["arguments"]
    assert {"model", "agent"} & set(call["arguments"])


def test_an_unknown_member_is_told_once_whatever_its_name() -> None:
    """The names are made up, so each would be a finding of its own."""
    with serving(answering=_TakesAnything()) as server:
        _, lines = fuzz("--target", server.url, "--sort", "wrong", "--examples", "400")
    told = [line for line in lines if line["type"] == "verdict" and line["requirement"] == "IX-CREATE-009"]
    assert len(told) == 1


class _Moody:
    """Breaks every so many answers, whatever was asked."""

    def __init__(self) -> None:
        self._service = Service(7)
        self._numbers = itertools.count()
        self.ledger = self._service.ledger

    def answer(self, request: Request) -> Answer:
        if next(self._numbers) % 41 == 40:
            return json_answer(200, {"id": 7})
        return self._service.answer(request)


def test_what_does_not_show_again_is_inconclusive(capsys: pytest.CaptureFixture[str]) -> None:
    """With both answers, and not red."""
    with serving(answering=_Moody()) as server:
        code, lines = fuzz("--target", server.url, "--sort", "requests", "--examples", "120")
    assert code == 5
    verdicts = [line for line in lines if line["type"] == "verdict"]
    assert {line["outcome"] for line in verdicts} == {"inconclusive"}
    assert re.search(
        r"asked again, HTTP 200 .* came instead of HTTP 200 '\{\"id\":7\}'", verdicts[0]["message"]
    )
    assert "inconclusive" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("behaviour", "code", "told"),
    [
        (badservers.html_200, 1, "text/html"),
        (badservers.closes_at_once, 5, "the endpoint closes the connection without an answer"),
        pytest.param(
            badservers.says_nothing, 5, "the endpoint did not answer in 0.3 s", marks=pytest.mark.slow
        ),
        pytest.param(badservers.sends_200_mb, 1, "the limit of 16 MB was reached", marks=pytest.mark.slow),
        pytest.param(
            badservers.lacks_the_last_chunk, 1, "the connection ended early", marks=pytest.mark.slow
        ),
    ],
)
def test_an_impossible_endpoint_is_a_finding_or_no_evidence(
    behaviour: badservers.Behaviour, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And never a traceback, or a run without end."""
    with badservers.listening(behaviour) as server:
        started = time.monotonic()
        ended, _ = fuzz("--target", server.url, "--sort", "requests", "--seconds", "3", "--timeout", "0.3")
        assert time.monotonic() - started < 15
    assert ended == code
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("mutant", ["page-for-people", "body-is-cut"])
def test_an_answer_without_an_id_ends_a_conversation(mutant: str) -> None:
    """What would come after it is not sent, and what there is is judged."""
    with wrong(mutant) as server:
        code, lines = fuzz("--target", server.url, "--sort", "wrong", "--examples", "60")
    assert code == 1
    assert found(lines)


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    """Not enough evidence, and why."""
    with serving(seed=7) as server:
        url = server.url
    code, _ = fuzz("--target", url, "--seconds", "5")
    assert code == 5
    assert "refuses the connection: nothing listens there" in capsys.readouterr().out


def test_the_budget_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """All requests count, those of shrinking too; a spent budget is no fault."""

    class Counting:
        def __init__(self) -> None:
            self.asked = 0
            self._service = Service(7)
            self.ledger = self._service.ledger

        def answer(self, request: Request) -> Answer:
            self.asked += 1
            return self._service.answer(request)

    counting = Counting()
    with serving(answering=counting) as server:
        code, _ = fuzz("--target", server.url, "--seconds", "20", "--requests", "50")
    assert code == 0
    assert counting.asked == 50
    assert "the budget of 50 requests is spent" in capsys.readouterr().out


def test_an_endpoint_out_of_quota_ends_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    """429 is nobody's fault, and no evidence."""

    class Spent:
        ledger = Service(7).ledger

        def answer(self, _: Request) -> Answer:
            return json_answer(429, {"error": {"code": "quota_exceeded", "message": "None left."}})

    with serving(answering=Spent()) as server:
        code, lines = fuzz("--target", server.url, "--seconds", "2")
    assert code == 5
    assert found(lines) == {}
    assert "the endpoint answers HTTP 429 and takes no more" in capsys.readouterr().out


def test_an_endpoint_elsewhere_is_not_fuzzed_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    """It may cost money."""
    assert main(["fuzz", "--target", "https://endpoint.example"]) == 2
    err = capsys.readouterr().err
    assert "https://endpoint.example is not on this machine" in err
    assert "Say --yes, and limit it: --requests 200 --rate 1." in err
    assert main(["fuzz", "--target", "cassettes"]) == 2


def test_what_failed_is_tried_first_the_next_time() -> None:
    """Another seed finds it in its first examples, from the folder of the run before."""
    options = ["--sort", "life", "--examples", "150", "--database", "examples"]
    with wrong("canceled-with-one-l") as server:
        code, _ = fuzz("--target", server.url, *options)
        assert code == 1
        code, lines = fuzz("--target", server.url, *options, "--seed", "1", "--examples", "3")
        assert code == 1
        assert "IX-CANCEL-004" in found(lines)


def test_a_database_nobody_answers_for_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is sent, in one sentence."""
    pytest.importorskip("redis")
    assert main(["fuzz", "--database", "redis://:secret@127.0.0.1:9/0"]) == 2
    err = capsys.readouterr().err
    assert "the database at 127.0.0.1:9/0 cannot be used" in err
    assert "secret" not in err


def _started(*options: str) -> "subprocess.Popen[str]":
    command = [
        sys.executable,
        "-P",
        "-m",
        "conformance.cli",
        "fuzz",
        "--database",
        "",
        "--record",
        "r.ndjson",
    ]
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _wait_for(text: str) -> None:
    for _ in range(300):
        if Path("r.ndjson").exists() and text in Path("r.ndjson").read_text(encoding="utf-8"):
            return
        time.sleep(0.1)
    raise AssertionError(f"{text} never came")


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("processes", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_what_was_found_is_written_when_it_is_interrupted(processes: str) -> None:
    """Ctrl-C: the record has its footer, the bundle is there, the exit code is 130."""
    with wrong("stream-as-text") as server, _started("--target", server.url, "-n", processes) as run:
        _wait_for('"verdict"')
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=20)
    assert run.returncode == 130, err
    assert "Traceback" not in err
    assert "fail SSE-022" in out
    assert list(Path("r").glob("*SSE-022*/found.scenario.yaml"))
    assert Path("r.ndjson").read_text(encoding="utf-8").splitlines()[-1].startswith('{"type": "footer"')


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the worker in /proc")
def test_a_worker_that_dies_is_told_and_the_others_go_on() -> None:
    """The run ends as it would have, and says what happened."""
    with _started("-n", "2", "--seconds", "8", "--sort", "requests") as run:
        time.sleep(3)
        children = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _parent(entry) == run.pid and "spawn_main" in _command(entry)
        ]
        assert len(children) == 2
        os.kill(children[0], signal.SIGKILL)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert re.search(r"worker \d died \(exit code -9\)", out)
    assert "nothing was found" in out


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0


def _command(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_text(encoding="utf-8")
    except OSError:
        return ""


def test_a_scenario_of_a_finding_is_a_scenario(capfd: pytest.CaptureFixture[str]) -> None:
    """Read like any other, and right where it is played against a right server."""
    with wrong("stream-as-text") as server:
        _, lines = fuzz("--target", server.url, "--sort", "requests", "--examples", "40")
    Path("mine.scenario.yaml").write_text(yaml.safe_dump(scenario(lines, "SSE-022")), encoding="utf-8")
    assert main(["run", "mine.scenario.yaml", "--target", "embedded"]) == 0
    capfd.readouterr()
