"""What one answer says of the endpoint: recognised where it is so, and nowhere else."""

import functools
import http.server
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.places import folder
from conformance.mutants.mutant import read_mutants, scenario_file
from conformance.mutants.service import MutatedService
from conformance.scenario.impression import Impression, impression, sentence_of
from conformance.scenario.play import play
from conformance.scenario.scenario import read_scenario
from conformance.scenario.target import HttpTarget
from conformance.server import serving
from conformance.wire.cassette import read_cassette
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.recording import read_recording
from tests import badservers
from tests.badservers import Behaviour, answer, listening

SCENARIOS = folder("scenarios") / "interactions"
EVIDENCE = os.environ.get("CONFORMANCE_EVIDENCE", "")
URL = "http://127.0.0.1:1/v1beta/interactions"
KEY = "a-key-of-some-length"
GENERATED = {"candidates": [{"content": {"parts": [{"text": "Hello"}], "role": "model"}}]}
LEGACY = {
    "id": "v1_Um9ib3Q",
    "object": "interaction",
    "role": "model",
    "status": "completed",
    "outputs": [{"type": "text", "text": "A few words."}],
}
LEGACY_EVENTS = (
    {"event_type": "interaction.start", "interaction": {"id": "v1_Um9ib3Q", "status": "in_progress"}},
    {"event_type": "content.start", "index": 0, "content": {"type": "text"}},
    {"event_type": "content.delta", "index": 0, "delta": {"type": "text", "text": "A few words."}},
    {"event_type": "content.stop", "index": 0},
    {"event_type": "interaction.complete", "interaction": LEGACY},
)


def google(status: int, name: str, message: str, **more: Any) -> bytes:
    """An error in the envelope of Google's front end."""
    error = {"code": status, "message": message, "status": name, **more}
    return answer(f"{status} X", "application/json", json.dumps({"error": error}).encode())


def says(raw: bytes) -> Behaviour:
    """Give a behaviour that answers every request in the same way."""

    def say(peer: socket.socket, _: Request) -> None:
        peer.sendall(raw)

    return say


def speaks_the_older_schema(peer: socket.socket, request: Request) -> None:
    """`outputs`, or the events of old."""
    if b'"stream":true' in request.body:
        frames = [f"event: {one['event_type']}\ndata: {json.dumps(one)}\n\n" for one in LEGACY_EVENTS]
        peer.sendall(answer("200 OK", "text/event-stream", "".join(frames).encode()))
    else:
        peer.sendall(answer("200 OK", "application/json", json.dumps(LEGACY).encode()))


def has_generate_content_alone(peer: socket.socket, request: Request) -> None:
    """404 in Google's envelope for every path but that of generateContent."""
    if request.url.partition("?")[0].endswith(":generateContent"):
        peer.sendall(answer("200 OK", "application/json", json.dumps(GENERATED).encode()))
    else:
        peer.sendall(google(404, "NOT_FOUND", "Requested entity was not found."))


def answers_generate_content_everywhere(peer: socket.socket, _: Request) -> None:
    """Whatever is asked."""
    peer.sendall(answer("200 OK", "application/json", json.dumps(GENERATED).encode()))


def quotes_the_key_in_a_title(peer: socket.socket, request: Request) -> None:
    """A page that says the key back, across the place where a quotation ends."""
    key = dict(request.headers or ())["x-goog-api-key"]
    page = f"<html><title>{'x' * 110} {key} &amp; more</title></html>"
    peer.sendall(answer("403 Forbidden", "text/html; charset=utf-8", page.encode()))


