"""What a scenario would cost, and what it would show: told before anything is sent.

    forecast = forecast_of(scenario, given(scenario), path)
    forecast.requests, forecast.tokens, forecast.shows

The cost follows from its calls. What it shows is what its cassette shows, judged; where it has none, what
it says that it exercises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.errors import ConformanceError
from conformance.judge.judge import judge
from conformance.scenario.live.metering import expected_tokens
from conformance.scenario.play import play
from conformance.scenario.scenario import Scenario, fill
from conformance.scenario.target import CassetteTarget

__all__ = ["Forecast", "forecast_of"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one scenario is expected to cost and to show.

    requests: with those that delete what it stores. tokens: of all its answers. shows: requirements.
    """

    requests: int
    tokens: int
    shows: frozenset[str]

    def to_json(self) -> dict[str, Any]:
        """As a line of the record tells it."""
        return {"requests": self.requests, "tokens": self.tokens, "shows": sorted(self.shows)}


def forecast_of(
    scenario: Scenario, given: Mapping[str, str], cassette: Path, *, api_version: str = "v1beta"
) -> Forecast:
    """Tell what a scenario would cost and show, without sending anything; given: the values for its needs."""
    requests, tokens, history = 0, 0, 0
    for call in scenario.calls:
        requests += 1
        if call.operation != "interactions.create" or call.expect.http >= 300:
            requests -= call.operation == "interactions.delete" and call.expect.http < 300
            continue
        requests += call.arguments.get("store") is not False
        body = fill(call.arguments, _Open({**given, **scenario.given})) if call.raw is None else {}
        goes_on = "previous_interaction_id" in call.arguments
        history = expected_tokens(body, history if goes_on else 0)
        tokens += history
    return Forecast(requests, tokens, _shown(scenario, cassette, api_version))


class _Open(dict[str, Any]):
    """The values that are known beforehand; what an answer will give is a short text."""

    def __missing__(self, name: str) -> str:
        return f"<{name}>"


def _shown(scenario: Scenario, cassette: Path, api_version: str) -> frozenset[str]:
    declared = frozenset(scenario.exercises)
    try:
        played = play(scenario, CassetteTarget(cassette), api_version=api_version)
    except ConformanceError:
        return declared
    return declared | frozenset(judge(played.trace, parties=("server",)).passes)
