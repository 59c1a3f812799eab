"""What people wait for: decoding and judging by event, our validation against stock ones, and the commands.

    python -m tests.bench

The inputs are the cassettes of this project, so that every run does the same work; a time is the best of
several repeats, a command's the median of five. Microseconds are of this machine; the ratios, and what is
given in units of `json.loads` of the same data, hold anywhere.
"""

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from conformance import judge
from conformance.contract.coverage import Coverage
from conformance.contract.store import contract
from conformance.scenario.target import CassetteTarget
from conformance.wire.cassette import read_cassette
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.sse import decode
from conformance.wire.trace import Trace
from tests.generate.stock import NAMES, stock

_JSON = (("content-type", "application/json"), ("x-goog-api-key", "a-key"))
CASSETTES = Path(__file__).parents[1] / "cassettes" / "interactions"
STREAMED = ("text_streamed", "search_streamed", "function_calling_parallel_streamed", "turns_streamed")
ROUNDS = 60
REPEATS = 7
COMMANDS = 5

Accepts = Callable[[str, Any], bool]


def _line(*cells: object) -> None:
    first, *rest = map(str, cells)
    line = f"{first:<46}" + "".join(f"{cell:>14}" for cell in rest)
    sys.stdout.write(line.rstrip() + "\n")


def best_s(work: Callable[[], object]) -> float:
    """Give the shortest of some repeats, the garbage collector off."""
    work()
    times = []
    for _ in range(REPEATS):
        gc.collect()
        gc.disable()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
        gc.enable()
    return min(times)


def _trace(name: str) -> Trace:
    return Trace.of(read_cassette(CASSETTES / f"{name}.yaml")[0], name)


def _steps(name: str) -> Iterator[list[dict[str, Any]]]:
    """The events of each step in the streams of a cassette."""
    for stream in _trace(name).streams:
        for life in stream.steps.values():
            events = sorted((*life.starts, *life.deltas, *life.stops), key=lambda event: event.position)
            yield [event.json for event in events]


def _renamed(value: Any, suffix: str) -> Any:
    """The same value with other ids, so that no two calls of the long stream share one."""
    match value:
        case dict():
            return {
                key: f"{item}{suffix}" if key in ("id", "call_id") else _renamed(item, suffix)
                for key, item in value.items()
            }
    return value


def long_stream() -> Exchange:
    """Give one stream of text, thoughts, searches and function calls, some thousands of events long."""
    first = _trace("function_calling_parallel_streamed").calls[0]
    assert first.stream is not None
    created, completed = first.stream.created, first.stream.completed
    assert created is not None
    assert completed is not None
    payloads: list[dict[str, Any]] = [created.json]
    index = 0
    for number in range(ROUNDS):
        for name in STREAMED:
            for step in _steps(name):
                payloads.extend({**_renamed(event, f"_{number}_{name}"), "index": index} for event in step)
                index += 1
    payloads.append(completed.json)
    frames = [
        f"event: {payload['event_type']}\ndata: {json.dumps(payload, ensure_ascii=False)}\n\n"
        for payload in payloads
    ]
    body = "".join([*frames, "event: done\ndata: [DONE]\n\n"]).encode()
    asked = {key: value for key, value in first.asked.items() if key != "tools"}
    request = Request("POST", "/v1beta/interactions", _JSON, json.dumps(asked).encode())
    return Exchange(request, Response(200, (("content-type", "text/event-stream"),), body), "long")


def _read(exchange: Exchange) -> Trace:
    trace = Trace.of([exchange])
    assert all(event.json for event in trace.streams[0].payloads)
    return trace


def bench_stream(exchange: Exchange) -> None:
    """Print what an event of the long stream costs, step by step."""
    assert exchange.response is not None
    body, trace = exchange.response.body, _read(exchange)
    count = len(trace.streams[0].events)
    texts = [event.frame.data for event in trace.streams[0].payloads if event.frame and event.frame.data]
    assert judge(trace).findings == []
    events = [event.json for event in trace.streams[0].payloads]
    store = contract()
    branches = set().union(*(store.validate("interactions/event", event).branches for event in events))
    unit = 0.0
    _line(f"one stream: {count:,} events, {len(body):,} bytes", "us/event", "x json.loads")
    for name, work in {
        "json.loads of the data": lambda: [json.loads(text) for text in texts],
        "decode: bytes to frames": lambda: list(decode([body])),
        "read: bytes to a trace (decode, JSON, types)": lambda: _read(exchange),
        "validate: schema, drift, branches": lambda: [
            store.validate("interactions/event", event) for event in events
        ],
        "judge: all checks, schema and drift": lambda: judge(_fresh(trace)),
        "read and judge": lambda: judge(_read(exchange)),
    }.items():
        seconds = best_s(work)
        unit = unit or seconds
        _line(f"  {name}", f"{seconds / count * 1e6:.2f}", f"{seconds / unit:.1f}")
    _line("  coverage of the whole stream, once (us)", f"{best_s(lambda: Coverage.of(branches)) * 1e6:.0f}")


def _fresh(trace: Trace) -> Trace:
    """The same trace, with nothing that an earlier judgement looked up."""
    return Trace(
        tuple(replace(call, stream=replace(call.stream) if call.stream else None) for call in trace.calls),
        trace.name,
    )


