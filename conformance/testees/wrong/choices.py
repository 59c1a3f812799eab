"""Clients that are right in another way than the control client, where the documents leave the choice.

The cases that are silent tell them apart, and judge none of them.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from conformance.testees.control import ClientError, ControlClient
from conformance.testees.protocol import Message


class SaysWhatItCan(ControlClient):
    """Sends the revision, the kind of answer that it wants, and alt=sse."""

    def build(self, method: str, url: str, query: dict[str, str], body: Any) -> httpx2.Request:
        more = {"alt": "sse"} if self.call["stream"] else {}
        request = super().build(method, url, {**query, **more}, body)
        request.headers["api-revision"] = "2026-05-20"
        request.headers["accept"] = "text/event-stream" if self.call["stream"] else "application/json"
        request.headers["x-goog-api-client"] = "other/1.0"
        return request


class ReadsOn(ControlClient):
    """Reads a stream to the end of its body, whatever it has said."""

    async def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        async for data in super().blocks(response):
            if data.strip() != "[DONE]":
                yield data


class StopsAtCompleted(ControlClient):
    """Leaves a stream when the interaction is completed."""

    async def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        async for data in super().blocks(response):
            yield data
            if self.collected.finished:
                return


class TakesNothingForAnAnswer(ControlClient):
    """Is content with an answer that has no body."""

    async def error_of(self, response: httpx2.Response) -> ClientError:
        if response.status_code == 204:
            raise _Nothing
        return await super().error_of(response)

    async def read(self, response: httpx2.Response) -> Message:
        return await super().read(response) if await response.aread() else {"type": "end", "value": None}


class _Nothing(ClientError):
    """An answer without a body, told as an end."""

    def __init__(self) -> None:
        super().__init__("other", "", 204)

    def told(self) -> Message:
        return {"type": "end", "value": None}


class TakesTheFirstOfTwo(ControlClient):
    """Keeps the first of two members of one name."""

    async def read(self, response: httpx2.Response) -> Message:
        return self.unary(
            json.loads(await response.aread(), object_pairs_hook=lambda pairs: dict(pairs[::-1]))
        )


class ResumesByItself(ControlClient):
    """Takes a stream up again with a get when it breaks."""

    async def attempt(self) -> Message:
        try:
            return await super().attempt()
        except (httpx2.TransportError, ClientError):
            if self.call["operation"] != "interactions.create" or not self.named:
                raise
        place = {"last_event_id": self.place} if self.place else {}
        self.call = {
            **self.call,
            "operation": "interactions.get",
            "arguments": {"id": self.named, **place},
        }
        return await super().attempt()

    named = ""
    place = ""

    def hand_over(self, event: dict[str, Any]) -> None:
        self.named = self.named or str((event.get("interaction") or {}).get("id", ""))
        self.place = str(event.get("event_id", self.place))
        super().hand_over(event)


class ContinuesByItself(ControlClient):
    """Asks for the rest of an answer that requires continuation."""

    def unary(self, value: Any) -> Message:
        self.token = str(value.get("continuation_token", ""))
        self.before = str(value.get("id", ""))
        return super().unary(value)

    token = ""
    before = ""

    async def attempt(self) -> Message:
        told = await super().attempt()
        if not self.token:
            return told
        arguments = {"model": self.call["arguments"]["model"], "continuation_token": self.token}
        self.call = {**self.call, "arguments": {**arguments, "previous_interaction_id": self.before}}
        return await super().attempt()


class ObeysMilliseconds(ControlClient):
    """Obeys a header retry-after-ms."""

    def advised_s(self, response: httpx2.Response | None) -> float | None:
        told = response.headers.get("retry-after-ms") if response is not None else None
        return float(told) / 1000 if told is not None else super().advised_s(response)


class WantsOneDone(ControlClient):
    """Reads a stream to its end, and fails on a second [DONE]."""

    async def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        over = False
        async for data in super().blocks(response):
            if over:
                raise ClientError("parse", "the stream goes on behind its end", 200)
            over = data.strip() == "[DONE]"
            if not over:
                yield data


class CountsInDoubles(ControlClient):
    """Has one kind of number."""

    async def read(self, response: httpx2.Response) -> Message:
        return self.unary(json.loads(await response.aread(), parse_int=lambda digits: int(float(digits))))


class WantsDigits(ControlClient):
    """Fails on a count that is not written in digits alone."""

    def unary(self, value: Any) -> Message:
        if isinstance(value["usage"]["total_tokens"], float):
            raise ClientError("parse", "validation failed: input should be a valid integer")
        return super().unary(value)
