"""What several commands take and print: scenario paths, options of targets, JSON lines, errors."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from conformance.contract.coverage import Coverage
from conformance.contract.places import folder
from conformance.errors import ConformanceError, PathMissing, UsageRefused
from conformance.report.bookkeeping import Bookkeeping
from conformance.report.known import Known
from conformance.report.record import Line, Record, coverage_line, footer_line
from conformance.report.resuming import Begun
from conformance.report.tally import Tally
from conformance.scenario.live.budget import LIVE, Budget
from conformance.scenario.needs import read_have, remark
from conformance.scenario.running import OWN_TARGETS, Options, checked_target
from conformance.scenario.scenario import find_scenarios

__all__ = [
    "JsonOutput",
    "Output",
    "add_budget_option",
    "add_known_options",
    "add_scenario_paths",
    "add_target_options",
    "bookkeeping",
    "complain",
    "positive",
    "scenario_files",
    "target_options",
    "worker_count",
    "write_known",
]


class JsonOutput:
    """The lines of a run as one JSON document, printed as they come, so that none is kept.

    It goes to the stdout of its making: pytest's is another while it runs.
    """

    def __init__(self, header: Line) -> None:
        self._out = sys.stdout
        print('{"lines": [', json.dumps(header), sep="\n", end="", file=self._out)

    def add(self, line: Line) -> None:
        """Print one more line."""
        print(",", json.dumps(line), sep="\n", end="", file=self._out)

    def close(self, footer: Line) -> None:
        """Print the last line and the exit code."""
        self.add(footer)
        self.end(footer["exit_code"])

    def end(self, exit_code: int) -> None:
        """Print the exit code alone, for a run that was cut off."""
        print("\n],", f'"exit_code": {exit_code}}}', file=self._out)


class Output:
    """A run while it goes on: each line is added up, kept in the record and, for JSON, printed at once.

    with Output(header, parties=("server",), path=path, as_json=False, book=book) as output:
        output.take_all(lines_of_one_subject)
        code = output.close(strict=False)
    """

    def __init__(
        self,
        header: Line,
        *,
        parties: tuple[str, ...],
        path: Path | None,
        as_json: bool,
        book: Bookkeeping | None = None,
        begun: Begun | None = None,
    ) -> None:
        self.header = {**header, "parties": list(parties)}
        self.tally = Tally(parties=parties)
        self.book = book or Bookkeeping(Known(), _today())
        self.printed = JsonOutput(self.header) if as_json else None
        self.done = begun.done if begun is not None else frozenset()
        self._share: Line = {}
        listed = [self.book.line()] if self.book.known.file else []
        for line in chain(listed, begun.lines() if begun is not None else ()):
            self._count(line)
            self._print(line)
        before = chain(listed, begun.lines()) if begun is not None else None
        self.record = Record(path, self.header, before=before)
        if begun is None:
            for line in listed:
                self.record.write(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.record.__exit__(kind, error, trace)

    def take_all(self, lines: Sequence[Line]) -> None:
        """Take the lines of one subject, with what is known marked."""
        for line in self.book.known.applied(lines, self.book.version):
            self.take(line)

    def take(self, line: Line) -> None:
        """Take one line. Of the coverage of a subject what is new is kept; workers tell the same share."""
        if line["type"] == "coverage" and line["subject"]:
            new = Coverage.from_json(line).beyond(self.tally.coverage)
            if not new.count:
                return
            line = coverage_line(line["subject"], new)
        if line["type"] == "share":
            if line == self._share:
                return
            self._share = line
        self._count(line)
        self._keep(line)

    def _count(self, line: Line) -> None:
        self.tally.add(line)
        self.book.take(line)

    def _keep(self, line: Line) -> None:
        self.record.write(line)
        self._print(line)

    def _print(self, line: Line) -> None:
        if self.printed:
            self.printed.add(line)

    def close(self, *, strict: bool) -> int:
        """Tell what is wrong with the list of known failures, write the last line; give the exit code."""
        for line in self.book.problems():
            self.take(line)
        code = self.tally.exit_code(strict=strict)
        footer = footer_line(code, self.tally.counts())
        self.record.close(footer)
        if self.record.problem:
            print(self.record.problem, file=sys.stderr)
        if self.printed:
            self.printed.close(footer)
        if self.tally.idle:
            told = f"nothing falls to shard {self._share['shard']} of the {self._share['selected']} selected"
            print(told, file=sys.stderr)
        return code

    def tell_record(self) -> None:
        """Say where the record is, if there is one."""
        if self.record.path is not None and not self.record.problem:
            print(f"record: {self.record.path}", file=sys.stderr)


def complain(error: ConformanceError) -> int:
    """Tell an error in a sentence, with its hint; give its exit code."""
    print(f"gemini-conformance: {error}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return error.exit_code


def add_known_options(parser: argparse.ArgumentParser) -> None:
    """Let a command take and write a list of known failures."""
    parser.add_argument(
        "--known", metavar="FILE", help="known failures: they are not red as long as they fail as it says"
    )
    parser.add_argument(
        "--write-known",
        metavar="FILE",
        help="write what fails now as a list of known failures; what was written there by hand is kept",
    )


def bookkeeping(
    options: argparse.Namespace, *, partial: bool, version: str = "", shared: bool = False
) -> Bookkeeping:
    """Read the list of known failures that was asked for, or the one that is to be written again.

    Raises:
        PathMissing, KnownBroken: it cannot be read, or not be written.
    """
    path = options.known
    if options.write_known:
        if not Path(options.write_known).absolute().parent.is_dir():
            raise PathMissing(options.write_known, "cannot be written: there is no such folder")
        if path is None and Path(options.write_known).exists():
            path = options.write_known
    known = Known.read(path) if path is not None else Known()
    return Bookkeeping(known, _today(), version=version, partial=partial, shared=shared)


def _today() -> date:
    return datetime.now(UTC).date()


def write_known(options: argparse.Namespace, book: Bookkeeping) -> None:
    """Write the list again, if that was asked for, and say how many of its entries wait for a url."""
    if not options.write_known:
        return
    known = book.rewritten(strict=options.strict)
    known.write(options.write_known)
    waiting = sum(not entry.url for entry in known.entries)
    told = f"{options.write_known}: {len(known.entries)} known failures"
    more = f", {waiting} of them without a url: red until it is filled in" if waiting else ""
    print(told + more, file=sys.stderr)


def add_scenario_paths(parser: argparse.ArgumentParser) -> None:
    """Let a command take scenarios."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="scenario files or folders; default: ours")


