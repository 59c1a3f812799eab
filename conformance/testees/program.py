"""One life of a driver's program, with the threads that talk to it; `process` starts another after a crash.

    program = Program(launch, problems)
    program.ask(call, limit_s)           # from as many threads as there are lanes
    program.end(hurry=False)

A program that can be asked no more, or that takes what is not its own, is ended here and its calls are told
why: it has closed its ends of the pipes, uses too much memory, or talks without end.
"""

import contextlib
import json
import os
import queue
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, TypeAlias

from conformance.errors import TesteeMissing, TesteeNotReady
from conformance.testees.family import TOKEN, Family
from conformance.testees.protocol import (
    LONGEST_LINE,
    PROTOCOL,
    Message,
    MessageBroken,
    problem_of,
    read_message,
    write_message,
)

__all__ = ["Delivered", "Heard", "Launch", "Program"]

Heard: TypeAlias = Callable[[Message], None]
_LOG = 64 * 1024
_ERROR = re.compile(r"(Uncaught )?\w*(Error|Exception)( \[\w+\])?:")
_MOST_PROBLEMS = 20
_MOST_NONSENSE = 100_000
_MOST_EVENTS = 100_000
_MOST_BYTES = 64 * 2**20
_LOOK_S = 0.5
_FAREWELL_S = 2.0
_CANCEL_S = 1.0


