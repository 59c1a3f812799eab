"""The test control: errors on demand, in every form, and nothing for a client that does not ask."""

import json
from typing import Any

import pytest

from conformance.contract.store import contract
from conformance.server import Answer
from conformance.server.refusal import CODES
from conformance.wire.fold import fold
from tests.server.talking import KEY, PATH, Talk, events_of, json_of, refusal_of

BODY = b'{"model": "gemini-3.5-flash", "input": "Hello"}'
STREAM = b'{"model": "gemini-3.5-flash", "input": "Hello", "stream": true}'


def controlled(talk: Talk, body: bytes = BODY, *, by_key: bool = False, **control: Any) -> Answer:
    """Create with a control."""
    told = json.dumps(control)
    headers = (("x-goog-api-key", "a-key#" + told),) if by_key else (*KEY, ("X-Conformance-Control", told))
    return talk.send("POST", PATH, body, headers)


@pytest.mark.parametrize("by_key", [True, False])
@pytest.mark.parametrize(("code", "status"), CODES.items())
def test_every_code_of_the_table_can_be_provoked(talk: Talk, code: str, status: int, *, by_key: bool) -> None:
    """By header and by key; nothing is made of the request, and the envelope keeps the contract."""
    answer = controlled(talk, by_key=by_key, error=code)
    assert refusal_of(answer)[:2] == (status, code)
    found = contract().validate("interactions/error_envelope", json.loads(answer.body))
    assert (found.problems, found.drift) == ([], [])
    assert talk.create(input="Hello") == Talk().create(input="Hello")


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "too_many_requests"), (500, "api_error"), (503, "service_unavailable"), (418, "im_a_teapot")],
)
def test_a_status_alone_will_do(talk: Talk, status: int, code: str) -> None:
    """What the table does not know is the status in snake case, as documented."""
    assert refusal_of(controlled(talk, error=status))[:2] == (status, code)


