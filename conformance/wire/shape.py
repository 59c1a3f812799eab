"""The shape of one answer: what stands where, whatever it says.

    shape = shape_of(trace.calls[0])
    shape.places["create.reply", ".steps", "[]", "[thought]"].members

A place is a way through our contract, as `contract.openapi` writes it, from an operation down: array indices
are generalised, and objects that a discriminator tells apart stay apart. At each place the shape holds the
union of what was there: JSON types, members, kinds, and the words where the contract lists words. What is
left is content: texts, ids, signatures, times, numbers, and what stands where the contract allows anything.

Of a stream it holds the kinds of its events and of its steps in the order in which they first came, so that
it does not matter how many deltas a text took, nor how often a model searched.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from conformance.contract.openapi import our_contract
from conformance.contract.openapi.document import Values
from conformance.contract.openapi.normal_form import Kind, Shape
from conformance.contract.store import contract
from conformance.contract.validation import Path, pointer
from conformance.wire.trace import ABSENT, UNREADABLE, Call, Event, Stream

__all__ = ["DONE_FRAME", "Aspect", "ExchangeShape", "Leaf", "Seen", "Way", "displayed", "shape_of"]

Way: TypeAlias = tuple[str, ...]
Aspect: TypeAlias = Literal["type", "field", "kind", "word"]
DONE_FRAME: Final = "[DONE]"

_TAGS = ("event_type", "type")
_TYPES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
_DEEPEST = 100
"""Segments of a way: no answer that means anything is deeper, and what is counts as one value."""
_REPEATED = (("[step.delta]",), ("[interaction.status_update]",))
"""Events that come as often as it pleases the service; what they repeat counts once."""
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value that is content, and how it is called: a text, an id, a timestamp."""

    sort: str
    value: Any


@dataclass(slots=True)
class Seen:
    """All that stood at one place.

    types, members, kinds, words: each with how often. Members are those of objects that are no maps, kinds
        what a discriminator said, words what stood where the contract lists words.
    allowed, required: the types that the contract allows here, the members that it requires; none where it
        knows nothing of the place.
    unknown: what the contract does not know, as aspect and name.
    samples: the first value that shows an aspect and name.
    leaves: the values that are content.
    """

    types: Counter[str] = field(default_factory=Counter)
    members: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    allowed: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    unknown: set[tuple[Aspect, str]] = field(default_factory=set)
    samples: dict[tuple[Aspect, str], Any] = field(default_factory=dict)
    leaves: list[Leaf] = field(default_factory=list)

    def of(self, aspect: Aspect) -> Counter[str]:
        """Give what was seen of one aspect."""
        match aspect:
            case "type":
                return self.types
            case "field":
                return self.members
            case "kind":
                return self.kinds
        return self.words

    def take(self, aspect: Aspect, name: str, value: Any, *, unknown: bool = False) -> None:
        """Count something, and keep the first value that shows it."""
        self.of(aspect)[name] += 1
        self.samples.setdefault((aspect, name), value)
        if unknown:
            self.unknown.add((aspect, name))


@dataclass(frozen=True, slots=True)
class ExchangeShape:
    """What one answer is like.

    form: "stream", "JSON", "text" or "nothing".
    events, steps: kinds of events and of steps, each once, in the order of their first mention.
    oddities: what its events do that no stream should, as phrases.
    chunks: how long the pieces are in which its texts came; no shape.
    """

    status: int | None
    content_type: str
    form: str
    headers: Mapping[str, str]
    places: Mapping[Way, Seen]
    events: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    oddities: frozenset[str] = frozenset()
    chunks: tuple[int, ...] = ()


def shape_of(call: Call) -> ExchangeShape:
    """Give the shape of the answer of a call."""
    response = call.exchange.response
    walk = _Walk()
    operation = call.operation or "create"
    told: dict[str, Any] = {}
    form = "nothing"
    if call.stream is not None:
        form = "stream"
        walk.stream(f"{operation}.stream", call.stream)
        told = {**_order(call.stream), "chunks": tuple(walk.chunks)}
    elif call.answered is UNREADABLE:
        form = "text"
    elif call.answered is not ABSENT:
        form = "JSON"
        walk.document(*_root_of(call, operation), call.answered)
        told = {"steps": tuple(_once(str(step.get("type")) for step in call.steps))}
    headers = {name.lower(): value for name, value in (response.headers if response else None) or ()}
    content_type = re.sub(r"\s*;\s*", "; ", headers.pop("content-type", "").strip().lower())
    return ExchangeShape(call.status, content_type, form, headers, walk.places, **told)


