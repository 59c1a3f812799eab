"""Recordings made by anyone: recognised by what is in them, read into traces.

    for trace in load("recordings/"):
        ...
    for recording in read_all(["recordings/", "one.sse"]):
        recording.file, recording.form, recording.exchanges, recording.note

Known forms: a JSON body (answer, error, request or step), the text of an event stream, JSON lines of events,
a vcrpy cassette in YAML or JSON, httpmock's YAML of `when` and `then`, a HAR archive, and raw HTTP as `curl
-i` prints it; each of them gzipped too. What is not recognised is named and left alone. A recording that
cannot be read to its end is an error of its own, and the next one is read.
"""

import codecs
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance.errors import ConformanceError, PathMissing, RecordingUnreadable
from conformance.wire.cassette import (
    EDITED,
    OtherFormat,
    exchanges_of,
    is_edited,
)
from conformance.wire.coding import LARGEST_BYTES, unpack
from conformance.wire.dump import exchanges_of_dump, looks_like_dump
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.har import exchanges_of_har
from conformance.wire.sse import decode
from conformance.wire.trace import Trace, parse_json
from conformance.wire.yaml_text import load_yaml, load_yaml_documents, text_of, yaml_problem

__all__ = ["LARGEST_BYTES", "Recording", "find_files", "load", "read_all", "read_recording"]

_EXCERPT = re.compile(r"\.(?:excerpt|trimmed|prefix)\.")
_STREAM = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*(?::|(?:event|data|id|retry):)")
_PEEK_BYTES = 64 * 1024
_MOST_EVENTS = 100_000  # each is some objects in memory; a recorded stream has a few hundred
_OUR_EVENT = re.compile(r"interaction\.\w+|step\.\w+")
_STEP = re.compile(r"\w+_call|\w+_result|thought|model_output|user_input")
_MAPPING = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*)?\r?\n)*(?:---|[\w-]+:(?:\s|$))")
_OURS = re.compile(rb"(?:\xef\xbb\xbf)?provenance:\r?\n  recorder: gemini-conformance")
_LEGACY_EVENTS = re.compile(r"content\.(?:start|delta|stop)|interaction\.(?:start|complete)")
_LEGACY = "a recording of the old `outputs` schema, which the service dropped in June 2026: not judged"
_GENERATE_CONTENT = "a generateContent recording: not judged yet"
_UNKNOWN = "not recognised as a recording of this API: not judged"


@dataclass(frozen=True, slots=True)
class Recording:
    """What one file holds.

    form: what it was recognised as; empty when it was not.
    note: why it is not judged; empty when it is.
    doubt: what speaks against it as evidence; empty when nothing does.
    """

    file: str
    form: str
    exchanges: tuple[Exchange, ...] = ()
    note: str = ""
    doubt: str = ""

    @property
    def trace(self) -> Trace:
        """The conversation it holds."""
        return Trace.of(self.exchanges, self.file)


def load(path: str | os.PathLike[str]) -> Iterator[Trace]:
    """Give the conversations below a path: those that are recognised and can be judged.

    Raises:
        PathMissing: there is nothing at the path.
        RecordingUnreadable: a file cannot be read to its end.
    """
    for recording in read_all([os.fspath(path)]):
        if isinstance(recording, ConformanceError):
            raise recording
        if not recording.note:
            yield recording.trace


def read_all(
    paths: Iterable[str], *, excerpt: bool = False, largest_bytes: int = LARGEST_BYTES
) -> Iterator[Recording | RecordingUnreadable]:
    """Read every file below the paths, in order of name; a file that cannot be read gives its error instead.

    Raises:
        PathMissing: a path does not exist.
    """
    for path in find_files(paths):
        try:
            yield read_recording(path, excerpt=excerpt, largest_bytes=largest_bytes)
        except RecordingUnreadable as error:
            yield error


def find_files(paths: Iterable[str]) -> list[Path]:
    """Give every file at and below the paths, in order of name.

    Below a folder hidden files are passed over, and so is what is no file, such as a pipe that nobody writes.

    Raises:
        PathMissing: a path does not exist, or a folder below it cannot be opened.
    """
    files: list[Path] = []
    for name in paths:
        path = Path(name)
        if path.is_dir():
            files.extend(sorted(_walk(path)))
        elif path.exists():
            files.append(path)
        else:
            raise PathMissing(name)
    return files


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder, onerror=_unopened):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(root, name) for name in names if not name.startswith("."))
        yield from (path for path in paths if path.is_file() or not path.exists())


