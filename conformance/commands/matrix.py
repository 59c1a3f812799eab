"""`gemini-conformance matrix --testee A --testee B`: the same cases through several clients, side by side."""

import argparse
import json
import re
import shlex
import sys
import time
from functools import partial
from itertools import chain, count
from pathlib import Path

from conformance.commands.clients import (
    add_client_options,
    asked_of,
    case_and_scenario_files,
    run_client,
    selected,
)
from conformance.commands.shared import Output, bookkeeping
from conformance.errors import ConformanceError, UsageRefused
from conformance.report.matrix import markdown, matrix_of
from conformance.report.record import header_line
from conformance.testees.drivers import NAMES, command_of
from conformance.wire.files import write_atomically

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.usage = "gemini-conformance matrix --testee NAME [--testee NAME=COMMAND ...] [PATH ...] [options]"
    add_client_options(parser)
    parser.add_argument(
        "--testee",
        action="append",
        metavar="NAME[=COMMAND]",
        help=f"a client: one of {', '.join(NAMES)}, or a name of your own with the command of its driver",
    )
    parser.add_argument(
        "--known",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="the known failures of a client; may be repeated",
    )
    parser.add_argument(
        "--to",
        default=".gemini-conformance/matrix",
        metavar="DIR",
        help="where matrix.json, matrix.md and the records go; default: .gemini-conformance/matrix",
    )


def run(options: argparse.Namespace) -> int:
    """Run every client, then put what was found together."""
    commands = dict(map(_named, options.testee or ()))
    if not commands:
        raise UsageRefused("which clients? no --testee was given", f"Bundled are {', '.join(NAMES)}.")
    files = case_and_scenario_files(options.paths)
    selected(files, options.only or ())
    folder = Path(options.to)
    known = dict(map(_known, options.known))
    records: dict[str, Path] = {}
    codes: set[int] = set()
    for name, command in commands.items():
        path = folder / f"{_file_name(name, {one.stem for one in records.values()})}.ndjson"
        start = time.monotonic()
        try:
            output, code = run_client(
                asked_of(options, command),
                files,
                partial(_output, options, path, known.get(name)),
                workers=options.workers,
                pytest_options=options.pytest or (),
                strict=options.strict,
            )
        except ConformanceError as error:
            print(f"{name}: left out: {error}", f"hint: {error.hint}", sep="\n", file=sys.stderr)
            codes.add(error.exit_code)
            continue
        red = sum(line["outcome"] in ("fail", "untestable", "error") for line in output.tally.cases)
        took = time.monotonic() - start
        print(f"{name}: {red} of {len(output.tally.cases)} cases are red, {took:.0f} s", file=sys.stderr)
        codes.add(code)
        records[name] = path
    if records:
        _write(folder, matrix_of(records))
    return next((code for code in (3, 4, 2, 1, 5) if code in codes), 0)


def _file_name(name: str, taken: set[str]) -> str:
    """Make a name for a file, such as google-genai-2 where @google/genai comes after google-genai."""
    stem = re.sub(r"[^0-9a-z.]+", "-", name.lower()).strip("-")
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(one for one in names if one not in taken)


def _named(text: str) -> tuple[str, list[str]]:
    name, mark, command = text.partition("=")
    return name, shlex.split(command) if mark else command_of(name)


def _known(text: str) -> tuple[str, str]:
    name, mark, file = text.partition("=")
    if not mark:
        raise UsageRefused(
            f"--known {text} names no client", "Write --known NAME=FILE, with the NAME of a --testee."
        )
    return name, file


def _output(options: argparse.Namespace, path: Path, known: str | None, name: str, version: str) -> Output:
    header = header_line(command="client", targets=[name], seed=options.seed, closed=False)
    asked = argparse.Namespace(known=known, write_known=None)
    book = bookkeeping(asked, partial=bool(options.only or options.paths or options.pytest), version=version)
    return Output(header, parties=("client",), path=path, as_json=False, book=book)


def _write(folder: Path, matrix: dict[str, object]) -> None:
    page = "\n".join(markdown(matrix)) + "\n"
    print(page, end="")
    try:
        write_atomically(folder / "matrix.json", json.dumps(matrix, indent=1).encode() + b"\n")
        write_atomically(folder / "matrix.md", page.encode())
    except OSError as error:
        raise UsageRefused(
            f"the matrix cannot be written to {folder}: {error.strerror}", "Name another folder with --to."
        ) from None
    print(f"matrix: {folder / 'matrix.json'} and {folder / 'matrix.md'}", file=sys.stderr)
