"""A driver may do whatever it likes: it is told what is wrong, and nobody waits for ever."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from conformance.errors import TesteeBroken, TesteeMissing, TesteeNotReady
from conformance.testees.process import Testee
from tests.testees.programs import alive, gone, program

ECHO = "ready()\nfor name in calls():\n    say(type='end', id=name, text=name)\n"


def call(name: str = "c1", **more: Any) -> dict[str, Any]:
    """A call that no bad driver reads further than its id."""
    return {"type": "call", "id": name, **more}


def test_a_good_driver_answers_and_ends() -> None:
    """It is asked, answers, and is stopped without force."""
    with Testee(program(ECHO)) as testee:
        assert testee.ask(call(), 5).last["text"] == "c1"
    assert (testee.problems, testee.crashes) == ([], [])


def test_calls_are_pipelined_and_answered_in_any_order() -> None:
    """Four lanes: four calls wait at once, and each gets its own answer."""
    body = """
ready()
held = []
for name in calls():
    held.append(name)
    if len(held) == 4:
        for one in reversed(held):
            say(type='event', id=one, seq=1, value={'event_type': one})
            say(type='end', id=one, text=one)
"""
    with Testee(program(body)) as testee, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: testee.ask(call(name), 5), "abcd"))
    assert [(one.last["text"], one.values) for one in found] == [
        (name, [{"event_type": name}]) for name in "abcd"
    ]


def test_a_command_that_is_not_there_is_told() -> None:
    """With its name and the reason."""
    with (
        pytest.raises(TesteeMissing, match="no-such-program cannot be started: No such file"),
        Testee(["no-such-program"]),
    ):
        pass


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("sys.exit(7)", r"ended with exit code 7 before it was ready"),
        ("print('Listening on 8080', flush=True); time.sleep(60)", r"it printed 'Listening on 8080'"),
        ("sys.stderr.write('no key'); sys.exit(1)", r"stderr ends in 'no key'"),
        (
            r"sys.stderr.write('x.mjs:1\n\nTypeError: no\n    at x.mjs:1\n\nNode.js v20.1.0\n'); sys.exit(1)",
            r"stderr ends in 'TypeError: no'",
        ),
        ("time.sleep(60)", r"was not ready in 0.5 s"),
        ("ready(protocol=9); time.sleep(60)", r"speaks protocol 9, not 1"),
        ("print('{\"type\": \"rea', end=''); sys.exit(0)", r"printed '{\"type\": \"rea'"),
        ("os.close(1); time.sleep(60)", r"was not ready in 0.5 s"),
    ],
)
def test_a_driver_that_is_not_ready_is_told(body: str, told: str) -> None:
    """In time, with what it said instead."""
    start = time.monotonic()
    with pytest.raises(TesteeNotReady, match=told), Testee(program(body), ready_s=0.5):
        pass
    assert time.monotonic() - start < 4


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("print('hello')\n" + ECHO, "a line that is not JSON: hello"),
        ("print('[1]')\n" + ECHO, "a line that is not a JSON object: [1]"),
        ("say(type='shout')\n" + ECHO, "a line that has the unknown type 'shout'"),
        ("say(type='end')\n" + ECHO, "a line that has no id that is a text"),
        ("ready()\n" + ECHO, "a second ready message"),
        (
            ECHO.replace("    say", "    say(type='end', id='nobody'); say"),
            "call 'nobody', which nobody made",
        ),
        (ECHO + "    say(type='end', id=name)", "a message of type end after the end of a call"),
        (
            ECHO.replace("    say", "    say(type='event', id=name, seq=3, value={}); say"),
            "seq 3 out of turn",
        ),
    ],
)
def test_what_is_no_message_is_told_and_the_rest_goes_on(body: str, problem: str) -> None:
    """A finding about the driver; its calls are answered all the same."""
    with Testee(program(body)) as testee:
        assert testee.ask(call(), 5).ending == "end"
        assert testee.ask(call("c2"), 5).ending == "end"
    assert [problem in told for told in testee.problems] == [True]


def test_a_call_that_is_never_answered_hangs_and_the_others_do_not() -> None:
    """The limit ends it; a lane that is stuck does not stop the rest."""
    body = "ready()\nfor name in calls():\n    if name != 'c1': say(type='end', id=name)\n"
    with Testee(program(body)) as testee:
        lost = testee.ask(call(), 0.2)
        assert (lost.ending, lost.problem) == ("hung", "no answer in 0.2 s")
        assert testee.ask(call("c2"), 5).ending == "end"


@pytest.mark.slow
def test_a_driver_that_is_stuck_is_started_again() -> None:
    """When every lane waits for ever; not more often than three times."""
    with Testee(program("ready(max_in_flight=1)\nfor name in calls(): time.sleep(60)\n")) as testee:
        endings = [testee.ask(call(f"c{number}"), 0.1).ending for number in range(4)]
        assert endings == ["hung"] * 4
        with pytest.raises(TesteeBroken, match="ended 4 times, last: 1 calls were never answered"):
            testee.ask(call("c9"), 0.1)


def test_a_crash_ends_its_calls_and_the_driver_is_started_again() -> None:
    """Told apart from an error of the client, with exit code and the last line of the log."""
    body = """
