"""Records, read: line by line, so that a large one costs no more memory than its longest line.

    for line in read_record(path):
        tally.add(line)

Each line is held against `schemas/harness/record.json`, so that a rendering may take its members for granted.
A record without a footer was cut off; it is read as far as it goes.
"""

import base64
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any

from conformance.contract.places import folder
from conformance.errors import PathMissing, RecordBroken
from conformance.report.record import FORMAT, Line

__all__ = ["body_of", "read_record"]


def read_record(path: Path) -> Iterator[Line]:
    """Give the lines of a record, the header first.

    Raises:
        PathMissing: it is not there, or cannot be opened.
        RecordBroken: it is no record, of another format, or a line of it is broken.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise PathMissing(str(path), (error.strerror or str(error)).lower()) from None
    with file:
        yield from _lines(str(path), file)


def _lines(name: str, file: IO[bytes]) -> Iterator[Line]:
    number = 0
    last = ""
    for number, text in enumerate(file, 1):
        if not text.endswith(b"\n") and number > 1 and not _is_json(text):
            return  # the run was killed while it wrote this line
        if last == "footer":
            raise RecordBroken(name, number, "it stands after the footer, which ends a record")
        line = _line(name, number, text)
        last = line["type"]
        yield line
    if not number:
        raise RecordBroken(name, 0, "it is empty, and no record")


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _line(name: str, number: int, text: bytes) -> Line:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        raise RecordBroken(name, number, "not JSON") from None
    kind = line.get("type") if isinstance(line, dict) else None
    if number == 1:
        if kind != "header":
            raise RecordBroken(name, 1, "no header, so this file is no record")
        if line.get("format") != FORMAT:
            told = json.dumps(line.get("format"))[:40]
            raise RecordBroken(name, 1, f"the format is {told}, and this version reads the format {FORMAT}")
    elif kind == "header":
        raise RecordBroken(name, number, "a second header: these are two records")
    validator = _validator(kind) if isinstance(kind, str) else None
    if validator is None:
        raise RecordBroken(name, number, f"no record has lines of the kind {json.dumps(kind)[:40]}")
    error = next(validator.iter_errors(line), None)
    if error is not None:
        raise RecordBroken(name, number, f"{error.json_path[:80]}: {error.message[:200]}")
    checked: Line = line
    return checked


@cache
def _schema() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder("schemas") / "harness" / "record.json").read_bytes())
    return read


@cache
def _validator(kind: str) -> Any:
    """Give what checks lines of a kind; None where there is no such kind."""
    from jsonschema import Draft202012Validator

    schema = _schema()
    reference = f"#/$defs/{kind}"
    if {"$ref": reference} not in schema["oneOf"]:
        return None
    return Draft202012Validator({"$ref": reference, "$defs": schema["$defs"]})


def body_of(part: Line) -> bytes:
    """Give the bytes of the body of a request or response; the beginning, where no more was kept."""
    if "body_base64" in part:
        return base64.b64decode(part["body_base64"])
    text: str = part["body"]
    if part.get("size", 0) != len(text.encode(errors="replace")):
        text = text.removesuffix("…")
    return text.encode(errors="replace")
