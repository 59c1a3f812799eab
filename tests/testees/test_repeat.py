"""A call that is made many times, and events that are heard as they come."""

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from conformance.server import serving
from conformance.testees.process import Testee
from conformance.testees.protocol import Message
from tests.testees.programs import program

CONTROL = [sys.executable, "-m", "conformance.testees.control"]
COUNTS = """
def repeats():
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "stop":
            return
        if message["type"] == "call":
            yield message["id"], message.get("repeat", 0)
"""


def call(**more: Any) -> dict[str, Any]:
    """A call that no bad driver reads further than its id."""
    return {"type": "call", "id": "c1", **more}


def repeating(body: str) -> list[str]:
    """A driver that declares to repeat."""
    return program(COUNTS + "ready(capabilities=['repeat'])\nfor name, times in repeats():\n" + body)


def test_a_driver_in_python_repeats_for_nothing() -> None:
    """One message asks for all; each run has its own events and its own ending."""
    with serving(seed=7) as server, Testee(CONTROL, validate=True) as testee:
        more = {
            "operation": "interactions.create",
            "stream": True,
            "base_url": server.url,
            "api_key": "a-key",
            "api_version": "v1beta",
            "arguments": {"model": "gemini-3.5-flash", "input": "Hello"},
            "timeout_ms": 5000,
            "retries": "off",
        }
        found = testee.ask_repeated(call(**more), 20, 10)
    assert [(one.ending, one.last["run"]) for one in found] == [("end", run) for run in range(1, 21)]
    assert {one.last["text"] for one in found} == {"Hello! How can I help you today?"}
    assert {len(one.events) for one in found} == {10}
    assert len({one.values[0]["interaction"]["id"] for one in found}) == 20
    assert (testee.problems, testee.crashes) == ([], [])


def test_a_driver_that_does_not_repeat_is_asked_again_and_again() -> None:
    """With ids of their own, and as many at a time as it takes."""
    body = """
ready()
held = []
for name in calls():
    held.append(name)
    if len(held) == 4:
        for one in held: say(type='end', id=one, text=one)
        held = []
"""
    with Testee(program(body)) as testee:
        found = testee.ask_repeated(call(), 8, 5)
    assert [one.last["text"] for one in found] == [f"c1.{number}" for number in range(1, 9)]


def test_one_time_is_no_repetition() -> None:
    """The call goes out as it is."""
    with Testee(repeating("    say(type='end', id=name, text=str(times))")) as testee:
        (found,) = testee.ask_repeated(call(), 1, 5)
    assert found.last["text"] == "0"


def test_runs_may_end_in_any_order() -> None:
    """The number of a run tells whose its events are."""
    body = """
    for run in range(times, 0, -1): say(type='event', id=name, run=run, seq=1, value={'n': run})
    for run in range(times, 0, -1): say(type='end', id=name, run=run)
"""
    with Testee(repeating(body)) as testee:
        found = testee.ask_repeated(call(), 3, 5)
    assert [one.values for one in found] == [[{"n": 1}], [{"n": 2}], [{"n": 3}]]
    assert testee.problems == []


@pytest.mark.parametrize(
    ("body", "endings", "problem"),
    [
        ("    say(type='end', id=name)", ["hung"] * 3, "made 3 times, without its run"),
        ("    say(type='end', id=name, run=4)", ["hung"] * 3, "made 3 times, without its run"),
        ("    say(type='end', id=name, run=True)", ["hung"] * 3, "made 3 times, without its run"),
        (
            "    for run in (1, 2, 2, 3): say(type='end', id=name, run=run)",
            ["end"] * 3,
            "a message of type end after the end of run 2 of a call",
        ),
        ("    say(type='end', id=name, run=2)", ["hung", "end", "hung"], ""),
        ("    say(type='end', id=name, run=2); os._exit(3)", ["crashed", "end", "crashed"], ""),
    ],
)
def test_a_driver_that_repeats_badly_is_told(body: str, endings: list[str], problem: str) -> None:
    """Each run that has no ending ends as hung or crashed."""
    with Testee(repeating(body)) as testee:
        assert [one.ending for one in testee.ask_repeated(call(), 3, 0.5)] == endings
    assert [problem in told for told in testee.problems] == ([True] if problem else [])


def test_the_limit_is_from_one_ending_to_the_next() -> None:
    """A driver that goes on is waited for."""
    body = "    for run in range(1, times + 1): time.sleep(0.2); say(type='end', id=name, run=run)"
    with Testee(repeating(body)) as testee:
        assert {one.ending for one in testee.ask_repeated(call(), 6, 0.6)} == {"end"}


def test_a_driver_that_cancels_in_time_is_not_stuck() -> None:
    """Every run of a call that was given up is ended by one cancel; the only lane is free again."""
    body = """
import asyncio
from conformance.testees.driver import drive
async def answer(call, tell):
    if call["id"] == "c1": await asyncio.sleep(60)
    return {"type": "end"}
drive({"name": "x", "version": "1", "language": "python", "operations": [], "max_in_flight": 1}, answer)
"""
    with Testee(program(body)) as testee:
        assert {one.ending for one in testee.ask_repeated(call(), 4, 0.1)} == {"hung"}
        assert {one.ending for one in testee.ask_repeated(call(id="c2"), 2, 5)} == {"end"}
    assert (testee.problems, testee.crashes) == ([], [])


def test_events_are_heard_as_they_come(tmp_path: Path) -> None:
    """The driver goes on only when its last event was heard."""
    body = f"""
ready()
for name in calls():
    for seq in range(1, 6):
        say(type='event', id=name, seq=seq, value={{}})
        while not os.path.exists(os.path.join({str(tmp_path)!r}, str(seq))): time.sleep(0.005)
    say(type='end', id=name)
"""
    heard: list[int] = []

    def hear(message: Message) -> None:
        heard.append(message["seq"])
        (tmp_path / str(message["seq"])).touch()

    with Testee(program(body)) as testee:
        assert testee.ask(call(), 10, heard=hear).ending == "end"
    assert heard == [1, 2, 3, 4, 5]


def test_what_a_listener_raises_is_raised_where_it_waits() -> None:
    """And the driver is read on: another call knows nothing of it."""
    body = """
ready()
for name in calls():
    for seq in (1, 2): say(type='event', id=name, seq=seq, value={})
    say(type='end', id=name)
"""
    times = threading.Semaphore(0)

    def fail(_: Message) -> None:
        times.release()
        raise LookupError

    with Testee(program(body)) as testee:
        with pytest.raises(LookupError):
            testee.ask(call(), 5, heard=fail)
        assert len(testee.ask(call(id="c2"), 5).events) == 2
    assert times.acquire(blocking=False)
    assert not times.acquire(blocking=False)
    assert testee.problems == []
