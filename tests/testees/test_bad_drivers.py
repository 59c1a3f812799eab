"""Drivers that are wrong in one way each: one clear finding, no hang, and nothing is left running."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from conformance.errors import ConformanceError, TesteeBroken
from conformance.testees.case import read_cases
from conformance.testees.process import Testee
from conformance.testees.running import run_cases
from tests.testees.programs import gone, left_over, program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ECHO = "ready()\nfor name in calls():\n    say(type='end', id=name, text=name)\n"
FORKS = """
import subprocess
ready()
for name in calls():
    {}
    say(type='end', id=name, text=name)
"""
EVENTS = """
ready()
for name in calls():
    for seq in range(1, 10**9): say(type='event', id=name, seq=seq, value={})
"""
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def call(name: str = "c1") -> dict[str, str]:
    """A call that no bad driver reads further than its id."""
    return {"type": "call", "id": name}


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """A word in the environment of the drivers of one test, by which to find what is left of them."""
    word = uuid4().hex
    monkeypatch.setenv("MARK", word)
    return word


def nothing_left(mark: str) -> bool:
    """Whether every driver of a test has gone; the test itself never had the word when it started."""
    return all(map(gone, left_over(mark)))


def running(mark: str, number: int) -> bool:
    """Whether so many processes of a test come to run: one that has just begun has no environment yet."""
    end = time.monotonic() + 10
    while len(left_over(mark)) < number and time.monotonic() < end:
        time.sleep(0.02)
    return len(left_over(mark)) == number


ANSWERED = {
    "a banner": ("print('Welcome!')\n" + ECHO, "a line that is not JSON: Welcome!"),
    "bytes that are no UTF-8": (
        'sys.stdout.buffer.write(b\'{"type": "log", "message": "\\xff"}\\n\')\n' + ECHO,
        "a line that is not JSON",
    ),
    "NUL bytes": ("print('\\0' * 9)\n" + ECHO, "a line that is not JSON: \0\0"),
    "a type that is a list": ("say(type=['end'])\n" + ECHO, "a line that has the unknown type ['end']"),
    "a message without end": (
        "print('{\"type\": \"log\", \"message\": ' + '[' * 900 + ']' * 900 + '}')\n" + ECHO,
        "a line that is nested more than 200 deep",
    ),
    "an unknown id": (
        ECHO.replace("    say", "    say(type='end', id='x'); say"),
        "the call 'x', which nobody",
    ),
    "two answers": (ECHO + "    say(type='end', id=name)\n", "a message of type end after the end of a call"),
    "two times ready": ("ready()\n" + ECHO, "a second ready message"),
    "operations that are no list": (
        ECHO.replace("ready()", "ready(operations='all')"),
        "a message that breaks its schema: operations: 'all' is not of type 'array'",
    ),
    "a line of 20 MB": ("print('y' * 20_000_000)\n" + ECHO, "a line of more than 16 MB: yyy"),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_what_makes_no_sense_is_one_finding(name: str, mark: str) -> None:
    """And the calls are answered all the same."""
    body, problem = ANSWERED[name]
    with Testee(program(body)) as testee:
        assert [testee.ask(call(f"c{number}"), 20).ending for number in range(2)] == ["end", "end"]
    assert len(testee.problems) == 1
    assert problem in testee.problems[0]
    assert testee.crashes == []
    assert nothing_left(mark)


def test_a_flood_on_stderr_does_not_stop_anything(mark: str) -> None:
    """200 MB are read and their end is kept."""
    body = "for _ in range(200): sys.stderr.write('x' * 2**20)\nsys.stderr.write('the end')\n" + ECHO
    with Testee(program(body), ready_s=30) as testee:
        assert testee.ask(call(), 20).ending == "end"
        assert (len(testee.log), testee.log[-7:]) == (65536, "the end")
    assert testee.problems == []
    assert nothing_left(mark)


ENDED = {
    "closes its stdin": (
        "ready()\nos.close(0)\ntime.sleep(60)\n",
        "it closed its stdin and was ended",
    ),
    "closes its stdin when it has a call": (
        "ready()\nfor name in calls():\n    os.close(0)\n    time.sleep(60)\n",
        "it closed its stdin and was ended",
    ),
    "closes its stdout": (
        "ready()\nos.close(1)\ntime.sleep(60)\n",
        "it closed its stdout and was ended",
    ),
    "eats memory": (
        "ready()\nfor name in calls():\n    eaten = bytearray(os.urandom(2**20) * 400)\n    time.sleep(60)\n",
        "it used more than 200 MB and was ended",
    ),
    "tells events without end": (
        EVENTS,
        "it told more than 100000 events, or 64 MB, of one call and was ended",
    ),
    "talks without end": (
        "ready()\nwhile True: sys.stdout.write('nonsense\\n' * 1000)\n",
        "it said 100000 things that are no answers and was ended",
    ),
}


@pytest.mark.parametrize("name", ENDED)
def test_a_driver_that_nobody_can_go_on_with_is_ended(name: str, mark: str) -> None:
    """It is told why, and so are its calls, long before their limit; a crash like any other."""
    body, problem = ENDED[name]
    start = time.monotonic()
    with Testee(program(body), memory_mb=200) as testee:
        lost = testee.ask(call(), 60)
        assert (lost.ending, lost.problem.partition(";")[0]) == ("crashed", problem)
        assert time.monotonic() - start < 30
        assert problem in testee.problems
    assert testee.crashes == [lost.problem]
    assert nothing_left(mark)


def test_memory_counts_before_a_driver_is_ready(mark: str) -> None:
    """Nobody waits for it until then."""
    body = "eaten = bytearray(os.urandom(2**20) * 400)\ntime.sleep(60)\n"
    with (
        pytest.raises(ConformanceError, match="used more than 200 MB and was ended; expected a ready"),
        Testee(program(body), ready_s=30, memory_mb=200),
    ):
        pass
    assert nothing_left(mark)


def test_the_children_of_a_driver_count_as_well(mark: str) -> None:
    """It is the memory of all of them together."""
    eater = "b = bytearray(__import__('os').urandom(2**20) * 150); __import__('time').sleep(60)"
    body = FORKS.format(
        f"[subprocess.Popen([sys.executable, '-c', {eater!r}]) for _ in 'ab']; time.sleep(60)"
    )
    with Testee(program(body), memory_mb=250) as testee:
        assert "used more than 250 MB" in testee.ask(call(), 30).problem
    assert nothing_left(mark)


CHILDREN = {
    "in its group": f"subprocess.Popen({SLEEPER})",
    "in a session of its own": f"subprocess.Popen({SLEEPER}, start_new_session=True)",
    "without an ear for SIGTERM": f"subprocess.Popen(['nohup', *{SLEEPER}], start_new_session=True)",
    "of a child that is gone": (
        "subprocess.run(['sh', '-c', 'setsid sleep 60 & exit 0'], start_new_session=True, stdout=2)"
    ),
}


@pytest.mark.parametrize("where", CHILDREN)
def test_no_child_is_left(where: str, mark: str) -> None:
    """Wherever it went, whatever it holds open, and however its parent ended."""
    with Testee(program(FORKS.format(CHILDREN[where]))) as testee:
        assert testee.ask(call(), 5).ending == "end"
        assert running(mark, 2)
    assert nothing_left(mark)
    with Testee(program(FORKS.format(CHILDREN[where] + "; os._exit(3)"))) as testee:
        start = time.monotonic()
        assert testee.ask(call(), 20).ending == "crashed"
        assert time.monotonic() - start < 10
    assert nothing_left(mark)


STUBBORN: dict[str, Callable[[Testee], object]] = {
    "exits in mid-call each time": lambda testee: testee.ask(call(), 5),
    "never answers": lambda testee: testee.ask(call(), 0.1),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUBBORN)
def test_a_driver_is_started_three_times_more_and_no_oftener(name: str, mark: str) -> None:
    """Then it is told that it is asked no more."""
    does = {"exits in mid-call each time": "os._exit(1)", "never answers": "time.sleep(60)"}[name]
    with Testee(program(f"ready(max_in_flight=1)\nfor name in calls(): {does}\n")) as testee:
        for _ in range(4):
            STUBBORN[name](testee)
        with pytest.raises(TesteeBroken, match="ended 4 times"):
            STUBBORN[name](testee)
    assert len(testee.crashes) == 4
    assert nothing_left(mark)


def test_a_harness_that_is_killed_twice_leaves_nothing(mark: str) -> None:
    """Ctrl-C while a driver that is deaf to SIGTERM is asked to end kills it at once."""
    body = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nready()\n"
    body += "for name in calls(): say(type='end', id=name)\ntime.sleep(60)\n"
    script = f"""
