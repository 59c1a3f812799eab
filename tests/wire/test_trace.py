"""Which operation, which body, which stream: the meaning that a trace reads into exchanges."""

import json
from typing import Any

import pytest

from conformance.wire.exchange import Arrival, Exchange, Headers, Request, Response
from conformance.wire.trace import ABSENT, UNREADABLE, Call, Trace, is_placeholder, parse_json

BASE = "https://generativelanguage.googleapis.com"
STREAM = (
    b'event: interaction.created\ndata: {"interaction":{"id":"v1_a"},"event_type":"interaction.created"}\n\n'
)


def read(
    method: str = "POST",
    path: str = "/v1beta/interactions",
    *,
    asked: bytes = b"",
    status: int | None = 200,
    headers: Headers | None = None,
    body: bytes = b"{}",
) -> Call:
    """The only call of a trace of one exchange."""
    (call,) = Trace.of([Exchange(Request(method, path, None, asked), Response(status, headers, body))]).calls
    return call


def typed(content_type: str, body: bytes) -> Call:
    """A call whose answer declares a content type."""
    return read(headers=(("Content-Type", content_type),), body=body)


@pytest.mark.parametrize("version", ["v1", "v1beta"])
@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/interactions", "create"),
        ("post", "/interactions?alt=sse", "create"),
        ("GET", "/interactions/v1_a", "get"),
        ("GET", "/interactions/v1_a?stream=true&last_event_id=e", "get"),
        ("POST", "/interactions/v1_a/cancel", "cancel"),
        ("DELETE", "/interactions/v1_a", "delete"),
    ],
)
def test_operations_are_told_by_method_and_path(version: str, method: str, path: str, operation: str) -> None:
    """Both versions of the API have the same four, with a host or without."""
    for url in (f"/{version}{path}", f"{BASE}/{version}{path}"):
        call = read(method, url)

        assert (call.operation, call.version) == (operation, version)
        assert call.id == ("v1_a" if "v1_a" in path else None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1beta/interactions"),
        ("PUT", "/v1beta/interactions/v1_a"),
        ("GET", "/v1beta/interactions/v1_a/cancel"),
        ("POST", "/v2/interactions"),
        ("POST", "/v1beta/models/gemini-3.5-flash:generateContent"),
        ("POST", "/v1beta/interactions/v1_a/steps"),
        ("POST", "/"),
    ],
)
def test_other_requests_are_no_operation(method: str, path: str) -> None:
    """They are kept, and nothing is concluded from them."""
    assert read(method, path).operation is None


def test_an_id_is_decoded_from_the_path() -> None:
    """Percent signs are the path's, not the id's."""
    assert read("GET", "/v1beta/interactions/a%2Fb").id == "a/b"


def test_queries_keep_every_value() -> None:
    """An empty value is a value."""
    assert read(path="/v1beta/interactions?alt=sse&key=&alt=json").query == {
        "alt": ["sse", "json"],
        "key": [""],
    }


def test_a_stream_is_told_by_its_content_type() -> None:
    """Parameters and case do not matter, nor that the body is empty."""
    assert typed("Text/Event-Stream; charset=utf-8", STREAM).stream is not None
    assert typed("text/event-stream", b"").stream is not None


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\r\n\n", b": ping\n\n", b"id: 1\n", b"retry: 5\n"])
def test_a_stream_is_told_by_its_bytes(start: bytes) -> None:
    """Where no content type tells, or a wrong one, the first line does."""
    assert read(body=start + STREAM).stream is not None
    assert typed("application/json", start + STREAM).stream is not None


@pytest.mark.parametrize(
    "body", [b"<!DOCTYPE html><title>Sign in</title>", b'{"error": {}}', b' [{"error": {}}]']
)
def test_bytes_speak_against_a_content_type(body: bytes) -> None:
    """A page, or an error in plain JSON, is no stream whatever its headers say."""
    assert typed("text/event-stream", body).stream is None


def test_events_are_numbered_without_comments() -> None:
    """A position counts what carries data, as a reader counts."""
    body = b": ping\n\n" + STREAM + b"event: x\n\ndata: [DONE]\n\n"

    stream = typed("text/event-stream", body).stream

    assert stream is not None
    assert [(event.position, event.type, event.is_done) for event in stream.events] == [
        (0, "interaction.created", False),
        (1, None, True),
    ]
    assert len(stream.frames) == 4


def test_what_is_not_json_is_kept_as_unreadable() -> None:
    """A body, a request and an event each keep their place."""
    assert read(body=b"{").answered is UNREADABLE
    assert read(asked=b"{").asked is UNREADABLE
    stream = typed("text/event-stream", b"data: {\n\n").stream
    assert stream is not None
    assert [event.json for event in stream.events] == [UNREADABLE]


