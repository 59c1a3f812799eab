"""`client` and `testee`: exit codes, reports, records, and a new driver that works at once."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from conformance.cli import main
from conformance.contract.places import folder
from tests.testees.programs import gone, program

CONTROL = [sys.executable, "-m", "conformance.testees.control"]
WRONG = [sys.executable, "-m", "conformance.testees.wrong"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_right_client_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, the families, the client with its version."""
    assert main(["client", "--only", "requests/", "--", *CONTROL]) == 0
    out = capsys.readouterr().out
    assert "    requests         26: 26 pass\n" in out
    assert "26 of 26 cases · control 2." in out
    assert "seed 7" in out


def test_a_wrong_client_is_told_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1; requirement, source, bytes, and the command that shows it again."""
    assert main(["client", "--only", "no-space", "--", *WRONG, "wants-a-space"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("fail SSE-007 client  framing/no-space ")
    assert "    source    https://html.spec.whatwg.org/multipage/server-sent-events.html\n" in out
    assert "    bytes     event: interaction.created | data:{" in out
    assert f"    again     gemini-conformance client --only framing/no-space -- {sys.executable} -m" in out
    assert "key-0-of-a-case" not in out


def test_a_failure_that_is_inferred_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A cut stream that is taken for success is a failure, though no document says it in so many words."""
    arguments = ["client", "--only", "errors/no-completed", "--", *WRONG, "takes-cuts-for-success"]
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert out.startswith("fail IX-STREAM-044 client  errors/no-completed response: the call failed, and")
    assert "(inferred, and it fails: data is lost or leaked, or a failure is told as a success)" in out


def test_a_warning_is_no_finding_unless_strict(capsys: pytest.CaptureFixture[str]) -> None:
    """As in every other command."""
    arguments = ["client", "--only", "unknown-event-kept", "--", *WRONG, "loses-unknown-events"]
    assert main(arguments) == 0
    assert main([arguments[0], "--strict", *arguments[1:]]) == 1
    assert "warn IX-SDK-007 client  delivery/unknown-event-kept" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["no-such-driver"], "no-such-driver cannot be started: No such file or directory"),
        ([sys.executable, "-c", "print('hello')"], "it printed 'hello'"),
    ],
)
def test_a_driver_that_cannot_be_driven(
    capsys: pytest.CaptureFixture[str], command: list[str], said: str
) -> None:
    """Exit code 4, and a hint."""
    assert main(["client", "--", *command]) == 4
    told = capsys.readouterr().err
    assert said in told
    assert "hint: " in told


def test_a_driver_that_breaks_the_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    """Its cases are judged, and the exit code is 4."""
    body = "ready()\nprint('a banner')\nfor name in calls(): say(type='end', id=name, text='')\n"
    assert main(["client", "--only", "delivery/no-steps", "--", *program(body)]) == 4
    assert "error driver: a line that is not JSON: a banner" in capsys.readouterr().out


def test_calls_that_make_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    """No command is 2, no case is 5."""
    assert main(["client"]) == 2
    assert main(["testee", "smoke"]) == 2
    assert main(["client", "--only", "serach", "--", *CONTROL]) == 5
    assert "no case holds serach" in capsys.readouterr().err


