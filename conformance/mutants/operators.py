"""Operators: what a mutant does to a request or an answer, as data.

    change({"at": "$.usage.total_tokens", "plus": 1}, document)        # on JSON
    mutated(answer, {"events": {"of": {"event_type": "step.stop"}, "at": "$.index", "to": "0"}})

`servers/README.md` lists them. A selection that meets nothing changes nothing; whoever called finds out by
comparing. `at` is JSONPath (RFC 9535).
"""

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import jsonpath_rfc9535

from conformance.scenario.expectation import matches
from conformance.server.answer import DONE, Answer, Follow, event_stream, frame, json_answer, to_json
from conformance.wire.exchange import Request
from conformance.wire.trace import UNREADABLE, parse_json

__all__ = ["change", "mutated", "mutated_request"]

_WORDS: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda value: value if isinstance(value, str) else to_json(value).decode(),
    "list": lambda value: [value],
    "first": lambda value: value[0],
    "upper": lambda value: value.upper(),
    "nothing": lambda value: type(value)(),
    "negative": lambda value: -value,
    "object": lambda value: {"value": value},
}


def chosen(found: Sequence[Any], which: Any) -> list[Any]:
    """Choose among what was found: the first, last, all, or the one with that number."""
    match which:
        case "all":
            return list(found)
        case "last":
            return list(found[-1:])
        case int():
            return list(found[which : which + 1])
    return list(found[:1])


@cache
def _path(text: str) -> jsonpath_rfc9535.JSONPathQuery:
    return jsonpath_rfc9535.compile(text)


def change(operator: Mapping[str, Any], document: Any) -> Any:
    """Give a document with the chosen values changed; the document itself stays as it is."""
    holder = [copy.deepcopy(document)]
    nodes = _path(operator.get("at", "$")).find(holder[0])
    locations = [(0, *node.location) for node in nodes]
    for *way, key in reversed(chosen(locations, operator.get("which"))):
        parent: Any = holder
        for part in way:
            parent = parent[part]
        _change(parent, key, operator, document)
    return holder[0]


def _change(parent: Any, key: Any, operator: Mapping[str, Any], document: Any) -> None:
    """Change one value, or its place in its parent."""
    match operator:
        case {"drop": True}:
            del parent[key]
        case {"rename": str(name)}:
            pairs = [(name if told == key else told, value) for told, value in parent.items()]
            parent.clear()
            parent.update(pairs)
        case {"repeat": True}:
            parent.insert(key + 1, copy.deepcopy(parent[key]))
        case {"swap": True}:
            parent[key], parent[key + 1] = parent[key + 1], parent[key]
        case _:
            parent[key] = _changed(parent[key], copy.deepcopy(operator), document)


def _changed(value: Any, operator: Mapping[str, Any], document: Any) -> Any:
    """Give what a value becomes."""
    match operator:
        case {"to": other}:
            return other
        case {"copy": str(path)}:
            return _path(path).find(document)[0].value
        case {"put": dict(members)}:
            return {**value, **members}
        case {"append": item}:
            return [*value, item]
        case {"prepend": item}:
            return [item, *value]
        case {"plus": number}:
            return value + number
        case {"suffix": str(text)}:
            return value + text
        case {"prefix": str(text)}:
            return text + value
        case {"as": str(word)}:
            return _WORDS[word](value)
    return value


def mutated_request(request: Request, operator: Mapping[str, Any]) -> Request:
    """Give a request as the wrong server reads it."""
    match operator:
        case {"headers": dict(told)}:
            return replace(request, headers=_headers(request.headers or (), told))
        case {"query": dict(told)}:
            parts = urlsplit(request.url)
            query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **told}
            kept = {name: value for name, value in query.items() if value is not None}
            return replace(request, url=urlunsplit(parts._replace(query=urlencode(kept))))
        case {"text": str(text)}:
            return replace(request, body=text.encode())
    asked = parse_json(request.body) if request.body else UNREADABLE
    return request if asked is UNREADABLE else replace(request, body=to_json(change(operator, asked)))


