"""How answers get out: chunks, keep-alive, clients that are slow, rude or gone."""

import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.errors import AddressRefused, PortTaken
from conformance.server import Limits, ReferenceServer, serve, serving
from tests.server.talking import Talk, connect, read_until, request_bytes

UNARY = request_bytes(b'{"model": "gemini-3.5-flash", "input": "Hello"}')
STREAM = request_bytes(b'{"model": "gemini-3.5-flash", "input": "Hello", "stream": true}')
END = b"0\r\n\r\n"


def test_each_frame_is_a_chunk_of_its_own(server: ReferenceServer) -> None:
    """What a client reads are the frames, one chunk each, and no header that tells a time."""
    with connect(server) as peer:
        peer.sendall(STREAM)
        head, _, body = read_until(peer, END).partition(b"\r\n\r\n")
    assert head == b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
    chunks = []
    while body != END:
        size, _, rest = body.partition(b"\r\n")
        chunks.append(rest[: int(size, 16)])
        body = rest[int(size, 16) + 2 :]
    assert all(chunk.startswith(b"event: ") and chunk.endswith(b"\n\n") for chunk in chunks)
    assert chunks[-1] == b"event: done\ndata: [DONE]\n\n"


def test_a_connection_serves_one_request_after_the_other(server: ReferenceServer) -> None:
    """Keep-alive, whatever the kind of answer."""
    with connect(server) as peer:
        for _ in range(2):
            peer.sendall(STREAM)
            assert read_until(peer, END).startswith(b"HTTP/1.1 200 OK\r\n")
            peer.sendall(UNARY)
            assert read_until(peer, b'"model":"gemini-3.5-flash"}').startswith(b"HTTP/1.1 200 OK\r\n")


def test_requests_in_one_segment_are_answered_in_order(server: ReferenceServer) -> None:
    """Pipelining: many requests at once, each whole answer before the next."""
    with connect(server) as peer:
        peer.sendall(UNARY * 300 + STREAM)
        got = read_until(peer, END)
    assert got.count(b"HTTP/1.1 200 OK") == 301


def test_a_request_may_come_byte_by_byte(server: ReferenceServer) -> None:
    """Where the network cuts a request does not matter."""
    with connect(server) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(len(UNARY)):
            peer.send(UNARY[position : position + 1])
        assert read_until(peer, b"}]").startswith(b"HTTP/1.1 200 OK")


def test_half_a_request_is_not_waited_for_for_ever() -> None:
    """408 after the time for a request; the connection ends."""
    with serving(limits=Limits(request_s=0.2)) as server, connect(server) as peer:
        peer.sendall(UNARY[:-5])
        got = read_until(peer, b"nothing")
    assert got.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in got


def test_a_client_that_says_nothing_is_let_go() -> None:
    """An idle connection is closed without a word."""
    with serving(limits=Limits(idle_s=0.2, request_s=0.2)) as server, connect(server) as peer:
        assert peer.recv(1) == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nx: " + b"y" * 70_000, b"431"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n", b"400"),
    ],
)
def test_garbage_is_refused_and_the_connection_ends(
    server: ReferenceServer, sent: bytes, status: bytes
) -> None:
    """What is not HTTP/1.1 gets one answer in the front end's envelope."""
    with connect(server) as peer:
        peer.sendall(sent)
        got = read_until(peer, b"nothing")
    assert got.startswith(b"HTTP/1.1 " + status)
    assert b'"status":"INVALID_ARGUMENT"' in got


