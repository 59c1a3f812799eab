"""What passes the proxy: bytes, boundaries, heads; clients that leave, upstreams that fail."""

import contextlib
import gzip
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from conformance.proxy.passed import exchange_of
from conformance.server import ReferenceServer, serving
from conformance.wire.exchange import LEFT, Request
from tests import badservers
from tests.badservers import listening
from tests.proxy.alongside import (
    HELLO,
    KEY,
    PATH,
    Passing,
    connect,
    passing,
    read_all,
    read_one,
    request_for,
    until,
)

STREAM = {**HELLO, "stream": True}
CLOSE = "Connection: close"


@pytest.fixture(scope="module")
def server() -> Iterator[ReferenceServer]:
    """A server on a port."""
    with serving(seed=7) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server: ReferenceServer) -> Iterator[Passing]:
    """A proxy in front of it."""
    with passing(server.url) as running:
        yield running


def ask(port: int, request: bytes) -> bytes:
    """Send a request on a connection of its own; give all that comes back."""
    with connect(port) as peer:
        peer.sendall(request)
        return read_all(peer)


def body_of(answer: bytes) -> Any:
    """Read the JSON of an answer."""
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_the_same_request_gives_the_same_bytes_through_the_proxy() -> None:
    """Two fresh servers, one behind a proxy, answer byte for byte alike: heads, chunks, refusals."""
    with serving(seed=7) as one, serving(seed=7) as other, passing(other.url) as proxy:
        for body in (HELLO, STREAM, {"model": "no-such"}):
            request = request_for(body, CLOSE)
            assert ask(proxy.port, request) == ask(one.port, request)


def test_what_passes_is_told_as_it_was(server: ReferenceServer, proxy: Passing) -> None:
    """The request with the headers of the client, the answer with an arrival for each chunk."""
    before = len(proxy.passed)
    answer = ask(proxy.port, request_for(STREAM, CLOSE, "X-Mine: as I Spell it"))
    (passed,) = proxy.wait(before + 1)[before:]
    exchange = exchange_of(passed)
    assert exchange.request is not None
    assert exchange.response is not None
    assert exchange.request.url == f"{server.url}{PATH}"
    headers = dict(exchange.request.headers or ())
    assert headers["X-Mine"] == "as I Spell it"
    assert headers["Host"] == server.url.removeprefix("http://")
    assert (exchange.witnessed, exchange.excerpt, exchange.response.cut) == (True, False, "")
    assert exchange.response.body.count(b"event: ") == len(exchange.response.arrivals)
    assert all(b"\r\n%b\r\n" % frame.encode() in answer for frame in _frames(exchange.response.body.decode()))


def _frames(text: str) -> list[str]:
    return [f"{frame}\n\n" for frame in text.split("\n\n") if frame]


def test_a_connection_is_kept_for_the_next_request(proxy: Passing) -> None:
    """Ten requests on one connection, two of them sent at once."""
    with connect(proxy.port) as peer:
        for _ in range(8):
            peer.sendall(request_for(HELLO))
            assert read_one(peer).startswith(b"HTTP/1.1 200")
        peer.sendall(request_for(HELLO) + request_for(HELLO, CLOSE))
        assert read_all(peer).count(b"HTTP/1.1 200") == 2


