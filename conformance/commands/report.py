"""`gemini-conformance report RECORD`: the record of a run, shown again in another form."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.commands.shared import JsonOutput
from conformance.report.badge import render_badge
from conformance.report.bundle import write_bundle
from conformance.report.github import render_github
from conformance.report.html import render_html
from conformance.report.junit import render_junit
from conformance.report.markdown import render_markdown
from conformance.report.reading import read_record
from conformance.report.record import Line
from conformance.report.tally import Tally
from conformance.report.text import render_record

__all__ = ["add_arguments", "run"]

_FORMATS = ("text", "json", "markdown", "junit", "github", "badge", "html")
_PARTIES = {"run": ("server",), "client": ("client",), "lint": ("server", "client")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.add_argument("record", metavar="RECORD", help="the file that a run has written")
    parser.add_argument("--format", choices=_FORMATS, default="text", help="what is printed; default: text")
    parser.add_argument(
        "--bundle", metavar="DIR", help="write a folder for each finding, with what shows it again"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show everything that was judged")


def run(options: argparse.Namespace) -> int:
    """Print the record, write the bundle; the exit code is that of the run."""
    path = Path(options.record)
    header, tally, ended = _added_up(path)
    code = ended if ended is not None else _cut_off(tally)
    if ended is None:
        print(f"{path}: cut off: the run was ended before its end; this is what it saw", file=sys.stderr)
    if options.format == "json":
        _print_json(path, code)
    else:
        for piece in _rendered(options, path, header, tally, code, cut_off=ended is None):
            print(piece)
    if options.bundle:
        count = write_bundle(Path(options.bundle), path, header, tally)
        print(f"bundle: {options.bundle} ({count} finding{'' if count == 1 else 's'})", file=sys.stderr)
    return code


def _added_up(path: Path) -> tuple[Line, Tally, int | None]:
    """Read a record: its header, its sum, and its exit code; None where it was cut off."""
    lines = read_record(path)
    header = next(lines)
    tally = Tally(parties=tuple(header.get("parties") or _PARTIES[header["command"]]))
    ended = None
    for line in lines:
        tally.add(line)
        ended = line["exit_code"] if line["type"] == "footer" else None
    return header, tally, ended


def _cut_off(tally: Tally) -> int:
    """Give the exit code of a run without an end: what it saw, and a finding even so."""
    code = tally.exit_code(strict=False)
    return code if code in (2, 3, 4) else 1


def _print_json(path: Path, code: int) -> None:
    lines = read_record(path)
    printed = JsonOutput(next(lines))
    for line in lines:
        printed.add(line)
    printed.end(code)


def _rendered(
    options: argparse.Namespace, path: Path, header: Line, tally: Tally, code: int, *, cut_off: bool
) -> Iterator[str]:
    match options.format:
        case "markdown":
            yield from render_markdown(header, tally, code, cut_off=cut_off)
        case "junit":
            yield render_junit(read_record(path)).rstrip()
        case "github":
            yield from render_github(tally, code)
        case "badge":
            yield render_badge(tally, code)
        case "html":
            yield from render_html(header, tally, code, cut_off=cut_off)
        case _:
            yield from render_record(header, tally, code, verbose=options.verbose)
