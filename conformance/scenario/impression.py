"""The first impression of an endpoint: what one answer shows of all the others.

    told = impression(exchange)             # of one answer to a create or a get, or None
    told = sentence_of(exchanges)           # of a whole conversation: only what every create leaves

A login page, a redirect, an endpoint without the Interactions API or with that of last year answers every
request in the same way. One sentence then says more than the findings of each answer. The sentence begins
with a verb, so that the address of the endpoint goes before it. Where an answer is no more than wrong there
is no impression: that is for the judge.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from conformance.wire.exchange import Exchange, header
from conformance.wire.redaction import redact_text
from conformance.wire.trace import ABSENT, UNREADABLE, Call, Trace

__all__ = ["Impression", "Kind", "impression", "sentence_of"]

Kind: TypeAlias = Literal["html", "redirect", "legacy", "no interactions", "key refused", "not http json"]

_WRONG_KEY: Final = "bad-key"  # what a scenario sends where it asks for a bad key
_CONTROL: Final = "x-conformance-control"
_MARKUP = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_LEGACY_EVENTS = frozenset(
    "interaction.start interaction.complete content.start content.delta content.stop".split()
)
_EVENTS = re.compile(r"interaction\.(?:created|completed)|step\.\w+")
_BAD_KEY = re.compile(r"API[_ ]key[_ ](?:not valid|expired|invalid)", re.IGNORECASE)
_LONGEST_QUOTE = 120


@dataclass(frozen=True, slots=True)
class Impression:
    """What an endpoint is, told by its answer.

    sentence: without its subject, such as "answers with an HTML page …".
    exit_code: that of a run which got nothing else; a refused key is 2 at the first answer of a run, and
        later 5, which only the caller can know.
    """

    kind: Kind
    sentence: str
    hint: str
    exit_code: int


def impression(exchange: Exchange, key: str = "") -> Impression | None:
    """Give what the answer to a create or a get says of the endpoint; None where it is one of this API.

    An error that was asked for says nothing: by a key that is bad on purpose, or `x-conformance-control`.
    `key`: the one of the caller, which is not bad on purpose, whatever it is.
    """
    call = Trace.of([exchange]).calls[0]
    if call.operation not in ("create", "get") or call.status is None or _on_purpose(exchange, key):
        return None
    looks = (_redirect, _absent, _page, _refused_key, _legacy, _noise)
    return next(filter(None, (look(call) for look in looks)), None)


def sentence_of(exchanges: Iterable[Exchange]) -> Impression | None:
    """Give the impression that every create with a good key leaves; None where one leaves none or another."""
    told = [impression(exchange) for exchange in exchanges if _is_fair(exchange)]
    kinds = {one.kind if one is not None else None for one in told}
    return told[0] if len(kinds) == 1 else None


def _key(exchange: Exchange) -> str:
    """The key that was sent; a recording may have redacted it."""
    return (exchange.request and header(exchange.request.headers, "x-goog-api-key")) or ""


def _on_purpose(exchange: Exchange, key: str = "") -> bool:
    asked = exchange.request.headers if exchange.request is not None else None
    return _key(exchange) == _WRONG_KEY != key or header(asked, _CONTROL) is not None


def _is_fair(exchange: Exchange) -> bool:
    """Whether an exchange is a create that was meant to be let in."""
    created = Trace.of([exchange]).calls[0].operation == "create"
    return created and _key(exchange) != "" and not _on_purpose(exchange)


def _redirect(call: Call) -> Impression | None:
    to = header(call.headers, "location")
    if call.status not in (301, 302, 303, 307, 308) or not to:
        return None
    return Impression(
        "redirect",
        f"answers with a redirect (HTTP {call.status} to {_quote(call, _address(to))}), "
        "which is not followed, since the key would go along: a login page or a gateway?",
        "Give the address where the API itself answers as the target, or sign in to what stands before it.",
        1,
    )


def _address(location: str) -> str:
    """Give an address without what may be secret: a name with a password, a query, a fragment."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "an address that cannot be read"
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
    return host + parts.path


