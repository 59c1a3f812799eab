"""`gemini-conformance testee`: a driver to begin with, and what is missing in one."""

import argparse
import shlex
import sys
from pathlib import Path

from conformance.errors import UsageRefused
from conformance.testees.smoke import smoke

__all__ = ["add_arguments", "run"]

_SKELETONS = Path(smoke.__code__.co_filename).parent / "skeletons"
_NAMES = {"python": "driver.py", "javascript": "driver.mjs"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.usage = (
        "gemini-conformance testee new --language LANGUAGE [--to FILE]\n"
        "       gemini-conformance testee smoke -- COMMAND ..."
    )
    parser.add_argument("action", choices=("new", "smoke"), help="what is wanted")
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--language", choices=sorted(_NAMES), default="python", help="default: python")
    parser.add_argument("--to", metavar="FILE", help="where the driver goes; default: driver.py, driver.mjs")


def run(options: argparse.Namespace) -> int:
    """Write a driver, or try one."""
    if options.words:
        given = shlex.join(options.words)
        raise UsageRefused(
            f"{given} stands where nothing is expected", f"gemini-conformance testee smoke -- {given}"
        )
    return _new(options) if options.action == "new" else _smoke(options)


def _new(options: argparse.Namespace) -> int:
    path = Path(options.to or _NAMES[options.language])
    text = (_SKELETONS / f"{_NAMES[options.language]}.txt").read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageRefused(f"{path} exists already", "Name another file with --to.") from None
    except OSError as error:
        raise UsageRefused(f"{path} cannot be written: {error.strerror}", "Name another with --to.") from None
    program = {"python": "python", "javascript": "node"}[options.language]
    print(f"{path} is a driver that works: put your client in the place of what it calls, then")
    print(f"    gemini-conformance testee smoke -- {program} {path}")
    return 0


def _smoke(options: argparse.Namespace) -> int:
    if not options.rest:
        raise UsageRefused("which driver? no command was given", "gemini-conformance testee smoke -- COMMAND")
    for step in smoke(options.rest):
        print(f"{step.outcome:<8}  {step.name}" + (f": {step.problem}" if step.problem else ""), flush=True)
        if step.outcome == "missing":
            if step.hint:
                print(f"hint: {step.hint}", file=sys.stderr)
            return 4
    return 0
