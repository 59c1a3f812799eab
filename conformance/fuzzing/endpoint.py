"""What is asked of an endpoint, and what of its answers is a finding.

    world = World(target, own=True)
    talk = world.talk()
    ...
    seen = world.seen(talk)
    seen.sightings, seen.size

The judge decides, as for every other conversation. Three things can be said here alone, because it is known
here how a request was made: a right request is refused, a wrong one is taken, an answer does not come.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from conformance.contract.registry import registry
from conformance.contract.validation import Branch
from conformance.errors import TargetUnreachable
from conformance.fuzzing.hunt import Sighting
from conformance.fuzzing.talk import Talk
from conformance.judge.judge import judge
from conformance.judge.verdict import OUTCOMES, Outcome, Verdict, outcome_of
from conformance.report.fingerprint import fingerprint
from conformance.scenario.scenario import ScenarioCall
from conformance.scenario.target import Target
from conformance.wire.trace import Call, Place, Trace

__all__ = ["Remark", "Seen", "World"]

_TOLD = ("error", "fail", "warn")
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""What a service answers when it is not the request's fault; the judge has its own say on 500."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What fuzzing itself says of an exchange, beside the judge.

    due: the status that was expected; 0 where there was no answer.
    requirement: empty where no source says that it has to be otherwise; then it warns.
    """

    exchange: int
    message: str
    due: int = 0
    requirement: str = ""

    @property
    def outcome(self) -> Outcome:
        """How bad it is."""
        return outcome_of(registry()[self.requirement]) if self.requirement else "warn"


@dataclass(frozen=True, slots=True)
class Seen:
    """A conversation with what is wrong with it.

    verdicts: of the judge and of fuzzing itself, worst first.
    """

    calls: tuple[ScenarioCall, ...]
    trace: Trace
    verdicts: tuple[Verdict, ...]
    talk: Talk
    remarks: tuple[Remark, ...] = ()

    @property
    def sightings(self) -> list[Sighting]:
        """Each fault once."""
        found = {key_of(one): one for one in reversed(self.verdicts)}
        return [
            Sighting(key, one.requirement, one.outcome, one.message) for key, one in reversed(found.items())
        ]

    @property
    def size(self) -> tuple[int, ...]:
        """Calls, members of their bodies, characters."""
        bodies = [call.arguments for call in self.calls]
        return len(self.calls), sum(map(members, bodies)), sum(len(str(call)) for call in self.calls)


def key_of(verdict: Verdict) -> str:
    """Give what a verdict has in common with others about the same fault."""
    return f"{verdict.requirement}:{fingerprint(verdict.message)}"


def members(value: Any) -> int:
    """Count the members of all objects in a JSON value."""
    match value:
        case Mapping():
            return len(value) + sum(map(members, value.values()))
        case list() | tuple():
            return sum(map(members, value))
    return 0


@dataclass(slots=True)
class World:
    """The endpoint as the examples see it.

    own: it is ours, and each conversation has a key of its own, so that none meets another.
    branches: which kinds, words and fields of the schemas were seen so far.
    judged: how many exchanges were judged. passes: how often each requirement was kept.
    told: the branches that were told of. begun: when, by `time.monotonic`.
    """

    target: Target
    own: bool
    api_version: str = "v1beta"
    branches: set[Branch] = field(default_factory=set)
    told: set[Branch] = field(default_factory=set)
    passes: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    begun: float = field(default_factory=time.monotonic)
    _numbers: Iterator[int] = field(default_factory=count)

    def talk(self) -> Talk:
        """Begin a conversation."""
        if self.own:
            self.target.key = f"fuzz-{next(self._numbers)}"
        return Talk(self.target, self.api_version)

    def seen(self, talk: Talk, remarks: Sequence[Remark] = ()) -> Seen:
        """Judge a conversation."""
        trace = talk.trace
        report = judge(trace, parties=("server",))
        self.branches |= report.branches
        self.passes.update(report.passes)
        self.judged += len(trace.calls)
        told = [one for one in report.findings if one.outcome in _TOLD]
        told += _cuts(trace)
        judged = {one.requirement for one in told}
        told += [
            Verdict(one.outcome, Place(one.exchange, "response"), "", one.message, one.requirement, "server")
            for one in remarks
            if not one.requirement or one.requirement not in judged
        ]
        told.sort(key=lambda one: OUTCOMES.index(one.outcome))
        return Seen(tuple(talk.calls), trace, tuple(told), talk, tuple(remarks))

    def again(self, seen: Seen) -> Seen:
        """Hold a conversation again; what was remarked of an answer holds where its status is the same."""
        talk = self.talk()
        try:
            talk.again(seen.calls)
        except TargetUnreachable as error:
            return self.seen(talk, [silent(talk, error)])
        return self.seen(
            talk, [one for one in seen.remarks if _same_status(one.exchange, seen.trace, talk.trace)]
        )


def _same_status(exchange: int, before: Trace, now: Trace) -> bool:
    """Whether an exchange was answered as before, as far as its status tells."""
    return (
        exchange < min(len(before.calls), len(now.calls))
        and before.calls[exchange].status == now.calls[exchange].status
    )


def _cuts(trace: Trace) -> Iterator[Verdict]:
    for call in trace.calls:
        if call.exchange.response is not None and call.exchange.response.cut:
            message = f"the answer is not whole: {call.exchange.response.cut}"
            yield Verdict("fail", call.place, "", message, "", "server")


def silent(talk: Talk, error: TargetUnreachable) -> Remark:
    """Say that the last request had no answer."""
    reason = str(error).removeprefix(f"{talk.url} ")
    return Remark(max(0, len(talk.calls) - 1), f"the request has no answer: the endpoint {reason}")


def refused(call: Call, number: int) -> Remark | None:
    """Say that a right request was refused, if it was; it is this exchange of its conversation."""
    if call.status is None or call.status < 400 or call.status in _BUSY:
        return None
    error = call.answered.get("error") if isinstance(call.answered, dict) else None
    reason = str(error.get("message", ""))[:200] if isinstance(error, dict) else ""
    return Remark(
        number, f"a request that keeps the contract is refused with HTTP {call.status}: {reason!r}", 200
    )
