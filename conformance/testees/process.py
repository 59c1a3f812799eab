"""A driver while it runs: started, asked, watched, restarted after a crash, and ended whatever happens.

    with Testee(["python", "driver.py"]) as testee:
        testee.ready["name"]
        delivered = testee.ask(call, limit_s=10)       # from as many threads as there are lanes

Whatever the program does is told, and nothing makes the caller wait for ever: a line that is no message, an
answer to nobody, and a second answer are `problems`; a call that is not answered ends as "hung", and one
whose program ended as "crashed". stderr is a log. A program may write its messages to the descriptor that
CONFORMANCE_FD names, so that what its runtime prints on stdout is a log too.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Any, ClassVar, Self, TypeAlias

from conformance.errors import TesteeBroken, TesteeMissing, TesteeNotReady
from conformance.testees.protocol import (
    ENDINGS,
    LONGEST_LINE,
    PROTOCOL,
    Message,
    MessageBroken,
    problem_of,
    read_message,
    write_message,
)

__all__ = ["Delivered", "Heard", "Testee"]

Heard: TypeAlias = Callable[[Message], None]

_LOG = 64 * 1024
_MOST_PROBLEMS = 20
_MOST_EVENTS = 100_000
_RESTARTS = 3
_SECRETS = ("GEMINI_", "GOOGLE_", "OPENAI_", "ANTHROPIC_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(slots=True)
class Delivered:
    """What a driver told of one call.

    ending: end, error, unsupported or fault; "crashed" when the program ended, "hung" when it did not answer.
    last: the message that ended it; empty for the two others.
    """

    ending: str = ""
    events: list[Message] = field(default_factory=list)
    last: Message = field(default_factory=dict)
    problem: str = ""

    @property
    def values(self) -> list[Any]:
        """What the client handed to its user, event by event."""
        return [event.get("value") for event in self.events]


@dataclass(slots=True, eq=False)
class _Waiting:
    """A call that is under way."""

    heard: Heard | None = None
    delivered: Delivered = field(default_factory=Delivered)
    done: threading.Event = field(default_factory=threading.Event)

    def end(self, ending: str, problem: str = "") -> None:
        self.delivered.ending = ending
        self.delivered.problem = problem
        self.done.set()


class Testee:
    """The driver of one client.

    problems: what it said that makes no sense, and crashes: how its program ended, where nobody asked it to.
    given_up: why it is asked no more; empty while it is.
    ready_s: how long it may take to say `ready`.
    validate: hold every message against its schema.
    """

    __test__: ClassVar[bool] = False

    def __init__(self, command: Sequence[str], *, ready_s: float = 10, validate: bool = False) -> None:
        self.command = list(command)
        self.ready: Message = {}
        self.problems: list[str] = []
        self.crashes: list[str] = []
        self._ready_s = ready_s
        self._validate = validate
        self._lock = threading.Lock()
        self._program: _Program | None = None
        self._lanes = threading.Semaphore(1)
        self.given_up = ""

    def __enter__(self) -> Self:
        self._program = self._start()
        self.ready = self._program.ready
        self._lanes = threading.Semaphore(self.max_in_flight)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(hurry=error is not None)

    @property
    def max_in_flight(self) -> int:
        """How many calls it takes at a time."""
        told = self.ready.get("max_in_flight", 1)
        return min(64, max(1, told)) if isinstance(told, int) else 1

    @property
    def log(self) -> str:
        """The end of what the program printed on stderr, or on stdout where that is a log."""
        return self._program.log() if self._program is not None else ""

    def words(self, name: str) -> frozenset[str]:
        """Give the operations or the capabilities that it declares."""
        told = self.ready.get(name)
        return frozenset(map(str, told)) if isinstance(told, list) else frozenset()

    def ask(self, call: Mapping[str, Any], limit_s: float, *, heard: Heard | None = None) -> Delivered:
        """Make a call and wait for its end, or for the limit.

        heard: is called for each event when it comes, in the thread that reads.

        Raises:
            TesteeBroken: it crashed, or had to be ended, too often.
        """
        with self._lanes:
            return self._running().ask(call, limit_s, heard)

    def _running(self) -> "_Program":
        """Give the program, started again if it has ended or all of its lanes are stuck."""
        with self._lock:
            if self.given_up:
                raise TesteeBroken(self.command, self.given_up)
            program = self._program
            if program is not None and program.alive and program.stuck < self.max_in_flight:
                return program
            if program is not None:
                self.crashes.append(program.obituary())
                program.end(hurry=True)
            if len(self.crashes) > _RESTARTS:
                self.given_up = f"ended {len(self.crashes)} times, last: {self.crashes[-1]}"
                raise TesteeBroken(self.command, self.given_up)
            try:
                self._program = self._start()
            except TesteeNotReady as error:
                self.given_up = error.problem
                raise TesteeBroken(self.command, f"crashed and did not come back: {error}") from None
            return self._program

    def _start(self) -> "_Program":
        return _Program(self.command, self.problems, self._ready_s, validate=self._validate)

    def _end(self, *, hurry: bool) -> None:
        with self._lock:
            self.given_up = self.given_up or ("was ended by the harness" if hurry else "")
        if self._program is not None:
            self._program.end(hurry=hurry)
            if self._program.crashed:
                self.crashes.append(self._program.obituary())


class _Program:
    """One life of the program, with the threads that talk to it."""

    def __init__(
        self, command: Sequence[str], problems: list[str], ready_s: float, *, validate: bool
    ) -> None:
        self.ready: Message = {}
        self.alive = True
        self.crashed = False
        self._command = command
        self._problems = problems
        self._validate = validate
        self._log = bytearray()
        self._calls: dict[str, _Waiting] = {}
        self._over: set[str] = set()
        self._hung: set[str] = set()
        self._lock = threading.Lock()
        self._is_ready = threading.Event()
        self._first_line = ""
        self._stopping = False
        self._aside = False
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._process = self._spawn()
        self._threads: list[threading.Thread] = []
        self._talk()
        try:
            self._wait_until_ready(ready_s)
        except BaseException:
            self.end(hurry=True)
            raise

    def _spawn(self) -> "subprocess.Popen[bytes]":
        environment = _environment()
        self._side = -1
        write_end = -1
        if sys.platform != "win32":
            self._side, write_end = os.pipe()
            environment["CONFORMANCE_FD"] = str(write_end)
        try:
            return subprocess.Popen(  # noqa: S603  the user's own command
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment,
                start_new_session=True,
                pass_fds=(write_end,) if write_end >= 0 else (),
            )
        except (OSError, ValueError) as error:
            if self._side >= 0:
                os.close(self._side)
            told = error.strerror if isinstance(error, OSError) else str(error)
            raise TesteeMissing(self._command, told or "no reason is known") from None
        finally:
            if write_end >= 0:
                os.close(write_end)

    def _talk(self) -> None:
        process = self._process
        works = [
            threading.Thread(target=self._write, args=(process.stdin,), daemon=True),
            threading.Thread(target=self._read, args=(process.stdout, False), daemon=True),
            threading.Thread(target=self._keep, args=(process.stderr,), daemon=True),
        ]
        if self._side >= 0:
            side = os.fdopen(self._side, "rb", buffering=0)
            works.append(threading.Thread(target=self._read, args=(side, True), daemon=True))
        for work in works:
            work.start()
        self._threads = works[1:]
        threading.Thread(target=self._watch, daemon=True).start()

    def _wait_until_ready(self, ready_s: float) -> None:
        end = time.monotonic() + ready_s
        while not self._is_ready.wait(0.05) and self.alive and time.monotonic() < end:
            pass
        if self.ready.get("protocol") == PROTOCOL:
            return
        if self.ready:
            problem = f"speaks protocol {ascii(self.ready.get('protocol'))[:40]}, not {PROTOCOL}"
        elif not self.alive:
            problem = f"ended with exit code {self._process.returncode} before it was ready"
        else:
            problem = f"was not ready in {ready_s:g} s"
        last = self.log().strip().splitlines()
        raise TesteeNotReady(self._command, problem, self._first_line, last[-1][:200] if last else "")

    @property
    def stuck(self) -> int:
        """How many calls it never answered."""
        return len(self._hung)

    # What the program is asked.

    def ask(self, call: Mapping[str, Any], limit_s: float, heard: Heard | None = None) -> Delivered:
        waiting = _Waiting(heard)
        with self._lock:
            self._calls[call["id"]] = waiting
        if not self.alive:
            self._bury()
        self._outbox.put(write_message(call))
        if not waiting.done.wait(limit_s):
            self._outbox.put(write_message({"type": "cancel", "id": call["id"]}))
            with self._lock:
                if self._calls.pop(call["id"], None) is not None:
                    self._hung.add(call["id"])
                    waiting.end("hung", f"no answer in {limit_s:g} s")
            waiting.done.wait()
        return waiting.delivered

    def end(self, *, hurry: bool) -> None:
        """End the program and everything that it started."""
        self._stopping = True
        self.crashed |= self._process.poll() not in (None, 0)
        self._outbox.put(write_message({"type": "stop"}))
        self._outbox.put(None)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0 if hurry else 5)
        if self._process.poll() is None:
            self._kill(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5 if hurry else 2)
        self._kill(getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process.wait()
        for thread in self._threads:
            thread.join(1)

    def _kill(self, number: int) -> None:
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.terminate()
            else:
                os.killpg(self._process.pid, number)

    # What the program says, each in a thread of its own.

    def _write(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while (line := self._outbox.get()) is not None:
                rest = memoryview(line)
                while rest:
                    rest = rest[pipe.write(rest) :]
        with contextlib.suppress(OSError):
            pipe.close()

    def _keep(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError), pipe:
            while chunk := pipe.read(65536):
                self._remember(chunk)

    def _remember(self, chunk: bytes) -> None:
        with self._lock:
            self._log += chunk
            del self._log[:-_LOG]

    def _read(self, pipe: IO[bytes], aside: bool) -> None:
        """Read lines to the end; one that is too long is thrown away, not kept."""
        buffer, skipping = bytearray(), False
        with contextlib.suppress(OSError, ValueError), pipe:
            while chunk := pipe.read(1 << 18):
                buffer += chunk
                if b"\n" in chunk:
                    *lines, buffer = buffer.split(b"\n")
                    for line in lines[skipping:]:
                        self._take(bytes(line), aside)
                    skipping = False
                if len(buffer) > LONGEST_LINE:
                    if not skipping:
                        self._complain(f"a line of more than {LONGEST_LINE >> 20} MB: {_shown(buffer)}")
                    buffer, skipping = bytearray(), True
        if buffer and not skipping:
            self._take(bytes(buffer), aside, half=True)

    def _take(self, line: bytes, aside: bool, *, half: bool = False) -> None:
        if not line.strip():
            return
        if self._aside and not aside:
            self._remember(line + b"\n")
            return
        try:
            message = read_message(line)
        except MessageBroken as error:
            self._first_line = self._first_line or _shown(line)
            what = "half a line" if half else f"a line that {error}"
            self._complain(f"{what}: {_shown(line)}")
            return
        self._aside |= aside
        if self._validate and (problem := problem_of(message)):
            self._complain(f"a message that breaks its schema: {problem}")
        match message["type"]:
            case "ready":
                self._get_ready(message)
            case "log":
                self._remember(json.dumps(message).encode() + b"\n")
            case _:
                self._deliver(message)

    def _get_ready(self, message: Message) -> None:
        if self.ready:
            self._complain("a second ready message")
            return
        self.ready = message
        self._is_ready.set()

    def _deliver(self, message: Message) -> None:
        name = message["id"]
        with self._lock:
            waiting = self._calls.get(name)
            late = name in self._hung
            if message["type"] in ENDINGS and (late or waiting is not None):
                self._calls.pop(name, None)
                self._hung.discard(name)
                self._over.add(name)
        if waiting is None:
            if name in self._over and not late:
                self._complain(f"a message of type {message['type']} after the end of a call")
            elif not late:
                self._complain(f"an answer to the call {ascii(name)[:60]}, which nobody made")
            return
        delivered = waiting.delivered
        if message["type"] == "event":
            if message.get("seq") != len(delivered.events) + 1:
                self._complain(f"an event with seq {ascii(message.get('seq'))[:20]} out of turn")
            if len(delivered.events) < _MOST_EVENTS:
                delivered.events.append(message)
            if waiting.heard is not None:
                waiting.heard(message)
            return
        delivered.last = message
        waiting.end(message["type"])

    def _watch(self) -> None:
        self._process.wait()
        for thread in self._threads:
            thread.join(0.5)
        self.alive = False
        self.crashed |= not self._stopping
        self._bury()

    def _bury(self) -> None:
        """End the calls under way: there is nobody left to answer them."""
        with self._lock:
            waiting, self._calls = self._calls, {}
            self._over |= waiting.keys()
        for one in waiting.values():
            one.end("crashed", self.obituary())

    def obituary(self) -> str:
        """Say how the program ended, with the last line of its log."""
        code = self._process.poll()
        if code is None:
            how = f"{self.stuck} calls were never answered"
        elif code < 0:
            how = f"it was killed by signal {-code}"
        else:
            how = f"it ended with exit code {code}"
        last = self.log().strip().splitlines()
        return f"{how}; its log ends in {ascii(last[-1][:200])}" if last else how

    def log(self) -> str:
        with self._lock:
            return self._log.decode(errors="replace")

    def _complain(self, problem: str) -> None:
        with self._lock:
            if len(self._problems) < _MOST_PROBLEMS and problem not in self._problems:
                self._problems.append(problem)


def _environment() -> dict[str, str]:
    """Give the surroundings of a driver: no real key, no proxy."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SECRETS) and name.lower() not in _PROXIES
    }


def _shown(line: bytes | bytearray) -> str:
    text = bytes(line[:80]).decode(errors="replace").strip()
    return text if len(line) <= 80 else f"{text}…"
