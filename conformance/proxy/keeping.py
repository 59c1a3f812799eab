"""What passed, kept in files: cassettes and HAR archives.

    keeper = Keeper(cassette=path, folder=None, har=None, upstream=url)
    keeper.add("conversation-1", passed, exchange)
    keeper.save(hurry=False)

A file is written whole or not at all, soon after each exchange: at once where little passes, and never for
more than a twentieth of the time where much does. So a proxy that is killed leaves whole files, which lack
the last moment at most. What is recorded is held in memory until the end, redacted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from conformance.errors import UsageRefused
from conformance.proxy.conversations import secrets_of
from conformance.proxy.passed import Passed
from conformance.report.record import our_version
from conformance.wire.cassette import write_cassette
from conformance.wire.exchange import Exchange, Headers
from conformance.wire.har import har_entry, write_har
from conformance.wire.redaction import redact

__all__ = ["Keeper"]

_PAUSE = 20.0
_SHORTEST_PAUSE_S = 0.2


@dataclass(slots=True)
class _File:
    """One file, what belongs into it by arrival, and how it is written."""

    path: Path
    write: Callable[[Path, list[Any]], None]
    content: dict[int, Any] = field(default_factory=dict)
    changed: bool = False


class Keeper:
    """The files of a proxy.

    problem: why one of them could not be written; empty while all could.
    """

    def __init__(
        self,
        *,
        cassette: Path | None = None,
        folder: Path | None = None,
        har: Path | None = None,
        upstream: str,
    ) -> None:
        self.problem = ""
        self._cassette = cassette
        self._folder = folder
        self._upstream = upstream
        self._files: dict[Path, _File] = {}
        self._har = har
        self._due = 0.0
        for path in filter(None, (cassette, folder and folder / "conversation-1.yaml", har)):
            _refuse_where_nothing_can_be(path)

    def add(self, subject: str, passed: Passed, exchange: Exchange) -> None:
        """Keep an exchange."""
        cassette = self._folder / f"{subject}.yaml" if self._folder is not None else self._cassette
        if cassette is None and self._har is None:
            return
        plain = redact(exchange, secrets_of(passed))
        if cassette is not None and plain.response is not None:
            write = partial(_write_cassette, provenance=self._provenance())
            self._put(_File(cassette, write), passed.number, _uncoded(plain))
        if self._har is not None:
            entry = har_entry(plain, began=passed.began, seconds=passed.seconds)
            self._put(_File(self._har, _write_har), passed.number, entry)

    def save(self, *, hurry: bool = False) -> None:
        """Write what has changed, if it is time; `hurry` for the last time, when it always is."""
        changed = [file for file in self._files.values() if file.changed]
        if not changed or (time.monotonic() < self._due and not hurry):
            return
        start = time.monotonic()
        for file in changed:
            file.changed = False
            try:
                file.write(file.path, [file.content[number] for number in sorted(file.content)])
            except OSError as error:
                self.problem = f"{file.path} could not be written: {error.strerror}"
        end = time.monotonic()
        self._due = end + max(_SHORTEST_PAUSE_S, _PAUSE * (end - start))

    def _put(self, file: _File, number: int, content: Any) -> None:
        file = self._files.setdefault(file.path, file)
        file.content[number] = content
        file.changed = True

    def _provenance(self) -> dict[str, Any]:
        return {
            "recorder": f"gemini-conformance {our_version()}",
            "origin": self._upstream,
            "by": "gemini-conformance proxy, between a client and its origin",
        }


def _refuse_where_nothing_can_be(path: Path) -> None:
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UsageRefused(
            f"{path} cannot be written: {error.strerror}", "Name a file in a folder that can be written to."
        ) from None


def _write_cassette(path: Path, exchanges: list[Exchange], provenance: dict[str, Any]) -> None:
    write_cassette(path, exchanges, provenance)


def _write_har(path: Path, entries: list[dict[str, Any]]) -> None:
    creator = {"name": "gemini-conformance", "version": our_version()}
    write_har(path, entries, creator)


def _uncoded(exchange: Exchange) -> Exchange:
    """Give an exchange whose headers fit its body, of which the coding is undone: stock vcrpy plays both."""
    response = exchange.response
    if response is None or not any(name.lower() == "content-encoding" for name, _ in response.headers or ()):
        return exchange
    headers: Headers = tuple(
        (name, str(len(response.body)) if name.lower() == "content-length" else value)
        for name, value in response.headers or ()
        if name.lower() != "content-encoding"
    )
    return replace(exchange, response=replace(response, headers=headers))
