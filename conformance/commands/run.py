"""`gemini-conformance run`: scenarios against targets."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing

from conformance.commands.parts import (
    add_part_options,
    begun_of,
    begun_with,
    facts_of,
    record_path,
    shown_again,
)
from conformance.commands.progress import Progress
from conformance.commands.shared import (
    Output,
    add_budget_option,
    add_known_options,
    add_scenario_paths,
    add_target_options,
    bookkeeping,
    scenario_files,
    target_options,
    worker_count,
    write_known,
)
from conformance.errors import UsageRefused
from conformance.report.record import Line, coverage_line, header_line
from conformance.report.spending import render_forecast
from conformance.report.text import render_record
from conformance.running import options_of, run_items
from conformance.scenario.live.clock import REAL, Clock
from conformance.scenario.running import OWN_TARGETS, Options, Targets

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
    add_budget_option(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="send nothing; show what would be sent, and its cost"
    )
    parser.add_argument("--cassettes", metavar="DIR", help="the folder of the cassettes; default: ours")
    parser.add_argument("--closed", action="store_true", help="what the contract does not know fails")
    add_known_options(parser)
    add_part_options(parser)
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
        type=worker_count,
        metavar="N",
        help="how many processes, or auto; default: this one",
    )
    parser.add_argument(
        "--record", metavar="FILE", help="where the record goes; default: below .gemini-conformance/"
    )


def run(options: argparse.Namespace, clock: Clock = REAL) -> int:
    """Run the scenarios and print what was found.

    clock: what limits and waits go by; a test brings its own.
    """
    asked = target_options(options, options.target or ())
    foreign = [name for name in asked.targets if name not in OWN_TARGETS]
    _refuse(options, asked, foreign)
    files = scenario_files(options.paths)
    header = header_line(
        command="run",
        targets=list(asked.targets or OWN_TARGETS),
        seed=asked.seed,
        closed=asked.closed,
        **facts_of(options, files, options.rest),
    )
    begun = begun_of(options)
    if begun is not None and begun.exit_code is not None:
        return shown_again(options, begun)
    print(f"seed {asked.seed}, targets {', '.join(header['targets'])}", file=sys.stderr)
    if limits := str(asked.limits):
        print(f"budget {limits}", file=sys.stderr)
    partial = bool(options.paths or options.rest or set(header["targets"]) < set(OWN_TARGETS))
    book = bookkeeping(options, partial=partial, shared=options.shard is not None)
    header = begun_with(begun, header, ("server",), book)
    path = None if asked.dry_run and not options.record else record_path(options, "run")
    as_json = options.format == "json"
    with (
        Output(header, parties=("server",), path=path, as_json=as_json, book=book, begun=begun) as output,
        closing(Targets(asked, clock)) as targets,
    ):
        progress = Progress(targets.purse)
        targets.tell = progress.tell

        def take(lines: Sequence[Line]) -> None:
            output.take_all(lines)
            if foreign and not asked.dry_run:
                progress.see(lines)

        faults = run_items(
            files,
            options_of(asked),
            take,
            workers=options.workers,
            pytest_options=options.rest,
            targets=None if options.workers else targets,
            chosen=lambda count: setattr(progress, "total", count),
            known=book.known.file,
            shard=options.shard,
            done=output.done,
        )
        progress.clear()
        for fault in faults:
            output.take({"type": "fault", "message": fault})
        output.take(coverage_line("", output.tally.coverage))
        code = output.close(strict=options.strict)
    if asked.dry_run and not output.tally.faults:
        code = max((line["exit_code"] for line in output.tally.scenarios), default=5)
        if not output.printed:
            print("\n".join(render_forecast(output.tally, asked.limits.to_json())))
    elif not output.printed:
        print("\n".join(render_record(header, output.tally, code, verbose=options.verbose)))
        output.tell_record()
    write_known(options, book)
    return code


def _refuse(options: argparse.Namespace, asked: Options, foreign: list[str]) -> None:
    """Refuse what cannot be kept.

    Raises:
        UsageRefused: a budget for several processes, or for nothing.
    """
    if not foreign and (asked.budget is not None or asked.dry_run):
        raise UsageRefused(
            "nothing is spent on our own server and cassettes", "Name an endpoint: --target live or a URL."
        )
    if options.workers and foreign and str(asked.limits):
        raise UsageRefused(
            "a budget is kept by one process", "Leave -n out; --shard lets machines share, each with its own."
        )
