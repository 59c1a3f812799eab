"""Files that are written whole or not at all, by one process at a time."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from conformance.errors import FileTaken

__all__ = ["replacing", "write_atomically", "writing_alone"]


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a run that is killed, never meets half of it.

    What was there stays until all of the new is on the disk, and for good when that cannot be. A link stays a
    link. A device or a pipe is written to, since nothing may take its place.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file piece by piece, as `write_atomically` does at once: it is there once the block ends.

    A link stays a link; what is no file, such as /dev/null, cannot be replaced, and is written to.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as file:
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # a disk may say only now that it is full
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def writing_alone(path: Path) -> Iterator[None]:
    """Be the only one who writes a file until the block ends; the system lets go of what a killed run held.

    Folders that are missing are made, and are gone again when nothing was put into them.

    Raises:
        FileTaken: another process, or another part of this one, writes it.
        OSError: nothing can be written there.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _taken(handle) or not _is_still(handle, lock):
            raise FileTaken(str(path))
        _sweep(path)
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes nothing that is open
                lock.unlink()
    finally:
        os.close(handle)
        with suppress(OSError):
            for folder in made:
                folder.rmdir()


def _sweep(path: Path) -> None:
    """Remove what runs that were killed while they wrote this file have left beside it."""
    half = re.compile(rf"\.{re.escape(path.name)}\.\w{{8}}")
    for one in path.parent.iterdir():
        if half.fullmatch(one.name):
            with suppress(OSError):
                one.unlink()


def _taken(handle: int) -> bool:
    """Take the lock of a file, if nobody else has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_still(handle: int, lock: Path) -> bool:
    """Tell whether the file that was locked is the one that lies there: it may have been removed just now."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(handle), lock.stat())
    return False
