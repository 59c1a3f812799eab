"""One worker's fuzzing: sorts take turns, a batch each, until time or examples are over.

    for line in fuzz(Order(seconds=20)):
        line["type"]        # "progress", "finding", "ended"

A finding is confirmed before it is told: the conversation is held twice more as it was shrunk. What does not
show again is inconclusive. Every finding is a scenario, so that anybody can play it.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from conformance.contract.coverage import Coverage, points
from conformance.contract.registry import registry
from conformance.errors import TargetUnreachable
from conformance.fuzzing.endpoint import Seen, World, key_of
from conformance.fuzzing.hunt import Hunt, Prey
from conformance.fuzzing.manners import Mannered, Spent
from conformance.fuzzing.plain import PlainTarget
from conformance.fuzzing.reduce import reduced
from conformance.fuzzing.sorts import SORTS, Aim
from conformance.fuzzing.stores import database_at
from conformance.generate.excluded import excluded
from conformance.judge.verdict import Verdict
from conformance.report.record import Line, exchange_lines, kept_whole, verdict_line
from conformance.scenario.target import HttpTarget, Target
from conformance.server import serving
from conformance.wire.redaction import redact, redact_text
from conformance.wire.trace import Trace

__all__ = ["EMBEDDED", "Order", "fuzz"]

EMBEDDED = "embedded"
BATCH = 150
_AGAIN = 2
_HOLES = 3
_REDUCING_S = 3.0
_SOURCE = "https://ai.google.dev/api/interactions-api"


@dataclass(frozen=True, slots=True)
class Order:
    """What to do; data alone, so that it can go to another process.

    target: "embedded" or a URL. url, key: where that is, and what is sent there; empty for our own server.
    seconds, examples: when to end; None stands for no limit of this kind, but one of them is needed.
    requests, rate: how much an endpoint is asked for in all, and in a second.
    database: a folder, or a redis:// address; empty for none. worker: which of several this is, from 0.
    """

    target: str = EMBEDDED
    url: str = ""
    key: str = ""
    api_version: str = "v1beta"
    model: str | None = None
    sorts: tuple[str, ...] = tuple(SORTS)
    seed: int = 7
    server_seed: int = 7
    seconds: float | None = None
    examples: int | None = None
    requests: int | None = None
    rate: float | None = None
    timeout_s: float = 10.0
    database: str = ""
    worker: int = 0


def fuzz(order: Order) -> Iterator[Line]:
    """Fuzz an endpoint; give lines as they come: progress after each batch, findings, and how it ended."""
    until = time.monotonic() + order.seconds if order.seconds is not None else float("inf")
    with ExitStack() as stack:
        target = _target(order, stack, until)
        world = World(target, own=order.target == EMBEDDED, api_version=order.api_version)
        database = database_at(order.database) if order.database else None
        known: set[str] = set()
        hunts = {sort: Hunt(sort, database, order.seed * 101 + order.worker, known) for sort in order.sorts}
        ended = {"type": "ended", "why": "", "enough": True}
        try:
            yield from _batches(order, world, hunts, until)
            for sort, hunt in hunts.items():
                yield from (_finding(order, world, sort, prey) for prey in hunt.rest())
        except Spent as spent:
            ended |= {"why": spent.why, "enough": spent.enough}
        yield _progress(world, 0)
        yield ended


def _target(order: Order, stack: ExitStack, until: float) -> Target:
    if order.target == EMBEDDED:
        server = stack.enter_context(serving(seed=order.server_seed))
        return stack.enter_context(PlainTarget(server.url, key="fuzz", timeout_s=order.timeout_s))
    target: PlainTarget | HttpTarget
    if order.url.startswith("http://"):
        target = PlainTarget(order.url, key=order.key, timeout_s=order.timeout_s)
    else:
        target = HttpTarget(order.url, key=order.key, timeout_s=order.timeout_s)
    stack.enter_context(target)
    return Mannered(target, requests=order.requests, rate=order.rate, until=until)


def _batches(order: Order, world: World, hunts: dict[str, Hunt], until: float) -> Iterator[Line]:
    done = 0
    while True:
        for sort, hunt in hunts.items():
            left = BATCH if order.examples is None else min(BATCH, order.examples - done)
            if left <= 0 or time.monotonic() >= until:
                return
            before = hunt.examples
            aim = Aim(order.model, _holes(world, order.seed + hunt.batches))
            test = SORTS[sort](world, hunt, aim)
            for prey in hunt.batch(test, examples=left, until=until):
                yield _finding(order, world, sort, prey)
            done += max(1, hunt.examples - before)
            yield _progress(world, hunt.examples - before)


def _holes(world: World, turn: int) -> tuple[tuple[str, str, str], ...]:
    """Give some points of the schema of a request that no example has reached, another choice each time."""
    roots = ("interactions/create_request",)
    seen = Coverage.of(world.branches, roots)
    missing = [
        (place, sort, name)
        for place, sorts in points(roots).items()
        for sort in sorts
        for name in seen.never(place, sort)
        if not excluded(place, sort, name)
    ]
    start = turn * _HOLES % len(missing) if missing else 0
    return tuple(missing[start : start + _HOLES])


def _progress(world: World, examples: int) -> Line:
    line = {
        "type": "progress",
        "examples": examples,
        "exchanges": world.judged,
        "branches": sorted(world.branches - world.told, key=repr),
        "passes": dict(world.passes),
    }
    world.told |= world.branches
    world.passes.clear()
    world.judged = 0
    return line


def _finding(order: Order, world: World, sort: str, prey: Prey) -> Line:
    """Confirm a finding, and give it as the lines of a record; its seconds are those until it was found."""
    seconds = time.monotonic() - world.begun
    key = prey.sighting.key
    seen: Seen = reduced(prey.held, world, key, until=time.monotonic() + _REDUCING_S)
    verdict = next(one for one in seen.verdicts if key_of(one) == key)
    others = _other_answers(world, seen, key)
    if others:
        told = f"{verdict.message}; asked again, {others}"
        verdict = replace(verdict, outcome="inconclusive", message=told)
    number = hashlib.sha256(key.encode()).hexdigest()[:6]
    name = f"{verdict.requirement or 'refused'}-{number}"
    summary, *rest = _lines(order, f"fuzz/{sort}/{name}[{order.target}]", seen, verdict, prey.examples)
    return {"type": "finding", "key": key, "lines": [{**summary, "seconds": round(seconds, 2)}, *rest]}


def _other_answers(world: World, seen: Seen, key: str) -> str:
    """Hold a conversation again; say what came instead of the finding, or nothing where it came again."""
    for _ in range(_AGAIN):
        try:
            again = world.again(seen)
        except TargetUnreachable as error:
            return str(error)
        if key not in {key_of(one) for one in again.verdicts}:
            return f"{_short(again)} came instead of {_short(seen)}"
    return ""


def _short(seen: Seen) -> str:
    response = seen.trace.calls[-1].exchange.response if seen.trace.calls else None
    if response is None:
        return "no answer"
    body = response.body[:60].decode(errors="replace")
    return f"HTTP {response.status} {body!r}"


def _lines(order: Order, subject: str, seen: Seen, verdict: Verdict, examples: int) -> list[Line]:
    secrets = [order.key] if order.key else []
    exchanges = [redact(call.exchange, secrets) for call in seen.trace.calls]
    trace = Trace.of(exchanges, subject)
    known = registry().get(verdict.requirement)
    title = f"Found by fuzzing: {examples} conversations until it was as small as this."
    summary: Line = {
        "type": "scenario",
        "subject": subject,
        "file": f"{subject.rpartition('/')[2].rpartition('[')[0]}.scenario.yaml",
        "target": order.target,
        "outcome": verdict.outcome,
        "problem": "",
        "hint": "",
        "exit_code": 5 if verdict.outcome == "inconclusive" else 0,
        "requests": len(exchanges),
        "seconds": 0.0,
        "title": title,
        "exercises": [verdict.requirement] if known else [],
        "scenario": seen.talk.scenario(
            title=known.says if known else "A request that keeps the contract is refused.",
            source=known.source if known else _SOURCE,
            exercises=_exercises(verdict.requirement),
            statuses=_due(seen, verdict),
        ),
    }
    line = verdict_line(subject, verdict, trace)
    line["message"] = redact_text(line["message"], secrets)
    return [summary, *exchange_lines(subject, exchanges, whole=kept_whole([verdict])), line]


def _exercises(requirement: str) -> Sequence[str]:
    """Give what a scenario exercises: where nothing is named, something that every answer shows."""
    known = registry().get(requirement)
    return [requirement] if known is not None and known.checks else ["HTTP-012"]


def _due(seen: Seen, verdict: Verdict) -> dict[int, int]:
    """Which call was to be answered otherwise: it is expected to be taken where a right one was refused."""
    return {one.exchange: one.due for one in seen.remarks if one.message == verdict.message and one.due}
