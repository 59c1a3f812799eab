"""`gemini-conformance fuzz`: conversations that nobody wrote, with an endpoint or with a client."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from conformance.commands.shared import (
    Output,
    add_known_options,
    bookkeeping,
    positive,
    write_known,
)
from conformance.errors import UsageRefused
from conformance.report.bundle import write_bundle
from conformance.report.record import Line, default_path, header_line
from conformance.report.text import render_record
from conformance.scenario.running import OWN_TARGETS, Options, Targets, checked_target, is_loopback

if TYPE_CHECKING:
    from conformance.contract.coverage import Coverage
    from conformance.fuzzing.running import Order

__all__ = ["add_arguments", "run"]

_SORTS = ("requests", "wrong", "life")
_SECONDS = 60.0
_EVERY_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.add_argument(
        "--target", default="embedded", metavar="TARGET", help="embedded (default), live, or a URL"
    )
    parser.add_argument(
        "--testee",
        metavar="NAME",
        help="fuzz a client: a bundled driver, such as google-genai; or -- COMMAND",
    )
    parser.add_argument("--seconds", type=_number, metavar="N", help=f"how long; default: {_SECONDS:g}")
    parser.add_argument("--examples", type=positive, metavar="N", help="how many conversations, instead")
    parser.add_argument("--seed", type=int, default=7, help="what is drawn; default: 7")
    parser.add_argument(
        "--sort", action="append", choices=_SORTS, help="what is held; may be repeated; default: all"
    )
    parser.add_argument("--model", metavar="NAME", help="the model of every request; default: all of them")
    parser.add_argument(
        "-n", dest="processes", type=_processes, default=1, metavar="N", help="how many processes, or auto"
    )
    parser.add_argument(
        "--database",
        default=".gemini-conformance/examples",
        metavar="PLACE",
        help="where failures are kept and tried first next time: a folder or redis://HOST/0; empty: nowhere",
    )
    parser.add_argument("--requests", type=positive, metavar="N", help="send no more requests than that")
    parser.add_argument("--rate", type=_number, metavar="R", help="send no more requests a second than that")
    parser.add_argument("--yes", action="store_true", help="fuzz an endpoint that is not on this machine")
    parser.add_argument(
        "--api-version", choices=("v1beta", "v1"), default="v1beta", help="which path; default: v1beta"
    )
    parser.add_argument(
        "--key-env", metavar="NAME", help="the environment variable that holds the key for a URL"
    )
    parser.add_argument(
        "--timeout", type=_number, default=10.0, metavar="SECONDS", help="limit of one exchange; default: 10"
    )
    parser.add_argument("--strict", action="store_true", help="warnings are findings too")
    parser.add_argument(
        "--bundle",
        metavar="DIR",
        help="a folder for each finding; default: beside the record, if there are any",
    )
    parser.add_argument("--record", metavar="FILE", help="where the record goes")
    add_known_options(parser)
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what is printed; default: text"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show every requirement")


def run(options: argparse.Namespace) -> int:
    """Fuzz until the time is over; print what was found."""
    if options.testee or options.rest:
        from conformance.commands.fuzzing_clients import run_client_fuzz

        return run_client_fuzz(options)
    from conformance.fuzzing.workers import fuzz_together, shared_out

    order = _order(options)
    path = Path(options.record) if options.record else default_path("fuzz")
    header = header_line(command="fuzz", targets=[order.target], seed=options.seed, closed=False)
    book = bookkeeping(options, partial=True)
    run = _Run(options, order)
    with Output(
        header, parties=("server",), path=path, as_json=options.format == "json", book=book
    ) as output:
        interrupted = False
        try:
            for line in fuzz_together(shared_out(order, options.processes)):
                run.take(line, output)
        except KeyboardInterrupt:
            interrupted = True
        code = run.close(output)
    if not output.printed:
        print("\n".join(render_record(output.header, output.tally, code, verbose=options.verbose)))
    output.tell_record()
    try:
        if run.findings:
            _bundle(options, path, output)
    finally:
        write_known(options, output.book)
    if interrupted:
        raise KeyboardInterrupt
    return code


def _order(options: argparse.Namespace) -> "Order":
    """Read what is to be done; refuse what cannot work, or should not be done unasked.

    Raises:
        UsageRefused, KeyMissing: with the reason.
    """
    from conformance.fuzzing.running import Order
    from conformance.fuzzing.stores import database_at

    if options.target == "cassettes":
        raise UsageRefused("cassettes answer only what was recorded", "Use run --target cassettes.")
    given = Options(targets=(options.target,), api_version=options.api_version, key_env=options.key_env)
    url, key = "", ""
    if options.target not in OWN_TARGETS:
        checked_target(options.target, given)
        targets = Targets(given)
        url, key = targets.url(options.target), targets.key(options.target, "")
        if not is_loopback(urlsplit(url).hostname or "") and not options.yes:
            raise UsageRefused(
                f"{url} is not on this machine, and fuzzing sends it many requests that may cost money",
                "Say --yes, and limit it: --requests 200 --rate 1.",
            )
    if options.database:
        database_at(options.database)
    seconds = options.seconds if options.seconds or options.examples else _SECONDS
    return Order(
        target=options.target,
        url=url,
        key=key,
        api_version=options.api_version,
        model=options.model,
        sorts=tuple(options.sort or _SORTS),
        seed=options.seed,
        seconds=seconds,
        examples=options.examples,
        requests=options.requests,
        rate=options.rate,
        timeout_s=options.timeout,
        database=options.database,
    )


class _Run:
    """A run while it goes on: what was done, what was found, and a line on stderr that tells."""

    def __init__(self, options: argparse.Namespace, order: "Order") -> None:
        self.findings = 0
        self.examples = self.exchanges = 0
        self._order = order
        self._branches: set[Any] = set()
        self._passes: dict[str, int] = {}
        self._started = self._told = time.monotonic()
        self._problems: list[str] = []
        self._enough = True
        self._workers = options.processes
        self._strict = options.strict
        self._live = sys.stderr.isatty()

    def take(self, line: Line, output: Output) -> None:
        """Take a line of a worker."""
        match line["type"]:
            case "progress":
                self.examples += line["examples"]
                self.exchanges += line["exchanges"]
                self._branches |= set(line["branches"])
                for name, count in line["passes"].items():
                    self._passes[name] = self._passes.get(name, 0) + count
                self._tell()
            case "finding":
                self.findings += 1
                output.take_all(line["lines"])
                self._tell(now=True)
            case "ended":
                self._enough = self._enough and line["enough"]
                if line.get("fault"):
                    output.take({"type": "fault", "message": line["why"]})
                elif line["why"]:
                    self._problems.append(line["why"])
                    print(f"{'' if not self._live else chr(10)}{line['why']}", file=sys.stderr)

    def close(self, output: Output) -> int:
        """Write what was kept and reached; give the exit code."""
        from conformance.contract.coverage import ROOTS, Coverage
        from conformance.report.record import coverage_line

        subject = f"fuzz[{self._order.target}]"
        output.take({"type": "passes", "subject": subject, "counts": dict(sorted(self._passes.items()))})
        output.take(coverage_line("", Coverage.of(self._branches, ROOTS)))
        output.take(
            {
                "type": "fuzz",
                "target": self._order.target,
                "examples": self.examples,
                "exchanges": self.exchanges,
                "seconds": round(self.seconds, 1),
                "workers": self._workers,
                "problems": self._problems,
            }
        )
        code = output.close(strict=self._strict)
        if self._live:
            print(file=sys.stderr)
        return 5 if code == 0 and (not self._enough or not self.exchanges) else code

    @property
    def seconds(self) -> float:
        """How long it took."""
        return time.monotonic() - self._started

    def _tell(self, *, now: bool = False) -> None:
        """Say how far it is: in one line that is written again, or now and then where nobody looks."""
        moment = time.monotonic()
        if not now and moment - self._told < (0.2 if self._live else _EVERY_S):
            return
        self._told = moment
        coverage = self._reached()
        line = (
            f"{self.examples} conversations · {self.exchanges / max(self.seconds, 0.001):.0f} exchanges/s · "
            f"{coverage.count} of {coverage.total} branches of a request · {self.findings} found"
        )
        print(
            f"\r{line}\x1b[K" if self._live else line,
            end="" if self._live else "\n",
            file=sys.stderr,
            flush=True,
        )

    def _reached(self) -> "Coverage":
        from conformance.contract.coverage import Coverage

        return Coverage.of(self._branches, ("interactions/create_request",))


def _bundle(options: argparse.Namespace, record: Path, output: Output) -> None:
    """Write a folder for each finding, and say where; a record that ends early holds too little for it."""
    if output.record.problem:
        print("no bundle is written, since the record is not whole", file=sys.stderr)
        return
    folder = Path(options.bundle) if options.bundle else record.with_suffix("")
    count = write_bundle(folder, record, output.header, output.tally)
    print(f"{count} findings: {folder}/README.md", file=sys.stderr)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def _processes(text: str) -> int:
    return os.cpu_count() or 1 if text == "auto" else positive(text)
