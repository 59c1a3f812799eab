"""How an API has changed between two recordings of the same requests: in shape, or in content alone.

    for difference in differences(Trace.of(old), Trace.of(new)):
        difference.kind, difference.place, difference.old, difference.new

Shape is what programs rely on: status, content type, fields, types, the words of a list, kinds of steps and
events and the order in which they first come. Content is what a model says, and when: texts, ids, signatures,
numbers, how many deltas a text took. A place that only one recording shows is compared no further: what
stands around it tells.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from conformance.wire.asked import address, asked_otherwise
from conformance.wire.shape import Aspect, ExchangeShape, Seen, Way, displayed, shape_of
from conformance.wire.trace import Call, Trace

__all__ = ["KINDS", "UNKNOWN", "DriftKind", "Drifted", "differences"]

DriftKind: TypeAlias = Literal[
    "new field",
    "gone field",
    "changed type",
    "new word",
    "new kind",
    "gone kind",
    "new event",
    "gone event",
    "other order",
    "other status",
    "other content type",
    "asked otherwise",
    "content",
]
KINDS: tuple[DriftKind, ...] = get_args(DriftKind)
UNKNOWN: Final = "unknown to the contract"
_KNOWN = "known to the contract"
_OPTIONAL = "the contract lets it be absent"
_REQUIRED = "the contract requires it"
_NEW: Mapping[Aspect, DriftKind] = {"field": "new field", "kind": "new kind", "word": "new word"}
_GONE: Mapping[Aspect, DriftKind] = {"field": "gone field", "kind": "gone kind"}
_NO_SHAPE = ("content", "asked otherwise")
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Drifted:
    """One thing that is not as it was recorded.

    exchange, call: which of the conversation, and how the scenario calls it.
    place: `status`, `content-type`, `headers`, `events`, `request /input`, or a JSON pointer with `*` for
        indices, behind the event in which it lies.
    name: the field, word, kind or event that is new or gone; of content, which sort it is.
    old, new: samples, short; empty where there was nothing.
    count: how often the thing was seen, in the recording that has it.
    contract: what the contract says of it, such as "unknown to the contract"; empty when it says nothing.
    way: the place in the contract; empty outside of bodies.
    """

    exchange: int
    call: str
    place: str
    kind: DriftKind
    name: str
    old: str
    new: str
    count: int = 1
    contract: str = ""
    way: Way = ()

    @property
    def is_shape(self) -> bool:
        """Whether programs may break by it."""
        return self.kind not in _NO_SHAPE

    @property
    def is_unknown(self) -> bool:
        """Whether it is new, and the contract does not know it."""
        return self.contract == UNKNOWN and self.kind.startswith("new")


def differences(old: Trace, new: Trace) -> list[Drifted]:
    """Give all that differs between two recordings, exchange by exchange; of those that one lacks no more.

    How often one thing is asked for in a row, until it is done, is content.
    """
    found: list[Drifted] = []
    one, other = _rows(old), _rows(new)
    for before, after in zip(one, other, strict=False):
        for call, same in (*zip(before[:-1], after[:-1], strict=False), (before[-1], after[-1])):
            found += _Pair(old, new, call, same).differences()
        if len(before) != len(after):
            times, name = (str(len(before)), str(len(after))), _name(after[-1])
            found.append(Drifted(after[-1].position, name, "request", "content", "poll", *times))
    for rows, shorter in ((one, other), (other, one)):
        for call, *_ in rows[len(shorter) :]:
            was, now = (address(call), "") if rows is one else ("", address(call))
            found.append(Drifted(call.position, _name(call), "request", "asked otherwise", "", was, now))
    return found


def _rows(trace: Trace) -> list[list[Call]]:
    """Put together the calls in a row that ask for the same interaction again."""
    rows: list[list[Call]] = []
    for call in trace.calls:
        request, last = call.exchange.request, rows[-1][-1].exchange.request if rows else None
        if call.operation == "get" and request and last and (last.method, last.url) == ("GET", request.url):
            rows[-1].append(call)
        else:
            rows.append([call])
    return rows


def _name(call: Call) -> str:
    return call.exchange.name or (call.operation or "exchange")


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two exchanges that answer the same request."""

    old: Trace
    new: Trace
    before: Call
    after: Call

    def _drifted(self, place: str, kind: DriftKind, name: str, old: Any, new: Any, **more: Any) -> Drifted:
        was, now = (value if isinstance(value, str) else _sample(value) for value in (old, new))
        return Drifted(self.after.position, _name(self.after), place, kind, name, was, now, **more)

    def differences(self) -> Iterator[Drifted]:
        """Give the differences of the requests, of the heads, of the events, and of the bodies."""
        for place, *told in asked_otherwise(self.old, self.before, self.new, self.after):
            yield self._drifted(place, "asked otherwise", "", *map(_short, told))
        old, new = shape_of(self.before), shape_of(self.after)
        if old.status != new.status:
            yield self._drifted("status", "other status", str(new.status), str(old.status), str(new.status))
        if old.content_type != new.content_type:
            name = new.content_type or "none"
            yield self._drifted("content-type", "other content type", name, old.content_type or "none", name)
        if old.form != new.form:
            yield self._drifted("the body", "changed type", new.form, old.form, new.form)
            return
        found = [*self._events(old, new), *self._places(old.places, new.places), *self._contents(old, new)]
        if not found and old.status == new.status and _body(self.before) != _body(self.after):
            found = [self._drifted("the body", "content", "byte", "", "")]
        yield from found

    def _events(self, old: ExchangeShape, new: ExchangeShape) -> Iterator[Drifted]:
        roots = [(way, seen) for way, seen in new.places.items() if len(way) == 1]
        unknown = {told for _, seen in roots for told in seen.unknown}
        root: Way = roots[0][0] if roots else ()
        sequences = [", ".join(shape.events) for shape in (old, new)]
        for name in new.events:
            if name not in old.events:
                told = {"contract": UNKNOWN if ("kind", name) in unknown else "", "way": (*root, f"[{name}]")}
                yield self._drifted("events", "new event", name, *sequences, **told)
        for name in old.events:
            if name not in new.events:
                yield self._drifted("events", "gone event", name, *sequences, way=(*root, f"[{name}]"))
        for what, was, now in (
            ("events", _ordered(old.events), _ordered(new.events)),
            ("steps", list(old.steps), list(new.steps)),
        ):
            common = [name for name in was if name in now]
            if common != [name for name in now if name in was]:
                yield self._drifted(what, "other order", what, ", ".join(was), ", ".join(now))
        for phrase in sorted(old.oddities - new.oddities):
            yield self._drifted("events", "other order", f"no more {phrase}", "", "")
        for phrase in sorted(new.oddities - old.oddities):
            yield self._drifted("events", "other order", phrase, "", "")

    def _places(self, old: Mapping[Way, Seen], new: Mapping[Way, Seen]) -> Iterator[Drifted]:
        for way, seen in new.items():
            if way not in old:
                continue
            yield from self._types(way, old[way], seen)
            if seen.types and not seen.types.keys() & old[way].types.keys():
                continue
            aspects: tuple[Aspect, ...] = ("field", "kind", "word")
            if len(way) == 1 and way[0].endswith(".stream"):  # its kinds are its events
                aspects = ("field", "word")
            for aspect in aspects:
                yield from self._more(way, aspect, old[way], seen)
            for aspect in aspects[:-1]:
                yield from self._less(way, aspect, old[way], seen)

    def _types(self, way: Way, old: Seen, new: Seen) -> Iterator[Drifted]:
        was, now = _types(old), _types(new)
        if was and now and was != now:
            types = (" or ".join(sorted(was)), " or ".join(sorted(now)))
            changed = next(iter([*sorted(now - was), *sorted(now)]))
            gone = next(iter([*sorted(was - now), *sorted(was)]))
            wrong = bool(new.allowed) and not (now <= _whole(new.allowed))
            yield self._drifted(
                displayed(way),
                "changed type",
                f"{types[1]} instead of {types[0]}",
                _sample(_of_type(old, gone)),
                _sample(_of_type(new, changed)),
                count=sum(new.types[name] for name in new.types if name not in old.types)
                or new.types.total(),
                contract="the contract does not allow it" if wrong else "",
                way=way,
            )

    def _more(self, way: Way, aspect: Aspect, old: Seen, new: Seen) -> Iterator[Drifted]:
        for name in new.of(aspect):
            if name not in old.of(aspect) and (aspect == "field" or old.of(aspect)):
                was = ", ".join(sorted(old.words)) if aspect == "word" else ""
                yield self._drifted(
                    _place(way, aspect, name),
                    _NEW[aspect],
                    name,
                    was,
                    _sample(new.samples[aspect, name]),
                    count=new.of(aspect)[name],
                    contract=UNKNOWN if (aspect, name) in new.unknown else _KNOWN,
                    way=_below(way, aspect, name),
                )

    def _less(self, way: Way, aspect: Aspect, old: Seen, new: Seen) -> Iterator[Drifted]:
        for name in old.of(aspect):
            if name not in new.of(aspect) and (aspect == "field" or new.of(aspect)):
                contract = _REQUIRED if name in old.required else _OPTIONAL if aspect == "field" else ""
                yield self._drifted(
                    _place(way, aspect, name),
                    _GONE[aspect],
                    name,
                    _sample(old.samples[aspect, name]),
                    "",
                    count=old.of(aspect)[name],
                    contract=UNKNOWN if (aspect, name) in old.unknown else contract,
                    way=_below(way, aspect, name),
                )

    def _contents(self, old: ExchangeShape, new: ExchangeShape) -> Iterator[Drifted]:
        for way, seen in new.places.items():
            if way in old.places:
                yield from self._values(way, old.places[way], seen)
        for one, other in ((old.places, new.places), (new.places, old.places)):
            for way in one:
                if way not in other and way[-1] in ("[]", "{}") and way[:-1] in other:
                    yield self._drifted(displayed(way), "content", "element", "", "", way=way)
        if old.chunks != new.chunks:
            yield self._drifted("events", "content", "chunk", str(len(old.chunks)), str(len(new.chunks)))
        headers = [
            name
            for name in sorted({*old.headers, *new.headers})
            if name != "content-length" and old.headers.get(name) != new.headers.get(name)
        ]
        if headers:
            told = [f"{name}: {shape.headers.get(name)}" for shape in (old, new) for name in headers[:1]]
            yield self._drifted("headers", "content", "header", *map(_short, told), count=len(headers))

    def _values(self, way: Way, old: Seen, new: Seen) -> Iterator[Drifted]:
        if new.words and new.words.keys() < old.words.keys():
            told = (", ".join(sorted(old.words)), ", ".join(sorted(new.words)))
            count = len(old.words) - len(new.words)
            yield self._drifted(displayed(way), "content", "word", *told, count=count, way=way)
        was, now = (Counter(_text(leaf.value) for leaf in seen.leaves) for seen in (old, new))
        if was != now and was and now and _types(old) == _types(new):
            one, other = was - now, now - was
            yield self._drifted(
                displayed(way),
                "content",
                (new.leaves or old.leaves)[0].sort,
                _short(next(iter(one), "")),
                _short(next(iter(other), "")),
                count=max(one.total(), other.total()),
                way=way,
            )