ready()
for name in calls():
    if name == 'bad':
        sys.stderr.write('segmentation violated')
        sys.stderr.flush()
        os._exit(139)
    say(type='end', id=name)
"""
    with Testee(program(body)) as testee:
        assert testee.ask(call(), 5).ending == "end"
        lost = testee.ask(call("bad"), 5)
        assert (lost.ending, lost.problem) == (
            "crashed",
            "it ended with exit code 139; its log ends in 'segmentation violated'",
        )
        assert testee.ask(call("c3"), 5).ending == "end"
        for number in range(2):
            testee.ask(call("bad"), 5)
            assert testee.ask(call(f"d{number}"), 5).ending == "end"
        assert testee.ask(call("bad"), 5).ending == "crashed"
        with pytest.raises(TesteeBroken, match="ended 4 times"):
            testee.ask(call("e"), 5)


def test_half_a_line_and_then_nothing_is_a_crash() -> None:
    """The half is shown."""
    body = 'ready()\nfor name in calls():\n    sys.stdout.write(\'{"type": "en\'); sys.exit(0)\n'
    with Testee(program(body)) as testee:
        assert testee.ask(call(), 5).ending == "crashed"
    assert testee.problems == ['half a line: {"type": "en']


def test_a_flood_on_stderr_is_a_log() -> None:
    """It is read, so that the driver does not wait, and its end is kept."""
    body = "sys.stderr.write('x' * 3_000_000 + 'the end')\n" + ECHO
    with Testee(program(body)) as testee:
        assert testee.ask(call(), 5).ending == "end"
        assert len(testee.log) <= 65536
        assert testee.log.endswith("the end")


def test_a_line_of_twenty_megabytes_is_thrown_away() -> None:
    """It is told with its size, and what follows it is read."""
    body = "ready()\nfor name in calls():\n    print('y' * 20_000_000)\n    say(type='end', id=name)\n"
    with Testee(program(body)) as testee:
        assert testee.ask(call(), 20).ending == "end"
    assert [problem.partition(":")[0] for problem in testee.problems] == ["a line of more than 16 MB"]


def test_a_large_call_reaches_a_driver_that_reads_late() -> None:
    """Writing never stops the harness."""
    body = "ready()\ntime.sleep(0.3)\n" + ECHO.partition("\n")[2]
    with Testee(program(body)) as testee:
        assert testee.ask(call(arguments={"input": "x" * 5_000_000}), 10).ending == "end"


def test_a_driver_may_leave_stdout_to_its_runtime() -> None:
    """Messages go to the descriptor that CONFORMANCE_FD names; stdout is a log then."""
    body = """
out = os.fdopen(int(os.environ['CONFORMANCE_FD']), 'w')
def say(**message):
    print(json.dumps(message), file=out, flush=True)
ready()
for name in calls():
    print('a banner of the runtime', flush=True)
    say(type='end', id=name)
"""
    with Testee(program(body)) as testee:
        assert testee.ask(call(), 5).ending == "end"
        for _ in range(100):
            if "banner" in testee.log:
                break
            time.sleep(0.01)
        assert "a banner of the runtime" in testee.log
    assert testee.problems == []


def test_messages_are_held_against_their_schema_on_request() -> None:
    """An error of an unknown kind, for one."""
    body = "ready()\nfor name in calls():\n    say(type='error', id=name, kind='sad', message='')\n"
    with Testee(program(body), validate=True) as testee:
        assert testee.ask(call(), 5).ending == "error"
    assert len(testee.problems) == 1
    assert testee.problems[0].startswith("a message that breaks its schema: kind: 'sad' is not one of")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_driver_that_ignores_every_word_is_ended_with_its_children() -> None:
    """The whole process group, and only that."""
    body = """
import signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(['sleep', '60'])
ready()
for name in calls():
    say(type='end', id=name, text=f'{os.getpid()} {child.pid}')
time.sleep(60)
"""
    with pytest.raises(RuntimeError), Testee(program(body)) as testee:  # noqa: PT012  it ends in mid-call
        pids = [int(word) for word in testee.ask(call(), 5).last["text"].split()]
        assert all(map(alive, pids))
        raise RuntimeError
    assert all(map(gone, pids))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_child_that_holds_stdout_does_not_hide_a_crash() -> None:
    """The end of the program counts, not the end of its pipe."""
    body = """
import subprocess
ready()
for name in calls():
    subprocess.Popen(['sleep', '30'])
    os._exit(3)
"""
    with Testee(program(body)) as testee:
        start = time.monotonic()
        assert testee.ask(call(), 10).ending == "crashed"
        assert time.monotonic() - start < 5


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_nothing_is_left_after_ctrl_c() -> None:
    """The driver has a process group of its own, and it is ended."""
    body = "ready(name=str(os.getpid()))\nfor name in calls(): time.sleep(60)"
    script = f"""
from conformance.testees.process import Testee
with Testee({program(body)!r}) as testee:
    print(testee.ready["name"], flush=True)
    testee.ask({call()!r}, 60)
"""
    run = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    pid = int(run.stdout.readline())
    killer = threading.Timer(0.3, os.kill, (run.pid, signal.SIGINT))
    killer.start()
    _, told = run.communicate(timeout=20)
    assert "KeyboardInterrupt" in told
    assert gone(pid)
