"""`gemini-conformance proxy` as its users meet it: what it prints, writes, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.errors import ForwarderLost
from conformance.proxy.forwarding import Order, forwarding
from conformance.report.reading import read_record
from conformance.server import ReferenceServer, serving
from conformance.wire.cassette import read_cassette
from tests.proxy.alongside import HELLO, KEY, commanded, connect, read_all, read_one, request_for, until

STREAM = {**HELLO, "stream": True}
CLOSE = "Connection: close"
SLOW = 'x-conformance-control: {"plan": "frame", "pause_ms": 100}'


@pytest.fixture(scope="module")
def server() -> Iterator[ReferenceServer]:
    """A server on a port."""
    with serving(seed=7) as running:
        yield running


def ask(url: str, request: bytes) -> bytes:
    """Send a request; give all that comes back."""
    with connect(int(url.rpartition(":")[2])) as peer:
        peer.sendall(request)
        return read_all(peer)


def everything_in(folder: Path) -> bytes:
    """All that was written below a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_right_conversation_conforms_and_leaves_no_key(server: ReferenceServer, tmp_path: Path) -> None:
    """The address first, then the report; record, cassette and archive hold what passed, and no key."""
    options = ("--upstream", server.url, "--requests", "2", "--cassette", "c.yaml", "--har", "h.har")
    with commanded(*options, "--record", "r.ndjson", folder=tmp_path) as proxy:
        assert proxy.url.startswith("http://127.0.0.1:")
        assert ask(proxy.url, request_for(HELLO, CLOSE)).startswith(b"HTTP/1.1 200")
        assert ask(proxy.url, request_for(STREAM, CLOSE)).endswith(b"0\r\n\r\n")
        code, out, err = proxy.ended(stop=False)
    assert code == 0, out + err
    assert "2 exchanges in 1 conversation" in out
    assert f"passes everything on to {server.url}" in err
    assert len(read_cassette(tmp_path / "c.yaml")[0]) == 2
    lines = list(read_record(tmp_path / "r.ndjson"))
    assert (lines[0]["command"], lines[-1]["exit_code"]) == ("proxy", 0)
    assert KEY not in out + err
    assert KEY.encode() not in everything_in(tmp_path)