def _headers(
    headers: Sequence[tuple[str, str]], told: Mapping[str, str | None]
) -> tuple[tuple[str, str], ...]:
    """Give headers with some of them replaced; null leaves one out."""
    names = {name.lower() for name in told}
    kept = [(name, value) for name, value in headers if name.lower() not in names]
    return (*kept, *((name, value) for name, value in told.items() if value is not None))


def mutated(answer: Answer, operator: Mapping[str, Any]) -> Answer:
    """Give an answer as the wrong server gives it: a stream where the operator is for one, or one body."""
    match operator:
        case {"head": dict(head)}:
            told = head.get("headers", {})
            return replace(
                answer, status=head.get("status", answer.status), headers=_headers(answer.headers, told)
            )
        case {"body": dict(edit)} if not answer.chunked:
            value = parse_json(answer.body)
            return answer if value is UNREADABLE else _with_body(answer, to_json(change(edit, value)))
        case {"text": dict(edit)}:
            return _with_body(answer, _text(answer.body, edit))
        case {"answer": {"events": [*events]} as whole}:
            return replace(event_stream(map(frame, events)), status=whole.get("status", 200))
        case {"answer": dict(whole)}:
            return json_answer(whole.get("status", 200), whole["json"])
        case {"events": dict(edit)} if answer.chunked:
            wanted = {**edit, "which": edit.get("each")}
            return _with_pieces(answer, [_event(piece, edit) for piece in _selected(answer, wanted)])
        case {"frames": dict(edit)} if answer.chunked:
            return _with_pieces(answer, _framed(list(_selected(answer, edit)), edit))
    return answer


def _with_body(answer: Answer, body: bytes) -> Answer:
    if answer.chunked:
        return replace(answer, writes=(body,), follow=None)
    return replace(
        answer, writes=(body,), headers=_headers(answer.headers, {"Content-Length": str(len(body))})
    )


def _text(body: bytes, edit: Mapping[str, Any]) -> bytes:
    """Change the bytes of a body."""
    match edit:
        case {"to": str(text)}:
            return text.encode()
        case {"replace": [str(old), str(new)]}:
            return body.replace(old.encode(), new.encode())
        case {"suffix": str(text)}:
            return body + text.encode()
        case {"encoding": str(name)}:
            return body.decode().encode(name, "replace")
        case {"cut": int(kept)}:
            return body[:kept]
    return body


@dataclass(frozen=True, slots=True)
class _Piece:
    """One write of a stream: its number in the right one, and whether the operator is for it."""

    raw: bytes
    origin: int | None
    selected: bool = False


def _selected(answer: Answer, edit: Mapping[str, Any]) -> Iterator[_Piece]:
    """Give the frames of a stream, those marked that the operator selects."""
    of = edit.get("of", "any")
    found = [number for number, raw in enumerate(answer.writes) if _is(raw, of)]
    wanted = set(chosen(found, edit.get("which")))
    for number, raw in enumerate(answer.writes):
        yield _Piece(raw, number, number in wanted)


def _is(raw: bytes, of: Any) -> bool:
    if of == "done":
        return raw == DONE
    payload = _payload(raw)
    return payload is not UNREADABLE and (of == "any" or matches(of, payload))


def _payload(raw: bytes) -> Any:
    data = [line[5:] for line in raw.splitlines() if line.startswith(b"data:")]
    return parse_json(data[0].strip()) if len(data) == 1 else UNREADABLE


def _event(piece: _Piece, edit: Mapping[str, Any]) -> _Piece:
    """Change the payload of a frame; its event line follows, as the name is one of both."""
    if not piece.selected:
        return piece
    before = _payload(piece.raw)
    after = change(edit, before)
    name = b"event: %b\n" % before["event_type"].encode()
    told = after.get("event_type") if isinstance(after, dict) else None
    raw = piece.raw.replace(to_json(before), to_json(after))
    if isinstance(told, str):
        raw = raw.replace(name, b"event: %b\n" % told.encode(), 1)
    return replace(piece, raw=raw)


