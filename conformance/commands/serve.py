"""`gemini-conformance serve`: the reference server, for any client."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from conformance.errors import PathMissing, UsageRefused
from conformance.server import ReferenceServer, serve

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address; default: 127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="default: one that the kernel gives")
    parser.add_argument(
        "--seed", type=int, default=7, help="what ids and signatures are made from; default: 7"
    )
    parser.add_argument(
        "--cassettes", metavar="DIR", help="answer with the recordings of this folder instead of the model"
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        metavar="N",
        help="in the chunks that were recorded, at 1: their times, 2: twice as fast, 0: at once",
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="bind to an address that others can reach"
    )


def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it; the address goes to stdout, so that a script can read it."""
    cassettes = Path(options.cassettes) if options.cassettes else None
    if cassettes is not None and not cassettes.is_dir():
        raise PathMissing(options.cassettes, "no such folder")
    if options.speed is not None and cassettes is None:
        raise UsageRefused("--speed is that of recordings", "Give --cassettes DIR too.")

    def ready(server: ReferenceServer) -> None:
        print(server.url, flush=True)
        what = f"recordings of {cassettes}" if cassettes else f"reference server, seed {options.seed}"
        print(f"{what}; ctrl-C ends it", file=sys.stderr)

    serve(
        options.host,
        options.port,
        seed=options.seed,
        on_ready=ready,
        allow_remote=options.allow_remote,
        cassettes=cassettes,
        speed=options.speed,
    )
    return 0


def _speed(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) < 1e6:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is no speed: 1 is as recorded, 0 does not wait")
