"""The processes of a driver: found wherever they went, weighed, and ended.

    family = Family(process, token)
    family.resident_mb()
    family.end()

A driver has a session of its own. What it starts belongs to it by that session; what has left the session,
by the variable `TOKEN`, which is inherited. Linux tells both in /proc. Elsewhere the process group is all
that is known, and nothing is weighed.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

__all__ = ["TOKEN", "Family"]

TOKEN = "CONFORMANCE_RUN"  # noqa: S105  it names a run, and is no secret
_PROC = Path("/proc")
_ROUNDS = 200
_ROUND_S = 0.01


class Family:
    """A process that was started as the leader of a session, with all that came of it."""

    def __init__(self, leader: "subprocess.Popen[bytes]", token: str) -> None:
        self._leader = leader
        self._token = token.encode()

    def resident_mb(self) -> float:
        """How much memory its session uses, in MB; 0 where this system cannot tell."""
        if sys.platform != "linux":
            return 0.0
        pages = sum(int(fields[21]) for _, fields in _processes() if int(fields[3]) == self._leader.pid)
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def members(self) -> list[int]:
        """Give the ids of the processes that are alive."""
        return [
            pid
            for pid, fields in _processes()
            if int(fields[3]) == self._leader.pid or self._token in _environment_of(pid)
        ]

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        self._signal(signal.SIGTERM)

    def end(self) -> None:
        """Kill them all; again until twice none is found.

        One may have started another meanwhile, and what has just begun has no environment for a moment.
        """
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        none = 0
        for _ in range(_ROUNDS if sys.platform == "linux" else 0):
            found = self.members()
            for pid in found:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            none = 0 if found else none + 1
            if none == 2:
                return
            time.sleep(_ROUND_S)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._leader.terminate()
            else:
                os.killpg(self._leader.pid, number)


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Give each process that runs, with the fields of its `stat` from the third on: see proc(5)."""
    for name in os.listdir(_PROC):  # noqa: PTH208  a Path for each would be slow
        if name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (_PROC / name / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    yield int(name), fields


def _environment_of(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "environ").read_bytes()
    except OSError:  # it has ended, or is somebody else's
        return b""