def test_nothing_sent_is_absent() -> None:
    """An empty body is not a JSON value that is wrong."""
    call = read(body=b" \n")

    assert (call.asked, call.answered) == (ABSENT, ABSENT)


def test_arrivals_give_the_frames_their_time() -> None:
    """Each frame has the time of the read that completed it."""
    response = Response(
        200,
        None,
        STREAM * 2,
        (Arrival(10, 0.1), Arrival(len(STREAM) + 5, 0.2), Arrival(len(STREAM) * 2, 0.9)),
    )

    (stream,) = Trace.of([Exchange(None, response)]).streams

    assert [frame.time_s for frame in stream.frames] == [0.2, 0.9]


def test_bare_events_have_no_frames() -> None:
    """A recording of JSON lines kept the payloads alone, so framing is not judged."""
    lines = b'{"event_type":"interaction.created"}\n\n{"event_type":"step.stop","index":0}\n'

    (stream,) = Trace.of([Exchange(None, Response(None, None, lines, form="events"))]).streams

    assert not stream.framed
    assert [event.frame for event in stream.events] == [None, None]


@pytest.mark.parametrize(
    ("query", "first", "resumed"),
    [
        ("?stream=true", "interaction.created", False),
        ("?stream=true", "step.delta", False),
        ("?stream=true&last_event_id=e", "step.delta", True),
    ],
)
def test_a_stream_is_resumed_when_the_client_says_so(query: str, first: str, resumed: bool) -> None:
    """It may then begin in the middle."""
    stream = read(
        "GET", f"/v1/interactions/v1_a{query}", body=f'data: {{"event_type":"{first}"}}\n\n'.encode()
    ).stream

    assert stream is not None
    assert stream.resumed is resumed


def test_a_stream_of_an_unknown_request_may_begin_anywhere() -> None:
    """Nothing tells what was asked, so nothing is missing at its start."""
    body = b'data: {"event_type":"step.delta"}\n\n'

    (stream,) = Trace.of([Exchange(None, Response(None, None, body))]).streams

    assert stream.resumed


def test_an_answer_is_found_by_its_id() -> None:
    """Placeholders, empty ids and other values find nothing."""
    exchanges = [
        Exchange(None, Response(200, None, json.dumps({"id": name, "status": "completed"}).encode()))
        for name in ("v1_a", "v1_b", "v1_REDACTED_1", "")
    ]
    trace = Trace.of(exchanges)

    assert trace.answering("v1_b") is trace.calls[1]
    for name in ("v1_c", "v1_REDACTED_1", "", None, 5):
        assert trace.answering(name) is None


@pytest.mark.parametrize("value", ["v1_REDACTED_1", "REDACTED", "opaque", "...", "EsUNCsINARFNMg..."])
def test_placeholders_are_known(value: str) -> None:
    """They stand for something that a recording leaves out."""
    assert is_placeholder(value)


@pytest.mark.parametrize("value", ["", "v1_a", "opaque text", "a...b", None, 5, ["opaque"]])
def test_other_values_are_no_placeholders(value: Any) -> None:
    """A value is judged unless it says itself that it is none."""
    assert not is_placeholder(value)


@pytest.mark.parametrize(
    "text",
    ["NaN", '{"a": Infinity}', "-Infinity", "[" * 100_000, b'"\xff"', "9" * 5000, "", "{} {}", "\ufeff{}"],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    """NaN, nesting without end, bad UTF-8, a number of thousands of digits: none of it raises."""
    assert parse_json(text) is UNREADABLE


def test_lone_surrogates_survive() -> None:
    """JSON may escape half a character; it is kept, and it can be written as JSON again."""
    value = parse_json(rb'{"text": "\ud83d"}')

    assert value == {"text": "\ud83d"}
    assert json.dumps(value) == r'{"text": "\ud83d"}'


def test_a_body_may_begin_with_a_bom() -> None:
    """Parsers may ignore it (RFC 8259, section 8.1)."""
    assert parse_json(b"\xef\xbb\xbf{}") == {}


def test_a_failure_is_told_by_its_status() -> None:
    """Where no status is known, the body tells."""
    error = b'{"error": {"message": "No.", "code": "not_found"}}'

    assert [read(status=404).failed, read(body=error).failed, read(status=None, body=error).failed] == [
        True,
        False,
        True,
    ]


def test_a_proxy_may_put_the_api_behind_a_path() -> None:
    """What stands before the version is the address of the endpoint."""
    request = Request("POST", "https://proxy.test/gemini/v1beta/interactions?alt=sse", (), b"{}")
    (call,) = Trace.of([Exchange(request, None)]).calls

    assert (call.operation, call.version, call.id) == ("create", "v1beta", None)