def _framed(pieces: list[_Piece], edit: Mapping[str, Any]) -> list[_Piece]:
    """Change which frames there are, in which order, and how each is written."""
    if "cut" in edit:
        return _cut(pieces, edit["cut"])
    if "insert" in edit:
        more = [_Piece(_written(told), None) for told in edit["insert"]]
        return [one for piece in pieces for one in ([piece, *more] if piece.selected else [piece])]
    if "swap" in edit:
        return _swapped(pieces)
    if "move" in edit:
        moved = [piece for piece in pieces if piece.selected]
        rest = [piece for piece in pieces if not piece.selected]
        at = {"start": 0, "end": len(rest)}.get(edit["move"], edit["move"])
        return [*rest[:at], *moved, *rest[at:]]
    if "drop" in edit:
        return [piece for piece in pieces if not piece.selected]
    if "repeat" in edit:
        return [
            one
            for piece in pieces
            for one in ([piece, replace(piece, origin=None)] if piece.selected else [piece])
        ]
    return [replace(piece, raw=_rewritten(piece.raw, edit)) if piece.selected else piece for piece in pieces]


def _swapped(pieces: list[_Piece]) -> list[_Piece]:
    for number, piece in enumerate(pieces[:-1]):
        if piece.selected:
            return [*pieces[:number], pieces[number + 1], piece, *pieces[number + 2 :]]
    return pieces


def _cut(pieces: list[_Piece], kept: int) -> list[_Piece]:
    """End the stream in the middle of the selected frame, so many bytes into it."""
    for number, piece in enumerate(pieces):
        if piece.selected:
            half = [replace(piece, raw=piece.raw[:kept])] if kept else []
            return [*pieces[:number], *half]
    return pieces


def _written(told: Any) -> bytes:
    return told.encode() if isinstance(told, str) else frame(told)


def _rewritten(raw: bytes, edit: Mapping[str, Any]) -> bytes:
    """Write one frame in another way."""
    match edit:
        case {"raw": str(text)}:
            return text.encode()
        case {"name": None}:
            return b"\n".join(line for line in raw.split(b"\n") if not line.startswith(b"event:"))
        case {"name": str(name)}:
            lines = [line for line in raw.split(b"\n") if not line.startswith(b"event:")]
            return b"\n".join([b"event: " + name.encode(), *lines])
        case {"data": str(text)}:
            kept = [line for line in raw.split(b"\n") if line.startswith(b"event:")]
            return b"\n".join([*kept, b"data: " + text.encode(), b"", b""])
        case {"replace": [str(old), str(new)]}:
            return raw.replace(old.encode(), new.encode())
        case {"spread": True}:
            head, _, payload = raw.partition(b"data: ")
            shown = json.dumps(parse_json(payload.strip()), ensure_ascii=False, indent=1).encode()
            return head + b"".join(b"data: %b\n" % line for line in shown.split(b"\n")) + b"\n"
    return raw


def _with_pieces(answer: Answer, pieces: Sequence[_Piece]) -> Answer:
    follow = _following(answer.follow, [piece.origin for piece in pieces], len(answer.writes))
    return replace(answer, writes=tuple(piece.raw for piece in pieces), follow=follow)


def _following(follow: Follow | None, origins: Sequence[int | None], writes: int) -> Follow | None:
    """Let a run that a stream moves on hear of each of its own frames once, whatever became of them."""
    if follow is None:
        return None
    asked = iter(range(writes))
    heard = -1

    def hear(number: int) -> tuple[bytes, ...] | None:
        nonlocal heard
        origin = writes - 1 if number == len(origins) - 1 else origins[number]
        while origin is not None and heard < origin:
            heard = next(asked)
            instead = follow(heard)
            if instead is not None:
                return instead
        return None

    return hear