def bench_unary() -> None:
    """Print what a small exchange costs from bytes to report."""
    exchange = _trace("text").calls[0].exchange
    assert exchange.response is not None
    size = len(exchange.response.body)
    seconds = best_s(lambda: [judge(Trace.of([exchange])) for _ in range(50)]) / 50
    _line(f"one unary exchange of {size} bytes", "us")
    _line("  read and judge", f"{seconds * 1e6:.0f}")


def _documents() -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
    """What is validated: the events of all cassettes, and their unary bodies, with the schema of each."""
    events: list[tuple[str, Any]] = []
    bodies: list[tuple[str, Any]] = []
    roots = {"request": "interactions/create_request", "interaction": "interactions/interaction"}
    for path in sorted(CASSETTES.glob("*.yaml")):
        for document in _trace(path.stem).documents:
            if document.kind == "event":
                events.append(("interactions/event", document.json))
            elif document.kind in roots:
                bodies.append((roots[document.kind], document.json))
    return events, bodies


def _accelerated() -> Accepts | None:
    """Give jsonschema-rs, when it is installed."""
    if find_spec("jsonschema_rs") is None:
        return None
    library: Any = import_module("jsonschema_rs")
    files = [contract().file(name) for name in NAMES]
    registry = library.Registry([(file["$id"], file) for file in files])
    compiled = {
        name: library.Draft202012Validator(contract().file(name), registry=registry)
        for name in ("interactions/event", "interactions/interaction", "interactions/create_request")
    }
    return lambda name, value: bool(compiled[name].is_valid(value))


def _validated(accepts: Accepts, documents: list[tuple[str, Any]]) -> list[bool]:
    return [accepts(name, value) for name, value in documents]


def bench_validators() -> None:
    """Print our validation beside stock ones on the same values; all give the same verdicts."""
    validators: dict[str, Accepts] = {
        "ours: problems, drift, branches": lambda name, value: not contract().validate(name, value).problems,
        "jsonschema: is_valid": lambda name, value: bool(stock(name).is_valid(value)),
    }
    if accelerated := _accelerated():
        validators["jsonschema-rs: is_valid"] = accelerated
    for title, documents in zip(("events", "unary bodies"), _documents(), strict=True):
        told = [_validated(accepts, documents) for accepts in validators.values()]
        assert all(row == told[0] for row in told)
        _line(f"validation of {len(documents)} {title} ({sum(told[0])} right)", "us each", "x ours")
        ours = 0.0
        for label, accepts in validators.items():
            seconds = best_s(partial(_validated, accepts, documents))
            ours = ours or seconds
            _line(f"  {label}", f"{seconds / len(documents) * 1e6:.2f}", f"{seconds / ours:.2f}")


def bench_commands() -> None:
    """Print how long a user waits for the commands."""
    _line(f"commands, median of {COMMANDS}", "ms", "exit code")
    program = [sys.executable, "-m", "conformance.cli"]
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    with tempfile.TemporaryDirectory() as folder:
        for arguments in ([], ["--help"], ["run"]):
            command = [*program, *arguments] if arguments else [sys.executable, "-c", "pass"]
            times, code = [], 0
            for _ in range(COMMANDS):
                start = time.perf_counter()
                ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
                times.append(time.perf_counter() - start)
                code = ended.returncode
            label = f"gemini-conformance {arguments[0]}" if arguments else "an empty Python, for comparison"
            _line(f"  {label}", f"{statistics.median(times) * 1e3:.0f}", code)


def bench_cassettes() -> None:
    """Print how long playing all cassettes takes, until the first verdict, and what an exchange adds."""
    program = [sys.executable, "-m", "conformance.cli", "run", "--target", "cassettes"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with tempfile.TemporaryDirectory() as folder:
        whole, first = [], []
        for _ in range(COMMANDS):
            start = time.perf_counter()
            asked = [*program, "--format", "json"]
            with subprocess.Popen(asked, cwd=folder, env=environment, stdout=subprocess.PIPE) as ended:
                seen = [time.perf_counter() for line in ended.stdout or () if b'"passes"' in line]
            first.append(seen[0] - start)
            start = time.perf_counter()
            subprocess.run(
                [*program, "-n", "2"], cwd=folder, env=environment, capture_output=True, check=False
            )
            whole.append(time.perf_counter() - start)
    requests = [
        (path, [one.request for one in read_cassette(path)[0] if one.request is not None])
        for path in sorted(CASSETTES.glob("*.yaml"))
    ]
    count = sum(len(asked) for _, asked in requests)
    seconds = best_s(partial(_replayed, requests))
    _line(f"cassettes, median of {COMMANDS}", "ms")
    _line("  run --target cassettes -n 2", f"{statistics.median(whole) * 1e3:.0f}")
    _line("  from the start to the first verdict", f"{statistics.median(first) * 1e3:.0f}")
    _line(f"  read and replay, an exchange of {count}", f"{seconds / count * 1e3:.2f}")


def _replayed(requests: list[tuple[Path, list[Request]]]) -> None:
    for path, asked in requests:
        target = CassetteTarget(path)
        for request in asked:
            target.send(request)


def main() -> None:
    """Print all tables."""
    version = ".".join(map(str, sys.version_info[:3]))
    _line(f"Python {version}, {os.cpu_count()} processors, best of {REPEATS}")
    bench_stream(long_stream())
    bench_unary()
    bench_validators()
    bench_commands()
    bench_cassettes()


if __name__ == "__main__":
    main()
