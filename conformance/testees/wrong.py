"""Clients that are wrong in exactly one way each: what the cases are tried on.

    python -m conformance.testees.wrong splits-lines-per-chunk

A case that no wrong client fails has shown nothing. Each class is the control client with one decision made
wrongly; its docstring says which.
"""

import asyncio
import codecs
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2

from conformance.testees.control import ClientError, ControlClient, EventDecoder, main
from conformance.testees.protocol import Message

__all__ = ["WRONG"]

_LINE_END = re.compile("\n")
_KNOWN_EVENTS = frozenset(
    "interaction.created interaction.status_update interaction.completed error".split()
    + "step.start step.delta step.stop".split()
)


class _LinesOfChunks(EventDecoder):
    """Takes the end of a chunk for the end of a line."""

    def feed(self, chunk: bytes) -> Iterator[str]:
        for line in self.decode(chunk).splitlines():
            if line:
                self._take(line)
            elif self._data:
                data, self._data = "\n".join(self._data), []
                yield data


class _BlocksOfChunks(EventDecoder):
    """Looks for the end of a block in what came last alone."""

    def feed(self, chunk: bytes) -> Iterator[str]:
        self._pieces.append(self.decode(chunk))
        if "\n\n" in self._pieces[-1]:
            yield from self._blocks(_LINE_END)

    def close(self) -> Iterator[str]:
        return iter(())


class _TextOfChunks(EventDecoder):
    """Decodes each chunk by itself."""

    def decode(self, chunk: bytes, *, final: bool = False) -> str:  # noqa: ARG002  there is no rest to keep
        return chunk.decode("utf-8", "replace")


class _UnicodeLines(EventDecoder):
    """Splits text as Python's splitlines does, at U+2028 and its kin too."""

    def _blocks(self, line_end: Any) -> Iterator[str]:
        for mark in "\u2028\u2029\u0085\v\f":
            self._pieces = [piece.replace(mark, "\n") for piece in self._pieces]
        yield from super()._blocks(line_end)


class _LineFeedsOnly(EventDecoder):
    """Knows LF as the end of a line, and neither CR nor CRLF."""

    def _blocks(self, line_end: Any) -> Iterator[str]:  # noqa: ARG002  it has its own
        *lines, rest = "".join(self._pieces).split("\n")
        self._pieces = [rest]
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                data, self._data = "\n".join(self._data), []
                yield data


class _SpacedData(EventDecoder):
    """Wants a space after `data:`."""

    def _take(self, line: str) -> None:
        if line.startswith("data: "):
            self._data.append(line[6:])


class _LastDataLine(EventDecoder):
    """Keeps the last data line of a block alone."""

    def _take(self, line: str) -> None:
        super()._take(line)
        del self._data[:-1]


class _StrictFields(EventDecoder):
    """Fails on a line that is neither `event` nor `data`."""

    def _take(self, line: str) -> None:
        if not line.startswith(("event:", "data:")):
            raise ClientError("parse", f"the line {line[:40]!r} is unknown")
        super()._take(line)


class _WithMark(EventDecoder):
    """Keeps the byte order mark."""

    def decode(self, chunk: bytes, *, final: bool = False) -> str:
        self._begun = True
        return super().decode(chunk, final=final)


class _EmptyBlocks(EventDecoder):
    """Hands over blocks without data."""

    def _blocks(self, line_end: Any) -> Iterator[str]:
        *lines, rest = line_end.split("".join(self._pieces))
        self._pieces = [rest]
        for line in lines:
            if line:
                self._take(line)
            else:
                data, self._data = "\n".join(self._data), []
                yield data


class _HalfBlocks(EventDecoder):
    """Drops what it cannot finish in 64 KB."""

    def feed(self, chunk: bytes) -> Iterator[str]:
        yield from super().feed(chunk)
        self._pieces = ["".join(self._pieces)[:65536]]


class _Decoding(ControlClient):
    """A client with another decoder."""

    decodes: type[EventDecoder] = EventDecoder

    def decoder(self) -> EventDecoder:
        return self.decodes()


class SplitsLinesPerChunk(_Decoding):
    """Takes the end of a read for the end of a line."""

    decodes = _LinesOfChunks


class LooksForBlankLinesPerChunk(_Decoding):
    """Looks for the end of an event in the last read alone."""

    decodes = _BlocksOfChunks


class DecodesPerChunk(_Decoding):
    """Decodes UTF-8 read by read."""

    decodes = _TextOfChunks


