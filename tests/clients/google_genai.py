"""google-genai, synchronous and asynchronous: the conversations of the quickstart and the life
of an interaction, a line of JSON for each.

Run by `run.py`; the address of the server and the key come from the environment.
"""

import asyncio
import json
import os
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from google import genai

URL, KEY = os.environ["CLIENT_BASE_URL"], os.environ["CLIENT_API_KEY"]
FLASH, PREVIEW = "gemini-3.5-flash", "gemini-3-flash-preview"
CLOCK = {
    "type": "function",
    "name": "get_current_temperature",
    "description": "Gets the current temperature for a given location.",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city, such as San Francisco"}},
        "required": ["location"],
    },
}
PENDING = ("queued", "in_progress")
RETRIED = '#{"error": 503, "times": 1}'


def made(hold: Callable[[Any], str], kind: str = "") -> Any:
    """A client whose key names the conversation, so that the server can tell whose bytes it got."""
    key = f"{KEY}-{kind}{hold.__name__}" + (RETRIED if hold is retry else "")
    return genai.Client(api_key=key, http_options={"base_url": URL})


def text_of(interaction: Any) -> str:
    """What the SDK's user reads: all text of the interaction."""
    outputs = (step for step in interaction.steps if step.type == "model_output")
    return "".join(block.text for step in outputs for block in step.content if block.type == "text")


def text_in(events: Iterable[Any]) -> str:
    """The same of a stream."""
    deltas = (event.delta for event in events if event.event_type == "step.delta")
    return "".join(delta.text for delta in deltas if delta.type == "text")


def result_for(interaction: Any) -> dict[str, Any]:
    """The result of the one call that an interaction asks for."""
    [call] = [step for step in interaction.steps if step.type == "function_call"]
    assert call.arguments == {"location": "London"}, call
    told = [{"type": "text", "text": '{"temperature":"15C"}'}]
    return {"type": "function_result", "name": call.name, "call_id": call.id, "result": told}


def cited(interaction: Any) -> str:
    """The text of an interaction that must have searched."""
    assert "google_search_result" in [step.type for step in interaction.steps]
    assert interaction.steps[-1].content[0].annotations[0].title == "uefa.com"
    return text_of(interaction)


def text(api: Any) -> str:
    return text_of(api.create(model=FLASH, input="Explain how AI works in a few words"))


def stream(api: Any) -> str:
    return text_in(api.create(model=FLASH, input="Explain how AI works in detail", stream=True))


def turns(api: Any) -> str:
    first = api.create(model=FLASH, input="I have 2 dogs in my house.")
    more = {"input": "How many paws are in my house?", "previous_interaction_id": first.id}
    return text_of(api.create(model=FLASH, **more))


def search(api: Any) -> str:
    return cited(api.create(model=PREVIEW, input="Who won the euro 2024?", tools=[{"type": "google_search"}]))


def function(api: Any) -> str:
    first = api.create(model=PREVIEW, input="What's the temperature in London?", tools=[CLOCK])
    more = {"input": [result_for(first)], "previous_interaction_id": first.id}
    return text_of(api.create(model=PREVIEW, tools=[CLOCK], **more))


def get(api: Any) -> str:
    return text_of(api.get(api.create(model=FLASH, input="Hello").id))


def delete(api: Any) -> str:
    name = api.create(model=FLASH, input="Hello").id
    api.delete(name)
    try:
        api.get(name)
    except Exception as error:  # noqa: BLE001  the classes of errors differ between 2.x and 3.x
        return str(getattr(error, "status_code", None) or getattr(error, "code", ""))
    return "no error"


def background(api: Any) -> str:
    now = api.create(model=FLASH, input="Hello", background=True)
    seen = [now.status]
    while now.status in PENDING:
        now = api.get(now.id)
        seen.append(now.status)
    assert seen[0] in PENDING, seen
    return text_of(now)


def resume(api: Any) -> str:
    asked = {"model": FLASH, "input": "Explain how AI works in detail", "background": True}
    begun = []
    for event in api.create(**asked, stream=True):
        begun.append(event)
        if len(begun) == 5:
            break
    rest = api.get(begun[0].interaction.id, stream=True, last_event_id=begun[-1].event_id)
    return text_in([*begun, *rest])


def cancel(api: Any) -> str:
    name = api.create(model=FLASH, input="Hello", background=True).id
    api.cancel(name)
    return str(api.get(name).status)


def retry(api: Any) -> str:
    return text_of(api.create(model=FLASH, input="Hello"))


CONVERSATIONS: list[Callable[[Any], str]] = [
    text, stream, turns, search, function, get, delete, background, resume, cancel, retry,
]  # fmt: skip


class Awaited:
    """The asynchronous client, called like the other; a stream is read to its end."""

    def __init__(self, loop: asyncio.Runner, api: Any) -> None:
        self._loop, self._api = loop, api

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        async def called(*arguments: Any, **named: Any) -> Any:
            got = await getattr(self._api, operation)(*arguments, **named)
            return [event async for event in got] if hasattr(got, "__aiter__") else got

        return lambda *arguments, **named: self._loop.run(called(*arguments, **named))


def tell(client: str, hold: Callable[[Any], str], api: Any) -> None:
    """Hold a conversation and print how it went."""
    told: dict[str, Any] = {
        "client": client,
        "version": version("google-genai"),
        "conversation": hold.__name__,
    }
    try:
        told |= {"ok": True, "said": hold(api)}
    except Exception as error:  # noqa: BLE001  whatever a client raises is told
        told |= {"ok": False, "error": f"{type(error).__name__}: {error}"[:500]}
    print(json.dumps(told), flush=True)  # noqa: T201


def main() -> None:
    """Hold every conversation with both clients, each with a key of its own."""
    for hold in CONVERSATIONS:
        with made(hold) as client:
            tell("google-genai", hold, client.interactions)
    with asyncio.Runner() as loop:
        for hold in CONVERSATIONS:
            client = made(hold, "async-").aio
            tell("google-genai async", hold, Awaited(loop, client.interactions))
            loop.run(client.aclose())


if __name__ == "__main__":
    main()