def _root_of(call: Call, operation: str) -> tuple[str, str]:
    """Give the way into the contract by which an answer comes, and the schema that it has to match."""
    match call.answered:
        case {"error": {"code": int()}} if call.failed:
            return f"{operation}.error", "interactions/status_envelope"
    if call.failed:
        return f"{operation}.error", "interactions/error_envelope"
    return f"{operation}.reply", "interactions/interaction"


def _once(names: Iterator[str]) -> Iterator[str]:
    return iter(dict.fromkeys(names))


def _order(stream: Stream) -> dict[str, Any]:
    return {
        "events": tuple(_once(_event_name(event) for event in stream.events)),
        "steps": tuple(_once(str(life.type) for life in stream.steps.values())),
        "oddities": frozenset(_oddities(stream)),
    }


def _event_name(event: Event) -> str:
    """Give what an event is called, with the name of its frame where that is another."""
    name = DONE_FRAME if event.is_done else event.type or "an event without event_type"
    framed = event.frame.event if event.frame is not None else name
    return name if framed in (name, "done" if event.is_done else name) else f"{name} in a frame {framed}"


def _oddities(stream: Stream) -> Iterator[str]:
    """Tell what order no stream should have, of whichever kinds of events."""
    open_steps: set[Any] = set()
    stopped: set[Any] = set()
    end = ""
    for number, event in enumerate(stream.events):
        if end and not event.is_done:
            yield f"events after {end}"
        if event.type == "interaction.created" and number and not stream.resumed:
            yield "interaction.created is not the first"
        if event.type in ("interaction.completed", "error"):
            end = end or event.type
        index = event.json.get("index") if isinstance(event.json, dict) else None
        if not isinstance(index, int):
            continue
        if event.type == "step.start":
            if open_steps:
                yield "steps overlap"
            open_steps.add(index)
        elif event.type == "step.delta" and index not in open_steps and not stream.resumed:
            yield f"step.delta {'after its step.stop' if index in stopped else 'before its step.start'}"
        elif event.type == "step.stop":
            open_steps.discard(index)
            stopped.add(index)
    if open_steps and end:
        yield "a step does not stop"


