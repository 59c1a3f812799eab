"""The official Python SDK against the reference server: the quickstart's conversations and the life cycle."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.server import ReferenceServer
from tests.server.questions import CLOCK, REQUESTS

genai = pytest.importorskip("google.genai", reason="google-genai is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")
DOGS, PAWS = "I have 2 dogs in my house.", "How many paws are in my house?"


@pytest.fixture
def client(server: ReferenceServer, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client whose key is the name of the test."""
    with genai.Client(api_key=request.node.name, http_options={"base_url": server.url}) as made:
        yield made


def text_of(interaction: Any) -> str:
    outputs = (step for step in interaction.steps if step.type == "model_output")
    return "".join(block.text for step in outputs for block in step.content)


def text_in(events: list[Any]) -> str:
    deltas = (event.delta for event in events if event.event_type == "step.delta")
    return "".join(delta.text for delta in deltas if delta.type == "text")


def test_text_and_stream(client: Any) -> None:
    """S1 and S2 of the quickstart: what is streamed is what is answered at once."""
    ask = {"model": "gemini-3.5-flash", "input": "Explain how AI works in detail"}
    events = list(client.interactions.create(**ask, stream=True))
    assert text_in(events) == text_of(client.interactions.create(**ask))
    assert events[-1].interaction.status == "completed"


def test_turns(client: Any) -> None:
    """S3: the second turn knows the first."""
    first = client.interactions.create(model="gemini-3.5-flash", input=DOGS)
    more = {"model": "gemini-3.5-flash", "input": PAWS, "previous_interaction_id": first.id}
    assert "8" in text_of(client.interactions.create(**more))


def test_search(client: Any) -> None:
    """S4: citations."""
    answer = client.interactions.create(**REQUESTS["search"])
    assert answer.steps[-1].content[0].annotations[0].title == "uefa.com"


def test_function(client: Any) -> None:
    """S5: the call, and its result."""
    ask = {"model": "gemini-3-flash-preview", "tools": [CLOCK]}
    first = client.interactions.create(**ask, input="What's the temperature in London?")
    [call] = [step for step in first.steps if step.type == "function_call"]
    told = [{"type": "text", "text": '{"temperature": "15C"}'}]
    result = {"type": "function_result", "name": call.name, "call_id": call.id, "result": told}
    second = client.interactions.create(**ask, input=[result], previous_interaction_id=first.id)
    assert (call.arguments, second.status) == ({"location": "London"}, "completed")
    assert "15C" in text_of(second)


@pytest.mark.parametrize("name", [name for name in REQUESTS if name != "continued"])
def test_every_request_is_understood(client: Any, name: str) -> None:
    """Also as a stream."""
    body = (
        {"model": "gemini-3.5-flash", **REQUESTS[name]} if "agent" not in REQUESTS[name] else REQUESTS[name]
    )
    answer = client.interactions.create(**body)
    *_, last = client.interactions.create(**body, stream=True)
    assert answer.status == last.interaction.status
    assert not any(type(step).__name__.startswith("Unknown") for step in answer.steps or ())


@pytest.mark.parametrize("store", [True, False])
def test_a_long_answer_is_continued_by_the_client_itself(client: Any, *, store: bool) -> None:
    """Three requests, one answer, unary and streamed."""
    ask = {"model": "gemini-3.5-flash", "input": "Tell me a very long story", "store": store}
    whole = text_of(client.interactions.create(**ask))
    assert whole.startswith("Once")
    assert whole.endswith("silent.")
    assert text_in(list(client.interactions.create(**ask, stream=True))) == whole


def test_background_polled_resumed_cancelled_deleted(client: Any) -> None:
    """The life of an interaction."""
    ask = {"model": "gemini-3.5-flash", "input": "Explain how AI works in detail", "background": True}
    interactions = client.interactions
    polled = interactions.create(**ask)
    seen = [polled.status, *(interactions.get(polled.id).status for _ in range(3))]
    assert seen == ["queued", "in_progress", "in_progress", "completed"]
    begun = [event for event, _ in zip(interactions.create(**ask, stream=True), range(5), strict=False)]
    name = begun[0].interaction.id
    rest = list(interactions.get(name, stream=True, last_event_id=begun[-1].event_id))
    assert text_in(begun + rest) == text_of(interactions.get(polled.id))
    stopped = interactions.create(**ask).id
    interactions.cancel(stopped)
    assert interactions.get(stopped).status == "cancelled"
    interactions.delete(stopped)
    with pytest.raises(Exception, match="does not exist"):
        interactions.get(stopped)


def test_a_control_in_the_key(server: ReferenceServer) -> None:
    """503, then the SDK's retry is answered; and a stream that comes byte by byte."""
    ask = {"model": "gemini-3.5-flash", "input": "Ägypten?"}
    for control in ('{"error": 503, "times": 1}', '{"plan": "byte", "confirm": true}'):
        with genai.Client(api_key=f"a-key#{control}", http_options={"base_url": server.url}) as client:
            assert "Ägypten" in text_in(list(client.interactions.create(**ask, stream=True)))


def test_the_asynchronous_client(client: Any) -> None:
    """Text, a stream, and many at once."""

    async def talk() -> None:
        interactions, ask = client.aio.interactions, {"model": "gemini-3.5-flash", "input": "Hello"}
        events = [event async for event in await interactions.create(**ask, stream=True)]
        answers = await asyncio.gather(*(interactions.create(**ask) for _ in range(20)))
        assert {text_of(answer) for answer in answers} == {text_in(events)}
        assert len({answer.id for answer in answers}) == 20
        await client.aio.aclose()

    asyncio.run(talk())
