"""A client that is fuzzed: the streams it meets, and what is wrong with what it makes of them.

    opponent = Opponent(testee, stage, server.url)
    met = opponent.meet(drawn)                  # a right stream
    met = opponent.meet(illegal)                # one with an edge broken
    met.sightings, met.size

What a client hands over of a right stream is held against what was sent, by the means of the client cases. Of
a broken stream only what is documented is judged; the rest is told, and no more: but no client hangs,
crashes, or hands over what nobody sent.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from conformance.contract.registry import registry
from conformance.errors import TesteeBroken
from conformance.fuzzing.answers import Drawn, expected_calls, expected_text
from conformance.fuzzing.blame import CUTS, HANDED_OVER, blamed
from conformance.fuzzing.hunt import Sighting
from conformance.generate.illegal import Illegal
from conformance.report.fingerprint import fingerprint
from conformance.testees.case import Case, Expectation, Reply
from conformance.testees.comparing import lost
from conformance.testees.difference import how_it_ends
from conformance.testees.judging import Loss, Miss, event_misses, misses, outcome_for
from conformance.testees.process import Testee
from conformance.testees.stage import Stage
from conformance.testees.trials import Caller, Cuts, Trial

__all__ = ["DOCUMENTED", "LIVES", "Met", "Opponent", "case_of", "illegal_case"]

_ENDS = "HTTP-016"
_CALL = {"model": "gemini-3.5-flash", "input": "Hello"}
_TIMEOUT_MS = 5_000
_TRIES = 3
LIVES = 20
_MOST_FAULTS = 5
_REQUESTS = (1, 10)
_KEPT = "IX-SDK-007"
_PRECIOUS = frozenset({"event_type", "text", "arguments", "data"})

DOCUMENTED: Mapping[str, tuple[str, Expectation, str]] = {
    edge: (requirement, Expectation(ending="error", events="prefix", requests=_REQUESTS, error=error), harm)
    for requirement, harm, error, edges in (
        ("IX-STREAM-044", "false success", {}, "completed-missing ends-early ends-within-an-event"),
        ("IX-STREAM-046", "false success", {"event": True}, "error-without-code error-without-error"),
        ("SSE-029", "", {}, "payload-is-cut"),
    )
    for edge in edges.split()
} | {"done-missing": ("IX-STREAM-043", Expectation(events="sent"), "data loss")}
"""What the documents say of a client that meets a broken stream; of all other edges they are silent."""


@dataclass(frozen=True, slots=True)
class Met:
    """A stream that a client has met, and the first thing that was wrong with what it made of it."""

    stream: Drawn | Illegal
    case: Case
    trial: Trial
    found: Miss | None = None

    @property
    def sightings(self) -> Sequence[Sighting]:
        """The first thing that is wrong: what comes after it follows from it."""
        if self.found is None:
            return ()
        outcome = outcome_for(registry()[self.found.requirement], self.found.harm)
        return [Sighting(self.key, self.found.requirement, outcome, self.found.message)]

    @property
    def key(self) -> str:
        """What it has in common with others about the same fault.

        Of how bytes are read the requirement says enough: which event or member it hits is chance.
        """
        if self.found is None:
            return ""
        if isinstance(self.stream, Drawn) and self.found.requirement.startswith("SSE-"):
            return f"{self.found.requirement}:{self.trial.delivered.ending}"
        return f"{self.found.requirement}:{fingerprint(self.found.message)}"

    @property
    def size(self) -> tuple[int, ...]:
        """Events, cuts, quirks, bytes."""
        if isinstance(self.stream, Drawn):
            return self.stream.size
        return len(self.stream.payloads), 0, 0, len(self.stream.text)


def case_of(drawn: Drawn, judges: str = HANDED_OVER) -> Case:
    """Tell a right stream as a case."""
    text, output_text = expected_text(drawn.told)
    expect = Expectation(
        events="any" if drawn.is_new else "sent",
        text=text,
        output_text=output_text,
        calls=expected_calls(drawn.told),
        usage=True,
    )
    return _case(judges, Reply(events=drawn.events, framing=drawn.framing), expect, "data loss")


def illegal_case(illegal: Illegal) -> Case:
    """Tell a broken stream as a case; a silent one, where the documents are."""
    silent = (HANDED_OVER, Expectation(ending="any"), "data loss")
    requirement, expect, harm = DOCUMENTED.get(illegal.edge.name, silent)
    reply = Reply(body=illegal.text, headers={"content-type": "text/event-stream"})
    return _case(requirement, reply, expect, harm)


def _case(judges: str, reply: Reply, expect: Expectation, harm: str) -> Case:
    return Case(
        id="fuzz",
        title="",
        judges=judges,
        catches=(),
        needs=frozenset({"stream"}),
        operation="create",
        stream=True,
        arguments=_CALL,
        replies=(reply,),
        expect=expect,
        harm=harm,
        timeout_ms=_TIMEOUT_MS,
    )


class Opponent:
    """A client on our stage, and what was seen of it; one call at a time.

    calls: how many were made. cut, unconfirmed: how many right streams were cut, and of how many of these
        nobody can tell whether the client has read their parts one by one.
    kept: how often each requirement was kept. losses: what the client does not hand on.
    edges: which broken ones it has met. chosen: what it does where the documents are silent, by edge.
    faults: how its driver failed. crashes: how its program ended.
    lives: how often its driver is started afresh from now on, when it has crashed too often.
    """

    def __init__(
        self,
        testee: Testee,
        stage: Stage,
        origin: str,
        stack: ExitStack,
        *,
        numbers: Iterator[int] | None = None,
        api_version: str = "v1beta",
    ) -> None:
        self.testee = testee
        self.calls = self.cut = self.unconfirmed = 0
        self.kept: Counter[str] = Counter()
        self.losses: dict[Loss, None] = {}
        self.chosen: dict[str, Counter[str]] = {}
        self.edges: set[str] = set()
        self.faults: list[str] = []
        self.lives = LIVES
        self._stage, self._origin, self._stack = stage, origin, stack
        self._numbers = itertools.count() if numbers is None else numbers
        self._api_version = api_version
        self._earlier: list[str] = []
        self._caller = self._calling()

    @property
    def crashes(self) -> list[str]:
        """How its program ended, over all of its lives."""
        return [*self._earlier, *self.testee.crashes]

    def meet(self, stream: Drawn | Illegal) -> Met:
        """Let it meet a stream.

        Raises:
            TesteeBroken: it crashes whatever it is asked.
        """
        return self._meet_right(stream) if isinstance(stream, Drawn) else self._meet_broken(stream)

    def _calling(self) -> Caller:
        numbers, version = self._numbers, self._api_version
        return Caller(self.testee, self._stage, self._origin, numbers=numbers, api_version=version)

    def _call(self, case: Case, cuts: Cuts) -> Trial:
        """Make a call; by a driver that is started afresh where the last one crashed too often."""
        self.calls += 1
        try:
            return self._caller.once(case, cuts)
        except TesteeBroken:
            self.lives -= 1
            if self.lives < 0:
                raise
            self._earlier += self.testee.crashes
            self.testee = self._stack.enter_context(self.testee.again())
            self._caller = self._calling()
            return self._caller.once(case, cuts)

    # Right streams.

    def _meet_right(self, drawn: Drawn) -> Met:
        found, trial = self.missed(drawn)
        if found is None:
            self.kept.update({HANDED_OVER, *drawn.requirements, *([CUTS] if drawn.cuts else ())})
            return Met(drawn, case_of(drawn), trial)
        requirement = found.requirement or self._blamed(drawn, trial)
        found = replace(found, requirement=requirement, harm=found.harm or "data loss")
        return Met(drawn, case_of(drawn, requirement), trial, found)

    def _blamed(self, drawn: Drawn, trial: Trial) -> str:
        """Say which requirement is broken; a call that never ends is not made again and again for that."""
        if trial.delivered.ending == "hung":
            return self._ends
        return blamed(drawn, lambda plainer: self.missed(plainer)[0] is not None)

    @property
    def _ends(self) -> str:
        """Give the requirement of a client that ends no call, with a time-out or without."""
        return _ENDS if "timeout" in self.testee.words("capabilities") else HANDED_OVER

    def missed(self, drawn: Drawn) -> tuple[Miss | None, Trial]:
        """Give the first thing that is missed; again where all seems well and a cut is unconfirmed."""
        case = case_of(drawn)
        for _ in range(_TRIES):
            trial = self._call(case, drawn.cuts)
            found = _most_telling(self._told(self._misses_right(trial, drawn)), trial)
            if found is not None or trial.confirmed or not drawn.cuts:
                break
        self.cut += bool(drawn.cuts)
        self.unconfirmed += bool(drawn.cuts) and found is None and not trial.confirmed
        return found, trial

    def _misses_right(self, trial: Trial, drawn: Drawn) -> Iterator[Miss | Loss]:
        yield from self._misses(trial)
        if drawn.is_new and trial.delivered.ending == "end" and self._tells_events:
            yield from _lost_among_new(drawn, trial)

    def _told(self, found: Iterator[Miss | Loss]) -> list[Miss]:
        """Give what is missed of an answer; what the client merely leaves out is kept."""
        about = []
        for one in found:
            if isinstance(one, Loss):
                self.losses[one] = None
            elif one.side == "response" or one.requirement:
                about.append(one)
        return about

    def _misses(self, trial: Trial) -> Iterator[Miss | Loss]:
        delivered = trial.delivered
        if delivered.ending == "fault":
            self._fail(str(delivered.last.get("message"))[:300])
        if delivered.ending in ("fault", "unsupported"):
            return
        told = json.dumps([delivered.last, *delivered.events])
        words, log = self.testee.words("capabilities"), self.testee.log
        yield from misses(trial.act, delivered, told=told, log=log, closed=True, capabilities=words)

    @property
    def _tells_events(self) -> bool:
        return "events" in self.testee.words("capabilities")

    def _fail(self, fault: str) -> None:
        if fault not in self.faults and len(self.faults) < _MOST_FAULTS:
            self.faults.append(fault)

    # Broken streams.

    def _meet_broken(self, illegal: Illegal) -> Met:
        case = illegal_case(illegal)
        trial = self._call(case, ())
        self.edges.add(illegal.edge.name)
        if illegal.edge.name in DOCUMENTED:
            found = next(iter(self._told(self._misses(trial))), None)
            self.kept[case.judges] += found is None
        else:
            found = self._missed_silently(trial)
            self.chosen.setdefault(illegal.edge.name, Counter())[_did(trial)] += 1
        if found is not None:
            hung = self._ends if trial.delivered.ending == "hung" else case.judges
            found = replace(found, requirement=found.requirement or hung, harm=found.harm or case.harm)
        return Met(illegal, case, trial, found)

    def _missed_silently(self, trial: Trial) -> Miss | None:
        if trial.delivered.ending in ("hung", "crashed"):
            return Miss(how_it_ends(trial.delivered))
        sent = set(_said(trial.act.seen[-1].events)) if trial.act.seen else set()
        for number, value in enumerate(trial.delivered.values if self._tells_events else ()):
            if invented := next((word for word in _said(value) if word not in sent), ""):
                told = json.dumps(invented)[:120]
                return Miss(f"nobody sent what is handed over with event {number}: {told}", event=number)
        return None


def _most_telling(found: Sequence[Miss], trial: Trial) -> Miss | None:
    """Choose the first that points to an event; of a call that did not end well, how it ended."""
    events = [one for one in found if one.event is not None and trial.delivered.ending == "end"]
    return next(iter([*events, *found]), None)


def _said(value: Any, key: str = "") -> Iterator[str]:
    """Give what a user came for, whatever its type: a client may make a text of a number."""
    match value:
        case dict():
            for name, inner in value.items():
                yield from _said(inner, name if key not in _PRECIOUS else key)
        case list():
            for inner in value:
                yield from _said(inner, key)
        case float() if key in _PRECIOUS and value.is_integer():
            yield str(int(value))  # 0.0, -0.0 and 0 are one number
        case _ if key in _PRECIOUS and value is not None:
            yield str(value)


def _did(trial: Trial) -> str:
    last = trial.delivered.last
    return f"error {last.get('kind')}" if trial.delivered.ending == "error" else trial.delivered.ending


def _lost_among_new(drawn: Drawn, trial: Trial) -> Iterator[Miss | Loss]:
    """Compare what has to arrive although there is something new beside it; that itself may be skipped."""
    left = list(trial.delivered.values)
    skipped = []
    for new in drawn.new:
        at = next((at for at, value in enumerate(left) if lost(new, value) is not None), None)
        if at is not None:
            del left[at]
        elif new["event_type"] == "interaction.new_thing":
            skipped.append(new)
    exchange = max(0, len(trial.act.seen) - 1)
    for found in event_misses(drawn.due, left, exchange):
        if isinstance(found, Loss) or not found.message.startswith("nobody sent"):
            yield found
    for new in skipped:
        number = drawn.events.index(new)
        message = (
            f"event {number} is of a type that nobody knows, and does not reach the user: {json.dumps(new)}"
        )
        yield Miss(message, _KEPT, exchange, number)
