"""What is no fault of a client, or not the one that a case is about: nobody is blamed for it."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.report.record import Line
from conformance.server.plans import Delivered as Sending
from conformance.testees import running
from conformance.testees.case import Case, read_cases
from conformance.testees.process import Testee
from conformance.testees.running import run_cases
from conformance.testees.stage import Stage

MINE = """
import asyncio, os, sys
from conformance.testees import control
from conformance.testees.control import ClientError, ControlClient, EventDecoder
class Client(ControlClient):
    calls = 0
{body}
control.main(Client, "mine")
"""


def mine(body: str) -> list[str]:
    """The command of a client that is the control client but for some methods."""
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return [sys.executable, "-c", MINE.format(body=indented)]


def wrong(name: str) -> list[str]:
    """The command of a client that is wrong in one way."""
    return [sys.executable, "-m", "conformance.testees.wrong", name]


def played(command: list[str], *cases: Case) -> dict[str, list[Line]]:
    """Run cases; give their lines, the summary first."""
    with Testee(command) as testee:
        lines = list(run_cases(testee, cases))
    return {case.id: [line for line in lines if line.get("subject") == case.id] for case in cases}


def case(name: str) -> Case:
    """One of our cases."""
    return next(case for case in read_cases() if case.id == name)


def written(tmp_path: Path, **told: Any) -> Case:
    """Write a case and read it."""
    whole = {
        "name": "one",
        "title": "One.",
        "judges": "IX-CREATE-042",
        "harm": "data loss",
        "catches": [],
        **told,
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"cases": [whole]}))
    return read_cases(tmp_path)[0]


# One case, one thing.


@pytest.mark.parametrize("name", ["framing/cut-between-cr-and-lf", "framing/mark-cut", "cuts/crlf"])
def test_what_goes_wrong_without_a_cut_shows_nothing_of_cuts(name: str) -> None:
    """Another case is about it; here it is told and not judged."""
    client = wrong("keeps-the-mark" if "mark" in name else "keeps-the-last-data-line")
    summary, *rest = played(client, case(name))[name]
    assert summary["outcome"] == "not-observed"
    assert summary["problem"].startswith("without a cut as well: ")
    assert [line for line in rest if line["type"] in ("verdict", "passes")] == []


def test_a_key_that_is_told_is_a_finding_in_spite_of_that() -> None:
    """That has nothing to do with cuts."""
    client = mine(
        """
def decoder(self):
    class Decoder(EventDecoder):
        def feed(self, chunk):
            raise ClientError("parse", key)
    key = self.call["api_key"]
    return Decoder()
"""
    )
    summary = played(client, case("framing/cut-between-cr-and-lf"))["framing/cut-between-cr-and-lf"][0]
    assert summary["outcome"] == "fail"


@pytest.mark.parametrize("declared", [True, False])
def test_output_text_is_judged_where_it_is_declared(*, declared: bool) -> None:
    """A text that joins all steps is another convenience."""

    class Modest(Testee):
        def words(self, name: str) -> frozenset[str]:
            return super().words(name) - {"" if declared else "output_text"}

    with Modest(wrong("joins-all-text")) as testee:
        summary, *_ = run_cases(testee, [case("delivery/text-before-a-tool")])
    assert summary["outcome"] == ("warn" if declared else "pass")


# What may be written in two ways.

SCHEMA = {"type": "text", "mime_type": "application/json", "schema": {"type": "object"}}
RESULT = {"type": "function_result", "call_id": "c1", "name": "f", "result": "12"}
SAID = {"type": "text", "text": "And?"}


@pytest.mark.parametrize(
    ("name", "asked", "sent", "outcome"),
    [
        ("response_format", SCHEMA, [SCHEMA], "pass"),
        ("response_format", SCHEMA, [{"type": "text"}], "fail"),
        ("response_format", [SCHEMA, {"type": "image"}], [SCHEMA], "fail"),
        ("input", [RESULT], [{"type": "user_input", "content": [RESULT]}], "pass"),
        (
            "input",
            [RESULT, {"type": "user_input", "content": [SAID]}],
            [{"type": "user_input", "content": [RESULT, SAID]}],
            "pass",
        ),
        ("input", [RESULT], [{"type": "user_input", "content": [{**RESULT, "result": "13"}]}], "fail"),
        ("input", [RESULT], [{"type": "user_input", "content": [SAID]}], "fail"),
    ],
)
def test_what_the_service_takes_for_the_same_is_the_same(
    tmp_path: Path, name: str, asked: Any, sent: Any, outcome: str
) -> None:
    """A format alone and a list of one; the result of a function as a step, and within what the user says."""
    client = mine(
        f"""
