"""Clients that send something else than they were given."""

from typing import Any

import httpx2

from conformance.testees.control import ControlClient
from conformance.testees.protocol import Message


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
