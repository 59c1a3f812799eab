"""The record of a run: JSON lines, a header first, a footer last.

    with Record(path, header_line(command="run", target="embedded", seed=7)) as record:
        record.write(line)
        record.close(footer_line(0, {"pass": 12}))

Each line is written when it happens, so that a run that is killed leaves what it saw; a record without a
footer is one that was cut off. `schemas/harness/record.json` describes the lines.
"""

import base64
import hashlib
import json
import platform
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeAlias

from conformance.contract.coverage import Coverage
from conformance.contract.places import PACKAGE, folder
from conformance.judge.verdict import Report, Verdict
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.files import replacing
from conformance.wire.redaction import redact_text
from conformance.wire.trace import Trace

__all__ = [
    "FORMAT",
    "Line",
    "Record",
    "as_bytes",
    "coverage_line",
    "default_path",
    "exchange_lines",
    "file_line",
    "footer_line",
    "header_line",
    "kept_whole",
    "our_version",
    "report_lines",
]

Line: TypeAlias = dict[str, Any]
FORMAT = 1
_LONGEST_BODY = 64 * 1024
_LONGEST_WHOLE = 8 * 1024 * 1024
_BLAMING = ("error", "fail", "untestable", "warn")


def our_version() -> str:
    """The version of this installation."""
    try:
        return version("gemini-conformance")
    except PackageNotFoundError:
        return "0+unknown"


@cache
def _hash_of(name: str) -> str:
    """A short hash of a data folder: two runs with the same one judged by the same data."""
    root = PACKAGE / "contract" / "requirements" if name == "requirements" else folder(name)
    total = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.suffix in (".json", ".yaml")):
        total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