def _unopened(error: OSError) -> None:
    raise PathMissing(str(error.filename), f"cannot be opened: {error.strerror}") from None


def read_recording(path: Path, *, excerpt: bool = False, largest_bytes: int = LARGEST_BYTES) -> Recording:
    """Read one file.

    excerpt: it was shortened by hand; a name with `.excerpt.`, `.trimmed.` or `.prefix.` says so too.

    Raises:
        RecordingUnreadable: empty, cut off, or not what it begins as.
    """
    name = str(path)
    try:
        size = path.stat().st_size
        if size > largest_bytes:
            return _too_large(name, f"{size / 1024 / 1024:.0f} MB", largest_bytes)
        with path.open("rb") as file:  # a pipe or a device tells no size
            data = file.read(largest_bytes + 1)
        if len(data) > largest_bytes:
            return _too_large(name, "more than can be told", largest_bytes)
        if data.startswith(b"\x1f\x8b"):
            unpacked = unpack(data, largest_bytes)
            if unpacked is None:
                return _too_large(name, "unpacked", largest_bytes)
            data = unpacked
    except ValueError as error:
        raise RecordingUnreadable(name, str(error), "Copy the file again.") from None
    except OSError as error:
        raise RecordingUnreadable(name, f"cannot be read: {error.strerror}") from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with suppress(ValueError):  # what is no text is told as a binary file
            data = text_of(data).encode()
    if not data.strip():
        raise RecordingUnreadable(name, "the file is empty", "Record it again: nothing was written.")
    try:
        recording = _recognise(name, data)
    except RecursionError:
        raise RecordingUnreadable(name, "nested too deeply to be read") from None
    if excerpt or _EXCERPT.search(path.name):
        cut = tuple(replace(exchange, excerpt=True) for exchange in recording.exchanges)
        return replace(recording, exchanges=cut)
    return recording


def _too_large(name: str, size: str, largest_bytes: int) -> Recording:
    limit = largest_bytes // (1024 * 1024)
    return Recording(name, "", note=f"{size}, over the limit of {limit} MB: not judged")


def _recognise(name: str, data: bytes) -> Recording:
    if b"\0" in data[:4096]:
        return Recording(name, "", note="a binary file: not judged")
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise RecordingUnreadable(
            name,
            "an HTML page, not an answer of the API",
            "Something between client and service answered: a proxy, a sign-in page.",
        )
    if _STREAM.match(data):
        return _stream(name, data)
    if start.startswith((b"{", b"[")):
        return _json(name, data)
    if looks_like_dump(data):
        return _dump(name, data)
    return _yaml(name, data)


def _answer(body: bytes, *, form: Any = "bytes") -> Exchange:
    return Exchange(None, Response(None, None, body, form=form))


def _stream(name: str, data: bytes) -> Recording:
    """Tell whose stream it is by its first events."""
    if (events := data.count(b"data:")) > _MOST_EVENTS:
        return Recording(name, "", note=f"{events} events, over the limit of {_MOST_EVENTS}: not judged")
    frames = [frame for frame in decode([data[:_PEEK_BYTES]]) if frame.data is not None]
    payloads = [parse_json(frame.data or "") for frame in frames]
    kinds = [payload.get("event_type") for payload in payloads if isinstance(payload, dict)]
    if any(isinstance(kind, str) and _LEGACY_EVENTS.fullmatch(kind) for kind in kinds):
        return Recording(name, "event stream", note=_LEGACY)
    if payloads and isinstance(payloads[0], dict) and kinds[0] is None and "candidates" in payloads[0]:
        return Recording(name, "event stream", note=_GENERATE_CONTENT)
    named = any(_OUR_EVENT.fullmatch(frame.event) for frame in frames)
    if not named and all(kind is None for kind in kinds) and any(isinstance(told, dict) for told in payloads):
        return Recording(name, "", note=_UNKNOWN)
    return Recording(name, "event stream", (_answer(data),))


