"""Bad input: a documented answer or a clean close, in bounded time, and the others notice nothing.

CONFORMANCE_HOSTILE sets how many random requests are thrown at the server, CONFORMANCE_CONNECTIONS how many
connections are opened and left; the default run is a short one.
"""

import json
import os
import random
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from conformance.server import ReferenceServer, Service
from conformance.wire.exchange import Request
from tests.server.questions import REQUESTS
from tests.server.talking import KEY, PATH, Talk, connect, read_until, refusal_of, request_bytes

UNARY = request_bytes(b'{"model": "gemini-3.5-flash", "input": "Hello"}')
CONNECTIONS = int(os.environ.get("CONFORMANCE_CONNECTIONS", "1000"))
MANY = int(os.environ.get("CONFORMANCE_HOSTILE", "1500"))
TOKENS = (
    b"POST GET /v1beta/interactions HTTP/1.1 \r\n \r\n\r\n Host: Content-Length: Transfer-Encoding: chunked "
    b'0 -1 x-goog-api-key: \x00 \xff \xf0\x9f { } [ ] " \\ : , null 1e999 input model ?stream=true #{'
).split(b" ")


def still_serves(server: ReferenceServer) -> None:
    """Whatever happened, the next client is served."""
    with connect(server) as peer:
        peer.sendall(UNARY)
        assert read_until(peer, b'-flash"}').startswith(b"HTTP/1.1 200 OK")


def wild(chance: random.Random) -> bytes:
    """Make up bytes: noise, tokens in any order, or a good request with some of it changed."""
    match chance.randrange(3):
        case 0:
            return chance.randbytes(chance.randrange(1, 400))
        case 1:
            return b"".join(chance.choice(TOKENS) + chance.choice((b" ", b"")) for _ in range(60))
    body = json.dumps({"model": "gemini-3.5-flash", **chance.choice([*REQUESTS.values()])}).encode()
    good = bytearray(request_bytes(body))
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(good))
        match chance.randrange(3):
            case 0:
                good[place] = chance.randrange(256)
            case 1:
                del good[place : place + chance.randrange(1, 30)]
            case 2:
                good[place:place] = chance.choice(TOKENS)
    return bytes(good)


def test_wild_bytes_do_no_harm(server: ReferenceServer, caplog: pytest.LogCaptureFixture) -> None:
    """Each gets an answer that is HTTP, or none; no fault of ours shows in the log."""
    chance = random.Random(7)
    for number in range(MANY):
        sent = wild(chance)
        with connect(server) as peer, suppress(ConnectionError):
            peer.sendall(sent)
            peer.shutdown(socket.SHUT_WR)
            got = read_until(peer, b"nothing")
            assert got == b"" or got.startswith(b"HTTP/1.1 "), (number, sent, got[:100])
            assert b"HTTP/1.1 500" not in got, (number, sent)
    assert caplog.records == []
    still_serves(server)


ODD: list[Any] = [None, True, -1, 10**30, 1.5, "", "x" * 5000, "\x00", [], {}, [[]], {"type": "x"}, [{}], "é"]


def odd_body(chance: random.Random) -> bytes:
    """Change values of a good body to what does not belong there."""
    body = json.loads(json.dumps({"model": "gemini-3.5-flash", **chance.choice([*REQUESTS.values()])}))
    for _ in range(chance.randrange(1, 4)):
        here = body
        for _ in range(chance.randrange(6)):
            values = here.values() if isinstance(here, dict) else here
            inner = [one for one in values if one and isinstance(one, (dict, list))]
            here = chance.choice(inner) if inner else here
        odd = json.loads(json.dumps(chance.choice(ODD)))
        if isinstance(here, dict):
            here[chance.choice([*here, "stream", "store", "background", "tools", "generation_config"])] = odd
        else:
            here[chance.randrange(len(here))] = odd
    return json.dumps(body).encode()


def test_odd_bodies_are_answered_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    """200 or an error of the table, never 500."""
    service, chance = Service(7), random.Random(7)
    for _ in range(MANY):
        body = odd_body(chance)
        answer = service.answer(Request("POST", PATH, KEY, body))
        b"".join(answer.pieces())
        assert answer.status in (200, 400, 404), (body, answer.body)
    assert caplog.records == []


@pytest.mark.parametrize("where", ["line", "header", "many headers"])
def test_a_head_of_a_megabyte_is_refused(server: ReferenceServer, where: str) -> None:
    """431, and the connection ends."""
    head = {
        "line": b"GET /" + b"x" * 2**20 + b" HTTP/1.1\r\n",
        "header": b"GET / HTTP/1.1\r\nHost: x\r\nx: " + b"y" * 2**20,
        "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x: y\r\n" * 150_000,
    }[where]
    with connect(server) as peer:
        with suppress(ConnectionError):
            peer.sendall(head)
        with suppress(ConnectionError):
            assert read_until(peer, b"nothing")[:12] in (b"HTTP/1.1 431", b"")
    still_serves(server)