def body(self, arguments):
    return {{**arguments, {name!r}: {sent!r}}}
"""
    )
    arguments = {"previous_interaction_id": "v1_case", name: asked}
    one = written(tmp_path, call={"arguments": arguments}, replies=[{"interaction": {}}])
    assert played(client, one)["mine/one"][0]["outcome"] == outcome


# What our server has said.


def test_a_refusal_that_came_of_a_wrong_request_is_no_wrong_error() -> None:
    """The client tells what the server answered; that the request was wrong is told, once."""
    client = mine(
        """
def build(self, method, url, query, body):
    return super().build(method, url.replace("/cancel", ":cancel"), query, body)
"""
    )
    lines = played(client, case("statuses/cancel-not-running"))["statuses/cancel-not-running"]
    found = [line["message"] for line in lines if line["type"] == "verdict"]
    assert found
    assert [message for message in found if "the user is told" in message] == []


# What a busy machine does.


@pytest.mark.slow
def test_a_client_that_starts_late_has_not_held_an_event_back() -> None:
    """What a short time-out shows has to show with a longer one."""
    first = """
async def blocks(self, response):
    if self.call["timeout_ms"] < 5000:
        await asyncio.sleep(9)
    async for data in super().blocks(response):
        yield data
"""
    found = played(mine(first), case("delivery/first-event-is-not-held-back"), case("delivery/one-by-one"))
    assert [lines[0]["outcome"] for lines in found.values()] == ["pass", "pass"]


@pytest.mark.slow
def test_a_client_that_is_busy_to_the_end_is_given_more_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice as long, and again: it hands events over all the time, and has not lost one."""
    monkeypatch.setattr(running, "_SHORT_MS", 0)
    slow = """
async def blocks(self, response):
    async for data in super().blocks(response):
        await asyncio.sleep(0.1)
        yield data
"""
    deltas = [{"type": "text", "text": "a"}] * 20
    one = written(
        tmp_path,
        judges="SSE-002",
        call={"stream": True, "timeout_ms": 1000},
        replies=[{"steps": [[{"type": "model_output"}, *deltas]]}],
        expect={"ending": "end", "events": "sent"},
    )
    summary = played(mine(slow), one)["mine/one"][0]
    assert (summary["outcome"], summary["call"]["timeout_ms"]) == ("pass", 4000)


@pytest.mark.parametrize(
    ("sending", "reads"),
    [
        (Sending(confirmed=9), True),
        (Sending(confirmed=9, unconfirmed=4, unread=2), True),
        (Sending(confirmed=2, unconfirmed=30, unread=30), False),
        (Sending(confirmed=9, whole=True), False),
    ],
)
def test_who_reads_slowly_is_told_from_who_reads_no_more(sending: Sending, *, reads: bool) -> None:
    """By how many waits in a row nothing was read."""
    stage = Stage(7)
    act = stage.open(case("framing/byte-by-byte"), "key-1")
    kept = stage.ledger.delivery(act.key)
    for name in ("confirmed", "unconfirmed", "unread", "whole"):
        setattr(kept, name, getattr(sending, name))
    assert stage.still_sending(act) == reads


def test_a_call_that_was_late_once_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among random cuts a time-out has to show again with the same cuts."""
    late = """
def decoder(self):
    Client.calls += 1
    if Client.calls == 9:
        raise ClientError("timeout", "too late")
    return super().decoder()
"""
    summary = played(mine(late), case("cuts/text"))["cuts/text"][0]
    assert summary["outcome"] != "fail"


def test_an_empty_input_is_an_input(tmp_path: Path) -> None:
    """Only a model is left out by an empty text, where an agent is named."""
    one = written(tmp_path, call={"arguments": {"model": "", "agent": "a", "input": ""}})
    assert one.arguments == {"agent": "a", "input": ""}
