"""`gemini-conformance lint`: recordings made by anyone."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from conformance.commands.searching import search
from conformance.commands.shared import Output, add_known_options, bookkeeping, positive, write_known
from conformance.contract.coverage import Coverage
from conformance.errors import PathMissing
from conformance.judge.judge import judge
from conformance.judge.verdict import Verdict
from conformance.report.record import (
    Line,
    coverage_line,
    exchange_lines,
    file_line,
    header_line,
    kept_whole,
    report_lines,
)
from conformance.report.text import render_record
from conformance.wire.recording import Recording, find_files, read_all
from conformance.wire.redaction import redact
from conformance.wire.trace import Place

if TYPE_CHECKING:
    from conformance.contract.validation import Branch
    from conformance.judge.verdict import Report
    from conformance.wire.trace import Trace

__all__ = ["add_arguments", "lint_lines", "run"]

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files and folders")
    parser.add_argument("--excerpt", action="store_true", help="the recordings were shortened by hand")
    parser.add_argument(
        "--party", choices=("server", "client"), help="whose conduct is judged; default: that of both"
    )
    parser.add_argument(
        "--max-mb", type=positive, default=64, metavar="MB", help="larger files are not judged; default: 64"
    )
    parser.add_argument("--closed", action="store_true", help="what the contract does not know fails")
    add_known_options(parser)
    parser.add_argument("--strict", action="store_true", help="warn and drift count as findings")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what is printed; default: text"
    )
    parser.add_argument(
        "--secrets",
        action="store_true",
        help="judge nothing, look for secrets, in every file whatever it is, also where they are encoded",
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show every file and requirement")
    parser.add_argument("--record", metavar="FILE", help="where the record goes; default: none is kept")


def run(options: argparse.Namespace) -> int:
    """Judge the recordings and print what was found; each is let go before the next is read."""
    if options.secrets:
        return search(options.paths, as_json=options.format == "json")
    header = header_line(command="lint", paths=options.paths, closed=options.closed)
    parties = (options.party,) if options.party else ("server", "client")
    path = Path(options.record) if options.record else None
    book = bookkeeping(options, partial=True)  # whoever lints names what is there: nothing can be missed
    with Output(header, parties=parties, path=path, as_json=options.format == "json", book=book) as output:
        for lines in lint_lines(options):
            output.take_all(lines)
        code = output.close(strict=options.strict)
    if not output.printed:
        print("\n".join(render_record(header, output.tally, code, verbose=options.verbose)))
    write_known(options, book)
    return code


def lint_lines(options: argparse.Namespace) -> Iterator[list[Line]]:
    """Give the lines of the record, those of a file together."""
    parties = (options.party,) if options.party else ("server", "client")
    paths: list[str] = []
    for given in options.paths:
        try:
            paths += map(str, find_files([given]))
        except PathMissing as error:
            line = file_line(error.path, outcome="error", problem=error.problem, hint=error.hint)
            yield [line | {"exit_code": error.exit_code}]
    branches: set[Branch] = set()
    found = read_all(paths, excerpt=options.excerpt, largest_bytes=options.max_mb * 1024 * 1024)
    for recording in _with_progress(found, len(paths)):
        if not isinstance(recording, Recording):
            yield [file_line(recording.file, outcome="fail", problem=recording.problem, hint=recording.hint)]
        elif recording.note:
            yield [
                file_line(recording.file, form=recording.form, outcome="not-observed", note=recording.note)
            ]
        else:
            trace = recording.trace
            report = judge(trace, closed=options.closed, parties=parties)
            if recording.doubt:
                report.findings.append(Verdict("warn", Place(0, "response"), "", recording.doubt))
            line = file_line(recording.file, form=recording.form, outcome=report.outcome)
            shown = _shown(recording.file, report, trace)
            yield [line, *shown, *report_lines(recording.file, report, trace)]
            branches |= report.branches
    yield [coverage_line("", Coverage.of(branches))]


def _shown(subject: str, report: "Report", trace: "Trace") -> Iterator[Line]:
    """Give the exchanges that findings point to, without credentials."""
    if wanted := kept_whole(report.findings):
        exchanges = [redact(call.exchange) for call in trace.calls]
        lines = exchange_lines(subject, exchanges, whole=wanted)
        yield from (line for line in lines if line["exchange"] in wanted)


def _with_progress(found: Iterator[T], total: int) -> Iterator[T]:
    """Show on a terminal how far a long lint is."""
    shown = sys.stderr.isatty() and total > 50
    for number, one in enumerate(found, 1):
        if shown and (number % 20 == 0 or number == total):
            filled = 30 * number // total
            end = "\r" if number < total else "\r\033[K"
            print(
                f"[{'#' * filled}{'.' * (30 - filled)}] {number} of {total} files", end=end, file=sys.stderr
            )
        yield one