def test_many_at_once_keep_apart(proxy: Passing) -> None:
    """Fifty clients, each gets the answer to its own question."""
    answers: dict[int, str] = {}

    def one(number: int) -> None:
        text = f"Say the number {number}."
        got = ask(proxy.port, request_for({**HELLO, "input": text}, CLOSE, key=f"client-{number}"))
        answers[number] = str(body_of(got)["id"])

    threads = [threading.Thread(target=one, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(set(answers.values())) == 50


def test_each_event_passes_before_the_next_is_sent(server: ReferenceServer, proxy: Passing) -> None:
    """A server that waits to be told for each write: nothing of it is held back."""
    control = 'x-conformance-control: {"plan": "frame", "lockstep": true}'
    with connect(proxy.port) as peer, httpx2.Client(base_url=server.url, trust_env=False) as client:
        peer.sendall(request_for(STREAM, control, CLOSE, key="in-step"))
        got, frames = b"", 0
        while not got.endswith(b"0\r\n\r\n"):
            # One write is let through; were it held back, this would wait for ever.
            client.post("/conformance/release", json={"writes": 1}, headers={"x-goog-api-key": "in-step"})
            got += peer.recv(65536)
            assert got.count(b"event: ") - frames <= 1
            frames = got.count(b"event: ")
        assert frames > 5


def gzips_and_tells(peer: socket.socket, request: Request) -> None:
    """Gzip, and which codings were asked for."""
    asked = {name.lower(): value for name, value in request.headers or ()}.get("accept-encoding")
    body = gzip.compress(json.dumps({**badservers.INTERACTION, "asked": asked}).encode())
    peer.sendall(badservers.answer("200 OK", "application/json", body, "Content-Encoding: gzip"))


def test_gzip_passes_untouched_and_is_told_unpacked() -> None:
    """The client unpacks by itself; codings that the judge cannot read are not asked for."""
    with listening(gzips_and_tells) as server, passing(server.url) as proxy:
        answer = ask(proxy.port, request_for(HELLO, "Accept-Encoding: br, gzip;q=0.8, zstd"))
        packed = answer.partition(b"\r\n\r\n")[2]
        (passed,) = proxy.wait(1)
    response = exchange_of(passed).response
    assert response is not None
    assert packed.startswith(b"\x1f\x8b")
    assert response.body == gzip.decompress(packed)
    assert json.loads(response.body)["asked"] == "gzip;q=0.8"
    assert response.arrivals[-1].end == len(response.body)


def test_what_is_of_one_connection_stays_behind() -> None:
    """Hop-by-hop headers, and those that Connection names, do not reach the upstream; others do."""
    with listening(badservers.answers_something_else) as server, passing(server.url) as proxy:
        ask(
            proxy.port,
            request_for(HELLO, "Connection: close, X-Mine", "X-Mine: 1", "TE: trailers", "X-Other: 2"),
        )
        (request,) = server.requests
    names = [name.lower() for name, _ in request.headers or ()]
    assert not {"connection", "x-mine", "te"} & set(names)
    assert dict(request.headers or ())["X-Other"] == "2"
    assert dict(request.headers or ())["x-goog-api-key"] == KEY
    assert names.count("host") == names.count("content-length") == 1


def test_a_chunked_request_goes_on_whole() -> None:
    """A client that sends in chunks, and waits to be invited."""
    with listening(badservers.answers_something_else) as server, passing(server.url) as proxy:
        with connect(proxy.port) as peer:
            head = ["POST /v1beta/interactions?a=b HTTP/1.1", "Host: here", "Transfer-Encoding: chunked"]
            peer.sendall("\r\n".join([*head, "Expect: 100-continue", "", ""]).encode())
            assert peer.recv(100).startswith(b"HTTP/1.1 100")
            peer.sendall(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
            assert read_all(peer).startswith(b"HTTP/1.1 200")
        (request,) = server.requests
    assert (request.url, request.body) == ("/v1beta/interactions?a=b", b"hello world")
    assert "expect" not in {name.lower() for name, _ in request.headers or ()}


def test_a_body_of_32_mb_passes_and_a_larger_one_is_refused() -> None:
    """To the byte; the refusal is in the documented envelope."""
    with listening(badservers.answers_something_else) as server, passing(server.url) as proxy:
        body = b"x" * (32 * 2**20)
        head = b"POST /v1beta/interactions HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: "
        assert ask(proxy.port, head + b"%d\r\n\r\n" % len(body) + body).startswith(b"HTTP/1.1 200")
        assert server.requests[0].body == body
        with connect(proxy.port) as peer:
            peer.sendall(head + b"%d\r\n\r\n" % (len(body) + 1))
            refused = read_one(peer)
    assert refused.startswith(b"HTTP/1.1 413")
    assert body_of(refused)["error"]["code"] == "content_too_large"


def test_a_client_of_http_1_0_gets_no_chunks(proxy: Passing) -> None:
    """It reads until the connection ends."""
    answer = ask(proxy.port, request_for(STREAM).replace(b"HTTP/1.1", b"HTTP/1.0"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b"event: interaction.created\n")
    assert body.endswith(b"data: [DONE]\n\n")


def test_a_whole_url_in_the_request_line_is_understood(proxy: Passing) -> None:
    """As clients send it that take the address for a proxy; CONNECT is refused with what to do."""
    assert ask(proxy.port, request_for(HELLO, CLOSE, path=f"http://any.where{PATH}")).startswith(
        b"HTTP/1.1 200"
    )
    refused = ask(proxy.port, request_for(None, CLOSE, method="CONNECT", path="any.where:443"))
    assert refused.startswith(b"HTTP/1.1 501")
    assert "GOOGLE_GEMINI_BASE_URL" in body_of(refused)["error"]["message"]


def test_the_path_of_the_upstream_comes_first() -> None:
    """An endpoint that lies below a path."""
    with listening(badservers.answers_something_else) as server, passing(f"{server.url}/below") as proxy:
        ask(proxy.port, request_for(HELLO, CLOSE))
        (passed,) = proxy.wait(1)
        assert server.requests[0].url == f"/below{PATH}"
        assert passed.request.url == f"{server.url}/below{PATH}"


def test_a_client_that_leaves_closes_the_upstream() -> None:
    """At once, though the upstream says nothing; no byte that came is lost, and nobody is blamed."""
    gone = threading.Event()

    def streams_a_little(peer: socket.socket, _: Request) -> None:
        peer.sendall(badservers.STREAM_HEAD + badservers._chunk(badservers.FRAME) * 3)
        if not peer.recv(1):
            gone.set()

    with listening(streams_a_little) as server, passing(server.url) as proxy:
        with connect(proxy.port) as peer:
            peer.sendall(request_for(STREAM))
            got = b""
            while got.count(b"event: ") < 3:
                got += peer.recv(65536)
        assert gone.wait(5)
        (passed,) = proxy.wait(1)
    exchange = exchange_of(passed)
    assert exchange.response is not None
    assert exchange.response.body == badservers.FRAME * 3
    assert (exchange.response.cut, exchange.excerpt, passed.trouble) == (LEFT, True, "")


def test_a_client_that_does_not_read_holds_the_upstream_back() -> None:
    """Of 200 MB no more comes than sockets hold; the rest comes when the client reads."""
    sent = [0]

    def sends_much(peer: socket.socket, _: Request) -> None:
        peer.sendall(badservers.answer("200 OK", "text/plain", b"", length=200_000_000))
        for _part in range(200):
            peer.sendall(b"x" * 1_000_000)
            sent[0] += 1_000_000

    with listening(sends_much) as server, passing(server.url) as proxy, connect(proxy.port) as peer:
        peer.sendall(request_for(HELLO))
        until(lambda: sent[0] > 0)
        still = -1
        while still != sent[0]:
            still = sent[0]
            threading.Event().wait(0.2)
        assert still < 50_000_000
        count = len(peer.recv(1000))
        while count < 200_000_000:
            count += len(peer.recv(1_000_000))
        (passed,) = proxy.wait(1)
    assert passed.told is not None
    assert passed.told.shortened


def test_requests_wait_while_too_much_waits_to_be_judged(server: ReferenceServer) -> None:
    """On a new connection and on one that is kept; longer than an upstream may say nothing."""
    with passing(server.url, silence_s=0.2) as proxy, connect(proxy.port) as kept, connect(proxy.port) as new:
        kept.sendall(request_for(HELLO))
        read_one(kept)
        proxy.tell_room(False)
        for peer in (kept, new):
            peer.sendall(request_for(HELLO))
            peer.settimeout(0.8)
            with pytest.raises(TimeoutError):
                peer.recv(1)
        proxy.tell_room(True)
        assert read_one(kept).startswith(b"HTTP/1.1 200")
        assert read_one(new).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("behaviour", "status", "code", "why"),
    [
        (badservers.closes_at_once, 502, "service_unavailable", "the connection was closed"),
        (badservers.speaks_garbage, 502, "service_unavailable", "it is not HTTP/1.1"),
        (badservers.says_nothing, 504, "deadline_exceeded", "said nothing for 0.4 s"),
        (badservers.drips_its_head, 504, "deadline_exceeded", "said nothing for 0.4 s"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_upstream_that_fails_is_told_in_the_documented_envelope(
    behaviour: Callable[..., None], status: int, code: str, why: str
) -> None:
    """With a status of its kind, and in what has passed there is no answer."""
    with listening(behaviour) as server, passing(server.url, silence_s=0.4) as proxy:
        answer = ask(proxy.port, request_for(STREAM, CLOSE))
        (passed,) = proxy.wait(1)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    error = body_of(answer)["error"]
    assert (error["code"], error["message"].partition("proxy: ")[2]) == (code, why)
    assert (passed.told, passed.trouble) == (None, why)


def test_nobody_listens_and_then_somebody_does() -> None:
    """The same connection of the client serves when the upstream is there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with passing(f"http://127.0.0.1:{port}") as proxy, connect(proxy.port) as peer:
        peer.sendall(request_for(HELLO))
        refused = read_one(peer)
        assert refused.startswith(b"HTTP/1.1 502")
        assert "nothing listens there" in body_of(refused)["error"]["message"]
        with serving(seed=7, port=port):
            peer.sendall(request_for(HELLO))
            assert read_one(peer).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "behaviour", [badservers.cuts_a_frame, badservers.lacks_the_last_chunk, badservers.promises_more]
)
def test_an_answer_that_breaks_off_breaks_off_for_the_client_too(behaviour: Callable[..., None]) -> None:
    """It gets the bytes that came and no false end; the cut is told as the server's."""
    with listening(behaviour) as server, passing(server.url) as proxy:
        directly = ask(int(server.url.rpartition(":")[2]), request_for(STREAM))
        proxied = ask(proxy.port, request_for(STREAM))
        (passed,) = proxy.wait(1)
    assert proxied.partition(b"\r\n\r\n")[2] == directly.partition(b"\r\n\r\n")[2]
    exchange = exchange_of(passed)
    assert exchange.response is not None
    assert exchange.response.cut.startswith("the connection ended early")
    assert not exchange.excerpt


@pytest.mark.parametrize("behaviour", [badservers.html_200, badservers.html_502])
def test_a_page_for_people_passes_as_it_is(behaviour: Callable[..., None]) -> None:
    """It is the upstream's answer, and no failure to reach it."""
    with listening(behaviour) as server, passing(server.url) as proxy:
        answer = ask(proxy.port, request_for(HELLO))
        (passed,) = proxy.wait(1)
    assert b"<" in answer.partition(b"\r\n\r\n")[2]
    assert passed.told is not None
    assert passed.trouble == ""


def test_an_upstream_that_closes_an_idle_connection_closes_that_of_the_client() -> None:
    """So the client opens a new one, as it would without a proxy."""
    with listening(badservers.gzips) as server, passing(server.url) as proxy, connect(proxy.port) as peer:
        peer.sendall(request_for(HELLO))
        assert b"\r\nConnection: close\r\n" in read_all(peer)


def test_no_more_requests_pass_than_were_ordered() -> None:
    """The next one is told why; the proxy ends when the last is answered."""
    with serving(seed=7) as server, passing(server.url, most=2) as proxy:
        control = 'x-conformance-control: {"plan": "frame", "pause_ms": 30}'
        with connect(proxy.port) as slow, connect(proxy.port) as second, connect(proxy.port) as third:
            slow.sendall(request_for(STREAM, control, CLOSE))
            slow.recv(10)
            second.sendall(request_for(HELLO, CLOSE))
            assert b" 200 " in read_all(second)
            third.sendall(request_for(HELLO, CLOSE))
            assert b"HTTP/1.1 503 " in read_all(third)
            assert read_all(slow).endswith(b"0\r\n\r\n")
        assert len(proxy.wait(2)) == 2
        until(lambda: not _listens(proxy.port))


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed, with its key in one file."""
    file = tmp_path_factory.mktemp("tls") / "own.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=here"
    words += f" -addext subjectAltName=IP:127.0.0.1 -keyout {file} -out {file}.crt"
    try:
        subprocess.run(["openssl", *words.split()], check=True, capture_output=True, timeout=20)
    except FileNotFoundError:
        pytest.skip("there is no openssl here")
    return file


@contextlib.contextmanager
def secure(certificate: Path) -> Iterator[str]:
    """A server of one answer a connection over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificate}.crt", certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    with contextlib.suppress(OSError), context.wrap_socket(peer, server_side=True) as safe:
                        safe.recv(65536)
                        safe.sendall(badservers._json(badservers.INTERACTION))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_certificate_has_to_be_trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key goes to an upstream that cannot show who it is; to one that can it goes."""
    with secure(certificate) as url:
        with passing(url) as proxy:
            refused = ask(proxy.port, request_for(HELLO, CLOSE))
        assert refused.startswith(b"HTTP/1.1 502")
        assert "certificate is not trusted" in body_of(refused)["error"]["message"]
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        with passing(url) as proxy:
            assert body_of(ask(proxy.port, request_for(HELLO, CLOSE)))["status"] == "completed"