def _ordered(events: Sequence[str]) -> list[str]:
    """Leave out what may come at any time."""
    return [name for name in events if name not in ("interaction.status_update", "step.delta")]


def _whole(types: frozenset[str]) -> frozenset[str]:
    """Let a number be whole."""
    return types | {"integer"} if "number" in types else types


def _types(seen: Seen) -> frozenset[str]:
    """Give the types at a place; a whole number is a number, unless the contract wants whole ones."""
    strict = "integer" in seen.allowed and "number" not in seen.allowed
    return frozenset(name if strict or name != "integer" else "number" for name in seen.types)


def _of_type(seen: Seen, name: str) -> Any:
    return seen.samples.get(("type", name), seen.samples.get(("type", "integer")))


def _place(way: Way, aspect: Aspect, name: str) -> str:
    return displayed((*way, f".{name}") if aspect == "field" else way)


def _below(way: Way, aspect: Aspect, name: str) -> Way:
    match aspect:
        case "field":
            return (*way, f".{name}")
        case "kind":
            return (*way, f"[{name}]")
    return way


def _text(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True)
    except RecursionError:
        return "nested too deeply to be shown"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _sample(value: Any) -> str:
    return _short(_text(value))


def _body(call: Call) -> bytes:
    return call.exchange.response.body if call.exchange.response is not None else b""
