"""What a client sends with a create, as far as one request tells.

Source: https://ai.google.dev/api/interactions-api
"""

import re
from collections.abc import Iterator
from typing import Any

from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.exchange import header
from conformance.wire.trace import ABSENT, UNREADABLE, Document, Trace

__all__ = [
    "bodies_are_json_objects",
    "lists_hold_contents_or_steps",
    "names_are_snake_case",
    "old_turns_are_not_sent",
    "output_only_members_are_not_sent",
]

_OUTPUT_ONLY = ("id", "status", "created", "updated", "environment_id", "usage", "steps", "object")
_CONTENTS = frozenset({"text", "image", "audio", "video", "document"})
_TURNS = frozenset({"user_input", "model_output", "thought"})


def _requests(trace: Trace) -> Iterator[tuple[Document, dict[str, Any]]]:
    for call in trace.calls:
        if call.operation == "create" and isinstance(call.asked, dict):
            yield Document(call.asked, call.request_place, "request"), call.asked


def bodies_are_json_objects(trace: Trace) -> Iterator[Verdict]:
    """A create sends a JSON object and says so in its content type (IX-CREATE-002)."""
    for call in trace.calls:
        if call.operation != "create" or call.exchange.request is None or call.asked is ABSENT:
            continue
        request = Document(call.asked, call.request_place, "request")
        declared = header(call.exchange.request.headers, "content-type")
        if call.asked is UNREADABLE:
            yield broken(request, "", "the body is not JSON")
        elif not isinstance(call.asked, dict):
            yield broken(request, "", f"the body is a JSON {type(call.asked).__name__}, not an object")
        elif declared is not None and declared.split(";")[0].strip().lower() != "application/json":
            yield broken(request, "", f"the content type is {declared!r}, not application/json")
        else:
            yield kept(request)


def names_are_snake_case(trace: Trace) -> Iterator[Verdict]:
    """The members of a request have names in snake_case (IX-CREATE-008)."""
    for request, asked in _requests(trace):
        camel = [name for name in asked if re.search(r"[a-z][A-Z]", name)]
        for name in camel:
            snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
            yield broken(request, f"/{name}", f"{name} is written {snake} here")
        if not camel:
            yield kept(request)


def output_only_members_are_not_sent(trace: Trace) -> Iterator[Verdict]:
    """Members that only the server gives are not sent (IX-CREATE-039)."""
    for request, asked in _requests(trace):
        sent = [name for name in _OUTPUT_ONLY if name in asked]
        for name in sent:
            yield broken(request, f"/{name}", f"{name} is for the server to give")
        if not sent:
            yield kept(request)


def old_turns_are_not_sent(trace: Trace) -> Iterator[Verdict]:
    """The input has no turns of the schema before May 2026, `{role, content}` (IX-INPUT-009)."""
    for request, asked in _requests(trace):
        if not isinstance(asked.get("input"), list):
            continue
        old = [
            number
            for number, item in enumerate(asked["input"])
            if isinstance(item, dict) and "role" in item and "type" not in item
        ]
        for number in old:
            yield broken(request, f"/input/{number}", "a turn with role and content is a user_input step now")
        if not old:
            yield kept(request)


def lists_hold_contents_or_steps(trace: Trace) -> Iterator[Verdict]:
    """A list as input holds contents or steps, not both (IX-INPUT-004). Unknown kinds may be either."""
    for request, asked in _requests(trace):
        match asked.get("input"):
            case [_, *_] as items:
                kinds = [str(item.get("type")) for item in items if isinstance(item, dict)]
                contents = [kind for kind in kinds if kind in _CONTENTS]
                steps = [kind for kind in kinds if kind in _TURNS or kind.endswith(("_call", "_result"))]
                if contents and steps:
                    yield broken(
                        request, "/input", f"{contents[0]} content and {steps[0]} steps stand in one list"
                    )
                else:
                    yield kept(request)
