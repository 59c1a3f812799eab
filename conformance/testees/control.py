"""The control client: a small right client of the Interactions API, and its driver.

    python -m conformance.testees.control

Every method is one decision that a client has to make, so that a client which decides one of them wrongly is
a subclass with one method (`wrong`). It shares no code with the judge or with the server: were its parser
theirs, all three could be wrong together.
"""

import asyncio
import codecs
import json
import random
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx2

from conformance.testees.driver import Tell, cancelled, drive
from conformance.testees.protocol import Message

__all__ = ["ClientError", "Collected", "ControlClient", "EventDecoder", "main"]

_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")
_LINE_END_AT_CLOSE = re.compile(r"\r\n|\n|\r")


@dataclass(eq=False)
class ClientError(Exception):
    """What the user of the client gets when a call fails."""

    kind: str
    message: str
    status: int | None = None
    code: str | int | None = None

    def __str__(self) -> str:
        return self.message

    def told(self) -> Message:
        """Give it as a message of the protocol."""
        shown = {"type": "error", "kind": self.kind, "message": self.message, "native": "ClientError"}
        return {**shown, "status": self.status, "code": self.code}


class EventDecoder:
    """Server-sent events, from bytes however they are cut to the data of each block."""

    def __init__(self) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._pieces: list[str] = []
        self._data: list[str] = []
        self._begun = False

    def decode(self, chunk: bytes, *, final: bool = False) -> str:
        """Make text of bytes; a character that is cut waits for its rest."""
        text = self._text.decode(chunk, final)
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
        return text

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Take bytes; give the data of the blocks that they complete."""
        text = self.decode(chunk)
        self._pieces.append(text)
        if "\n" in text or "\r" in "".join(self._pieces[-2:]):
            yield from self._blocks(_LINE_END)

    def close(self) -> Iterator[str]:
        """Take the end; a block without its blank line is dropped, as the standard says."""
        self._pieces.append(self.decode(b"", final=True))
        yield from self._blocks(_LINE_END_AT_CLOSE)

    def _blocks(self, line_end: re.Pattern[str]) -> Iterator[str]:
        *lines, rest = line_end.split("".join(self._pieces))
        self._pieces = [rest]
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                data, self._data = "\n".join(self._data), []
                yield data

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))


@dataclass(slots=True)
class Collected:
    """What the events of a stream add up to, for the user's convenience."""

    steps: dict[int, dict[str, Any]] = field(default_factory=dict)
    usage: Any = None
    status: str = ""
    finished: bool = False

    def add(self, event: Mapping[str, Any]) -> None:
        """Take one event; what it does not know it passes over."""
        match event:
            case {"event_type": "step.start", "index": int(index), "step": dict(step)}:
                self.steps[index] = {**step, "_text": _text_of(step), "_arguments": ""}
            case {"event_type": "step.delta", "index": int(index), "delta": dict(delta)} if (
                index in self.steps
            ):
                self._add_delta(self.steps[index], delta)
            case {"event_type": "interaction.completed", "interaction": dict(told)}:
                self.finished = True
                self.usage = told.get("usage")
                self.status = str(told.get("status"))

    def _add_delta(self, step: dict[str, Any], delta: Mapping[str, Any]) -> None:
        match delta:
            case {"type": "text", "text": str(text)}:
                step["_text"] += text
            case {"type": "arguments_delta", "arguments": str(part)}:
                step["_arguments"] += part

    def told(self) -> Message:
        """Give the end of the call as a message."""
        steps = [self.steps[index] for index in sorted(self.steps)]
        calls = [_call(step) for step in steps if step.get("type") == "function_call"]
        return {"type": "end", "text": output_text(steps), "calls": calls, "usage": self.usage}


