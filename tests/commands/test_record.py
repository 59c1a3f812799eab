"""`record`: cassettes that are evidence, or none."""

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from conformance.cli import main
from conformance.wire.cassette import EDITED, read_cassette
from conformance.wire.exchange import Request
from conformance.wire.files import writing_alone
from tests.badservers import INTERACTION, listening

KEY = "a-key-of-2026-that-nobody-may-see"
SCENARIO: dict[str, Any] = {
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
    """Every test runs in an empty folder with one scenario, and without a key."""
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    Path("greeting.scenario.yaml").write_text(yaml.safe_dump(SCENARIO), encoding="utf-8")


def record(*options: str) -> int:
    """Record the scenario into a folder."""
    return main(["record", "greeting.scenario.yaml", "--to", "tapes", *options])


def provenance() -> dict[str, Any]:
    """What the cassette tells of itself."""
    return dict(read_cassette(Path("tapes/greeting.yaml"))[1])


def run() -> int:
    """Play the cassette."""
    return main(
        ["run", "greeting.scenario.yaml", "--target", "cassettes", "--cassettes", "tapes", "--format", "json"]
    )


def answering(body: object, *headers: str) -> Any:
    """A server that answers with one JSON value, in three pieces."""
    data = json.dumps(body).encode()
    head = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(data)}", *headers]

    def behave(peer: socket.socket, _: Request) -> None:
        peer.sendall("\r\n".join([*head, "", ""]).encode())
        for piece in (data[:10], data[10:20], data[20:]):
            peer.sendall(piece)

    return listening(behave)


def test_our_own_server_gives_the_same_bytes_again() -> None:
    """No times, no ports, no date: two recordings in two folders are the same file."""
    assert record() == 0
    assert main(["record", "greeting.scenario.yaml", "--to", "others"]) == 0
    assert Path("tapes/greeting.yaml").read_bytes() == Path("others/greeting.yaml").read_bytes()

    told = provenance()
    assert told["origin"] == "the reference server of this project, not the live service"
    assert told["models"] == ["gemini-3.5-flash"]
    assert (told["api_version"], told["revisions"]) == ("v1beta", ["2026-05-20"])
    assert told["redacted"] == {"value of x-goog-api-key": 1}
    assert "recorded" not in told


def test_a_recording_of_another_server_tells_when_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the chunks and their times; its key, echoed, in a cookie or as a project, is not in the file."""
    monkeypatch.setenv("MY_KEY", KEY)
    body = INTERACTION | {"labels": {"echo": KEY, "name": "projects/123456789012/x"}}
    with answering(body, "Set-Cookie: SID=abc; Path=/", f"x-echo: {KEY}") as server:
        assert record("--target", server.url, "--key-env", "MY_KEY") == 0
    text = Path("tapes/greeting.yaml").read_text(encoding="utf-8")

    assert KEY not in text
    assert "123456789012" not in text
    assert "SID=abc" not in text
    told = provenance()
    assert told["origin"].startswith("http://127.0.0.1:")
    assert told["recorded"].startswith("20")
    assert told["redacted"]["project number"] == 1
    (exchange,), _ = read_cassette(Path("tapes/greeting.yaml"))
    assert exchange.response is not None
    assert exchange.response.arrivals[-1].end == len(exchange.response.body)
    assert exchange.response.arrivals[-1].time_s > 0
    assert main(["lint", "--secrets", "tapes"]) == 0


def test_the_keys_of_the_environment_are_in_no_cassette(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent or not."""
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with answering(INTERACTION | {"labels": {"echo": KEY}}) as server:
        assert record("--target", server.url) == 0
    assert KEY not in Path("tapes/greeting.yaml").read_text(encoding="utf-8")


WRONG = INTERACTION | {"status": 7}


