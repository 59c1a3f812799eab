"""The command line: what it prints, where, and with which exit code."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml
from jsonschema import Draft202012Validator

from conformance.cli import main
from conformance.contract.places import folder
from conformance.server import serving
from tests import badservers
from tests.badservers import listening, relaying

SCENARIOS = folder("scenarios") / "interactions"
TEXT = str(SCENARIOS / "text.scenario.yaml")
STREAMED = str(SCENARIOS / "text_streamed.scenario.yaml")
GOOD: dict[str, Any] = {
    "title": "A greeting gets an answer",
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
CALL = GOOD["calls"][0]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty folder and without a key."""
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def command(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "conformance.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **more},
    )


def written(name: str = "greeting", data: Any = GOOD) -> str:
    """Write a scenario into the current folder; text is written as it is."""
    path = Path(f"{name}.scenario.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data))
    return str(path)


def record_of(path: str | Path) -> list[dict[str, Any]]:
    """Read a record."""
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def problems(lines: Sequence[dict[str, Any]]) -> list[str]:
    """What is wrong with the lines of a record by its schema."""
    schema = json.loads((folder("schemas") / "harness" / "record.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    return [f"{line['type']}: {error.message}" for line in lines for error in validator.iter_errors(line)]


# run


def test_a_run_without_arguments_is_green(capsys: pytest.CaptureFixture[str]) -> None:
    """Our scenarios keep the contract, by cassette and by server; each scenario and each area is told."""
    assert main(["run"]) == 0
    told, notes = capsys.readouterr()
    files = list(SCENARIOS.glob("*.scenario.yaml"))
    for file in files:
        assert f"interactions/{file.name.removesuffix('.scenario.yaml')} " in told
    assert told.count("pass (cassettes), pass (embedded)") == len(files)
    for area in ("stream", "function", "search", "turn", "error"):
        assert any(line.startswith(f"    {area} ") and " judged: " in line for line in told.splitlines())
    assert told.splitlines()[-1].endswith(f"· {2 * len(files)} of {2 * len(files)} scenarios · seed 7")
    first, second = notes.splitlines()
    assert first == "seed 7, targets cassettes, embedded"
    assert second.startswith("record: .gemini-conformance/run-")


def test_json_holds_lines_that_have_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """stdout is one JSON document; its lines are those of the record."""
    assert main(["run", TEXT, STREAMED, "--format", "json", "--record", "r.ndjson"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == 0
    assert problems(told["lines"]) == []
    assert told["lines"] == record_of("r.ndjson")
    assert {line["type"] for line in told["lines"]} >= {"header", "scenario", "exchange", "passes", "footer"}


def test_findings_faults_and_drift_have_a_schema_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a run meets, its record is as described."""
    written("no", "title: [")

    def change(body: bytes) -> bytes:
        return body.replace(b'"object":"interaction"', b'"object":5,"novelty":1').replace(
            b"Spain", b"Ruritania"
        )

    with listening(relaying(change)) as server:
        search = str(SCENARIOS / "search.scenario.yaml")
        assert main(["run", search, "no.scenario.yaml", "--target", server.url, "--record", "r"]) == 2
    assert problems(record_of("r")) == []
    assert {line["type"] for line in record_of("r")} >= {"verdict", "drift"}
    Path("list.json").write_text('{"object": "interaction", "status": 5}')
    Path("broken.json").write_text('{"object": ')
    Path("page.html").write_text("<html>")
    assert main(["lint", ".", "--record", "lint.ndjson"]) == 1
    assert problems(record_of("lint.ndjson")) == []
    capsys.readouterr()


def test_verbose_lists_every_requirement_that_was_judged(capsys: pytest.CaptureFixture[str]) -> None:
    """With -v each requirement has a line with its outcome and how often it was kept."""
    assert main(["run", STREAMED, "-v"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["pass", "IX-STREAM-012"] in [line[:2] for line in lines]


def test_a_wrong_endpoint_turns_red_and_shows_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One event is dropped: the requirement is named, and its curl line gets the same bytes."""

    def change(body: bytes) -> bytes:
        frames = body.split(b"\n\n")
        return b"\n\n".join(frame for frame in frames if b"event: interaction.completed" not in frame)

    with listening(relaying(change)) as server:
        assert main(["run", STREAMED, "--target", server.url]) == 1
        told = capsys.readouterr().out
        finding = told[told.index("fail IX-STREAM-035 server") :]
        again = next(line for line in finding.splitlines() if line.startswith("    again     "))
        monkeypatch.setenv("GEMINI_API_KEY", "a-key")
        shell = subprocess.run(
            again.removeprefix("    again     "), shell=True, capture_output=True, timeout=20, check=True
        )
    assert b"event: interaction.created" in shell.stdout
    assert b"interaction.completed" not in shell.stdout


def test_closed_fails_and_strict_fails_on_what_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """A new field is drift and green; --closed and --strict make it count. Ours keeps both."""

    def change(body: bytes) -> bytes:
        return body.replace(b'"object":"interaction"', b'"object":"interaction","novelty":1')

    with listening(relaying(change)) as server:
        to = [TEXT, "--target", server.url]
        assert main(["run", *to]) == 0
        assert "drift: 1 thing " in capsys.readouterr().out
        assert main(["run", *to, "--strict"]) == 1
        assert main(["run", *to, "--closed"]) == 1
        assert "novelty" in capsys.readouterr().out
    assert main(["run", "--closed", "--strict", "--target", "embedded"]) == 0


def test_workers_change_no_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    """With -n 2 the same verdicts come as without, in any order."""
    run = command("run", "-n", "2", "--format", "json")
    assert run.returncode == 0, run.stderr
    assert main(["run", "--format", "json"]) == 0

    def judged(text: str) -> list[tuple[str, str]]:
        kinds = ("scenario", "passes", "verdict")
        lines = [line for line in json.loads(text)["lines"] if line["type"] in kinds]
        for line in lines:
            line.pop("seconds", None)
        return sorted((line["subject"], json.dumps(line, sort_keys=True)) for line in lines)

    assert judged(run.stdout) == judged(capsys.readouterr().out)


# what is wrong with a scenario


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("title: [", "line 2: not YAML: "),
        ("just words", ": 'just words' is not of type 'object'"),
        (b"title: \xff".decode("latin-1"), "is not valid"),
        ({**GOOD, "calls": []}, " calls: "),
        ({**GOOD, "exercises": ["IX-NOPE-001"]}, " exercises/0: there is no requirement IX-NOPE-001"),
        (
            {**GOOD, "calls": [{**CALL, "arguments": {"input": ["<nobody>"]}}]},
            " calls/0/arguments: <nobody> is bound by nothing before it (bound: model)",
        ),
        ({**GOOD, "calls": [CALL, CALL]}, " calls/1/name: two calls are called 'greet'"),
        ({**GOOD, "calls": [{**CALL, "operation": "interactions.get"}]}, "interactions.get needs an id"),
        ({**GOOD, "calls": [{**CALL, "bind": {"x": "$["}}]}, " calls/0/bind/x: '$[' is not JSONPath"),
        ({**GOOD, "calls": [{**CALL, "expect": {"says": "("}}]}, " calls/0/expect/says: "),
        (
            {**GOOD, "given": {"day": "@"}},
            " given/day: 2026-01-02 is of the kind date, which JSON does not have: quote it",
        ),
        ({**GOOD, "given": {"limit": float("nan")}}, " given/limit: nan is of the kind float"),
        ({**GOOD, "given": {"table": {1: 2}}}, " given/table: the key 1 is no text: quote it"),
        ("a: &a [*a]", "nested too deeply"),
    ],
)
def test_a_broken_scenario_is_named_with_its_place(
    data: Any, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, the file and the place; nothing of it is sent, and the other scenarios are judged."""
    text = data if isinstance(data, str) else yaml.safe_dump(data).replace("'@'", "2026-01-02")
    broken, good = written("broken", text), written("good")
    if problem == "is not valid":
        Path(broken).write_bytes(b"title: \xff")
        problem = "not YAML: 'utf-8' codec can't decode"
    assert main(["run", broken, good, "--target", "embedded", "--format", "text"]) == 2
    told, notes = capsys.readouterr()
    line = next(line for line in told.splitlines() if line.startswith("error "))
    assert f"broken.scenario.yaml{problem}" in line or (broken in line and problem in line)
    assert "good    pass (embedded)" in told
    assert "Traceback" not in told + notes
    assert main(["list", broken, good]) == 2
    assert "greet" in capsys.readouterr().out.lower()


@pytest.mark.parametrize(
    ("path", "code", "problem"),
    [
        ("nowhere", 2, "nowhere: no such file or folder"),
        ("empty", 5, "no scenario in empty"),
        ("notes.yaml", 2, "notes.yaml is not called *.scenario.yaml"),
    ],
)
def test_paths_without_a_scenario_are_refused(
    path: str, code: int, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing path and a wrong name are a wrong call; an empty folder is no evidence."""
    Path("empty").mkdir()
    Path("notes.yaml").touch()
    assert main(["run", path]) == code
    told, notes = capsys.readouterr()
    assert told == ""
    assert notes.startswith(f"gemini-conformance: {problem}\nhint: ")


def test_a_path_may_look_like_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose name begins with a dash is a file."""
    written("-k")
    assert main(["run", "./-k.scenario.yaml", "--target", "embedded"]) == 0
    assert "pass (embedded)" in capsys.readouterr().out


def test_no_target_that_cannot_work_is_asked_anything(capsys: pytest.CaptureFixture[str]) -> None:
    """live without a key is refused before the run begins; no record is opened."""
    assert main(["run", "--target", "live"]) == 2
    told, notes = capsys.readouterr()
    assert told == ""
    assert notes.splitlines()[0].endswith("neither GEMINI_API_KEY nor GOOGLE_API_KEY is set")
    assert not Path(".gemini-conformance").exists()


# pytest


def test_options_of_pytest_select_and_report(capsys: pytest.CaptureFixture[str]) -> None:
    """What stands after -- goes to pytest."""
    run = ["run", "--target", "embedded", "--format", "json", "--"]
    assert main([*run, "-k", "search_streamed", "--junitxml=x.xml"]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    subjects = [line["subject"] for line in lines if line["type"] == "scenario"]
    assert subjects == ["interactions/search_streamed[embedded]"]
    assert 'tests="1"' in Path("x.xml").read_text()


def test_an_option_that_pytest_refuses_is_a_wrong_call(capfd: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and the option is named."""
    assert main(["run", TEXT, "--", "--nonsense"]) == 2
    told, notes = capfd.readouterr()
    assert told == ""
    assert "gemini-conformance: pytest refuses --nonsense" in notes


def test_a_selection_of_nothing_is_not_green(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing judged is exit 5."""
    assert main(["run", TEXT, "--", "-k", "serach"]) == 5
    assert capfd.readouterr().out.endswith("· no scenario was selected: not enough evidence\n")


def test_the_settings_of_the_folder_take_no_part(capsys: pytest.CaptureFixture[str]) -> None:
    """PYTEST_ADDOPTS, pytest.ini and conftest.py are someone else's."""
    path = written()
    Path("conftest.py").write_text("raise SystemExit('the conftest was read')")
    Path("pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    Path("pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--nonsense'\n")
    run = command("run", path, "--target", "embedded", PYTEST_ADDOPTS="--nonsense", PYTEST_PLUGINS="nowhere")
    assert run.returncode == 0, run.stderr
    assert "pass (embedded)" in run.stdout


# the record


def test_a_record_has_a_header_and_a_footer() -> None:
    """What ran, with which data, and how it ended."""
    assert main(["run", TEXT, "--target", "embedded", "--record", "deep/er/r.ndjson", "--seed", "9"]) == 0
    header, *_, footer = record_of("deep/er/r.ndjson")
    assert (header["type"], header["command"], header["targets"]) == ("header", "run", ["embedded"])
    assert (header["seed"], header["closed"]) == (9, False)
    assert (footer["type"], footer["exit_code"]) == ("footer", 0)
    assert footer["counts"]["pass"] > 5


def test_a_run_that_is_killed_leaves_what_it_saw() -> None:
    """Lines that can be read, and no footer."""
    with listening(badservers.says_nothing) as server:
        targets = ["--target", "embedded", "--target", server.url]
        run = subprocess.Popen(
            [sys.executable, "-P", "-m", "conformance.cli", "run", TEXT, *targets, "--record", "r.ndjson"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert server.asked.wait(15)
        finally:
            run.kill()
            run.wait(10)
    lines = record_of("r.ndjson")
    assert problems(lines) == []
    assert [line["type"] for line in lines][:2] == ["header", "scenario"]
    assert lines[1]["subject"] == "interactions/text[embedded]"
    assert "footer" not in [line["type"] for line in lines]


def test_an_interrupted_run_is_not_green() -> None:
    """Ctrl-C ends a run with 130, whatever passed before."""
    with (
        listening(badservers.says_nothing) as server,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "conformance.cli", "run", TEXT, "--target", server.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as run,
    ):
        assert server.asked.wait(15)
        run.send_signal(signal.SIGINT)
        told, notes = run.communicate(timeout=20)
    assert (run.returncode, told, notes.splitlines()[1:]) == (130, "", ["interrupted"])


@pytest.mark.parametrize(
    ("path", "problem"),
    [(None, "no record is kept: .gemini-conformance/"), ("/dev/full", "the record ends early: /dev/full: ")],
)
def test_a_record_that_cannot_be_written_is_told_and_the_run_goes_on(
    path: str | None, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that refuses (here, because it is a file) and a full disk change no outcome."""
    Path(".gemini-conformance").touch()
    given = ["--record", path] if path else []
    assert main(["run", TEXT, "--target", "embedded", *given]) == 0
    told, notes = capsys.readouterr()
    assert "pass (embedded)" in told
    _, note = notes.splitlines()
    assert note.startswith(problem)


def test_whoever_stops_reading_sees_no_traceback() -> None:
    """`| head -1` ends the command as a closed pipe does everywhere."""
    shell = f"set -o pipefail; {sys.executable} -P -m conformance.cli requirements | head -n 1"
    piped = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=20, check=False)
    assert piped.returncode in (0, 128 + signal.SIGPIPE)
    assert len(piped.stdout.splitlines()) == 1
    assert "rror" not in piped.stderr


# record


def test_what_record_writes_run_plays(capsys: pytest.CaptureFixture[str]) -> None:
    """Cassettes in a folder of one's own, with provenance; a second recording changes nothing."""
    path = written()
    record = ["record", path, TEXT, STREAMED, "--to", "tapes"]
    assert main(record) == 0
    assert "tapes/greeting.yaml: 1 exchanges recorded" in capsys.readouterr().out
    assert main(record) == 0
    assert capsys.readouterr().out.count("unchanged") == 3
    cassette = yaml.safe_load(Path("tapes/greeting.yaml").read_text())
    assert cassette["provenance"]["origin"].startswith("the reference server of this project")
    assert main(["run", path, TEXT, STREAMED, "--cassettes", "tapes", "--target", "cassettes"]) == 0
    assert capsys.readouterr().out.count("pass (cassettes)") == 3


def test_what_cannot_be_recorded_there_is_named_and_the_rest_is_recorded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is for our own server alone is no error; a budget that ends amid a scenario is told, and 5."""
    embedded = str(folder("scenarios") / "interactions" / "failed.scenario.yaml")
    with serving() as server:
        asked = ["record", "--target", server.url, "--to", "tapes", "--budget", "requests=4"]
        assert main([*asked, embedded]) == 5
        assert main([*asked, embedded, TEXT]) == 0
        named = "not recorded: interactions/failed: it makes sense for embedded and cassettes alone\n"
        assert capsys.readouterr().err.count(named) == 2
        assert main([*asked, str(folder("scenarios") / "interactions" / "turns.scenario.yaml")]) == 5
    told = capsys.readouterr().err
    assert "interactions/turns: nothing was recorded: at the call " in told
    assert "the budget is spent" in told
    assert [path.name for path in Path("tapes").rglob("*.yaml")] == ["text.yaml"]


def test_an_answer_that_was_cut_off_is_not_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """A cassette does not tell that its answer was not whole, so there is none."""
    with listening(badservers.promises_more) as server:
        assert main(["record", written(), "--target", server.url, "--to", "tapes"]) == 5
    assert "nothing was recorded: the connection ended early" in capsys.readouterr().err
    assert not Path("tapes").exists()


def test_a_folder_that_takes_no_cassettes_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, exit 2."""
    Path("tapes").touch()
    assert main(["record", written(), "--to", "tapes"]) == 2
    assert "tapes/greeting.yaml cannot be written: " in capsys.readouterr().err


def test_cassettes_are_not_recorded_from_cassettes(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong call."""
    assert main(["record", "--target", "cassettes"]) == 2
    assert "a cassette cannot be recorded from cassettes" in capsys.readouterr().err


# list, requirements, help


def test_list_tells_what_a_scenario_exercises(capsys: pytest.CaptureFixture[str]) -> None:
    """Id, title, calls, requirements."""
    assert main(["list", STREAMED]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "interactions/text_streamed: An answer comes as it is made"
    assert second.startswith("    calls 2; exercises IX-STREAM-001, ")


def test_a_requirement_is_explained_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence, level, confidence, source and checks."""
    assert main(["requirements", "IX-STREAM-012"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("IX-STREAM-012 ")
    assert "    source    https://" in told
    assert "    check     stream." in told


def test_all_requirements_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each; their number is a note."""
    assert main(["requirements"]) == 0
    told, notes = capsys.readouterr()
    assert notes.startswith(f"{len(told.splitlines())} of {len(told.splitlines())} requirements: ")


def test_an_unknown_requirement_gets_its_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip of the finger is answered with what was meant."""
    assert main(["requirements", "IX-STREM-012"]) == 2
    assert "there is no requirement IX-STREM-012" in (notes := capsys.readouterr().err)
    assert "IX-STREAM-012" in notes


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "exit codes: 0 conforms"),
        (["run", "--help"], 0, "--target TARGET"),
        (["--version"], 0, "gemini-conformance 0."),
        ([], 2, "usage: gemini-conformance"),
        (["run", "--timeout", "0"], 2, "0 is not a time in seconds"),
        (["run", "--timeout", "soon"], 2, "soon is not a time in seconds"),
        (["run", "-n", "some"], 2, "some is not a whole number from 1"),
        (["lint", "--max-mb", "0", "a.json"], 2, "0 is not a whole number from 1"),
        (["run", "--nonsense"], 2, "unrecognized arguments: --nonsense"),
        (["dance"], 2, "invalid choice: 'dance'"),
    ],
)
def test_words_of_the_command_line(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Help and version end with 0, a wrong call with 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert (ended.value.code or 0) == code
    told, notes = capsys.readouterr()
    assert said in (told if code == 0 else notes)


def test_elsewhere_than_in_run_paths_come_after_two_dashes(capsys: pytest.CaptureFixture[str]) -> None:
    """As in any other program; only `run` hands what follows to pytest."""
    written("-odd")
    assert main(["list", "--", "-odd.scenario.yaml"]) == 0
    assert "-odd: " in capsys.readouterr().out


# serve


def test_serve_says_where_answers_and_ends_when_told() -> None:
    """The URL is all of stdout; SIGINT and SIGTERM end it with 0."""
    for number in (signal.SIGINT, signal.SIGTERM):
        server = subprocess.Popen(
            [sys.executable, "-P", "-m", "conformance.cli", "serve"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        asked = Request(
            f"{url}/v1beta/interactions",
            b'{"model": "gemini-3.5-flash", "input": "Hello"}',
            {"x-goog-api-key": "a-key"},
        )
        with urlopen(asked, timeout=10) as answer:
            assert json.load(answer)["object"] == "interaction"
        server.send_signal(number)
        told, notes = server.communicate(timeout=10)
        assert (server.returncode, told) == (0, "")
        assert notes == "reference server, seed 7; ctrl-C ends it\n"


def test_serve_refuses_a_port_in_use_and_other_hosts(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and one sentence with its hint."""
    with serving() as server:
        assert main(["serve", "--port", str(server.port)]) == 2
        assert capsys.readouterr().err.startswith(
            f"gemini-conformance: port {server.port} on 127.0.0.1 is in use\nhint: "
        )
    assert main(["serve", "--host", "0.0.0.0"]) == 2
    assert "0.0.0.0 is not a loopback address" in capsys.readouterr().err


# lint


def test_lint_is_green_on_what_our_server_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Our cassettes keep the contract; some of their requests are wrong, on purpose."""
    assert main(["lint", str(folder("cassettes")), "--party", "server"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(" files judged")


@pytest.mark.parametrize(
    ("files", "path", "code", "said"),
    [
        ({}, "nowhere", 2, "nowhere: no such file or folder"),
        ({"a.json": "{"}, "a.json", 1, "a.json: not JSON from line 1 column 2 on"),
        ({"a.sse": ""}, "a.sse", 1, "a.sse: the file is empty"),
        ({"a.html": "<html>Sign in"}, "a.html", 1, "a.html: an HTML page, not an answer of the API"),
        ({"a.txt": "shopping list"}, ".", 5, "nothing was judged"),
        ({"a.json": '{"object": "interaction", "status": 5}'}, ".", 1, "fail IX-CREATE-0"),
    ],
)
def test_lint_tells_by_its_exit_code(
    files: dict[str, str], path: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing 2, unreadable 1, nothing judged 5, a finding 1."""
    for name, text in files.items():
        Path(name).write_text(text)
    assert main(["lint", path]) == code
    told, notes = capsys.readouterr()
    assert said in told + notes
    assert "Traceback" not in told + notes


def test_lint_goes_on_after_a_broken_file(capsys: pytest.CaptureFixture[str]) -> None:
    """One broken file is a finding; the rest is judged; JSON tells the same."""
    Path("a.json").write_text("{")
    Path("b.yaml").write_bytes((folder("cassettes") / "interactions" / "text.yaml").read_bytes())
    assert main(["lint", ".", "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert problems(told["lines"]) == []
    files = {line["subject"]: line["outcome"] for line in told["lines"] if line["type"] == "file"}
    assert files == {"a.json": "fail", "b.yaml": "pass"}


def test_lint_judges_the_rest_when_a_path_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """The call is wrong, so the exit code is 2; the record tells both."""
    Path("b.yaml").write_bytes((folder("cassettes") / "interactions" / "text.yaml").read_bytes())
    assert main(["lint", "none.json", "b.yaml", "--record", "kept.ndjson"]) == 2
    told = capsys.readouterr().out
    assert "error none.json: no such file or folder" in told
    assert "1 of 2 files judged" in told
    assert problems(record_of("kept.ndjson")) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe of the file system")
def test_lint_waits_for_no_pipe() -> None:
    """Nobody writes into it, and a folder may hold anything."""
    Path("folder").mkdir()
    os.mkfifo("folder/pipe")
    Path("folder/b.yaml").write_bytes((folder("cassettes") / "interactions" / "text.yaml").read_bytes())
    assert command("lint", "folder").returncode == 0


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device without end")
def test_what_never_ends_is_too_large(capsys: pytest.CaptureFixture[str]) -> None:
    """A device tells no size; it is read as far as the limit."""
    assert main(["lint", "--max-mb", "1", "/dev/zero"]) == 5
    assert "over the limit of 1 MB" in capsys.readouterr().out


# output


@pytest.mark.parametrize(("end", "code", "said"), [(">&-", 0, ""), (">/dev/full", 2, "cannot be written")])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is full")
def test_an_output_that_takes_nothing_is_no_fault_of_ours(end: str, code: int, said: str) -> None:
    """A closed stdout hears nothing; a full disk is told."""
    shell = f'"{sys.executable}" -P -m conformance.cli list {end}'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_scenario_of_ones_own_needs_no_cassette(capsys: pytest.CaptureFixture[str]) -> None:
    """Unless cassettes are asked for; once there is one it is played."""
    mine = written()
    assert main(["run", mine]) == 0
    assert "pass (embedded)" in capsys.readouterr().out
    assert main(["run", mine, "--target", "cassettes"]) == 2
    assert main(["record", mine]) == 0
    capsys.readouterr()
    assert main(["run", mine]) == 0
    assert "pass (cassettes), pass (embedded)" in capsys.readouterr().out


def test_a_folder_of_cassettes_that_is_missing_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Before any scenario is played."""
    assert main(["run", "--cassettes", "none"]) == 2
    assert "gemini-conformance: none: no such file or folder" in capsys.readouterr().err


def test_a_target_that_nobody_listens_on_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 5: there is no evidence."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    assert main(["run", TEXT, STREAMED, "--target", url]) == 5
    told, notes = capsys.readouterr()
    assert told.count("refuses the connection: nothing listens there") == 1
    assert "Traceback" not in told + notes
