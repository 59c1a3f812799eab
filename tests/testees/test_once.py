"""`client --once`: a program that is no driver, judged by what it sends."""

import json
import sys
from pathlib import Path

import pytest

from conformance.cli import main

AGENT = """
import json, os, sys, urllib.request
url = os.environ["GOOGLE_GEMINI_BASE_URL"] + "/v1beta/interactions" + sys.argv[1]
head = {"content-type": "application/json", "x-goog-api-key": os.environ["GEMINI_API_KEY"]}
body = {"model": "gemini-3.5-flash", "input": "Hello"}
try:
    answer = urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), head))
    print(os.environ["CONFORMANCE_SCENARIO"], answer.status)
except urllib.error.HTTPError as error:
    print(os.environ["CONFORMANCE_SCENARIO"], error.code, sys.argv[2] if len(sys.argv) > 2 else "")
    sys.exit(3)
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOOGLE_API_KEY", "a-real-key-that-nobody-must-see")
    Path("agent.py").write_text(AGENT)


def once(*options: str, program: tuple[str, ...] = ("agent.py", "")) -> int:
    """Run the agent."""
    return main(["client", "--once", *options, "--", sys.executable, *program])


def test_a_program_is_judged_by_what_it_sends(capsys: pytest.CaptureFixture[str]) -> None:
    """It finds the server by itself; what it prints is passed on."""
    assert once() == 0
    told = capsys.readouterr()
    assert "1 of 1 cases" in told.out
    assert " 200\n" in told.err
    assert "ended with exit code 0; requests: 1, of these answered with an error: 0\n" in told.err


def test_a_key_in_the_url_is_a_leak(capsys: pytest.CaptureFixture[str]) -> None:
    """And the report does not leak it again."""
    program = f"import os; sys_argv = 1\n{AGENT}".replace(
        "sys.argv[1]", '"?key=" + os.environ["GEMINI_API_KEY"]'
    )
    Path("leaking.py").write_text(program)
    assert once(program=("leaking.py",)) == 1
    told = capsys.readouterr()
    assert "fail IX-AUTH-003 client  once/" in told.out
    assert "of-a-program" not in told.out + told.err


def test_it_is_run_for_each_case_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The case answers; the record tells how the program ended."""
    assert once("--only", "errors/bad-request", "--record", "r.ndjson") == 0
    lines = [json.loads(line) for line in Path("r.ndjson").read_text().splitlines()]
    endings = {line["subject"]: line["ending"] for line in lines if line["type"] == "case"}
    assert endings["errors/bad-request"] == "ended with exit code 3"
    assert len(endings) > 1
    told = capsys.readouterr().err
    assert "errors/bad-request 400" in told
    assert (
        "errors/bad-request ended with exit code 3; requests: 1, of these answered with an error: 1" in told
    )


def test_a_program_that_sends_nothing_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 5, and what to do."""
    assert once(program=("-c", "print('nothing to do')")) == 5
    out = capsys.readouterr().out
    assert "no request arrived at GOOGLE_GEMINI_BASE_URL" in out
    assert "hint      Let the program read both variables" in out


def test_a_program_that_hangs_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    """By the limit; what it sent before is judged."""
    assert once("--limit", "1", program=("-c", "import time; time.sleep(60)")) == 5
    assert "was ended after 1 s" in capsys.readouterr().out


def test_a_program_that_does_not_exist_cannot_be_driven(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4."""
    assert main(["client", "--once", "--", "./no-such-agent"]) == 4
    assert "./no-such-agent cannot be started" in capsys.readouterr().err