from conformance.testees.process import Testee
with Testee({program(body)!r}) as testee:
    testee.ask({call()!r}, 60)
    print("ends", flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "ends\n"
        threading.Timer(0.3, os.kill, (run.pid, signal.SIGINT)).start()
        start = time.monotonic()
        run.wait(20)
        assert time.monotonic() - start < 4
    assert nothing_left(mark)


@pytest.mark.parametrize("body", ["time.sleep(60)", "ready()\nfor name in calls(): time.sleep(60)\n"])
def test_ctrl_c_ends_the_command_and_its_drivers(body: str, mark: str, tmp_path: Path) -> None:
    """Exit code 130, whether it waits for `ready` or for answers."""
    command = [sys.executable, "-m", "conformance.cli", "client", "--ready", "30", "--", *program(body)]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert running(mark, 2)
        time.sleep(0.5)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=20)
    assert (run.returncode, told.splitlines()[-1]) == (130, "interrupted")
    assert nothing_left(mark)


@pytest.mark.parametrize("name", [*ANSWERED, *ENDED])
def test_a_bad_driver_is_no_fault_of_the_harness(name: str, mark: str) -> None:
    """Two cases against each of them: red cases, or findings about the driver, and its exit code."""
    body, problem = {**ANSWERED, **ENDED}[name]
    cases = [case for case in read_cases() if case.id in ("delivery/no-steps", "delivery/thoughts")]
    with Testee(program(body), memory_mb=200) as testee:
        lines = list(run_cases(testee, cases))
    told = {line["outcome"] for line in lines if line["type"] == "case"}
    assert told <= {"fail", "warn", "untestable", "not-applicable"}
    assert any(problem in one for one in lines[-1]["problems"])
    assert lines[-1]["exit_code"] == 4
    assert nothing_left(mark)
