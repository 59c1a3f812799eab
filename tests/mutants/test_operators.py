"""Operators: each changes what it says and nothing else, and changes nothing where it selects nothing."""

import json
from typing import Any

import pytest

from conformance.mutants.operators import change, mutated, mutated_request
from conformance.server.answer import DONE, Answer, event_stream, frame, json_answer
from conformance.wire.exchange import Request

DOCUMENT: dict[str, Any] = {
    "id": "v1_a",
    "n": 3,
    "steps": [{"type": "thought"}, {"type": "text", "text": "Hi"}],
}

EDITS: list[tuple[dict[str, Any], Any]] = [
    ({"at": "$.id", "drop": True}, {"n": 3, "steps": DOCUMENT["steps"]}),
    ({"at": "$.id", "to": None}, {**DOCUMENT, "id": None}),
    ({"at": "$.id", "copy": "$.steps[1].text"}, {**DOCUMENT, "id": "Hi"}),
    ({"at": "$.id", "rename": "name"}, {"name": "v1_a", "n": 3, "steps": DOCUMENT["steps"]}),
    ({"put": {"x": 1}}, {**DOCUMENT, "x": 1}),
    ({"at": "$.steps", "append": 1}, {**DOCUMENT, "steps": [*DOCUMENT["steps"], 1]}),
    ({"at": "$.steps", "prepend": 1}, {**DOCUMENT, "steps": [1, *DOCUMENT["steps"]]}),
    ({"at": "$.steps[0]", "repeat": True}, {**DOCUMENT, "steps": [{"type": "thought"}, *DOCUMENT["steps"]]}),
    ({"at": "$.steps[0]", "swap": True}, {**DOCUMENT, "steps": DOCUMENT["steps"][::-1]}),
    ({"at": "$.n", "plus": -1}, {**DOCUMENT, "n": 2}),
    ({"at": "$.id", "suffix": "Z"}, {**DOCUMENT, "id": "v1_aZ"}),
    ({"at": "$.id", "prefix": "Z"}, {**DOCUMENT, "id": "Zv1_a"}),
    ({"at": "$.n", "as": "text"}, {**DOCUMENT, "n": "3"}),
    ({"at": "$.n", "as": "list"}, {**DOCUMENT, "n": [3]}),
    ({"at": "$.n", "as": "negative"}, {**DOCUMENT, "n": -3}),
    ({"at": "$.n", "as": "object"}, {**DOCUMENT, "n": {"value": 3}}),
    ({"at": "$.steps", "as": "first"}, {**DOCUMENT, "steps": {"type": "thought"}}),
    ({"at": "$.steps", "as": "nothing"}, {**DOCUMENT, "steps": []}),
    ({"at": "$.id", "as": "upper"}, {**DOCUMENT, "id": "V1_A"}),
]


@pytest.mark.parametrize(("operator", "expected"), EDITS, ids=[json.dumps(edit) for edit, _ in EDITS])
def test_an_edit_changes_what_it_says(operator: dict[str, Any], expected: Any) -> None:
    """The document that came in stays as it was."""
    before = json.dumps(DOCUMENT)
    assert change(operator, DOCUMENT) == expected
    assert json.dumps(DOCUMENT) == before


def test_a_renamed_member_keeps_its_place() -> None:
    """The order of members is part of the bytes."""
    assert list(change({"at": "$.id", "rename": "name"}, DOCUMENT)) == ["name", "n", "steps"]


@pytest.mark.parametrize("operator", [edit for edit, _ in EDITS if "at" in edit])
def test_an_edit_that_selects_nothing_changes_nothing(operator: dict[str, Any]) -> None:
    """Whoever called has to see that by comparing."""
    assert change({**operator, "at": "$.absent"}, DOCUMENT) == DOCUMENT


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (None, [9, 1, 1]),
        ("first", [9, 1, 1]),
        ("last", [1, 1, 9]),
        ("all", [9, 9, 9]),
        (1, [1, 9, 1]),
        (5, [1, 1, 1]),
    ],
)
def test_which_of_several_values_is_chosen(which: Any, expected: list[int]) -> None:
    """The first, unless it says otherwise."""
    assert change({"at": "$[*]", "which": which, "to": 9}, [1, 1, 1]) == expected


