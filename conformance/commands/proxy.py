"""`gemini-conformance proxy`: between any client and any endpoint, judging both."""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.commands.shared import Output, add_known_options, bookkeeping, positive, write_known
from conformance.contract.coverage import Coverage
from conformance.errors import ForwarderLost, UsageRefused
from conformance.judge.verdict import worst
from conformance.proxy.conversations import Conversation, Conversations, secrets_of
from conformance.proxy.forwarding import Forwarder, Order, forwarding
from conformance.proxy.keeping import Keeper
from conformance.proxy.passed import Passed, exchange_of
from conformance.report.findings import place
from conformance.report.record import Line, coverage_line, default_path, header_line
from conformance.report.text import printable, render_record
from conformance.scenario.running import checked_url, is_loopback
from conformance.wire.redaction import redact_text

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.add_argument(
        "--upstream", required=True, metavar="URL", help="where requests go on to: https, or http on loopback"
    )
    parser.add_argument("--port", type=int, default=0, help="default: one that the kernel gives")
    parser.add_argument(
        "--requests", type=positive, metavar="N", help="end when so many have passed; default: at ctrl-C"
    )
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--cassette", metavar="FILE", help="record what passes as one cassette")
    kept.add_argument("--to", metavar="DIR", help="record it as one cassette a conversation")
    parser.add_argument("--har", metavar="FILE", help="write what passes as a HAR archive, for other tools")
    parser.add_argument(
        "--party", choices=("server", "client"), help="whose conduct is judged; default: that of both"
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=600.0,
        metavar="SECONDS",
        help="how long the upstream may say nothing; default: 600",
    )
    parser.add_argument("--closed", action="store_true", help="what the contract does not know fails")
    add_known_options(parser)
    parser.add_argument("--strict", action="store_true", help="warn and drift count as findings")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what is printed; default: text"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show every requirement that was judged")
    parser.add_argument(
        "--record", metavar="FILE", help="where the record goes; default: below .gemini-conformance/"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a time in seconds")
    return seconds


def run(options: argparse.Namespace) -> int:
    """Pass requests on until a signal, or their number, ends it; print what was found."""
    upstream = _upstream(options.upstream)
    if not 0 <= options.port < 65_536:
        raise UsageRefused(f"{options.port} is no port", "Ports are 1 to 65535; 0 stands for a free one.")
    if options.port and _is_own(upstream, options.port):
        raise UsageRefused(f"{upstream} is where the proxy would listen itself", "Choose another --port.")
    keeper = Keeper(
        cassette=_path(options.cassette), folder=_path(options.to), har=_path(options.har), upstream=upstream
    )
    parties = (options.party,) if options.party else ("server", "client")
    header = header_line(command="proxy", targets=[upstream], closed=options.closed)
    path = _path(options.record) or default_path("proxy")
    book = bookkeeping(options, partial=True)
    order = Order(upstream, options.port, options.timeout, options.requests)
    as_json = options.format == "json"
    with (
        forwarding(order) as forwarder,
        Output(header, parties=parties, path=path, as_json=as_json, book=book) as output,
    ):
        watch = _Watch(output, Conversations(parties=parties, closed=options.closed), keeper)
        with _stopped_by_signals(forwarder):
            print(forwarder.url, file=sys.stderr if as_json else sys.stdout, flush=True)
            print(f"passes everything on to {upstream}; ctrl-C ends it and reports", file=sys.stderr)
            watch.follow(forwarder)
        code = watch.close(strict=options.strict)
    if not output.printed:
        print("\n".join(render_record(output.header, output.tally, code, verbose=options.verbose)))
    output.tell_record()
    write_known(options, book)
    if keeper.problem:
        raise UsageRefused(keeper.problem, "Make room there, or name another place, and run again.")
    return code


def _upstream(url: str) -> str:
    """Check the address.

    Raises:
        UsageRefused: it is none, or keys would cross a network in the clear.
    """
    try:
        return checked_url(url)
    except UsageRefused as error:
        if "no target" in error.problem:
            raise UsageRefused(
                f"{url!r} is no upstream", "An upstream is a URL such as http://127.0.0.1:8000."
            ) from None
        if "address alone" in error.problem:
            raise UsageRefused(
                "an upstream is an address alone, without a name, a query or a fragment",
                "Clients send their own key, which is passed on.",
            ) from None
        raise


def _is_own(upstream: str, port: int) -> bool:
    parts = urlsplit(upstream)
    return parts.port == port and is_loopback(parts.hostname or "")


def _path(given: str | None) -> Path | None:
    return Path(given) if given else None


@contextmanager
def _stopped_by_signals(forwarder: Forwarder) -> Iterator[None]:
    """Let ctrl-C and SIGTERM end the proxy in good order; a second ctrl-C ends it at once."""

    def stop(number: int, _: Any) -> None:
        forwarder.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if number == signal.SIGTERM:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # `timeout` sends it twice

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Watch:
    """A proxy while it is watched: what passes is judged, told and kept."""

    def __init__(self, output: Output, conversations: Conversations, keeper: Keeper) -> None:
        self._output = output
        self._conversations = conversations
        self._keeper = keeper
        self._outcomes: dict[str, Any] = {}
        self._lost = ""

    def follow(self, forwarder: Forwarder) -> None:
        """Take what passes until it ends."""
        try:
            for passed in forwarder.passed():
                if passed is not None:
                    self._take(passed)
                self._keeper.save()
        except ForwarderLost as error:
            self._lost = f"{error}. {error.hint}"
        finally:
            self._keeper.save(hurry=True)

    def close(self, *, strict: bool) -> int:
        """Judge the rest, tell how it went, and write the end of the record; give the exit code."""
        self._tell(list(self._conversations.close()))
        for conversation in self._conversations:
            self._output.take(self._summary(conversation))
        self._output.take(coverage_line("", Coverage.of(self._conversations.branches)))
        if self._lost:
            self._output.take({"type": "fault", "message": self._lost})
        return self._output.close(strict=strict)

    def _take(self, passed: Passed) -> None:
        exchange = exchange_of(passed)
        subject = self._conversations.of(passed).subject
        self._keeper.add(subject, passed, exchange)
        if passed.trouble:
            told = redact_text(passed.trouble, secrets_of(passed))
            self._say(f"environment  {subject} exchange {passed.number}: no answer: {told}")
        self._tell(self._conversations.take(passed, exchange))

    def _tell(self, lines: Sequence[Line]) -> None:
        """Mark what is known, keep it, and say what is found in a line."""
        book = self._output.book
        for line in book.known.applied(lines, book.version):
            self._output.take(line)
            subject = line.get("subject", "")
            seen = self._outcomes.get(subject, "not-observed")
            if line["type"] == "passes" and line["counts"]:
                self._outcomes[subject] = worst((seen, "pass"))
            elif line["type"] == "verdict":
                self._outcomes[subject] = worst((seen, line["outcome"]))
                if line["outcome"] != "known":
                    what = f"{line['party']} {line['outcome']} {line['requirement'] or 'answer'}"
                    self._say(f"{what}  {place(line)}: {line['message']}")

    def _say(self, text: str) -> None:
        print(printable(text), file=sys.stderr if self._output.printed else sys.stdout, flush=True)

    def _summary(self, conversation: Conversation) -> Line:
        problem = hint = ""
        if conversation.unanswered:
            what = f"{conversation.unanswered} of {conversation.count} requests were not answered"
            problem = f"{what}: the upstream {conversation.trouble}"
            hint = "This is the upstream's, or the network's, and no fault of the client."
        return {
            "type": "conversation",
            "subject": conversation.subject,
            "outcome": "inconclusive"
            if problem
            else self._outcomes.get(conversation.subject, "not-observed"),
            "exchanges": conversation.count,
            "problem": problem,
            "hint": hint,
            "exit_code": 5 if problem else 0,
        }
