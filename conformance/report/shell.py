"""Requests as command lines that send them again, without this harness."""

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

__all__ = ["curl"]

_NOT_SENT_AGAIN = frozenset({"host", "content-length", "accept-encoding", "connection"})


def curl(request: Mapping[str, Any], *, body: str = "") -> str:
    """The command line that sends a recorded request again.

    The key comes from the environment; that of the service is not sent to anyone else. `body` names a file
    that holds the body, for what is sent byte for byte.
    """
    parts = ["curl", "-sS", "-N", "-X", request["method"], _quoted(request["url"])]
    service = (urlsplit(request["url"]).hostname or "").endswith(".googleapis.com")
    key = '"x-goog-api-key: $GEMINI_API_KEY"' if service else '"x-goog-api-key: ${KEY:-test}"'
    for name, value in request["headers"]:
        if name.lower() in _NOT_SENT_AGAIN:
            continue
        if name.lower() == "x-goog-api-key":
            parts += ["-H", key]
        else:
            parts += ["-H", _quoted(f"{name}: {value}")]
    if body:
        parts += ["--data-binary", _quoted(f"@{body}")]
    elif request["body"]:
        parts += ["--data-raw", _quoted(request["body"])]
    return " ".join(parts)


def _quoted(text: str) -> str:
    """Quote for a shell; what cannot be printed, such as a line end, as bash and zsh escape it."""
    if text.isprintable():
        return shlex.quote(text)
    data = text.encode(errors="replace")
    return "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in data) + "'"
