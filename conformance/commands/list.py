"""`gemini-conformance list`: the scenarios, what they exercise and need; the models, and what they can do."""

import argparse
from collections.abc import Iterator

from conformance.commands.shared import add_scenario_paths, complain, scenario_files
from conformance.contract.models import models
from conformance.errors import ScenarioBroken
from conformance.scenario.scenario import read_scenario

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    add_scenario_paths(parser)
    parser.add_argument(
        "--models", action="store_true", help="show the table of models and what each can do instead"
    )


def run(options: argparse.Namespace) -> int:
    """Print each scenario with its title, requirements and needs, or the table of models."""
    if options.models:
        print("\n".join(_models()))
        return 0
    code, calls, scenarios = 0, 0, 0
    for file in scenario_files(options.paths):
        try:
            scenario = read_scenario(file)
        except ScenarioBroken as error:
            code = complain(error)
            continue
        scenarios += 1
        calls += len(scenario.calls)
        needs = f"; needs {', '.join(scenario.needs)}" if scenario.needs else ""
        print(f"{scenario.id}: {scenario.title}")
        print(f"    calls {len(scenario.calls)}; exercises {', '.join(scenario.exercises)}{needs}")
    print(f"scenarios {scenarios}, calls {calls}")
    return code


def _models() -> Iterator[str]:
    table = models()
    for model in table.rows:
        price = "; ${:g} in, ${:g} out".format(*model.dollars) if model.dollars else ""
        yield f"{model.id}: {model.state}; cost {model.cost} of 3{price}"
        yield f"    can {', '.join(word for word in table.words if word in model.can)}"
        yield from (f"    {source}" for source in model.source)
    yield "words"
    width = max(map(len, (*table.words, *table.account)))
    yield from (f"    {word:<{width}}  {means}" for word, means in table.words.items())
    yield from (
        f"    {word:<{width}}  the account has {thing.name}: --have {word}=NAME"
        for word, thing in table.account.items()
    )
    yield f"models {len(table.rows)}; prices are for a million tokens; the first that can do it all is chosen"
