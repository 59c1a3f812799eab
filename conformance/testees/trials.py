"""The same call again and again, its answer cut elsewhere each time.

    caller = Caller(testee, stage, server.url, numbers=itertools.count())
    caller.once(case, (12, 40))
    caller.several(case, plans)          # in batches where the driver repeats calls, and several at a time

Whose request is whose is known by the key: each batch has one of its own, and within it one call follows
another.
"""

import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from conformance.errors import TesteeBroken
from conformance.server.faults import scripted

if TYPE_CHECKING:
    from conformance.testees.case import Case
    from conformance.testees.process import Delivered, Testee
    from conformance.testees.protocol import Message
    from conformance.testees.stage import Act, Stage

__all__ = ["Caller", "Cuts", "Trial"]

Cuts = tuple[int, ...]
_LANES = 8
_BATCH = 25
_GRACE_S = 3.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One call, its answer cut: where, and what came of it; whether each cut reached the client."""

    cuts: Cuts
    delivered: "Delivered"
    confirmed: bool
    act: "Act"

    @property
    def crashed(self) -> bool:
        """Whether the client's program ended meanwhile; when several calls were under way, by any of them."""
        return self.delivered.ending == "crashed"

    def body(self) -> bytes:
        """Give the body as it went out, which is what is cut; compressed where it was."""
        answer = self.act.seen[0].answer
        fault = answer.delivery.fault if answer.delivery is not None else None
        return b"".join(scripted(answer, fault, close=False, bodiless=False).writes)


class Caller:
    """Makes calls through one driver, on one stage.

    numbers: give each batch a number that no other on this stage has.
    """

    def __init__(
        self,
        testee: "Testee",
        stage: "Stage",
        origin: str,
        *,
        numbers: Iterator[int],
        api_version: str = "v1beta",
    ) -> None:
        self._testee = testee
        self._stage = stage
        self._origin = origin
        self._numbers = numbers
        self._api_version = api_version

    def once(self, case: "Case", cuts: Cuts) -> Trial:
        """Make one call.

        Raises:
            TesteeBroken: the driver crashed too often.
        """
        return self._batch(case, [cuts])[0]

    def several(self, case: "Case", plans: Sequence[Cuts]) -> list[Trial | None]:
        """Make a call for each plan; after a crash no more, and those that were not made are None.

        Raises:
            TesteeBroken: the driver crashed too often, and in none of these calls.
        """
        lanes = min(self._testee.max_in_flight, _LANES)
        size = 1
        if "repeat" in self._testee.words("capabilities"):
            size = max(1, min(_BATCH, len(plans) // lanes))
        batches = [plans[first : first + size] for first in range(0, len(plans), size)]
        broken: list[TesteeBroken] = []
        stop = threading.Event()

        def play(batch: Sequence[Cuts]) -> list[Trial | None]:
            made: list[Trial] = []
            if not stop.is_set():
                try:
                    made = self._batch(case, batch)
                except TesteeBroken as error:
                    broken.append(error)
            if broken or any(trial.crashed for trial in made):
                stop.set()
            return [*made, *[None] * (len(batch) - len(made))]

        if len(batches) == 1:
            found = [play(batches[0])]
        else:
            pool = ThreadPoolExecutor(lanes, thread_name_prefix="cuts")
            try:
                found = list(pool.map(play, batches))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        trials = list(itertools.chain.from_iterable(found))
        if broken and not any(trial is not None and trial.crashed for trial in trials):
            raise broken[0]
        return trials

    def _batch(self, case: "Case", plans: Sequence[Cuts]) -> list[Trial]:
        """Make the calls of one key, to the first crash."""
        name = f"cut-{next(self._numbers)}"
        act = self._stage.open(case, f"key-of-{name}")
        act.plans = plans
        limit_s = case.timeout_ms / 1000 + _GRACE_S
        try:
            found = self._testee.ask_repeated(self._call(act, name), len(plans), limit_s)
            deliveries = self._stage.ledger.deliveries(act.key)
        finally:
            self._stage.close(act)
        endings = [delivered.ending for delivered in found]
        made = endings.index("crashed") + 1 if "crashed" in endings else len(plans)
        # A client that has left, as many do at [DONE], does not read the last piece.
        confirmed = [one.unconfirmed <= one.left for one in deliveries[:made]]
        confirmed += [False] * (made - len(confirmed))
        if len(plans) > 1 and not made <= len(act.seen) <= made + ("crashed" in endings):
            # Requests are missing or came twice: nobody knows whose is whose.
            return [self.once(case, cuts) for cuts in plans]
        return [
            Trial(cuts, delivered, known, replace(act, seen=act.seen[number:][:1] if made > 1 else act.seen))
            for number, (cuts, delivered, known) in enumerate(zip(plans, found, confirmed, strict=False))
        ]

    def _call(self, act: "Act", name: str) -> "Message":
        case = act.case
        return {
            "type": "call",
            "id": name,
            "operation": f"interactions.{case.operation}",
            "stream": case.stream,
            "base_url": self._origin,
            "api_key": act.key,
            "api_version": self._api_version,
            "arguments": act.arguments,
            "timeout_ms": case.timeout_ms,
            "retries": case.retries,
        }