def _absent(call: Call) -> Impression | None:
    """Nothing is at the collection; an error whose code is a word shows that the API is there."""
    if call.operation != "create":
        return None
    path = urlsplit(call.exchange.request.url).path if call.exchange.request is not None else ""
    match call.answered:
        case {"candidates": _} | [{"candidates": _}, *_] if call.status == 200:
            return Impression(
                "no interactions",
                f"answers {path} with what belongs to generateContent, so it has no Interactions API there",
                "Give the address of an endpoint that has the Interactions API.",
                5,
            )
        case {"error": {"code": str()}}:
            return None
        case {"error": {"code": int(), "message": str(message)}} if "model" in message.lower():
            return None
    if call.status not in (404, 405, 501):
        return None
    google = isinstance(call.answered, dict) and isinstance(call.answered.get("error"), dict)
    other = "v1beta" if path.startswith("/v1/") else "v1"
    hint = "Look whether the address is that of the API, without a path behind it, and try --api-version "
    hint += f"{other}."
    if google:
        hint = f"Perhaps it speaks generateContent alone. {hint}"
    return Impression(
        "no interactions", f"has no Interactions API at {_quote(call, path)}: HTTP {call.status}", hint, 5
    )


def _page(call: Call) -> Impression | None:
    """A page for people: by its first bytes, or by its type where it is not JSON all the same."""
    body = _body(call)
    typed = call.content_type in ("text/html", "application/xhtml+xml")
    if _MARKUP.match(body) is None and not (typed and call.answered in (ABSENT, UNREADABLE)):
        return None
    if call.stream is not None:
        return None
    found = _TITLE.search(body[:65536].decode(errors="replace"))
    title = _quote(call, html.unescape(found[1])) if found else ""
    return Impression(
        "html",
        f"answers with an HTML page (HTTP {call.status}{f', title: {title}' if title else ''}), "
        "not with the API: a login page or a gateway?",
        "Open the address in a browser; give that of the API itself, or sign in to what stands before it.",
        1,
    )


def _refused_key(call: Call) -> Impression | None:
    """The key is refused, whichever envelope says so; a request without one is refused by right."""
    if not (_key(call.exchange) or "key" in call.query):
        return None
    error = call.answered.get("error") if isinstance(call.answered, dict) else None
    told = error.get("message") if isinstance(error, dict) else None
    message = told if isinstance(told, str) else ""
    bad = isinstance(error, dict) and (
        "API_KEY_INVALID" in str(error.get("details")) or _BAD_KEY.search(message)
    )
    if call.status not in (401, 403) and not (call.status == 400 and bad):
        return None
    said = f": {_quote(call, message)}" if message.strip() else ""
    return Impression(
        "key refused",
        f"refuses the key: HTTP {call.status}{said}",
        "Look whether the key is whole, has expired, or may use this API; then run again.",
        2,
    )


def _legacy(call: Call) -> Impression | None:
    """The schema with `outputs` and `content.delta`; a stream with one event of today is not of it."""
    events = {event.type for event in call.stream.events if event.type} if call.stream is not None else set()
    old = bool(events & _LEGACY_EVENTS) and not any(_EVENTS.fullmatch(event) for event in events)
    match call.answered:
        case {"outputs": _} | {"object": "interaction", "role": _} if "steps" not in call.answered:
            old = True
    if not old:
        return None
    seen = "`outputs` where `steps` belong"
    if call.stream is not None:
        seen = f"the event {min(events & _LEGACY_EVENTS)}"
    elif "outputs" not in call.answered:
        seen = "an interaction that has a `role`"
    return Impression(
        "legacy",
        f"speaks the schema from before 2026-05-20: {seen}",
        "Bring the endpoint to Api-Revision 2026-05-20: the service itself has dropped the older schema.",
        1,
    )


def _noise(call: Call) -> Impression | None:
    """A success that says nothing of HTTP and JSON: empty, or text."""
    body = _body(call)
    if (
        call.stream is not None
        or not 200 <= (call.status or 0) < 300
        or body.lstrip().startswith((b"{", b"["))
    ):
        return None
    if (
        call.exchange.response is None
        or call.exchange.response.cut
        or call.answered not in (ABSENT, UNREADABLE)
    ):
        return None
    kind = call.content_type or "of no content type"
    coding = header(call.headers, "content-encoding")
    what = (
        f"{len(body)} bytes that are no JSON ({kind}{f', {coding}' if coding else ''})"
        if body.strip()
        else "an empty body"
    )
    return Impression(
        "not http json",
        f"answers HTTP {call.status} with {what}, not with the API",
        "Look what listens there: the API answers in JSON or as an event stream.",
        1,
    )


def _body(call: Call) -> bytes:
    body = call.exchange.response.body if call.exchange.response is not None else b""
    return body.removeprefix(b"\xef\xbb\xbf")


def _quote(call: Call, text: str) -> str:
    """What an endpoint says, in one line and short, without the key."""
    key = _key(call.exchange)
    line = " ".join(redact_text(text, [key] if key else []).split())
    return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"
