"""Cassettes: how requests are known again, and that ours are up to date."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
import yaml

from conformance.cli import main
from conformance.contract.places import folder
from conformance.errors import CassetteMiss
from conformance.scenario.recording import Wishes, record_scenario
from conformance.scenario.running import Options, Targets, cassette_path
from conformance.scenario.target import CassetteTarget
from conformance.wire.cassette import read_cassette
from conformance.wire.exchange import Request

SCENARIOS = folder("scenarios") / "interactions"
CASSETTES = folder("cassettes") / "interactions"
URL = "http://anywhere.example/v1beta/interactions"
BODY = b'{"model":"gemini-3.5-flash","input":"Explain how AI works in a few words"}'


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection fails."""

    def refuse(*_: object) -> NoReturn:
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", URL, None, BODY),
        Request("POST", f"{URL}?key=another", (("x-goog-api-key", "another"),), BODY),
        Request("POST", "/v1beta/interactions", (("accept", "nothing"),), BODY),
        Request(
            "POST",
            URL,
            None,
            b'{ "input": "Explain how AI works in a few words", "model": "gemini-3.5-flash"}',
        ),
    ],
)
def test_a_request_is_known_whatever_its_headers_and_the_order_of_its_keys(request_: Request) -> None:
    """Method, path, query without the key, and the body as JSON."""
    exchange = CassetteTarget(CASSETTES / "text.yaml").send(request_)
    assert exchange.response is not None
    assert exchange.response.status == 200


@pytest.mark.parametrize(
    ("request_", "differs"),
    [
        (Request("GET", URL, None, BODY), "the method, POST"),
        (Request("POST", URL.replace("v1beta", "v1"), None, BODY), "the path, /v1beta/interactions"),
        (Request("POST", f"{URL}?alt=sse", None, BODY), "the query, none"),
        (
            Request("POST", URL, None, BODY.replace(b"few", b"lot of")),
            '/input: "Explain how AI works in a few',
        ),
        (Request("POST", URL, None, BODY.replace(b"}", b',"store":true}')), "/store, which it lacks"),
        (Request("POST", URL, None, b'{"model":"gemini-3.5-flash"}'), "/input, which only it has"),
        (Request("POST", URL, None, BODY[:-1]), "the body: {"),
    ],
)
def test_a_miss_names_what_differs_from_the_nearest(request_: Request, differs: str) -> None:
    """So that an edited scenario explains itself."""
    with pytest.raises(CassetteMiss) as missed:
        CassetteTarget(CASSETTES / "text.yaml").send(request_)
    assert f"the nearest is its exchange 0, which differs in {differs}" in str(missed.value)


def test_an_exchange_is_played_once() -> None:
    """Asked again, the cassette says that it has been played."""
    target = CassetteTarget(CASSETTES / "text.yaml")
    target.send(Request("POST", URL, None, BODY))
    with pytest.raises(CassetteMiss, match="its exchange 0 is the same, and has been played"):
        target.send(Request("POST", URL, None, BODY))


def test_bodies_that_are_not_json_are_known_by_their_bytes() -> None:
    """Another broken body is another request."""
    with pytest.raises(CassetteMiss, match="differs in the body"):
        CassetteTarget(CASSETTES / "refusals.yaml").send(Request("POST", URL, None, b'{"model": '))


_WATCHED = """
import os, socket, sys
from conformance.cli import main
sys.addaudithook(lambda event, _: event.startswith("socket.") and os._exit(99))
sys.exit(main(sys.argv[1:]) if sys.argv[1:] else socket.socket())
"""