def scenario_files(paths: Sequence[str]) -> list[Path]:
    """Give the scenario files that were asked for, or ours."""
    return find_scenarios(paths or [str(folder("scenarios"))])


def add_target_options(parser: argparse.ArgumentParser) -> None:
    """Let a command say how targets are reached."""
    parser.add_argument(
        "--api-version",
        choices=("v1beta", "v1"),
        default="v1beta",
        help="which path is taken; default: v1beta",
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the embedded server; default: 7")
    parser.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="limit of one exchange; default: 60"
    )
    parser.add_argument(
        "--key-env",
        metavar="NAME",
        help="the environment variable that holds the key for a URL; no other key is sent",
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="the model that live and URLs are asked for; default: the first of `list --models` that can do "
        "what a scenario needs",
    )
    parser.add_argument(
        "--have",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what the account has at live and URLs, such as file_search_store=fileSearchStores/mine; may be "
        "repeated",
    )


def add_budget_option(parser: argparse.ArgumentParser) -> None:
    """Let a command spend no more than was agreed on endpoints that are not our own."""
    parser.add_argument(
        "--budget",
        metavar="BUDGET",
        help=f"the most that is spent, as requests=40,tokens=20000,seconds=300; default for live: {LIVE}",
    )


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < 1e6:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not a time in seconds")


def positive(text: str) -> int:
    """Read a count of at least one."""
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")


def worker_count(text: str) -> str:
    """Read a number of processes, as pytest-xdist takes it."""
    if text not in ("auto", "logical"):
        positive(text)
    return text


def target_options(options: argparse.Namespace, targets: Sequence[str]) -> Options:
    """Read how targets are reached; refuse what cannot work before anything is sent.

    Raises:
        PathMissing: there is no such folder of cassettes.
        UsageRefused, KeyMissing: a target cannot be used as asked.
    """
    found = Options(
        targets=tuple(targets),
        api_version=options.api_version,
        seed=options.seed,
        closed=getattr(options, "closed", False),
        timeout_s=options.timeout,
        key_env=options.key_env,
        cassettes=getattr(options, "cassettes", None),
        budget=Budget.read(options.budget) if getattr(options, "budget", None) else None,
        dry_run=getattr(options, "dry_run", False),
        model=options.model,
        have=tuple(map(read_have, options.have)),
    )
    if (found.model is not None or found.have) and set(targets) <= set(OWN_TARGETS):
        raise UsageRefused(
            "--model and --have are for live and for URLs",
            "Our own server and cassettes are asked for the first of `list --models` that fits.",
        )
    if (
        "cassettes" in (targets or OWN_TARGETS)
        and found.cassettes is not None
        and not Path(found.cassettes).is_dir()
    ):
        raise PathMissing(found.cassettes)
    for target in () if found.dry_run else targets:
        checked_target(target, found)
    for line in remark(found.model):
        print(line, file=sys.stderr)
    return found