@pytest.mark.parametrize("after", [7, "7", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_a_retry_can_be_advised(talk: Talk, after: Any) -> None:
    """With and without Retry-After."""
    assert ("Retry-After", str(after)) in controlled(talk, error=429, retry_after=after).headers
    assert "Retry-After" not in dict(controlled(talk, error=429).headers)


def test_an_error_can_hold_for_a_number_of_requests(talk: Talk) -> None:
    """503, 503, then as usual; counted by account and control."""
    seen = [controlled(talk, error=503, times=2).status for _ in range(4)]
    assert seen == [503, 503, 200, 200]
    assert controlled(talk, error=500, times=1).status == 500
    other = Talk(key="other", service=talk.service)
    assert controlled(other, by_key=True, error=503, times=2, skip=1).status == 200


def test_an_error_can_wait_its_turn_and_choose_its_operation(talk: Talk) -> None:
    """The third poll fails; creating does not."""
    told = json.dumps({"error": 500, "on": "get", "skip": 2, "times": 1})
    headers = (("x-goog-api-key", f"a-key#{told}"),)
    made = json_of(talk.send("POST", PATH, BODY[:-1] + b', "background": true}', headers))
    seen = [talk.send("GET", f"{PATH}/{made['id']}", headers=headers).status for _ in range(4)]
    assert seen == [200, 200, 500, 200]


def test_an_error_can_be_framed(talk: Talk) -> None:
    """400 whose body is an event, as recorded."""
    answer = controlled(talk, STREAM, error="invalid_request", form="framed")
    assert answer.status == 400
    assert answer.body == b"event: error\ndata: " + answer.body[19:]
    assert dict(answer.headers)["Content-Type"] == "text/event-stream"
    [event] = events_of(answer.body)
    assert event["error"]["code"] == "invalid_request"


def test_an_error_can_be_the_front_ends(talk: Talk) -> None:
    """A google.rpc.Status with a numeric code."""
    error = json.loads(controlled(talk, error=429, form="front_end").body)["error"]
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")


@pytest.mark.parametrize("after", [0, 1, 2, 5])
def test_a_stream_can_end_in_an_error(talk: Talk, after: int) -> None:
    """HTTP 200, some events, then `error`, and neither completed nor `[DONE]` (IX-ERR-030)."""
    answer = controlled(talk, STREAM, error=503, message="Overloaded.", after=after, form="event")
    assert (answer.status, len(answer.writes)) == (200, after + 1)
    *_, last = events_of(answer.body)
    error = {"message": "Overloaded.", "code": "service_unavailable"}
    assert last == {"error": error, "event_type": "error"}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("code", ["safety", "api_error"])
def test_an_interaction_can_fail(talk: Talk, code: str, *, stream: bool) -> None:
    """200 with status failed; the object says why, in `errors` (IX-ERR-028, 029)."""
    answer = controlled(talk, STREAM if stream else BODY, error=code, form="status")
    told = fold(events_of(answer.body)) if stream else json_of(answer)
    assert (answer.status, told["status"]) == (200, "failed")
    stored = json_of(talk.send("GET", f"{PATH}/{told['id']}"))
    assert stored["errors"][0]["code"] == code
    found = contract().validate("interactions/interaction", stored)
    assert (found.problems, found.drift) == ([], [])


@pytest.mark.parametrize("status", ["failed", "incomplete", "budget_exceeded", "cancelled"])
def test_an_interaction_can_have_any_end(talk: Talk, status: str) -> None:
    """Also in the background, after its time."""
    assert json_of(controlled(talk, status=status))["status"] == status
    name = json_of(controlled(talk, BODY[:-1] + b', "background": true}', status=status))["id"]
    seen = [json_of(talk.send("GET", f"{PATH}/{name}"))["status"] for _ in range(3)]
    assert seen == ["in_progress", "in_progress", status]


@pytest.mark.parametrize(
    ("control", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"eror": 500}', "did you mean 'error'"),
        ('{"error": "nope"}', "known are"),
        ('{"error": 200}', "no status of an error"),
        ('{"error": true}', "makes no sense"),
        ('{"times": -1}', "out of range"),
        ('{"on": "list"}', "known are"),
        ('{"form": "x"}', "known are"),
        ('{"cuts": [0]}', "cuts"),
        ('{"plan": "slow"}', "known are"),
        ('{"fault": "x"}', "known are"),
        ('{"pause_ms": 1e9}', "makes no sense"),
    ],
)
def test_a_control_that_makes_no_sense_is_refused(talk: Talk, control: str, says: str) -> None:
    """400 that says why."""
    headers = (*KEY, ("x-conformance-control", control))
    status, code, message = refusal_of(talk.send("POST", PATH, BODY, headers))
    assert (status, code) == (400, "invalid_request")
    assert says in message


def test_the_key_before_the_control_is_the_account(talk: Talk) -> None:
    """So a client whose key carries a control meets its own interactions without it."""
    name = json_of(controlled(talk, by_key=True, times=0))["id"]
    assert talk.send("GET", f"{PATH}/{name}").status == 200
    assert talk.send("POST", f"{PATH}?key=k%23%7B%22error%22%3A500%7D", BODY, ()).status == 500
    assert talk.send("POST", PATH, BODY, (("authorization", 'Bearer k#{"error": 500}'),)).status == 500


@pytest.mark.parametrize("key", ["a#b", "a{b}", "AIzaSy-_#", "#", "a# {}"])
def test_ordinary_keys_are_no_controls(talk: Talk, key: str) -> None:
    """Only `#{` begins one."""
    assert talk.send("POST", PATH, BODY, (("x-goog-api-key", key),)).status == 200


def test_the_header_wins_over_the_key(talk: Talk) -> None:
    """Field by field."""
    told = (
        ("x-goog-api-key", 'k#{"error": 500, "message": "M"}'),
        ("x-conformance-control", '{"error": 503}'),
    )
    answer = talk.send("POST", PATH, BODY, told)
    assert refusal_of(answer) == (503, "service_unavailable", "M")
