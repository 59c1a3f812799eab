"""Two clocks: one that waits, and one whose time passes at once."""

import time
from datetime import UTC, timedelta

from tests.live.clock import Clock, FakeClock, RealClock


def test_a_fake_clock_passes_time_at_once() -> None:
    """Both of its faces move on, and it tells how long each sleep was."""
    clock = FakeClock()
    day, begun = clock.today(), time.monotonic()

    clock.sleep(3600)
    clock.sleep(0.5)

    assert time.monotonic() - begun < 1
    assert clock.now() == 3600.5
    assert clock.today() - day == timedelta(seconds=3600.5)
    assert clock.slept == [3600, 0.5]


def test_a_real_clock_waits() -> None:
    """Its days are aware, in UTC."""
    clock: Clock = RealClock()
    begun = clock.now()

    clock.sleep(0.02)

    assert clock.now() - begun >= 0.02
    assert clock.today().tzinfo is UTC
