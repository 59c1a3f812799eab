"""The cases: the control client is clean, and every wrong client is caught for its own reason."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.contract.places import folder
from conformance.errors import CaseBroken
from conformance.report.record import Line
from conformance.testees.case import CASES, Case, read_cases
from conformance.testees.comparing import is_subset
from conformance.testees.framing import Framing
from conformance.testees.judging import Loss, Miss, event_misses
from conformance.testees.process import Testee
from conformance.testees.running import run_cases
from conformance.testees.wrong import WRONG
from conformance.wire.sse import decode
from tests.testees.programs import program


def lines_of(command: Sequence[str], cases: Sequence[Case]) -> list[Line]:
    """Run cases against a driver."""
    with Testee(command, validate=True) as testee:
        return list(run_cases(testee, cases))


def outcomes(lines: Sequence[Line]) -> dict[str, str]:
    """The outcome of each case."""
    return {line["subject"]: line["outcome"] for line in lines if line["type"] == "case"}


def test_the_control_client_is_clean() -> None:
    """Every case passes, nothing is said that is no message, and no shape of a request is unknown."""
    lines = lines_of([sys.executable, "-m", "conformance.testees.control"], read_cases())
    assert [line for line in lines if line["type"] in ("verdict", "drift")] == []
    assert Counter(outcomes(lines).values()) == {"pass": len(read_cases())}
    assert (lines[-1]["problems"], lines[-1]["crashes"], lines[-1]["exit_code"]) == ([], [], 0)


@cache
def usual() -> dict[str, str]:
    """What the control client does where the documents are silent."""
    silent = [case for case in read_cases() if case.silent]
    lines = lines_of([sys.executable, "-m", "conformance.testees.control"], silent)
    return {line["subject"]: line["observed"] for line in lines if line["type"] == "case"}


SLICE = sorted(WRONG)[::6]
"""Each is a program to be started; all of them run in `nox -s mutants`."""


@pytest.mark.parametrize("name", SLICE)
def test_a_wrong_client_is_caught_for_its_own_reason(name: str) -> None:
    """By each case that names it, for what that is about; a silent case tells and does not blame."""
    cases = [case for case in read_cases() if name in case.catches]
    lines = lines_of([sys.executable, "-m", "conformance.testees.wrong", name], cases)
    found = {(line["subject"], line["requirement"]) for line in lines if line["type"] == "verdict"}
    judged = {(case.id, case.judges) for case in cases if not case.silent}
    silent = {(case.id, case.judges) for case in cases if case.silent}
    assert (judged - found, silent & found) == (set(), set())
    played = {line["subject"]: line for line in lines if line["type"] == "case"}
    assert {played[case_id]["outcome"] for case_id, _ in judged} <= {"fail", "warn"}
    assert [case_id for case_id, _ in silent if played[case_id]["observed"] == usual()[case_id]] == []


def test_a_silent_case_passes_nothing() -> None:
    """What it is about is not judged, and so it is not kept either."""
    (case,) = (case for case in read_cases() if case.id == "choices/two-dones")
    lines = lines_of([sys.executable, "-m", "conformance.testees.control"], [case])
    assert case.judges not in next(line["counts"] for line in lines if line["type"] == "passes")
    assert "verdict" not in {line["type"] for line in lines}


def test_every_case_catches_somebody_and_everybody_is_caught() -> None:
    """A case that no wrong client fails has shown nothing."""
    named = {name for case in read_cases() for name in case.catches}
    assert [case.id for case in read_cases() if not case.catches] == []
    assert named == WRONG.keys()
    assert len(read_cases()) > 400


def test_a_driver_that_fails_is_no_fault_of_the_client() -> None:
    """`fault` is red, and neither a pass nor a failure; `unsupported` is one for what was declared."""
    body = "ready()\nfor name in calls(): say(type='fault', id=name, message='no mapping')\n"
    (case,) = [case for case in read_cases() if case.id == "delivery/reference-stream"]
    lines = lines_of(program(body), [case])
    assert outcomes(lines) == {case.id: "untestable"}
    assert "the driver failed: no mapping" in lines[0]["problem"]
    body = body.replace("fault", "unsupported").replace("message=", "reason=")
    lines = lines_of(program(body), [case])
    told = next(line["message"] for line in lines if line["type"] == "verdict")
    assert told.endswith("says this call is unsupported: 'no mapping'")


@pytest.mark.parametrize(
    "told",
    [
        "type='end'",
        "type='end', text=5, calls='x', usage=[1]",
        "type='end', text='\\ud800', value=float('nan'), calls=[None]",
        "type='error', kind=['x'], message=None, status={}, code=[]",
        "type='error', kind='api', message={'a': 1}, events=-1",
    ],
)
def test_whatever_a_driver_says_the_harness_does_not_fail(told: str) -> None:
    """Strange values are findings, in every case."""
    body = "ready(capabilities=['stream', 'cancel', 'resume', 'timeout', 'retries'])\nfor name in calls():\n"
    body += f"    say(type='event', id=name, seq=1, value={{'event_type': 3}})\n    say(id=name, {told})\n"
    cases = [case for case in read_cases() if case.family == "delivery" and not case.expect.closes]
    lines = lines_of(program(body), cases)
    assert len(outcomes(lines)) == len(cases)
    assert "pass" not in outcomes(lines).values()


def test_a_driver_that_crashes_in_every_call_does_not_stop_the_run() -> None:
    """Three restarts; then the other cases say why they were not played."""
    body = "ready(max_in_flight=1)\nfor name in calls(): os._exit(1)\n"
    cases = [case for case in read_cases() if case.family == "delivery" and not case.expect.closes][:8]
    lines = lines_of(program(body), cases)
    found = outcomes(lines)
    assert len(found) == 8
    assert Counter(found.values())["untestable"] >= 4
    assert (len(lines[-1]["crashes"]), lines[-1]["exit_code"]) == (4, 4)


TEXT = [{"event_type": "a", "n": 1}, {"event_type": "b", "n": 2}, {"event_type": "c", "n": 3}]


@pytest.mark.parametrize(
    ("got", "message"),
    [
        (TEXT[:2], 'event 2 of 3 is lost: {"event_type": "c", "n": 3}'),
        (TEXT[1:], 'event 0 of 3 is lost: {"event_type": "a", "n": 1}'),
        ([*TEXT, {"event_type": "d"}], 'nobody sent what is handed over as event 3: {"event_type": "d"}'),
        ([*TEXT, TEXT[2]], 'nobody sent what is handed over as event 3: {"event_type": "c", "n": 3}'),
        ([TEXT[1], TEXT[0], TEXT[2]], "3 events are handed over in another order"),
        (
            [TEXT[0], {"event_type": "b", "n": "2"}, TEXT[2]],
            '/n of event 1 is 2, and the client gives "2"',
        ),
    ],
)
def test_what_happened_to_an_event_is_told(got: list[Any], message: str) -> None:
    """Lost, invented, told twice, out of order, retyped."""
    found = list(event_misses(TEXT, got))
    assert [miss.message for miss in found if isinstance(miss, Miss)] == [message]
    assert len(found) == 1


SENT = {
    "event_type": "step.delta",
    "index": 1,
    "delta": {"type": "text", "text": "Hi"},
    "metadata": {"a": [{"b": 1}]},
}


@pytest.mark.parametrize(
    ("got", "pointers"),
    [
        (SENT, []),
        ({**SENT, "metadata": None}, ["/metadata"]),
        ({**SENT, "metadata": {"a": [{"c": 2}]}}, ["/metadata/a/*/b"]),
        ({"event_type": "step.delta", "delta": {"text": "Hi"}}, ["/index", "/delta/type", "/metadata"]),
    ],
)
def test_members_that_a_client_leaves_out_are_a_loss_and_no_breach(got: Any, pointers: list[str]) -> None:
    """A table of what its users do not get."""
    assert list(event_misses([SENT], [got])) == [Loss("step.delta", pointer) for pointer in pointers]


@pytest.mark.parametrize(
    "got",
    [
        {**SENT, "event_type": None},
        {**SENT, "delta": {"type": "text"}},
        {**SENT, "delta": None},
        {**SENT, "index": 2},
        {**SENT, "metadata": {"a": []}},
    ],
)
def test_what_a_user_came_for_is_no_mere_loss(got: Any) -> None:
    """The text, the type of an event; and what is changed is not left out."""
    (found,) = event_misses([SENT], [got])
    assert isinstance(found, Miss)


def test_events_that_are_narrow_and_lost_are_told_apart() -> None:
    """One lacks a member, and another is not there."""
    sent = [{**SENT, "index": number} for number in range(3)]
    narrow = [{key: told for key, told in event.items() if key != "metadata"} for event in sent]
    found = list(event_misses(sent, [narrow[0], narrow[2]]))
    assert [type(one) for one in found] == [Miss, Loss]
    assert found[1] == Loss("step.delta", "/metadata")


def test_many_lost_events_are_told_once() -> None:
    """Twenty by name, and then that there are more."""
    sent = [{**SENT, "index": number} for number in range(5000)]
    found = list(event_misses(sent, [SENT["delta"]]))
    assert len(found) == 21
    assert isinstance(found[-1], Miss)
    assert found[-1].message == "more than 20 of 5000 events are lost"


def test_events_of_which_none_comes_are_told_once() -> None:
    """And not one by one."""
    (found,) = event_misses([SENT] * 10, [])
    assert isinstance(found, Miss)
    assert found.message == "none of 10 events is handed over"


NARROW = """
import urllib.request
ready(capabilities=['stream', {declared}])
for line in sys.stdin:
    call = json.loads(line)
    if call['type'] == 'stop':
        break
    body = json.dumps({{**call['arguments'], 'stream': True}}).encode()
    headers = {{'x-goog-api-key': call['api_key'], 'content-type': 'application/json'}}
    request = urllib.request.Request(call['base_url'] + '/v1beta/interactions', body, headers)
    urllib.request.urlopen(request).read()
    say(type='event', id=call['id'], seq=1, value={{'event_type': 'interaction.created'}})
    say(type='end', id=call['id'], text='Hello')
