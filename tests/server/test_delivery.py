"""Delivery plans and faults, as a client on a socket meets them."""

import contextlib
import gzip
import json
import socket
import threading
import time
import zlib
from typing import Any

import pytest

from conformance.server import Limits, ReferenceServer, serving
from tests.server.talking import Talk, connect, read_until, request_bytes

AHOY = b'{"model": "gemini-3.5-flash", "input": "Ahoy, \xc3\xa4\xf0\x9f\x99\x82"%b}'
STREAM, UNARY = AHOY % b', "stream": true', AHOY % b""
END = b"0\r\n\r\n"
EXPECTED = Talk().create(input="Ahoy, ä🙂", stream=True).body


def asked(body: bytes = STREAM, key: str = "a-key", **control: Any) -> bytes:
    """Write a create request with a control."""
    return request_bytes(body, f"x-conformance-control: {json.dumps(control)}").replace(
        b"a-key", key.encode()
    )


def received(server: ReferenceServer, request: bytes) -> list[bytes]:
    """Send a request and give what each read brought, to the end of the answer or of the connection."""
    got: list[bytes] = []
    with connect(server) as peer:
        peer.sendall(request)
        try:
            while not (got and got[-1].endswith((END, b'-flash"}'))):
                got.append(peer.recv(1 << 20))
                if not got[-1]:
                    break
        except ConnectionResetError:
            got.append(b"RESET")
    return got


