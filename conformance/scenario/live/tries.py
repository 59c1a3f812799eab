"""A scenario, played until its model does what it is about, or until that is not to be expected.

    tried = try_scenario(scenario, target, given(scenario), api_version="v1beta", sleep=target.wait)
    for attempt in tried.attempts:
        attempt.played, attempt.unmet

What depends on the model (does it call the function, does it search?) and on the network (does the answer
come to its end?) is a condition of a conversation and no fault. Where it is not met the scenario is played
again, asked more firmly; how often, a sequential test decides. Only what goes on breaking off is the
endpoint's fault.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.errors import BudgetSpent, ConformanceError, EndpointStrange, KeyLost, KeyRefused, TargetBusy
from conformance.judge.judge import judge
from conformance.judge.verdict import Report
from conformance.scenario.live.chance import SequentialTest
from conformance.scenario.live.insisting import insisting
from conformance.scenario.play import Miss, Played, play
from conformance.scenario.scenario import Scenario
from conformance.scenario.target import Target

__all__ = ["ENDING", "Attempt", "Tried", "accidents", "try_scenario"]

ENDING = (BudgetSpent, TargetBusy, KeyRefused, KeyLost, EndpointStrange)
"""What ends a run and not only a scenario."""
_OF_THE_MODEL = ("status", "includes", "lacks")
_NAMING = ("type", "name", "server_name")
_UNDER_WAY = ("queued", "in_progress")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A scenario, played once.

    report: what the requirements say of it; what had an accident is left out of it.
    unmet: what of it depends on the model or the network and did not come; empty where all did.
    misses: what the scenario expects beside, and did not get.
    """

    played: Played
    report: Report
    unmet: str
    misses: tuple[Miss, ...]


@dataclass(slots=True)
class Tried:
    """All attempts at a scenario; the last one counts.

    why: why there was no other attempt where the last one was in vain; empty where it was not.
    broken: the names of the calls whose answers break off, or are errors of the server, as a rule.
    """

    attempts: list[Attempt] = field(default_factory=list)
    why: str = ""
    broken: frozenset[str] = frozenset()

    @property
    def last(self) -> Attempt:
        """The attempt that counts."""
        return self.attempts[-1]


def try_scenario(
    scenario: Scenario,
    target: Target,
    given: Mapping[str, str],
    *,
    api_version: str,
    sleep: Callable[[float], None],
    closed: bool = False,
    firmly: bool = True,
) -> Tried:
    """Play a scenario, and again while what it depends on is not met and may be yet.

    given: the values for what it needs. sleep: how to wait between two polls.
    closed: whether what the contract does not know fails.
    firmly: whether it is asked more firmly the next time.

    Raises:
        ConformanceError: there is not one answer to judge.
    """
    tried = Tried()
    scenario = _structural(scenario)
    met = SequentialTest(seldom=0.05, often=0.5, wrong=0.05)
    luck = _Luck()
    while not tried.why:
        asked = insisting(scenario, len(tried.attempts) if firmly else 0)
        try:
            played = play(asked, target, api_version=api_version, given=given, sleep=sleep)
        except ConformanceError as error:
            if not tried.attempts:
                raise
            tried.why = str(error)
            break
        luck.see(played)
        tried.attempts.append(_attempt(played, closed=closed))
        if not tried.last.unmet:
            return tried
        if played.ended is not None:
            tried.why = str(played.ended)
        elif luck.broken:
            tried.broken = luck.broken
            tried.why = "it is so as a rule"
        elif tried.last.report.of("fail") and not accidents(played):
            tried.why = "what was answered is wrong, whatever the model does"
        elif met.add(False) == "seldom":
            tried.why = "it is not to be expected any more"
    return tried


def _structural(scenario: Scenario) -> Scenario:
    """Give a scenario that expects no words and numbers, which are the model's: only what kinds of step."""
    calls = [
        replace(
            call, expect=replace(call.expect, says=None, includes=tuple(map(_shape, call.expect.includes)))
        )
        for call in scenario.calls
    ]
    return replace(scenario, calls=tuple(calls))


def _shape(wanted: Any) -> Any:
    match wanted:
        case dict():
            return {
                key: _shape(value)
                for key, value in wanted.items()
                if key in _NAMING or isinstance(value, (dict, list))
            }
        case list():
            return [_shape(item) for item in wanted]
    return wanted


def _attempt(played: Played, *, closed: bool) -> Attempt:
    """Tell what depends on chance from what does not; what a model says in its own words is neither."""
    sooner = {call.name for call in played.scenario.calls if call.expect.status in _UNDER_WAY}
    misses = [miss for miss in played.misses if miss.kind != "status" or miss.call not in sooner]
    failed = accidents(played)
    chances = [miss for miss in misses if miss.kind in _OF_THE_MODEL and miss.exchange not in failed]
    rest = tuple(miss for miss in misses if miss.kind in ("http", "error") and miss.exchange not in failed)
    unmet = next((f"{played.trace.calls[at].exchange.name}: {told}" for at, told in failed.items()), "")
    if not unmet and chances:
        unmet = f"{chances[0].call}: {chances[0].message}"
    if not unmet and not rest:
        unmet = played.stopped
    report = judge(played.trace, closed=closed, parties=("server",))
    sound = [
        one for one in report.findings if one.place.side != "response" or one.place.exchange not in failed
    ]
    report.findings[:] = sound
    return Attempt(played, report, unmet, rest)


def accidents(played: Played) -> dict[int, str]:
    """Give the exchanges that may come out better the next time, with what happened to each.

    An answer that breaks off, and an error of a server where none is expected, are the network's and the
    day's doing, unless they are so as a rule.
    """
    expected = {call.name: call.expect.http for call in played.scenario.calls}
    found: dict[int, str] = {}
    for call in played.trace.calls:
        response = call.exchange.response
        if response is not None and response.cut and not response.cut.startswith("the limit of"):
            found[call.position] = f"the answer is not whole: {response.cut}"
        elif (call.status or 0) >= 500 and call.status != expected.get(call.exchange.name):
            found[call.position] = f"HTTP {call.status}; expected HTTP {expected.get(call.exchange.name)}"
    return found


class _Luck:
    """Which calls have accidents, and whether that is more than chance."""

    def __init__(self) -> None:
        self._tests: dict[str, SequentialTest] = {}

    def see(self, played: Played) -> None:
        failed = accidents(played)
        for call in played.trace.calls:
            new = SequentialTest(seldom=0.1, often=0.9, wrong=0.0005)
            self._tests.setdefault(call.exchange.name, new).add(call.position in failed)

    @property
    def broken(self) -> frozenset[str]:
        """The calls that have them as a rule."""
        return frozenset(name for name, test in self._tests.items() if test.result == "often")
