"""Exchanges with secrets planted in every place where one can stand, and eyes that find them there again.

The eyes use nothing of what is tested: they read a body as its reader would, with the standard library.
"""

import base64
import gzip
import json
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from conformance.wire.exchange import Arrival, Exchange, Headers, Request, Response

__all__ = ["Planted", "plant", "sight"]

_LETTERS = string.ascii_letters + string.digits
_URL = "https://generativelanguage.googleapis.com/v1beta/interactions"


@dataclass(frozen=True)
class Planted:
    """An exchange, the key that was used, and all secrets in it; `places` says where which was put."""

    exchange: Exchange
    own: str
    places: dict[str, str]


class _Garden:
    """Draws secrets and remembers where they were put."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.own = self.letters(self.random.randint(16, 60), _LETTERS + "_-+/=.~!&%\"'\\ü")
        self.places: dict[str, str] = {}

    def letters(self, number: int, alphabet: str = _LETTERS) -> str:
        """Draw a word with a digit in it, since all letters of a machine's word have one by far."""
        return "".join(self.random.choices(alphabet, k=number - 1)) + self.random.choice(string.digits)

    def put(self, place: str, *, own: bool = True) -> str:
        """Draw a secret for a place."""
        kinds = {
            "google": "AIza" + self.letters(35, _LETTERS + "_-"),
            "new": "AQ." + self.letters(50, _LETTERS + "_-"),
            "oauth": "ya29." + self.letters(80, _LETTERS + "_-"),
            "own": self.own,
        }
        if not own:
            del kinds["own"]
        self.places[place] = kinds[self.random.choice(sorted(kinds))]
        return self.places[place]

    def words(self) -> str:
        """Draw what may stand before or after a secret."""
        return self.random.choice(["", "key: ", "Say ", "\n", '"', "größe ", "(", "x=", "\t", "</b>", "é"])

    def escaped(self, text: str) -> str:
        """Write JSON of a text as one of the ways in which it can be written."""
        told = json.dumps(text, ensure_ascii=self.random.random() < 0.5)
        if self.random.random() < 0.3:
            told = told.replace("/", "\\/").replace("=", "\\u003d").replace("&", "\\u0026")
        return told

    def base64(self, secret: str) -> str:
        """Write a secret, at any alignment, in base64 of either alphabet, with or without its end."""
        raw = self.random.randbytes(self.random.randint(0, 40)) + b" " + secret.encode() + b" "
        raw += self.random.randbytes(self.random.randint(0, 40))
        told = (self.random.choice([base64.b64encode, base64.urlsafe_b64encode])(raw)).decode()
        return told.rstrip("=") if self.random.random() < 0.3 else told


def plant(seed: int) -> Planted:
    """Make an exchange with a secret in each place."""
    garden = _Garden(seed)
    answer = garden.random.choice([_error, _stream, _interaction])
    content_type, body = answer(garden)
    headers: Headers = (
        ("Content-Type", content_type),
        ("Set-Cookie", f"SID={_kept(garden, 'set-cookie')}; Path=/"),
        ("Location", f"{_URL}?alt=sse&key={quote(garden.put('location'), safe='')}"),
    )
    raw = body.encode()
    if garden.random.random() < 0.3:
        raw = gzip.compress(raw)
        headers += (("Content-Encoding", "gzip"),)
    cuts = sorted({garden.random.randint(1, len(raw)) for _ in range(3)} | {len(raw)})
    arrivals = tuple(Arrival(end, number / 10) for number, end in enumerate(cuts))
    headers += (("Content-Length", str(len(raw))),)
    response = Response(200, headers, raw, arrivals)
    return Planted(Exchange(_request(garden), response, witnessed=True), garden.own, garden.places)


def _kept(garden: _Garden, place: str) -> str:
    garden.places[place] = garden.letters(garden.random.randint(20, 60))
    return garden.places[place]


def _request(garden: _Garden) -> Request:
    path = quote(garden.put("path"), safe="")
    project = str(garden.random.randint(10**11, 10**12 - 1))
    garden.places["project header"] = project
    headers: Headers = (
        ("x-goog-api-key", garden.put("header").replace("ü", "u")),
        ("Authorization", f"Bearer {_kept(garden, 'authorization')}"),
        ("cookie", f"NID={_kept(garden, 'cookie')}; theme=dark"),
        ("X-Goog-User-Project", project),
        ("x-note", f"{garden.words().strip()} {garden.put('other header', own=False)}"),
        ("x-goog-authenticated-user-email", "accounts.google.com:somebody@firm.invalid"),
    )
    garden.places["header"] = headers[0][1]
    number = str(garden.random.randint(10**9, 10**12))
    garden.places["project in a body"] = number
    members = [
        f'"input": {garden.escaped(garden.words() + garden.put("value") + garden.words())}',
        f"{garden.escaped(garden.put('member'))}: 1",
        f'"api_key": {garden.escaped(_kept(garden, "api_key"))}',
        f'"headers": {{"Authorization": "Bearer {_kept(garden, "bearer in a body")}"}}',
        f'"data": "{garden.base64(garden.put("base64"))}"',
        f'"store": "projects/{number}/locations/global/stores/a"',
        f'"note": {garden.escaped(json.dumps({"inner": garden.put("JSON in JSON", own=False)}))}',
    ]
    garden.random.shuffle(members)
    url = f"{_URL}/{path}?alt=sse&key={quote(garden.put('query'), safe='')}"
    return Request("POST", url, headers, f"{{{', '.join(members)}}}".encode())


def _error(garden: _Garden) -> tuple[str, str]:
    message = f"{garden.words()}{garden.put('error')}{garden.words()} is not valid"
    return "application/json", f'{{"error": {{"code": 400, "message": {garden.escaped(message)}}}}}'


def _stream(garden: _Garden) -> tuple[str, str]:
    text = garden.escaped(garden.words() + garden.put("event") + garden.words())
    signature = garden.base64(garden.put("signature"))
    return "text/event-stream", (
        f'event: step.delta\ndata: {{"delta": {{"text": {text}}}}}\n\n'
        f'event: step.delta\ndata: {{"delta": {{"signature": "{signature}"}}}}\n\n'
    )


def _interaction(garden: _Garden) -> tuple[str, str]:
    text = garden.escaped(garden.words() + garden.put("answer") + garden.words())
    return "application/json", f'{{"status": "completed", "steps": [{{"text": {text}}}]}}'


# The eyes.


def sight(exchange: Exchange) -> str:
    """Give everything that a reader can make out in an exchange, as one text."""
    assert exchange.request is not None
    assert exchange.response is not None
    url = exchange.request.url
    seen = [url, unquote(url)]
    for headers in (exchange.request.headers, exchange.response.headers):
        for _, value in headers or ():
            seen += [value, unquote(value)]
    for body in (exchange.request.body, exchange.response.body):
        plain = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        text = plain.decode(errors="replace")
        seen.append(text)
        for line in text.split("\n"):
            seen += _strings(line.removeprefix("data: "))
    return "\0".join(seen)


def _strings(text: str) -> Iterator[str]:
    try:
        value = json.loads(text)
    except ValueError:
        return
    for told in _leaves(value):
        yield told
        yield from _strings(told)
        padded = told.rstrip("=") + "=" * (-len(told.rstrip("=")) % 4)
        for decode in (base64.b64decode, base64.urlsafe_b64decode):
            try:
                yield decode(padded).decode(errors="replace")
            except ValueError:
                continue


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, str):
        yield value
