"""The time: now, the date, and waiting. Tests bring a clock that moves on when somebody waits."""

import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["REAL", "Clock"]


class Clock(Protocol):
    """What tells the time to whatever waits or has a limit."""

    def now(self) -> float:
        """Seconds from some beginning, never backwards."""

    def today(self) -> datetime:
        """The date and time in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""


class _RealClock:
    def now(self) -> float:
        return time.monotonic()

    def today(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


REAL: Clock = _RealClock()
