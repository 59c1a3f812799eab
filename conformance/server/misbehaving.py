"""What a test control makes of an answer: errors on demand, in every form in which they are told.

error_answer(control)                      # instead of an answer
ended(body, control)                       # an interaction that comes to another end
controlled(answer, control, account)       # an error in mid-stream, and the way the bytes get out
"""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from conformance.server.answer import Answer, event_stream, frame, json_answer
from conformance.server.control import Control
from conformance.server.faults import Fault
from conformance.server.interaction import with_steps
from conformance.server.plans import Plan
from conformance.server.refusal import FrontEndRefused

__all__ = ["Delivery", "controlled", "ended", "error_answer"]

_MESSAGES = {
    "too_many_requests": "Rate limit exceeded. Please retry in 1s.",
    "rate_limit_exceeded": "Rate limit exceeded. Please retry in 1s.",
    "quota_exceeded": "The quota of this project is used up.",
    "service_unavailable": "The model is currently experiencing high demand. Please try again later.",
    "deadline_exceeded": "Deadline expired before operation could complete.",
    "api_error": "An internal error has occurred.",
}


# Python has called these by other names before.
_RENAMED = {413: "content_too_large", 422: "unprocessable_content"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the bytes of an answer get out, and whose they are."""

    account: str
    plan: Plan
    fault: Fault | None


def _delivery_of(control: Control, account: str) -> Delivery | None:
    """Give the delivery that a control asks for; None where it asks for none."""
    if control.plan is None and control.fault is None:
        return None
    return Delivery(account, control.plan or Plan(), control.fault)


def error_answer(control: Control) -> Answer:
    """Answer with the error of a control."""
    message = _message(control)
    retry = (("Retry-After", control.retry_after),) if control.retry_after else ()
    if control.form == "front_end":
        answer = FrontEndRefused(control.http, message).answer()
        return replace(answer, headers=(*answer.headers, *retry))
    error = {"message": message, "code": _code(control)}
    if control.form == "framed":
        stream = event_stream([_error_frame(control)])
        return replace(stream, status=control.http, headers=(*stream.headers, *retry))
    return json_answer(control.http, {"error": error}, *retry)


def ended(body: dict[str, Any], control: Control) -> dict[str, Any]:
    """Give an interaction the end that a control asks for: a status, and errors where it failed."""
    status = control.status or ("failed" if control.form == "status" and control.code else "")
    if not status:
        return body
    steps = body.get("steps", [])
    whole: dict[str, Any] = {}
    for key, told in body.items():
        if key == "object" and status == "failed":
            failure = control if control.code else replace(control, code="api_error")
            whole["errors"] = [{"message": _message(failure), "code": _code(failure)}]
        if key not in ("steps", "continuation_token"):
            whole[key] = told
    whole["status"] = status
    if status == "failed":
        steps = steps[:-1]
    return with_steps(whole, steps) if steps else whole


def controlled(answer: Answer, control: Control, account: str) -> Answer:
    """Give an answer as a control wants it to get out."""
    if control.code and control.form == "event" and answer.chunked:
        writes = (*answer.writes[: control.after], _error_frame(control))
        answer = replace(answer, writes=writes)
    return replace(answer, delivery=_delivery_of(control, account))


def _error_frame(control: Control) -> bytes:
    error = {"message": _message(control), "code": _code(control)}
    return frame({"error": error, "event_type": "error"})


def _message(control: Control) -> str:
    return (
        control.message
        or _MESSAGES.get(control.code)
        or f"The conformance control asks for {_code(control)}."
    )


def _code(control: Control) -> str:
    """Give the code; what the table does not know is the status in snake case, as documented."""
    if control.code != "unknown":
        return control.code
    if control.http in _RENAMED:
        return _RENAMED[control.http]
    try:
        phrase = HTTPStatus(control.http).phrase
    except ValueError:
        return "unknown"
    return phrase.lower().replace("'", "").replace(" ", "_").replace("-", "_")
