"""`gemini-conformance list`: the scenarios and what they exercise."""

import argparse

from conformance.commands.shared import add_scenario_paths, complain, scenario_files
from conformance.errors import ScenarioBroken
from conformance.scenario.scenario import read_scenario

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    add_scenario_paths(parser)


def run(options: argparse.Namespace) -> int:
    """Print each scenario with its title and requirements."""
    code, calls, scenarios = 0, 0, 0
    for file in scenario_files(options.paths):
        try:
            scenario = read_scenario(file)
        except ScenarioBroken as error:
            code = complain(error)
            continue
        scenarios += 1
        calls += len(scenario.calls)
        print(f"{scenario.id}: {scenario.title}")
        print(f"    calls {len(scenario.calls)}; exercises {', '.join(scenario.exercises)}")
    print(f"scenarios {scenarios}, calls {calls}")
    return code
