"""Clients that take failures for something else, or tell them badly."""

import json
from typing import Any

import httpx2

from conformance.testees.control import ClientError, ControlClient
from conformance.testees.protocol import Message


class SwallowsErrors(ControlClient):
    """Takes an error in mid-stream for the end."""

    def take(self, event: dict[str, Any]) -> None:
        if event.get("event_type") == "error":
            self.collected.finished = True
        else:
            self.hand_over(event)


class TakesCutsForSuccess(ControlClient):
    """Takes whatever ends a stream for its end, also a connection that breaks."""

    async def read_stream(self, response: httpx2.Response) -> Message:
        try:
            return await super().read_stream(response)
        except httpx2.TransportError:
            return self.finish()

    def finish(self) -> Message:
        self.collected.finished = True
        return super().finish()


class NeedsDone(ControlClient):
    """Takes a stream without [DONE] for one that was cut."""

    def parse(self, data: str) -> dict[str, Any]:
        return super().parse(data)

    async def blocks(self, response: httpx2.Response) -> Any:
        async for data in super().blocks(response):
            yield data
            if data == "[DONE]":
                return
        raise ClientError("transport", "the stream ended before [DONE]")


class ReadsDoneAsJson(ControlClient):
    """Parses `[DONE]`."""

    async def blocks(self, response: httpx2.Response) -> Any:
        async for data in super().blocks(response):
            self.parse("DONE" if data == "[DONE]" else data)
            yield data


class NeedsJsonErrors(ControlClient):
    """Fails on the body of a failure that is no JSON, and forgets its status."""

    async def error_of(self, response: httpx2.Response) -> ClientError:
        error = await super().error_of(response)
        if error.code is None:
            return ClientError("parse", "Expecting value: line 1 column 1 (char 0)")
        return error


class KnowsOneEnvelope(ControlClient):
    """Reads a code that is a word, and nothing of an error with a number."""

    async def error_of(self, response: httpx2.Response) -> ClientError:
        error = await super().error_of(response)
        if isinstance(error.code, int):
            return ClientError("api", "unknown error", response.status_code)
        return error


class TakesErrorsForAnswers(ControlClient):
    """Reads the body of a failure as if it were an interaction."""

    async def error_of(self, response: httpx2.Response) -> ClientError:
        raise _Success(self.unary({}), response.status_code)


class _Success(ClientError):
    """A failure that is told as an end."""

    def __init__(self, told: Message, status: int) -> None:
        super().__init__("other", "", status)
        self.end = told

    def told(self) -> Message:
        return self.end


class LosesTheCode(ControlClient):
    """Tells neither the status nor the words of an error."""

    async def error_of(self, response: httpx2.Response) -> ClientError:
        await super().error_of(response)
        return ClientError("api", "Request failed")


class TellsTheKey(ControlClient):
    """Puts the key into the text of its errors."""

    async def error_of(self, response: httpx2.Response) -> ClientError:
        error = await super().error_of(response)
        return ClientError(error.kind, f"{error} (key {self.call['api_key']})", error.status, error.code)


class TrustsWhatItAskedFor(ControlClient):
    """Reads the answer to a streaming call as a stream, whatever its content type."""

    async def read(self, response: httpx2.Response) -> Message:
        if self.call["stream"]:
            self.collected.finished = True
            return await self.read_stream(response)
        return await super().read(response)


class SkipsUnreadablePayloads(ControlClient):
    """Passes over what is not JSON."""

    def parse(self, data: str) -> dict[str, Any]:
        try:
            return super().parse(data)
        except ClientError:
            return {}

    def hand_over(self, event: dict[str, Any]) -> None:
        if event:
            super().hand_over(event)


class TakesTheOldSchema(ControlClient):
    """Finds no text in an answer of the old schema, and is content."""

    def unary(self, value: Any) -> Message:
        return {"type": "end", "value": value, "text": ""}


class TakesShortBodies(ControlClient):
    """Does not mind that a body ends early."""

    async def read(self, response: httpx2.Response) -> Message:
        if self.call["stream"]:
            return await super().read(response)
        body = b""
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
        except httpx2.TransportError:
            return {"type": "end", "value": {"body": body.decode(errors="replace")}}
        return self.unary(json.loads(body or b"{}"))


class Hangs(ControlClient):
    """Has no time-out."""

    def timeout_s(self) -> float | None:
        return None


class TakesTheKeyAlong(ControlClient):
    """Follows a redirect wherever it leads, with all headers."""

    async def error_of(self, response: httpx2.Response) -> ClientError:
        if not response.is_redirect:
            return await super().error_of(response)
        asked = response.request
        method = asked.method if response.status_code in (307, 308) else "GET"
        content = asked.content if method == asked.method else None
        headers = {"x-goog-api-key": self.call["api_key"], "content-type": "application/json"}
        target = self.http.build_request(
            method, response.headers["location"], headers=headers, content=content
        )
        raise _Success(await self.read(await self.http.send(target, stream=True)), 200)


class KnowsSixStatuses(ControlClient):
    """Has an error for each of six statuses, and none for the others."""

    async def error_of(self, response: httpx2.Response) -> ClientError:
        error = await super().error_of(response)
        if response.status_code in (400, 401, 403, 404, 500, 503):
            return error
        return ClientError("other", "unexpected answer")


class HidesThePayload(ControlClient):
    """Says that an event cannot be read, and not what it was."""

    def parse(self, data: str) -> dict[str, Any]:
        try:
            return super().parse(data)
        except ClientError:
            raise ClientError("parse", "invalid event", 200) from None


class HidesFailures(ControlClient):
    """Tells every interaction that has ended as completed."""

    def hand_over(self, event: dict[str, Any]) -> None:
        match event:
            case {"interaction": {"status": "failed"} as told}:
                event = {**event, "interaction": {**told, "status": "completed"}}
        super().hand_over(event)

    def unary(self, value: Any) -> Message:
        return super().unary({**value, "status": "completed"} if value.get("status") == "failed" else value)


class SwallowsFramedErrors(ControlClient):
    """Reads the body of a failure as a stream when a stream was asked for."""

    async def error_of(self, response: httpx2.Response) -> ClientError:
        if self.call["stream"]:
            raise _Success(await self.read_stream(response), 200)
        return await super().error_of(response)

    def finish(self) -> Message:
        self.collected.finished = True
        return super().finish()


class EndsWithAStep(ControlClient):
    """Takes the end of a step for the end of the stream."""

    def hand_over(self, event: dict[str, Any]) -> None:
        if event.get("event_type") == "step.stop":
            self.collected.finished = True
        super().hand_over(event)


class TakesPagesForAnswers(ControlClient):
    """Gives a body that is no JSON as it is."""

    async def read(self, response: httpx2.Response) -> Message:
        try:
            return await super().read(response)
        except ClientError as error:
            if error.kind != "parse":
                raise
        return {"type": "end", "value": {"body": response.text}, "text": response.text}
