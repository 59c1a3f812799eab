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
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.errors import CassetteBroken, SecretLeft
from conformance.wire.coding import LARGEST_BYTES, undo_coding, unpack
from conformance.wire.exchange import LEFT, STOPPED, Arrival, Exchange, Headers, Request, Response, header
from conformance.wire.files import write_atomically
from conformance.wire.secrets import find_secrets
from conformance.wire.yaml_text import load_yaml, text_of, yaml_problem

__all__ = [
    "EDITED",
    "FORMAT",
    "OtherFormat",
    "exchanges_of",
    "is_edited",
    "read_cassette",
    "write_cassette",
]

FORMAT = 2
"""Of our own keys: 1 had no hash. vcrpy's `version` has been 1 since 2014."""
EDITED = "the cassette is not as it was recorded: its hash tells that it was edited, or cut off"
_YAML_LINE_ENDS = frozenset("\x85\u2028\u2029")
_MISSHAPEN = (KeyError, TypeError, AttributeError, OverflowError, RecursionError, UnicodeError)


class OtherFormat(ValueError):
    """A cassette of a version that cannot be read here; the message says which."""


def read_cassette(path: Path) -> tuple[list[Exchange], Mapping[str, Any]]:
    """Read a cassette, gzipped or not: its exchanges in order, and its provenance (empty when it tells none).

    Raises:
        CassetteBroken: there is no such file, or it is not a cassette.
    """
    import yaml

    try:
        data = load_yaml(_content(path))
        exchanges = exchanges_of(data)
        _refuse_odd_addresses(exchanges)
    except yaml.YAMLError as error:
        raise CassetteBroken(str(path), f"not a cassette: {yaml_problem(error)}") from None
    except OtherFormat as error:
        raise CassetteBroken(str(path), str(error)) from None
    except ValueError as error:
        raise CassetteBroken(str(path), f"not a cassette: {error}") from None
    provenance = data.get("provenance")
    told = provenance if isinstance(provenance, dict) else {}
    return exchanges, {**told, "edited": True} if is_edited(data) else told


def _refuse_odd_addresses(exchanges: Sequence[Exchange]) -> None:
    """Refuse what no request could be known by; who lints looks for other exchanges."""
    for number, exchange in enumerate(exchanges):
        try:
            urlsplit(exchange.request.url if exchange.request is not None else "")
        except ValueError as error:
            raise ValueError(f"the uri of interaction {number} cannot be read: {error}") from None


def _content(path: Path) -> str:
    """Read what is in a cassette, as text; a pipe that nobody writes is not waited for."""
    try:
        if path.exists() and not path.is_file():
            raise CassetteBroken(str(path), f"not a cassette: {'a folder' if path.is_dir() else 'no file'}")
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise CassetteBroken(str(path), "there is no such cassette") from None
    except OSError as error:
        raise CassetteBroken(str(path), f"cannot be read: {error.strerror}") from None
    content: bytes | None = data if len(data) <= LARGEST_BYTES else None
    if data.startswith(b"\x1f\x8b"):
        content = unpack(data)
    if content is None:
        raise ValueError(f"it is over the limit of {LARGEST_BYTES // 1024 // 1024} MB")
    if not content.strip():
        raise ValueError("the file is empty")
    return text_of(content)


def is_edited(data: Mapping[str, Any]) -> bool:
    """Tell whether a cassette is another than was recorded; False where it holds no hash of that."""
    match data.get("provenance"):
        case {"sha256": told}:
            try:
                return bool(told != _hash_of(data))
            except TypeError:  # such as keys of two types, which we never write
                return True
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
            rows, endings = _list_of(data, "arrivals"), _list_of(data, "endings")
        case _:
            raise ValueError("it has no list of interactions")
    exchanges = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not {"request", "response"} <= entry.keys():
            raise ValueError(f"interaction {number} has no request or no response: the file is cut off")
        try:
            arrivals = _arrivals(rows[number]) if number < len(rows) else ()
            ending = str(endings[number] or "") if number < len(endings) else ""
            response = _response(entry["response"], arrivals, ending)
            excerpt = ending in (LEFT, STOPPED)
            exchanges.append(Exchange(_request(entry["request"]), response, excerpt=excerpt))
        except _MISSHAPEN as error:
            told = f"{type(error).__name__} {error}"
            raise ValueError(f"interaction {number} is not as vcrpy writes it: {told}") from None
        except ValueError as error:
            raise ValueError(f"interaction {number} is not as vcrpy writes it: {error}") from None
    return exchanges


