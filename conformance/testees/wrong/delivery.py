"""Clients whose user gets something else than was sent."""

import json
import re
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


def steps_of(value: Any) -> list[dict[str, Any]]:
    """Give the steps of an interaction, where it has any."""
    steps = value.get("steps") if isinstance(value, dict) else None
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


class WantsToolSteps(ControlClient):
    """Fails where a tool was offered and not used."""

    def unary(self, value: Any) -> Message:
        if self.call["arguments"].get("tools") and not any(
            "_result" in step["type"] for step in steps_of(value)
        ):
            raise ClientError("other", "'NoneType' object is not subscriptable")
        return super().unary(value)


class ParsesWhatWasCut(ControlClient):
    """Reads a text as the JSON that was asked for, without a look at the status."""

    def unary(self, value: Any) -> Message:
        told = super().unary(value)
        if self.call["arguments"].get("response_format"):
            try:
                json.loads(told["text"])
            except ValueError as error:
                raise ClientError("parse", str(error)) from None
        return told


class GivesNullForNoText(ControlClient):
    """Has no text where there is none."""

    def finish(self) -> Message:
        told = super().finish()
        return {**told, "text": told["text"] or None}

    def unary(self, value: Any) -> Message:
        told = super().unary(value)
        return {**told, "text": told["text"] or None}


class TakesSignaturesForText(ControlClient):
    """Prints whatever a delta holds."""

    printed = ""

    def hand_over(self, event: dict[str, Any]) -> None:
        delta = event.get("delta") or {}
        self.printed += str(delta.get("text") or delta.get("signature") or "")
        super().hand_over(event)

    def finish(self) -> Message:
        return {**super().finish(), "text": self.printed}


class KeepsTheLastDelta(ControlClient):
    """Takes each piece of a text for the whole."""

    def hand_over(self, event: dict[str, Any]) -> None:
        if (event.get("delta") or {}).get("type") == "text" and event.get("index") in self.collected.steps:
            self.collected.steps[event["index"]]["_text"] = ""
        super().hand_over(event)


class DropsToolSteps(ControlClient):
    """Gives its user what the model says and thinks, and nothing of its tools."""

    dropped: frozenset[int] = frozenset()

    def hand_over(self, event: dict[str, Any]) -> None:
        kind = str((event.get("step") or {}).get("type", ""))
        if kind.endswith(("_call", "_result")) and kind != "function_call":
            self.dropped |= {event["index"]}
        if event.get("index") in self.dropped:
            self.collected.add(event)
        else:
            super().hand_over(event)

    def unary(self, value: Any) -> Message:
        told = super().unary(value)
        kept = [step for step in steps_of(value) if not step["type"].endswith(("_call", "_result"))]
        return {**told, "value": {**value, "steps": kept}}


class KeepsCallsOrText(ControlClient):
    """Gives the calls of a turn and forgets what the model said beside them."""

    def unary(self, value: Any) -> Message:
        told = super().unary(value)
        if told["calls"]:
            kept = [step for step in steps_of(value) if step["type"] == "function_call"]
            told["value"] = {**value, "steps": kept}
        return told


class KeepsTextBlocks(ControlClient):
    """Gives the text of an output and drops its other blocks."""

    def unary(self, value: Any) -> Message:
        told = super().unary(value)
        steps = [
            {**step, "content": [block for block in step.get("content", ()) if block.get("type") == "text"]}
            for step in steps_of(value)
        ]
        return {**told, "value": {**value, "steps": steps}}


class StartsOverAtPictures(ControlClient):
    """Lets a picture take the place of the text before it."""

    def hand_over(self, event: dict[str, Any]) -> None:
        if (event.get("delta") or {}).get("type") == "image":
            self.collected.steps[event["index"]]["_text"] = ""
        super().hand_over(event)


class ReadsArgumentsAtOnce(ControlClient):
    """Reads each piece of the arguments as JSON."""

    def hand_over(self, event: dict[str, Any]) -> None:
        delta = event.get("delta") or {}
        if delta.get("type") == "arguments_delta":
            try:
                json.loads(delta["arguments"])
            except ValueError as error:
                raise ClientError("parse", str(error)) from None
        super().hand_over(event)


class FailsOnUnknownUsage(ControlClient):
    """Fails on a count that it does not know."""

    def hand_over(self, event: dict[str, Any]) -> None:
        usage = (event.get("interaction") or {}).get("usage") or {}
        if any(name.startswith(("total_new", "raw_")) for name in usage):
            raise ClientError("parse", "unexpected keyword argument")
        super().hand_over(event)

    def unary(self, value: Any) -> Message:
        if any(name.startswith(("total_new", "raw_")) for name in value.get("usage", {})):
            raise ClientError("parse", "unexpected keyword argument")
        return super().unary(value)


