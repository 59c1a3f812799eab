"""`gemini-conformance client -- COMMAND`: all client cases against one client, through its driver."""

import argparse
from pathlib import Path

from conformance.commands.shared import Output, positive
from conformance.errors import NothingToDo, UsageRefused
from conformance.report.record import default_path, header_line
from conformance.report.text import render_record
from conformance.testees.case import read_cases, select
from conformance.testees.process import Testee
from conformance.testees.running import run_cases

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.usage = "gemini-conformance client [options] -- COMMAND ..."
    parser.add_argument(
        "--only",
        action="append",
        metavar="WORD",
        help="cases whose name or requirement holds the word; may be repeated; default: all",
    )
    parser.add_argument("--api-version", choices=("v1beta", "v1"), default="v1beta", help="default: v1beta")
    parser.add_argument("--seed", type=int, default=7, help="seed of our server; default: 7")
    parser.add_argument(
        "--ready", type=positive, default=10, metavar="SECONDS", help="limit for the driver; default: 10"
    )
    parser.add_argument(
        "--validate", action="store_true", help="hold each message of the driver against its schema"
    )
    parser.add_argument("--strict", action="store_true", help="warn and drift count as findings")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what is printed; default: text"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show every case and requirement")
    parser.add_argument(
        "--record", metavar="FILE", help="where the record goes; default: below .gemini-conformance/"
    )


def run(options: argparse.Namespace) -> int:
    """Run the cases and print what was found."""
    if not options.rest:
        raise UsageRefused(
            "which client? no command was given", "gemini-conformance client -- python my_driver.py"
        )
    cases = select(read_cases(), options.only or ())
    if not cases:
        raise NothingToDo(f"no case holds {' or '.join(options.only)}", "Without --only, all cases are run.")
    path = Path(options.record) if options.record else default_path("client")
    with Testee(options.rest, ready_s=options.ready, validate=options.validate) as testee:
        name = f"{testee.ready.get('name')} {testee.ready.get('version')}"
        header = header_line(command="client", targets=[name], seed=options.seed, closed=False)
        with Output(header, parties=("client",), path=path, as_json=options.format == "json") as output:
            for line in run_cases(testee, cases, seed=options.seed, api_version=options.api_version):
                output.take(line)
            code = output.close(strict=options.strict)
    if output.printed:
        return code
    print("\n".join(render_record(header, output.tally, code, verbose=options.verbose)))
    output.tell_record()
    return code
