"""litellm's `interactions`: the conversations of the quickstart and the life of an interaction, a line
of JSON for each.

Run by `run.py`; the address of the server and the key come from the environment.
"""

import json
import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

URL, KEY = os.environ["CLIENT_BASE_URL"], os.environ["CLIENT_API_KEY"]
FLASH, PREVIEW = "gemini/gemini-3.5-flash", "gemini/gemini-3-flash-preview"
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


class Api:
    """litellm's functions, each with the address and a key that names the conversation."""

    def __init__(self, conversation: str) -> None:
        interactions = import_module("litellm").interactions
        given = {"api_base": URL, "api_key": f"{KEY}-{conversation}"}
        self.create = partial(interactions.create, **given)
        self.get = partial(interactions.get, **given)
        self.delete = partial(interactions.delete, **given)
        self.cancel = partial(interactions.cancel, **given)


def steps_of(interaction: Any) -> list[dict[str, Any]]:
    """The steps as plain JSON."""
    return list(interaction.model_dump()["steps"])


def text_of(interaction: Any) -> str:
    """What the user reads."""
    outputs = [step for step in steps_of(interaction) if step["type"] == "model_output"]
    return "".join(block["text"] for step in outputs for block in step["content"])


def text(api: Api) -> str:
    return text_of(api.create(model=FLASH, input="Explain how AI works in a few words"))


def stream(api: Api) -> str:
    events = api.create(model=FLASH, input="Explain how AI works in detail", stream=True)
    deltas = [event.model_dump().get("delta") or {} for event in events]
    return "".join(delta["text"] for delta in deltas if delta.get("type") == "text")


def turns(api: Api) -> str:
    first = api.create(model=FLASH, input="I have 2 dogs in my house.")
    more = {"input": "How many paws are in my house?", "previous_interaction_id": first.id}
    return text_of(api.create(model=FLASH, **more))


def search(api: Api) -> str:
    answer = api.create(model=PREVIEW, input="Who won the euro 2024?", tools=[{"type": "google_search"}])
    steps = steps_of(answer)
    assert "google_search_result" in [step["type"] for step in steps]
    assert steps[-1]["content"][0]["annotations"][0]["title"] == "uefa.com"
    return text_of(answer)


def function(api: Api) -> str:
    first = api.create(model=PREVIEW, input="What's the temperature in London?", tools=[CLOCK])
    [call] = [step for step in steps_of(first) if step["type"] == "function_call"]
    assert call["arguments"] == {"location": "London"}, call
    told = [{"type": "text", "text": '{"temperature":"15C"}'}]
    result = {"type": "function_result", "name": call["name"], "call_id": call["id"], "result": told}
    more = {"input": [result], "previous_interaction_id": first.id}
    return text_of(api.create(model=PREVIEW, tools=[CLOCK], **more))


def get(api: Api) -> str:
    return text_of(api.get(interaction_id=api.create(model=FLASH, input="Hello").id))


def delete(api: Api) -> str:
    name = api.create(model=FLASH, input="Hello").id
    api.delete(interaction_id=name)
    try:
        api.get(interaction_id=name)
    except Exception as error:  # noqa: BLE001  which class it is, is litellm's own affair
        return str(getattr(error, "status_code", ""))
    return "no error"


def background(api: Api) -> str:
    now = api.create(model=FLASH, input="Hello", background=True)
    while now.status in PENDING:
        now = api.get(interaction_id=now.id)
    return text_of(now)


def cancel(api: Api) -> str:
    name = api.create(model=FLASH, input="Hello", background=True).id
    api.cancel(interaction_id=name)
    return str(api.get(interaction_id=name).status)


CONVERSATIONS: list[Callable[[Api], str]] = [
    text, stream, turns, search, function, get, delete, background, cancel,
]  # fmt: skip


def main() -> None:
    """Hold every conversation."""
    for hold in CONVERSATIONS:
        told: dict[str, Any] = {
            "client": "litellm",
            "version": version("litellm"),
            "conversation": hold.__name__,
        }
        try:
            told |= {"ok": True, "said": hold(Api(hold.__name__))}
        except Exception as error:  # noqa: BLE001  whatever a client raises is told
            told |= {"ok": False, "error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(told), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