class KnowsNoSurrogates(ControlClient):
    """Reads an escape of JSON as one character, also where it is half of one."""

    def parse(self, data: str) -> dict[str, Any]:
        return super().parse(re.sub(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", r"\\ufffd\\ufffd", data))


class KeepsEscapes(ControlClient):
    """Does not undo the escapes of JSON beyond ASCII."""

    def parse(self, data: str) -> dict[str, Any]:
        return super().parse(re.sub(r"\\u(?=[0-9a-f]{4})", r"\\\\u", data))


class StopsAtEmptyText(ControlClient):
    """Takes an empty piece of text for the end of it."""

    over = False

    def hand_over(self, event: dict[str, Any]) -> None:
        delta = event.get("delta") or {}
        self.over |= delta.get("text") == ""
        if not (self.over and delta.get("type") == "text"):
            super().hand_over(event)


class StripsTheText(ControlClient):
    """Removes the white space around each piece of a text."""

    def parse(self, data: str) -> dict[str, Any]:
        event = super().parse(data)
        match event:
            case {"delta": {"type": "text", "text": str(text)} as delta}:
                return {**event, "delta": {**delta, "text": text.strip()}}
        return event


class LooksForDoneAnywhere(ControlClient):
    """Ends where it reads [DONE], also within a text."""

    async def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        async for data in super().blocks(response):
            yield "[DONE]" if "[DONE]" in data else data


class CountsSteps(ControlClient):
    """Takes the index of a step for its place in a list that it keeps."""

    started = 0

    def hand_over(self, event: dict[str, Any]) -> None:
        if event.get("event_type") == "step.start":
            self.started += 1
        if event.get("event_type") == "step.delta" and event["index"] >= self.started:
            raise ClientError("other", "list index out of range")
        super().hand_over(event)


class StopsAtRequiresAction(ControlClient):
    """Ends when the status says that something is asked for."""

    async def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        async for data in super().blocks(response):
            yield data
            if '"status": "requires_action"' in data and "status_update" in data:
                self.collected.finished = True
                return


class PrintsThoughts(ControlClient):
    """Takes the summary of a thought for a part of the answer."""

    def unary(self, value: Any) -> Message:
        told = super().unary(value)
        thoughts = [block for step in steps_of(value) for block in step.get("summary", ())]
        return {**told, "text": "".join(str(block.get("text", "")) for block in thoughts) + told["text"]}


class DropsThoughts(ControlClient):
    """Gives its user what the model says, and nothing of what it thinks."""

    def hand_over(self, event: dict[str, Any]) -> None:
        if (event.get("delta") or {}).get("type") != "thought_summary":
            super().hand_over(event)


class ForgetsTheArguments(ControlClient):
    """Begins the arguments of a call with its first delta."""

    def hand_over(self, event: dict[str, Any]) -> None:
        super().hand_over(event)
        if event.get("event_type") == "step.start":
            self.collected.steps[event["index"]]["arguments"] = {}


class JoinsEqualCalls(ControlClient):
    """Takes two calls of one function with the same arguments for one."""

    def unary(self, value: Any) -> Message:
        told = super().unary(value)
        calls = {json.dumps([call["name"], call["arguments"]]): call for call in told["calls"]}
        return {**told, "calls": list(calls.values())}


class JoinsSounds(ControlClient):
    """Puts pieces of base64 one behind the other."""

    sound = ""

    def hand_over(self, event: dict[str, Any]) -> None:
        delta = event.get("delta") or {}
        if delta.get("type") == "audio":
            self.sound += delta["data"]
            event = {**event, "delta": {**delta, "data": self.sound}}
        super().hand_over(event)


class LooksForErrorsAnywhere(ControlClient):
    """Takes an event that holds the word error for one."""

    def take(self, event: dict[str, Any]) -> None:
        if '\\"error\\"' in json.dumps(event):
            raise ClientError("api", "the stream failed", 200)
        super().take(event)


class WantsAnUpdate(ControlClient):
    """Begins to read steps when the status says that they come."""

    updated = False

    def hand_over(self, event: dict[str, Any]) -> None:
        self.updated |= event.get("event_type") == "interaction.status_update"
        if self.updated or event.get("event_type") == "interaction.created":
            super().hand_over(event)
        else:
            self.collected.add(event)


class KeepsTenSteps(ControlClient):
    """Gives the steps whose index has one digit."""

    def hand_over(self, event: dict[str, Any]) -> None:
        if int(event.get("index", 0)) < 10:
            super().hand_over(event)


class GivesTheFirstText(ControlClient):
    """Takes the first step for the answer, which is a thought as often as not."""

    def unary(self, value: Any) -> Message:
        told = super().unary(value)
        first = next(iter(steps_of(value)), {}).get("content") or [{}]
        return {**told, "text": str(first[0].get("text", ""))}


class NumbersAsText(ControlClient):
    """Hands over the numbers of an answer's usage as text."""

    def unary(self, value: Any) -> Message:
        told = super().unary(value)
        usage = value.get("usage") if isinstance(value, dict) else None
        if not isinstance(usage, dict):
            return told
        return {**told, "value": {**value, "usage": {name: str(count) for name, count in usage.items()}}}
