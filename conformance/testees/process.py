"""A driver while it runs: started, asked, watched, restarted after a crash, and ended whatever happens.

    with Testee(["python", "driver.py"]) as testee:
        testee.ready["name"]
        delivered = testee.ask(call, limit_s=10)       # from as many threads as there are lanes
        many = testee.ask_repeated(call, 50, limit_s=10)

Whatever the program does is told, and nothing makes the caller wait for ever: a line that is no message, an
answer to nobody, and a second answer are `problems`; a call that is not answered ends as "hung", and one
whose program ended as "crashed". stderr is a log. A program may write its messages to the descriptor that
CONFORMANCE_FD names, so that what its runtime prints on stdout is a log too.

It runs in `surroundings` of its own, and its whole `family` ends with it.
"""

import os
import secrets
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from conformance.errors import TesteeBroken, TesteeNotReady
from conformance.testees.family import TOKEN
from conformance.testees.program import Delivered, Heard, Launch, Program
from conformance.testees.surroundings import surroundings

if TYPE_CHECKING:
    from conformance.testees.protocol import Message

__all__ = ["Delivered", "Heard", "Testee"]

_RESTARTS = 3


class Testee:
    """The driver of one client.

    problems: what it said that makes no sense, and crashes: how its program ended, where nobody asked it to.
    given_up: why it is asked no more; empty while it is.
    ready_s: how long it may take to say `ready`.
    validate: hold every message against its schema.
    memory_mb: how much memory its processes may use together, where that can be known.
    """

    __test__: ClassVar[bool] = False

    def __init__(
        self, command: Sequence[str], *, ready_s: float = 10, validate: bool = False, memory_mb: int = 2048
    ) -> None:
        self.command = list(command)
        self.ready: Message = {}
        self.problems: list[str] = []
        self.crashes: list[str] = []
        self.given_up = ""
        self._ready_s = ready_s
        self._validate = validate
        self._memory_mb = memory_mb
        self._lock = threading.Lock()
        self._program: Program | None = None
        self._mourned: Program | None = None
        self._lanes = threading.Semaphore(1)

    def __enter__(self) -> Self:
        self._home = tempfile.TemporaryDirectory(prefix="conformance-home-", ignore_cleanup_errors=True)
        # A harness within a driver of a harness keeps the token of the outer one.
        token = f"{os.environ.get(TOKEN, '')}.{secrets.token_hex(8)}".strip(".")
        self._launch = Launch(
            self.command,
            surroundings(os.environ, self._home.name),
            token,
            self._ready_s,
            self._memory_mb,
            self._validate,
        )
        try:
            self._program = self._start()
        except BaseException:
            self._home.cleanup()
            raise
        self.ready = self._program.ready
        self._lanes = threading.Semaphore(self.max_in_flight)
        return self

    def again(self) -> "Testee":
        """Give another driver of the same client, started in the same way, which has never crashed."""
        return Testee(self.command, ready_s=self._ready_s, validate=self._validate, memory_mb=self._memory_mb)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end(hurry=error is not None)
        finally:
            self._home.cleanup()

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

        heard: is called for each event when it comes, in the thread that reads; what it raises is raised here
            when the call is over, and it is called no more.

        Raises:
            TesteeBroken: it crashed, or had to be ended, too often.
        """
        with self._lanes:
            (delivered,) = self._running().ask(call, limit_s, heard)
            return delivered

    def ask_repeated(self, call: Mapping[str, Any], times: int, limit_s: float) -> list[Delivered]:
        """Make the same call so many times; give what came of each.

        A driver that declares `repeat` is asked once, makes the calls one after the other, and tells of each
        by its number; any other is asked so often, with ids of their own, as many at a time as it takes.
        limit_s: how long it may take from one ending to the next.

        Raises:
            TesteeBroken: it crashed, or had to be ended, too often.
        """
        if times == 1:
            return [self.ask(call, limit_s)]
        if "repeat" in self.words("capabilities"):
            with self._lanes:
                return self._running().ask({**call, "repeat": times}, limit_s)
        calls = [{**call, "id": f"{call['id']}.{number}"} for number in range(1, times + 1)]
        pool = ThreadPoolExecutor(self.max_in_flight, thread_name_prefix="repeat")
        try:
            return list(pool.map(lambda one: self.ask(one, limit_s), calls))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _running(self) -> Program:
        """Give the program, started again if it has ended or all of its lanes are stuck."""
        with self._lock:
            if self.given_up:
                raise TesteeBroken(self.command, self.given_up)
            program = self._program
            if program is not None and program.alive and program.stuck < self.max_in_flight:
                return program
            if program is not None:
                self._mourn(program)
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

    def _start(self) -> Program:
        return Program(self._launch, self.problems)

    def _end(self, *, hurry: bool) -> None:
        with self._lock:
            self.given_up = self.given_up or ("was ended by the harness" if hurry else "")
        if self._program is not None:
            self._program.end(hurry=hurry)
            if self._program.crashed:
                self._mourn(self._program)

    def _mourn(self, program: Program) -> None:
        """Note how a program ended; once."""
        if program is not self._mourned:
            self._mourned = program
            self.crashes.append(program.obituary())