def _list_of(data: Mapping[str, Any], member: str) -> list[Any]:
    found = data.get(member) or []
    if not isinstance(found, list):
        raise ValueError(f"its {member} are no list: the file was edited")  # noqa: TRY004 (the file is wrong)
    return found


def _arrivals(rows: Any) -> tuple[Arrival, ...]:
    """Read when the parts of a body came: ends that rise, and times."""
    arrivals, last = [], 0
    for row in rows if isinstance(rows, list) else [rows]:
        match row:
            case [int(end), int(ms) | float(ms)] if end >= last and math.isfinite(ms) and ms >= 0:
                arrivals.append(Arrival(end, ms / 1000))
                last = end
            case _:
                raise ValueError(f"its arrivals have {str(row)[:60]}, not [end in bytes, milliseconds]")
    return tuple(arrivals)


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
    if hasattr(value, "read"):
        return bytes(value.read())
    return b"".join(map(_bytes, value)) if isinstance(value, Iterator) else str(value).encode()


def _headers(entry: Mapping[str, Any]) -> Headers | None:
    """Read headers: a value or a list of them under each name, or rows of [name, value]."""
    match entry.get("headers"):
        case None:
            return None
        case dict(told):
            pairs = list(told.items())
        case [*rows] if all(isinstance(row, (list, tuple)) and len(row) == 2 for row in rows):
            pairs = [(name, value) for name, value in rows]
        case _:
            raise ValueError("its headers are no mapping of names to values")
    return tuple(
        (_word(name), _word(one))
        for name, values in pairs
        for one in (values if isinstance(values, list) else [values])
    )


def _word(value: Any) -> str:
    """Give a name or a value of a header, which a recorder may have kept as bytes."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return "" if value is None else str(value)


def _request(entry: Any) -> Request:
    match entry:
        case {"method": str(method), "uri": str(uri)}:
            return Request(method, uri, _headers(entry), _bytes(entry.get("body", entry.get("parsed_body"))))
        case {"method": _, "uri": _}:
            raise ValueError("the method and the uri of its request are no texts")
    raise ValueError("its request has no method or no uri")


def _response(entry: Any, arrivals: Sequence[Arrival], ending: str) -> Response:
    """Read a response; vcrpy below 6 wrote those to httpx with other names: `status_code`, `content`."""
    if not isinstance(entry, dict):
        raise ValueError("its response is no mapping")  # noqa: TRY004
    if "parsed_body" in entry:  # JSON as YAML, which is how Pydantic AI records
        raw = _bytes(entry["parsed_body"])
    elif {"body", "content"} & entry.keys():
        body = entry.get("body", entry.get("content"))
        if isinstance(body, dict) and body and "string" not in body:
            raise ValueError(f"the body of its response has {', '.join(map(str, body))} and no string")
        raw = _bytes(body.get("string") if isinstance(body, dict) else body)
    else:
        raise ValueError("its response has no body")
    headers = _headers(entry)
    body = undo_coding(headers, raw)
    if not ending:
        _refuse_coded(header(headers, "content-encoding"), body)
    return Response(_status(entry), headers, body, arrivals, ending)


def _refuse_coded(coding: str | None, body: bytes) -> None:
    """Refuse a body that is still coded: nobody could tell what the server said."""
    if not coding or not body:
        return
    if body.startswith(b"\x1f\x8b"):
        raise ValueError(
            "the body of its response is gzip that cannot be unpacked: it is cut off or too large"
        )
    try:
        body.decode()
    except UnicodeDecodeError:
        raise ValueError(
            f"the body of its response is in the coding {coding}, which is not read: "
            "record it with decode_compressed_response=True"
        ) from None


def _status(entry: Mapping[str, Any]) -> int | None:
    status = entry.get("status", entry.get("status_code"))
    code = status.get("code") if isinstance(status, dict) else status
    if code is None:
        return None
    if not isinstance(code, bool) and str(code).isdecimal() and 100 <= int(code) <= 999:
        return int(code)
    raise ValueError(f"its status is {str(code)[:60]!r}, not a number such as 200")


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
