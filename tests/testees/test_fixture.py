"""The fixture `gemini_server`, as an SDK author meets it: in a test suite of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

POST = """
import json
import urllib.request

def ask(server, key=None, **body):
    head = {"content-type": "application/json", "x-goog-api-key": key or server.api_key}
    data = json.dumps({"model": "gemini-3.5-flash", "input": "Hello"} | body).encode()
    request = urllib.request.Request(f"{server.url}/v1beta/interactions", data, head)
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the tests of somebody else."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "test_theirs.py"


def run_pytest(suite: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run their tests in a process of their own."""
    suite.write_text(POST + body)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(suite)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
    )


def test_a_right_client_passes_and_sees_what_was_sent(suite: Path) -> None:
    """What was sent is there for assertions of the test: the answer, its text, the request."""
    run = run_pytest(
        suite,
        """
def test_theirs(gemini_server):
    told = json.loads(ask(gemini_server))
    assert told == gemini_server.answer
    assert gemini_server.text and gemini_server.text in json.dumps(told, ensure_ascii=False)
    (request,) = gemini_server.requests
    assert request["json"] == {"model": "gemini-3.5-flash", "input": "Hello"}
    assert request["path"].endswith("/v1beta/interactions")
""",
    )
    assert run.returncode == 0, run.stdout


def test_a_request_that_breaks_a_requirement_fails_the_test(suite: Path) -> None:
    """Though the test itself asserts nothing; the key is not shown."""
    run = run_pytest(
        suite,
        """
def test_theirs(gemini_server):
    try:
        ask(gemini_server, store="yes")
    except urllib.error.HTTPError:
        pass
""",
    )
    assert run.returncode == 1
    assert "fail IX-" in run.stdout
    assert '/store: expected a boolean, found "yes"' in run.stdout
    assert "test-key-" not in run.stdout
    assert "gemini-conformance client --only" not in run.stdout, "no command shows a test again"


def test_a_test_in_which_nothing_arrives_fails(suite: Path) -> None:
    """Nothing judged is not green."""
    run = run_pytest(suite, "\ndef test_theirs(gemini_server):\n    pass\n")
    assert run.returncode == 1
    assert "no request arrived at http://127.0.0.1:" in run.stdout


def test_a_test_that_failed_before_it_asked_is_told_once(suite: Path) -> None:
    """That nothing arrived is no news then."""
    run = run_pytest(suite, "\ndef test_theirs(gemini_server):\n    assert 1 == 2\n")
    assert "1 failed in" in run.stdout
    assert "no request arrived" not in run.stdout


def test_what_was_delivered_is_compared_event_by_event(suite: Path) -> None:
    """A case is played; the client that loses an event is told which."""
    run = run_pytest(
        suite,
        """
def test_theirs(gemini_server):
    gemini_server.plays("framing/crlf")
    lines = ask(gemini_server, stream=True).splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    gemini_server.delivered(events)
    assert gemini_server.text == "Hello! How can I help you today?"
    gemini_server.delivered(events[:-1])
""",
    )
    assert run.returncode == 1
    assert "AssertionError: event 9 of 10 is lost" in run.stdout


def test_a_case_that_does_not_exist_is_told_with_the_nearest(suite: Path) -> None:
    """In one sentence."""
    run = run_pytest(suite, '\ndef test_theirs(gemini_server):\n    gemini_server.plays("framing/crfl")\n')
    assert "there is no client case framing/crfl" in run.stdout
