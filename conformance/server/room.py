"""How many connections there is room for: each takes a file descriptor, and a process has only so many.

make_room()                    # the command line asks the system for more
most, backlog = room()         # so many connections, so many of them waiting to be accepted

Beyond that the connection that has waited longest is closed, so that whoever comes next is served.
"""

import contextlib
import sys

__all__ = ["make_room", "room"]

_WANTED = 16_384
_OURS = 64
_WINDOWS = 8_192


def make_room() -> None:
    """Raise the limit of this process, where the system allows it."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def room() -> tuple[int, int]:
    """Give how many connections may be open, and how many may be accepted at a time."""
    files = _WINDOWS
    if sys.platform != "win32":
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = _WANTED if soft == resource.RLIM_INFINITY else min(soft, 2 * _WANTED)
    backlog = max(8, min(512, files // 8))
    return max(8, files - backlog - _OURS), backlog