@pytest.mark.parametrize("how", ["announced", "chunked"])
def test_a_body_that_is_too_large_is_refused(how: str) -> None:
    """413, before it is read where its length is announced, and the client can read it."""
    with serving(limits=Limits(body=1000)) as server, connect(server) as peer:
        if how == "announced":
            peer.sendall(request_bytes(b"x" * 2000))
        else:
            head = request_bytes(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
            peer.sendall(head + b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n")
        got = read_until(peer, b"nothing")
    assert got.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"content_too_large"' in got


def test_a_client_that_asks_whether_to_go_on_is_told_so(server: ReferenceServer) -> None:
    """`Expect: 100-continue`, and the connection lives on."""
    asked = request_bytes(UNARY.partition(b"\r\n\r\n")[2], "Expect: 100-continue")
    head, _, body = asked.partition(b"\r\n\r\n")
    with connect(server) as peer:
        for _ in range(2):
            peer.sendall(head + b"\r\n\r\n")
            assert read_until(peer, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            peer.sendall(body)
            assert read_until(peer, b'"model":"gemini-3.5-flash"}').startswith(b"HTTP/1.1 200 OK")


def test_head_has_no_body(server: ReferenceServer) -> None:
    """And the next answer on the connection is whole."""
    with connect(server) as peer:
        peer.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + UNARY)
        got = read_until(peer, b'"model":"gemini-3.5-flash"}')
    assert got.startswith(b"HTTP/1.1 404 ")
    assert b"\r\n\r\nHTTP/1.1 200 OK" in got


def test_a_client_of_http_1_0_gets_no_chunks(server: ReferenceServer) -> None:
    """The end of the connection is the end of the stream."""
    with connect(server) as peer:
        peer.sendall(STREAM.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        head, _, body = read_until(peer, b"nothing").partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body.startswith(b"event: interaction.created\n")
    assert body.endswith(b"data: [DONE]\n\n")


def test_a_client_may_half_close_after_its_request(server: ReferenceServer) -> None:
    """It still gets its whole answer."""
    with connect(server) as peer:
        peer.sendall(STREAM)
        peer.shutdown(socket.SHUT_WR)
        assert read_until(peer, b"nothing").endswith(END)


def test_a_client_that_never_reads_holds_up_only_itself() -> None:
    """Its requests are not even read while it does not read; others are served; in the end it is let go."""
    with serving(limits=Limits(stalled_s=0.5)) as server, connect(server) as rude:
        rude.setblocking(False)
        sent, most, block = 0, 100_000_000, STREAM * 100
        try:
            while sent < most:  # whole requests, although the system may take a part of what it is given
                sent += rude.send(block[sent % len(STREAM) :])
        except BlockingIOError:
            pass
        assert sent < most
        with connect(server) as polite:
            polite.sendall(UNARY)
            assert read_until(polite, b"}]").startswith(b"HTTP/1.1 200 OK")
        for _ in range(40):
            if not server.connections:
                break
            time.sleep(0.1)
        assert not server.connections


def test_a_client_that_leaves_makes_no_noise(
    server: ReferenceServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the middle of a stream, of a request, at once: nothing is printed, others are served."""
    for sent in (STREAM * 50, UNARY[:30], b"", UNARY + b"}", b"}\r\n\r\n") * 10:
        peer = connect(server)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        peer.sendall(sent)
        peer.close()
    with connect(server) as peer:
        peer.sendall(UNARY)
        assert read_until(peer, b"}]").startswith(b"HTTP/1.1 200 OK")
    assert capfd.readouterr() == ("", "")


def test_many_at_once_get_what_one_alone_gets(server: ReferenceServer) -> None:
    """Thirty-two clients with keys of their own: the bytes are those of a service without sockets."""

    def bytes_for(key: str) -> tuple[bytes, bytes]:
        with connect(server) as peer:
            peer.sendall(STREAM.replace(b"a-key", key.encode()))
            got = read_until(peer, END)
        alone = b"".join(Talk(seed=7, key=key).create(input="Hello", stream=True).pieces())
        return got, alone

    with ThreadPoolExecutor(8) as pool:
        for got, alone in pool.map(bytes_for, [f"many-{number}" for number in range(32)]):
            assert got == alone


def test_a_port_in_use_is_told(server: ReferenceServer) -> None:
    """PortTaken, with the port."""
    with pytest.raises(PortTaken, match=str(server.port)), serving(port=server.port):
        pass


def test_only_loopback_is_served_unless_asked() -> None:
    """AddressRefused for what other machines can reach."""
    with pytest.raises(AddressRefused):
        serve("0.0.0.0")


def test_serving_on_ipv6_gives_a_url_that_works() -> None:
    """The address is in brackets."""
    with serving(host="::1") as server:
        assert server.url == f"http://[::1]:{server.port}"


def test_a_signal_ends_the_foreground_server_cleanly() -> None:
    """SIGTERM: exit code 0, nothing on stderr."""
    code = "from conformance.server import serve; serve(on_ready=lambda s: print(s.url, flush=True))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.terminate()
        _, noise = process.communicate(timeout=10)
    assert (process.returncode, noise) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_while_it_streams(number: signal.Signals) -> None:
    """Ctrl-C with a paced stream open: the client is cut off, the exit is clean and silent."""
    code = "from conformance.server import serve; serve(on_ready=lambda s: print(s.port, flush=True))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        with socket.create_connection(("127.0.0.1", int(process.stdout.readline())), timeout=5) as peer:
            slow = STREAM.replace(b"Host", b'x-conformance-control: {"pause_ms": 5000}\r\nHost')
            peer.sendall(slow)
            peer.recv(100)
            process.send_signal(number)
            _, noise = process.communicate(timeout=10)
    assert (process.returncode, noise) == (0, "")


def test_the_package_is_imported_fast() -> None:
    """Importing the name costs nothing heavy: no asyncio, no YAML, no h11 of ours."""
    heavy = "('conformance.server.running', 'conformance.server.rules')"
    code = f"import sys, conformance.server; print([name for name in {heavy} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
