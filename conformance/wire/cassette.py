"""Cassettes: what a scenario exchanged with a target, in the format of vcrpy.

    write_cassette(path, exchanges, provenance)
    exchanges, provenance = read_cassette(path)

Stock vcrpy plays them. More top-level keys, which it passes over, tell where a recording comes from
(`provenance`), when the parts of each body arrived (`arrivals`, rows of [end in bytes, milliseconds]), and
what cut a response off (`endings`, only where something did). The provenance ends in a hash of everything
else, so that a cassette tells whether it is still as it was recorded.

A cassette that holds a secret cannot be written: see `secrets`.
"""

import base64
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conformance.errors import CassetteBroken, SecretLeft
from conformance.wire.coding import undo_coding
from conformance.wire.exchange import LEFT, STOPPED, Arrival, Exchange, Headers, Request, Response
from conformance.wire.files import write_atomically
from conformance.wire.secrets import find_secrets

__all__ = [
    "EDITED",
    "FORMAT",
    "OtherFormat",
    "exchanges_of",
    "is_edited",
    "load_yaml",
    "load_yaml_documents",
    "read_cassette",
    "write_cassette",
]

FORMAT = 2
"""Of our own keys: 1 had no hash. vcrpy's `version` has been 1 since 2014."""
EDITED = "the cassette is not as it was recorded: its hash tells that it was edited, or cut off"
_YAML_LINE_ENDS = frozenset("\x85\u2028\u2029")
_DEEPEST_YAML = 200
_MISSHAPEN = (KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)


class OtherFormat(ValueError):
    """A cassette of a version that cannot be read here; the message says which."""


def load_yaml(text: str) -> Any:
    """Read YAML as vcrpy does: safely, with the few Python tags that its cassettes may hold.

    Raises:
        YAMLError: it is not YAML, holds a value that Python has not, or is nested without end.
    """
    from vcr.serializers import yamlserializer

    with _faults_of_yaml(text):
        return yamlserializer.deserialize(text)


def load_yaml_documents(text: str) -> list[Any]:
    """Read all documents of a YAML text, safely; raises what `load_yaml` raises."""
    import yaml

    with _faults_of_yaml(text):
        return list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