def test_all_of_a_list_can_be_dropped() -> None:
    """From the end, so that the places of the others still hold."""
    assert change({"at": "$[?@>1]", "which": "all", "drop": True}, [1, 2, 1, 3]) == [1, 1]


def test_the_whole_document_can_be_replaced() -> None:
    """As an answer that is a list, or in an envelope."""
    assert change({"as": "list"}, {"a": 1}) == [{"a": 1}]
    assert change({"copy": "$.a"}, {"a": 1}) == 1


def letters(answer: Answer) -> str:
    """The frames of a stream: the last letter of each event's type, or what else is written."""
    return " ".join(_letter(write) for write in answer.writes)


def _letter(write: bytes) -> str:
    if write == DONE:
        return "Z"
    try:
        return str(json.loads(write.split(b"data: ")[1])["event_type"])
    except (ValueError, IndexError):
        return write.decode()


STREAM = event_stream([*(frame({"event_type": name, "n": n}) for n, name in enumerate("aabc")), DONE])

FRAMES: list[tuple[dict[str, Any], str]] = [
    ({"of": {"event_type": "a"}, "drop": True}, "a b c Z"),
    ({"of": {"event_type": "a"}, "which": "all", "drop": True}, "b c Z"),
    ({"of": {"event_type": "b"}, "repeat": True}, "a a b b c Z"),
    ({"of": {"event_type": "b"}, "swap": True}, "a a c b Z"),
    ({"of": "done", "swap": True}, "a a b c Z"),
    ({"of": {"event_type": "c"}, "move": "start"}, "c a a b Z"),
    ({"of": {"event_type": "b"}, "move": "end"}, "a a c Z b"),
    ({"of": {"event_type": "c"}, "move": 1}, "a c a b Z"),
    ({"of": "done", "insert": [{"event_type": "d"}, ": more\n\n"]}, "a a b c Z d : more\n\n"),
    ({"of": {"event_type": "b"}, "cut": 0}, "a a"),
    ({"of": {"event_type": "b"}, "cut": 6}, "a a event:"),
    ({"of": "done", "drop": True}, "a a b c"),
    ({"of": {"event_type": "nothing"}, "drop": True}, "a a b c Z"),
    ({"of": {"event_type": "nothing"}, "cut": 0}, "a a b c Z"),
]


@pytest.mark.parametrize(("operator", "expected"), FRAMES, ids=[json.dumps(told) for told, _ in FRAMES])
def test_frames_are_dropped_repeated_moved_and_cut(operator: dict[str, Any], expected: str) -> None:
    """What is left, in order."""
    assert letters(mutated(STREAM, {"frames": operator})) == expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ({"name": "x"}, b'event: x\ndata: {"event_type":"b","n":2}\n\n'),
        ({"name": None}, b'data: {"event_type":"b","n":2}\n\n'),
        ({"data": "no"}, b"event: b\ndata: no\n\n"),
        ({"raw": "no\n\n"}, b"no\n\n"),
        ({"replace": ["data: ", "data:"]}, b'event: b\ndata:{"event_type":"b","n":2}\n\n'),
        ({"spread": True}, b'event: b\ndata: {\ndata:  "event_type": "b",\ndata:  "n": 2\ndata: }\n\n'),
    ],
)
def test_a_frame_is_written_in_another_way(operator: dict[str, Any], expected: bytes) -> None:
    """The others stay."""
    answer = mutated(STREAM, {"frames": {"of": {"event_type": "b"}, **operator}})
    assert answer.writes == (*STREAM.writes[:2], expected, *STREAM.writes[3:])


def test_the_payload_of_an_event_is_edited() -> None:
    """Its event line follows its type; `each` chooses events, `which` values within one."""
    operator = {"of": {"event_type": "a"}, "each": "last", "at": "$.event_type", "to": "x"}
    answer = mutated(STREAM, {"events": operator})
    assert answer.writes[0] == STREAM.writes[0]
    assert answer.writes[1] == b'event: x\ndata: {"event_type":"x","n":1}\n\n'


