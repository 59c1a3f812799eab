"""Secrets out, before anything touches a disk or a report."""

import base64
import gzip
import json

import pytest

from conformance.wire.exchange import Arrival, Exchange, Request, Response
from conformance.wire.likeness import identity
from conformance.wire.redaction import PLACEHOLDER, Redactor, redact, redact_text, shorten
from conformance.wire.trace import Trace, is_placeholder

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
    longer = f"{SECRET}-and-more"
    assert redact_text(f"{longer} {SECRET}", ["", SECRET, longer]) == f"{PLACEHOLDER} {PLACEHOLDER}"


def test_a_short_key_eats_no_words() -> None:
    """A test key is a word that may stand in any answer; where keys stand it goes all the same."""
    redacted = redact(
        exchange(url=f"{URL}?key=test", answered=b"a test", header=("x-goog-api-key", "test")), ["test"]
    )

    assert redacted.request is not None
    assert redacted.response is not None
    assert redacted.request.url == f"{URL}?key={PLACEHOLDER}"
    assert redacted.request.headers == (("x-goog-api-key", PLACEHOLDER),)
    assert redacted.response.body == b"a test"


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


def answered(exchange: Exchange) -> bytes:
    """The body of its response."""
    assert exchange.response is not None
    return exchange.response.body


def test_account_ids_stay_the_same_in_a_conversation() -> None:
    """What one answer names the next request can name, and another project is another."""
    redactor = Redactor()
    first = redactor.exchange(exchange(answered=b'{"store":"projects/123456789012/a","number":987654321098}'))
    second = redactor.exchange(
        exchange(sent='{"store":"projects/123456789012/a","other":"projects/210987654321/a"}')
    )

    assert answered(first) == b'{"store":"projects/REDACTED_1/a","number":987654321098}'
    assert second.request is not None
    assert json.loads(second.request.body) == {
        "store": "projects/REDACTED_1/a",
        "other": "projects/REDACTED_2/a",
    }
    assert is_placeholder("projects/REDACTED_1/a")
    assert redactor.redacted == {"project number": 3}


def test_a_number_of_json_stays_one() -> None:
    """Or a redacted body could not be read any more."""
    body = answered(redact(exchange(answered=b'{"project_number": 123456789012, "a": 1}')))

    assert json.loads(body) == {"project_number": 0, "a": 1}


def test_ids_of_interactions_go_when_asked() -> None:
    """They stay by default, since a placeholder is not judged; when asked for, chains still hold."""
    chain = [
        exchange(answered=b'{"id":"v1_ChdHOWJ1YXNLWU5LSzNkUW","status":"completed"}'),
        exchange(sent='{"model":"m","input":"a","previous_interaction_id":"v1_ChdHOWJ1YXNLWU5LSzNkUW"}'),
    ]
    redactor = Redactor(ids=True)
    hidden = Trace.of([redactor.exchange(one) for one in chain])

    assert redact(chain[0]) == chain[0]
    assert (
        hidden.calls[0].answered["id"] == hidden.calls[1].asked["previous_interaction_id"] == "v1_REDACTED_1"
    )


def test_lengths_and_arrivals_tell_of_what_is_left() -> None:
    """Content-Length is right again, and each chunk ends where its bytes do, in the middle of a key too."""
    body = f"data: {SECRET}\n\ndata: {SECRET}\n\n".encode()
    ends = (6, 10, 36, 42, len(body))
    old = Response(200, (("Content-Length", str(len(body))),), body, tuple(Arrival(end, 0.5) for end in ends))
    new = redact(Exchange(None, old), [SECRET]).response

    assert new is not None
    assert new.headers == (("Content-Length", str(len(new.body))),)
    chunks = [
        new.body[start.end : end.end] for start, end in zip(new.arrivals, new.arrivals[1:], strict=False)
    ]
    assert new.body[: new.arrivals[0].end] == b"data: "
    assert chunks == [b"REDA", b"CTED\n\n", b"data: ", b"REDACTED\n\n"]


def test_base64_keeps_its_length_and_the_rest_of_its_bytes() -> None:
    """A key in a signature goes, at any alignment, and what stands around it can still be decoded."""
    for before in range(4):
        raw = b"\x08" * before + SECRET.encode() + b"\xff\x01"
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            told = answered(redact(exchange(answered=b'{"signature":"' + encode(raw) + b'"}'), [SECRET]))
            kept = base64.b64decode(json.loads(told)["signature"], altchars=b"-_")
            assert kept == b"\x08" * before + b"REDACTED".ljust(len(SECRET), b"_") + b"\xff\x01"


def test_a_packed_body_is_packed_again() -> None:
    """With the same bytes each time; one that holds no secret is not touched."""
    packed = gzip.compress(f'{{"input":"{SECRET}"}}'.encode())
    told = answered(redact(exchange(answered=packed), [SECRET]))

    assert gzip.decompress(told) == b'{"input":"REDACTED"}'
    assert told == answered(redact(exchange(answered=packed), [SECRET]))
    assert answered(redact(exchange(answered=packed))) == packed


def test_who_asks_is_nobodys_business() -> None:
    """Headers about a user lose their value, an address of mail in another header goes."""
    for name, value in (("X-Goog-Authenticated-User-Email", "accounts:me"), ("x-owner", "me@firm.invalid")):
        redacted = redact(exchange(header=(name, value)))
        assert redacted.request is not None
        assert redacted.request.headers == ((name, PLACEHOLDER),)


def test_what_is_redacted_is_asked_for_in_the_same_way() -> None:
    """A scenario that sends a secret finds its recording, whichever number a placeholder has."""
    sent = f'{{"model":"m","token":"Bearer {"k7" * 14}","store":"projects/123456789012/a"}}'
    redactor = Redactor()
    redactor.text("projects/999999999999")
    recorded = redactor.exchange(exchange(sent=sent)).request

    assert recorded is not None
    assert b"REDACTED_2" in recorded.body
    assert identity(Request("POST", URL, None, sent.encode())) == identity(recorded)
    assert identity(Request("POST", URL, None, sent.replace('"m"', '"n"').encode())) != identity(recorded)


def test_stubs_are_base64_and_differ_where_the_whole_did() -> None:
    """Signatures and media of some length; the same gives the same, so that chains hold; short ones stay."""
    long, other = base64.b64encode(b"\x89PNG" + b"a" * 500), base64.b64encode(b"\x89PNG" + b"b" * 500)
    stubs = []
    for text in (long, other, long):
        short, count = shorten(exchange(answered=b'{"data":"' + text + b'","signature":"c2hvcnQ="}'))
        told = json.loads(answered(short))
        assert count == 1
        assert told["signature"] == "c2hvcnQ="
        assert base64.b64decode(told["data"], validate=True).startswith(b"\x89PNG")
        stubs.append(told["data"])

    assert stubs[0] == stubs[2] != stubs[1]
    assert shorten(exchange(answered=stubs[0].encode())) == (exchange(answered=stubs[0].encode()), 0)


def test_a_request_is_known_by_its_stub() -> None:
    """A scenario that sends a whole image finds what was recorded shortened."""
    whole = exchange(sent=json.dumps({"input": [{"type": "image", "data": "iVBO" * 100}]}))
    short, count = shorten(whole)

    assert count == 1
    assert whole.request is not None
    assert short.request is not None
    assert short.request.body != whole.request.body
    assert identity(whole.request) == identity(short.request)
