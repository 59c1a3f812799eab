"""Secrets out, before anything touches a disk or a report.

    redactor = Redactor([key])                 # one for a conversation
    exchanges = [redactor.exchange(exchange) for exchange in exchanges]
    redactor.redacted                          # how often, by kind

Headers that carry credentials or tell who asks lose their value, `?key=` too, and so does whatever looks like
a secret (see `secrets`) in an address, a header or a body, base64 and gzip included. A known secret goes
wherever it stands, however it is escaped. What is taken out of base64 leaves as many letters, so that the
rest stays readable. Account ids in names get a number of their own (`projects/REDACTED_1`), the same for the
same id in all of a conversation, so that what one answer names the next request can name.

`shorten` leaves of signatures and media what is still base64, and differs where they differed.
"""

import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from conformance.wire.coding import unpack
from conformance.wire.exchange import Arrival, Exchange, Headers, Response
from conformance.wire.secrets import (
    SECRET_HEADERS,
    WRAPS,
    Span,
    base64_runs,
    decoded,
    encoded,
    spans,
    without_overlaps,
)

__all__ = ["PLACEHOLDER", "Redactor", "redact", "redact_text", "shorten"]

PLACEHOLDER = "REDACTED"
_KEY_IN_QUERY = re.compile(
    r"(?i)(?<=[?&])(?P<before>(?:key|api_key|apikey|access_token|oauth_token)=)(?P<key>[^&#]*)"
)
_GOOGLE_KEY = re.compile(r"(?P<before>)(?P<key>AIza[0-9A-Za-z_-]{20,})")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_INTERACTION_ID = re.compile(rb"\bv1_(?P<secret>[0-9A-Za-z_-]{16,})")
_NUMBERED = frozenset({"project number", "project", "account", "service account", "interaction id"})
_BARE_NUMBER = re.compile(rb"\"\s*:\s*\Z")
_LONG = re.compile(
    rb"(?P<name>\\*\"(?:signature|thought_signature|thoughtSignature|data)\\*\"\s*:\s*\\*\")"
    rb"(?P<text>[0-9A-Za-z+/_-]{120,}={0,2})(?=\\*\")"
)
_KEPT_LETTERS = 64


@dataclass(frozen=True, slots=True)
class _Edit:
    """What stands from start to end gives way to `text`."""

    start: int
    end: int
    text: bytes


def redact(exchange: Exchange, secrets: Collection[str] = ()) -> Exchange:
    """Give an exchange without credentials; `secrets` are values that must not be left anywhere."""
    return Redactor(secrets).exchange(exchange)


def redact_text(text: str, secrets: Collection[str] = ()) -> str:
    """Give a text without the secrets, without a key in a query, without what looks like a key."""
    return Redactor(secrets).text(text)


class Redactor:
    """Redacts the exchanges of one conversation.

    secrets: values that must not be left anywhere; those shorter than `secrets.SHORTEST` are no more than
        words, and go only where a key stands.
    ids: the ids of interactions go too.
    redacted: how many of which kind were taken out.
    """

    def __init__(self, secrets: Collection[str] = (), *, ids: bool = False) -> None:
        self._secrets = tuple(sorted(filter(None, set(secrets)), key=len, reverse=True))
        self._ids = ids
        self._numbers: dict[bytes, int] = {}
        self.redacted: Counter[str] = Counter()

    def exchange(self, exchange: Exchange) -> Exchange:
        """Give an exchange without secrets; its length and its arrivals tell of the bytes that are left."""
        request, response = exchange.request, exchange.response
        if request is not None:
            body, _ = self._body(request.body)
            headers = _measured(self._headers(request.headers), request.body, body)
            request = replace(request, url=self.text(request.url), headers=headers, body=body)
        if response is not None:
            body, edits = self._body(response.body)
            response = replace(
                response,
                headers=_measured(self._headers(response.headers), response.body, body),
                body=body,
                arrivals=_moved(response, body, edits),
                cut=self.text(response.cut),
            )
        return replace(exchange, request=request, response=response)

    def text(self, text: str) -> str:
        """Give a text, such as an address or the value of a header, without secrets."""
        if not text:
            return text
        data, _ = self._body(text.encode(errors="surrogatepass"))
        text = _KEY_IN_QUERY.sub(self._left_out, data.decode(errors="surrogatepass"))
        return _GOOGLE_KEY.sub(self._left_out, text)

    def _left_out(self, match: re.Match[str]) -> str:
        if match["key"] != PLACEHOLDER:
            self.redacted["API key"] += 1
        return f"{match['before']}{PLACEHOLDER}"

    def _headers(self, headers: Headers | None) -> Headers | None:
        if headers is None:
            return None
        return tuple((name, self._value(name, value)) for name, value in headers)

    def _value(self, name: str, value: str) -> str:
        if name.lower() in SECRET_HEADERS:
            if value != PLACEHOLDER:
                self.redacted[f"value of {name.lower()}"] += 1
            return PLACEHOLDER
        return _MAIL.sub(PLACEHOLDER, self.text(value))

    def _body(self, data: bytes) -> tuple[bytes, list[_Edit]]:
        if data.startswith(b"\x1f\x8b"):
            return self._packed(data), []
        edits = [self._edit(data, span) for span in self._spans(data)]
        return self._in_base64(_edited(data, edits)), edits

    def _packed(self, data: bytes) -> bytes:
        try:
            plain = unpack(data)
        except ValueError:
            return data
        if plain is None:
            return data
        redacted, _ = self._body(plain)
        return data if redacted == plain else gzip.compress(redacted, mtime=0)

    def _spans(self, data: bytes) -> list[Span]:
        found = spans(data, self._secrets)
        if not self._ids:
            return found
        ids = [
            Span("interaction id", *match.span("secret"))
            for match in _INTERACTION_ID.finditer(data)
            if PLACEHOLDER.encode() not in match[0]
        ]
        return without_overlaps([*found, *ids])

    def _edit(self, data: bytes, span: Span) -> _Edit:
        self.redacted[span.kind] += 1
        text = PLACEHOLDER.encode()
        if span.kind in _NUMBERED:
            number = self._numbers.setdefault(data[span.start : span.end], len(self._numbers) + 1)
            text += b"_%d" % number
            if _BARE_NUMBER.search(data, max(0, span.start - 20), span.start):
                text = b"0"  # a number of JSON stays one
        return _Edit(span.start, span.end, text)

    def _in_base64(self, data: bytes) -> bytes:
        """Take out what stands in base64, letter for letter, so that everything else keeps its place."""
        changed: bytearray | None = None
        for start, end, two in base64_runs(data):
            old = bytes((changed or data)[start:end])
            if (new := self._run(old, two)) != old:
                changed = changed or bytearray(data)
                changed[start:end] = new
        return data if changed is None else bytes(changed)

    def _run(self, raw: bytes, two: bytes) -> bytes:
        text = old = WRAPS.sub(b"", raw)
        for offset in range(4):
            inner = decoded(text[offset:], two)
            if found := self._spans(inner):
                self.redacted.update(f"{span.kind} in base64" for span in found)
                edits = [_Edit(span.start, span.end, _filled(span.end - span.start)) for span in found]
                text = text[:offset] + encoded(_edited(inner, edits), two)[: len(text) - offset]
        return raw if text == old else _wrapped_like(raw, text)