class SplitsAtUnicodeLines(_Decoding):
    """Ends lines at U+2028."""

    decodes = _UnicodeLines


class KnowsLineFeedsOnly(_Decoding):
    """Reads neither CR nor CRLF."""

    decodes = _LineFeedsOnly


class WantsASpace(_Decoding):
    """Does not read `data:` without a space."""

    decodes = _SpacedData


class KeepsTheLastDataLine(_Decoding):
    """Does not join data lines."""

    decodes = _LastDataLine


class FailsOnUnknownFields(_Decoding):
    """Fails on comments, ids and whatever else may stand in a block."""

    decodes = _StrictFields


class KeepsTheMark(_Decoding):
    """Does not drop the byte order mark."""

    decodes = _WithMark


class HandsOverEmptyBlocks(_Decoding):
    """Parses blocks that have no data."""

    decodes = _EmptyBlocks


class CutsLongLines(_Decoding):
    """Keeps 64 KB of a line."""

    decodes = _HalfBlocks


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


class RetriesRefusals(ControlClient):
    """Tries again whatever was refused."""

    def worth_another(self, status: int) -> bool:
        return status >= 400


class NeverRetries(ControlClient):
    """Gives up at the first overload."""

    attempts = 1


class RetriesForEver(ControlClient):
    """Never gives up."""

    attempts = 1000
    first_wait_s = 0.01

    def wait_s(self, number: int, response: httpx2.Response | None) -> float:  # noqa: ARG002  always the same
        return 0.01


class DropsTheLastEvent(ControlClient):
    """Knows from interaction.completed that it is over, and does not hand it on."""

    def hand_over(self, event: dict[str, Any]) -> None:
        if event.get("event_type") == "interaction.completed":
            self.collected.add(event)
        else:
            super().hand_over(event)


class AnswersOneOfTwo(ControlClient):
    """Sends the first of several function results alone."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        given = arguments.get("input")
        if not isinstance(given, list):
            return arguments
        results = [item for item in given if isinstance(item, dict) and item.get("type") == "function_result"]
        return {**arguments, "input": [item for item in given if item not in results[1:]]}


class KeyInTheUrl(ControlClient):
    """Sends the key in the query, where logs keep it."""

    def build(self, method: str, url: str, query: dict[str, str], body: Any) -> httpx2.Request:
        return super().build(method, url, {**query, "key": self.call["api_key"]}, body)


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


class IgnoresRetryAfter(ControlClient):
    """Waits as it likes."""

    def advised_s(self, response: httpx2.Response | None) -> float | None:  # noqa: ARG002  it is not read
        return None


class NeverCloses(ControlClient):
    """Keeps the connection of a call that was given up."""

    kept: list[Any] = []  # noqa: RUF012  that is its fault

    async def release(self, response: httpx2.Response) -> None:
        self.kept.append(response)

    def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        self.kept.append(super().blocks(response))
        found: AsyncIterator[str] = self.kept[-1]
        return found


class Hangs(ControlClient):
    """Has no time-out."""

    def timeout_s(self) -> float | None:
        return None


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


class AsksAgainInMidStream(ControlClient):
    """Makes the call again when a stream breaks, and hands the beginning over twice."""

    async def attempt(self) -> Message:
        for _ in range(2):
            try:
                return await super().attempt()
            except httpx2.TransportError:
                await asyncio.sleep(0.01)
        return await super().attempt()


class ChangesTheRetry(ControlClient):
    """Sends something else the second time."""

    sent = 0

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.sent += 1
        return arguments if self.sent == 1 else {**arguments, "store": False}


class RepeatsItself(ControlClient):
    """Sends every request twice."""

    async def attempt(self) -> Message:
        if self.call["operation"] == "interactions.create":
            response = await self.http.send(self.request(), stream=True)
            await self.release(response)
        return await super().attempt()


class AddsDefaults(ControlClient):
    """Sends members that nobody asked for and that the interface does not have."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {**arguments, "response_mime_type": "text/plain", "generation_config": {"temperature": "0"}}


