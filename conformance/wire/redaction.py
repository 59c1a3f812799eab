"""Secrets out, before anything touches a disk or a report.

Headers that carry credentials lose their value, `?key=` too, and a known secret is removed wherever it
stands: a server that echoes a key must not put it into a cassette.
"""

import re
from collections.abc import Collection
from dataclasses import replace

from conformance.wire.exchange import Exchange, Headers

__all__ = ["PLACEHOLDER", "redact", "redact_text"]

PLACEHOLDER = "REDACTED"
_SECRET_HEADERS = frozenset(
    "x-goog-api-key authorization proxy-authorization cookie set-cookie x-goog-user-project".split()
)
_KEY_IN_QUERY = re.compile(r"(?<=[?&]key=)[^&#]*")
_GOOGLE_KEY = re.compile(r"AIza[0-9A-Za-z_-]{20,}")
# In a body only a key of the exact length, standing alone: the same letters occur in the base64 of an image.
_GOOGLE_KEY_IN_BODY = re.compile(rb"(?<![0-9A-Za-z_+/-])AIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_+/=-])")


def redact(exchange: Exchange, secrets: Collection[str] = ()) -> Exchange:
    """Give an exchange without credentials; `secrets` are values that must not be left anywhere."""
    request, response = exchange.request, exchange.response
    if request is not None:
        request = replace(
            request,
            url=redact_text(request.url, secrets),
            headers=_headers(request.headers, secrets),
            body=_bytes(request.body, secrets),
        )
    if response is not None:
        response = replace(
            response, headers=_headers(response.headers, secrets), body=_bytes(response.body, secrets)
        )
    return replace(exchange, request=request, response=response)


def redact_text(text: str, secrets: Collection[str] = ()) -> str:
    """Give a text without the secrets, without a key in a query, without what looks like a key."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, PLACEHOLDER)
    return _GOOGLE_KEY.sub(PLACEHOLDER, _KEY_IN_QUERY.sub(PLACEHOLDER, text))


def _headers(headers: Headers | None, secrets: Collection[str]) -> Headers | None:
    if headers is None:
        return None
    return tuple(
        (name, PLACEHOLDER if name.lower() in _SECRET_HEADERS else redact_text(value, secrets))
        for name, value in headers
    )


def _bytes(body: bytes, secrets: Collection[str]) -> bytes:
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        body = body.replace(secret.encode(), PLACEHOLDER.encode())
    return _GOOGLE_KEY_IN_BODY.sub(PLACEHOLDER.encode(), body)