"""
CREATED = {"event_type": "interaction.created", "interaction": {"id": "v1_case"}, "n": 1}


def test_losses_are_lines_of_their_own(tmp_path: Path) -> None:
    """One for each type of event, and no finding."""
    case = case_of(tmp_path, [CREATED], {"events": "sent"})
    lines = lines_of(program(NARROW.format(declared="'events'")), [case])
    (loss,) = [line for line in lines if line["type"] == "loss"]
    assert (loss["subject"], loss["event_type"], loss["pointers"]) == (
        "mine/one",
        "interaction.created",
        ["/interaction", "/n"],
    )
    assert outcomes(lines) == {"mine/one": "pass"}


@pytest.mark.parametrize(
    ("expect", "outcome"),
    [
        ({"events": "sent"}, "not-observed"),
        ({"events": "sent", "least": 1, "ending": "any"}, "not-observed"),
        ({"events": "sent", "text": "Hello"}, "pass"),
        ({"events": "sent", "text": "Bye"}, "fail"),
        ({"events": "sent", "ending": "error"}, "fail"),
    ],
)
def test_without_events_what_is_handed_over_is_not_compared(
    tmp_path: Path, expect: dict[str, Any], outcome: str
) -> None:
    """The text still is; and where nothing else is asked for, nothing was observed."""
    case = case_of(tmp_path, [CREATED, CREATED], expect)
    lines = lines_of(program(NARROW.format(declared="'text'")), [case])
    assert outcomes(lines) == {"mine/one": outcome}
    passed = next(line["counts"] for line in lines if line["type"] == "passes")
    assert ("SSE-001" in passed) == (outcome == "pass")


@pytest.mark.slow
def test_an_event_that_is_held_back_is_told() -> None:
    """With its number, and not as a call that failed."""
    (case,) = (case for case in read_cases() if case.id == "delivery/one-by-one")
    lines = lines_of([sys.executable, "-m", "conformance.testees.wrong", "hands-over-one-late"], [case])
    told = [line["message"] for line in lines if line["type"] == "verdict"]
    assert told == ["event 0 was held back: the client waits for more before it hands it over"]


def test_what_happened_is_told_of_every_case() -> None:
    """The ending, its kind and status, and how many requests and events there were."""
    wanted = ["errors/bad-request", "errors/error-in-mid-stream", "delivery/reference-text"]
    lines = lines_of(
        [sys.executable, "-m", "conformance.testees.control"],
        [case for case in read_cases() if case.id in wanted],
    )
    assert [line["observed"] for line in lines if line["type"] == "case"] == [
        "end, 1 request",
        "error api 400, 1 request",
        "error api 200, 1 request, 6 events",
    ]


@pytest.mark.parametrize(
    "sent",
    [
        "Hello",
        [{"type": "text", "text": "Hello"}],
        {"type": "text", "text": "Hello"},
        [{"type": "user_input", "content": [{"type": "text", "text": "Hello"}]}],
    ],
)
def test_an_input_may_be_written_in_four_ways(tmp_path: Path, sent: Any) -> None:
    """A text, a block, a list of them, and the step that they make are the same to the service."""
    body = NARROW.format(declared="").replace(
        "**call['arguments']", f"**call['arguments'], 'input': {sent!r}"
    )
    case = case_of(tmp_path, [CREATED], {"ending": "any"})
    assert outcomes(lines_of(program(body), [case])) == {"mine/one": "pass"}


def test_another_input_is_told_with_its_place(tmp_path: Path) -> None:
    """What was asked for, what arrived, and where they differ."""
    told = "[{'type': 'text', 'text': 'Hullo'}]"
    body = NARROW.format(declared="").replace("**call['arguments']", f"**call['arguments'], 'input': {told}")
    lines = lines_of(program(body), [case_of(tmp_path, [CREATED], {"ending": "any"})])
    (message,) = [line["message"] for line in lines if line["type"] == "verdict"]
    assert message == '/input is "Hello" in the call, and [{"type": "text", "text": "Hullo"}] in the request'


def test_cuts_come_before_what_keeps_a_client_busy() -> None:
    """Waits first, since they overlap; then cuts, which want a client that reads; long bodies last."""
    turns = sorted(read_cases(), key=lambda case: case.turn)
    places = {case.id: place for place, case in enumerate(turns)}
    assert (
        places["breaks/stalled-before-the-end"]
        < places["framing/byte-by-byte"]
        < places["delivery/text"]
        < places["framing/five-megabytes"]
    )


def case_of(tmp_path: Path, events: list[Any], expect: dict[str, Any]) -> Case:
    """Write a case and read it."""
    told = {
        "name": "one",
        "title": "One.",
        "judges": "SSE-001",
        "catches": [],
        "call": {"stream": True},
        "replies": [{"events": events}],
        "expect": expect,
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"cases": [told]}))
    (case,) = read_cases(tmp_path)
    return case


def test_what_a_client_adds_is_fine() -> None:
    """Also null for what was not sent; but a type is a type."""
    assert is_subset({"a": [1, {"b": None}]}, {"a": [1, {"c": 2}], "d": 3})
    assert not is_subset({"a": [1]}, {"a": [1, 2]})
    assert not is_subset({"a": True}, {"a": 1})
    assert not is_subset({"a": "1"}, {"a": 1})
    assert not is_subset({"a": 1}, {})


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("spread", [True, False])
def test_however_events_are_framed_they_are_the_same(line_end: str, *, spread: bool) -> None:
    """As our reader of the wire reads them, which no client uses."""
    framing = Framing(line_end, mark=True, before=(":x", "id: 1"), between=":\n\n", spread=spread, space="")
    frames = [frame.data for frame in decode([b"".join(framing.written(TEXT))]) if frame.data]
    assert [json.loads(data) for data in frames[:-1]] == TEXT
    assert frames[-1] == "[DONE]"


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ({"judges": "IX-NOPE-001"}, "there is no requirement IX-NOPE-001"),
        ({"judges": "IX-SDK-001"}, "IX-SDK-001 is about servers"),
        ({"replies": [{"events": "nothing"}]}, "streams.yaml has no stream 'nothing'"),
        ({"title": ""}, "cases/0/title: '' should be non-empty"),
        ({"surprise": 1}, "'surprise' was unexpected"),
    ],
)
def test_a_broken_case_is_told(tmp_path: Path, case: dict[str, Any], problem: str) -> None:
    """With its file and its place."""
    told = {"name": "one", "title": "One.", "judges": "SSE-001", "catches": [], **case}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"cases": [told]}))
    with pytest.raises(CaseBroken) as caught:
        read_cases(tmp_path)
    assert problem in str(caught.value)


def test_two_cases_of_one_name_are_told(tmp_path: Path) -> None:
    """In one file, since its name is a part of theirs."""
    told = {"name": "one", "title": "One.", "judges": "SSE-001", "catches": []}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"cases": [told, told]}))
    with pytest.raises(CaseBroken, match="mine/one: two cases have this name"):
        read_cases(tmp_path)


def test_the_readme_shows_a_case_that_is_one(tmp_path: Path) -> None:
    """Its example is read as any file of cases."""
    text = (CASES / "README.md").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text.split("```yaml\n")[1].split("```")[0])
    (tmp_path / "streams.yaml").write_text((CASES / "streams.yaml").read_text(encoding="utf-8"))
    (case,) = read_cases(tmp_path)
    assert (case.id, case.judges, case.stream) == ("mine/cut-between-cr-and-lf", "SSE-003", True)


def test_the_schema_of_cases_describes_everything() -> None:
    """Each key has a sentence."""
    schema = json.loads((folder("schemas") / "harness" / "client_cases.json").read_bytes())
    properties = schema["$defs"]["case"]["properties"]
    assert [name for name, told in properties.items() if "description" not in told] == []