@dataclass(frozen=True, slots=True)
class Launch:
    """How a program is started, and what it may use.

    token: stands in the environment of all its processes.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    token: str
    ready_s: float = 10
    memory_mb: int = 2048
    validate: bool = False


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
    """A call that is under way: its runs, one unless it is repeated.

    news_s: when the last of its endings came.
    failure: what `heard` raised.
    """

    runs: list[Delivered]
    heard: Heard | None = None
    news_s: float = field(default_factory=time.monotonic)
    sizes: dict[int, int] = field(default_factory=dict)
    failure: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def left(self) -> int:
        """How many runs have no ending yet."""
        return sum(not run.ending for run in self.runs)

    def run_of(self, message: Message) -> int | None:
        """Give the number of the run that a message is about, from 1; None where it names none."""
        if len(self.runs) == 1:
            return 1
        run = message.get("run")
        return run if type(run) is int and 1 <= run <= len(self.runs) else None

    def end(self, delivered: Delivered, ending: str, problem: str = "") -> None:
        """Note the end of a run."""
        delivered.ending, delivered.problem = ending, problem
        self.news_s = time.monotonic()
        if not self.left:
            self.done.set()

    def end_all(self, ending: str, problem: str) -> None:
        """End the runs that have no ending yet."""
        for run in self.runs:
            if not run.ending:
                self.end(run, ending, problem)

    def is_over(self, limit_s: float) -> bool:
        """Wait for the last ending; False when none comes in so many seconds."""
        while (rest_s := self.news_s + limit_s - time.monotonic()) > 0:
            if self.done.wait(rest_s):
                return True
        return self.done.is_set()

    def hear(self, message: Message) -> None:
        """Tell an event to whoever waits for it; what they raise is theirs."""
        if self.heard is None or self.failure is not None:
            return
        try:
            self.heard(message)
        except Exception as error:  # noqa: BLE001  it is raised where they wait
            self.failure = error


class Program:
    """A program that has said `ready`.

    Raises:
        TesteeMissing: it cannot be started.
        TesteeNotReady: it did not say `ready` in time, or something else.
    """

    def __init__(self, launch: Launch, problems: list[str]) -> None:
        self.ready: Message = {}
        self.alive = True
        self.crashed = False
        self._launch = launch
        self._problems = problems
        self._nonsense = 0
        self._log = bytearray()
        self._calls: dict[str, _Waiting] = {}
        self._over: set[str] = set()
        self._hung: dict[str, _Waiting] = {}
        self._lock = threading.Lock()
        self._is_ready = threading.Event()
        self._is_gone = threading.Event()
        self._first_line = ""
        self._sentence = ""
        self._stopping = False
        self._aside = False
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._process = self._spawn()
        self._family = Family(self._process, launch.token)
        self._threads: list[threading.Thread] = []
        self._talk()
        try:
            self._wait_until_ready()
        except BaseException:
            self.end(hurry=True)
            raise

    def _spawn(self) -> "subprocess.Popen[bytes]":
        environment = {**self._launch.environment, TOKEN: self._launch.token}
        self._side = -1
        write_end = -1
        if sys.platform != "win32":
            self._side, write_end = os.pipe()
            environment["CONFORMANCE_FD"] = str(write_end)
        try:
            return subprocess.Popen(  # noqa: S603  the user's own command
                self._launch.command,
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
            raise TesteeMissing(self._launch.command, told or "no reason is known") from None
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
        threading.Thread(target=self._look, daemon=True).start()

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + self._launch.ready_s
        while not self._is_ready.wait(0.05) and self.alive and time.monotonic() < end:
            pass
        if self.ready.get("protocol") == PROTOCOL:
            return
        if self.ready:
            problem = f"speaks protocol {ascii(self.ready.get('protocol'))[:40]}, not {PROTOCOL}"
        elif self._sentence:
            problem = self._sentence
        elif not self.alive:
            problem = f"ended with exit code {self._process.returncode} before it was ready"
        else:
            problem = f"was not ready in {self._launch.ready_s:g} s"
        raise TesteeNotReady(self._launch.command, problem, self._first_line, self._last_words())

    @property
    def stuck(self) -> int:
        """How many calls it never answered."""
        return len(self._hung)

    # What the program is asked.

    def ask(self, call: Mapping[str, Any], limit_s: float, heard: Heard | None = None) -> list[Delivered]:
        """Make a call; give what came of each of its runs."""
        waiting = _Waiting([Delivered() for _ in range(call.get("repeat", 1))], heard)
        with self._lock:
            self._calls[call["id"]] = waiting
        if not self.alive:
            self._bury()
        self._outbox.put(write_message(call))
        if not waiting.is_over(limit_s):
            self._give_up(call["id"], waiting, f"no answer in {limit_s:g} s")
        if waiting.failure is not None:
            raise waiting.failure
        return waiting.runs

    def _give_up(self, name: str, waiting: _Waiting, problem: str) -> None:
        """Ask the program to cancel a call; whatever comes of it, nobody waits for it any more."""
        self._outbox.put(write_message({"type": "cancel", "id": name}))
        hung = _Waiting([Delivered(run.ending) for run in waiting.runs])
        with self._lock:
            if self._calls.pop(name, None) is not None:
                self._hung[name] = hung
                waiting.end_all("hung", problem)
        waiting.done.wait()
        if name in self._hung:
            hung.done.wait(_CANCEL_S)

    def end(self, *, hurry: bool) -> None:
        """End the program and everything that it started."""
        self._stopping = True
        self.crashed |= self._process.poll() not in (None, 0)
        self._outbox.put(write_message({"type": "stop"}))
        self._outbox.put(None)
        try:
            if not self._has_ended(0 if hurry else 5):
                self._family.ask_to_end()
                self._has_ended(0.5 if hurry else 2)
        finally:
            self._family.end()
            self._has_ended(5)
        for thread in self._threads:
            thread.join(1)

    def _has_ended(self, limit_s: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(limit_s)
        return self._process.poll() is not None

    def _condemn(self, sentence: str) -> None:
        """End a program that nobody can go on with."""
        with self._lock:
            if self._stopping or self._sentence:
                return
            self._sentence = f"{sentence} and was ended"
        self._complain(f"it {self._sentence}")
        self._family.end()

    # What the program says and does, each in a thread of its own.

    def _write(self, pipe: IO[bytes]) -> None:
        try:
            while (line := self._outbox.get()) is not None:
                rest = memoryview(line)
                while rest:
                    rest = rest[pipe.write(rest) :]
        except (OSError, ValueError):
            if not self._has_ended(_FAREWELL_S):
                self._condemn("closed its stdin")
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
        if self._is_ready.is_set() and aside == self._aside and not self._has_ended(_FAREWELL_S):
            self._condemn("closed its stdout")

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
        if self._launch.validate and (problem := problem_of(message)):
            self._complain(f"a message that breaks its schema: {problem}")
        match message["type"]:
            case "ready":
                self._get_ready(message)
            case "log":
                self._remember(json.dumps(message).encode() + b"\n")
            case _:
                self._deliver(message, len(line))

    def _get_ready(self, message: Message) -> None:
        if self.ready:
            self._complain("a second ready message")
            return
        self.ready = message
        if message.get("protocol") == PROTOCOL and not self._launch.validate:
            problem = problem_of(message)
            if problem:
                self._complain(f"a message that breaks its schema: {problem}")
        self._is_ready.set()

    def _deliver(self, message: Message, size: int) -> None:
        """Give a message to whoever waits for it; what comes too late ends a call, and is no news."""
        name, kind = message["id"], message["type"]
        with self._lock:
            late = name in self._hung
            waiting = self._hung.get(name) or self._calls.get(name)
        if waiting is None:
            over = name in self._over
            nobody = f"an answer to the call {ascii(name)[:60]}, which nobody made"
            self._complain(f"a message of type {kind} after the end of a call" if over else nobody)
            return
        run = waiting.run_of(message)
        if run is None:
            self._complain(f"a message of a call that is made {len(waiting.runs)} times, without its run")
            return
        delivered = waiting.runs[run - 1]
        if delivered.ending:
            self._complain(f"a message of type {kind} after the end of run {run} of a call")
        elif kind != "event":
            self._end_run(name, waiting, delivered, message)
        elif not late:
            self._deliver_event(message, delivered, waiting, run, size)

    def _end_run(self, name: str, waiting: _Waiting, delivered: Delivered, message: Message) -> None:
        with self._lock:
            if waiting.left == 1:
                self._calls.pop(name, None)
                self._hung.pop(name, None)
                self._over.add(name)
            delivered.last = message
            waiting.end(delivered, message["type"])

    def _deliver_event(
        self, message: Message, delivered: Delivered, waiting: _Waiting, run: int, size: int
    ) -> None:
        if message.get("seq") != len(delivered.events) + 1:
            self._complain(f"an event with seq {ascii(message.get('seq'))[:20]} out of turn")
        kept = waiting.sizes[run] = waiting.sizes.get(run, 0) + size
        if len(delivered.events) >= _MOST_EVENTS or kept > _MOST_BYTES:
            self._condemn(f"told more than {_MOST_EVENTS} events, or {_MOST_BYTES >> 20} MB, of one call")
            return
        delivered.events.append(message)
        waiting.hear(message)

    def _watch(self) -> None:
        self._process.wait()
        self._is_gone.set()
        for thread in self._threads:
            thread.join(0.5)
        self.alive = False
        self.crashed |= not self._stopping
        self._bury()

    def _look(self) -> None:
        """Look at its memory and its stdin now and then; less often where looking takes long."""
        pause_s = _LOOK_S
        while not self._is_gone.wait(pause_s):
            start = time.monotonic()
            if self._family.resident_mb() > self._launch.memory_mb:
                self._condemn(f"used more than {self._launch.memory_mb} MB")
            pause_s = max(_LOOK_S, 20 * (time.monotonic() - start))
            if self._is_deaf() and not self._has_ended(_FAREWELL_S):
                self._condemn("closed its stdin")

    def _is_deaf(self) -> bool:
        """Whether nobody is left who could read what is written; a write may have gone well before that."""
        pipe = self._process.stdin
        if pipe is None or pipe.closed or not hasattr(select, "poll"):
            return False
        poll = select.poll()
        with contextlib.suppress(ValueError, OSError):  # it is closed at this moment
            poll.register(pipe, 0)
            return any(event & select.POLLERR for _, event in poll.poll(0))
        return False

    def _bury(self) -> None:
        """End the calls under way: there is nobody left to answer them."""
        with self._lock:
            waiting, self._calls = self._calls, {}
            self._over |= waiting.keys()
            hung = list(self._hung.values())
        for one in (*waiting.values(), *hung):
            one.end_all("crashed", self.obituary())

    def obituary(self) -> str:
        """Say how the program ended, with the last line of its log."""
        code = self._process.poll()
        if self._sentence:
            how = f"it {self._sentence}"
        elif code is None:
            how = f"{self.stuck} calls were never answered"
        elif code < 0:
            how = f"it was killed by signal {-code}"
        else:
            how = f"it ended with exit code {code}"
        last = self._last_words()
        return f"{how}; its log ends in {ascii(last)}" if last else how

    def _last_words(self) -> str:
        """Give the last line of the log that tells something: Node ends every crash with its version."""
        lines = [line.strip() for line in self.log().splitlines()]
        told = [line for line in lines if line] or [""]
        errors = (
            [line for line in told[-40:] if _ERROR.match(line)] if told[-1].startswith("Node.js v") else []
        )
        return (errors or told)[-1][:200]

    def log(self) -> str:
        """Give the end of what it printed on stderr, or on stdout where that is a log."""
        with self._lock:
            return self._log.decode(errors="replace")

    def _complain(self, problem: str) -> None:
        with self._lock:
            if len(self._problems) < _MOST_PROBLEMS and problem not in self._problems:
                self._problems.append(problem)
            self._nonsense += 1
        if self._nonsense == _MOST_NONSENSE:
            self._condemn(f"said {_MOST_NONSENSE} things that are no answers")


def _shown(line: bytes | bytearray) -> str:
    text = bytes(line[:80]).decode(errors="replace").strip()
    return text if len(line) <= 80 else f"{text}…"
