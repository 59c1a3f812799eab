"""`gemini-conformance report RECORD`: the record of a run, shown again in another form."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.commands.shared import JsonOutput
from conformance.errors import UsageRefused
from conformance.report.badge import render_badge
from conformance.report.bundle import write_bundle
from conformance.report.github import render_github
from conformance.report.html import render_html
from conformance.report.junit import render_junit
from conformance.report.markdown import render_markdown
from conformance.report.merging import merge, notes
from conformance.report.reading import read_record
from conformance.report.record import Line, default_path
from conformance.report.tally import Tally
from conformance.report.text import render_record

__all__ = ["add_arguments", "run", "show"]

_FORMATS = ("text", "json", "markdown", "junit", "github", "badge", "html")
_PARTIES = {"run": ("server",), "client": ("client",), "lint": ("server", "client")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.usage = (
        "gemini-conformance report RECORD [options]\n"
        "       gemini-conformance report --merge RECORD RECORD ... [--record FILE] [options]"
    )
    parser.add_argument(
        "records", nargs="+", type=Path, metavar="RECORD", help="the file that a run has written"
    )
    parser.add_argument(
        "--merge",
        action="store_true",
        help="make one record of several, those of the shards of one run, and show it",
    )
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="where the merged record goes; default: below .gemini-conformance/",
    )
    parser.add_argument("--format", choices=_FORMATS, default="text", help="what is printed; default: text")
    parser.add_argument(
        "--bundle", metavar="DIR", help="write a folder for each finding, with what shows it again"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show everything that was judged")


def run(options: argparse.Namespace) -> int:
    """Print the record, write the bundle; the exit code is that of the run."""
    path = _merged(options) if options.merge else _only(options)
    code = show(path, form=options.format, verbose=options.verbose, bundle=options.bundle)
    if options.merge:
        print(f"record: {path}", file=sys.stderr)
    return code


def _only(options: argparse.Namespace) -> Path:
    if options.record:
        raise UsageRefused("--record is where a merged record goes", "Add --merge.")
    if len(options.records) > 1:
        raise UsageRefused(
            f"{len(options.records)} records, and one is shown at a time",
            "--merge makes one of the records of one run.",
        )
    only: Path = options.records[0]
    return only


def _merged(options: argparse.Namespace) -> Path:
    out = options.record or default_path("merged")
    merge(options.records, out)
    return out


def show(path: Path, *, form: str, verbose: bool, bundle: str | None = None) -> int:
    """Print a record in some form, and write a bundle of it; give the exit code of its run."""
    header, tally, ended = _added_up(path)
    code = ended if ended is not None else _cut_off(tally)
    if ended is None:
        print(f"{path}: cut off: the run was ended before its end; this is what it saw", file=sys.stderr)
    for note in notes(header):
        print(f"{path}: {note}", file=sys.stderr)
    if form == "json":
        _print_json(path, code)
    else:
        for piece in _rendered(form, path, header, tally, code, cut_off=ended is None, verbose=verbose):
            print(piece)
    if bundle:
        count = write_bundle(Path(bundle), path, header, tally)
        print(f"bundle: {bundle} ({count} finding{'' if count == 1 else 's'})", file=sys.stderr)
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
    form: str, path: Path, header: Line, tally: Tally, code: int, *, cut_off: bool, verbose: bool
) -> Iterator[str]:
    match form:
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
            yield from render_record(header, tally, code, verbose=verbose)