def test_the_record_keeps_its_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So does what is printed as JSON; the key of a case is in neither."""
    schema = json.loads((folder("schemas") / "harness" / "record.json").read_bytes())
    validator = Draft202012Validator(schema)
    options = ["--record", "r.ndjson", "--format", "json", "--only", "errors/"]
    assert main(["client", *options, "--", *WRONG, "loses-the-code"]) == 1
    printed = json.loads(capsys.readouterr().out)
    lines = [json.loads(line) for line in (tmp_path / "r.ndjson").read_text().splitlines()]
    assert {"case", "testee", "verdict", "exchange"} <= {line["type"] for line in lines}
    for line in lines:
        assert [error.message for error in validator.iter_errors(line)] == []
    assert printed == {"lines": lines, "exit_code": 1}
    assert "-of-a-case" not in json.dumps(printed)


@pytest.mark.parametrize(
    ("language", "program_", "file"),
    [("python", sys.executable, "driver.py"), ("javascript", "node", "driver.mjs")],
)
def test_a_new_driver_works_at_once(
    capsys: pytest.CaptureFixture[str], language: str, program_: str, file: str
) -> None:
    """It is written once, passes the smoke test, and is judged: its parser is not right, as it says."""
    assert main(["testee", "new", "--language", language]) == 0
    assert main(["testee", "new", "--language", language]) == 2
    assert f"{file} exists already" in capsys.readouterr().err
    if shutil.which(program_) is None:
        pytest.skip(f"there is no {program_}")
    assert main(["testee", "smoke", "--", program_, file]) == 0
    out = capsys.readouterr().out
    assert out.count("works     ") == 10
    assert "left out  a stream is left when asked to: the client does not declare cancel\n" in out
    assert main(["client", "--only", "requests/", "--", program_, file]) == 0
    assert main(["client", "--only", "no-space", "--", program_, file]) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit(1)", "missing   it starts and says ready: "),
        ("ready(language=5)\nfor name in calls(): pass", "ready: a message that breaks its schema: language"),
        (
            "ready(operations=['create'])\nfor name in calls(): pass",
            "missing   it starts and says ready: operations that nobody asks for: create",
        ),
        (
            "ready(capabilities=['stream', 'texts'])\nfor name in calls(): pass",
            "missing   it starts and says ready: capabilities that nobody asks for: texts",
        ),
        (
            "ready()\nfor name in calls(): say(type='unsupported', id=name, reason='no')",
            "missing   a call is answered: the driver declares interactions.create, and says",
        ),
        ("ready()\nfor name in calls(): say(type='fault', id=name, message='no')", "the driver failed: no"),
        (
            "ready(operations=[])\nfor name in calls(): pass",
            "missing   a call is answered: the client does not declare",
        ),
    ],
)
def test_the_smoke_test_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], body: str, said: str
) -> None:
    """In the order in which one writes a driver; exit code 4 at the first."""
    assert main(["testee", "smoke", "--", *program(body)]) == 4
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("name", ["text", "usage", "calls"])
def test_the_smoke_test_finds_what_is_declared_and_never_given(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A run cannot: a client may give it in some answers alone."""
    driver = Path("driver.py")
    assert main(["testee", "new"]) == 0
    driver.write_text(driver.read_text().replace('"events"],', f'"events", "{name}"],'))
    assert main(["testee", "smoke", "--", sys.executable, str(driver)]) == 4
    told = capsys.readouterr()
    assert f"the {name} of an answer is told: {name} is declared, and no end of a call has it" in told.out
    assert told.err == f"hint: Add it to end, or declare no {name}.\n"


def test_the_smoke_test_is_content_with_all_that_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    """Our own client declares everything, and every step works."""
    assert main(["testee", "smoke", "--", *CONTROL]) == 0
    out = capsys.readouterr().out
    assert out.count("works     ") == len(out.splitlines()) == 14


def test_a_command_without_its_dashes_is_told_with_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Ready to be typed."""
    assert main(["testee", "smoke", "node", "driver.mjs"]) == 2
    assert capsys.readouterr().err.endswith("hint: gemini-conformance testee smoke -- node driver.mjs\n")


def test_options_of_pytest_are_taken_as_they_are_written() -> None:
    """Though they begin with dashes; argparse alone takes them for its own."""
    options = ["--only", "requests/get", "--pytest", "--junitxml=x.xml"]
    assert main(["client", *options, "--", *CONTROL]) == 0
    assert "<testsuites" in Path("x.xml").read_text()


def test_a_call_that_is_declared_and_unsupported_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Once, and not again as a server that was not asked."""
    names = [f"interactions.{name}" for name in ("create", "get", "cancel", "delete")]
    body = f"ready(operations={names})\n"
    body += "for name in calls(): say(type='unsupported', id=name, reason='')\n"
    assert main(
        ["client", "--only", "conversations/stored_and", "--only", "requests/get", "--", *program(body)]
    )
    out = capsys.readouterr().out
    assert (
        "the driver declares interactions.get, and says this call is unsupported, without a pointer to what "
        "it has no way to say\n" in out
    )
    assert "asked nothing" not in out