def test_a_body_of_a_hundred_megabytes_takes_no_memory(server: ReferenceServer) -> None:
    """Announced or not: 413, and at most the limit is held."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chunk = b"100000\r\n" + bytes(2**20) + b"\r\n"
    head = request_bytes(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    for sent in (request_bytes(b"").replace(b"Length: 0", b"Length: 100000000"), head):
        with connect(server) as peer:
            with suppress(ConnectionError):
                peer.sendall(sent)
                for _ in range(100):
                    peer.sendall(chunk)
            with suppress(ConnectionError):
                assert read_until(peer, b"nothing")[:12] in (b"HTTP/1.1 413", b"")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    still_serves(server)


@pytest.mark.parametrize(
    "body", ["[" * 10_000, '{"a":' * 10_000, '{"input": ' + "[" * 10_000 + "]" * 10_000 + "}"]
)
def test_deep_nesting_is_refused(talk: Talk, body: str) -> None:
    """400, whether it is closed or not."""
    assert refusal_of(talk.send("POST", PATH, body.encode()))[:2] == (400, "invalid_request")


def test_a_deep_value_where_anything_goes_is_answered(talk: Talk) -> None:
    """Depth that JSON can carry is either served or refused, also in what is kept and read again."""
    deep = "[" * 400 + "]" * 400
    for body in (
        '{"model":"gemini-3.5-flash","input":"x","tools":[{"type":"function","name":"f","parameters":{"enum":%s}}]}',
        '{"model":"gemini-3.5-flash","input":"x","response_format":{"type":"text","mime_type":"application/json","schema":{"enum":[%s]}}}',
    ):
        assert talk.send("POST", PATH, (body % deep).encode()).status in (200, 400)


SERVE = """
import resource, sys
from conformance.server import serve
files = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
serve(on_ready=lambda server: print(server.port, flush=True))
"""


@contextmanager
def serving_alone(files: int) -> Iterator[tuple[ReferenceServer, int]]:
    """A server in a process of its own, which may have so many files open, and its process."""
    command = [sys.executable, "-c", SERVE, str(files)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        port = int(process.stdout.readline())
        try:
            yield ReferenceServer("127.0.0.1", port, Service(7)), process.pid
        finally:
            process.terminate()
            assert process.stderr.read() == ""
    assert process.returncode == 0


def resident_mb(process: int) -> float:
    """How much memory a process has."""
    told = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(told.partition("VmRSS:")[2].split()[0]) / 1024


@pytest.fixture
def files() -> Iterator[int]:
    """As many open files as the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 65_536 if hard == resource.RLIM_INFINITY else hard
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):
        most = soft
    yield most
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_connections_that_are_opened_and_left_hold_nobody_up(files: int) -> None:
    """All are kept, half of them in the middle of a request, in a few kilobytes each."""
    count = min(CONNECTIONS, files - 1000)
    with serving_alone(files) as (server, process), ExitStack() as open_ones:
        before = resident_mb(process)
        for number in range(count):
            peer = open_ones.enter_context(connect(server))
            if number % 2:
                peer.sendall(UNARY[:20])
        begun = time.perf_counter()
        still_serves(server)
        assert time.perf_counter() - begun < 1
        assert len([*Path(f"/proc/{process}/fd").iterdir()]) >= count
        assert resident_mb(process) - before < 5 + count * 0.008


def test_without_room_for_one_more_the_longest_waiting_makes_room() -> None:
    """Whoever comes next is served, an answer that goes out is finished, and nothing is logged."""
    with serving_alone(128) as (server, _), connect(server) as slow, ExitStack() as open_ones:
        body = b'{"model": "gemini-3.5-flash", "input": "Hello", "stream": true}'
        slow.sendall(request_bytes(body, 'x-conformance-control: {"pause_ms": 20}'))
        peers = [open_ones.enter_context(connect(server)) for _ in range(200)]
        still_serves(server)
        assert read_until(slow, b"0\r\n\r\n").endswith(b"0\r\n\r\n")
        with suppress(ConnectionError):
            assert peers[0].recv(1) == b""


def test_a_stranger_cannot_make_the_ledger_grow(talk: Talk) -> None:
    """Controls that never come again are forgotten."""
    for number in range(2000):
        headers = (
            *KEY,
            ("x-conformance-control", json.dumps({"error": 500, "message": str(number), "times": 1})),
        )
        assert talk.send("POST", PATH, b"{}", headers).status == 500
    ledger = talk.service.ledger
    assert all(len(counts) < 200 for counts in ledger._counts.values())
