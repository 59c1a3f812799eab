"""When two requests ask the same, and in what they differ: what cassettes are matched by.

    identity(one) == identity(other)
    list(differences(sent, recorded))      # what is not the same, and what it was

A request is known by method, path, query and body. Keys and other headers do not count, nor does the order of
members; a body that is not JSON is taken as it is. What a recording leaves out or shortens means the same as
the whole, so that a request with a secret in it is known by the one that was recorded without.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from conformance.wire.exchange import Exchange, Request
from conformance.wire.redaction import PLACEHOLDER, redact, shorten
from conformance.wire.trace import UNREADABLE, parse_json

__all__ = ["Identity", "differences", "identity"]

_NUMBERED = re.compile(rf"{PLACEHOLDER}_\d+")
Identity: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...], str]


def identity(request: Request) -> Identity:
    """Give what a request is known by; equal for requests that ask the same."""
    return _identity(_as_recorded(request))


def _as_recorded(request: Request) -> Request:
    """Give a request as a recording would hold it, whichever placeholder that numbered."""
    shortened, _ = shorten(Exchange(replace(request, headers=None), None))
    held = redact(shortened).request or request
    body = re.sub(_NUMBERED.pattern.encode(), PLACEHOLDER.encode(), held.body)
    return replace(held, url=_NUMBERED.sub(PLACEHOLDER, held.url), body=body)


def _identity(request: Request) -> Identity:
    url = urlsplit(request.url)
    query = sorted(pair for pair in parse_qsl(url.query, keep_blank_values=True) if pair[0] != "key")
    return request.method, url.path, tuple(query), _comparable(request.body)


def _comparable(body: bytes) -> str:
    """Write a body without the order of its keys; one that is not JSON as it is."""
    value = _value(body)
    return repr(value) if isinstance(value, bytes) else json.dumps(value, sort_keys=True)


def _value(body: bytes) -> Any:
    """Give the JSON of a body; the bytes of one that is not JSON."""
    value = parse_json(body or b"null")
    return body if value is UNREADABLE else value


def differences(sent: Request, recorded: Request) -> Iterator[str]:
    """Tell in what a request differs from a recorded one, place by place; nothing for the same."""
    yield from _differences(_as_recorded(sent), _as_recorded(recorded))


def _differences(sent: Request, recorded: Request) -> Iterator[str]:
    if sent.method != recorded.method:
        yield f"the method, {recorded.method}"
    if urlsplit(sent.url).path != urlsplit(recorded.url).path:
        yield f"the path, {urlsplit(recorded.url).path}"
    if _identity(sent)[2] != _identity(recorded)[2]:
        yield f"the query, {urlsplit(recorded.url).query or 'none'}"
    yield from _json_differences(_value(sent.body), _value(recorded.body), "")


def _json_differences(sent: Any, recorded: Any, at: str) -> Iterator[str]:
    if isinstance(sent, dict) and isinstance(recorded, dict):
        for key in sorted(sent.keys() | recorded.keys()):
            if key not in recorded:
                yield f"{at}/{key}, which it lacks"
            elif key not in sent:
                yield f"{at}/{key}, which only it has"
            else:
                yield from _json_differences(sent[key], recorded[key], f"{at}/{key}")
    elif isinstance(sent, list) and isinstance(recorded, list) and len(sent) == len(recorded):
        for number, (one, other) in enumerate(zip(sent, recorded, strict=True)):
            yield from _json_differences(one, other, f"{at}/{number}")
    elif repr(sent) != repr(recorded):
        yield f"{at or 'the body'}: {_shown(recorded)}"


def _shown(value: Any) -> str:
    text = ascii(value) if isinstance(value, bytes) else json.dumps(value)
    return text if len(text) <= 50 else f"{text[:47]}…"
