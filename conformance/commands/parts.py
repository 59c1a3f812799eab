"""One part of a run (`--shard`), and going on with one (`--resume`): for `run` and `client`."""

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from conformance.commands.report import show
from conformance.report.bookkeeping import Bookkeeping
from conformance.report.record import Line, default_path
from conformance.report.resuming import Begun, read_begun
from conformance.scenario.scenario import SUFFIX, scenario_id
from conformance.shards import read_shard

__all__ = ["add_part_options", "begun_of", "begun_with", "facts_of", "record_path", "shown_again"]


def add_part_options(parser: argparse.ArgumentParser) -> None:
    """Let a command share its work with other machines, and go on where it was cut off."""
    parser.add_argument(
        "--shard",
        type=read_shard,
        metavar="I/N",
        help="play one part of the run alone, such as 2/5; the others are played elsewhere, and "
        "`report --merge` makes one record of all",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="RECORD",
        help="go on with a run that was cut off, with the same options: what is whole in its record stays as "
        "it is, and the rest is played; the record goes on too, unless --record names another",
    )


def facts_of(options: argparse.Namespace, files: Sequence[Path], pytest_options: Sequence[str]) -> Line:
    """Give what the header tells of the options, so that records of one run know each other."""
    words = [f"--only {word}" for word in getattr(options, "only", None) or ()]
    shard = {"shard": str(options.shard)} if options.shard else {}
    asked = {name: getattr(options, name, None) for name in ("model", "budget")}
    return {
        **{name: value for name, value in asked.items() if value},
        "api_version": options.api_version,
        "strict": options.strict,
        "selection": {
            "files": len(set(files)),
            "hash": _hash_of(files),
            "words": sorted([*words, *_selecting(pytest_options)]),
        },
        **shard,
    }


def _hash_of(files: Sequence[Path]) -> str:
    """Give a hash of scenarios and cases, whatever their order; what cannot be read is told by its item."""
    total = hashlib.sha256()
    for name, path in sorted({_name_of(path): path for path in files}.items()):
        with suppress(OSError):
            content = hashlib.sha256(path.read_bytes()).digest()
            total.update(name.encode(errors="surrogateescape") + b"\0" + content)
    return total.hexdigest()[:16]


def _name_of(path: Path) -> str:
    return scenario_id(path) if path.name.endswith(SUFFIX) else path.name


def _selecting(pytest_options: Sequence[str]) -> Iterator[str]:
    """Give the options of pytest that select."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("-k", "-m", "--deselect", "--ignore", "--ignore-glob"):
        parser.add_argument(name, dest=name, action="append", default=[])
    try:
        found, _ = parser.parse_known_args(list(pytest_options))
    except argparse.ArgumentError:
        return  # pytest will say what is wrong with them
    for name, values in vars(found).items():
        yield from (f"{name} {value}" for value in values)


def record_path(options: argparse.Namespace, command: str) -> Path:
    """Give the path of the record: the one asked for, the one that goes on, or a new one."""
    return Path(options.record) if options.record else options.resume or default_path(command)


def begun_with(begun: Begun | None, header: Line, parties: tuple[str, ...], book: Bookkeeping) -> Line:
    """Give the header of a run: its own, or, with a line more, that of the run which it goes on with.

    Raises:
        RecordsDiffer: that one had other options.
    """
    if begun is None:
        return header
    begun.check({**header, "parties": list(parties)}, book.line() if book.known.file else None)
    print(f"{begun.path}: {len(begun.done)} played before, the rest is played now", file=sys.stderr)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {**begun.header, "resumed": [*begun.header.get("resumed", ()), now]}


def begun_of(options: argparse.Namespace) -> Begun | None:
    """Read the record of the run that is to go on.

    Raises:
        PathMissing, RecordBroken: there is no such record.
    """
    return read_begun(options.resume) if options.resume else None


def shown_again(options: argparse.Namespace, begun: Begun) -> int:
    """Show the record of a run that has ended; give its exit code."""
    print(f"{begun.path}: this run has ended, and nothing of it is played again", file=sys.stderr)
    return show(begun.path, form=options.format, verbose=options.verbose)