def test_a_recording_that_breaks_the_contract_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, the requirement, and what was there stays: a wrong answer becomes no fixture by itself."""
    assert record() == 0
    before = Path("tapes/greeting.yaml").read_bytes()
    with answering(WRONG) as server:
        assert record("--target", server.url) == 1
    told = capsys.readouterr().err

    assert "tapes/greeting.yaml is not written: the recording breaks IX-" in told
    assert "hint: `run` tells more; --even-if-wrong writes it" in told
    assert Path("tapes/greeting.yaml").read_bytes() == before


def test_a_wrong_recording_that_is_wanted_names_its_findings(capsys: pytest.CaptureFixture[str]) -> None:
    """In its provenance, with the requirement's id, and in what is printed."""
    with answering(WRONG) as server:
        assert record("--target", server.url, "--even-if-wrong") == 0
    assert "; it breaks IX-" in capsys.readouterr().out
    assert all(finding.startswith("IX-") and ": " in finding for finding in provenance()["findings"])
    assert provenance()["findings"]


def test_a_shortened_recording_says_so_and_plays() -> None:
    """Signatures and media are stubs that the judge takes."""
    signed = {"type": "thought", "signature": "c2ln" * 200}
    with answering(INTERACTION | {"steps": [signed, *INTERACTION["steps"]]}) as server:
        assert record("--target", server.url, "--shorten") == 0

    assert provenance()["shortened"] == 1
    assert Path("tapes/greeting.yaml").stat().st_size < 2000
    assert run() == 0


def test_ids_of_interactions_are_hidden_when_asked() -> None:
    """And what is left still conforms."""
    with answering(INTERACTION | {"id": "v1_Um9ib3RzQXJlTmljZQ"}) as server:
        assert record("--target", server.url, "--hide-ids") == 0
    assert "v1_REDACTED_1" in Path("tapes/greeting.yaml").read_text(encoding="utf-8")
    assert run() == 0


def test_an_edited_cassette_is_told_and_played(capsys: pytest.CaptureFixture[str]) -> None:
    """`run` and `lint` warn in a sentence; neither turns red."""
    assert record() == 0
    path = Path("tapes/greeting.yaml")
    path.write_text(path.read_text(encoding="utf-8").replace("keep-alive", "close"), encoding="utf-8")
    capsys.readouterr()

    assert run() == 0
    told = capsys.readouterr().out
    assert json.loads(told)["exit_code"] == 0
    assert EDITED in told
    assert main(["lint", "tapes"]) == 0
    assert EDITED in capsys.readouterr().out
    assert main(["lint", "tapes", "--strict"]) == 1
    assert record() == 0
    assert "exchanges recorded" in capsys.readouterr().out.splitlines()[-1]


def test_a_cassette_that_another_process_writes_is_left_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and a sentence; once it is free it is recorded."""
    with writing_alone(Path("tapes/greeting.yaml")):
        done = subprocess.run(
            [sys.executable, "-m", "conformance.cli", "record", "greeting.scenario.yaml", "--to", "tapes"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert "tapes/greeting.yaml is being written by another process" in done.stderr
    assert record() == 0


@pytest.mark.parametrize("function", ["fsync", "open", "mkdir"])
def test_a_folder_that_takes_nothing_is_one_sentence(
    function: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk when the cassette is written, a read-only folder before anything is sent; exit 2."""
    number = errno.ENOSPC if function == "fsync" else errno.EROFS

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    if function == "open":
        Path("tapes").mkdir()
    monkeypatch.setattr(os, function, refuse)
    code = record()
    monkeypatch.undo()
    told = capsys.readouterr().err

    assert code == 2
    assert f"tapes/greeting.yaml cannot be written: {os.strerror(number)}" in told
    assert "Traceback" not in told
    assert not [*Path().glob("tapes/*")]


def test_a_secret_that_is_left_stops_the_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What redaction cannot reach, twice encoded, is still seen; exit 1."""
    import base64
    import gzip

    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    packed = base64.b64encode(gzip.compress(KEY.encode())).decode()
    with answering(INTERACTION | {"labels": {"echo": packed}}) as server:
        assert record("--target", server.url) == 1
    told = capsys.readouterr().err
    assert (
        "tapes/greeting.yaml is not written: the body of response 0 would hold a secret: key in use" in told
    )
    assert not Path("tapes").exists()
