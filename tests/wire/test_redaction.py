"""Secrets out, before anything touches a disk or a report."""

import base64

import pytest

from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.redaction import PLACEHOLDER, redact, redact_text

SECRET = "test-key-that-nobody-may-see"
GOOGLE_KEY = "AIza" + "Sy0-" * 8 + "abc"  # made up, in the form of a real one
URL = "https://generativelanguage.googleapis.com/v1beta/interactions"


def exchange(
    *, url: str = URL, sent: str = "", answered: bytes = b"", header: tuple[str, str] = ("a", "b")
) -> Exchange:
    """An exchange with something in each of its parts."""
    return Exchange(
        Request("POST", url, (header,), sent.encode()),
        Response(200, (header,), answered),
        name="ask",
        witnessed=True,
    )


@pytest.mark.parametrize(
    "name",
    ["x-goog-api-key", "X-Goog-Api-Key", "Authorization", "proxy-authorization", "Cookie", "Set-Cookie"],
)
def test_headers_that_carry_credentials_lose_their_value(name: str) -> None:
    """Whatever the value and its scheme, the name stays, in its own case."""
    redacted = redact(exchange(header=(name, f"Bearer {SECRET}")))

    assert redacted.request is not None
    assert redacted.response is not None
    assert redacted.request.headers == redacted.response.headers == ((name, PLACEHOLDER),)


def test_a_key_in_the_query_is_left_out() -> None:
    """The other parameters stay, and so does one whose name only ends like it."""
    url = f"{URL}?alt=sse&key={SECRET}&monkey=see#top"

    assert redact_text(url) == f"{URL}?alt=sse&key={PLACEHOLDER}&monkey=see#top"
    assert redact_text(f"{URL}?key=") == f"{URL}?key={PLACEHOLDER}"


def test_what_looks_like_a_google_key_is_left_out() -> None:
    """Nobody has to say that it is one, wherever it stands."""
    message = f'{{"error":{{"message":"Consumer \'api_key:{GOOGLE_KEY}\' was suspended."}}}}'
    redacted = redact(
        exchange(
            url=f"{URL}/{GOOGLE_KEY}", sent=GOOGLE_KEY, answered=message.encode(), header=("x", GOOGLE_KEY)
        )
    )

    assert GOOGLE_KEY not in repr(redacted)
    assert repr(redacted).count(PLACEHOLDER) == 5


def test_base64_is_left_alone() -> None:
    """The letters of a key may occur in an image by chance, and cutting them out would break it."""
    image = base64.b64encode(b"\0" * 30) + GOOGLE_KEY.encode() + b"AAAA"
    response = redact(exchange(answered=image)).response

    assert response is not None
    assert response.body == image


def test_a_known_secret_is_removed_wherever_it_stands() -> None:
    """A server that echoes a key must not put it into a cassette."""
    redacted = redact(
        exchange(
            url=f"{URL}/{SECRET}",
            sent=f'{{"input":"{SECRET}"}}',
            answered=f'{{"error":{{"message":"bad key {SECRET}"}}}}'.encode(),
            header=("x-echo", SECRET),
        ),
        [SECRET],
    )

    assert SECRET not in repr(redacted)
    assert redacted.response is not None
    assert redacted.response.body == b'{"error":{"message":"bad key REDACTED"}}'


def test_the_longest_secret_goes_first() -> None:
    """One that begins like another leaves no rest of itself; an empty one removes nothing."""
    assert redact_text("abcdef abc", ["", "abc", "abcdef"]) == f"{PLACEHOLDER} {PLACEHOLDER}"


def test_bodies_that_are_not_text_are_searched_too() -> None:
    """Bytes that are not UTF-8 stay as they are."""
    response = redact(exchange(answered=b"\xff" + SECRET.encode() + b"\0"), [SECRET]).response

    assert response is not None
    assert response.body == b"\xffREDACTED\0"


def test_what_is_unknown_stays_unknown() -> None:
    """A recording that tells no headers still tells none, and nothing else is changed."""
    bare = Exchange(None, Response(None, None, b"{}", form="events", cut="reset"), excerpt=True)

    assert redact(bare, [SECRET]) == bare
    assert redact(exchange(sent="{}")) == exchange(sent="{}")
