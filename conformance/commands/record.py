"""`gemini-conformance record`: the cassettes of scenarios."""

import argparse

from conformance.commands.shared import (
    add_scenario_paths,
    add_target_options,
    complain,
    scenario_files,
    target_options,
)
from conformance.errors import ConformanceError, UsageRefused
from conformance.scenario.recording import Wishes, record_scenario, refuse_the_package
from conformance.scenario.running import Targets

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    add_scenario_paths(parser)
    parser.add_argument(
        "--target", default="embedded", metavar="TARGET", help="embedded, live or a URL; default: embedded"
    )
    add_target_options(parser)
    parser.add_argument("--to", metavar="DIR", help="where the cassettes go; default: ours")
    parser.add_argument(
        "--shorten", action="store_true", help="shorten signatures and media to stubs that are still base64"
    )
    parser.add_argument("--hide-ids", action="store_true", help="redact the ids of interactions too")
    parser.add_argument(
        "--even-if-wrong",
        action="store_true",
        help="write a recording that breaks the contract too, with what is wrong in its provenance",
    )


def run(options: argparse.Namespace) -> int:
    """Record each scenario; one that cannot be recorded does not keep the others from it."""
    if options.target == "cassettes":
        raise UsageRefused(
            "a cassette cannot be recorded from cassettes", "Use --target embedded, live or a URL."
        )
    asked = target_options(options, (options.target,))
    files = scenario_files(options.paths)
    refuse_the_package(files, options.to)
    targets = Targets(asked)
    wishes = Wishes(options.to, options.shorten, options.hide_ids, options.even_if_wrong)
    codes = [0]
    try:
        for file in files:
            try:
                print(record_scenario(file, options.target, targets, wishes))
            except ConformanceError as error:
                codes.append(complain(error))
    finally:
        targets.close()
    return max(codes)