def header_line(**facts: Any) -> Line:
    """The first line: what ran, with which data, when."""
    return {
        "type": "header",
        "format": FORMAT,
        "version": our_version(),
        "python": platform.python_version(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "hashes": {name: _hash_of(name) for name in ("schemas", "requirements", "scenarios", "cassettes")},
        **facts,
    }


def footer_line(exit_code: int, counts: Mapping[str, int]) -> Line:
    """The last line: how it ended."""
    return {"type": "footer", "exit_code": exit_code, "counts": dict(counts)}


def report_lines(subject: str, report: Report, trace: Trace) -> Iterator[Line]:
    """The lines of one judged conversation: passes, every verdict that is not one, and drift."""
    yield {"type": "passes", "subject": subject, "counts": dict(sorted(report.passes.items()))}
    for verdict in report.findings:
        yield verdict_line(subject, verdict, trace)
    for drift in report.drift:
        yield {
            "type": "drift",
            "subject": subject,
            "exchange": drift.place.exchange,
            "side": drift.place.side,
            "event": drift.place.event,
            "pointer": drift.pointer,
            "kind": drift.kind,
            "name": drift.name,
            "schema": drift.schema,
            "message": drift.message,
        }


def verdict_line(subject: str, verdict: Verdict, trace: Trace) -> Line:
    """One verdict that is not a pass, with the bytes that show it and what asks for them again."""
    call = trace.calls[verdict.place.exchange] if verdict.place.exchange < len(trace.calls) else None
    return {
        "type": "verdict",
        "subject": subject,
        "requirement": verdict.requirement,
        "outcome": verdict.outcome,
        "party": verdict.party,
        "call": call.exchange.name if call is not None else "",
        "exchange": verdict.place.exchange,
        "side": verdict.place.side,
        "event": verdict.place.event,
        "pointer": verdict.pointer,
        "message": verdict.message,
        "bytes": _evidence(verdict, trace),
    }


def _evidence(verdict: Verdict, trace: Trace) -> str:
    """The raw bytes of the event or body, as text, shortened around nothing: their beginning."""
    if verdict.place.exchange >= len(trace.calls):
        return ""
    call = trace.calls[verdict.place.exchange]
    if verdict.place.event is not None and call.stream is not None:
        event = call.stream.events[verdict.place.event]
        raw = event.frame.raw if event.frame is not None else json.dumps(event.json).encode()
    elif verdict.place.side == "request":
        raw = call.exchange.request.body if call.exchange.request is not None else b""
    else:
        raw = call.exchange.response.body if call.exchange.response is not None else b""
    text = raw.decode(errors="replace").strip("\r\n")
    return redact_text(text if len(text) <= 400 else f"{text[:400]}…")


def file_line(
    subject: str, *, outcome: str, form: str = "", note: str = "", problem: str = "", hint: str = ""
) -> Line:
    """One file of a lint: what it was recognised as, why it is not judged, or why it cannot be read."""
    return {
        "type": "file",
        "subject": subject,
        "form": form,
        "outcome": outcome,
        "note": note,
        "problem": problem,
        "hint": hint,
    }


def coverage_line(subject: str, coverage: Coverage) -> Line:
    """Which kinds, words and fields of the schemas a conversation has shown; with no subject, a whole run.

    Of a conversation a record keeps what none before it has shown, so that a run that is cut off tells too.
    """
    return {"type": "coverage", "subject": subject, **coverage.to_json()}


def kept_whole(findings: Iterable[Verdict]) -> frozenset[int]:
    """Give the exchanges that red verdicts and warnings point to: what must be kept whole."""
    return frozenset(verdict.place.exchange for verdict in findings if verdict.outcome in _BLAMING)


def exchange_lines(
    subject: str,
    exchanges: Iterable[Exchange],
    *,
    whole: Collection[int] = (),
    deliveries: Sequence[Line] = (),
) -> Iterator[Line]:
    """The exchanges of a conversation, redacted by whoever made them.

    whole: the exchanges whose bodies are kept where they have no more than 8 MB. Of all others the first
        64 KB are.
    deliveries: how the answer to each went out, where that is known.
    """
    for number, exchange in enumerate(exchanges):
        most = _LONGEST_WHOLE if number in whole else _LONGEST_BODY
        line = {
            "type": "exchange",
            "subject": subject,
            "exchange": number,
            "call": exchange.name,
            "request": _request(exchange.request, most),
            "response": _response(exchange.response, most),
        }
        yield {**line, "delivery": deliveries[number]} if number < len(deliveries) else line


def _body(body: bytes, most: int) -> Line:
    """Give a body as members of a line: as text for people, in base64 too where the text is not the same."""
    if len(body) > most:
        kept = body[:_LONGEST_BODY]
        kept = kept[: len(kept) - _begun_character(kept)]
        return {"body": f"{kept.decode(errors='replace')}…", "size": len(body), **_exactly(kept)}
    return {"body": body.decode(errors="replace"), "size": len(body), **_exactly(body)}


def _exactly(body: bytes) -> Line:
    """Give the bytes in base64, where they are no text."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}
    return {}


def _begun_character(text: bytes) -> int:
    """Count the bytes at the end that begin a character of UTF-8 and do not end it."""
    for back in range(1, min(4, len(text) + 1)):
        first = text[-back]
        if first >= 0xC0:
            return back if back < 2 + (first >= 0xE0) + (first >= 0xF0) else 0
        if first < 0x80:
            return 0
    return 0


def _request(request: Request | None, most: int) -> Line | None:
    if request is None:
        return None
    return {
        "method": request.method,
        "url": request.url,
        "headers": [list(pair) for pair in request.headers or ()],
        **_body(request.body, most),
    }


def _response(response: Response | None, most: int) -> Line | None:
    if response is None:
        return None
    return {
        "status": response.status,
        "headers": [list(pair) for pair in response.headers or ()],
        **_body(response.body, most),
        "cut": response.cut,
    }


def default_path(command: str) -> Path:
    """Where a record goes when nobody says: `.gemini-conformance/` below the current folder."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
    return Path(".gemini-conformance") / f"{command}-{stamp}Z.ndjson"


def as_bytes(line: Line) -> bytes:
    """Give a line as it stands in the file."""
    return json.dumps(line, ensure_ascii=True).encode() + b"\n"


class Record:
    """A record while it is written. A folder that cannot be written to is told once, and the run goes on.

    before: lines of an earlier record, with which this one begins. They take the place of what was there at
        once, or not at all.
    """

    def __init__(self, path: Path | None, header: Line, *, before: Iterable[Line] | None = None) -> None:
        self.path = path
        self.problem = ""
        self._file: IO[bytes] | None = None
        if path is not None:
            try:
                self._file = self._opened(path, header, before)
            except OSError as error:
                self.problem = f"no record is kept: {path}: {error.strerror}"
        if before is None:
            self.write(header)

    def _opened(self, path: Path, header: Line, before: Iterable[Line] | None) -> IO[bytes]:
        if before is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("wb")
        with replacing(path) as file:
            file.write(as_bytes(header))
            file.writelines(map(as_bytes, before))
        return path.open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def write(self, line: Line) -> None:
        """Add a line and hand it to the disk at once."""
        if self._file is not None:
            try:
                self._file.write(as_bytes(line))
                self._file.flush()
            except OSError as error:
                self.problem = f"the record ends early: {self.path}: {error.strerror}"
                self._end()

    def close(self, footer: Line) -> None:
        """Write the last line and close."""
        self.write(footer)
        self._end()

    def _end(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None
            self._remove_nothing()

    def _remove_nothing(self) -> None:
        """Remove a record that a full disk has left empty."""
        with suppress(OSError):
            if (
                self.problem
                and self.path is not None
                and self.path.is_file()
                and not self.path.stat().st_size
            ):
                self.path.unlink()
