"""What the proxy costs: the delay of a first event, and how many streams it holds. Linux, two processors.

    python -m tests.proxy.bench [--rounds 400] [--streams 200]

A client asks the same server for the same stream, directly and through the proxy in turn, on a connection
that it keeps and on a new one each time; what is told is the difference of the medians. Then so many streams
run through the proxy at the same time, paced so that all are open together, while it judges and records them.
Server, proxy and client share the machine. A figure that misses its aim is marked, and the exit code is 1.
"""

import argparse
import json
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from conformance.proxy.conversations import Conversations
from conformance.proxy.passed import Passed, Told, exchange_of
from conformance.wire.cassette import read_cassette
from conformance.wire.exchange import Request
from tests.proxy.alongside import commanded
from tests.server.bench import OURS, STREAM, request_for, told

PACED = 'x-conformance-control: {"plan": "frame", "pause_ms": 300}'
FIRST = b"data: "


@contextmanager
def server() -> Iterator[int]:
    """Run the reference server in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", OURS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def first_event_s(port: int, kept: socket.socket | None) -> float:
    """Ask for a stream; give the seconds until its first event came, connecting included where it is new."""
    start = time.perf_counter()
    peer = kept or socket.create_connection(("127.0.0.1", port), timeout=10)
    peer.sendall(request_for(STREAM, "bench"))
    got = b""
    came = 0.0
    while not got.endswith(b"0\r\n\r\n"):
        got += peer.recv(65536)
        if not came and FIRST in got:
            came = time.perf_counter() - start
    if kept is None:
        peer.close()
    return came


def added_ms(direct: int, proxied: int, rounds: int, *, keep: bool) -> float:
    """By how much the median of the first event is later through the proxy."""
    times: dict[int, list[float]] = {direct: [], proxied: []}
    with ExitStack() as stack:
        kept = {
            port: stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            for port in (direct, proxied)
        }
        for port in (direct, proxied) * (rounds + 20):
            times[port].append(first_event_s(port, kept[port] if keep else None))
    medians = {port: statistics.median(found[20:]) * 1000 for port, found in times.items()}
    print(f"    medians: {medians[direct]:.2f} ms directly, {medians[proxied]:.2f} ms through the proxy")  # noqa: T201
    return medians[proxied] - medians[direct]


def held_together(port: int, streams: int) -> tuple[int, int]:
    """Open so many paced streams; give how many were under way at once, and how many came whole."""
    selector = selectors.DefaultSelector()
    got: dict[socket.socket, bytes] = {}
    for number in range(streams):
        peer = socket.create_connection(("127.0.0.1", port), timeout=10)
        peer.sendall(request_for(STREAM, f"key-{number % 20}", PACED))
        selector.register(peer, selectors.EVENT_READ)
        got[peer] = b""
    together, whole, open_now = 0, 0, streams
    end = time.monotonic() + 60
    while open_now and time.monotonic() < end:
        for ready, _ in selector.select(1):
            stream = ready.fileobj
            assert isinstance(stream, socket.socket)
            part = stream.recv(65536)
            got[stream] += part
            done = got[stream].endswith(b"0\r\n\r\n")
            whole += done
            if done or not part:
                selector.unregister(stream)
                open_now -= 1
        if all(FIRST in told for told in got.values()):
            together = max(together, open_now)
    for peer in got:
        peer.close()
    return together, whole


def judged_ms(exchanges: int) -> float:
    """What judging costs an exchange of a long conversation, on average."""
    body = json.dumps({**STREAM, "stream": False}).encode()
    request = Request("POST", "http://here/v1beta/interactions", (("x-goog-api-key", "a-key"),), body)
    with server() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(request_for({**STREAM, "stream": False}, "bench"))
        content = peer.recv(65536).partition(b"\r\n\r\n")[2]
    answer = Told(200, (("content-type", "application/json"),), [(content, 0.1)])
    conversations = Conversations()
    start = time.perf_counter()
    for number in range(exchanges):
        passed = Passed(number, 0.0, 0.1, request, answer)
        conversations.take(passed, exchange_of(passed))
    list(conversations.close())
    return (time.perf_counter() - start) / exchanges * 1000


def main() -> int:
    """Measure and print; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--streams", type=int, default=200)
    options = parser.parse_args()
    met = []
    with tempfile.TemporaryDirectory() as home, server() as direct:
        upstream = f"http://127.0.0.1:{direct}"
        with commanded("--upstream", upstream, "--to", "cassettes", folder=Path(home)) as proxy:
            port = int(proxy.url.rpartition(":")[2])
            for keep, where in ((True, "kept"), (False, "new")):
                added = added_ms(direct, port, options.rounds, keep=keep)
                met.append(told(f"added to the first event, {where} connection", added, "ms", 1))
            proxy.ended()
        with commanded("--upstream", upstream, "--to", "many", folder=Path(home)) as proxy:
            together, whole = held_together(int(proxy.url.rpartition(":")[2]), options.streams)
            code, _, _ = proxy.ended()
        met.append(told("streams at once", together, "", options.streams, least=True))
        met.append(told("of them whole", whole, "", options.streams, least=True))
        kept = sum(len(read_cassette(path)[0]) for path in Path(home, "many").glob("*.yaml"))
        met.append(told("of them recorded", kept, "", options.streams, least=True))
        met.append(told("exit code", code, "", 0))
    met += [
        told(f"judging, an exchange of {exchanges} in a conversation", judged_ms(exchanges), "ms", 10)
        for exchanges in (200, 2000)
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
