"""Refusals: every way in which a request is turned down, with the envelope that belongs to it.

    raise Refused(400, "invalid_request", "Request has empty input.")

The Interactions API says `{"error": {"message", "code"}}` with a code of the official table
(https://ai.google.dev/gemini-api/docs/api-errors). What the front end refuses before the API sees it (the
path, the key, the bytes of HTTP) is a google.rpc.Status with a numeric code. The words are ours.
"""

from dataclasses import dataclass
from typing import Any

from conformance.server.answer import Answer, json_answer

__all__ = ["FrontEndRefused", "Refused", "invalid"]

_RPC_CODES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    501: "UNIMPLEMENTED",
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
class Refused(Exception):  # noqa: N818  a fact about the request, not an error of ours
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
class FrontEndRefused(Exception):  # noqa: N818  see above
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
