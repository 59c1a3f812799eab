"""Refusals: every way in which a request is turned down, with the envelope that belongs to it.

    raise Refused(400, "invalid_request", "Request has empty input.")

The Interactions API says `{"error": {"message", "code"}}` with a code of the official table
(https://ai.google.dev/gemini-api/docs/api-errors). What the front end refuses before the API sees it (the
path, the key, the bytes of HTTP) is a google.rpc.Status with a numeric code. The words are ours.
"""

from dataclasses import dataclass
from typing import Any

from conformance.server.answer import Answer, json_answer

__all__ = ["CODES", "FrontEndRefused", "Refused", "invalid"]

CODES = {
    "invalid_request": 400,
    "failed_precondition": 400,
    "parameter_unknown": 400,
    "authentication": 401,
    "payment_required": 402,
    "permission_denied": 403,
    "not_found": 404,
    "model_not_found": 404,
    "already_exists": 409,
    "aborted": 409,
    "out_of_range": 416,
    "too_many_requests": 429,
    "rate_limit_exceeded": 429,
    "quota_exceeded": 429,
    "cancelled": 499,
    "api_error": 500,
    "unimplemented": 501,
    "service_unavailable": 503,
    "deadline_exceeded": 504,
    **dict.fromkeys(
        """safety recitation language prohibited_content spii blocklist image_safety image_prohibited_content
        image_recitation image_other content_blocked malformed_function_call malformed_tool_call
        unexpected_tool_call no_image too_many_tool_calls missing_thought_signature""".split(),
        400,
    ),
}
"""Every code of the official table with its HTTP status; that of blocked and broken generation is ours."""

_RPC_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_BAD_KEY_DETAILS = [
    {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
]


@dataclass(eq=False)
class Refused(Exception):
    """The Interactions API turns the request down."""

    status: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"

    def answer(self) -> Answer:
        """Say so in the envelope of the Interactions API, message first."""
        return json_answer(self.status, {"error": {"message": self.message, "code": self.code}})


@dataclass(eq=False)
class FrontEndRefused(Exception):
    """The front end turns the request down before the API sees it."""

    status: int
    message: str
    bad_key: bool = False

    def __str__(self) -> str:
        return f"{self.status}: {self.message}"

    def answer(self) -> Answer:
        """Say so as a google.rpc.Status."""
        error: dict[str, Any] = {
            "code": self.status,
            "message": self.message,
            "status": _RPC_CODES.get(self.status, "INVALID_ARGUMENT"),
        }
        if self.bad_key:
            error["details"] = _BAD_KEY_DETAILS
        return json_answer(self.status, {"error": error})


def invalid(message: str) -> Refused:
    """Give the refusal of a malformed or unsupported request."""
    return Refused(400, "invalid_request", message)
