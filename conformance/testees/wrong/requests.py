"""Clients that send something else than they were given."""

import struct
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httpx2

from conformance.testees.control import ClientError, ControlClient
from conformance.testees.protocol import Message


class AnswersOneOfTwo(ControlClient):
    """Sends the first of several function results alone."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        given = arguments.get("input")
        if not isinstance(given, list):
            return arguments
        results = [item for item in given if isinstance(item, dict) and item.get("type") == "function_result"]
        return {**arguments, "input": [item for item in given if item not in results[1:]]}


class SendsThePastAgain(ControlClient):
    """Sends earlier questions with the next one, though the server knows them."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if "previous_interaction_id" not in arguments or not isinstance(arguments.get("input"), str):
            return arguments
        return {**arguments, "input": f"I have 2 dogs in my house.\n{arguments['input']}"}


class KeyInTheUrl(ControlClient):
    """Sends the key in the query, where logs keep it."""

    def build(self, method: str, url: str, query: dict[str, str], body: Any) -> httpx2.Request:
        return super().build(method, url, {**query, "key": self.call["api_key"]}, body)


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


class CancelsByDeleting(ControlClient):
    """Takes a cancel for a delete."""

    def build(self, method: str, url: str, query: dict[str, str], body: Any) -> httpx2.Request:
        if url.endswith("/cancel"):
            method, url = "DELETE", url.removesuffix("/cancel")
        return super().build(method, url, query, body)


