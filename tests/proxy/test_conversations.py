"""Judging while it passes: what is told, of whom, how often, and at what cost."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from conformance.judge import judge as judging
from conformance.judge.judge import judge
from conformance.proxy import conversations as module
from conformance.proxy.conversations import Conversations
from conformance.proxy.passed import Passed, Told, exchange_of, keys_of
from conformance.report.record import Line
from conformance.wire.exchange import LEFT, STOPPED, Request
from conformance.wire.trace import Trace
from tests.judge.test_violations import VIOLATIONS
from tests.miniatures import CONVERSATIONS, conversation, patched, trace_of
from tests.proxy.alongside import HELLO, KEY

URL = "https://here.invalid/v1beta/interactions"
ANSWER = {
    "id": "v1_Um9ib3Q",
    "object": "interaction",
    "model": "gemini-3.5-flash",
    "status": "completed",
    "steps": [{"type": "model_output", "content": [{"type": "text", "text": "A few words."}]}],
}


def passed(number: int, body: Any = HELLO, answer: Any = ANSWER, key: str = KEY, **more: Any) -> Passed:
    """An exchange that has passed, with an answer that lacks its usage and its times."""
    headers = (("content-type", "application/json"), ("x-goog-api-key", key))
    request = Request("POST", URL, headers, json.dumps(body).encode())
    told = Told(200, (("Content-Type", "application/json"),), [(json.dumps(answer).encode(), 0.1)])
    return Passed(number, 0.0, 0.2, request, told, **more)


def told_of(trace: Trace, *, together: bool) -> set[tuple[Any, ...]]:
    """What is told of a conversation that passes: at once, or also when it is judged together."""
    conversations = Conversations()
    lines: list[Line] = []
    for number, call in enumerate(trace.calls):
        carrier = passed(number)
        lines += conversations.take(carrier, call.exchange)
    if together:
        lines += conversations.close()
    return {_place(line) for line in lines if line["type"] == "verdict"}


def _place(line: Line) -> tuple[Any, ...]:
    return (line["requirement"], line["exchange"], line["side"], line["event"], line["pointer"])


def found_in(trace: Trace) -> set[tuple[Any, ...]]:
    """What the judge finds in the whole."""
    return {
        (one.requirement, one.place.exchange, one.place.side, one.place.event, one.pointer)
        for one in judge(trace).findings
    } | {
        ("", call.position, "response", None, "")
        for call in trace.calls
        if call.exchange.response is not None and call.exchange.response.cut
    }


def traces(every: int) -> Iterable[Trace]:
    """The conversations of the tests, right and wrong; of the wrong ones every so many."""
    yield from map(conversation, CONVERSATIONS)
    for path in VIOLATIONS[::every]:
        violation = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
        yield trace_of(patched(violation["from"], violation["patch"]))


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_what_is_told_is_what_the_judge_finds_in_the_whole(every: int) -> None:
    """In each right and wrong conversation, as it passes and then together: nothing more, nothing less."""
    live = whole = 0
    for trace in traces(every):
        found = found_in(trace)
        at_once = told_of(trace, together=False)
        assert at_once <= found, trace.name
        assert told_of(trace, together=True) == found, trace.name
        live, whole = live + len(at_once), whole + len(found)
    assert whole > 300 / every
    assert live > 0.95 * whole


def test_a_finding_is_told_once_with_its_exchange() -> None:
    """At once; not again with the next exchanges, nor at the end."""
    conversations = Conversations()
    wrong = {**ANSWER, "status": 7}
    told = [
        conversations.take(one, exchange_of(one)) for one in (passed(0), passed(1, answer=wrong), passed(2))
    ]
    kinds = [[line["type"] for line in lines] for lines in told]
    assert kinds[1].count("exchange") == 1
    statuses = [
        line for lines in [*told, list(conversations.close())] for line in lines if line["type"] == "verdict"
    ]
    assert [line["exchange"] for line in statuses if line["pointer"] == "/status"] == [1]


def test_each_key_is_a_conversation_and_no_key_is_told() -> None:
    """In the order in which they came; keys that the server echoes are taken out of whatever is quoted."""
    conversations = Conversations(closed=True)
    lines: list[Line] = []
    for number, key in enumerate((KEY, f"{KEY}-other", KEY, "")):
        wrong = {**ANSWER, "status": key, key: key, "steps": [{"type": key, "content": key}]}
        one = passed(number, answer=wrong, key=key)
        lines += conversations.take(one, exchange_of(one))
    lines += conversations.close()
    assert KEY not in json.dumps(lines)
    assert "REDACTED" in json.dumps(lines)
    assert [(one.subject, one.count) for one in conversations] == [
        ("conversation-1", 2),
        ("conversation-2", 1),
        ("conversation-3", 1),
    ]


@pytest.mark.parametrize(
    ("headers", "url", "keys"),
    [
        ((("X-Goog-Api-Key", "one"),), URL, ("one",)),
        ((("Authorization", "Bearer two"),), URL, ("two",)),
        ((), f"{URL}?key=three&alt=sse", ("three",)),
        ((("x-goog-api-key", "one"), ("authorization", "Bearer two")), f"{URL}?key=one", ("one", "two")),
        ((), "http://[bad", ()),
        (None, URL, ()),
    ],
)
def test_a_key_is_known_however_it_is_sent(headers: Any, url: str, keys: tuple[str, ...]) -> None:
    """In its header, as a bearer token, in the query."""
    assert keys_of(Request("GET", url, headers)) == keys


def test_exchanges_that_end_in_another_order_are_judged_in_the_order_of_arrival() -> None:
    """A turn that is answered before the turn on which it builds has ended is no finding of another order."""
    right = conversation("functions")
    conversations = Conversations()
    lines: list[Line] = []
    for number in reversed(range(len(right.calls))):
        lines += conversations.take(passed(number), right.calls[number].exchange)
    lines += conversations.close()
    assert [line for line in lines if line["type"] == "verdict"] == []


@pytest.mark.parametrize("why", [LEFT, STOPPED])
def test_what_nobody_waited_for_blames_nobody(why: str) -> None:
    """A stream that its client left in the middle; the same cut by the server is the server's."""
    half = b'event: interaction.created\ndata: {"interaction":'
    told = Told(200, (("Content-Type", "text/event-stream"),), [(half, 0.1)], "the connection was reset")
    body = {**HELLO, "stream": True}
    left = replace(passed(0, body), told=replace(told, cut=""), unfinished=why)
    cut = replace(passed(0, body), told=told)
    assert _parties(left) == set()
    assert _parties(cut) == {"server"}


