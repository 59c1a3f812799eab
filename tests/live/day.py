"""A day against the awkward server: every scenario of ours that an endpoint can play, one after the other.

for told in played_day(server, rounds=3):
    told.scenario, told.report, told.entries
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from conformance.contract.places import folder
from conformance.errors import TargetUnreachable
from conformance.judge.verdict import Report, Verdict
from conformance.scenario.judging import judge_played
from conformance.scenario.play import Played, play
from conformance.scenario.scenario import Scenario, read_scenario
from conformance.scenario.target import HttpTarget
from tests.live.awkward import Awkward, Entry

__all__ = ["Told", "played_day", "scenarios"]


@cache
def scenarios() -> tuple[Scenario, ...]:
    """Every scenario that is not for the embedded server and its cassettes alone."""
    files = sorted((folder("scenarios") / "interactions").glob("*.scenario.yaml"))
    return tuple(scenario for scenario in map(read_scenario, files) if not scenario.only)


@dataclass(frozen=True, slots=True)
class Told:
    """One scenario played: what the judge says, and what the server's log says of the same exchanges."""

    played: Played
    report: Report
    entries: list[Entry]

    def adverse(self) -> list[Verdict]:
        """Give what speaks against the server, but for what it did not say to the end."""
        return [
            verdict
            for verdict in self.report.findings
            if verdict.outcome not in ("inconclusive", "known")
            and "dropped in the middle" not in self.entries[verdict.place.exchange].kinds
        ]


def played_day(server: Awkward, rounds: int = 1, key: str = "key-of-a-bad-day") -> Iterator[Told]:
    """Play and judge all scenarios; those whose first answer never begins are left out."""
    with HttpTarget(server.url, key=key, timeout_s=10) as target:
        for scenario in scenarios() * rounds:
            before = server.requests
            try:
                played = play(scenario, target)
            except TargetUnreachable:
                continue
            report = judge_played(played, closed=False, own=False, weak=True)
            yield Told(played, report, server.log[before:])