EXPIRED = google(
    400,
    "INVALID_ARGUMENT",
    "API key expired. Please renew the API key.",
    details=[{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
)
TEXT_404 = answer("404 Not Found", "text/plain", b"404 page not found")
FASTAPI_404 = answer("404 Not Found", "application/json", b'{"detail":"Not Found"}')
FASTAPI_405 = answer("405 Method Not Allowed", "application/json", b'{"detail":"Method Not Allowed"}')
NGINX_404 = answer(
    "404 Not Found", "text/html", b"<html>\r\n<head><title>404 Not Found</title></head></html>"
)
FORBIDDEN = answer("403 Forbidden", "application/json", b'{"message":"Forbidden"}')
UNAUTHORIZED = answer(
    "401 X", "application/json", b'{"error": {"code": "authentication", "message": "No such key."}}'
)
LOGIN = badservers.redirecting("https://someone:word@login.example/sign-in?to=")

ENDPOINTS: dict[str, tuple[Behaviour, str, int, str]] = {
    "a login page": (
        badservers.html_200,
        "html",
        1,
        "answers with an HTML page (HTTP 200, title: Sign in), not with the API: a login page or a gateway?",
    ),
    "a gateway": (badservers.html_502, "html", 1, "an HTML page (HTTP 502), not"),
    "an empty page": (says(answer("200 OK", "text/html", b"")), "html", 1, "an HTML page (HTTP 200), not"),
    "a page with a comment first": (
        says(answer("200 OK", "text/plain", b"\xef\xbb\xbf\n<!-- a -->\n<HTML>")),
        "html",
        1,
        "an HTML page",
    ),
    "a redirect": (
        LOGIN,
        "redirect",
        1,
        "a redirect (HTTP 307 to https://login.example/sign-in), which is not",
    ),
    "a relative redirect": (
        says(answer("302 Found", "text/html", b"<html>moved</html>", "Location: /login?key=secret")),
        "redirect",
        1,
        "a redirect (HTTP 302 to /login), which",
    ),
    "404 of Google": (
        has_generate_content_alone,
        "no interactions",
        5,
        "has no Interactions API at /v1beta/interactions: HTTP 404",
    ),
    "404 in text": (says(TEXT_404), "no interactions", 5, "/v1beta/interactions: HTTP 404"),
    "404 of a framework": (says(FASTAPI_404), "no interactions", 5, "HTTP 404"),
    "404 as a page": (says(NGINX_404), "no interactions", 5, "HTTP 404"),
    "405": (says(FASTAPI_405), "no interactions", 5, "HTTP 405"),
    "candidates": (
        answers_generate_content_everywhere,
        "no interactions",
        5,
        "answers /v1beta/interactions with what belongs to generateContent",
    ),
    "the older schema": (
        speaks_the_older_schema,
        "legacy",
        1,
        "speaks the schema from before 2026-05-20: `outputs` where `steps` belong",
    ),
    "an expired key": (
        says(EXPIRED),
        "key refused",
        2,
        "refuses the key: HTTP 400: API key expired. Please renew the API key.",
    ),
    "a forbidden key": (says(FORBIDDEN), "key refused", 2, "refuses the key: HTTP 403"),
    "an unknown key": (says(UNAUTHORIZED), "key refused", 2, "refuses the key: HTTP 401: No such key."),
    "text": (
        says(answer("200 OK", "text/plain; charset=utf-8", b"It works!")),
        "not http json",
        1,
        "answers HTTP 200 with 9 bytes that are no JSON (text/plain), not with the API",
    ),
    "nothing": (
        says(answer("204 No Content", "application/json", b"")),
        "not http json",
        1,
        "answers HTTP 204 with an empty body, not with the API",
    ),
    "an unknown coding": (
        says(answer("200 OK", "application/json", b"\x0b\x02\x80", "Content-Encoding: br")),
        "not http json",
        1,
        "3 bytes that are no JSON (application/json, br)",
    ),
}


def conversation(url: str, name: str) -> list[Exchange]:
    """What is exchanged when a scenario of ours is played to an endpoint."""
    with HttpTarget(url, key=KEY, timeout_s=5) as target:
        played = play(read_scenario(SCENARIOS / f"{name}.scenario.yaml"), target)
    return [call.exchange for call in played.trace.calls]


@pytest.mark.parametrize("scenario", ["text", "refusals"])
@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_of_another_kind_is_told_in_one_sentence(name: str, scenario: str) -> None:
    """Of a whole conversation too, one in which keys are bad on purpose and bodies are no JSON."""
    behaviour, kind, code, sentence = ENDPOINTS[name]
    with listening(behaviour) as server:
        exchanges = conversation(server.url, scenario)
    told = sentence_of(exchanges)
    assert told is not None
    assert (told.kind, told.exit_code) == (kind, code)
    assert sentence in told.sentence
    assert told.hint.endswith((".", "v1."))
    assert "\n" not in told.sentence + told.hint
    assert not any(secret in told.sentence for secret in ("someone:word", "key=secret", KEY))


def test_generate_content_alone_is_supposed_where_google_answers() -> None:
    """And nowhere else."""
    hints = []
    for behaviour in (has_generate_content_alone, says(TEXT_404)):
        with listening(behaviour) as server:
            told = sentence_of(conversation(server.url, "text"))
            hints.append(told.hint if told is not None else "")
    assert ["generateContent" in hint for hint in hints] == [True, False]


@pytest.mark.parametrize(("asked", "other"), [("v1beta", "v1"), ("v1", "v1beta")])
def test_where_a_version_is_absent_the_other_one_is_advised(asked: str, other: str) -> None:
    """And never the one that was just tried."""
    one = exchange(404, b"Not Found", "text/plain")
    assert one.request is not None
    url = URL.replace("v1beta", asked)
    told = impression(replace(one, request=replace(one.request, url=url)))
    assert told is not None
    assert told.hint.endswith(f"try --api-version {other}.")


def test_a_stream_of_the_older_schema_is_told() -> None:
    """By the names of its events."""
    with listening(speaks_the_older_schema) as server:
        told = sentence_of(conversation(server.url, "text_streamed"))
    assert told is not None
    assert told.sentence == "speaks the schema from before 2026-05-20: the event content.delta"


def test_the_key_is_in_no_sentence() -> None:
    """Not even half of it, where a quotation is cut off."""
    with listening(quotes_the_key_in_a_title) as server:
        told = sentence_of(conversation(server.url, "text"))
    assert told is not None
    assert told.kind == "html"
    assert f"title: {'x' * 110} REDACTED" in told.sentence
    assert "a-key" not in told.sentence


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def static_files(path: Path) -> Iterator[str]:
    """Serve a folder, as `python -m http.server` does."""
    handler = functools.partial(_Quiet, directory=str(path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_server_of_files_has_no_interactions(tmp_path: Path) -> None:
    """It answers 501 to every POST, with a page."""
    with static_files(tmp_path) as url:
        told = sentence_of(conversation(url, "text"))
    assert told is not None
    assert (told.kind, told.exit_code) == ("no interactions", 5)
    assert told.sentence == "has no Interactions API at /v1beta/interactions: HTTP 501"


# Where there is nothing to tell.


def test_the_right_server_leaves_no_impression() -> None:
    """Whatever is asked of it, its refusals included."""
    with serving(seed=7) as server:
        for path in sorted(SCENARIOS.glob("*.scenario.yaml")):
            exchanges = conversation(server.url, path.name.removesuffix(".scenario.yaml"))
            assert [one for one in exchanges if impression(one) is not None] == [], path.name
            assert sentence_of(exchanges) is None


def test_no_cassette_leaves_one_but_for_the_bad_key() -> None:
    """A cassette does not tell any more that the key was bad on purpose."""
    left = {
        (path.stem, number): told.kind
        for path in sorted(folder("cassettes").rglob("*.yaml"))
        for number, exchange in enumerate(read_cassette(path)[0])
        if (told := impression(exchange)) is not None
    }
    assert left == {("refusals", 1): "key refused"}
    for path in folder("cassettes").rglob("*.yaml"):
        assert sentence_of(read_cassette(path)[0]) is None


@pytest.mark.skipif(not EVIDENCE, reason="CONFORMANCE_EVIDENCE names no folder of recordings")
def test_no_recording_of_the_service_leaves_one() -> None:
    """Its answers, errors and streams, with the status of each; what it said of old is of old."""
    wire = Path(EVIDENCE, "wire")
    left, count = {}, 0
    for row in json.loads((wire / "INDEX.json").read_bytes()):
        path = wire / row["file"]
        if "interactions/" not in row["file"] or ".request." in path.name:
            continue
        found = read_recording(path)
        exchanges = found.exchanges or [Exchange(None, Response(None, None, path.read_bytes()))]
        for one in exchanges:
            if one.response is None:
                continue
            answered = replace(one.response, status=one.response.status or row.get("status", 200))
            asked = one.request or exchange(200, b"").request
            count += 1
            if (told := impression(Exchange(asked, answered))) is not None:
                left[path.name] = (told.kind, found.note != "")
    assert count > 50
    assert {kind for kind, _ in left.values()} <= {"legacy"}
    assert all(noted for _, noted in left.values()), left
    assert "legacy-deep-research-in-progress.json" in left


class _InMemory:
    """A service without sockets, as a target."""

    url = ""

    def __init__(self, service: MutatedService) -> None:
        self.key = KEY
        self._service = service

    def send(self, request: Request) -> Exchange:
        """Ask it."""
        told = self._service.answer(request)
        return Exchange(request, Response(told.status, tuple(told.headers), b"".join(told.followed())))


def test_a_server_that_is_wrong_in_one_way_is_of_the_same_kind_as_before() -> None:
    """But for those whose way is to be a page, to be no JSON, or to speak the older schema."""
    left: dict[str, str] = {}
    for mutant in read_mutants():
        for name in mutant.play:
            played = play(read_scenario(scenario_file(name)), _InMemory(MutatedService(mutant.mutate)))
            for call in played.trace.calls:
                if (told := impression(call.exchange)) is not None:
                    left[mutant.name] = told.kind
    assert left == {
        "page-for-people": "html",
        "body-with-a-guard": "not http json",
        "outputs-as-before": "legacy",
    }


def exchange(status: int, body: bytes, kind: str = "application/json", *, asked: str = "POST") -> Exchange:
    """One exchange with a good key."""
    url = URL if asked == "POST" else f"{URL}/v1_a"
    return Exchange(
        Request(asked, url, (("x-goog-api-key", KEY),), b'{"input": "Hi", "model": "m"}'),
        Response(status, (("Content-Type", kind),), body),
    )


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (exchange(404, b'{"error": {"code": "model_not_found", "message": "No model m."}}'), "a right error"),
        (exchange(404, b'{"error": {"code": "not_found", "message": "No such turn."}}'), "a right error"),
        (exchange(501, b'{"error": {"code": "unimplemented", "message": "Not yet."}}'), "a right error"),
        (
            exchange(
                404, b'{"error": {"code": 404, "status": "NOT_FOUND", "message": "models/m is not found"}}'
            ),
            "it speaks of the model",
        ),
        (exchange(404, b"404 page not found", "text/plain", asked="GET"), "the interaction may be gone"),
        (exchange(400, b'{"error": {"code": "invalid_request", "message": "API keys"}}'), "another refusal"),
        (exchange(200, b'{"steps": [', "application/json"), "cut off, not of another kind"),
        (exchange(200, b'{"id": "v1_a", "status": "completed"}', "text/html"), "JSON all the same"),
        (exchange(200, b'{"id": "v1_a", "steps": [], "outputs": []}'), "it has steps"),
        (exchange(200, b"", "text/event-stream"), "a stream that says nothing"),
        (
            exchange(
                200,
                b'data: {"event_type": "interaction.created"}\n\ndata: {"event_type": "content.delta"}\n\n',
                "text/event-stream",
            ),
            "one event has an old name",
        ),
        (Exchange(exchange(200, b"").request, None), "no answer"),
        (Exchange(None, Response(404, (), b"no")), "an unknown request"),
        (Exchange(Request("POST", f"{URL}:generateContent"), Response(404, (), b"no")), "another API"),
        (Exchange(Request("POST", URL), Response(403, (), b"{}")), "without a key it is right"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_more_than_wrong_leaves_none(one: Exchange, why: str) -> None:
    """The judge tells of it."""
    assert impression(one) is None, why


def test_one_good_answer_is_enough_to_say_nothing() -> None:
    """So is an answer of another kind; of no answer nothing is said."""
    page = exchange(200, b"<html>", "text/html")
    good = exchange(200, b'{"id": "v1_a", "status": "completed", "steps": []}')
    assert isinstance(sentence_of([page, page]), Impression)
    assert sentence_of([page, good]) is None
    assert sentence_of([page, exchange(404, b"no")]) is None
    assert sentence_of([]) is None
