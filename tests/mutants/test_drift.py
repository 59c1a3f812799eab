"""Wrong servers beside the right one, as two recordings: a refresh sees what a kill sees."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from conformance.mutants.mutant import Mutant, read_mutants, scenario_file
from conformance.mutants.service import MutatedService
from conformance.report.drift import Comparison, compare
from conformance.scenario.play import play
from conformance.scenario.scenario import read_scenario
from conformance.scenario.target import HttpTarget
from conformance.server import serving
from conformance.wire.trace import Trace

MUTANTS = {mutant.name: mutant for mutant in read_mutants()}
NOVEL = [name for name, mutant in MUTANTS.items() if mutant.profile == "closed"]


def played(name: str, mutate: Mapping[str, Any]) -> Trace:
    service = MutatedService(mutate, seed=7)
    with serving(answering=service) as server, HttpTarget(server.url, key="key", timeout_s=10) as target:
        return play(read_scenario(scenario_file(name)), target).trace


@cache
def right(name: str) -> Trace:
    return played(name, {"head": {"headers": {}}})


def comparisons(mutant: Mutant) -> Iterator[Comparison]:
    for name in mutant.play:
        yield compare(right(name), played(name, mutant.mutate))


def test_there_are_servers_that_add_and_rename() -> None:
    """A test of none proves nothing."""
    assert len(NOVEL) > 5


@pytest.mark.parametrize("name", NOVEL)
def test_what_is_added_or_renamed_is_shape_unknown_to_the_contract(name: str) -> None:
    assert any(comparison.unknown for comparison in comparisons(MUTANTS[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_no_wrong_server_looks_unchanged(name: str) -> None:
    assert any(comparison.headline != "unchanged" for comparison in comparisons(MUTANTS[name]))


@pytest.mark.parametrize("name", sorted({play for mutant in MUTANTS.values() for play in mutant.play}))
def test_the_right_server_looks_unchanged(name: str) -> None:
    comparison = compare(right(name), played(name, {"head": {"headers": {}}}))
    assert (comparison.headline, comparison.verdicts) == ("unchanged", ())
