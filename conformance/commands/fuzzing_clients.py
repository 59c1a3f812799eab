"""`gemini-conformance fuzz --testee NAME`, `fuzz -- COMMAND`: streams that nobody recorded, for a client."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.commands.shared import Output, bookkeeping, write_known
from conformance.errors import UsageRefused
from conformance.report.bundle import write_bundle
from conformance.report.record import Line, default_path, header_line
from conformance.report.text import render_record

if TYPE_CHECKING:
    from conformance.fuzzing.clients import ClientFuzz

__all__ = ["run_client_fuzz"]

_SECONDS = 60.0
_EVERY_S = 10.0


def run_client_fuzz(options: argparse.Namespace) -> int:
    """Fuzz a client until the time is over; print what was found."""
    from conformance.fuzzing.clients import ClientFuzz, ClientOrder

    order = ClientOrder(
        command=_command(options),
        seed=options.seed,
        seconds=options.seconds if options.seconds or options.examples else _SECONDS,
        examples=options.examples,
        database=options.database,
        api_version=options.api_version,
    )
    path = Path(options.record) if options.record else default_path("fuzz")
    with ClientFuzz(order) as fuzz:
        header = header_line(command="fuzz", targets=[fuzz.name], seed=options.seed, closed=False)
        book = bookkeeping(options, partial=True, version=fuzz.version)
        with Output(
            header, parties=("client",), path=path, as_json=options.format == "json", book=book
        ) as output:
            told = _Told(fuzz)
            interrupted = False
            try:
                for line in fuzz.lines():
                    told.take(line, output)
            except KeyboardInterrupt:
                interrupted = True
            told.end()
            for line in fuzz.closing_lines():
                output.take(line)
            code = output.close(strict=options.strict)
    if not output.printed:
        print("\n".join(render_record(output.header, output.tally, code, verbose=options.verbose)))
        print(told.line)
    output.tell_record()
    try:
        if told.findings and output.record.problem:
            print("no bundle is written, since the record is not whole", file=sys.stderr)
        elif told.findings:
            folder = Path(options.bundle) if options.bundle else path.with_suffix("")
            count = write_bundle(folder, path, output.header, output.tally)
            print(f"{count} findings: {folder}/README.md", file=sys.stderr)
    finally:
        write_known(options, output.book)
    if interrupted:
        raise KeyboardInterrupt
    return code


def _command(options: argparse.Namespace) -> list[str]:
    """Read which client it is; refuse what is about endpoints.

    Raises:
        UsageRefused, DriverUnknown: with the reason.
    """
    if options.target != "embedded":
        raise UsageRefused("an endpoint is fuzzed or a client, not both", "Leave out --target.")
    if options.processes != 1 or options.sort:
        raise UsageRefused(
            "a client is fuzzed in one process, with all sorts of streams", "Leave out -n and --sort."
        )
    if options.testee and options.rest:
        raise UsageRefused("a client is either --testee NAME or a command, not both", "Leave one out.")
    if options.rest:
        return list(options.rest)
    from conformance.testees.drivers import command_of

    return command_of(options.testee)


class _Told:
    """What was found so far, and a line on stderr that tells of it."""

    def __init__(self, fuzz: "ClientFuzz") -> None:
        self.findings = 0
        self._fuzz = fuzz
        self._live = sys.stderr.isatty()
        self._shown_s = time.monotonic()

    def take(self, line: Line, output: Output) -> None:
        """Take a line of the run."""
        if line["type"] == "finding":
            self.findings += 1
            output.take_all(line["lines"])
        now = time.monotonic()
        if line["type"] == "finding" or now - self._shown_s > (0.2 if self._live else _EVERY_S):
            self._shown_s = now
            shown = f"\r{self.line}\x1b[K" if self._live else f"{self.line}\n"
            print(shown, end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """End the line that is written again and again."""
        if self._live:
            print(file=sys.stderr)

    @property
    def line(self) -> str:
        """How far it is, in one line."""
        fuzz, seen = self._fuzz, self._fuzz.opponent
        found = f"{self.findings} found" if self.findings else "nothing was found"
        return (
            f"{fuzz.examples} streams, {seen.calls} calls in {fuzz.seconds:.0f} s "
            f"({seen.calls / max(fuzz.seconds, 0.001):.0f}/s), {seen.cut} cut, "
            f"{fuzz.edges} of {fuzz.all_edges} broken edges · {found}"
        )