def test_a_run_hears_of_each_of_its_frames_once() -> None:
    """A stream in the background moves its run on as it goes out, whatever became of its frames."""
    heard: list[int] = []

    def follow(number: int) -> tuple[bytes, ...] | None:
        heard.append(number)
        return (b"cancelled",) if number == 3 else None

    stream = Answer(200, STREAM.headers, STREAM.writes[:3], chunked=True, follow=follow)
    dropped = mutated(stream, {"frames": {"of": {"event_type": "a"}, "drop": True}})
    assert (len(list(dropped.followed())), heard) == (2, [0, 1, 2])
    heard.clear()
    repeated = mutated(stream, {"frames": {"of": {"event_type": "b"}, "repeat": True}})
    assert (len(list(repeated.followed())), heard) == (4, [0, 1, 2])
    heard.clear()
    stream = Answer(200, STREAM.headers, STREAM.writes, chunked=True, follow=follow)
    assert list(mutated(stream, {"frames": {"of": "done", "drop": True}}).followed())[-1] == b"cancelled"


def test_operators_for_streams_leave_one_body_alone_and_the_other_way_round() -> None:
    """A mutant says which of the two it is about."""
    unary = json_answer(200, DOCUMENT)
    assert mutated(unary, {"events": {"of": {}, "put": {"x": 1}}}) is unary
    assert mutated(unary, {"frames": {"drop": True}}) is unary
    assert mutated(STREAM, {"body": {"put": {"x": 1}}}) is STREAM
    page = Answer(200, (), (b"<html>",))
    assert mutated(page, {"body": {"put": {"x": 1}}}) is page


def test_a_body_is_edited_and_its_length_told() -> None:
    """Otherwise HTTP itself would break."""
    answer = mutated(json_answer(200, {"a": 1}), {"body": {"put": {"b": 2}}})
    assert answer.body == b'{"a":1,"b":2}'
    assert ("Content-Length", "13") in answer.headers


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ({"to": "no"}, b"no"),
        ({"replace": ["a", "b"]}, '{"b":"é"}'.encode()),
        ({"suffix": "!"}, '{"a":"é"}!'.encode()),
        ({"encoding": "latin-1"}, b'{"a":"\xe9"}'),
        ({"cut": 3}, b'{"a'),
    ],
)
def test_the_bytes_of_a_body_are_changed(operator: dict[str, Any], expected: bytes) -> None:
    """Whatever they mean."""
    answer = mutated(json_answer(200, {"a": "é"}), {"text": operator})
    assert answer.body == expected
    assert ("Content-Length", str(len(expected))) in answer.headers


def test_status_and_headers_are_replaced_added_and_left_out() -> None:
    """Whatever the case of their names."""
    told = {"status": 500, "headers": {"content-type": None, "X-More": "1"}}
    answer = mutated(json_answer(200, {}), {"head": told})
    assert answer.status == 500
    assert dict(answer.headers) == {"Content-Length": "2", "X-More": "1"}


def test_another_answer_takes_the_place_of_the_right_one() -> None:
    """One body, or a stream."""
    assert mutated(STREAM, {"answer": {"status": 501, "json": {"a": 1}}}).body == b'{"a":1}'
    answer = mutated(json_answer(404, {}), {"answer": {"events": [{"event_type": "a"}]}})
    assert (answer.status, letters(answer)) == (200, "a")


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ({"at": "$.store", "drop": True}, Request("POST", "/x?a=1", (("A", "1"),), b"{}")),
        ({"text": "no"}, Request("POST", "/x?a=1", (("A", "1"),), b"no")),
        ({"headers": {"a": None}}, Request("POST", "/x?a=1", (), b'{"store":false}')),
        ({"headers": {"b": "2"}}, Request("POST", "/x?a=1", (("A", "1"), ("b", "2")), b'{"store":false}')),
        ({"query": {"a": None, "b": "&"}}, Request("POST", "/x?b=%26", (("A", "1"),), b'{"store":false}')),
    ],
)
def test_a_request_is_read_wrongly(operator: dict[str, Any], expected: Request) -> None:
    """Its body, its headers, its query."""
    assert mutated_request(Request("POST", "/x?a=1", (("A", "1"),), b'{"store":false}'), operator) == expected


def test_a_request_without_a_body_cannot_be_edited() -> None:
    """As a get."""
    request = Request("GET", "/x")
    assert mutated_request(request, {"at": "$.store", "drop": True}) is request
