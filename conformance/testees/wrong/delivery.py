"""Clients whose user gets something else than was sent."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2

from conformance.testees.control import ClientError, ControlClient
from conformance.testees.protocol import Message

_KNOWN_EVENTS = frozenset(
    "interaction.created interaction.status_update interaction.completed error".split()
    + "step.start step.delta step.stop".split()
)


class DropsTheLastEvent(ControlClient):
    """Knows from interaction.completed that it is over, and does not hand it on."""

    def hand_over(self, event: dict[str, Any]) -> None:
        if event.get("event_type") == "interaction.completed":
            self.collected.add(event)
        else:
            super().hand_over(event)


class LosesUnknownEvents(ControlClient):
    """Hands over the events that it knows alone."""

    def hand_over(self, event: dict[str, Any]) -> None:
        if event.get("event_type") in _KNOWN_EVENTS:
            super().hand_over(event)


class FailsOnUnknownEvents(ControlClient):
    """Fails on an event, a step or a delta that it does not know."""

    def hand_over(self, event: dict[str, Any]) -> None:
        step, delta = event.get("step") or {}, event.get("delta") or {}
        strange = event.get("event_type") not in _KNOWN_EVENTS
        if strange or str(step.get("type")).startswith("new_") or str(delta.get("type")).startswith("new_"):
            raise ClientError("parse", "validation failed: input tag is not one of the expected tags")
        super().hand_over(event)


class NeverCloses(ControlClient):
    """Keeps the connection of a call that was given up."""

    kept: list[Any] = []  # noqa: RUF012  that is its fault

    async def release(self, response: httpx2.Response) -> None:
        self.kept.append(response)

    def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        self.kept.append(super().blocks(response))
        found: AsyncIterator[str] = self.kept[-1]
        return found


class MixesTheSteps(ControlClient):
    """Puts a delta into the step that started last, and reads arguments before their end."""

    def hand_over(self, event: dict[str, Any]) -> None:
        if event.get("event_type") == "step.delta" and self.collected.steps:
            event = {**event, "index": list(self.collected.steps)[-1]}
        super().hand_over(event)


class JoinsAllText(ControlClient):
    """Takes all text of an interaction for its answer."""

    def finish(self) -> Message:
        told = super().finish()
        return {**told, "text": "".join(step["_text"] for step in self.collected.steps.values())}

    def unary(self, value: Any) -> Message:
        blocks = [block for step in value.get("steps", ()) for block in step.get("content", ())]
        text = "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
        return {**super().unary(value), "text": text}


class HoldsEventsBack(ControlClient):
    """Hands over all events at the end."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.held: list[dict[str, Any]] = []

    def hand_over(self, event: dict[str, Any]) -> None:
        self.held.append(event)

    def finish(self) -> Message:
        for event in self.held:
            super().hand_over(event)
        return super().finish()


class FailsOnUnknownMembers(ControlClient):
    """Fails on a member that it does not know."""

    def hand_over(self, event: dict[str, Any]) -> None:
        if "new_member" in event:
            raise ClientError("parse", "validation failed: extra inputs are not permitted")
        super().hand_over(event)


class FailsOnUnknownWords(ControlClient):
    """Fails on a status that it does not know."""

    def hand_over(self, event: dict[str, Any]) -> None:
        if (event.get("interaction") or {}).get("status") == "new_status":
            raise ClientError("parse", "validation failed: input should be one of the enumeration")
        super().hand_over(event)


class TakesThoughtsForText(ControlClient):
    """Shows what the model thinks as a part of its answer."""

    def finish(self) -> Message:
        return {**super().finish(), "text": self.thoughts + str(super().finish()["text"])}

    thoughts = ""

    def hand_over(self, event: dict[str, Any]) -> None:
        content = (event.get("delta") or {}).get("content")
        if isinstance(content, dict):
            self.thoughts += str(content.get("text", ""))
        super().hand_over(event)


class ForgetsTheStart(ControlClient):
    """Begins a step with its first delta."""

    def hand_over(self, event: dict[str, Any]) -> None:
        super().hand_over(event)
        if event.get("event_type") == "step.start":
            self.collected.steps[event["index"]]["_text"] = ""


class KeepsOneCall(ControlClient):
    """Gives the first function call of a turn alone."""

    def finish(self) -> Message:
        told = super().finish()
        return {**told, "calls": told["calls"][:1]}


class NeedsArguments(ControlClient):
    """Fails on a function call without arguments."""

    def finish(self) -> Message:
        told = super().finish()
        if any(call["arguments"] == {} for call in told["calls"]):
            raise ClientError("parse", "Expecting value: line 1 column 1 (char 0)")
        return told


class NeedsText(ControlClient):
    """Fails on an answer without steps."""

    def finish(self) -> Message:
        if not self.collected.steps:
            raise ClientError("other", "list index out of range")
        return super().finish()


class TakesOneUpdate(ControlClient):
    """Fails on the second update of the status."""

    updates = 0

    def hand_over(self, event: dict[str, Any]) -> None:
        self.updates += event.get("event_type") == "interaction.status_update"
        if self.updates > 1:
            raise ClientError("other", "unexpected interaction.status_update")
        super().hand_over(event)


class HandsOverOneLate(ControlClient):
    """Hands an event over when the next one comes."""

    held: dict[str, Any] | None = None

    def hand_over(self, event: dict[str, Any]) -> None:
        held, self.held = self.held, event
        if held is not None:
            super().hand_over(held)

    def finish(self) -> Message:
        if self.held is not None:
            super().hand_over(self.held)
        return super().finish()
