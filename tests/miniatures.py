"""Small right conversations, written so that a test can be read at a glance.

    stream("C S0 D0 P0 F Z")             a stream in the letters of the grammar
    conversation("functions")            a file of tests/conversations
    trace_of(patched("functions", ops))  the same with something changed

The letters: C interaction.created, U interaction.status_update, S0 step.start of step 0, D0 step.delta,
P0 step.stop, F interaction.completed, E error, Z the frame that says [DONE].
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.trace import Trace

__all__ = ["CONVERSATIONS", "conversation", "exchange_of", "frames", "patched", "stream", "trace_of"]

CONVERSATIONS = sorted(path.stem for path in (Path(__file__).parent / "conversations").glob("*.yaml"))

_URL = "https://generativelanguage.googleapis.com/v1beta/interactions"
_KEY = "test-key-of-a-miniature"
_SNAPSHOT = {"id": "v1_TWluaWF0dXJl", "object": "interaction", "model": "gemini-3-flash-preview"}
_USAGE = {
    "total_tokens": 9,
    "total_input_tokens": 4,
    "total_cached_tokens": 0,
    "total_output_tokens": 5,
    "total_tool_use_tokens": 0,
    "total_thought_tokens": 0,
}
_TIMES = {"created": "2026-06-02T09:00:00Z", "updated": "2026-06-02T09:00:01Z"}


def stream(letters: str, *, framed: bool = True, cut: str = "") -> Trace:
    """Write a stream in the letters of the grammar; each delta is the text of its position.

    framed: keep the frames, or the bare payloads alone, as some recordings do.
    cut: why the connection ended before the response did.
    """
    payloads = [_payload(letter, position) for position, letter in enumerate(letters.split())]
    if framed:
        response = Response(200, (("content-type", "text/event-stream"),), frames(payloads), cut=cut)
    else:
        lines = "\n".join(_text(payload) for payload in payloads)
        response = Response(None, None, lines.encode(), cut=cut, form="events")
    body = json.dumps({"model": _SNAPSHOT["model"], "input": "Good morning", "stream": True}).encode()
    return Trace.of([Exchange(Request("POST", _URL, None, body), response, "ask")], letters)


def _payload(letter: str, position: int) -> Any:
    kind, index = letter[0], int(letter[1:] or 0)
    match kind:
        case "C":
            told: dict[str, Any] = {**_SNAPSHOT, "status": "in_progress"}
            return {"interaction": told, "event_type": "interaction.created"}
        case "U":
            update = {"interaction_id": _SNAPSHOT["id"], "status": "in_progress"}
            return {**update, "event_type": "interaction.status_update"}
        case "S":
            return {"index": index, "step": {"type": "model_output"}, "event_type": "step.start"}
        case "D":
            delta = {"text": f"{position} ", "type": "text"}
            return {"index": index, "delta": delta, "event_type": "step.delta"}
        case "P":
            return {"index": index, "event_type": "step.stop"}
        case "F":
            told = {**_SNAPSHOT, **_TIMES, "status": "completed", "service_tier": "standard", "usage": _USAGE}
            return {"interaction": told, "event_type": "interaction.completed"}
        case "E":
            return {"error": {"message": "Something broke.", "code": "api_error"}, "event_type": "error"}
        case "Z":
            return "[DONE]"
    raise ValueError(letter)


def frames(payloads: Iterable[Any]) -> bytes:
    """Write payloads as the service frames them: an event line, one data line of compact JSON, an empty line.

    A payload `{"raw": "…"}` stands for its text, so that a test can frame it wrongly.
    """
    return "".join(_frame(payload) for payload in payloads).encode()


def _frame(payload: Any) -> str:
    match payload:
        case "[DONE]":
            return "event: done\ndata: [DONE]\n\n"
        case {"raw": str(text)}:
            return text
        case {"event_type": str(name)}:
            return f"event: {name}\ndata: {_text(payload)}\n\n"
    return f"data: {_text(payload)}\n\n"


def _text(payload: Any) -> str:
    """The compact JSON of a payload, its `event_type` last, as on the wire."""
    if payload == "[DONE]":
        return "[DONE]"
    if isinstance(payload, dict) and "event_type" in payload:
        payload = {**{key: told for key, told in payload.items() if key != "event_type"}, **_name(payload)}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def _name(payload: dict[str, Any]) -> dict[str, Any]:
    return {"event_type": payload["event_type"]}


def conversation(name: str) -> Trace:
    """Give a conversation of tests/conversations as a trace."""
    return trace_of(patched(name, []), name)


def patched(name: str, operations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the exchanges of a conversation, defaults filled in, with a JSON patch (RFC 6902) applied."""
    exchanges: list[dict[str, Any]] = json.loads(_exchanges(name))
    found: list[dict[str, Any]] = jsonpatch.apply_patch(exchanges, operations)
    return found


@cache
def _exchanges(name: str) -> str:
    """The exchanges of a file as JSON text, so that nobody shares an object with anybody."""
    text = (Path(__file__).parent / "conversations" / f"{name}.yaml").read_text()
    return json.dumps([_whole(exchange) for exchange in yaml.safe_load(text)])


def _whole(exchange: dict[str, Any]) -> dict[str, Any]:
    """Fill in what a file leaves out: a POST with a key, an HTTP 200, the content types."""
    request, response = exchange["request"], exchange["response"]
    sent = {"content-type": "application/json"} if "body" in request else {}
    kind = "text/event-stream" if "events" in response else "application/json"
    return {
        "witnessed": False,
        "excerpt": False,
        **exchange,
        "request": {"method": "POST", "url": _URL, "headers": {"x-goog-api-key": _KEY, **sent}, **request},
        "response": {"status": 200, "headers": {"content-type": kind}, **response},
    }


def trace_of(exchanges: Iterable[dict[str, Any]], name: str = "") -> Trace:
    """Give the trace of exchanges that are written as data."""
    return Trace.of([exchange_of(exchange) for exchange in exchanges], name)


def exchange_of(exchange: dict[str, Any]) -> Exchange:
    """Give one exchange that is written as data."""
    request, response = exchange["request"], exchange["response"]
    return Exchange(
        Request(request["method"], request["url"], tuple(request["headers"].items()), _body(request)),
        Response(response["status"], tuple(response["headers"].items()), _body(response)),
        exchange["name"],
        excerpt=exchange["excerpt"],
        witnessed=exchange["witnessed"],
    )


def _body(message: dict[str, Any]) -> bytes:
    match message:
        case {"raw": str(text)}:
            return text.encode()
        case {"events": [*payloads]}:
            return frames(payloads)
        case {"body": body}:
            return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return b""
