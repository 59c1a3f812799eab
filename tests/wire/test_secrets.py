"""Secrets are found in whatever dress they come, and none gets into a cassette."""

import base64
import gzip
import json
import random
from pathlib import Path
from urllib.parse import quote

import pytest

from conformance.wire.cassette import read_cassette, write_cassette
from conformance.wire.redaction import Redactor
from conformance.wire.secrets import SECRET_HEADERS, find_secrets
from tests.generate.effort import EXAMPLES
from tests.wire.planted import plant, sight

KEY = "AIza" + "Sy0-" * 8 + "abc"  # made up, in the form of a real one
OWN = "sk+of/a=proxy~that.nobody_knows"
TOKEN = "k7" * 14


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"the key {KEY}.", "API key"),
        (f"a\\n{KEY}\\n", "API key"),
        (f"models/{KEY}/x", "API key"),
        ("AQ." + "Ab8" * 12, "API key"),
        ("ya29." + "a0-" * 12, "OAuth token"),
        ("1//0" + "gX_" * 12, "OAuth token"),
        ("GOCSPX-" + "a1" * 12, "OAuth client secret"),
        (f"Authorization: Bearer {TOKEN}", "bearer token"),
        (f"Authorization: Basic {TOKEN}", "value of authorization"),
        (f'{{"token": "Bearer {TOKEN}"}}', "bearer token"),
        (f"x-goog-api-key: {TOKEN}", "value of x-goog-api-key"),
        (f'"x-goog-api-key": ["{TOKEN}"]', "value of x-goog-api-key"),
        (f'["X-Goog-Api-Key", "{TOKEN}"]', "value of x-goog-api-key"),
        (f'{{"name": "x-goog-api-key", "value": "{TOKEN}"}}', "value of x-goog-api-key"),
        (f"- name: x-goog-api-key\n  value: {TOKEN}\n", "value of x-goog-api-key"),
        (f"x-goog-api-key:\n      - '{TOKEN}'\n", "value of x-goog-api-key"),
        (f'\\"api_key\\": \\"{TOKEN}\\"', "value of api_key"),
        (f"curl 'https://a.invalid/v1?key={TOKEN}'", "key in a query"),
        ("Cookie: SID=abc", "cookie"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END", "private key"),
        ("projects/123456789012/locations", "project number"),
        ("has not been used in project 123456789012 before", "project number"),
        ('"project_number": 123456789012', "project number"),
        ("projects/my-own-project/locations/global", "project"),
        ("organizations/123456789", "account"),
        ("robot@mine.iam.gserviceaccount.com", "service account"),
        ("x-goog-authenticated-user-email: a@firm.invalid", "user in x-goog-authenticated-user-email"),
        ("x-goog-user-project: firm-7", "value of x-goog-user-project"),
    ],
)
def test_a_secret_is_known_by_its_form_or_its_name(text: str, kind: str) -> None:
    """Its line is told, and four characters at most."""
    (found,) = find_secrets(f"first\n{text}".encode())

    assert found.kind == kind
    assert found.line in (2, 3)
    assert TOKEN not in str(found)
    assert KEY not in str(found)
    assert len(found.shown.partition("…")[0]) <= 6


@pytest.mark.parametrize(
    "text",
    [
        "x-goog-api-key: REDACTED",
        "x-goog-api-key: $GEMINI_API_KEY",
        "x-goog-api-key: conformance-test-key-17-of-20",
        "x-goog-api-key: any",
        "'x-goog-api-key': os.environ['GEMINI_API_KEY_2026']",
        "Authorization: Bearer my-token-of-2026-for-all",
        "Authorization: Bearer <YOUR_TOKEN_HERE_1>",
        "WWW-Authenticate: Bearer error_description=",
        "the cookie, or the password, is wrong; authorization fails with 403",
        "a private key, projects/REDACTED_1/locations/global, and projects/123",
        "password: none-of-your-business",
        "?key=REDACTED&alt=sse",
        "AIzaSy...",
        f"{'A' * 40}{KEY}AAAA",
    ],
)
def test_what_stands_for_a_secret_is_none(text: str) -> None:
    """Placeholders, variables, words, and letters of an image."""
    assert find_secrets(text.encode()) == []