def test_all_cassettes_are_played_and_no_socket_is_opened(tmp_path: Path) -> None:
    """The interpreter itself tells of each, as it does where one is made."""
    watched = [sys.executable, "-c", _WATCHED]
    run = [*watched, "run", "--target", "cassettes"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert "63 of 63 scenarios" in done.stdout
    made = subprocess.run(watched, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert made.returncode == 99


@pytest.mark.usefixtures("_no_network")
def test_an_edited_scenario_is_a_miss_and_opens_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1; the report names the nearest recorded request and what differs."""
    monkeypatch.chdir(tmp_path)
    text = (SCENARIOS / "text.scenario.yaml").read_text()
    Path("text.scenario.yaml").write_text(text.replace("in a few words", "in verse"))
    run = ["run", "text.scenario.yaml", "--target", "cassettes", "--cassettes", str(CASSETTES)]
    assert main(run) == 1
    told = capsys.readouterr().out
    assert (
        "holds no answer to POST /v1beta/interactions; the nearest is its exchange 0, which differs" in told
    )
    assert "    hint      The scenario was edited after it was recorded: record it again." in told


@pytest.mark.usefixtures("_no_network")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "tapes/text.yaml: there is no such cassette"),
        ("", "tapes/text.yaml: not a cassette"),
        ("interactions:\n- request: {method: POST", "tapes/text.yaml: not a cassette: "),
        (
            "interactions:\n- request: {method: POST, uri: /}\n",
            "no request or no response: the file is cut off",
        ),
    ],
)
def test_a_cassette_that_cannot_be_played_is_named(
    text: str | None,
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Missing or cut off: exit 2, the file, and how to have it again."""
    monkeypatch.chdir(tmp_path)
    Path("tapes").mkdir()
    Path("text.scenario.yaml").write_text((SCENARIOS / "text.scenario.yaml").read_text())
    if text is not None:
        Path("tapes/text.yaml").write_text(text)
    assert main(["run", "text.scenario.yaml", "--target", "cassettes", "--cassettes", "tapes"]) == 2
    told, notes = capsys.readouterr()
    assert problem in told
    assert "    hint      Record it with `gemini-conformance record`;" in told
    assert "Traceback" not in told + notes


@pytest.mark.slow
def test_a_cassette_cut_off_anywhere_is_never_green(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it ends, as long as an answer is not whole."""
    monkeypatch.chdir(tmp_path)
    Path("tapes").mkdir()
    Path("text.scenario.yaml").write_text((SCENARIOS / "text.scenario.yaml").read_text())
    lines = (CASSETTES / "text.yaml").read_text().splitlines(keepends=True)
    last = next(number for number, line in enumerate(lines) if line.startswith("arrivals"))
    for end in range(0, last, 4):
        Path("tapes/text.yaml").write_text("".join(lines[:end]))
        assert main(["run", "text.scenario.yaml", "--target", "cassettes", "--cassettes", "tapes"]) in (1, 2)
        assert "Traceback" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.scenario.yaml")), ids=lambda path: path.name)
def test_our_cassettes_are_up_to_date(path: Path, tmp_path: Path) -> None:
    """Playing a scenario on the embedded server gives what its cassette holds, times aside."""
    kept = cassette_path(path)
    copy = tmp_path / kept.relative_to(folder("cassettes"))
    copy.parent.mkdir(parents=True)
    copy.write_bytes(kept.read_bytes())
    targets = Targets(Options())
    try:
        told = record_scenario(path, "embedded", targets, Wishes(str(tmp_path)))
    finally:
        targets.close()
    assert told.endswith(", unchanged"), f"{told}: run `gemini-conformance record`"


def test_every_cassette_tells_its_provenance_and_belongs_to_a_scenario() -> None:
    """Nobody may take a recording of our server for one of the service."""
    for path in folder("cassettes").rglob("*.yaml"):
        _, provenance = read_cassette(path)
        assert provenance["origin"] == "the reference server of this project, not the live service"
        assert provenance["scenario"] == path.relative_to(folder("cassettes")).as_posix().removesuffix(
            ".yaml"
        )
        assert (folder("scenarios") / f"{provenance['scenario']}.scenario.yaml").exists()
        assert yaml.safe_load(path.read_text())["version"] == 1
