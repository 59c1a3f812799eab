"""How a client is let in, and which contract it gets: key, revision, tier, safety.

Source: https://ai.google.dev/gemini-api/docs/api-key
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from conformance.judge.requests import tells_nothing
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.exchange import header
from conformance.wire.trace import Call, Document, Event, Trace

__all__ = [
    "connections_are_encrypted",
    "conveniences_stay_with_the_sdks",
    "keys_are_sent",
    "revision_header_changes_nothing",
    "revisions_are_current",
    "superseded_members_are_not_sent",
    "tier_headers_agree_with_their_body",
    "words_are_lower_case",
]

REVISION = "2026-05-20"

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_SUPERSEDED = ("response_mime_type", "response_modalities")
_CONVENIENCES = ("output_text", "output_image", "output_audio", "output_video")
_PRIVATE_NAMES = ("localhost", ".localhost", ".local", ".internal", ".test", ".example", ".invalid")


def _request(call: Call) -> Document:
    return Document(call.asked, call.request_place, "request")


def _sent(call: Call, name: str) -> str | None:
    return header(call.exchange.request.headers, name) if call.exchange.request is not None else None


def keys_are_sent(trace: Trace) -> Iterator[Verdict]:
    """A request brings a key in `x-goog-api-key`, or one of its documented alternatives (IX-AUTH-001)."""
    for call in trace.calls:
        if call.operation is None or not call.exchange.witnessed:
            continue
        in_the_query = (*call.query.get("key", ()), *call.query.get("access_token", ()))
        if _sent(call, "x-goog-api-key") or _sent(call, "authorization") or any(in_the_query):
            yield kept(_request(call))
        else:
            yield broken(_request(call), "", "the request has no x-goog-api-key header, or an empty one")


def connections_are_encrypted(trace: Trace) -> Iterator[Verdict]:
    """A request to another machine goes over HTTPS (IX-AUTH-010)."""
    for call in trace.calls:
        if call.operation is None or call.exchange.request is None:
            continue
        url = urlsplit(call.exchange.request.url)
        if url.scheme == "https":
            yield kept(_request(call))
        elif url.scheme == "http" and _is_public(url.hostname or ""):
            yield broken(_request(call), "", f"the key goes to {url.hostname} over http")


def _is_public(host: str) -> bool:
    """Whether a host is on the open internet: no address of a local network, no private name."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(_PRIVATE_NAMES)


def revisions_are_current(trace: Trace) -> Iterator[Verdict]:
    """An `Api-Revision` that a client sends is that of the steps schema (IX-REV-001). Newer ones pass."""
    for call in trace.calls:
        told = _sent(call, "api-revision") if call.operation is not None else None
        if told is None:
            continue
        if told == REVISION:
            yield kept(_request(call))
        elif _DATE.fullmatch(told) is None or told < REVISION:
            yield broken(_request(call), "", f"Api-Revision is {told!r}; the steps schema is {REVISION}")


def revision_header_changes_nothing(trace: Trace) -> Iterator[Verdict]:
    """The same create succeeds, or is refused, with the current `Api-Revision` and without (IX-REV-006).

    Overload and limits tell nothing, nor does a key that has expired meanwhile.
    """
    plain: list[Call] = []
    current: list[Call] = []
    for call in trace.calls:
        request = call.exchange.request
        if call.operation != "create" or call.status is None or request is None or request.headers is None:
            continue
        if tells_nothing(call) or not isinstance(call.asked, dict):
            continue
        told = _sent(call, "api-revision")
        mine, others = (current, plain) if told == REVISION else (plain, current)
        if told not in (None, REVISION):
            continue
        mine.append(call)
        for other in others:
            if other.exchange.request is None or other.exchange.request.body != request.body:
                continue
            if (other.status or 0) // 100 == call.status // 100:
                yield kept(call)
            else:
                yield broken(call, "", f"HTTP {call.status}; {_which(told)} it was HTTP {other.status}")


def _which(told: str | None) -> str:
    return f"with Api-Revision {REVISION}" if told is None else "without Api-Revision"


def superseded_members_are_not_sent(trace: Trace) -> Iterator[Verdict]:
    """What `response_format` took the place of is not sent (IX-REV-010)."""
    for call in trace.calls:
        if call.operation != "create" or not isinstance(call.asked, dict):
            continue
        found = [name for name in _SUPERSEDED if name in call.asked]
        for name in found:
            yield broken(_request(call), f"/{name}", f"{name} gave way to response_format")
        if not found and "response_format" in call.asked:
            yield kept(_request(call))


def words_are_lower_case(trace: Trace, at: str) -> Iterator[Verdict]:
    """The words of an enumeration are sent in lower case (IX-TIER-005, IX-SAFE-002, IX-SAFE-003).

    at: the member of the request, and the member of each of its items when it is a list.
    """
    name, _, inner = at.partition("/")
    for call in trace.calls:
        if call.operation != "create" or not isinstance(call.asked, dict):
            continue
        for pointer, word in _words(call.asked.get(name), f"/{name}", inner):
            if word == word.lower():
                yield kept(_request(call))
            else:
                yield broken(_request(call), pointer, f"{word!r}: the words of this API are in lower case")


def _words(told: Any, at: str, inner: str) -> Iterator[tuple[str, str]]:
    if isinstance(told, str) and not inner:
        yield at, told
    for number, item in enumerate(told) if isinstance(told, list) and inner else ():
        if isinstance(item, dict) and isinstance(item.get(inner), str):
            yield f"{at}/{number}/{inner}", item[inner]


def tier_headers_agree_with_their_body(trace: Trace) -> Iterator[Verdict]:
    """The header `x-gemini-service-tier` names the tier that the interaction tells (IX-TIER-004)."""
    for call in trace.calls:
        told = header(call.headers, "x-gemini-service-tier")
        match call.interaction:
            case {"service_tier": str(tier)} if told is not None and call.stream is None:
                if told.strip().lower() == tier.lower():
                    yield kept(call)
                else:
                    yield broken(call, "/service_tier", f"the header says {told!r}, the interaction {tier!r}")


def conveniences_stay_with_the_sdks(trace: Trace) -> Iterator[Verdict]:
    """`output_text` and its kin are made by the SDKs and are not on the wire (IX-SDK-001)."""
    for call in trace.calls:
        if call.operation is None:
            continue
        for subject, at, told in _snapshots(call):
            found = [name for name in _CONVENIENCES if name in told]
            for name in found:
                yield broken(subject, f"{at}/{name}", f"{name} is a convenience of the SDKs")
            if not found:
                yield kept(subject)


def _snapshots(call: Call) -> Iterator[tuple[Call | Event, str, dict[str, Any]]]:
    if call.stream is None and call.interaction is not None:
        yield call, "", call.interaction
    for event in call.stream.payloads if call.stream is not None else ():
        match event.json:
            case {"interaction": dict(told)}:
                yield event, "/interaction", told