def _filled(length: int) -> bytes:
    """Give a placeholder of so many bytes."""
    return PLACEHOLDER.encode().ljust(length, b"_")[:length]


def _wrapped_like(raw: bytes, text: bytes) -> bytes:
    """Put the line ends of a text between the letters that take its place."""
    pieces, at = [], 0
    before = 0
    for match in WRAPS.finditer(raw):
        letters = match.start() - before
        pieces += [text[at : at + letters], match[0]]
        at += letters
        before = match.end()
    return b"".join([*pieces, text[at:]])


def _edited(data: bytes, edits: Sequence[_Edit]) -> bytes:
    pieces, at = [], 0
    for edit in edits:
        pieces += [data[at : edit.start], edit.text]
        at = edit.end
    return b"".join([*pieces, data[at:]]) if edits else data


def _moved(response: Response, body: bytes, edits: Sequence[_Edit]) -> tuple[Arrival, ...]:
    """Tell when which part of a body came whose bytes have been edited."""
    if len(body) == len(response.body):
        return tuple(response.arrivals)
    if not edits:  # it was packed, and is another now
        return tuple(replace(arrival, end=len(body)) for arrival in response.arrivals[-1:])
    return tuple(replace(arrival, end=_place(arrival.end, edits)) for arrival in response.arrivals)


def _place(end: int, edits: Sequence[_Edit]) -> int:
    """Where a place in the old bytes lies in the new ones; one within an edit stays within it."""
    moved = end
    for edit in edits:
        if edit.end <= end:
            moved += len(edit.text) - (edit.end - edit.start)
        elif edit.start < end:
            moved = moved - (end - edit.start) + min(end - edit.start, len(edit.text))
    return moved


def _measured(headers: Headers | None, old: bytes, new: bytes) -> Headers | None:
    """Let a Content-Length that was right be right again."""
    if headers is None or len(old) == len(new):
        return headers
    return tuple(
        (name, str(len(new)) if name.lower() == "content-length" and value == str(len(old)) else value)
        for name, value in headers
    )


def shorten(exchange: Exchange) -> tuple[Exchange, int]:
    """Shorten signatures and media to stubs of valid base64; tell how many there were.

    The same text gives the same stub, and another one another, so that chains still hold.
    """
    count = 0
    request, response = exchange.request, exchange.response
    if request is not None:
        edits = list(_stubs(request.body))
        body = _edited(request.body, edits)
        count += len(edits)
        request = replace(request, headers=_measured(request.headers, request.body, body), body=body)
    if response is not None:
        edits = list(_stubs(response.body))
        body = _edited(response.body, edits)
        count += len(edits)
        headers = _measured(response.headers, response.body, body)
        arrivals = _moved(response, body, edits)
        response = replace(response, headers=headers, body=body, arrivals=arrivals)
    return replace(exchange, request=request, response=response), count


def _stubs(body: bytes) -> Iterator[_Edit]:
    for match in _LONG.finditer(body):
        text = match["text"]
        two = b"-_" if b"-" in text or b"_" in text else b"+/"
        mark = encoded(hashlib.sha256(text).digest()[:24], two)
        yield _Edit(*match.span("text"), text[: _KEPT_LETTERS - len(mark)] + mark)
