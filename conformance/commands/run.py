"""`gemini-conformance run`: scenarios against targets."""

import argparse
import sys
from pathlib import Path

from conformance.commands.shared import (
    Output,
    add_scenario_paths,
    add_target_options,
    positive,
    scenario_files,
    target_options,
)
from conformance.report.record import (
    coverage_line,
    default_path,
    header_line,
)
from conformance.report.text import render_record
from conformance.running import run_scenarios
from conformance.scenario.running import OWN_TARGETS

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.usage = "gemini-conformance run [PATH ...] [options] [-- PYTEST-OPTIONS]"
    add_scenario_paths(parser)
    parser.add_argument(
        "--target",
        action="append",
        metavar="TARGET",
        help="embedded, cassettes, live or a URL; may be repeated; default: cassettes and embedded",
    )
    add_target_options(parser)
    parser.add_argument("--cassettes", metavar="DIR", help="the folder of the cassettes; default: ours")
    parser.add_argument("--closed", action="store_true", help="what the contract does not know fails")
    parser.add_argument(
        "--strict", action="store_true", help="warn, inconclusive and drift count as findings"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what is printed; default: text"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show every requirement that was judged")
    parser.add_argument(
        "-n",
        dest="workers",
        type=_workers,
        metavar="N",
        help="how many processes, or auto; default: this one",
    )
    parser.add_argument(
        "--record", metavar="FILE", help="where the record goes; default: below .gemini-conformance/"
    )


def run(options: argparse.Namespace) -> int:
    """Run the scenarios and print what was found."""
    asked = target_options(options, options.target or ())
    files = scenario_files(options.paths)
    path = Path(options.record) if options.record else default_path("run")
    header = header_line(
        command="run", targets=list(asked.targets or OWN_TARGETS), seed=asked.seed, closed=asked.closed
    )
    print(f"seed {asked.seed}, targets {', '.join(header['targets'])}", file=sys.stderr)
    with Output(header, parties=("server",), path=path, as_json=options.format == "json") as output:
        for fault in run_scenarios(
            files, asked, output.take, workers=options.workers, pytest_options=options.rest
        ):
            output.take({"type": "fault", "message": fault})
        output.take(coverage_line("", output.tally.coverage))
        code = output.close(strict=options.strict)
    if output.printed:
        return code
    print("\n".join(render_record(header, output.tally, code, verbose=options.verbose)))
    output.tell_record()
    return code


def _workers(text: str) -> str:
    if text not in ("auto", "logical"):
        positive(text)
    return text
