"""Background interactions: from queued to their end, resumed, cancelled, continued."""

from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest

from conformance.wire.fold import fold
from tests.server.questions import REQUESTS
from tests.server.talking import PATH, Talk, events_of, json_of, refusal_of, text_of

ASK: dict[str, Any] = {"input": "Explain how AI works in detail", "background": True}


def polled(talk: Talk, interaction_id: str, times: int = 10) -> list[dict[str, Any]]:
    """Poll so many times."""
    return [json_of(talk.send("GET", f"{PATH}/{interaction_id}")) for _ in range(times)]


def resumed(talk: Talk, interaction_id: str, event_id: str) -> list[dict[str, Any]]:
    query = f"stream=true&last_event_id={quote(event_id, safe='')}"
    answer = talk.send("GET", f"{PATH}/{interaction_id}?{query}")
    assert answer.status == 200, answer.body
    return events_of(b"".join(answer.followed()))


def streamed(talk: Talk, writes: int | None = None, **body: Any) -> list[dict[str, Any]]:
    """Create a background stream of which so many frames are delivered before the client leaves."""
    delivery = talk.create(**body, stream=True).followed()
    got = list(delivery) if writes is None else [next(delivery) for _ in range(writes)]
    return events_of(b"".join(got))


def test_a_background_interaction_is_queued_then_runs_then_ends(talk: Talk) -> None:
    """Each poll moves it on; a finished one has usage, and does not change any more (IX-BG-001, 005, 015)."""
    first = talk.ask(**ASK)
    assert first["status"] == "queued"
    assert "steps" not in first
    assert "usage" not in first
    later = polled(talk, first["id"], 5)
    assert [told["status"] for told in later] == ["in_progress", "in_progress", *["completed"] * 3]
    assert [len(told["steps"]) for told in later] == [1, 2, 3, 3, 3]
    assert later[2] == later[4]
    assert later[2]["usage"]["total_tokens"] > 0


def test_a_background_answer_is_the_foreground_one(talk: Talk) -> None:
    """Only the way differs."""
    done = polled(talk, talk.ask(**ASK)["id"])[-1]
    assert text_of(done) == text_of(Talk().ask(input=ASK["input"]))


@pytest.mark.parametrize("body", REQUESTS.values(), ids=REQUESTS.keys())
def test_every_background_stream_has_ids_and_folds_to_what_is_stored(body: dict[str, Any]) -> None:
    """Every event has an id of its own, and the stored interaction is what they add up to (IX-BG-013)."""
    if body.get("store") is False:
        return
    talk = Talk()
    events = streamed(talk, **body, background=True)
    ids = [event["event_id"] for event in events]
    assert len(set(ids)) == len(ids)
    folded = fold(events)
    stored = json_of(talk.send("GET", f"{PATH}/{folded['id']}"))
    assert [step["type"] for step in folded.get("steps", [])] == [
        step["type"] for step in stored["steps"] if step["type"] != "user_input"
    ]
    assert text_of(folded) == text_of(stored)
    assert (folded["status"], folded["usage"]) == (stored["status"], stored["usage"])


def test_a_resumed_stream_is_the_exact_rest(talk: Talk) -> None:
    """From every event on: nothing lost, nothing twice (IX-BG-010)."""
    events = streamed(talk, **ASK)
    name = events[0]["interaction"]["id"]
    assert json_of(talk.send("GET", f"{PATH}/{name}"))["status"] == "completed"
    for position, event in enumerate(events, 1):
        assert resumed(talk, name, event["event_id"]) == events[position:]
    assert events_of(talk.send("GET", f"{PATH}/{name}?stream=true").body) == events


@pytest.mark.parametrize("writes", [1, 2, 5, 9])
def test_a_dropped_stream_is_resumed_while_the_run_goes_on(talk: Talk, writes: int) -> None:
    """The client left after some events; the run is not over; the resumed stream brings it to its end."""
    whole = streamed(Talk(), **ASK)
    before = streamed(talk, writes, **ASK)
    name = before[0]["interaction"]["id"]
    after = resumed(talk, name, before[-1]["event_id"])
    assert before + after == whole
    assert polled(talk, name, 1)[0]["status"] == "completed"


