"""How failures are told: the envelope, its code, and the HTTP status that goes with it.

Two envelopes are right: the Interactions one, whose code is a word in snake_case, and that of the front end,
which answers before the service sees the request and whose code is the HTTP status.
Source: https://ai.google.dev/gemini-api/docs/api-errors
"""

import re
from collections.abc import Iterator
from typing import Any

from conformance.judge.requests import is_encoded, refusal
from conformance.judge.verdict import Subject, Verdict, broken, kept
from conformance.wire.exchange import header
from conformance.wire.trace import ABSENT, UNREADABLE, Call, Trace, is_placeholder

__all__ = [
    "code_goes_with_status",
    "codes_are_snake_case",
    "failures_tell_code_and_message",
    "interaction_errors_tell_code_and_message",
    "stream_errors_tell_code_and_message",
    "wrong_requests_are_refused",
]

_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


def _error(call: Call) -> tuple[Subject, str, dict[str, Any]] | None:
    """The error of a failed call, from its body or from the first event of a stream."""
    body = call.answered
    if isinstance(body, list) and body:  # the front end wraps its envelope in a list now and then
        body = body[0]
    match body:
        case {"error": dict(error)}:
            return call, "/error", error
    if call.stream is not None and call.stream.errors:
        event = call.stream.errors[0]
        match event.json:
            case {"error": dict(error)}:
                return event, "/error", error
    return None


def failures_tell_code_and_message(trace: Trace) -> Iterator[Verdict]:
    """A failed call answers with an error that has code and message (IX-ERR-001)."""
    for call in trace.calls:
        if call.operation is None or call.status is None or call.status < 400:
            continue
        match _error(call):
            case subject, _, {"code": _, "message": str()}:
                yield kept(subject)
            case subject, at, error:
                missing = [name for name in ("code", "message") if name not in error]
                if missing and call.exchange.excerpt:
                    continue
                lacks = f"has no {' and no '.join(missing)}" if missing else "has a message that is no text"
                yield broken(subject, at, f"the error of an HTTP {call.status} {lacks}")
            case None if _has_a_body(call):
                yield broken(call, "", f"HTTP {call.status} without an error object in the body")


def _has_a_body(call: Call) -> bool:
    """Whether the body of an answer is known: recordings leave bodies out, or cut them short."""
    response = call.exchange.response
    if response is None or call.exchange.excerpt or response.cut:
        return False
    if not response.body.strip():
        return call.exchange.witnessed
    return not is_placeholder(response.body.decode(errors="replace").strip())


def codes_are_snake_case(trace: Trace) -> Iterator[Verdict]:
    """The code of an Interactions error is a word in snake_case (IX-ERR-002)."""
    for call in trace.calls:
        if not call.failed and not (call.stream is not None and call.stream.errors):
            continue
        match _error(call):
            case subject, _, {"code": str(code)} if _SNAKE.fullmatch(code) or is_placeholder(code):
                yield kept(subject)
            case _, _, {"code": int(), "status": str()}:
                continue  # the envelope of the front end
            case subject, at, {"code": code}:
                yield broken(
                    subject, f"{at}/code", f"the code is {ascii(code)}; expected a word in snake_case"
                )


def code_goes_with_status(trace: Trace, code: str, status: int) -> Iterator[Verdict]:
    """A code of the table goes with its HTTP status (IX-ERR-004 and its neighbours)."""
    for call in trace.calls:
        if call.status is None or call.status < 400:
            continue
        match _error(call):
            case subject, at, {"code": str(found)} if found == code:
                if call.status == status:
                    yield kept(subject)
                else:
                    yield broken(subject, f"{at}/code", f"{code} came with HTTP {call.status}, not {status}")


def stream_errors_tell_code_and_message(trace: Trace) -> Iterator[Verdict]:
    """An `error` event tells code and message (IX-STREAM-045)."""
    for stream in trace.streams:
        for event in stream.errors:
            match event.json:
                case {"error": {"code": str(), "message": str()}}:
                    yield kept(event)
                case _ if not stream.excerpt:
                    yield broken(event, "/error", "the error event has no code or no message")


def interaction_errors_tell_code_and_message(trace: Trace) -> Iterator[Verdict]:
    """Each of the `errors` of an interaction tells code and message (IX-ERR-028)."""
    for call in trace.calls:
        match call.answered:
            case {"errors": [*errors]} if call.interaction is not None and not call.exchange.excerpt:
                for number, error in enumerate(errors):
                    if isinstance(error, dict) and not {"code", "message"} <= error.keys():
                        yield broken(call, f"/errors/{number}", "the error has no code or no message")
                    elif isinstance(error, dict):
                        yield kept(call)


def _has_key(call: Call) -> bool:
    headers = call.exchange.request.headers if call.exchange.request is not None else None
    return any(
        (
            header(headers, "x-goog-api-key"),
            header(headers, "authorization"),
            call.query.get("key"),
        )
    )


def _is_wrong(call: Call, fault: str) -> bool:
    """Whether a request has the fault that a requirement names."""
    asked = call.asked
    match fault:
        case "no key":
            return call.exchange.witnessed and not _has_key(call)
        case "neither model nor agent":
            goes_on = isinstance(asked, dict) and "continuation_token" in asked
            return isinstance(asked, dict) and not goes_on and not _named(asked)
        case "both model and agent":
            return isinstance(asked, dict) and len(_named(asked)) == 2
        case "no input":
            return isinstance(asked, dict) and "input" not in asked and "continuation_token" not in asked
        case "generation_config for an agent":
            return isinstance(asked, dict) and "agent" in asked and "generation_config" in asked
        case "turns of the old schema":
            return _has_old_turns(asked)
        case "background without storage":
            return isinstance(asked, dict) and asked.get("background") is True and asked.get("store") is False
        case "a body that is not JSON":
            if asked is ABSENT:
                return call.exchange.witnessed
            return asked is UNREADABLE and not is_encoded(call)
    raise ValueError(fault)


def _named(asked: dict[str, Any]) -> list[str]:
    return [name for name in ("model", "agent") if asked.get(name) is not None]


def _has_old_turns(asked: Any) -> bool:
    match asked:
        case {"input": [*items]}:
            return any(isinstance(item, dict) and "role" in item and "type" not in item for item in items)
    return False


def wrong_requests_are_refused(trace: Trace, fault: str, statuses: list[int]) -> Iterator[Verdict]:
    """A request with the fault is refused with one of the statuses (IX-CREATE-004 and its neighbours)."""
    for call in trace.calls:
        if call.operation != "create" or call.status is None or not _is_wrong(call, fault):
            continue
        yield from refusal(call, fault, statuses)