def test_findings_are_told_as_they_happen_and_again_in_the_report(
    server: ReferenceServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line each: party, outcome, requirement, place, message; the record gives the same report."""
    with commanded("--upstream", server.url, "--record", "r.ndjson", folder=tmp_path) as proxy:
        ask(proxy.url, request_for({**HELLO, "generation_config": {"temperature": "hot"}}, CLOSE))
        assert proxy.process.stdout is not None
        line = proxy.process.stdout.readline()
        assert line.startswith("client fail IX-")
        assert "conversation-1 request /generation_config/temperature: " in line
        code, out, _ = proxy.ended()
    assert code == 1
    capsys.readouterr()
    assert main(["report", str(tmp_path / "r.ndjson")]) == 1
    report = capsys.readouterr().out
    assert out.endswith(report)
    assert "again     curl " in report
    assert main(["report", str(tmp_path / "r.ndjson"), "--format", "junit"]) == 1
    assert "conversation-1" in capsys.readouterr().out
    assert main(["report", str(tmp_path / "r.ndjson"), "--bundle", str(tmp_path / "bundle")]) == 1
    assert KEY.encode() not in everything_in(tmp_path)


def test_as_json_stdout_is_one_document(server: ReferenceServer, tmp_path: Path) -> None:
    """The address goes to stderr."""
    with commanded(
        "--upstream", server.url, "--format", "json", "--port", str(_free()), folder=tmp_path
    ) as proxy:
        assert proxy.process.stderr is not None
        url = proxy.process.stderr.readline().strip()
        ask(url, request_for(HELLO, CLOSE))
        code, out, _ = proxy.ended()
    told = json.loads(f"{proxy.url}\n{out}")
    assert (code, told["exit_code"]) == (0, 0)
    assert told["lines"][-3]["type"] == "conversation"


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_an_upstream_that_is_not_there_is_not_enough_evidence(tmp_path: Path) -> None:
    """It is told as it happens, and nobody is blamed."""
    with commanded("--upstream", f"http://127.0.0.1:{_free()}", "--requests", "1", folder=tmp_path) as proxy:
        assert ask(proxy.url, request_for(HELLO, CLOSE)).startswith(b"HTTP/1.1 502")
        code, out, _ = proxy.ended(stop=False)
    assert code == 5
    assert out.startswith("environment  conversation-1 exchange 0: no answer: refuses the connection")
    assert "inconclusive conversation-1: 1 of 1 requests were not answered" in out
    assert "fail" not in out


def test_nothing_passed_is_not_enough_evidence(server: ReferenceServer, tmp_path: Path) -> None:
    """SIGTERM ends it as ctrl-C does."""
    with commanded("--upstream", server.url, folder=tmp_path) as proxy:
        proxy.process.send_signal(signal.SIGTERM)
        code, out, _ = proxy.ended(stop=False)
    assert code == 5
    assert out.rstrip().endswith("0 exchanges in 0 conversations · nothing was judged")


def test_a_stream_under_way_at_ctrl_c_blames_nobody(server: ReferenceServer, tmp_path: Path) -> None:
    """What came of it is recorded, and its client is let go."""
    with (
        commanded("--upstream", server.url, "--cassette", "c.yaml", folder=tmp_path) as proxy,
        connect(int(proxy.url.rpartition(":")[2])) as peer,
    ):
        peer.sendall(request_for(STREAM, SLOW))
        got = peer.recv(65536)
        while b"event: step.start" not in got:
            got += peer.recv(65536)
        code, out, _ = proxy.ended()
        got += read_all(peer)
    assert code == 0, out
    (exchange,), _ = read_cassette(tmp_path / "c.yaml")
    assert exchange.response is not None
    assert exchange.response.body.startswith(_content(got))
    assert exchange.excerpt


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--upstream", "nonsense"], "'nonsense' is no upstream"),
        (["--upstream", "http://example.com"], "http://example.com is not HTTPS"),
        (["--upstream", "https://user:word@example.com"], "an address alone"),
        (["--upstream", "http://127.0.0.1:1", "--port", "70000"], "70000 is no port"),
        (["--upstream", "http://localhost:8123", "--port", "8123"], "where the proxy would listen itself"),
        (["--upstream", "http://127.0.0.1:1", "--cassette", "/dev/null/x.yaml"], "cannot be written"),
    ],
)
def test_a_call_that_makes_no_sense_is_told_in_a_sentence(
    options: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, and what to do."""
    monkeypatch.chdir(tmp_path)
    assert main(["proxy", *options]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "hint: " in err


def test_a_port_in_use_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2; no record is begun."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["proxy", "--upstream", "http://127.0.0.1:1", "--port", str(port)]) == 2
    assert f"port {port} on 127.0.0.1 is in use" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_is_killed_loses_no_byte(server: ReferenceServer, tmp_path: Path) -> None:
    """Whatever it had got when kill -9 hit it is in the cassette."""
    reads = "import socket, sys; peer = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); "
    reads += "peer.sendall(sys.stdin.buffer.read()); out = sys.stdout.buffer\n"
    reads += "while part := peer.recv(65536): out.write(part); out.flush()"
    with commanded("--upstream", server.url, "--cassette", "c.yaml", folder=tmp_path) as proxy:
        port = proxy.url.rpartition(":")[2]
        with subprocess.Popen(
            [sys.executable, "-c", reads, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write(request_for(STREAM, SLOW))
            client.stdin.close()
            got = b""
            while b"event: step.start" not in got:
                got += os.read(client.stdout.fileno(), 65536)
            client.kill()
            got += client.stdout.read()
        until((tmp_path / "c.yaml").exists)
        code, out, _ = proxy.ended()
    assert code == 0, out
    (exchange,), _ = read_cassette(tmp_path / "c.yaml")
    assert exchange.response is not None
    assert exchange.response.body.startswith(_content(got))
    assert b"[DONE]" not in exchange.response.body


def _content(answer: bytes) -> bytes:
    """Undo the chunks of an answer."""
    rest, content = answer.partition(b"\r\n\r\n")[2], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        content += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return content


@pytest.mark.slow
def test_a_proxy_that_is_killed_leaves_whole_cassettes_and_no_process(
    server: ReferenceServer, tmp_path: Path
) -> None:
    """In the middle of traffic: each file can be read, and holds at least what had been written before."""
    kept = tmp_path / "kept"

    def counts() -> list[int]:
        return [len(read_cassette(file)[0]) for file in sorted(kept.glob("*.yaml"))]

    with commanded("--upstream", server.url, "--to", "kept", folder=tmp_path) as proxy:
        port = int(proxy.url.rpartition(":")[2])
        with connect(port) as peer:
            for number in range(60):
                peer.sendall(request_for(HELLO, key=f"{KEY}-{number % 3}"))
                assert read_one(peer).startswith(b"HTTP/1.1 200")
            until(lambda: counts() == [20, 20, 20], 15)
            for _ in range(20):
                peer.sendall(request_for(HELLO, key=f"{KEY}-0"))
                read_one(peer)
            proxy.process.kill()
            proxy.process.wait(5)
            until(lambda: not _takes(port))
    assert 20 <= counts()[0] <= 40
    assert counts()[1:] == [20, 20]


def _takes(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_forwarding_process_that_dies_is_a_fault_of_ours(server: ReferenceServer) -> None:
    """What it passed before can be taken."""
    with forwarding(Order(server.url)) as forwarder:
        ask(forwarder.url, request_for(HELLO, CLOSE))
        stream = forwarder.passed()
        assert next(one for one in stream if one is not None).number == 0
        os.kill(forwarder.pid, signal.SIGKILL)
        with pytest.raises(ForwarderLost, match="ended by itself"):
            list(stream)