def _dump(name: str, data: bytes) -> Recording:
    try:
        exchanges = exchanges_of_dump(data)
    except ValueError as error:
        raise RecordingUnreadable(name, str(error)) from None
    if all(exchange.request is None for exchange in exchanges):
        inner = _recognise(name, exchanges[-1].response.body) if exchanges[-1].response is not None else None
        note = inner.note if inner is not None else _UNKNOWN
        return Recording(name, "raw HTTP", () if note else tuple(exchanges), note)
    return _of_this_api(name, "raw HTTP", exchanges)


def _har(name: str, archive: dict[str, Any]) -> Recording:
    try:
        exchanges = exchanges_of_har(archive)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordingUnreadable(
            name, f"not a HAR archive: {type(error).__name__} {error}", "Export it again."
        ) from None
    ours = [exchange for exchange in exchanges if Trace.of([exchange]).calls[0].operation is not None]
    return _of_this_api(name, "HAR archive", ours or exchanges)


def _json(name: str, data: bytes) -> Recording:
    value = parse_json(data)
    if isinstance(value, dict):
        return _object(name, data, value)
    if isinstance(value, list):
        return _array(name, data, value)
    lines = [line for line in data.splitlines() if line.strip()]
    first = parse_json(lines[0])
    if not isinstance(first, dict):
        raise RecordingUnreadable(
            name, _where_json_breaks(data), "The recording was cut off or edited; record it again."
        )
    for number, line in enumerate(lines, 1):
        if not isinstance(parse_json(line), dict):
            raise RecordingUnreadable(name, f"line {number} is not JSON: the file is cut off or edited")
    return _lines(name, data, [parse_json(line) for line in lines])


def _where_json_breaks(data: bytes) -> str:
    try:
        json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return f"not JSON from line {error.lineno} column {error.colno} on: {error.msg}"
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start}"
    except RecursionError:
        return "nested too deeply to be read"
    except ValueError as error:
        return f"not JSON: {str(error).partition(':')[0]}"
    return "not JSON"


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no value of JSON")


def _lines(name: str, data: bytes, values: list[dict[str, Any]]) -> Recording:
    kinds = [value.get("event_type") for value in values]
    if any(isinstance(kind, str) and _LEGACY_EVENTS.fullmatch(kind) for kind in kinds):
        return Recording(name, "JSON lines", note=_LEGACY)
    if isinstance(kinds[0], str):
        return Recording(name, "JSON lines", (_answer(data, form="events"),))
    return Recording(name, "", note=_UNKNOWN)


def _array(name: str, data: bytes, values: list[Any]) -> Recording:
    match values:
        case [{"event_type": str()}, *_]:
            lines = b"\n".join(json.dumps(value).encode() for value in values)
            return Recording(name, "JSON list of events", (_answer(lines, form="events"),))
        case [{"error": dict()}]:
            return Recording(name, "JSON body", (_answer(data),))
        case [{"candidates": _}, *_]:
            return Recording(name, "JSON body", note=_GENERATE_CONTENT)
    return Recording(name, "", note=_UNKNOWN)


def _object(name: str, data: bytes, value: dict[str, Any]) -> Recording:
    match value:
        case {"interactions": [*_], "version": _}:
            return _cassette(name, value)
        case {"log": {"entries": _}}:
            return _har(name, value)
        case {"event_type": str()}:
            return _lines(name, json.dumps(value).encode(), [value])
        case {"outputs": _} | {"object": "interaction", "role": _} if "steps" not in value:
            return Recording(name, "JSON body", note=_LEGACY)
        case {"object": str(kind)} if kind != "interaction":
            return Recording(name, "", note=_UNKNOWN)
        case {"candidates": _} | {"promptFeedback": _} | {"totalTokens": _} | {"contents": _}:
            return Recording(name, "JSON body", note=_GENERATE_CONTENT)
        case (
            {"error": {"code": _}}
            | {"object": "interaction"}
            | {"status": str(), "usage": _}
            | {"status": str(), "steps": _}
        ):
            return Recording(name, "JSON body", (_answer(data),))
        case {"type": str(kind)} if _STEP.fullmatch(kind):
            return Recording(name, "JSON step", (_answer(data),))
        case {"model": _, "input": _} | {"agent": _, "input": _}:
            request = Request("POST", "/v1beta/interactions", None, data)
            return Recording(name, "JSON request", (Exchange(request, None),))
    return Recording(name, "", note=_UNKNOWN)