def test_what_has_no_word_in_a_client_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """By its pointer, where no reason is given."""
    body = "ready()\nfor name in calls(): say(type='unsupported', id=name, pointer='/stream')\n"
    assert main(["client", "--only", "framing/mark-cut", "--", *program(body)]) == 5
    assert "1 case left out: the client has no way to say it: /stream\n" in capsys.readouterr().out


def test_what_a_call_asks_for_is_no_drift_of_the_client(capsys: pytest.CaptureFixture[str]) -> None:
    """Some conversations send what the contract does not know, on purpose."""
    options = ["--only", "conversations/refusals_of_members", "--strict"]
    assert main(["client", *options, "--", *CONTROL]) == 0
    assert "drift" not in capsys.readouterr().out


@pytest.mark.slow
def test_random_cuts_can_be_made_more(capsys: pytest.CaptureFixture[str]) -> None:
    """So many in all, on one process as on two; the finding says what shows it again."""
    options = ["--cuts", "6", "--seed", "5", "--record", "r.ndjson", "--only", "cuts/"]
    for more in ([], ["-n", "2"]):
        assert main(["client", *options, *more, "--", *CONTROL]) == 0
        lines = [json.loads(line) for line in Path("r.ndjson").read_text().splitlines()]
        cut = [line for line in lines if line["type"] == "case"]
        assert {line["requests"] for line in cut} == {1}
        assert {line["options"] for line in cut} == {"--seed 5 --cuts 6"}
    capsys.readouterr()
    assert main(["client", *options, "--", *WRONG, "splits-lines-per-chunk"]) == 1
    assert "client --only cuts/text --seed 5 --cuts 6 -- " in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGTERM")
@pytest.mark.parametrize(
    "options",
    [
        ["client", "--only", "framing"],
        ["client", "--only", "framing", "-n", "1"],
        ["client", "--once"],
        ["testee", "smoke"],
    ],
)
def test_nothing_is_left_after_sigterm(options: list[str]) -> None:
    """143, and the program is gone, though it heeds no end of its stdin; `timeout` sends the signal twice."""
    body = "open('pid', 'w').write(str(os.getpid()))\nready()\ntime.sleep(60)\n"
    command = [sys.executable, "-m", "conformance.cli", *options, "--", *program(body)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(400):
        if Path("pid").exists() and Path("pid").read_text():
            break
        time.sleep(0.05)
    time.sleep(0.3)
    for _ in range(5):
        run.send_signal(signal.SIGTERM)
        time.sleep(0.02)
    _, told = run.communicate(timeout=20)
    assert (run.returncode, told.splitlines()[-1]) == (143, "terminated")
    assert gone(int(Path("pid").read_text()))


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_nothing_is_left_after_ctrl_c() -> None:
    """130, and the driver is gone."""
    body = "open('pid', 'w').write(str(os.getpid()))\nready()\nfor name in calls(): time.sleep(60)\n"
    run = subprocess.Popen(
        [sys.executable, "-m", "conformance.cli", "client", "--only", "framing", "--", *program(body)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(200):
        if Path("pid").exists() and Path("pid").read_text():
            break
        time.sleep(0.05)
    time.sleep(0.3)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=20)
    assert (run.returncode, told.splitlines()[-1]) == (130, "interrupted")
    time.sleep(0.2)
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path("pid").read_text()), 0)