@pytest.mark.parametrize(
    ("dressed", "within"),
    [
        (OWN, ()),
        (quote(OWN, safe=""), ()),
        (quote(quote(OWN, safe=""), safe=""), ()),
        ("".join(f"\\u{ord(one):04x}" for one in OWN), ()),
        (OWN.replace("/", "\\/"), ()),
        (base64.b64encode(OWN.encode()).decode(), ("base64",)),
        ("x" + base64.b64encode(b"1" + OWN.encode()).decode(), ("base64",)),
        ("xy" + base64.urlsafe_b64encode(b"\xff\xfe12" + OWN.encode()).decode(), ("base64",)),
        (base64.b64encode(base64.b64encode(b"\0" + OWN.encode())).decode(), ("base64", "base64")),
        (base64.b64encode(gzip.compress(OWN.encode(), mtime=0)).decode(), ("base64", "gzip")),
        (base64.encodebytes(b"-" * 100 + OWN.encode() + b"-" * 50).decode(), ("base64",)),
        (json.dumps(base64.encodebytes(b"-" * 38 + OWN.encode()).decode()), ("base64",)),
    ],
)
def test_a_known_secret_is_found_in_every_dress(dressed: str, within: tuple[str, ...]) -> None:
    """As it is, escaped, in base64 at each alignment, on several lines, packed, and one within another."""
    (found,) = find_secrets(f"one\ntwo {dressed} three".encode(), [OWN])

    assert (found.kind, found.within, found.line) == ("key in use", within, 2)
    assert OWN not in str(found)


def test_a_key_is_found_where_it_is_percent_encoded_or_packed() -> None:
    """Though nobody knows it: `%41` is an A."""
    for dressed, within in (
        (f"%41{KEY[1:]}".encode(), ("percent-encoding",)),
        (f"\\u0041{KEY[1:]}".encode(), ("escapes",)),
        (gzip.compress(f"a\n{KEY}".encode()), ("gzip",)),
    ):
        assert [found.within for found in find_secrets(dressed)] == [within]


@pytest.mark.parametrize("name", sorted(SECRET_HEADERS - {"from"}))
def test_every_header_that_is_redacted_is_looked_for(name: str) -> None:
    """Under each of its names; `from` alone is too common a word."""
    assert len(find_secrets(f"{name}: SID=k7-k7-k7-k7-k7-k7@a.invalid".encode())) == 1


def test_a_short_secret_is_a_word() -> None:
    """Or a test key of three letters would be found in every text."""
    assert find_secrets(b"abcdef and so on", ["abc", "abcdef"]) == []


def test_a_secret_is_found_anywhere_in_a_large_file() -> None:
    """At the seams of the pieces in which it is read too, plain and in one long run of base64."""
    for at in range(1024 * 1024 - 60, 1024 * 1024 + 60, 29):
        data = b"." * at + OWN.encode() + b"." * 70_000
        assert len(find_secrets(data, [OWN])) == 1, at
    for at in range(786_432 - 40, 786_432 + 40, 19):
        data = base64.b64encode(b"\1" * at + OWN.encode() + b"\1" * 70_000)
        assert [found.within for found in find_secrets(data, [OWN])] == [("base64",)], at


def test_a_long_packed_body_is_unpacked_as_a_whole() -> None:
    """Longer than the pieces in which other base64 is read, and as far as it goes where it is cut off."""
    for size, cut in ((800_000, 0), (1000, 8)):
        raw = gzip.compress(random.Random(7).randbytes(size) + OWN.encode() + b" " * 70_000)
        text = base64.b64encode(raw)
        (found,) = find_secrets(b'{"body": "' + text[: len(text) - cut] + b'"}', [OWN])
        assert found.within == ("base64", "gzip")


def test_no_planted_secret_gets_into_a_cassette(tmp_path: Path) -> None:
    """Headers, address, cookies, bearer, JSON, base64, an echo, an event, packed: 300 exchanges, or 10,000.

    CONFORMANCE_EXAMPLES says how many. What is seen is seen without the code that is tested.
    """
    path = tmp_path / "planted.yaml"
    for seed in range(EXAMPLES):
        planted = plant(seed)
        before = sight(planted.exchange)
        assert [place for place, secret in planted.places.items() if secret not in before] == [], seed

        redactor = Redactor([planted.own])
        redacted = redactor.exchange(planted.exchange)
        write_cassette(path, [redacted], {"redacted": dict(redactor.redacted)}, secrets=[planted.own])

        (kept,), _ = read_cassette(path)
        after = sight(kept) + "\0" + path.read_text(encoding="utf-8")
        left = [place for place, secret in planted.places.items() if secret in after]
        assert left == [], (seed, left)
        assert find_secrets(path.read_bytes(), [planted.own]) == [], seed
        assert "somebody@firm" not in after
        assert redacted.response is not None
        assert redacted.response.arrivals[-1].end == len(redacted.response.body)