def _text_of(step: Mapping[str, Any]) -> str:
    blocks = step.get("content")
    found = [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    return "".join(str(block["text"]) for block in found if block.get("type") == "text" and "text" in block)


def _call(step: Mapping[str, Any]) -> dict[str, Any]:
    try:
        told = json.loads(step["_arguments"]) if step.get("_arguments") else step.get("arguments", {})
    except ValueError:
        raise ClientError("parse", f"the arguments of {step.get('name')} are not JSON") from None
    return {"id": step.get("id"), "name": step.get("name"), "arguments": told}


def output_text(steps: list[dict[str, Any]]) -> str:
    """Join the text of the model's output at the end: what stands before a tool step is no answer yet."""
    text = ""
    for step in steps:
        kind = str(step.get("type"))
        if kind == "model_output":
            text += step["_text"] if "_text" in step else _text_of(step)
        elif kind.endswith(("_call", "_result")):
            text = ""
    return text


class ControlClient:
    """One call of the control client."""

    attempts = 3
    first_wait_s = 0.05
    longest_wait_s = 20.0

    def __init__(self, call: Message, http: httpx2.AsyncClient, tell: Tell) -> None:
        self.call = call
        self.http = http
        self.tell = tell
        self.events = 0
        self.collected = Collected()

    async def run(self) -> Message:
        """Make the call; give the message that ends it."""
        try:
            async with asyncio.timeout(self.timeout_s()):
                return await self.attempt()
        except TimeoutError:
            return ClientError("timeout", f"no answer in {self.timeout_s():g} s").told()
        except ClientError as error:
            return error.told()
        except httpx2.TransportError as error:
            return ClientError("transport", str(error) or type(error).__name__).told()
        except asyncio.CancelledError:
            return cancelled(self.events)

    def timeout_s(self) -> float | None:
        """How long the whole call may take."""
        return float(self.call["timeout_ms"]) / 1000

    # The request.

    def request(self) -> httpx2.Request:
        """Build the request of the call."""
        arguments = dict(self.call["arguments"])
        path = f"{self.call['base_url']}/{self.call['api_version']}/interactions"
        operation = self.call["operation"].rpartition(".")[2]
        if operation == "create":
            if self.call["stream"]:
                arguments["stream"] = True
            return self.build("POST", path, {}, self.body(arguments))
        path += f"/{quote(str(arguments.pop('id')), safe='')}"
        match operation:
            case "cancel":
                return self.build("POST", f"{path}/cancel", {}, None)
            case "delete":
                return self.build("DELETE", path, {}, None)
        query = {name: _word(value) for name, value in arguments.items()}
        if self.call["stream"]:
            query["stream"] = "true"
        return self.build("GET", path, query, None)

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Give the body of a create: what was asked for, and nothing else."""
        return arguments

    def build(self, method: str, url: str, query: dict[str, str], body: Any) -> httpx2.Request:
        """Put the key into its header, and nowhere else."""
        headers = {**self.call.get("headers", {}), "x-goog-api-key": self.call["api_key"]}
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body, ensure_ascii=False).encode()
        return self.http.build_request(method, url, params=query or None, headers=headers, content=content)

    # Attempts.

    async def attempt(self) -> Message:
        """Send the request, again where that helps."""
        last = 1 if self.call["retries"] == "off" else self.attempts
        for number in range(1, last + 1):
            response = None
            try:
                response = await self.http.send(self.request(), stream=True)
                if response.status_code == 200:
                    return await self.read(response)
                error = await self.error_of(response)
                if number == last or not self.worth_another(response.status_code):
                    raise error
            except httpx2.TransportError:
                if number == last or response is not None:
                    raise
            finally:
                if response is not None:
                    await self.release(response)
            await asyncio.sleep(self.wait_s(number, response))
        raise AssertionError

    def worth_another(self, status: int) -> bool:
        """Say whether a failure may pass."""
        return status in (408, 429) or status >= 500

    def wait_s(self, number: int, response: httpx2.Response | None) -> float:
        """How long to wait before the next attempt: what the server says, or longer each time."""
        advised = self.advised_s(response)
        if advised is not None:
            return min(self.longest_wait_s, max(0.0, advised))
        return self.first_wait_s * 2.0 ** (number - 1) * random.uniform(0.75, 1.0)  # noqa: S311  no secret

    def advised_s(self, response: httpx2.Response | None) -> float | None:
        """Read Retry-After, in seconds or as a date."""
        told = response.headers.get("retry-after") if response is not None else None
        if told is None:
            return None
        if told.strip().isdecimal():
            return float(told)
        try:
            from datetime import UTC, datetime

            return (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None

    async def release(self, response: httpx2.Response) -> None:
        """Let go of the connection."""
        await response.aclose()

    async def error_of(self, response: httpx2.Response) -> ClientError:
        """Read a failure: both envelopes, or whatever stands in their place."""
        text = (await response.aread()).decode(errors="replace")
        code, message = _reason(text)
        shown = message or f"HTTP {response.status_code} {text[:200].strip()}".strip()
        return ClientError("api", shown, response.status_code, code)

    # The answer.

    async def read(self, response: httpx2.Response) -> Message:
        """Read an answer as what its content type says it is."""
        if "text/event-stream" in response.headers.get("content-type", ""):
            return await self.read_stream(response)
        body = await response.aread()
        if not body and self.call["operation"] == "interactions.delete":
            return {"type": "end", "value": None}
        try:
            value = json.loads(body)
        except ValueError:
            shown = body[:100].decode(errors="replace")
            raise ClientError("parse", f"the answer is not JSON: {shown!r}", 200) from None
        return self.unary(value)

    def unary(self, value: Any) -> Message:
        """Give an interaction to the user."""
        if isinstance(value, dict) and "outputs" in value and "steps" not in value:
            raise ClientError("parse", "the answer has the old schema, outputs and no steps")
        steps = value.get("steps") if isinstance(value, dict) else None
        steps = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
        calls = [_call(step) for step in steps if step.get("type") == "function_call"]
        usage = value.get("usage") if isinstance(value, dict) else None
        return {"type": "end", "value": value, "text": output_text(steps), "calls": calls, "usage": usage}

    async def read_stream(self, response: httpx2.Response) -> Message:
        """Hand over event by event."""
        wanted = self.call.get("cancel", {}).get("after_events")
        if wanted == 0:
            return cancelled(0)
        async for data in self.blocks(response):
            if data.strip() == "[DONE]":
                break
            self.take(self.parse(data))
            if wanted is not None and self.events >= wanted:
                return cancelled(self.events)
        return self.finish()

    def decoder(self) -> EventDecoder:
        """Give what makes events of bytes."""
        return EventDecoder()

    async def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        """Give the data of each block as it comes."""
        decoder = self.decoder()
        async for chunk in response.aiter_bytes():
            for data in decoder.feed(chunk):
                yield data
        for data in decoder.close():
            yield data

    def parse(self, data: str) -> dict[str, Any]:
        """Read the payload of an event."""
        try:
            event = json.loads(data)
        except ValueError:
            raise ClientError("parse", f"an event is not JSON: {data[:100]!r}", 200) from None
        if not isinstance(event, dict):
            raise ClientError("parse", f"an event is no object: {data[:100]!r}", 200)
        return event

    def take(self, event: dict[str, Any]) -> None:
        """Hand an event over; an error in mid-stream is an error of the call."""
        self.hand_over(event)
        if event.get("event_type") == "error":
            told = event.get("error")
            told = told if isinstance(told, dict) else {}
            raise ClientError("api", str(told.get("message", "the stream failed")), 200, told.get("code"))

    def hand_over(self, event: dict[str, Any]) -> None:
        """Give an event to the user."""
        self.collected.add(event)
        self.events = self.tell(event)

    def finish(self) -> Message:
        """End a stream: without its last event it is no success."""
        if not self.collected.finished:
            raise ClientError("transport", "the stream ended before interaction.completed", 200)
        return self.collected.told()


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reason(text: str) -> tuple[str | int | None, str]:
    """Find code and message in the body of a failure, framed as an event or not."""
    plain = next((line[5:] for line in text.splitlines() if line.startswith("data:")), text)
    try:
        found = json.loads(plain)
    except ValueError:
        return None, ""
    match found:
        case {"error": {"code": str() | int() as code, "message": str(message)}}:
            return code, message
    return None, ""


def main(client: type[ControlClient] = ControlClient, name: str = "control") -> None:
    """Drive the control client, or one that is wrong."""
    from importlib.metadata import version

    operations = [f"interactions.{word}" for word in ("create", "get", "cancel", "delete")]
    capabilities = ["stream", "cancel", "timeout", "headers", "retries", "resume"]
    capabilities += ["events", "text", "output_text", "calls", "usage"]
    ready = {
        "name": name,
        "version": version("httpx2"),
        "language": "python",
        "runtime": f"python {sys.version.split()[0]}",
        "operations": operations,
        "capabilities": capabilities,
        "max_in_flight": 16,
    }
    pool: list[httpx2.AsyncClient] = []

    async def answer(call: Message, tell: Tell) -> Message:
        if not pool:
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=32)
            pool.append(httpx2.AsyncClient(timeout=None, trust_env=False, limits=limits, verify=False))
        return await client(call, pool[0], tell).run()

    drive(ready, answer)


if __name__ == "__main__":
    main()
