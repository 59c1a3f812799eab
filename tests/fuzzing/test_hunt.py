"""The hunter: several faults at once, each made small, each told once, and tried first the next time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase, InMemoryExampleDatabase

from conformance.fuzzing.hunt import Hunt, Sighting


@dataclass(frozen=True)
class Numbers:
    """Some numbers, and what is wrong with them."""

    numbers: tuple[int, ...]

    @property
    def sightings(self) -> list[Sighting]:
        found = []
        if any(number > 100 for number in self.numbers):
            found.append(
                Sighting("A-B-001:too large", "A-B-001", "fail", f"{max(self.numbers)} is too large")
            )
        if any(number < -100 for number in self.numbers):
            found.append(
                Sighting("A-B-002:too small", "A-B-002", "fail", f"{min(self.numbers)} is too small")
            )
        return found

    @property
    def size(self) -> tuple[int, ...]:
        return len(self.numbers), sum(map(abs, self.numbers))


def numbers_test(hunt: Hunt, tried: list[tuple[int, ...]]) -> Callable[[settings, int], Callable[[], None]]:
    def test(chosen: settings, seed: int) -> Callable[[], None]:
        def hold(numbers: list[int]) -> None:
            tried.append(tuple(numbers))
            hunt.saw(Numbers(tuple(numbers)))

        return chosen(seeded(seed)(given(st.lists(st.integers(-500, 500), max_size=8))(hold)))

    return test


def hunted(
    hunt: Hunt, *, batches: int = 6, until: float = 30
) -> tuple[dict[str, Any], list[tuple[int, ...]]]:
    tried: list[tuple[int, ...]] = []
    found = {}
    for _ in range(batches):
        for prey in hunt.batch(numbers_test(hunt, tried), examples=60, until=time.monotonic() + until):
            assert prey.sighting.key not in found
            found[prey.sighting.key] = prey.held.numbers
    return found, tried


def test_each_fault_is_found_once_and_made_small() -> None:
    """Both faults, also where one conversation shows the two."""
    found, _ = hunted(Hunt("numbers", None, 7))
    assert found == {"A-B-001:too large": (101,), "A-B-002:too small": (-101,)}


def test_what_is_known_is_no_finding() -> None:
    """Examples that show it are like any other."""
    found, tried = hunted(Hunt("numbers", None, 7, known={"A-B-001:too large"}))
    assert found.keys() == {"A-B-002:too small"}
    assert any(max(numbers, default=0) > 100 for numbers in tried)


def test_the_same_seed_tries_the_same() -> None:
    """And another seed something else."""
    tried = [hunted(Hunt("numbers", None, seed), batches=1)[1] for seed in (7, 7, 8)]
    assert tried[0] == tried[1] != tried[2]


@pytest.mark.parametrize("stored", ["memory", "folder"])
def test_what_failed_is_tried_first_the_next_time(stored: str, tmp_path: Path) -> None:
    """By a hunt of the same sort alone."""
    database = InMemoryExampleDatabase() if stored == "memory" else DirectoryBasedExampleDatabase(tmp_path)
    hunted(Hunt("numbers", database, 7))
    _, tried = hunted(Hunt("numbers", database, 99), batches=1)
    assert {(101,), (-101,)} & set(tried[:3])
    _, others = hunted(Hunt("others", database, 99), batches=1)
    assert not {(101,), (-101,)} & set(others[:3])


def test_a_hunt_ends_when_its_time_is_over() -> None:
    """What was seen until then is told."""
    hunt, tried = Hunt("numbers", None, 7), []  # type: ignore[var-annotated]
    assert list(hunt.batch(numbers_test(hunt, tried), examples=10_000, until=time.monotonic())) == []
    assert len(tried) == 1


def test_one_requirement_has_five_findings_at_most() -> None:
    """A fault that shows in a hundred words is one fault."""

    @dataclass(frozen=True)
    class Wordy(Numbers):
        @property
        def sightings(self) -> list[Sighting]:
            return [Sighting(f"A-B-001:{n}", "A-B-001", "fail", str(n)) for n in self.numbers]

    hunt = Hunt("wordy", None, 7)

    def test(chosen: settings, seed: int) -> Callable[[], None]:
        def hold(numbers: list[int]) -> None:
            hunt.saw(Wordy(tuple(numbers)))

        return chosen(seeded(seed)(given(st.lists(st.integers(0, 500), max_size=8))(hold)))

    found = [
        prey.sighting.key
        for _ in range(12)
        for prey in hunt.batch(test, examples=40, until=time.monotonic() + 30)
    ]
    assert len(found) == len(set(found)) == 5