class LosesArguments(ControlClient):
    """Sends model, input and stream alone."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {key: told for key, told in arguments.items() if key in ("model", "input", "stream")}


class LosesIds(ControlClient):
    """Puts ids into paths and queries as they are, cut at twenty letters."""

    def build(self, method: str, url: str, query: dict[str, str], body: Any) -> httpx2.Request:
        head, mark, rest = url.partition("/interactions/")
        name, slash, verb = rest.partition("/")
        query = {key: told[:4] if key == "last_event_id" else told for key, told in query.items()}
        return super().build(method, f"{head}{mark}{name[:20]}{slash}{verb}", query, body)


class TrustsWhatItAskedFor(ControlClient):
    """Reads the answer to a streaming call as a stream, whatever its content type."""

    async def read(self, response: httpx2.Response) -> Message:
        if self.call["stream"]:
            self.collected.finished = True
            return await self.read_stream(response)
        return await super().read(response)


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


class ObeysTheCharset(ControlClient):
    """Reads a stream in the charset that its headers name."""

    charset = "utf-8"

    async def read_stream(self, response: httpx2.Response) -> Message:
        self.charset = response.charset_encoding or "utf-8"
        return await super().read_stream(response)

    def decoder(self) -> EventDecoder:
        return _OtherText(self.charset)


class _OtherText(EventDecoder):
    """Decodes another charset."""

    def __init__(self, charset: str) -> None:
        super().__init__()
        self._other = codecs.getincrementaldecoder(charset)("replace")

    def decode(self, chunk: bytes, *, final: bool = False) -> str:
        return self._other.decode(chunk, final)


class GoesByEventLines(ControlClient):
    """Hands over what its event line names, and nothing else."""

    def decoder(self) -> EventDecoder:
        return _NamedBlocks()


class _NamedBlocks(EventDecoder):
    """Keeps the data of blocks whose name it knows."""

    named = False

    def _take(self, line: str) -> None:
        if line.startswith("event:"):
            self.named = line[6:].strip() in (*_KNOWN_EVENTS, "done")
        elif self.named:
            super()._take(line)


class ReadsCompressedBytes(ControlClient):
    """Asks for compression, as every HTTP library does, and does not undo it."""

    async def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        decoder = self.decoder()
        async for chunk in response.aiter_raw():
            for data in decoder.feed(chunk):
                yield data


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


class OneEventARead(ControlClient):
    """Hands over the first event of each read alone."""

    def decoder(self) -> EventDecoder:
        return _FirstOfChunk()


class _FirstOfChunk(EventDecoder):
    """Gives one block a chunk."""

    def feed(self, chunk: bytes) -> Iterator[str]:
        yield from list(super().feed(chunk))[:1]


def _name(of: type[ControlClient]) -> str:
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in of.__name__).strip("-")


WRONG: dict[str, type[ControlClient]] = {
    _name(client): client
    for client in (
        SplitsLinesPerChunk,
        LooksForBlankLinesPerChunk,
        DecodesPerChunk,
        SplitsAtUnicodeLines,
        KnowsLineFeedsOnly,
        WantsASpace,
        KeepsTheLastDataLine,
        FailsOnUnknownFields,
        KeepsTheMark,
        HandsOverEmptyBlocks,
        CutsLongLines,
        SwallowsErrors,
        TakesCutsForSuccess,
        RetriesRefusals,
        NeverRetries,
        RetriesForEver,
        DropsTheLastEvent,
        AnswersOneOfTwo,
        KeyInTheUrl,
        LosesUnknownEvents,
        FailsOnUnknownEvents,
        IgnoresRetryAfter,
        NeverCloses,
        Hangs,
        MixesTheSteps,
        JoinsAllText,
        HoldsEventsBack,
        NeedsDone,
        ReadsDoneAsJson,
        NeedsJsonErrors,
        KnowsOneEnvelope,
        TakesErrorsForAnswers,
        LosesTheCode,
        TellsTheKey,
        AsksAgainInMidStream,
        ChangesTheRetry,
        RepeatsItself,
        AddsDefaults,
        LosesArguments,
        LosesIds,
        TrustsWhatItAskedFor,
        FailsOnUnknownMembers,
        FailsOnUnknownWords,
        SkipsUnreadablePayloads,
        TakesTheOldSchema,
        TakesShortBodies,
        ObeysTheCharset,
        GoesByEventLines,
        ReadsCompressedBytes,
        TakesThoughtsForText,
        ForgetsTheStart,
        KeepsOneCall,
        NeedsArguments,
        NeedsText,
        TakesOneUpdate,
        OneEventARead,
    )
}
"""Every wrong client by its name."""


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in WRONG:
        sys.exit(f"usage: python -m conformance.testees.wrong NAME, one of {', '.join(WRONG)}")
    main(WRONG[sys.argv[1]], sys.argv[1])
