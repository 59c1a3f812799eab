"""The same fuzzing in several processes, each with a server of its own.

    for line in fuzz_together([Order(worker=0), Order(worker=1)]):
        ...

What several workers find is told once. A worker that dies is told, and the others go on.
"""

import multiprocessing
import queue
import signal
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from typing import Any

from conformance.fuzzing.running import Order, fuzz
from conformance.report.record import Line

__all__ = ["fuzz_together", "shared_out"]

_WAIT_S = 0.2


def shared_out(order: Order, workers: int) -> list[Order]:
    """Share an order out: budgets are for all together, the time is for each."""

    def share(whole: int | None, number: int) -> int | None:
        return None if whole is None else whole // workers + (number < whole % workers)

    return [
        replace(
            order,
            worker=number,
            examples=share(order.examples, number),
            requests=share(order.requests, number),
            rate=order.rate / workers if order.rate else None,
        )
        for number in range(workers)
    ]


def fuzz_together(orders: Sequence[Order]) -> Iterator[Line]:
    """Fuzz in as many processes as there are orders; give their lines as they come, each finding once."""
    told: set[str] = set()
    for line in fuzz(orders[0]) if len(orders) == 1 else _apart(orders):
        if line["type"] == "finding":
            if line["key"] in told:
                continue
            told.add(line["key"])
        yield line


def _apart(orders: Sequence[Order]) -> Iterator[Line]:
    context = multiprocessing.get_context("spawn")
    lines: Any = context.Queue()
    workers = {
        order.worker: context.Process(target=_work, args=(order, lines), daemon=True) for order in orders
    }
    try:
        for worker in workers.values():
            worker.start()
        while workers:
            try:
                number, line = lines.get(timeout=_WAIT_S)
            except queue.Empty:
                yield from _died(workers)
                continue
            if line["type"] == "ended":
                workers.pop(number).join()
            yield line
    finally:
        for worker in workers.values():
            worker.kill()


def _died(workers: dict[int, SpawnProcess]) -> Iterator[Line]:
    """Tell of the workers that are gone without a word, and forget them."""
    for number, worker in list(workers.items()):
        if not worker.is_alive():
            del workers[number]
            why = f"worker {number} died (exit code {worker.exitcode}); what it found before is kept"
            yield {"type": "ended", "why": why, "enough": True, "died": True}


def _work(order: Order, lines: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends its workers
    try:
        for line in fuzz(order):
            lines.put((order.worker, line))
    except Exception as error:  # noqa: BLE001 (whatever it is, the others go on, and the run says so)
        why = f"worker {order.worker}: the harness failed: {type(error).__name__}: {error}"
        traceback.print_exc()
        lines.put((order.worker, {"type": "ended", "why": why, "enough": True, "fault": True}))
    lines.close()
    lines.join_thread()