@contextmanager
def _faults_of_yaml(text: str) -> Iterator[None]:
    """Turn what PyYAML lets through into a YAMLError: a 13th month, `!!bool x`, nesting that kills Python."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST_YAML:
                raise yaml.YAMLError("nested too deeply to be read")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise yaml.YAMLError(f"{type(error).__name__}: {error}") from None


def read_cassette(path: Path) -> tuple[list[Exchange], Mapping[str, Any]]:
    """Read a cassette: its exchanges in order, and its provenance (empty when it tells none).

    Raises:
        CassetteBroken: there is no such file, or it is not a cassette.
    """
    import yaml

    try:
        data = load_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CassetteBroken(str(path), "there is no such cassette") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise CassetteBroken(str(path), f"not a cassette: {str(error).splitlines()[0]}") from None
    try:
        exchanges = exchanges_of(data)
    except OtherFormat as error:
        raise CassetteBroken(str(path), str(error)) from None
    except ValueError as error:
        raise CassetteBroken(str(path), f"not a cassette: {error}") from None
    provenance = data.get("provenance")
    told = provenance if isinstance(provenance, dict) else {}
    return exchanges, {**told, "edited": True} if is_edited(data) else told


def is_edited(data: Mapping[str, Any]) -> bool:
    """Tell whether a cassette is another than was recorded; False where it holds no hash of that."""
    match data.get("provenance"):
        case {"sha256": told}:
            return bool(told != _hash_of(data))
    return False


def _hash_of(data: Mapping[str, Any]) -> str:
    """Hash everything but the provenance, however it is written: as canonical JSON, bytes as base64."""
    told = {key: data[key] for key in ("interactions", "arrivals", "endings") if key in data}
    text = json.dumps(told, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def exchanges_of(data: Any) -> list[Exchange]:
    """Give the exchanges of vcrpy's dictionary, whichever client it was recorded with.

    Raises:
        OtherFormat: it is of a version that cannot be read.
        ValueError: it has no list of interactions, or one of them is not whole: the file was cut or edited.
    """
    _check_version(data)
    match data:
        case {"interactions": [*entries]}:
            rows, endings = data.get("arrivals") or [], data.get("endings") or []
        case _:
            raise ValueError("it has no list of interactions")
    exchanges = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not {"request", "response"} <= entry.keys():
            raise ValueError(f"interaction {number} has no request or no response: the file is cut off")
        try:
            arrivals = rows[number] if number < len(rows) else []
            ending = str(endings[number]) if number < len(endings) else ""
            response = _response(entry["response"], arrivals, ending)
            excerpt = ending in (LEFT, STOPPED)
            exchanges.append(Exchange(_request(entry["request"]), response, excerpt=excerpt))
        except _MISSHAPEN as error:
            raise ValueError(
                f"interaction {number} is not as vcrpy writes it: {type(error).__name__} {error}"
            ) from None
    return exchanges


def _check_version(data: Any) -> None:
    match data:
        case [{"request": _}, *_]:
            raise OtherFormat("a cassette of vcrpy before 1.0, which nothing reads any more: record it again")
        case {"version": version} if version not in (1, "1"):
            raise OtherFormat(f"a cassette of version {version!r}; version 1 alone can be read")
        case {"provenance": {"format": int(ours)}} if ours > FORMAT:
            raise OtherFormat(
                f"a cassette of a newer gemini-conformance, in format {ours}; this one reads format {FORMAT}"
            )


def _bytes(value: Any) -> bytes:
    match value:
        case None:
            return b""
        case bytes():
            return value
        case str():
            return value.encode()
        case dict() | list():
            return json.dumps(value).encode()
    return bytes(value.read()) if hasattr(value, "read") else str(value).encode()


def _headers(value: Any) -> Headers:
    pairs = value.items() if isinstance(value, dict) else ()
    return tuple(
        (str(name), str(one))
        for name, values in pairs
        for one in (values if isinstance(values, list) else [values])
    )


def _request(entry: Mapping[str, Any]) -> Request:
    return Request(
        str(entry["method"]), str(entry["uri"]), _headers(entry.get("headers")), _bytes(entry.get("body"))
    )


def _response(entry: Mapping[str, Any], rows: Sequence[Sequence[float]], ending: str) -> Response:
    status = entry.get("status", entry.get("status_code"))
    code = status.get("code") if isinstance(status, dict) else status
    if not {"body", "content"} & entry.keys():
        raise ValueError("its response has no body")
    body = entry.get("body", entry.get("content"))
    raw = _bytes(body.get("string") if isinstance(body, dict) else body)
    headers = _headers(entry.get("headers"))
    return Response(
        int(code) if code is not None else None,
        headers,
        undo_coding(headers, raw),
        tuple(Arrival(int(end), ms / 1000) for end, ms in rows),
        ending,
    )


def write_cassette(
    path: Path,
    exchanges: Sequence[Exchange],
    provenance: Mapping[str, Any],
    *,
    secrets: Collection[str] = (),
) -> None:
    """Write a cassette, whole or not at all. The exchanges have been redacted by whoever made them.

    secrets: values that must not be in it, in no encoding.

    Raises:
        SecretLeft: there is a secret in it.
        OSError: it cannot be written; what was there stays.
    """
    data = _cassette_of(exchanges, provenance)
    text = _dump(data).encode()
    for where, part in (*_parts(data), ("", text)):
        for found in find_secrets(part, secrets):
            raise SecretLeft(str(path), where or f"line {found.line}", str(found))
    write_atomically(path, text)


def _parts(data: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Give what a cassette holds, part by part: in the file YAML may have cut and escaped it."""
    for number, entry in enumerate(data["interactions"]):
        for side in ("request", "response"):
            body = entry[side]["body"]
            raw = body["string"] if isinstance(body, dict) else body or b""
            yield f"the body of {side} {number}", raw.encode() if isinstance(raw, str) else raw
        for side in ("request", "response"):
            lines = [f"{name}: {value}" for name, told in entry[side]["headers"].items() for value in told]
            yield f"a header of {side} {number}", "\n".join(lines).encode()
        yield f"the address of request {number}", entry["request"]["uri"].encode()


def _cassette_of(exchanges: Sequence[Exchange], provenance: Mapping[str, Any]) -> dict[str, Any]:
    whole = [
        (exchange.request, exchange.response)
        for exchange in exchanges
        if exchange.request is not None and exchange.response is not None
    ]
    data: dict[str, Any] = {
        "provenance": {**provenance, "format": FORMAT},
        "version": 1,
        "interactions": [
            {"request": _request_entry(request), "response": _response_entry(response)}
            for request, response in whole
        ],
        "arrivals": [
            [[arrival.end, round(arrival.time_s * 1000, 3)] for arrival in response.arrivals]
            for _, response in whole
        ],
    }
    if any(response.cut for _, response in whole):
        data["endings"] = [response.cut for _, response in whole]
    data["provenance"]["sha256"] = _hash_of(data)
    return data


def _request_entry(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "uri": request.url,
        "headers": _header_lists(request.headers),
        "body": _text(request.body) if request.body else None,
    }


def _response_entry(response: Response) -> dict[str, Any]:
    return {
        "status": {"code": response.status, "message": ""},
        "headers": _header_lists(response.headers),
        "body": {"string": _text(response.body)},
    }


def _header_lists(headers: Headers | None) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in headers or ():
        lists.setdefault(name, []).append(value)
    return lists


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _dump(data: Mapping[str, Any]) -> str:
    """Write YAML that people can read: bodies as blocks, keys in our order."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Bodies of several lines as literal blocks, emoji included: the faster dumper escapes them."""

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        if not _YAML_LINE_ENDS.isdisjoint(value):  # YAML reads these as line ends, so they are escaped
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    def row(dumper: Any, value: list[Any]) -> Any:
        flat = all(isinstance(item, (int, float)) for item in value)
        return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flat)

    Dumper.add_representer(str, text)
    Dumper.add_representer(list, row)
    return str(yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110))
