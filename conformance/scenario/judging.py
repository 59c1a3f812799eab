"""A played scenario, judged: by the requirements, and by what the scenario alone expects.

    report = judge_played(played, closed=False, own=True)
    parts = judge_tried(tried, closed=False, weak=True)

Against our own server and its cassettes a missed expectation is a failure. What another endpoint's model
does is no part of the contract: there, what depends on it is inconclusive, and told with how often it was
tried.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.contract.registry import registry
from conformance.judge.judge import judge
from conformance.judge.verdict import Outcome, Report, Verdict
from conformance.scenario.live.tries import Tried, accidents
from conformance.scenario.play import Played
from conformance.wire.trace import Call, Place

__all__ = ["Part", "judge_played", "judge_tried"]

_TELLING = ("error", "fail", "warn")


def judge_played(played: Played, *, closed: bool, own: bool, weak: bool = False) -> Report:
    """Judge what was played once.

    own: against our own server or its cassette, where a missed expectation is a failure.
    weak: that something was not shown may not be the endpoint's doing.
    """
    report = judge(played.trace, closed=closed, parties=("server",))
    report.findings.extend(_broken_off(call, "fail") for call in _cut(played))
    outcome: Outcome = "fail" if own else "inconclusive"
    for miss in played.misses:
        report.findings.append(_verdict(outcome, Place(miss.exchange, "response"), miss.message))
    report.findings.extend(_unobserved(played, report, weak=weak))
    return report


@dataclass(frozen=True, slots=True)
class Part:
    """One attempt at a scenario and what it gave."""

    played: Played
    report: Report


def judge_tried(tried: Tried, *, closed: bool, weak: bool) -> list[Part]:
    """Judge all attempts at a scenario: the last one, and before it those in which something is wrong.

    What is wrong in an attempt is wrong, whatever its model did; what it shows counts only from the last one.
    """
    if tried.broken:  # it is so as a rule, so that nothing of it is an accident
        last = tried.last.played
        return [Part(last, judge_played(last, closed=closed, own=False, weak=True))]
    parts = [Part(attempt.played, attempt.report) for attempt in tried.attempts]
    _add_last(tried, parts[-1].report, weak=weak)
    return [part for part in parts[:-1] if _tells(part.report)] + parts[-1:]


def _tells(report: Report) -> bool:
    return any(verdict.outcome in _TELLING for verdict in report.findings) or bool(report.drift)


def _add_last(tried: Tried, report: Report, *, weak: bool) -> None:
    """Add to what the requirements say of the last attempt what the scenario expects of it."""
    played = tried.last.played
    cut = [call for call in _cut(played) if call.position not in accidents(played)]
    report.findings.extend(_broken_off(call, "fail") for call in cut)
    for miss in tried.last.misses:
        report.findings.append(_verdict("inconclusive", Place(miss.exchange, "response"), miss.message))
    if tried.last.unmet:
        report.findings.append(_verdict("inconclusive", _end(played), _rate(tried)))
    weak = weak or bool(tried.last.unmet) or played.ended is not None
    report.findings.extend(_unobserved(played, report, weak=weak))


def _rate(tried: Tried) -> str:
    count = len(tried.attempts)
    tries = "the only try" if count == 1 else f"{count} of {count} tries"
    return f"{tried.last.unmet} (not met in {tries}; {tried.why})"


def _cut(played: Played) -> Iterator[Call]:
    """Find answers that ended before their end, which their bytes alone may not show."""
    for call in played.trace.calls:
        if call.exchange.response is not None and call.exchange.response.cut:
            yield call


def _broken_off(call: Call, outcome: Outcome) -> Verdict:
    cut = call.exchange.response.cut if call.exchange.response is not None else ""
    return _verdict(outcome, call.place, f"the answer is not whole: {cut}")


def _unobserved(played: Played, report: Report, *, weak: bool) -> Iterator[Verdict]:
    """What the scenario is meant to show and did not; `weak` where that may not be the endpoint's doing."""
    outcomes = report.outcomes()
    for name in played.scenario.exercises:
        requirement = registry()[name]
        if name in outcomes or requirement.level != "must" or requirement.party == "client":
            continue
        outcome: Outcome = "inconclusive" if weak else "untestable"
        message = played.stopped or "nothing in this conversation showed it"
        yield _verdict(outcome, _end(played), message, name)


def _end(played: Played) -> Place:
    return Place(max(0, len(played.trace.calls) - 1), "response")


def _verdict(outcome: Outcome, place: Place, message: str, requirement: str = "") -> Verdict:
    return Verdict(outcome, place, "", message, requirement, "server")
