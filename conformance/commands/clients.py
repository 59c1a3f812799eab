"""What `client` and `matrix` share: which cases, which options, and a run of one client from start to end."""

import argparse
import shlex
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from conformance.collecting import ClientOptions
from conformance.commands.shared import (
    Output,
    positive,
    scenario_files,
    worker_count,
)
from conformance.errors import NothingToDo
from conformance.report.record import coverage_line
from conformance.running import options_of, run_items
from conformance.shards import Shard
from conformance.testees.case import case_files
from conformance.testees.played import Subject
from conformance.testees.process import Testee
from conformance.testees.running import subjects_of

__all__ = ["add_client_options", "asked_of", "case_and_scenario_files", "run_client", "selected"]


def add_client_options(parser: argparse.ArgumentParser) -> None:
    """Let a command say which cases are tried, and how."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="scenarios to be held; default: ours, and the client cases"
    )
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
    parser.add_argument(
        "--cuts",
        type=positive,
        default=0,
        metavar="N",
        help="so many calls with random cuts, shared by the cases that have them; default: 20 each",
    )
    parser.add_argument("--strict", action="store_true", help="warn and drift count as findings")
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


def case_and_scenario_files(paths: Sequence[str]) -> list[Path]:
    """Give the files that were asked for, or all of ours."""
    return scenario_files(paths) if paths else [*case_files(), *scenario_files(())]


def selected(files: Sequence[Path], only: Sequence[str]) -> list[Subject]:
    """Give the cases and scenarios that hold one of some words.

    Raises:
        NothingToDo: there is none.
    """
    subjects = subjects_of(files, only)
    if not subjects:
        raise NothingToDo(f"no case holds {' or '.join(only)}", "Without --only, all cases are run.")
    return subjects


def asked_of(options: argparse.Namespace, command: Sequence[str]) -> ClientOptions:
    """Read what a run of one client was asked to do."""
    return ClientOptions(
        command=tuple(command),
        only=tuple(options.only or ()),
        api_version=options.api_version,
        seed=options.seed,
        ready_s=options.ready,
        validate=options.validate,
        cuts=options.cuts,
    )


def run_client(
    asked: ClientOptions,
    files: Sequence[Path],
    opened: Callable[[str, str], Output],
    *,
    workers: str | None,
    pytest_options: Sequence[str],
    strict: bool,
    shard: Shard | None = None,
) -> tuple[Output, int]:
    """Run cases on one client; give what came of it, and the exit code.

    opened: makes the output, once the name and the version of the client are known.

    Raises:
        TesteeMissing, TesteeNotReady: its driver does not start.
    """
    with ExitStack() as stack:
        testee = Testee(asked.command, ready_s=asked.ready_s, validate=asked.validate)
        with_driver = stack.enter_context(ExitStack())
        with_driver.enter_context(testee)
        version = str(testee.ready.get("version", ""))
        name = f"{testee.ready.get('name')} {version}"
        output = stack.enter_context(opened(name, version))
        if workers:
            with_driver.close()
        faults = run_items(
            files,
            options_of(asked),
            output.take_all,
            workers=workers,
            pytest_options=pytest_options,
            testee=None if workers else testee,
            known=output.book.known.file,
            shard=shard,
            done=output.done,
        )
        for fault in faults:
            output.take({"type": "fault", "message": fault})
        output.take(coverage_line("", output.tally.coverage))
        return output, output.close(strict=strict)