def test_a_dropped_run_ends_by_polls_alone(talk: Talk) -> None:
    """Nothing is lost when nobody resumes."""
    before = streamed(talk, 4, **ASK)
    first, *_, last = polled(talk, before[0]["interaction"]["id"], 4)
    assert (first["status"], last["status"]) == ("in_progress", "completed")


@pytest.mark.parametrize("event_id", ["nothing", "MQ=="])
def test_an_unknown_event_is_refused(talk: Talk, event_id: str) -> None:
    """400, and only background streams have ids."""
    for body in (ASK, {"input": "Hello"}):
        name = talk.ask(**body)["id"]
        answer = talk.send("GET", f"{PATH}/{name}?stream=true&last_event_id={event_id}")
        assert refusal_of(answer)[:2] == (400, "invalid_request")


def test_a_cancellation_lags_and_then_holds(talk: Talk) -> None:
    """The cancel call shows the old status, the next poll the new one, with the finished steps."""
    name = talk.ask(**ASK)["id"]
    polled(talk, name, 2)
    assert json_of(talk.send("POST", f"{PATH}/{name}/cancel"))["status"] == "in_progress"
    first, second = polled(talk, name, 2)
    assert first == second
    assert first["status"] == "cancelled"
    assert [step["type"] for step in first["steps"]] == ["user_input", "thought"]
    assert refusal_of(talk.send("POST", f"{PATH}/{name}/cancel"))[:2] == (400, "failed_precondition")
    assert fold(events_of(talk.send("GET", f"{PATH}/{name}?stream=true").body))["status"] == "cancelled"


def test_a_queued_interaction_can_be_cancelled(talk: Talk) -> None:
    """It never ran, so it has no steps of its own; asked twice, it stops at once."""
    name = talk.ask(**ASK)["id"]
    seen = [json_of(talk.send("POST", f"{PATH}/{name}/cancel"))["status"] for _ in range(2)]
    assert seen == ["queued", "cancelled"]
    assert [step["type"] for step in polled(talk, name, 1)[0]["steps"]] == ["user_input"]


def test_a_run_ends_once_however_often_it_is_cancelled_and_read(talk: Talk) -> None:
    """The stream of a run that was cancelled twice, and read after that, has one end (IX-STREAM-035)."""
    name = talk.ask(**ASK)["id"]
    for _ in range(2):
        talk.send("POST", f"{PATH}/{name}/cancel")
    assert polled(talk, name, 1)[0]["status"] == "cancelled"
    events = events_of(talk.send("GET", f"{PATH}/{name}?stream=true").body)
    assert [event["event_type"] for event in events].count("interaction.completed") == 1


@pytest.mark.parametrize("writes", range(1, 12))
def test_an_open_stream_ends_when_its_run_is_cancelled(talk: Talk, writes: int) -> None:
    """An open step is stopped, then comes interaction.completed with the status, and `[DONE]`."""
    delivery = talk.create(**ASK, stream=True).followed()
    begun = [next(delivery) for _ in range(writes)]
    name = events_of(begun[0])[0]["interaction"]["id"]
    talk.send("POST", f"{PATH}/{name}/cancel")
    rest = list(delivery)
    assert rest[-1].endswith(b"data: [DONE]\n\n")
    events = events_of(b"".join([*begun, *rest]))
    assert events[-1]["interaction"]["status"] == "cancelled"
    kinds = [event["event_type"] for event in events]
    assert kinds.count("step.start") == kinds.count("step.stop")
    assert all(one["event_id"] != other["event_id"] for one, other in pairwise(events))
    assert polled(talk, name, 1)[0]["status"] == "cancelled"


