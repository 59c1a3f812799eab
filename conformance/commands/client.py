"""`gemini-conformance client -- COMMAND`: client cases and scenarios against one client."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from conformance.collecting import ClientOptions
from conformance.commands.shared import Output, positive, scenario_files, worker_count
from conformance.errors import NothingToDo, UsageRefused
from conformance.report.record import default_path, header_line
from conformance.report.text import render_client, render_total
from conformance.running import options_of, run_items
from conformance.testees.case import Case, case_files
from conformance.testees.once import run_once
from conformance.testees.process import Testee
from conformance.testees.running import subjects_of

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.usage = "gemini-conformance client [PATH ...] [options] -- COMMAND ..."
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="scenarios to be held; default: ours, and the client cases"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="WORD",
        help="cases whose name or requirement holds the word; may be repeated; default: all",
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
        "-n",
        dest="workers",
        type=worker_count,
        metavar="N",
        help="how many processes, each with a driver of its own, or auto; default: this one",
    )
    parser.add_argument(
        "--pytest", type=shlex.split, metavar="OPTIONS", help="options of pytest, such as '--junitxml=x.xml'"
    )
    parser.add_argument(
        "--record", metavar="FILE", help="where the record goes; default: below .gemini-conformance/"
    )


def run(options: argparse.Namespace) -> int:
    """Run the cases and print what was found."""
    if not options.rest:
        raise UsageRefused(
            "which client? no command was given", "gemini-conformance client -- python my_driver.py"
        )
    files = _files(options.paths)
    subjects = subjects_of(files, options.only or ())
    if not subjects:
        raise NothingToDo(f"no case holds {' or '.join(options.only)}", "Without --only, all cases are run.")
    if options.once:
        cases = [subject for subject in subjects if isinstance(subject, Case)] if options.only else []
        return _once(options, cases)
    with ExitStack() as stack:
        testee = stack.enter_context(Testee(options.rest, ready_s=options.ready, validate=options.validate))
        name = f"{testee.ready.get('name')} {testee.ready.get('version')}"
        output = stack.enter_context(_output(options, name))
        if options.workers:
            testee.__exit__(None, None, None)
        faults = run_items(
            files,
            options_of(_asked(options)),
            output.take,
            workers=options.workers,
            pytest_options=options.pytest or (),
            testee=None if options.workers else testee,
        )
        for fault in faults:
            output.take({"type": "fault", "message": fault})
        code = output.close(strict=options.strict)
    return _told(options, output, name, code)


def _once(options: argparse.Namespace, cases: Sequence[Case]) -> int:
    """Run a program that is no driver, and judge what it sent."""
    name = shlex.join(options.rest)
    with _output(options, name) as output:
        show = partial(print, file=sys.stderr)
        for line in run_once(options.rest, cases, show=show, seed=options.seed, limit_s=options.limit):
            output.take(line)
        code = output.close(strict=options.strict)
    return _told(options, output, name, code)


def _asked(options: argparse.Namespace) -> ClientOptions:
    return ClientOptions(
        command=tuple(options.rest),
        only=tuple(options.only or ()),
        api_version=options.api_version,
        seed=options.seed,
        ready_s=options.ready,
        validate=options.validate,
    )


def _output(options: argparse.Namespace, name: str) -> Output:
    path = Path(options.record) if options.record else default_path("client")
    header = header_line(command="client", targets=[name], seed=options.seed, closed=False)
    return Output(header, parties=("client",), path=path, as_json=options.format == "json")


def _told(options: argparse.Namespace, output: Output, name: str, code: int) -> int:
    """Print what was found, where it is not printed yet; give the exit code."""
    if output.printed:
        return code
    tally = output.tally
    print("\n".join(render_client(tally, verbose=options.verbose)))
    played = [line for line in tally.cases if line["outcome"] != "not-applicable"]
    good = sum(line["outcome"] in ("pass", "warn", "known") for line in played)
    total = render_total(tally, subjects=f"{good} of {len(played)} cases · {name} · seed {options.seed}")
    print(total if code != 5 else f"{total} · not enough evidence")
    output.tell_record()
    return code


def _files(paths: Sequence[str]) -> list[Path]:
    return scenario_files(paths) if paths else [*case_files(), *scenario_files(())]
