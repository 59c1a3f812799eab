"""`lint --secrets`: every file below some paths, and what in it looks like a secret.

Files of every kind are read, hidden ones too; `.git` alone, which packs what it holds, is passed over. What
is printed names file, line, kind, and four characters of what was found, never all of it.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.errors import PathMissing
from conformance.scenario.recording import KEY_VARIABLES
from conformance.wire.secrets import SHORTEST, Secret, find_secrets

__all__ = ["search"]

_PIECE = 16 * 1024 * 1024
_OVERLAP = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Read:
    """One file: its size, what was found in it, why it could not be read."""

    file: Path
    size: int
    secrets: Sequence[Secret]
    problem: str = ""


def search(paths: Sequence[str], *, as_json: bool) -> int:
    """Print what is found; give the exit code: 1 for a secret or an unreadable file, 2 for a missing path."""
    code = 0
    files: list[Path] = []
    for path in paths:
        try:
            files += _files(Path(path))
        except PathMissing as error:
            print(f"gemini-conformance: {error}", file=sys.stderr)
            code = 2
    read = []
    for one in _read_all(files):
        read.append(one)
        if not as_json:
            _print(one)
    found = sum(len(one.secrets) for one in read)
    unread = sum(bool(one.problem) for one in read)
    size = sum(one.size for one in read)
    if as_json:
        print(json.dumps({"files": len(read), "bytes": size, "found": [*_lines(read)]}, indent=1))
    else:
        told = f"{found} secret{'s' * (found > 1)}" if found else "no secret"
        more = f", {unread} could not be read" if unread else ""
        print(f"{told} in {len(read)} files, {size:,} bytes{more}")
    return code or (1 if found or unread else 0)


def _print(one: _Read) -> None:
    if one.problem:
        print(f"{one.file}: {one.problem}")
    for secret in one.secrets:
        print(f"{one.file}:{secret.line}: {secret}")


def _lines(read: Sequence[_Read]) -> Iterator[dict[str, Any]]:
    for one in read:
        if one.problem:
            yield {"file": str(one.file), "problem": one.problem}
        for secret in one.secrets:
            yield {
                "file": str(one.file),
                "line": secret.line,
                "kind": secret.kind,
                "within": list(secret.within),
                "shown": secret.shown,
            }


def _files(path: Path) -> list[Path]:
    """Give every file at and below a path, in order of name.

    Raises:
        PathMissing: there is nothing, or a folder cannot be opened.
    """
    if not path.exists():
        raise PathMissing(str(path))
    if not path.is_dir():
        return [path]
    found = []
    for root, folders, names in os.walk(path, onerror=_unopened):
        folders[:] = [name for name in folders if name != ".git"]
        found += [Path(root, name) for name in names]
    return sorted(one for one in found if one.is_file() or not one.exists())


def _unopened(error: OSError) -> None:
    raise PathMissing(str(error.filename), f"cannot be opened: {error.strerror}") from None


def _read_all(files: Sequence[Path]) -> Iterator[_Read]:
    known = [os.environ.get(name, "").strip() for name in KEY_VARIABLES]
    for name, key in zip(KEY_VARIABLES, known, strict=True):
        if 0 < len(key) < SHORTEST:
            print(f"{name} has fewer than {SHORTEST} characters: not looked for", file=sys.stderr)
    for file in files:
        try:
            yield _read(file, [key for key in known if key])
        except OSError as error:
            yield _Read(file, 0, (), f"cannot be read: {error.strerror}")


def _read(file: Path, known: Sequence[str]) -> _Read:
    """Read a file, a very large one piece by piece; pieces overlap, so that nothing is cut in two."""
    size, line, found = 0, 0, {}
    rest = b""
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            size += len(piece)
            data = rest + piece
            for secret in find_secrets(data, known):
                found[secret.kind, line + secret.line, secret.shown] = secret.moved(line)
            rest = data[-_OVERLAP:] if len(piece) == _PIECE else b""
            line += data.count(b"\n", 0, len(data) - len(rest))
    return _Read(file, size, [*found.values()])
