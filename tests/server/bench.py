"""What the reference server costs: start, answers a second, memory. Linux, two processors at least.

    python -m tests.server.bench [--seconds 3] [--interactions 100000] [--aimock FOLDER]

The server runs on one processor, the load on another: 32 connections, each its own account, that ask again as
soon as they are answered. Every answer is validated and stored. FOLDER is one in which the npm package
@copilotkit/aimock is installed; it is measured beside ours in the same way, with streams of ten events too.
A figure that misses its aim is marked, and the exit code is 1.
"""

import argparse
import asyncio
import json
import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

CONNECTIONS = 32
SLOW = 1000
OURS = "from conformance.server import serve; serve(on_ready=lambda server: print(server.port, flush=True))"
THEIRS = """
import { LLMock } from '@copilotkit/aimock';
const mock = new LLMock({ port: 0, chunkSize: 6, logLevel: 'silent' });
mock.on({ userMessage: 'Hello' }, { content: 'Hello! How can I help you today?' });
console.log(new URL(await mock.start()).port);
"""
STREAM = {"model": "gemini-3.5-flash", "input": "Hello", "stream": True}
UNARY = {**STREAM, "stream": False}


def request_for(body: dict[str, object], key: str, *more: str) -> bytes:
    """Write a create request."""
    content = json.dumps(body).encode()
    head = ["POST /v1beta/interactions HTTP/1.1", "Host: here", f"x-goog-api-key: {key}", *more]
    head += ["Content-Type: application/json", f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(head).encode() + content


@contextmanager
def running(command: list[str], folder: Path | None = None) -> Iterator[tuple[int, int, float]]:
    """Run a server on the first processor: its port, its process, and the seconds until it was ready."""
    first = min(os.sched_getaffinity(0))
    begun = time.perf_counter()
    with subprocess.Popen(
        ["taskset", "-c", str(first), *command], stdout=-1, text=True, cwd=folder
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(request_for(UNARY, "first"))
            peer.recv(100)
        try:
            yield port, process.pid, time.perf_counter() - begun
        finally:
            process.terminate()


def is_whole(got: bytes) -> bool:
    """Whether the bytes of one answer are all there."""
    if got.endswith(b"0\r\n\r\n"):
        return True
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return length is not None and len(body) >= int(length[1])


def load(port: int, body: dict[str, object], *, seconds: float = 0, count: int = 0) -> float:
    """Ask for so long, or so often; give the answers a second."""
    with ExitStack() as stack:
        waiting = stack.enter_context(selectors.DefaultSelector())
        for number in range(CONNECTIONS):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sent = request_for(body, f"load-{number}")
            waiting.register(peer, selectors.EVENT_READ, [sent, b""])
            peer.sendall(sent)
        done, begun = 0, time.perf_counter()
        while (done < count) if count else (time.perf_counter() - begun < seconds):
            for key, _ in waiting.select():
                peer = key.fileobj  # type: ignore[assignment]
                state = key.data
                state[1] += peer.recv(1 << 18)
                if is_whole(state[1]):
                    done, state[1] = done + 1, b""
                    peer.sendall(state[0])
        return done / (time.perf_counter() - begun)


def resident_mb(process: int) -> float:
    """How much memory a process has."""
    told = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(told.partition("VmRSS:")[2].split()[0]) / 1024


def memory_of_slow_streams(port: int, process: int) -> float:
    """Hold a thousand streams that pause at every event, and give the memory while they go on."""

    async def one(number: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_for(STREAM, f"slow-{number}", 'x-conformance-control: {"pause_ms": 400}'))
        got = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        return len(got)

    async def every() -> float:
        streams = [asyncio.create_task(one(number)) for number in range(SLOW)]
        await asyncio.sleep(2)
        memory = resident_mb(process)
        assert all(await asyncio.gather(*streams))
        return memory

    return asyncio.run(every())


def told(what: str, value: float, unit: str, aim: float, *, least: bool = False) -> bool:
    """Print a figure with its aim, and whether it is met."""
    met = value >= aim if least else value <= aim
    bound = "at least" if least else "at most"
    print(f"{what:52} {value:9.2f} {unit:8} {bound} {aim:g}{'' if met else '   MISSED'}", flush=True)  # noqa: T201
    return met


def main() -> int:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--interactions", type=int, default=100_000)
    parser.add_argument("--aimock", type=Path)
    options = parser.parse_args()
    processors = os.sched_getaffinity(0)
    rest = processors - {min(processors)} or processors
    met = []
    with running([sys.executable, "-c", OURS]) as (port, process, ready):
        os.sched_setaffinity(0, rest)
        met.append(told("ready and answering", ready, "s", 0.3))
        met.append(
            told("streams of ten events", load(port, STREAM, seconds=options.seconds), "/s", 2500, least=True)
        )
        met.append(told("unary answers", load(port, UNARY, seconds=options.seconds), "/s", 3500, least=True))
        os.sched_setaffinity(0, processors)
    with running([sys.executable, "-c", OURS]) as (port, process, _):
        met.append(told("memory with 1,000 slow streams", memory_of_slow_streams(port, process), "MB", 200))
    with running([sys.executable, "-c", OURS]) as (port, process, _):
        load(port, UNARY, count=options.interactions // 5)
        before = resident_mb(process)
        load(port, UNARY, count=options.interactions * 4 // 5)
        grown = resident_mb(process) - before
        met.append(
            told(
                f"growth from {options.interactions // 5} to {options.interactions} interactions",
                grown,
                "MB",
                10,
            )
        )
        print(f"{'memory then':52} {before + grown:9.2f} MB")  # noqa: T201
    if options.aimock is not None:
        with tempfile.NamedTemporaryFile("w", suffix=".mjs", dir=options.aimock) as script:
            script.write(THEIRS)
            script.flush()
            with running(["node", script.name], options.aimock) as (port, _, ready):
                os.sched_setaffinity(0, rest)
                for what, value, unit in (
                    ("ready and answering", ready, "s"),
                    ("streams of ten events", load(port, STREAM, seconds=options.seconds), "/s"),
                    ("unary answers", load(port, UNARY, seconds=options.seconds), "/s"),
                ):
                    print(f"{'aimock: ' + what:52} {value:9.2f} {unit}")  # noqa: T201
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
