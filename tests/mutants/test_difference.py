"""What is wrong in the bytes: the places, as the judge would name them, and the lines for people."""

from typing import Any

import pytest

from conformance.mutants.difference import Touch, shown, touched
from conformance.mutants.service import Answered, MutatedService
from conformance.server.answer import DONE, Answer, event_stream, frame, json_answer
from conformance.wire.exchange import Request

REQUEST = Request("POST", "/v1beta/interactions")


def answered(right: Answer, sent: Answer) -> list[Answered]:
    """One exchange."""
    return [Answered(REQUEST, right, sent)]


def body(value: Any) -> Answer:
    """An answer in one piece."""
    return json_answer(200, value)


def stream(*payloads: int) -> Answer:
    """A stream whose events hold numbers."""
    return event_stream([*(frame({"event_type": "a", "n": n}) for n in payloads), DONE])


@pytest.mark.parametrize(
    ("right", "sent", "places"),
    [
        (body({"a": 1}), body({"a": 1}), []),
        (body({"a": 1}), body({"a": 2}), [(None, "/a")]),
        (body({"a": 1}), body({"a": True}), [(None, "/a")]),
        (body({"a": 1}), body({"a": 1.0}), [(None, "/a")]),
        (body({"a": {"b": 1}}), body({"a": {}}), [(None, "/a/b")]),
        (body({"a": [1, 2]}), body({"a": [1, 2, 3]}), [(None, "/a/2")]),
        (body({"a/b": 1}), body({"a/b": 2}), [(None, "/a~1b")]),
        (body({"a": 1}), Answer(200, body({}).headers, (b"<html>",)), [(None, "")]),
        (body({"a": 1}), Answer(200, body({}).headers, (b'{"a": 1}',)), [(None, "")]),
        (body({"a": 1}), json_answer(500, {"a": 1}), [(None, "")]),
        (body({"a": 1}), json_answer(200, {"a": 1}, ("X-More", "1")), [(None, "")]),
        (stream(1, 2, 3), stream(1, 5, 3), [(1, "/n")]),
        (stream(1, 2, 3), stream(1, 3), [(0, ""), (1, "")]),
        (stream(1, 2, 3), stream(2, 3), [(0, "")]),
        (stream(1, 3), stream(1, 2, 3), [(0, ""), (1, ""), (2, "")]),
        (stream(1), event_stream([frame({"event_type": "a", "n": 1})]), [(0, "")]),
        (stream(1), event_stream([]), [(0, "")]),
    ],
)
def test_the_places_where_bytes_differ(
    right: Answer, sent: Answer, places: list[tuple[int | None, str]]
) -> None:
    """Down to the member; where events are gone, beside the gap."""
    found = touched(answered(right, sent))
    assert sorted(found, key=str) == sorted([Touch(0, *place) for place in places], key=str)


def test_a_length_alone_is_no_difference() -> None:
    """It follows from the body."""
    right = json_answer(200, {})
    assert touched(answered(right, Answer(200, right.headers[:1], right.writes))) == []


def test_the_lines_are_few_and_short() -> None:
    """JSON is shown member by member; a long diff is cut and says so."""
    lines = shown(answered(body({"a": 1, "b": "x" * 500}), body({"a": 2, "b": "x" * 500})))
    assert lines == ["exchange 0 POST /v1beta/interactions", '- "a": 1,', '+ "a": 2,']
    long = shown(answered(body({"a": []}), body({"a": ["y" * 500] * 50})))
    assert len(long) == 25
    assert long[-1].endswith("lines more")
    assert max(map(len, long)) <= 161


def test_the_right_server_is_asked_beside_the_mutant() -> None:
    """The same request, so that a wrong reading of it shows in the answer."""
    asked = b'{"model": "gemini-3.5-flash", "input": "Hello", "store": false}'
    request = Request("POST", "/v1beta/interactions", (("x-goog-api-key", "k"),), asked)
    service = MutatedService({"request": {"at": "$.store", "drop": True}})
    service.answer(request)
    assert [touch.pointer for touch in touched(service.answered)] == ["/id"]
    assert touched([Answered(request, service.answered[0].sent, service.answered[0].sent)]) == []
