"""What several commands take: scenario paths, options of targets, and how an error is told."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from conformance.contract.places import folder
from conformance.errors import ConformanceError
from conformance.running import find_scenarios
from conformance.scenario.running import Options, checked_target

__all__ = ["add_scenario_paths", "add_target_options", "complain", "scenario_files", "target_options"]


def complain(error: ConformanceError) -> int:
    """Tell an error in a sentence, with its hint; give its exit code."""
    print(f"gemini-conformance: {error}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return error.exit_code


def add_scenario_paths(parser: argparse.ArgumentParser) -> None:
    """Let a command take scenarios."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="scenario files or folders; default: ours")


def scenario_files(paths: Sequence[str]) -> list[Path]:
    """Give the scenario files that were asked for, or ours."""
    return find_scenarios(paths or [str(folder("scenarios"))])


def add_target_options(parser: argparse.ArgumentParser) -> None:
    """Let a command say how targets are reached."""
    parser.add_argument("--api-version", choices=("v1beta", "v1"), default="v1beta", help="default: v1beta")
    parser.add_argument("--seed", type=int, default=7, help="seed of the embedded server; default: 7")
    parser.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="limit of one exchange; default: 60"
    )
    parser.add_argument(
        "--key-env",
        metavar="NAME",
        help="the environment variable that holds the key for a URL; no other key is sent",
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a time in seconds")
    return value


def target_options(options: argparse.Namespace, targets: Sequence[str]) -> Options:
    """Read how targets are reached; refuse what cannot work before anything is sent.

    Raises:
        UsageRefused, KeyMissing: a target cannot be used as asked.
    """
    found = Options(
        targets=tuple(targets),
        api_version=options.api_version,
        seed=options.seed,
        closed=getattr(options, "closed", False),
        timeout_s=options.timeout,
        key_env=options.key_env,
        cassettes=getattr(options, "cassettes", None),
    )
    for target in targets:
        checked_target(target, found)
    return found