def _yaml(name: str, data: bytes) -> Recording:
    import yaml

    old = data.startswith(b"- request:")
    ours = _OURS.match(data) is not None
    mapping = _MAPPING.match(data) and re.search(rb"^(?:interactions|when|version):", data, re.MULTILINE)
    if not (old or ours or mapping):
        return Recording(name, "", note=_UNKNOWN)
    try:
        text = text_of(data)
        if re.search(r"^when:", text, re.MULTILINE):
            return _httpmock(name, [entry for entry in load_yaml_documents(text) if entry])
        value = load_yaml(text)
    except yaml.YAMLError as error:
        raise RecordingUnreadable(
            name, yaml_problem(error), "The file is cut off or edited; record it again."
        ) from None
    except ValueError as error:
        raise RecordingUnreadable(name, f"{error}", "Save it as UTF-8.") from None
    if old:
        return _cassette(name, value)
    match value:
        case {"interactions": [*_]}:
            return _cassette(name, value)
        case {"version": _, **rest} if "interactions" in rest or rest.keys() <= {
            "provenance",
            "arrivals",
            "endings",
        }:
            raise _without_interactions(name)
    if ours:
        raise _without_interactions(name)
    return Recording(name, "", note=_UNKNOWN)


def _without_interactions(name: str) -> RecordingUnreadable:
    return RecordingUnreadable(
        name, "a cassette without interactions: the file is cut off", "Record it again, or copy it again."
    )


def _cassette(name: str, value: Any) -> Recording:
    try:
        exchanges = exchanges_of(value)
    except OtherFormat as error:
        advice = "Record it again, or read it with the version that wrote it."
        raise RecordingUnreadable(name, str(error), advice) from None
    except ValueError as error:
        raise RecordingUnreadable(
            name, str(error), "The cassette was cut off or edited; record it again."
        ) from None
    recording = _of_this_api(name, "vcrpy cassette", exchanges)
    return replace(recording, doubt=EDITED) if is_edited(value) else recording


def _httpmock(name: str, entries: list[Any]) -> Recording:
    exchanges = []
    for number, entry in enumerate(entries):
        try:
            exchanges.append(_when_and_then(entry))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            said = "is not as httpmock writes it" if error.args else "has no `when` or no `then`"
            raise RecordingUnreadable(
                name, f"exchange {number} {said}: the file is cut off or edited"
            ) from None
    return _of_this_api(name, "httpmock exchanges", exchanges)


def _when_and_then(entry: Any) -> Exchange:
    match entry:
        case {
            "when": {"method": str(method), "path": str(path)} as when,
            "then": {"status": int(status)} as then,
        }:
            query = "&".join(f"{key}={value}" for key, value in _pairs(when, "query_param"))
            url = f"{path}?{query}" if query else path
            request = Request(method, url, _pairs(when, "header"), str(when.get("body") or "").encode())
            body = str(then.get("body") or "").encode()
            return Exchange(request, Response(status, _pairs(then, "header"), body))
    raise ValueError


def _pairs(part: dict[str, Any], key: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(pair["name"]), str(pair["value"])) for pair in part.get(key) or ())


def _of_this_api(name: str, form: str, exchanges: list[Exchange]) -> Recording:
    """Keep a conversation whose exchanges are ours; name one that is not."""
    trace = Trace.of(exchanges)
    if any(call.operation is not None for call in trace.calls):
        for call in trace.calls:
            if isinstance(call.interaction, dict) and "outputs" in call.interaction:
                return Recording(name, form, note=_LEGACY)
        return Recording(name, form, tuple(exchanges))
    if any(
        re.search(r":(?:g|streamG)enerateContent|:\w*[eE]mbedContents?|:countTokens", url)
        for url in _urls(exchanges)
    ):
        return Recording(name, form, note=_GENERATE_CONTENT)
    return Recording(name, form, note=_UNKNOWN)


def _urls(exchanges: list[Exchange]) -> Iterator[str]:
    return (exchange.request.url for exchange in exchanges if exchange.request is not None)
