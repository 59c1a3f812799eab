"""What the deltas of a step add up to.

Text and arguments arrive in fragments, everything else in whole pieces; which delta may belong to which
step is a table. Sources: https://ai.google.dev/gemini-api/docs/streaming and the schema of the deltas.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from conformance.contract.store import contract
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import UNREADABLE, StepLife, Stream, Trace, is_placeholder, parse_json

__all__ = [
    "annotations_follow_their_text",
    "arguments_join_to_an_object",
    "deltas_fit_their_step",
    "image_deltas_hold_whole_images",
    "signatures_are_base64",
    "signatures_close_their_thought",
    "streams_fold_to_an_interaction",
    "summaries_precede_the_signature",
]

_SPECIAL = {
    "thought": frozenset({"thought_summary", "thought_signature"}),
    "model_output": frozenset({"text", "text_annotation_delta", "image", "audio", "video", "document"}),
    "function_call": frozenset({"arguments_delta"}),
}
_SERVER_TOOLS = frozenset(
    f"{tool}_{part}"
    for tool in (
        "code_execution google_search google_maps file_search url_context retrieval processing tool_search"
    ).split()
    for part in ("call", "result")
) | {"mcp_server_tool_call", "mcp_server_tool_result", "function_result"}
ALLOWED = _SPECIAL | {step: frozenset({step}) for step in _SERVER_TOOLS}
_PICTURES = {
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG",
    "image/webp": b"RIFF",
    "image/gif": b"GIF8",
}
_PASSING = ("the member 'result' is missing", 'expected an object, found ""')
_KNOWN_DELTAS = frozenset[str]().union(*ALLOWED.values())


def _lives(trace: Trace) -> Iterator[tuple[Stream, StepLife]]:
    for stream in trace.streams:
        for life in stream.steps.values():
            yield stream, life


def arguments_join_to_an_object(trace: Trace) -> Iterator[Verdict]:
    """The argument fragments of a step join to one JSON object (IX-STREAM-022).

    A call without arguments may bring an empty fragment, and a run that was cut short cuts its last call too.
    """
    for stream, life in _lives(trace):
        fragments = [event for event, _ in life.deltas_of("arguments_delta")]
        if not fragments or not life.stops or stream.excerpt or stream.resumed:
            continue
        text = "".join(_text(event.json["delta"].get("arguments")) for event in fragments)
        if is_placeholder(text) or not text.strip() or not _ended_whole(stream):
            continue
        value = parse_json(text)
        if isinstance(value, dict):
            yield kept(life.stops[0])
        else:
            found = "no JSON" if value is UNREADABLE else "JSON, but no object"
            yield broken(
                fragments[-1],
                "/delta/arguments",
                f"the {len(fragments)} fragments of step {life.index} join to {found}: {_short(text)}",
            )


def _ended_whole(stream: Stream) -> bool:
    """Whether the run said all that it had to say, as far as is known: nothing cut it short."""
    return stream.folded.get("status") in ("completed", "requires_action", "in_progress", None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _short(text: str) -> str:
    return ascii(text if len(text) <= 60 else f"{text[:30]} … {text[-25:]}")


def deltas_fit_their_step(trace: Trace) -> Iterator[Verdict]:
    """A delta is of a type that its step can hold (IX-STREAM-030). Unknown types are drift."""
    for _, life in _lives(trace):
        allowed = ALLOWED.get(life.type or "")
        if allowed is None:
            continue
        for event in life.deltas:
            match event.json:
                case {"delta": {"type": str(kind)}} if kind in allowed:
                    yield kept(event)
                case {"delta": {"type": str(kind)}} if kind in _KNOWN_DELTAS:
                    yield broken(event, "/delta/type", f"a {life.type} step takes no {kind} delta")


def signatures_are_base64(trace: Trace) -> Iterator[Verdict]:
    """The signature of a thought is base64 of either alphabet, padded or not (IX-STREAM-019)."""
    for stream, life in _lives(trace):
        if stream.excerpt:
            continue
        for event, rest in life.deltas_of("thought_signature"):
            match rest.get("signature"):
                case str(signature) if not is_placeholder(signature):
                    if _is_base64(signature):
                        yield kept(event)
                    else:
                        yield broken(event, "/delta/signature", f"{_short(signature)} is not base64")


def _is_base64(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9+/_-]*={0,2}", text) is not None


def signatures_close_their_thought(trace: Trace) -> Iterator[Verdict]:
    """The signature is the last delta of its thought (IX-STREAM-020)."""
    for _, life in _lives(trace):
        signatures = [event for event, _ in life.deltas_of("thought_signature")]
        if not signatures or life.type != "thought":
            continue
        if signatures[0] is life.deltas[-1]:
            yield kept(signatures[0])
        elif signatures[-1] is life.deltas[-1]:
            yield broken(signatures[-1], "/delta/type", f"step {life.index} is signed again")
        else:
            yield broken(
                signatures[-1], "/delta/type", f"more deltas follow the signature of step {life.index}"
            )


def summaries_precede_the_signature(trace: Trace) -> Iterator[Verdict]:
    """The summary of a thought comes before its signature (IX-THINK-011)."""
    for _, life in _lives(trace):
        summaries = [event for event, _ in life.deltas_of("thought_summary")]
        signatures = [event for event, _ in life.deltas_of("thought_signature")]
        if not summaries or not signatures:
            continue
        if summaries[-1].position < signatures[0].position:
            yield kept(summaries[-1])
        else:
            yield broken(
                summaries[-1], "/delta/type", f"the summary of step {life.index} follows its signature"
            )


def annotations_follow_their_text(trace: Trace) -> Iterator[Verdict]:
    """Annotations arrive after the text that they annotate (IX-STREAM-026)."""
    for stream, life in _lives(trace):
        if stream.excerpt or stream.resumed:
            continue
        texts = [event.position for event, _ in life.deltas_of("text")]
        for event, _ in life.deltas_of("text_annotation_delta"):
            if any(position < event.position for position in texts):
                yield kept(event)
            else:
                yield broken(event, "/delta", f"annotations of step {life.index} come before any text")


def streams_fold_to_an_interaction(trace: Trace) -> Iterator[Verdict]:
    """The events of a stream that ends normally add up to a whole interaction (IX-STREAM-058).

    A result of a tool without `result` passes: the streaming guide shows one. So do arguments that arrive as
    one empty piece.
    """
    for stream in trace.streams:
        if stream.completed is None or stream.resumed or stream.excerpt or not _ended_whole(stream):
            continue
        problems = [
            problem
            for problem in contract().validate("interactions/interaction", stream.folded).problems
            if problem.pointer.startswith("/steps") and problem.message not in _PASSING
        ]
        for problem in problems:
            yield broken(stream.completed, "", f"folded, the stream has {problem.pointer}: {problem.message}")
        if not problems:
            yield kept(stream.completed)


def image_deltas_hold_whole_images(trace: Trace) -> Iterator[Verdict]:
    """An image delta brings a whole image: its bytes begin as a picture does (IX-STREAM-028).

    Judged for JPEG, PNG, WebP and GIF, which tell themselves by their first bytes.
    """
    for stream, life in _lives(trace):
        for event, delta in life.deltas_of("image"):
            match delta:
                case {"mime_type": str(kind), "data": str(data)} if kind in _PICTURES and not stream.excerpt:
                    start = _first_bytes(data)
                    if is_placeholder(data) or start is None:
                        continue
                    if start.startswith(tuple(_PICTURES.values())):
                        yield kept(event)
                    else:
                        yield broken(
                            event, "/delta/data", f"no image begins with the bytes {start[:4].hex(' ')}"
                        )


def _first_bytes(data: str) -> bytes | None:
    """The first nine bytes of some base64; None when it is none."""
    try:
        return base64.b64decode(data[:12], validate=True)
    except (ValueError, binascii.Error):
        return None