def body_of(got: list[bytes]) -> bytes:
    """Take the chunks apart."""
    rest, body = b"".join(got).partition(b"\r\n\r\n")[2], b""
    while rest and not rest.startswith(b"0\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def deliveries(server: ReferenceServer, key: str) -> list[dict[str, Any]]:
    """Ask what became of the deliveries of a key."""
    with connect(server) as peer:
        peer.sendall(
            f"GET /conformance/deliveries HTTP/1.1\r\nHost: x\r\nx-goog-api-key: {key}\r\n\r\n".encode()
        )
        got = read_until(peer, b"]}")
    return list(json.loads(got.partition(b"\r\n\r\n")[2])["deliveries"])


def finished(server: ReferenceServer, key: str) -> dict[str, Any]:
    """Give the one delivery of a key, once it is over: its last confirmation comes after its last byte."""
    for _ in range(100):
        [told] = deliveries(server, key)
        if told["whole"]:
            return told
        time.sleep(0.01)
    raise AssertionError(told)


@pytest.mark.parametrize(
    "control",
    [
        {"plan": "whole"},
        {"plan": "frame"},
        {"plan": "byte"},
        {"plan": "byte", "confirm": True},
        {"cuts": [1, 7, 50, 333]},
        {"cuts": [10**6]},
        {"pause_ms": 1},
        {"plan": "frame", "confirm": True, "pause_ms": 1},
    ],
)
@pytest.mark.parametrize("body", [STREAM, UNARY])
def test_however_it_is_cut_the_body_is_the_same(
    server: ReferenceServer, body: bytes, control: dict[str, Any]
) -> None:
    """And the connection goes on; each case has a key of its own, so its answer is a first one."""
    key = f"cut-{json.dumps(control).translate(dict.fromkeys(b' #{}'))}-{len(body)}"
    again = asked(UNARY, key)
    with connect(server) as peer:
        peer.sendall(asked(body, key, **control) + again)
        got = read_until(peer, b'-flash"}') if body is UNARY else read_until(peer, END)
        rest = got.partition(b'-flash"}' if body is UNARY else END)[2]
        assert (rest or read_until(peer, b'-flash"}')).startswith(b"HTTP/1.1 200 OK")
    plain = Talk(key=key).create(input="Ahoy, ä🙂", stream=body is STREAM).body
    assert body_of([got]) == plain if body is STREAM else plain in got


def test_confirmed_cuts_arrive_one_by_one(server: ReferenceServer) -> None:
    """Each read brings one byte of the body in its chunk, and every cut is said to be confirmed: one less."""
    got = received(server, asked(key="byte-by-byte", plan="byte", confirm=True))
    head, *bytes_, last = got
    assert head.endswith(b"\r\n\r\n")
    assert all(piece.startswith(b"1\r\n") and len(piece) == 6 for piece in bytes_)
    assert last == END
    told = finished(server, "byte-by-byte")
    assert (told["confirmed"], told["unconfirmed"], told["whole"]) == (len(got) - 1, 0, True)


def test_given_cuts_are_where_they_were_given(server: ReferenceServer) -> None:
    """Also within a character of several bytes."""
    place = EXPECTED.index("🙂".encode()) + 2
    got = received(server, asked(cuts=[place, 5], confirm=True))
    assert [int(piece.partition(b"\r\n")[0], 16) for piece in got[1:-1]] == [
        5,
        place - 5,
        len(body_of(got)) - place,
    ]


def test_a_peer_that_does_not_read_leaves_cuts_unconfirmed(
    server: ReferenceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted, and the delivery goes on."""
    monkeypatch.setattr("conformance.server.plans._WAIT_S", 0.05)
    with connect(server) as peer:
        peer.sendall(asked(key="not-reading", plan="frame", confirm=True))
        time.sleep(0.5)
        assert read_until(peer, END).endswith(END)
    told = finished(server, "not-reading")
    assert told["unconfirmed"] > 3


def test_a_system_that_cannot_tell_pauses(server: ReferenceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cut is confirmed, and it says so."""
    monkeypatch.setattr("conformance.server.plans._left", lambda *_: None)
    received(server, asked(key="cannot-tell", plan="frame", confirm=True))
    told = finished(server, "cannot-tell")
    assert (told["confirmed"], told["unconfirmed"]) == (0, told["writes"] - 1)


def test_whole_is_one_write(server: ReferenceServer) -> None:
    """Head, body and last chunk together."""
    [only] = received(server, asked(plan="whole"))
    assert only.startswith(b"HTTP/1.1 200")
    assert only.endswith(END)


def test_lock_step_waits_for_each_release(server: ReferenceServer) -> None:
    """Nothing comes before it is let through, by anyone who holds the key."""

    def release(writes: int) -> None:
        line = f"POST /conformance/release?writes={writes} HTTP/1.1\r\nHost: x\r\nx-goog-api-key: step\r\n"
        with connect(server) as other:
            other.sendall(f"{line}Content-Length: 0\r\n\r\n".encode())
            assert read_until(other, b"{}").startswith(b"HTTP/1.1 200")

    with connect(server) as peer:
        peer.sendall(asked(key="step", plan="frame", lockstep=True))
        peer.settimeout(0.05)
        for expected in (b"HTTP/1.1 200", b"interaction.created", b"interaction.status_update"):
            with pytest.raises(TimeoutError):
                peer.recv(1)
            release(1)
            peer.settimeout(5)
            assert expected in peer.recv(65536)
            peer.settimeout(0.05)
        release(1000)
        peer.settimeout(5)
        assert read_until(peer, END).endswith(END)


@pytest.mark.parametrize("body", [STREAM, UNARY])
def test_a_reset_comes_after_what_was_said(server: ReferenceServer, body: bytes) -> None:
    """The client reads the first bytes, then ECONNRESET."""
    got = received(server, asked(body, fault="reset", after_bytes=60))
    assert got[-1] == b"RESET"
    assert b'{"' in b"".join(got[:-1])


@pytest.mark.parametrize(("control", "frames"), [({"after": 0}, 0), ({"after": 3}, 3), ({}, 1)])
@pytest.mark.parametrize("fault", ["half_close", "close", "reset"])
def test_a_break_comes_after_so_many_frames(
    server: ReferenceServer, fault: str, control: dict[str, Any], frames: int
) -> None:
    """And no last chunk follows."""
    got = received(server, asked(fault=fault, **control))
    ends = {"reset": b"RESET"}.get(fault, b"")
    assert got.pop() == ends
    assert body_of(got).count(b"\n\n") == frames
    assert not b"".join(got).endswith(END)


def test_a_half_closed_connection_is_still_read(server: ReferenceServer) -> None:
    """The client may write on without being reset."""
    with connect(server) as peer:
        peer.sendall(asked(fault="half_close"))
        assert read_until(peer, b"nothing").endswith(b"\n\n\r\n")
        for _ in range(3):
            peer.sendall(b"still here")
            time.sleep(0.01)


def test_a_stall_lasts_until_the_client_is_let_go() -> None:
    """Nothing comes after the first frames; in the end the connection is closed."""
    with serving(limits=Limits(stalled_s=0.4)) as server, connect(server) as peer:
        begun = time.monotonic()
        peer.sendall(asked(fault="stall", after=2))
        got = b""
        with contextlib.suppress(ConnectionResetError):
            got = read_until(peer, b"nothing")
        assert time.monotonic() - begun > 0.3
        assert b"[DONE]" not in got


def test_the_last_chunk_can_be_missing(server: ReferenceServer) -> None:
    """Everything else is there, `[DONE]` too; a unary body ends ten bytes early."""
    got = received(server, asked(fault="no_last_chunk"))
    assert got[-1] == b""
    assert b"".join(got).endswith(b"data: [DONE]\n\n\r\n")
    unary = b"".join(received(server, asked(UNARY, fault="no_last_chunk")))
    length = int(unary.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    assert len(unary.partition(b"\r\n\r\n")[2]) == length - 10


@pytest.mark.parametrize("by", [-7, 10])
@pytest.mark.parametrize("body", [STREAM, UNARY])
def test_the_length_can_be_wrong(server: ReferenceServer, body: bytes, by: int) -> None:
    """Announced more, or less, than comes; a stream then has no chunks."""
    got = b"".join(received(server, asked(body, fault="wrong_length", by=by) + b""))
    head, _, content = got.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]) == len(content) + by


def test_done_can_be_missing(server: ReferenceServer) -> None:
    """The stream ends well otherwise."""
    got = received(server, asked(fault="no_done"))
    assert got[-1].endswith(END)
    assert b"[DONE]" not in b"".join(got)
    assert b"interaction.completed" in b"".join(got)


def test_a_body_can_be_compressed(server: ReferenceServer) -> None:
    """A stream so that each frame can be read when it comes; the lengths are right."""
    packed = body_of(received(server, asked(key="zip", fault="gzip")))
    assert gzip.decompress(packed) == Talk(key="zip").create(input="Ahoy, ä🙂", stream=True).body
    first = body_of(received(server, asked(fault="gzip", plan="frame", confirm=True))[:2])
    assert zlib.decompressobj(wbits=31).decompress(first).endswith(b"\n\n")
    head, _, content = b"".join(
        received(server, asked(UNARY, fault="gzip").replace(b"Host", b"Connection: close\r\nHost"))
    ).partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert json.loads(gzip.decompress(content))["status"] == "completed"


def test_bytes_can_follow_an_answer(server: ReferenceServer) -> None:
    """After the last chunk, then the connection is closed."""
    with connect(server) as peer:
        peer.sendall(asked(fault="trailing"))
        got = read_until(peer, b"nothing")
    assert got.partition(END)[2].endswith(b"trailing bytes")


def test_a_fault_leaves_the_interaction_stored(server: ReferenceServer) -> None:
    """A client whose connection broke can get what it missed."""
    got = received(server, asked(key="broken", fault="reset", after=1))
    name = b"".join(got).partition(b'"id":"')[2].partition(b'"')[0].decode()
    with connect(server) as peer:
        line = f"GET /v1beta/interactions/{name} HTTP/1.1\r\nHost: x\r\nx-goog-api-key: broken\r\n\r\n"
        peer.sendall(line.encode())
        assert b'"status":"completed"' in read_until(peer, b'-flash"}')


def test_a_background_stream_that_breaks_is_resumed_over_the_wire(server: ReferenceServer) -> None:
    """Reset after five events while the run goes on; the rest comes with last_event_id, nothing twice."""
    body = AHOY.replace(b"Ahoy", b"Explain how AI works") % b', "stream": true, "background": true'
    got = b"".join(received(server, asked(body, key="resume", fault="reset", after=5)))
    name = got.partition(b'"id":"')[2].partition(b'"')[0].decode()
    last = got.rpartition(b'"event_id":"')[2].partition(b'"')[0].decode().replace("=", "%3D")
    with connect(server) as peer:
        for query, expected in (("", b'"in_progress"'), (f"?stream=true&last_event_id={last}", b"[DONE]")):
            line = f"GET /v1beta/interactions/{name}{query} HTTP/1.1"
            peer.sendall(f"{line}\r\nHost: x\r\nx-goog-api-key: resume\r\n\r\n".encode())
            answer = read_until(peer, END if query else b'-flash"}')
            assert expected in answer
    ids = [part.partition(b'"')[0] for part in (got + answer).split(b'"event_id":"')[1:]]
    assert ids == list(dict.fromkeys(ids))
    question = "Explain how AI works, ä🙂"
    whole = Talk(key="resume").create(input=question, stream=True, background=True).writes
    assert len(ids) == len(whole) - 1


def test_paced_streams_do_not_hold_each_other_up(server: ReferenceServer) -> None:
    """Fifty slow ones together take as long as one."""
    begun = time.monotonic()
    threads = [threading.Thread(target=received, args=(server, asked(pause_ms=20))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begun < 3


def test_a_client_that_leaves_a_paced_stream_ends_it(server: ReferenceServer) -> None:
    """Its task is gone with it."""
    peer = connect(server)
    peer.sendall(asked(key="leaves", pause_ms=100))
    peer.recv(100)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    peer.close()
    time.sleep(0.15)
    [told] = deliveries(server, "leaves")
    time.sleep(0.15)
    assert deliveries(server, "leaves") == [told]
    assert not told["whole"]