def _changed(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change every value within another, from the inside out."""
    if isinstance(value, dict):
        value = {key: _changed(item, change) for key, item in value.items()}
    elif isinstance(value, list):
        value = [_changed(item, change) for item in value]
    return change(value)


class ManglesCharacters(ControlClient):
    """Sends what is not Latin-1 as question marks."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        def latin(value: Any) -> Any:
            return value.encode("latin-1", "replace").decode("latin-1") if isinstance(value, str) else value

        return {**_changed(arguments, latin)}


class RoundsNumbers(ControlClient):
    """Makes whole numbers of all."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {**_changed(arguments, lambda value: round(value) if isinstance(value, float) else value)}


class CountsInFloats(ControlClient):
    """Sends whole numbers as a float of 32 bits can hold them."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        def single(value: Any) -> Any:
            whole = isinstance(value, int) and not isinstance(value, bool)
            return int(struct.unpack("f", struct.pack("f", value))[0]) if whole else value

        return {**_changed(arguments, single)}


class DropsEmptyValues(ControlClient):
    """Leaves out what is false, zero or empty."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        def full(value: Any) -> Any:
            return {key: item for key, item in value.items() if item} if isinstance(value, dict) else value

        return {**_changed(arguments, full)}


class CamelCases(ControlClient):
    """Sends the names of the older interface."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        def camel(name: str) -> str:
            head, *rest = name.split("_")
            return head + "".join(word.title() for word in rest)

        return {camel(name): told for name, told in arguments.items()}


class ShoutsWords(ControlClient):
    """Sends the words of the documents in capitals."""

    words = frozenset("flex low high image block_only_high harassment auto any none browser delivery".split())

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        def shouted(value: Any) -> Any:
            return value.upper() if isinstance(value, str) and value in self.words else value

        return {**_changed(arguments, shouted)}


class LosesSettings(ControlClient):
    """Sends the type and the name of a tool, of a format or of an agent, and none of its settings."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        def bare(value: Any) -> Any:
            kept = ("type", "name", "mime_type")
            return {key: value[key] for key in kept if key in value} if isinstance(value, dict) else value

        told = dict(arguments)
        for name in ("tools", "response_format", "safety_settings"):
            match told.get(name):
                case list(items):
                    told[name] = [bare(item) for item in items]
                case dict(item):
                    told[name] = bare(item)
        for name in ("agent_config", "environment", "webhook_config", "generation_config", "labels"):
            if isinstance(told.get(name), dict):
                told[name] = bare(told[name])
        return told


class IdsAsTheyAre(ControlClient):
    """Puts an id into the path without encoding it."""

    def build(self, method: str, url: str, query: dict[str, str], body: Any) -> httpx2.Request:
        return super().build(method, unquote(url).partition("#")[0], query, body)


class LosesPlus(ControlClient):
    """Does not encode the values of a query."""

    def build(self, method: str, url: str, query: dict[str, str], body: Any) -> httpx2.Request:
        if query:
            url, query = f"{url}?{'&'.join(f'{name}={value}' for name, value in query.items())}", {}
        return super().build(method, url.replace(" ", "+"), query, body)


class ForgetsToStream(ControlClient):
    """Asks for an interaction where a stream of it was wanted."""

    def build(self, method: str, url: str, query: dict[str, str], body: Any) -> httpx2.Request:
        return super().build(method, url, {key: query[key] for key in query if key != "stream"}, body)


class AlwaysAnswersTools(ControlClient):
    """Sends a result whether the model has called a function or not."""

    async def attempt(self) -> Message:
        told = await super().attempt()
        if self.call["arguments"].get("tools"):
            result = {"type": "function_result", "call_id": "none", "result": "{}"}
            self.call["arguments"] = {**self.call["arguments"], "input": [result]}
            await self.release(await self.http.send(self.request(), stream=True))
        return told


class ShortensTexts(ControlClient):
    """Sends the first 100,000 letters of a text."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {**_changed(arguments, lambda value: value[:100_000] if isinstance(value, str) else value)}


class BreaksLines(ControlClient):
    """Encodes media as for mail, in lines of 76 letters."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        def broken(value: Any) -> Any:
            if not isinstance(value, dict) or not isinstance(value.get("data"), str):
                return value
            data = value["data"]
            return {**value, "data": "\n".join(data[at : at + 76] for at in range(0, len(data), 76))}

        return {**_changed(arguments, broken)}


class SendsTheTextAlone(ControlClient):
    """Makes one text of whatever the input holds."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        told = arguments.get("input")
        if not isinstance(told, list):
            return arguments
        texts = [str(item.get("text", "")) for item in told if isinstance(item, dict)]
        return {**arguments, "input": "".join(texts)}


class NamesAModelToo(ControlClient):
    """Names its usual model where an agent is named."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {**arguments, "model": arguments.get("model", "gemini-3.5-flash")}


class ReordersSteps(ControlClient):
    """Sends what the user said before what the model did."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        told = arguments.get("input")
        if not isinstance(told, list):
            return arguments
        return {**arguments, "input": sorted(told, key=lambda step: step.get("type") != "user_input")}


class DropsSignatures(ControlClient):
    """Sends steps back without what it cannot read in them."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        def plain(value: Any) -> Any:
            return (
                {key: value[key] for key in value if key != "signature"} if isinstance(value, dict) else value
            )

        return {**_changed(arguments, plain)}


class ForgetsFailures(ControlClient):
    """Sends the result of a function without whether it failed."""

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        def plain(value: Any) -> Any:
            return (
                {key: value[key] for key in value if key != "is_error"} if isinstance(value, dict) else value
            )

        return {**_changed(arguments, plain)}


class LosesTheQuery(ControlClient):
    """Sends a get without its query."""

    def build(self, method: str, url: str, query: dict[str, str], body: Any) -> httpx2.Request:
        del query
        return super().build(method, url, {}, body)


class ReadsIds(ControlClient):
    """Wants an id to begin as those of today do."""

    def request(self) -> httpx2.Request:
        if not str(self.call["arguments"].get("id", "v1_")).startswith("v1_"):
            raise ClientError("client", "this is no id of an interaction")
        return super().request()


class WantsABody(ControlClient):
    """Fails on an answer that has no body."""

    async def read(self, response: httpx2.Response) -> Message:
        if not await response.aread():
            raise ClientError("parse", "Expecting value: line 1 column 1 (char 0)")
        return await super().read(response)
