"""The command line: `gemini-conformance COMMAND …`, one module of `conformance.commands` a command.

The report goes to stdout, notes and errors to stderr. Exit codes: 0 conforms; 1 findings; 2 the call is
wrong; 3 a fault of the harness; 4 a client that cannot be driven; 5 not enough evidence. Only the module of
the command that was asked for is imported, so that `--help` is there at once. SIGTERM is taken like
ctrl-C: drivers and servers are ended, and the exit code is 143.
"""

import argparse
import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from conformance.errors import ConformanceError, OutputLost

__all__ = ["main"]

COMMANDS = {
    "run": "play scenarios against targets and judge what was exchanged",
    "client": "try a client, in any language, through its driver",
    "fuzz": "hold conversations that nobody wrote, and make those that fail small",
    "matrix": "try several clients on the same cases, side by side",
    "mutants": "run wrong servers, clients and traces: does the harness see them?",
    "testee": "begin a driver for a client, or see what is missing in one",
    "lint": "judge recordings made by anyone",
    "record": "play scenarios and write their cassettes",
    "proxy": "stand between a client and an endpoint, and judge both",
    "serve": "run the reference server until it is interrupted",
    "list": "show the scenarios and what they exercise",
    "requirements": "list the requirements, or explain one",
    "schemas": "list the schemas, or write them as an OpenAPI document",
    "report": "show the record of a run again, or write a folder for each finding",
    "drift": "compare our contract with an OpenAPI document",
}
_TAKES_MORE = ("run", "client", "fuzz", "testee")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_EPILOG = """exit codes: 0 conforms, 1 findings, 2 wrong call, 3 fault of the harness,
4 a client that cannot be driven, 5 not enough evidence

  gemini-conformance run                               every documented conversation, offline
  gemini-conformance run --target http://127.0.0.1:8000
  gemini-conformance lint recordings/
  gemini-conformance client -- python my_driver.py
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; give its exit code."""
    _open_closed_streams()
    try:
        with _ended_by_sigterm(for_good=arguments is None):
            code = _command(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except ConformanceError as error:
        return _complain(error)
    except BrokenPipeError:  # whoever reads stdout has left; what Python writes at its end goes nowhere
        _forget_stdout()
        return 128 + 13  # SIGPIPE, which Windows has no name for
    except _Terminated:
        print("terminated", file=sys.stderr)
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except Exception as error:  # noqa: BLE001 (Python's own exit code would say "findings")
        if isinstance(error, OSError) and error.errno in _FULL:
            _forget_stdout()
            return _complain(OutputLost(error.strerror or str(error)))
        return _our_fault(error)
    return code


class _Terminated(KeyboardInterrupt):
    """SIGTERM has come: nothing that is open may be left, as after ctrl-C."""


@contextmanager
def _ended_by_sigterm(*, for_good: bool) -> Iterator[None]:
    """Leave the block at SIGTERM as at ctrl-C; once, since `timeout` sends it twice.

    for_good: the process ends with the command, and hears no more of it meanwhile.
    """
    came = False

    def end(*_: object) -> None:
        nonlocal came
        came = True
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not in the main thread, where signals are somebody else's
        yield
        return
    try:
        yield
    except KeyboardInterrupt:
        if came:
            raise _Terminated from None
        raise
    finally:
        if not (came and for_good):
            signal.signal(signal.SIGTERM, before)


def _command(given: list[str]) -> int:
    """Run the command that was asked for; after `--`, `run` takes options of pytest, others a command."""
    rest: list[str] = []
    if "--" in given and _asked(given) in _TAKES_MORE:
        at = given.index("--")
        given, rest = given[:at], given[at + 1 :]
    given = _joined(given)
    options = _parser(given).parse_args(given)
    options.rest = rest
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    command: Callable[[argparse.Namespace], int] = options.function
    return command(options)


def _joined(given: Sequence[str]) -> list[str]:
    """Write `--pytest "--a=b"` as one word: argparse takes what begins with - for an option of its own."""
    words = iter(given)
    return [f"{word}={next(words, '')}" if word == "--pytest" else word for word in words]


def _open_closed_streams() -> None:
    """Let what is said to a closed stdout or stderr go nowhere; Python has None in its place."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (for good)


def _forget_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _asked(given: Sequence[str]) -> str | None:
    return next((word for word in given if not word.startswith("-")), None)


def _our_fault(error: Exception) -> int:
    traceback.print_exception(error)
    print(f"gemini-conformance: the harness failed: {type(error).__name__}: {error}", file=sys.stderr)
    print("hint: this is our fault: please report it with what stands above.", file=sys.stderr)
    return 3


def _complain(error: ConformanceError) -> int:
    from conformance.commands.shared import complain

    return complain(error)


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gemini-conformance",
        description="Tells whether a client or an endpoint keeps the documented contract of the Gemini API.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = _asked(given)
    for name, text in COMMANDS.items():
        command = subparsers.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
        )
        if name == asked:
            module = import_module(f"conformance.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(function=module.run)
    return parser


class _Version(argparse.Action):
    """Prints the version; asking for it is the only time it is looked up."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        from conformance.report.record import our_version

        print(f"gemini-conformance {our_version()}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
