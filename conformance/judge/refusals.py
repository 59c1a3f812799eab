"""What a service refuses: requests that the contract cannot read, whatever they were meant to say.

A request is judged by its own bytes, so that it does not matter who sent it, or why. What may be new is not
judged: a word or a member counts as unknown only if somebody made it up to be so, by its prefix.
Source: https://ai.google.dev/gemini-api/docs/api-errors
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from conformance.contract.validation import Problem, Validation, value_at
from conformance.judge.requests import refusal
from conformance.judge.verdict import Verdict
from conformance.wire.trace import ABSENT, UNREADABLE, Call, Trace, is_placeholder

__all__ = [
    "broken_media_are_refused",
    "malformed_values_are_refused",
    "odd_inputs_are_refused",
    "strange_agents_are_not_found",
    "strange_inner_members_are_refused",
    "strange_words_are_refused",
    "wrong_declarations_are_refused",
]

_PROBE = "conformance_"
_CONTENTS = frozenset({"text", "image", "audio", "video", "document"})
_NOBODYS_AGENT = re.compile(r"(?:agents/)?no-such-.*")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_MALFORMED = (400, 416, 422)


def _creates(trace: Trace) -> Iterator[tuple[Call, Validation]]:
    """The creates that were answered, each with what the contract says of its body."""
    for call in trace.calls:
        if call.operation != "create" or call.status is None or call.exchange.excerpt:
            continue
        if call.asked is not ABSENT and call.asked is not UNREADABLE:
            yield call, call.asked_found


def malformed(asked: Any, problem: Problem) -> bool:
    """Whether a problem leaves no reading: a null may stand for nothing, and digits for a number."""
    match value_at(asked, problem.pointer):
        case None:
            return False
        case str(text):
            return not is_placeholder(text) and not re.fullmatch(r"-?\d+(?:\.\d+)?", text)
        case {"role": _, **rest}:
            return "type" in rest  # a turn of the old schema is judged by itself
    return True


def malformed_values_are_refused(trace: Trace) -> Iterator[Verdict]:
    """A create with a value that the contract does not allow is refused (IX-CREATE-043)."""
    for call, found in _creates(trace):
        for problem in found.problems:
            if malformed(call.asked, problem):
                at = problem.pointer or "its root"
                yield from refusal(call, f"a malformed value at {at}", _MALFORMED)
                break


def strange_words_are_refused(trace: Trace) -> Iterator[Verdict]:
    """A word that no list has, such as the type of a tool, is refused (IX-CREATE-044)."""
    for call, found in _creates(trace):
        for drift in found.drift:
            if drift.kind in ("value", "variant") and drift.name.startswith(_PROBE):
                yield from refusal(call, f"the unknown word {drift.name!r}", (400,))
                break


def strange_inner_members_are_refused(trace: Trace) -> Iterator[Verdict]:
    """A member that there is not, within an object of a request, is refused (IX-CREATE-045)."""
    for call, found in _creates(trace):
        for drift in found.drift:
            inner = drift.pointer.count("/") > 1
            if drift.kind == "field" and inner and drift.name.startswith(_PROBE):
                yield from refusal(call, f"an unknown member, {drift.pointer!r}", (400,))
                break


def odd_inputs_are_refused(trace: Trace) -> Iterator[Verdict]:
    """An input in none of the documented forms is refused (IX-INPUT-015)."""
    for call, _ in _creates(trace):
        if isinstance(call.asked, dict) and "continuation_token" not in call.asked:
            fault = _oddity(call.asked.get("input"))
            if fault:
                yield from refusal(call, fault, (400,))


def _oddity(given: Any) -> str:
    match given:
        case []:
            return "an empty list as input"
        case {"type": "user_input" | "model_output" | "function_result"}:
            return "a lone step as input"
        case [*items]:
            kinds = [item.get("type") for item in items if isinstance(item, dict)]
            if any(kind in _CONTENTS for kind in kinds if isinstance(kind, str)) and "user_input" in kinds:
                return "contents and steps in one list"
    return ""


def broken_media_are_refused(trace: Trace) -> Iterator[Verdict]:
    """Media whose data are no base64 are refused (IX-INPUT-016)."""
    for call, _ in _creates(trace):
        for data in media_data(call.asked):
            if not _BASE64.fullmatch(data) and not data.startswith("data:") and not re.search(r"\s", data):
                yield from refusal(call, f"media data that are no base64, {ascii(data[:24])}", (400,))
                break


def media_data(asked: Any) -> Iterator[str]:
    """The data of the media that a user sends, without what recordings leave out."""
    given = asked.get("input") if isinstance(asked, dict) else None
    items = given if isinstance(given, list) else [given]
    inner = [
        block
        for item in items
        if isinstance(item, dict)
        and item.get("type") == "user_input"
        and isinstance(item.get("content"), list)
        for block in item["content"]
    ]
    for block in [*items, *inner]:
        match block:
            case {"type": "image" | "audio" | "video" | "document", "data": str(data)}:
                if not is_placeholder(data):
                    yield data


def wrong_declarations_are_refused(trace: Trace) -> Iterator[Verdict]:
    """Functions without a name, or two of one name, are refused (IX-FUNC-040); a choice of none too."""
    for call, _ in _creates(trace):
        fault = declaration_fault(call.asked)
        if fault:
            yield from refusal(call, fault, (400,))


def declaration_fault(asked: Any) -> str:
    """Say what is wrong with the functions that a request declares; "" for nothing."""
    tools = asked.get("tools") if isinstance(asked, dict) else None
    functions = [
        tool
        for tool in (tools if isinstance(tools, list) else [])
        if isinstance(tool, dict) and tool.get("type") == "function"
    ]
    names = [tool.get("name") for tool in functions]
    if any(name is None or name == "" for name in names):
        return "a function without a name"
    told = Counter(name for name in names if isinstance(name, str))
    twice = [name for name, number in told.items() if number > 1]
    if twice:
        return f"the function {ascii(twice[0])} twice"
    match asked:
        case {"generation_config": {"tool_choice": {"allowed_tools": {"tools": [*allowed]}}}}:
            strange = [name for name in allowed if isinstance(name, str) and name not in told]
            if strange and "previous_interaction_id" not in asked:
                return f"a choice of {ascii(strange[0])}, which no tool declares"
    return ""


def strange_agents_are_not_found(trace: Trace) -> Iterator[Verdict]:
    """An agent that does not exist is answered with 404 (IX-AGENT-024).

    Which agents exist is not known here: judged are names that none will ever have.
    """
    for call, _ in _creates(trace):
        match call.asked:
            case {"model": _}:
                continue
            case {"agent": str(name), "input": _} if _NOBODYS_AGENT.fullmatch(name):
                yield from refusal(call, f"the unknown agent {name}", (404,))
