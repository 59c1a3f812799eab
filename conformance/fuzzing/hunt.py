"""Hypothesis as a hunter: batches of examples, several faults in one, each made small, none told twice.

    hunt = Hunt("requests", database=database_at(".gemini-conformance/examples"), seed=7)
    for prey in hunt.batch(test_of, examples=100, until=monotonic() + 20):
        prey.key, prey.held, prey.examples

A test holds a conversation and calls `hunt.saw(held)` with what is wrong with it. The first thing that is new
is raised as an exception of a kind of its own, so that hypothesis tells faults apart, keeps each in its
database, and shrinks each. The smallest conversation that showed a fault is kept here as well: shrinking can
be cut short at any moment, and nothing is lost.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, TypeAlias

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.database import ExampleDatabase
from hypothesis.errors import HypothesisException

__all__ = ["Held", "Hunt", "Prey", "Sighting"]

FORMAT = b"gemini-conformance fuzz 1"
"""Examples in a database are choices of strategies: those of another format mean something else."""
SHRINKING_S = 8.0
_SAME_REQUIREMENT = 5


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that is wrong with a conversation.

    key: what it has in common with the same fault in another conversation.
    """

    key: str
    requirement: str
    outcome: str
    message: str


class Held(Protocol):
    """A conversation that was held: what is wrong with it, and how large it is."""

    @property
    def sightings(self) -> Sequence[Sighting]:
        """What is wrong with it, worst first."""

    @property
    def size(self) -> tuple[int, ...]:
        """What is smaller is easier to read."""


@dataclass(frozen=True, slots=True)
class Prey:
    """A fault, and the smallest conversation that showed it.

    examples: how many were tried until it was as small as this.
    """

    sighting: Sighting
    held: Any
    examples: int


_Best: TypeAlias = tuple[tuple[int, ...], Sighting, Any]


@dataclass(slots=True)
class Hunt:
    """A hunt in one sort of conversation.

    sort: what its examples are kept under.
    known: the keys of the faults that were told already.
    examples: how many conversations were held, shrinking included.
    waiting: what was seen beside something else, which was made smaller first.
    """

    sort: str
    database: ExampleDatabase | None
    seed: int
    known: set[str] = field(default_factory=set)
    examples: int = 0
    batches: int = 0
    waiting: "dict[str, _Best]" = field(default_factory=dict)
    _best: "dict[str, _Best]" = field(default_factory=dict)
    _raised: set[str] = field(default_factory=set)
    _until: float = 0.0
    _found_at: float = 0.0

    def batch(
        self, test_of: Callable[[settings, int], Callable[[], None]], *, examples: int, until: float
    ) -> Iterator[Prey]:
        """Try so many examples; give the faults that were not known, each as small as it got.

        test_of: makes the test of settings and a seed.
        until: when to stop, by `time.monotonic`.
        """
        self._best.clear()
        self._raised.clear()
        self._until, self._found_at = until, 0.0
        first, self.batches = self.batches == 0, self.batches + 1
        phases = (Phase.reuse, Phase.generate, Phase.shrink) if first else (Phase.generate, Phase.shrink)
        chosen = settings(
            max_examples=examples,
            database=_Shelf(self.database, self.sort) if self.database is not None else None,
            deadline=None,
            derandomize=False,
            phases=phases,
            report_multiple_bugs=True,
            print_blob=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        before = self.examples
        # What was seen is in `_best`, also where it does not show again.
        with suppress(_Seen, HypothesisException, BaseExceptionGroup, _Over):
            test_of(chosen, self.seed * 1_000_003 + self.batches)()
        self.waiting |= {key: best for key, best in self._best.items() if key not in self._raised}
        for key, (_, sighting, held) in sorted(self._best.items(), key=lambda item: item[1][0]):
            if key in self._raised:
                yield self._prey(key, sighting, held, self.examples - before)

    def rest(self) -> Iterator[Prey]:
        """Give what was seen beside other faults, and never by itself afterwards: it was not made smaller."""
        for key, (_, sighting, held) in self.waiting.items():
            if key not in self.known:
                yield self._prey(key, sighting, held, self.examples)

    def _prey(self, key: str, sighting: Sighting, held: Any, examples: int) -> Prey:
        self.known.add(key)
        return Prey(sighting, held, examples)

    def saw(self, held: Held) -> None:
        """Take a conversation that was held; ends the example where something about it is new.

        Raises:
            _Seen: so that hypothesis makes it smaller.
        """
        self.examples += 1
        new = [one for one in held.sightings if self._is_new(one)]
        for one in new:
            best = self._best.get(one.key)
            if best is None or held.size < best[0]:
                self._best[one.key] = (held.size, one, held)
        now = time.monotonic()
        if new and not self._found_at:
            self._found_at = now
        if new:
            self._raised.add(new[0].key)
        if now > self._until or (self._found_at and now - self._found_at > SHRINKING_S):
            raise _Over
        if new:
            raise _kind(new[0].key)

    def _is_new(self, one: Sighting) -> bool:
        if one.key in self.known or one.key in self._raised:
            return one.key in self._raised
        told = self.known | self._raised
        return sum(key.startswith(f"{one.requirement}:") for key in told) < _SAME_REQUIREMENT


class _Seen(Exception):
    """Something was seen that was not known."""


class _Over(BaseException):
    """The time is over; hypothesis lets this pass."""


@cache
def _kind(key: str) -> type[_Seen]:
    """Give the kind of exception of a fault: hypothesis takes exceptions of one kind for one fault."""
    return type("Seen", (_Seen,), {"__doc__": key})


class _Shelf(ExampleDatabase):
    """The part of a database that belongs to one sort of conversation."""

    def __init__(self, database: ExampleDatabase, sort: str) -> None:
        super().__init__()
        self._database = database
        self._prefix = b"/".join((FORMAT, sort.encode(), b""))

    def save(self, key: bytes, value: bytes) -> None:
        self._database.save(self._key(key), value)

    def fetch(self, key: bytes) -> Iterable[bytes]:
        return self._database.fetch(self._key(key))

    def delete(self, key: bytes, value: bytes) -> None:
        self._database.delete(self._key(key), value)

    def _key(self, key: bytes) -> bytes:
        """Leave out what hypothesis makes of the source of a test: ours are told apart by their sort."""
        return self._prefix + next(
            (end for end in (b"secondary", b"pareto") if key.endswith(b"." + end)), b""
        )
