"""Small right conversations, written so that a test can be read at a glance.

    stream("C S0 D0 P0 F Z")             a stream in the letters of the grammar
    conversation("functions")            a file of tests/conversations
    trace_of(patched("functions", ops))  the same with something changed

The letters: C interaction.created, U interaction.status_update, S0 step.start of step 0, D0 step.delta,
P0 step.stop, F interaction.completed, E error, Z the frame that says [DONE].
"""

import json
from typing import Any

from conformance.mutants.traces import conversations, exchange_of, frames, patched, trace_of
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.trace import Trace

__all__ = ["CONVERSATIONS", "conversation", "exchange_of", "frames", "patched", "stream", "trace_of"]

CONVERSATIONS = conversations()

_URL = "https://generativelanguage.googleapis.com/v1beta/interactions"
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


def _text(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))


def conversation(name: str) -> Trace:
    """Give a conversation of tests/conversations as a trace."""
    return trace_of(patched(name, []), name)
