"""What the service offers: create, get, delete, cancel, keys, determinism."""

import base64
import json
from typing import TYPE_CHECKING

import pytest

from conformance.contract.store import contract
from conformance.wire.fold import fold
from tests.server.questions import REQUESTS
from tests.server.talking import PATH, Talk, events_of, refusal_of, text_of

if TYPE_CHECKING:
    from conformance.server import Answer

each_request = pytest.mark.parametrize("request_body", REQUESTS.values(), ids=REQUESTS.keys())


@each_request
def test_the_same_request_key_and_seed_give_the_same_bytes(request_body: dict[str, object]) -> None:
    """Law 8: nothing depends on a clock, a port or a hash seed."""
    for stream in (False, True):
        first, second = Talk(), Talk()
        assert first.create(**request_body, stream=stream) == second.create(**request_body, stream=stream)


@each_request
def test_every_answer_keeps_the_contract(request_body: dict[str, object]) -> None:
    """No problem and no drift, in the object and in every event."""
    found = contract().validate("interactions/interaction", Talk().ask(**request_body))
    assert (found.problems, found.drift) == ([], [])
    for event in Talk().events(**request_body):
        found = contract().validate("interactions/event", event)
        assert (found.problems, found.drift) == ([], [])


@each_request
def test_a_stream_adds_up_to_the_unary_answer(request_body: dict[str, object]) -> None:
    """Steps, text and usage are the same in both forms, but for what only one of them has on the wire."""
    unary, folded = Talk().ask(**request_body), fold(Talk().events(**request_body))
    for step in unary.get("steps", []):
        step.pop("search_type", None)
    for step in folded.get("steps", []):
        if step.get("signature") == "":
            del step["signature"]
    if folded["id"] == "":
        del folded["id"]
    assert folded == unary


@each_request
def test_usage_adds_up(request_body: dict[str, object]) -> None:
    """The total is input, output, thought and tool use together (IX-USAGE-003)."""
    usage = Talk().ask(**request_body)["usage"]
    parts = ("input", "output", "thought", "tool_use")
    assert usage["total_tokens"] == sum(usage[f"total_{part}_tokens"] for part in parts)


def test_keys_have_the_order_of_the_wire(talk: Talk) -> None:
    """As recorded: id, status, usage, created, updated, service_tier, steps, object, model."""
    expected = ["id", "status", "usage", "created", "updated", "service_tier", "steps", "object", "model"]
    assert list(talk.ask(input="Hello")) == expected


def test_a_stream_has_the_recorded_order_of_events(talk: Talk) -> None:
    """Created, one status update, steps one after the other, completed without steps."""
    events = talk.events(input="Hello")
    kinds = [event["event_type"].rpartition(".")[2] for event in events]
    assert kinds == "created status_update start delta stop start delta delta stop completed".split()
    assert [event["index"] for event in events if "index" in event] == [0, 0, 0, 1, 1, 1, 1]
    assert all(list(event)[-1] == "event_type" for event in events)
    assert "steps" not in events[-1]["interaction"]


def test_every_frame_is_one_write_and_the_last_says_done(talk: Talk) -> None:
    """An event line, a data line, an empty line; the end is a frame of its own."""
    answer = talk.create(input="Explain how AI works in detail", stream=True)
    assert all(write.startswith(b"event: ") and write.count(b"\n") == 3 for write in answer.writes)
    assert answer.writes[-1] == b"event: done\ndata: [DONE]\n\n"


def test_an_id_names_the_first_turn_and_its_own(talk: Talk) -> None:
    """`v1_` and two length-prefixed names; a follow-up repeats the first turn's."""
    first = talk.ask(input="Hello")["id"]
    second = talk.ask(input="Hello", previous_interaction_id=first)["id"]
    names = [_names(first), _names(second)]
    assert names[0][0] == names[0][1] == names[1][0] != names[1][1]


def _names(interaction_id: str) -> tuple[bytes, bytes]:
    packed = interaction_id.removeprefix("v1_")
    told = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
    assert (told[0], told[1], told[25], told[26]) == (10, 23, 18, 23)
    return told[2:25], told[27:]


def test_what_is_not_stored_has_no_id(talk: Talk) -> None:
    """`store: false`: no `id` in the object, an empty one in every event, and nothing to get."""
    assert "id" not in talk.ask(input="Hello", store=False)
    events = talk.events(input="Hello", store=False)
    assert (
        events[0]["interaction"]["id"] == events[1]["interaction_id"] == events[-1]["interaction"]["id"] == ""
    )
    assert len(talk.service.memory) == 0


def test_get_gives_the_whole_timeline(talk: Talk) -> None:
    """A GET begins with the user_input that the POST did not repeat; the rest is the same."""
    made = talk.ask(input="Hello")
    got = json.loads(talk.send("GET", f"{PATH}/{made['id']}?stream=false").body)
    assert got["steps"][0] == {"content": [{"text": "Hello", "type": "text"}], "type": "user_input"}
    assert {**got, "steps": got["steps"][1:]} == made
    assert list(got) == list(made)


def test_get_can_stream(talk: Talk) -> None:
    """The stream of a finished interaction is that of its creation."""
    created = talk.create(input="Hello", stream=True)
    name = events_of(created.body)[0]["interaction"]["id"]
    assert talk.send("GET", f"{PATH}/{name}?stream=true") == created


