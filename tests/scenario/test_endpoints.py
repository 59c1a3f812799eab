"""Endpoints of every kind: what bad ones come to, and that keys stay where they belong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.contract.places import folder
from conformance.errors import KeyMissing, UsageRefused
from conformance.scenario.running import Options, Targets, checked_url
from conformance.server import serving
from tests import badservers
from tests.badservers import Behaviour, listening

SCENARIOS = folder("scenarios") / "interactions"
TEXT = str(SCENARIOS / "text.scenario.yaml")
STREAMED = str(SCENARIOS / "text_streamed.scenario.yaml")
SECRET = "AQ.a-secret-that-nobody-may-see"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty folder and without a key."""
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def written_below(path: Path) -> str:
    """Everything that was written below a folder."""
    return "".join(file.read_text(errors="replace") for file in path.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("behaviour", "scenario", "code", "sentence"),
    [
        (badservers.html_200, TEXT, 1, "answers with an HTML page (HTTP 200, title: "),
        (badservers.html_502, TEXT, 1, "answers with an HTML page (HTTP 502"),
        (badservers.closes_at_once, TEXT, 5, "gave no HTTP answer: Server disconnected"),
        (badservers.says_nothing, TEXT, 5, "did not answer in 1 s"),
        (badservers.drips_its_head, TEXT, 5, "did not answer in 1 s"),
        (badservers.speaks_garbage, TEXT, 5, "gave no HTTP answer: "),
        (badservers.streams_for_ever, STREAMED, 1, "the answer is not whole: the time limit of 1 s was"),
        (badservers.cuts_a_frame, STREAMED, 1, "the answer is not whole: the connection ended early"),
        (badservers.lacks_the_last_chunk, STREAMED, 1, "the answer is not whole: the connection ended early"),
        (badservers.promises_more, TEXT, 1, "the answer is not whole: the connection ended early"),
        (badservers.promises_less, TEXT, 1, "the body is not JSON (application/json)"),
        (badservers.answers_a_list, TEXT, 1, "expected HTTP 200|nothing in this conversation showed it"),
        (badservers.answers_something_else, TEXT, 1, "the member 'status' is missing"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_bad_server_is_told_in_a_sentence(
    behaviour: Behaviour, scenario: str, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it said is a finding; that it said nothing is no evidence. Never a traceback, never our fault."""
    with listening(behaviour) as server:
        assert main(["run", scenario, "--target", server.url, "--timeout", "1"]) == code
    told, notes = capsys.readouterr()
    assert any(part in told for part in sentence.split("|"))
    assert "Traceback" not in told + notes
    assert "harness failed" not in told + notes
    if code == 5:
        assert sum(line.startswith(("inconclusive ", "error ", "fail ")) for line in told.splitlines()) == 1


def test_gzip_is_undone_although_identity_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """The body is judged, not its coding."""
    with listening(badservers.gzips) as server:
        main(["run", TEXT, "--target", server.url, "--format", "json"])
    lines = json.loads(capsys.readouterr().out)["lines"]
    body = next(line for line in lines if line["type"] == "exchange")["response"]["body"]
    assert json.loads(body) == badservers.INTERACTION


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
@pytest.mark.parametrize("behaviour", [badservers.sends_200_mb, badservers.unpacks_to_200_mb])
def test_a_large_body_takes_bounded_memory(behaviour: Behaviour) -> None:
    """200 MB, plain or packed, are read to the limit and no further; the report says so."""
    program = (
        "import pathlib, sys; from conformance.cli import main; code = main(sys.argv[1:]); "
        "status = pathlib.Path('/proc/self/status').read_text(); "
        "print(next(line for line in status.splitlines() if line.startswith('VmHWM')), file=sys.stderr); "
        "sys.exit(code)"
    )
    peaks = []
    for one in (badservers.html_200, behaviour):
        with listening(one) as server:
            run = subprocess.run(
                [sys.executable, "-P", "-c", program, "run", TEXT, "--target", server.url],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        assert run.returncode == 1, run.stderr
        peaks.append(int(run.stderr.split()[-2]))
    assert "the limit of 64 MB was reached" in run.stdout
    assert (peaks[1] - peaks[0]) / 1024 < 150


@pytest.mark.parametrize("echo", [badservers.echoes_the_key, badservers.echoes_the_key_in_garbage])
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_key_is_never_shown(
    echo: Behaviour,
    form: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not even when the server says it back, as a value, a member's name, in a header or in garbage."""
    monkeypatch.setenv("GEMINI_API_KEY", SECRET)
    with listening(echo) as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        refusals = str(SCENARIOS / "refusals.scenario.yaml")
        main(["run", TEXT, refusals, "--target", "live", "--format", form, "-v"])
        main(["run", TEXT, "--target", "live", "--format", form, "--closed"])
        main(["record", TEXT, "--target", "live", "--to", "tapes"])
    keys = [dict(request.headers or ()).get("x-goog-api-key") for request in server.requests]
    assert SECRET in keys
    told, notes = capsys.readouterr()
    assert written_below(tmp_path)
    for text in (told, notes, written_below(tmp_path)):
        assert SECRET not in text
        assert SECRET[:8] not in text


def test_live_goes_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """GOOGLE_GEMINI_BASE_URL takes the place of the service's address; the key is GEMINI_API_KEY's."""
    monkeypatch.setenv("GEMINI_API_KEY", f" {SECRET}\n")
    with listening(badservers.relaying()) as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", f"{server.url}/")
        assert main(["run", TEXT, "--target", "live"]) == 0
    assert "pass (live)" in capsys.readouterr().out
    assert [dict(one.headers or ())["x-goog-api-key"] for one in server.requests] == [SECRET] * 2
    assert [one.method for one in server.requests] == ["POST", "DELETE"]


def test_live_is_green_on_the_reference_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All scenarios, over HTTP, with one key for all."""
    monkeypatch.setenv("GEMINI_API_KEY", SECRET)
    with serving(seed=7) as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        assert main(["run", "--target", "live", "--api-version", "v1"]) == 0
    assert SECRET not in capsys.readouterr().out


def test_a_url_gets_a_key_only_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real key in the environment is nobody's but the service's; --key-env names one to send."""
    monkeypatch.setenv("GEMINI_API_KEY", SECRET)
    monkeypatch.setenv("OTHER_KEY", "another-secret")
    with listening(badservers.relaying()) as server:
        assert main(["run", TEXT, "--target", server.url]) == 0
        assert main(["run", TEXT, "--target", server.url, "--key-env", "OTHER_KEY"]) == 0
    keys = [dict(request.headers or ())["x-goog-api-key"] for request in server.requests]
    assert list(dict.fromkeys(keys)) == ["conformance-test-key", "another-secret"]


@pytest.mark.parametrize("value", [None, "", "  ", "two\nlines", "ключ"])
def test_a_key_that_cannot_be_sent_is_refused(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, an empty one, or one that no header can carry: a wrong call, and the key is not shown."""
    if value is not None:
        monkeypatch.setenv("GEMINI_API_KEY", value)
    with pytest.raises((KeyMissing, UsageRefused)) as refused:
        Targets(Options(targets=("live",))).key("live", "")
    assert refused.value.exit_code == 2
    assert value is None or not value.strip() or value not in str(refused.value)


def test_a_variable_without_a_key_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip in --key-env is a wrong call, not a request without a key."""
    assert main(["run", TEXT, "--target", "http://127.0.0.1:9", "--key-env", "NO_SUCH_KEY"]) == 2
    assert "the environment variable NO_SUCH_KEY holds no key" in capsys.readouterr().err


def test_a_redirect_is_not_followed(capsys: pytest.CaptureFixture[str]) -> None:
    """The key does not go to another origin, whoever asks."""
    with listening(badservers.html_200) as other, listening(badservers.redirecting(other.url)) as server:
        assert main(["run", TEXT, "--target", server.url]) == 1
    assert len(server.requests) == 1
    assert other.requests == []
    assert "HTTP 307" in capsys.readouterr().out


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://[::1]:1", "http://localhost", "https://a.example"]
)
def test_addresses_that_may_be_asked(url: str) -> None:
    """HTTPS anywhere, HTTP on loopback; no slash at the end."""
    assert checked_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://gateway.example", "http://gateway.example is not HTTPS"),
        ("http://127.gateway.example", "is not HTTPS"),
        ("http://0.0.0.0:80", "is not HTTPS"),
        ("ftp://127.0.0.1", "is no target"),
        ("localhost:8000", "is no target"),
        ("http://127.0.0.1:99999", "is no target"),
        ("http://[::1", "is no target"),
        ("https://", "is no target"),
        ("http://127.0.0.1/a b", "is no target"),
        ("https://me:secret@a.example", "an address alone"),
        ("https://a.example/?key=secret", "an address alone"),
    ],
)
def test_addresses_that_are_refused(url: str, problem: str) -> None:
    """Before anything is sent; a secret in the address is not repeated."""
    with pytest.raises(UsageRefused, match=problem) as refused:
        checked_url(url)
    assert "secret" not in str(refused.value)


def test_each_scenario_has_its_own_key_on_the_embedded_server() -> None:
    """State is per key, so scenarios cannot meet."""
    targets = Targets(Options())
    assert targets.key("embedded", "a/b") != targets.key("embedded", "a/c")
    assert "GEMINI_API_KEY" not in os.environ
