"""Clocks: the real one, and one whose time passes only when somebody sleeps.

clock = FakeClock()
clock.sleep(30)             # returns at once
clock.now(), clock.today()  # 30.0, half a minute after the start
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "FakeClock", "RealClock"]

_START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


class Clock(Protocol):
    """Something that tells the time and waits."""

    def now(self) -> float:
        """Give seconds that only ever grow; what they count from means nothing."""

    def today(self) -> datetime:
        """Give the time of the calendar, aware, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class RealClock:
    """The clock on the wall."""

    def now(self) -> float:
        return time.monotonic()

    def today(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class FakeClock:
    """A clock that a sleeper moves on.

    Threads that sleep at the same time move it on one after the other.

    slept: how long each sleep was.
    """

    def __init__(self, start: datetime = _START) -> None:
        self.slept: list[float] = []
        self._start = start
        self._passed = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._passed

    def today(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._passed += max(0.0, seconds)