def test_a_request_that_was_not_answered_is_judged_and_the_server_is_not() -> None:
    """What the client sent is there; the upstream's silence is told of the conversation."""
    wrong = {"model": 7, "input": "Hello"}
    assert _parties(replace(passed(0, wrong), told=None, trouble="refuses the connection")) == {"client"}
    assert _parties(replace(passed(0), told=None, trouble="refuses the connection")) == set()


def test_an_answer_in_a_coding_that_nobody_here_reads_blames_nobody() -> None:
    """Nothing is known of it."""
    told = Told(200, (("Content-Type", "application/json"), ("Content-Encoding", "br")), [(b"\x0b\x02", 0.1)])
    assert _parties(replace(passed(0), told=told)) == set()


def _parties(one: Passed) -> set[str]:
    conversations = Conversations()
    lines = [*conversations.take(one, exchange_of(one)), *conversations.close()]
    return {line["party"] for line in lines if line["type"] == "verdict"}


def test_an_exchange_is_judged_a_limited_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a conversation is, and however many there are; and not all of it is held."""
    judged = [0]

    def counting(trace: Trace, **options: Any) -> Any:
        judged[0] += len(trace.calls)
        return judging.judge(trace, **options)

    monkeypatch.setattr(module, "judge", counting)
    monkeypatch.setattr(module, "_CHAPTER", 20)
    monkeypatch.setattr(module, "_HELD_CONVERSATIONS", 10)
    conversations = Conversations()
    for number in range(70):
        one = passed(number)
        conversations.take(one, exchange_of(one))
    (conversation,) = conversations
    assert len(conversation.chapter) == 10
    list(conversations.close())
    assert judged[0] <= 70 * 9
    for number in range(30):
        one = passed(1000 + number, key=f"{KEY}-{number}")
        conversations.take(one, exchange_of(one))
    assert sum(bool(one.chapter) for one in conversations) == 10


def test_what_was_kept_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is judged in one chapter or in several."""
    counts = []
    for chapter in (100, 3):
        monkeypatch.setattr(module, "_CHAPTER", chapter)
        conversations = Conversations()
        lines: list[Line] = []
        for number in range(10):
            one = passed(number, answer={**ANSWER, "id": f"v1_{number}"})
            lines += conversations.take(one, exchange_of(one))
        lines += conversations.close()
        counts.append(sum(line["counts"].get("IX-STEP-001", 0) for line in lines if line["type"] == "passes"))
    assert counts[0] == counts[1] > 0


def test_one_party_alone_is_judged_where_that_is_asked() -> None:
    """A client's fault is none of the server's users' business."""
    one = passed(0, {"model": 7, "input": "Hello"}, {**ANSWER, "status": 7})
    for party in ("server", "client"):
        conversations = Conversations(parties=(party,))
        lines = [*conversations.take(one, exchange_of(one)), *conversations.close()]
        assert {line["party"] for line in lines if line["type"] == "verdict"} == {party}
