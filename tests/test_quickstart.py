"""The five samples of the quickstart, with the official client, against the reference server.

They are what a newcomer runs first; each prints what it got, and the server must make sense of it.
"""
# ruff: noqa: T201 (a sample prints)

import json
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.server import serving

pytest.importorskip("google.genai")

NEW = "gemini-3.5-flash"
PREVIEW = "gemini-3-flash-preview"
WEATHER = {
    "type": "function",
    "name": "get_current_temperature",
    "description": "Tells how warm it is at a place.",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "A city, such as San Francisco"}},
        "required": ["location"],
    },
}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client as the samples make it: without arguments, all from the environment."""
    from google import genai

    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", "a-key")
    with serving(seed=7) as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        made = genai.Client()
        yield made
        made.close()


pytestmark = pytest.mark.filterwarnings("default")  # the client's own warnings are its own


def test_text(client: Any) -> None:
    """A question gets a text."""
    answered = client.interactions.create(model=NEW, input="Explain how AI works in a few words")
    print(answered.output_text)
    assert answered.output_text == "AI finds patterns in data and uses them to predict what fits next."
    assert answered.status == "completed"


def test_a_stream_says_what_the_whole_answer_says(client: Any) -> None:
    """The pieces, joined, are the text of the same question without a stream."""
    question = {"model": NEW, "input": "Explain how AI works in detail"}
    pieces = [
        event.delta.text
        for event in client.interactions.create(**question, stream=True)
        if event.event_type == "step.delta" and event.delta.type == "text"
    ]
    print(*pieces, sep="|")
    assert len(pieces) > 5
    assert "".join(pieces) == client.interactions.create(**question).output_text


def test_a_conversation_goes_on(client: Any) -> None:
    """The second question needs what the first one told."""
    told = client.interactions.create(model=NEW, input="I have 2 dogs in my house.")
    asked = client.interactions.create(
        model=NEW, input="How many paws are in my house?", previous_interaction_id=told.id
    )
    print(told.output_text, asked.output_text, sep="\n")
    assert "2 dogs" in told.output_text
    assert "8 paws" in asked.output_text
    assert asked.id != told.id


def test_a_search_is_cited(client: Any) -> None:
    """The answer names the winner and where that stands."""
    found = client.interactions.create(
        model=PREVIEW, input="Who won the euro 2024?", tools=[{"type": "google_search"}]
    )
    blocks = [block for step in found.steps if step.type == "model_output" for block in step.content]
    citations = [
        note
        for block in blocks
        if block.type == "text"
        for note in block.annotations or ()
        if note.type == "url_citation"
    ]
    print(found.output_text, *(f"[{note.title}]({note.url})" for note in citations), sep="\n")
    assert "Spain" in found.output_text
    assert citations
    assert all(note.title and note.url.startswith("https://") for note in citations)


def test_a_function_is_asked_for_and_its_result_used(client: Any) -> None:
    """The model asks with arguments; what the program answers comes back in the text."""
    asked = client.interactions.create(
        model=PREVIEW, input="What's the temperature in London?", tools=[WEATHER]
    )
    call = next(step for step in asked.steps if step.type == "function_call")
    print(call.name, call.arguments)
    assert (call.name, call.arguments) == ("get_current_temperature", {"location": "London"})
    assert asked.status == "requires_action"
    measured = json.dumps({"temperature": "15C", "condition": "Cloudy"})
    answered = client.interactions.create(
        model=PREVIEW,
        previous_interaction_id=asked.id,
        tools=[WEATHER],
        input=[
            {
                "type": "function_result",
                "name": call.name,
                "call_id": call.id,
                "result": [{"type": "text", "text": measured}],
            }
        ],
    )
    print(answered.output_text)
    assert "15C" in answered.output_text
    assert "Cloudy" in answered.output_text
