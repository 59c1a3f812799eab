"""Requests over plain HTTP: the bytes as they came, and an end to what never ends."""

import pytest

from conformance.errors import TargetUnreachable
from conformance.fuzzing.plain import PlainTarget
from conformance.scenario.target import HttpTarget
from conformance.server import serving
from conformance.wire.exchange import Request
from tests import badservers

HEADERS = (("x-goog-api-key", "k"), ("content-type", "application/json"))
STREAM = b'{"model": "gemini-3.5-flash", "input": "Hello", "stream": true}'
UNARY = b'{"model": "gemini-3.5-flash", "input": "Hello"}'


def create(url: str, body: bytes = UNARY) -> Request:
    return Request("POST", f"{url}/v1beta/interactions", HEADERS, body)


@pytest.mark.parametrize("body", [UNARY, STREAM, b"{", b""])
def test_it_reads_what_the_other_target_reads(body: bytes) -> None:
    """Status and body, for answers, streams and refusals; on one connection."""
    with (
        serving(seed=7) as server,
        PlainTarget(server.url, key="k") as plain,
        serving(seed=7) as other,
        HttpTarget(other.url, key="k") as http,
    ):
        for _ in range(3):
            one = plain.send(create(server.url, body)).response
            two = http.send(create(other.url, body)).response
            assert one is not None
            assert two is not None
            assert (one.status, one.body, one.cut) == (two.status, two.body, two.cut)
        assert len(server.connections) <= 1


@pytest.mark.parametrize(
    ("behaviour", "cut"),
    [
        (badservers.cuts_a_frame, "the connection ended early"),
        (badservers.lacks_the_last_chunk, "the connection ended early"),
        (badservers.promises_more, "the connection ended early"),
        (badservers.streams_for_ever, "the time limit of 0.5 s was reached"),
        (badservers.sends_200_mb, "the limit of 1 MB was reached"),
    ],
)
def test_an_answer_that_is_not_whole_says_so(behaviour: badservers.Behaviour, cut: str) -> None:
    """And nothing waits longer, or keeps more, than it may."""
    with (
        badservers.listening(behaviour) as server,
        PlainTarget(server.url, key="k", timeout_s=0.5, largest_bytes=2**20) as target,
    ):
        response = target.send(create(server.url)).response
    assert response is not None
    assert response.cut == cut
    assert len(response.body) < 2**21


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (badservers.closes_at_once, "closes the connection without an answer"),
        (badservers.says_nothing, "did not answer in 0.5 s"),
        (badservers.drips_its_head, "did not answer in 0.5 s"),
        (badservers.speaks_garbage, "gave no HTTP answer"),
    ],
)
def test_no_answer_is_an_error(behaviour: badservers.Behaviour, told: str) -> None:
    """One that names what happened."""
    with (
        badservers.listening(behaviour) as server,
        PlainTarget(server.url, key="k", timeout_s=0.5) as target,
        pytest.raises(TargetUnreachable, match=told),
    ):
        target.send(create(server.url))


def test_nobody_listens() -> None:
    """A port without a server."""
    with serving(seed=7) as server:
        url = server.url
    with PlainTarget(url, key="k") as target, pytest.raises(TargetUnreachable, match="nothing listens there"):
        target.send(create(url))
