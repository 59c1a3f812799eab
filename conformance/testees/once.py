"""A program that is no driver - an agent, a script of curl lines - run as it is, judged by the wire alone.

    for line in run_once(["python", "agent.py"], cases=[], show=print, limit_s=300):
        record.write(line)

It finds our server by GOOGLE_GEMINI_BASE_URL and its key in GEMINI_API_KEY, as the official SDKs do. It is
run once against the reference server, or once for each case, whose name is in CONFORMANCE_SCENARIO. What it
made of the answers nobody can see; what it sent, and where its key went, is judged.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from conformance.errors import TesteeMissing
from conformance.report.record import Line
from conformance.server import serving
from conformance.testees.case import Case
from conformance.testees.fixture import bare_case, wire_lines
from conformance.testees.played import case_line
from conformance.testees.stage import Stage
from conformance.testees.surroundings import surroundings
from conformance.wire.redaction import redact_text

__all__ = ["run_once"]

_SHOWN = 4000


def run_once(
    command: Sequence[str],
    cases: Sequence[Case],
    *,
    show: Callable[[str], None],
    seed: int = 7,
    limit_s: float = 300,
) -> Iterator[Line]:
    """Run a program; give the lines of each run. What it prints is shown, without its key.

    Raises:
        TesteeMissing: it cannot be started.
    """
    stage = Stage(seed)
    runs = [bare_case(case.id, case.replies) for case in cases]
    runs = runs or [bare_case(f"once/{Path(command[0]).name}")]
    with serving(answering=stage) as server:
        for number, case in enumerate(runs):
            act = stage.open(case, f"key-{number}-of-a-program")
            start = time.monotonic()
            ending, told = _run(command, server.url, act.key, case.id, limit_s)
            stage.close(act)
            if told.strip():
                show(redact_text(told[-_SHOWN:].rstrip(), [act.key]))
            if not act.seen:
                where = "at GOOGLE_GEMINI_BASE_URL with the key of GEMINI_API_KEY"
                problem = f"{ending}; no request arrived {where}"
                hint = "Let the program read both variables, or use a client that does."
                yield case_line(case, "not-observed", problem=problem, hint=hint, exit_code=5)
                continue
            refused = sum(one.answer.status >= 400 for one in act.here)
            show(f"{case.id} {ending}; requests: {len(act.here)}, of these answered with an error: {refused}")
            line, *rest = wire_lines(act, told=told)
            yield line | {"ending": ending, "seconds": round(time.monotonic() - start, 4)}
            yield from rest


def _run(command: Sequence[str], url: str, key: str, name: str, limit_s: float) -> tuple[str, str]:
    """Run the program to its end, or to the limit; say how it ended, and what it printed."""
    own = {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": key, "CONFORMANCE_SCENARIO": name}
    try:
        process = subprocess.Popen(  # noqa: S603  the user's own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=surroundings(os.environ, str(Path.home())) | own,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        raise TesteeMissing(command, told or "no reason is known") from None
    try:
        printed, _ = process.communicate(timeout=limit_s)
        ending = f"ended with exit code {process.returncode}"
    except subprocess.TimeoutExpired:
        _kill(process)
        printed, _ = process.communicate()
        ending = f"was ended after {limit_s:g} s"
    finally:
        _kill(process)
    return ending, printed.decode(errors="replace")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End the program and what it started."""
    with suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
