"""`gemini-conformance mutants`: whether wrong servers, clients and traces are seen."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.commands.shared import JsonOutput, positive
from conformance.errors import NothingToDo, UsageRefused
from conformance.mutants.jobs import jobs, run_jobs, untraced
from conformance.mutants.matrix import KINDS, Matrix
from conformance.report.record import Line, footer_line, header_line
from conformance.wire.files import write_atomically

__all__ = ["add_arguments", "render", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.add_argument(
        "--only",
        action="append",
        metavar="WORD",
        help="mutants whose name, area or requirement holds the word; may be repeated; default: all",
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="may be repeated; default: all")
    parser.add_argument(
        "-n", dest="processes", type=_processes, default=1, metavar="N", help="how many processes, or auto"
    )
    parser.add_argument(
        "--matrix", metavar="FILE", help="write the kill matrix as JSON, and as Markdown beside it"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what is printed; default: text"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show every mutant")


def run(options: argparse.Namespace) -> int:
    """Run the mutants and their controls; print which survive."""
    if options.matrix and not Path(options.matrix).absolute().parent.is_dir():
        raise UsageRefused(f"{options.matrix} cannot be written: there is no such folder", "Make it first.")
    chosen = jobs(options.only or (), options.kind or ())
    if not chosen:
        raise NothingToDo(
            f"no mutant holds {' or '.join(options.only or ['it'])}", "Without --only, all run."
        )
    if untraced() and "trace" in (options.kind or KINDS):
        print(f"the mutated traces are left out: {untraced()}", file=sys.stderr)
    header = header_line(command="mutants", targets=list(options.kind or KINDS), seed=7, closed=False)
    printed = JsonOutput(header) if options.format == "json" else None
    matrix = Matrix()
    for line in run_jobs(chosen, processes=options.processes):
        matrix.add(line)
        if printed:
            printed.add(line)
    whole = not options.only and not options.kind
    red = bool(matrix.red or (whole and (matrix.without or matrix.unkilled_by_servers)))
    if printed:
        printed.close(footer_line(int(red), {}))
    else:
        print("\n".join(render(matrix, whole=whole, verbose=options.verbose)))
    if options.matrix:
        _write(Path(options.matrix), matrix)
    return int(red)


def _write(path: Path, matrix: Matrix) -> None:
    try:
        write_atomically(path, json.dumps(matrix.to_json(), indent=1, ensure_ascii=False).encode() + b"\n")
        write_atomically(path.with_suffix(".md"), matrix.to_markdown().encode())
    except OSError as error:
        raise UsageRefused(f"{path} cannot be written: {error.strerror}", "Choose another file.") from None


def render(matrix: Matrix, *, whole: bool, verbose: bool = False) -> Iterator[str]:
    """Show what came of the mutants, for people."""
    for line in matrix.controls:
        if line["outcome"] != "clean" or verbose:
            yield f"{line['outcome']} {line['kind']} {line['subject']} (right): {line['problem']}"
    for line in matrix.mutants:
        if line["outcome"] != "killed" or verbose:
            yield from _mutant(line)
    for kind in KINDS:
        counts = matrix.counts(kind)
        if counts:
            told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
            yield f"{kind:<7} {counts.total():>4} mutants: {told}"
    if whole:
        for one in matrix.without:
            yield f"nothing kills {one.id} {one.name}"
        for one in matrix.unkilled_by_servers:
            yield f"no wrong server kills {one.id} {one.name}, and unshown.yaml does not say why"
    clean = sum(line["outcome"] == "clean" for line in matrix.controls)
    yield f"killed {matrix.ratio:.1%} · controls {clean} of {len(matrix.controls)} clean"


def _mutant(line: Line) -> Iterator[str]:
    yield f"{line['outcome']} {line['kind']} {line['subject']}: {line['title']}"
    if line["problem"]:
        yield f"    {line['problem']}"
    for place in line["places"] if line["outcome"] != "killed" else ():
        at = f"exchange {place['exchange']} event {place['event']} {place['pointer']}"
        yield f"    {place['outcome']} {place['requirement']} {at}: {place['message']}"
    yield from (f"    {told}" for told in line["difference"])


def _processes(text: str) -> int:
    return os.cpu_count() or 1 if text == "auto" else positive(text)
