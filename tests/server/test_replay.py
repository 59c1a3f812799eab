"""Cassettes over HTTP: recordings for clients in any language."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.errors import CassetteBroken
from conformance.scenario.target import CassetteTarget, HttpTarget
from conformance.server import Cassettes, serving
from conformance.server.control import HEADER
from conformance.wire.cassette import read_cassette, write_cassette
from conformance.wire.exchange import Arrival, Exchange, Request, Response
from tests.server.talking import PATH, connect, events_of, read_until, refusal_of

FOLDER = Path(__file__).parents[2] / "cassettes" / "interactions"
JSON = (("Content-Type", "application/json"),)


def recorded(question: str, answer: bytes, status: int = 200) -> Exchange:
    body = json.dumps({"model": "m", "input": question}).encode()
    request = Request("POST", f"https://example.com{PATH}", (), body)
    return Exchange(request, Response(status, JSON, answer))


@pytest.fixture
def cassettes(tmp_path: Path) -> Cassettes:
    """One file with a question that was asked twice, and another."""
    exchanges = [recorded("Hello", b'"one"'), recorded("Bye", b'"bye"'), recorded("Hello", b'"two"', 503)]
    write_cassette(tmp_path / "talk.yaml", exchanges, {})
    return Cassettes(tmp_path)


def asking(question: str, key: str = "k", path: str = PATH) -> Request:
    body = json.dumps({"input": question, "model": "m"}, indent=1).encode()
    return Request("POST", path, (("x-goog-api-key", key),), body)


def test_answers_come_in_the_order_of_the_recording(cassettes: Cassettes) -> None:
    """Each account has its own place in it, and the last answer stays; /v1 is /v1beta."""
    seen = [cassettes.answer(asking("Hello")) for _ in range(3)]
    assert [(answer.status, answer.body) for answer in seen] == [
        (200, b'"one"'),
        (503, b'"two"'),
        (503, b'"two"'),
    ]
    assert cassettes.answer(asking("Hello", key="other", path="/v1/interactions")).body == b'"one"'
    assert cassettes.answer(asking("Bye")).body == b'"bye"'


def test_a_miss_names_the_nearest(cassettes: Cassettes) -> None:
    """404 in the envelope of the API, with the place that differs."""
    status, code, message = refusal_of(cassettes.answer(asking("Helo")))
    assert (status, code) == (404, "not_found")
    assert 'the nearest is talk.yaml[0], which differs in /input: "Hello"' in message
    nothing = Request("GET", "//[", (), b"\xff")
    assert cassettes.answer(nothing).status == 404
    for depth in (900, 10_000):
        deep = Request("POST", PATH, (), b"[" * depth + b"]" * depth)
        assert cassettes.answer(deep).status == 404


def test_controls_hold_for_recordings_too(cassettes: Cassettes) -> None:
    """A key with a control, as for the reference server."""
    answer = cassettes.answer(asking("Bye", key='k#{"error": 503, "times": 1}'))
    assert refusal_of(answer)[:2] == (503, "service_unavailable")
    assert cassettes.answer(asking("Bye", key='k#{"error": 503, "times": 1}')).body == b'"bye"'


def test_every_cassette_of_ours_is_replayed(subtests: pytest.Subtests) -> None:
    """Byte for byte, each request in its turn, also where an id in the request came from an answer."""
    for path in sorted(FOLDER.glob("*.yaml")):
        with subtests.test(path.name):
            service = Cassettes(path)
            exchanges, _ = read_cassette(path)
            for exchange in exchanges:
                assert exchange.request is not None
                assert exchange.response is not None
                headers = tuple(pair for pair in exchange.request.headers or () if pair[0] != HEADER)
                answer = service.answer(replace(exchange.request, headers=headers))
                assert (answer.status, answer.body) == (exchange.response.status, exchange.response.body)


def test_a_recorded_stream_is_served_frame_by_frame() -> None:
    """Over a socket, in chunks, with any delivery plan."""
    file = FOLDER / "text_streamed.yaml"
    [exchange, *_], _ = read_cassette(file)
    assert exchange.request is not None
    assert exchange.response is not None
    head = [
        f"POST {PATH}?alt=sse HTTP/1.1",
        "Host: x",
        'x-goog-api-key: k#{"plan": "frame", "confirm": true}',
    ]
    query = exchange.request.url.partition("?")[2]
    head[0] = f"POST {PATH}{'?' + query if query else ''} HTTP/1.1"
    sent = "\r\n".join([*head, f"Content-Length: {len(exchange.request.body)}", "", ""]).encode()
    with serving(cassettes=file) as server, connect(server) as peer:
        peer.sendall(sent + exchange.request.body)
        got = read_until(peer, b"0\r\n\r\n")
    assert len(events_of(exchange.response.body)) + 2 == got.count(b"\r\nevent: ") + 1
    assert server.seed == 0


def test_a_file_that_is_no_cassette_is_told(tmp_path: Path) -> None:
    """Before anything is served."""
    (tmp_path / "x.yaml").write_text("[]")
    with pytest.raises(CassetteBroken, match=r"x\.yaml"), serving(cassettes=tmp_path):
        pass


STREAM = b"event: a\ndata: 1\n\nevent: b\ndata: 2\n\n"


@pytest.fixture
def timed(tmp_path: Path) -> Path:
    """A stream whose chunks cut its events, with 0.2 s between them."""
    request = recorded("Hello", b"").request
    arrivals = tuple(Arrival(end, 0.05 + 0.2 * number) for number, end in enumerate((5, 20, len(STREAM))))
    kind = (("Content-Type", "text/event-stream"),)
    path = tmp_path / "timed.yaml"
    write_cassette(path, [Exchange(request, Response(200, kind, STREAM, arrivals))], {})
    return path


def heard(path: Path, speed: float | None) -> list[Arrival]:
    """The chunks of the answer as a client gets them, and when."""
    with serving(cassettes=path, speed=speed) as server, HttpTarget(server.url, key="k") as target:
        response = target.send(replace(asking("Hello"), url=f"{server.url}{PATH}")).response
    assert response is not None
    assert response.body == STREAM
    return list(response.arrivals)


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_a_recording_is_replayed_in_its_chunks_and_at_its_times(timed: Path, speed: float) -> None:
    """Byte for byte, chunk for chunk; as fast as it was, or faster."""
    arrivals = heard(timed, speed)

    assert [arrival.end for arrival in arrivals] == [5, 20, len(STREAM)]
    for arrival, due in zip(arrivals, (0.05, 0.25, 0.45), strict=True):
        assert due / speed - 0.01 <= arrival.time_s < due / speed + 0.15


def test_a_recording_without_pauses_keeps_its_chunks(timed: Path) -> None:
    """Speed 0 cuts as was recorded and does not wait; without a speed events are not cut."""
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    body = asking("Hello").body
    raw = {}
    for speed in (0.0, None):
        with serving(cassettes=timed, speed=speed) as server, connect(server) as client:
            client.sendall(head % (PATH.encode(), len(body)) + body)
            raw[speed] = read_until(client, b"0\r\n\r\n").partition(b"\r\n\r\n")[2]

    assert raw[0.0] == b"5\r\nevent\r\nf\r\n: a\ndata: 1\n\nev\r\n10\r\nent: b\ndata: 2\n\n\r\n0\r\n\r\n"
    assert raw[None] == b"12\r\nevent: a\ndata: 1\n\n\r\n12\r\nevent: b\ndata: 2\n\n\r\n0\r\n\r\n"
    assert heard(timed, 0.0)[-1].time_s < 0.2


def test_a_cassette_as_a_target_gives_its_chunks(timed: Path) -> None:
    """With no socket: offsets and times as they were recorded."""
    response = CassetteTarget(timed).send(asking("Hello")).response

    assert response is not None
    assert [(arrival.end, arrival.time_s) for arrival in response.arrivals] == [
        (5, 0.05),
        (20, 0.25),
        (len(STREAM), 0.45),
    ]