def test_a_deleted_interaction_is_gone(talk: Talk) -> None:
    """DELETE answers an empty object; then the id is unknown to everything."""
    name = talk.ask(input="Hello")["id"]
    deleted = talk.send("DELETE", f"{PATH}/{name}")
    assert (deleted.status, deleted.body) == (200, b"{}")
    for method, path in (("GET", name), ("DELETE", name), ("POST", f"{name}/cancel")):
        assert refusal_of(talk.send(method, f"{PATH}/{path}"))[:2] == (404, "not_found")
    assert talk.refusal(input="Hello", previous_interaction_id=name)[:2] == (404, "not_found")


def test_nothing_runs_that_could_be_cancelled(talk: Talk) -> None:
    """Cancelling a finished interaction is a failed precondition."""
    name = talk.ask(input="Hello")["id"]
    assert refusal_of(talk.send("POST", f"{PATH}/{name}/cancel"))[:2] == (400, "failed_precondition")


def test_accounts_do_not_see_each_other() -> None:
    """State, ids and counters are per key: another key changes nothing and sees nothing."""
    mine = Talk(key="mine")
    theirs = Talk(key="theirs", service=mine.service)
    name = theirs.ask(input="Hello")["id"]
    assert refusal_of(mine.send("GET", f"{PATH}/{name}"))[:2] == (404, "not_found")
    assert mine.create(input="Hello") == Talk(key="mine").create(input="Hello")


def test_the_oldest_interactions_go_out() -> None:
    """Memory is bounded: by number, and by size."""
    from conformance.server import Service
    from conformance.server.memory import Memory

    talk = Talk(service=Service(7, Memory(interactions=2)))
    names = [talk.ask(input="Hello")["id"] for _ in range(3)]
    assert [talk.send("GET", f"{PATH}/{name}").status for name in names] == [404, 200, 200]
    small = Talk(service=Service(7, Memory(size=1000)))
    assert [small.ask(input="x" * 600)["status"] for _ in range(5)] == ["completed"] * 5
    assert len(small.service.memory) == 1


@pytest.mark.parametrize("path", ["/v1/interactions", f"{PATH}?alt=sse", f"{PATH}?key=other"])
def test_paths_and_queries_that_are_all_right(talk: Talk, path: str) -> None:
    """Both versions; `alt=sse` does not make a stream, only the body does."""
    answer = talk.send("POST", path, b'{"model": "gemini-3.5-flash", "input": "Hello"}')
    assert (answer.status, dict(answer.headers)["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", PATH),
        ("HEAD", PATH),
        ("PUT", f"{PATH}/x"),
        ("POST", "/v2/interactions"),
        ("GET", f"{PATH}/x/y"),
        ("GET", "//[x"),
    ],
)
def test_an_unknown_path_is_the_front_ends_404(talk: Talk, method: str, path: str) -> None:
    """The path comes before the key, and the envelope is google.rpc's."""
    error = json.loads(talk.send(method, path, headers=()).body)["error"]
    assert (error["code"], error["status"]) == (404, "NOT_FOUND")


BODY = b'{"model": "gemini-3.5-flash", "input": "Hello"}'


def test_the_key_comes_in_three_ways(talk: Talk) -> None:
    """Header, bearer token, query: the account is the same."""
    ways: list[Answer] = [
        Talk().send("POST", PATH, BODY, (("X-Goog-Api-Key", "k"),)),
        Talk().send("POST", PATH, BODY, (("Authorization", "Bearer k"),)),
        Talk().send("POST", f"{PATH}?key=k", BODY, ()),
    ]
    assert ways[0].status == 200
    assert ways[0] == ways[1] == ways[2]


def test_no_key_and_a_bad_key_are_refused_by_the_front_end(talk: Talk) -> None:
    """403 without a key; 400 with ErrorInfo for one that begins with `bad-`; neither repeats the key."""
    missing = talk.send("POST", PATH, b"{", (("x-goog-api-key", " "),))
    assert (missing.status, json.loads(missing.body)["error"]["status"]) == (403, "PERMISSION_DENIED")
    bad = talk.send("POST", PATH, b"{", (("x-goog-api-key", "bad-secret"),))
    assert (bad.status, json.loads(bad.body)["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    assert b"secret" not in bad.body


@pytest.mark.parametrize(("revision", "status"), [("2026-05-20", 200), ("2026-05-07", 400), ("soon", 400)])
def test_only_the_revisions_of_the_steps_schema_are_served(talk: Talk, revision: str, status: int) -> None:
    """The legacy schema is gone; the check comes before the body is read."""
    headers = (*talk.headers, ("Api-Revision", revision))
    assert talk.send("POST", PATH, BODY, headers).status == status
    assert talk.send("POST", PATH, b"{", headers).status == 400


def test_a_fault_of_ours_is_an_api_error_without_a_traceback(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A client gets 500 `api_error`; the traceback goes to the log."""
    monkeypatch.setattr("conformance.server.service.respond", lambda _: 1 // 0)
    status, code, message = talk.refusal(input="Hello")
    assert (status, code) == (500, "api_error")
    assert "Traceback" not in message
    assert "ZeroDivisionError" in caplog.text


def test_text_of_a_long_answer_is_cut_where_characters_end(talk: Talk) -> None:
    """Deltas may end anywhere in a word, never within a character, and there are several."""
    deltas = [
        e["delta"]["text"]
        for e in talk.events(input="Explain how AI works in detail")
        if "text" in e.get("delta", {})
    ]
    assert len(deltas) > 5
    assert "".join(deltas) == text_of(Talk().ask(input="Explain how AI works in detail"))
