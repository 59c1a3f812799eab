"""`gemini-conformance client -- COMMAND`: client cases and scenarios against one client."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from conformance.commands.clients import (
    add_client_options,
    asked_of,
    case_and_scenario_files,
    run_client,
    selected,
)
from conformance.commands.parts import (
    add_part_options,
    begun_of,
    begun_with,
    facts_of,
    record_path,
    shown_again,
)
from conformance.commands.shared import Output, add_known_options, bookkeeping, positive, write_known
from conformance.errors import UsageRefused
from conformance.report.record import header_line
from conformance.report.resuming import Begun
from conformance.report.text import render_record
from conformance.testees.case import Case
from conformance.testees.once import run_once

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.usage = (
        "gemini-conformance client [PATH ...] [options] -- COMMAND ...\n"
        "       gemini-conformance client [PATH ...] [options] --testee NAME"
    )
    add_client_options(parser)
    add_known_options(parser)
    add_part_options(parser)
    parser.add_argument(
        "--testee", metavar="NAME", help="a client whose driver is bundled, such as google-genai; see matrix"
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="the command is no driver: run it as it is, told of our server by GOOGLE_GEMINI_BASE_URL and "
        "GEMINI_API_KEY, and judge what it sends; with --only once for each such case",
    )
    parser.add_argument(
        "--limit", type=positive, default=300, metavar="SECONDS", help="limit of one --once run; default: 300"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what is printed; default: text"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show every case and requirement")
    parser.add_argument(
        "--record", metavar="FILE", help="where the record goes; default: below .gemini-conformance/"
    )


def run(options: argparse.Namespace) -> int:
    """Run the cases and print what was found."""
    command = _command(options)
    files = case_and_scenario_files(options.paths)
    subjects = selected(files, options.only or ())
    if options.once:
        _refuse_parts(options)
        cases = [subject for subject in subjects if isinstance(subject, Case)] if options.only else []
        return _once(options, cases)
    begun = begun_of(options)
    if begun is not None and begun.exit_code is not None:
        return shown_again(options, begun)
    output, code = run_client(
        asked_of(options, command),
        files,
        partial(_output, options, files, begun),
        workers=options.workers,
        pytest_options=options.pytest or (),
        strict=options.strict,
        shard=options.shard,
    )
    return _told(options, output, code)


def _command(options: argparse.Namespace) -> list[str]:
    if options.testee and not options.rest:
        from conformance.testees.drivers import command_of

        return command_of(options.testee)
    if not options.rest:
        raise UsageRefused(
            "which client? no command was given", "gemini-conformance client -- python my_driver.py"
        )
    if options.testee:
        raise UsageRefused("a client is either --testee NAME or a command, not both", "Leave one out.")
    return list(options.rest)


def _refuse_parts(options: argparse.Namespace) -> None:
    for name in ("shard", "resume"):
        if getattr(options, name):
            raise UsageRefused(f"--once cannot be shared or resumed: --{name}", f"Leave --{name} out.")


def _once(options: argparse.Namespace, cases: Sequence[Case]) -> int:
    """Run a program that is no driver, and judge what it sent."""
    name = shlex.join(options.rest)
    with _output(options, (), None, name, "") as output:
        show = partial(print, file=sys.stderr)
        for line in run_once(options.rest, cases, show=show, seed=options.seed, limit_s=options.limit):
            output.take(line)
        code = output.close(strict=options.strict)
    return _told(options, output, code)


def _output(
    options: argparse.Namespace, files: Sequence[Path], begun: Begun | None, name: str, version: str
) -> Output:
    header = header_line(
        command="client",
        targets=[name],
        seed=options.seed,
        closed=False,
        **facts_of(options, files, options.pytest or ()),
    )
    partial = bool(options.only or options.paths or options.pytest or options.once)
    book = bookkeeping(options, partial=partial, version=version, shared=options.shard is not None)
    header = begun_with(begun, header, ("client",), book)
    path, as_json = record_path(options, "client"), options.format == "json"
    return Output(header, parties=("client",), path=path, as_json=as_json, book=book, begun=begun)


def _told(options: argparse.Namespace, output: Output, code: int) -> int:
    """Print what was found, where it is not printed yet; give the exit code."""
    if not output.printed:
        print("\n".join(render_record(output.header, output.tally, code, verbose=options.verbose)))
        output.tell_record()
    write_known(options, output.book)
    return code