class _Walk:
    """Collects what stands at each place of some values, beside what the contract says of it."""

    def __init__(self) -> None:
        self.places: dict[Way, Seen] = {}
        self.chunks: list[int] = []
        self._unknown: frozenset[str] = frozenset()

    def document(self, root: str, schema: str, value: Any) -> None:
        """Take a whole body or event, of a way into the contract and with the schema that it has to match."""
        self._unknown = frozenset(drift.pointer for drift in contract().validate(schema, value).drift)
        self._value((root,), None, value, our_contract().roots.get(root, ()))

    def stream(self, root: str, stream: Stream) -> None:
        """Take all events; a text that comes in pieces is one text."""
        for event in stream.payloads:
            if event.json is not UNREADABLE:
                self.document(root, "interactions/event", event.json)
        for way, seen in self.places.items():
            if way[:2] == (root, "[step.delta]") and way[-1] in (".text", ".arguments"):
                pieces = [leaf.value for leaf in seen.leaves if isinstance(leaf.value, str)]
                self.chunks += map(len, pieces)
                seen.leaves = [Leaf("text", "".join(pieces))] if pieces else []
            elif way[:1] == (root,) and way[1:2] in _REPEATED:
                seen.leaves = _each_once(seen.leaves)

    def _value(self, way: Way, path: Path, value: Any, values: Values) -> None:
        """Take a value; `values` are its schemas, none where the contract knows nothing of the place."""
        shape = our_contract().shape(values) if values else None
        seen = self.places.setdefault(way, Seen())
        seen.take("type", _TYPES[type(value)], value)
        if shape is not None:
            seen.allowed = shape.types
        if (shape is not None and _is_free(shape, value)) or len(way) > _DEEPEST:
            seen.leaves.append(Leaf("value", value))
        elif isinstance(value, dict):
            self._object(way, path, value, shape.kinds if shape is not None else ())
        elif isinstance(value, list):
            for number, item in enumerate(value):
                self._value((*way, "[]"), (path, number), item, shape.items if shape is not None else ())
        elif isinstance(value, str) and shape is not None and shape.words is not None:
            seen.take("word", value, value, unknown=pointer(path) in self._unknown)
        else:
            seen.leaves.append(Leaf(_sort_of(way, value), value))

    def _object(self, way: Way, path: Path, value: dict[str, Any], kinds: Sequence[Kind]) -> None:
        tags = {kind.tag for kind in kinds if kind.tag}
        told = next((name for name in _TAGS if isinstance(value.get(name), str)), None)
        if told is not None and (tags or not kinds):
            tag = value[told]
            unknown = pointer((path, told)) in self._unknown
            self.places[way].take("kind", tag, value, unknown=unknown)
            way = (*way, f"[{tag}]")
            kinds = [kind for kind in kinds if kind.tag == tag]
            value = {name: item for name, item in value.items() if name != told}
        seen = self.places.setdefault(way, Seen())
        described = _Members.of(kinds)
        seen.required = described.required
        for name, item in value.items():
            if name not in described.members and described.rest:
                self._value((*way, "{}"), (path, name), item, described.rest)
            else:
                seen.take("field", name, item, unknown=pointer((path, name)) in self._unknown)
                self._value((*way, f".{name}"), (path, name), item, described.members.get(name, ()))


def _each_once(leaves: Sequence[Leaf]) -> list[Leaf]:
    return list({repr(leaf): leaf for leaf in leaves}.values())


@dataclass(frozen=True, slots=True)
class _Members:
    """What the contract says of the members of an object, which may be of several kinds."""

    members: Mapping[str, Values]
    required: frozenset[str]
    rest: Values

    @classmethod
    def of(cls, kinds: Sequence[Kind]) -> "_Members":
        members: dict[str, Values] = {}
        for kind in kinds:
            for name, member in kind.members.items():
                members[name] = members.get(name, ()) + member.values
        required = frozenset.intersection(*(kind.required for kind in kinds)) if kinds else frozenset()
        return cls(members, required, tuple(place for kind in kinds for place in kind.rest))


def _is_free(shape: Shape, value: Any) -> bool:
    """Whether the contract allows anything there: the arguments of a function, the result of a tool."""
    if isinstance(value, dict):
        declared = any(kind.members or kind.rest for kind in shape.kinds)
        return not declared and (not shape.types or "object" in shape.types)
    if isinstance(value, list):
        return not shape.items and (not shape.types or "array" in shape.types)
    return False


def _sort_of(way: Way, value: Any) -> str:
    """Give what people call the content at a place: a text, an id, a signature, a timestamp, a number."""
    name = next((segment[1:] for segment in reversed(way) if segment.startswith(".")), "")
    if not isinstance(value, str):
        return "number" if type(value) in (int, float) else "value"
    if name == "id" or name.endswith("_id"):
        return "id"
    if name.endswith("signature"):
        return "signature"
    return "timestamp" if _TIME.fullmatch(value) else "text"


def displayed(way: Way) -> str:
    """Write a place for people: a JSON pointer with `*` for indices, after the event that it lies in.

    >>> displayed(("create.stream", "[step.delta]", ".delta", "[text]", ".text"))
    'step.delta /delta[text]/text'
    """
    root, *rest = way
    event = ""
    if root.endswith(".stream") and rest:
        event, rest = f"{rest[0][1:-1]} ", rest[1:]
    parts = []
    for segment in rest:
        match segment:
            case "[]" | "{}":
                parts.append("/*")
            case _ if segment.startswith("["):
                parts.append(segment)
            case _:
                parts.append("/" + segment[1:].replace("~", "~0").replace("/", "~1"))
    pointer = "".join(parts)
    return f"{event}{pointer}".strip() or "the body"