def test_a_running_interaction_cannot_be_continued_and_a_finished_one_can(talk: Talk) -> None:
    """400 while it runs (IX-TURN-009)."""
    name = talk.ask(input="I have 2 dogs in my house.", background=True)["id"]
    more = {"input": "How many paws are in my house?", "previous_interaction_id": name}
    assert talk.refusal(**more)[:2] == (400, "failed_precondition")
    polled(talk, name)
    assert "8" in text_of(talk.ask(**more))


def test_a_deleted_interaction_is_gone(talk: Talk) -> None:
    """Also while it runs: get, stream, cancel, delete and chaining are 404 (IX-DEL)."""
    for body in (ASK, {"input": "Hello"}):
        name = talk.ask(**body)["id"]
        assert talk.send("DELETE", f"{PATH}/{name}").status == 200
        for method, path in (("GET", ""), ("GET", "?stream=true"), ("POST", "/cancel"), ("DELETE", "")):
            assert refusal_of(talk.send(method, f"{PATH}/{name}{path}"))[:2] == (404, "not_found")
        assert talk.refusal(input="x", previous_interaction_id=name)[:2] == (404, "not_found")


def test_deep_research_runs_in_the_background(talk: Talk) -> None:
    """The answer names the agent, and a webhook is given back (IX-AGENT-002)."""
    hook = {"uris": ["https://example.com/hook"], "user_metadata": {"n": 1}}
    body = {"agent": "deep-research-preview-04-2026", "input": "Hello", "webhook_config": hook}
    first = talk.ask(**body, background=True)
    assert first["status"] == "in_progress"
    assert (first["agent"], first["webhook_config"]) == ("deep-research-preview-04-2026", hook)
    done = polled(talk, first["id"])[-1]
    assert (done["status"], done["webhook_config"]) == ("completed", hook)


def test_an_agent_works_in_an_environment(talk: Talk) -> None:
    """A new one gets an id; one that is named keeps its own (IX-AGENT-011, 012)."""
    agent = {"agent": "antigravity-preview-09-2026", "input": "Hello"}
    made = talk.ask(**agent, environment="remote")["environment_id"]
    assert made
    assert talk.ask(**agent, environment=made)["environment_id"] == made
    named = {"type": "remote", "environment_id": made}
    assert talk.ask(**agent, environment=named)["environment_id"] == made
    assert talk.ask(**agent, environment={"type": "remote"})["environment_id"] != made


STORY: dict[str, Any] = {"input": "Tell me a very long story"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("store", [False, True])
def test_a_long_answer_is_continued(talk: Talk, *, store: bool, stream: bool) -> None:
    """Three requests, the token passed on; where it is stored the input is left out (IX-TURN-019)."""
    body: dict[str, Any] = {**STORY, "store": store}
    told: dict[str, Any] = {}
    texts = []
    for _ in range(3):
        told = fold(talk.events(**body)) if stream else talk.ask(**body)
        texts.append(text_of(told))
        if told["status"] == "requires_continuation":
            body = {"store": store, "continuation_token": told["continuation_token"]}
            body |= {"previous_interaction_id": told["id"]} if store else STORY
    assert told["status"] == "completed"
    whole = text_of(polled(talk, talk.ask(**STORY, background=True)["id"])[-1])
    assert "".join(texts) == whole


def test_a_token_continues_only_its_own_conversation(talk: Talk) -> None:
    """Another question, another account, another interaction: 400."""
    one = talk.ask(**STORY)
    token = {"continuation_token": one["continuation_token"]}
    stranger = Talk(key="another", service=talk.service)
    assert "not issued" in stranger.refusal(**STORY, **token)[2]
    assert "not issued" in talk.refusal(input="Tell me another very long story", **token)[2]
    assert "not issued" in talk.refusal(**STORY, continuation_token="????")[2]
    hello = talk.ask(input="Hello")["id"]
    assert "not issued" in talk.refusal(previous_interaction_id=hello, **token)[2]
    second = talk.ask(previous_interaction_id=one["id"], **token)
    assert second["status"] == "requires_continuation"
    assert "does not belong" in talk.refusal(previous_interaction_id=second["id"], **token)[2]
