"""How much of the contract a run has exercised: kinds, words and fields, of how many.

    coverage = Coverage.of(found.branches)        what one validation or a whole run collected
    coverage = coverage.merged(other)
    coverage.text()                               "delta: 9 of 28 kinds; never image, audio, …"
    Coverage.from_json(coverage.to_json())

A validation records which branches its values took; here is how many there are. A point is one thing that
can be seen: a kind of a union, a JSON type of an `anyOf`, a case of an `if`, a word of an open list, an
optional field present, an optional field absent. What the contract does not know is drift and no point.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeAlias, get_args

from conformance.contract.store import SchemaStore, contract
from conformance.contract.validation import Branch, kinds_of, place_of, types_of

__all__ = ["ROOTS", "Coverage", "Sort", "points"]

ROOTS = tuple(
    f"interactions/{name}"
    for name in ("create_request", "interaction", "event", "error_envelope", "status_envelope")
)
"""The schemas of all bodies and events."""

Sort: TypeAlias = Literal["kinds", "types", "cases", "values", "present", "absent"]
_SORTS: tuple[Sort, ...] = get_args(Sort)
_STRUCTURE = frozenset({"properties", "items", "anyOf", "oneOf", "$defs", "additionalProperties"})

_Part: TypeAlias = tuple[str, Mapping[str, Any]]


@cache
def points(
    roots: tuple[str, ...] = ROOTS, store: SchemaStore | None = None
) -> Mapping[str, Mapping[Sort, tuple[str, ...]]]:
    """Give everything that can be seen in the schemas which the roots reach: place, sort, names."""
    known = contract() if store is None else store
    found: dict[str, Mapping[Sort, tuple[str, ...]]] = {}
    waiting = [(root, known.schema(root)) for root in reversed(roots)]
    met = set(roots)
    while waiting:
        name, schema = waiting.pop()
        if told := {sort: names for sort, names in _points_of(known, name, schema) if names}:
            found[name] = told
        fresh = [part for part in _parts_of(known, name, schema) if part[0] not in met]
        met.update(place for place, _ in fresh)
        waiting.extend(reversed(fresh))
    return found


def _points_of(
    store: SchemaStore, name: str, schema: Mapping[str, Any]
) -> Iterator[tuple[Sort, tuple[str, ...]]]:
    if "oneOf" in schema:
        yield "kinds", tuple(kinds_of(store, name, schema))
    if "anyOf" in schema:
        yield "types", tuple(kind for branch in schema["anyOf"] for kind in types_of(store, name, branch))
    if "if" in schema:
        yield "cases", ("then", "else")
    if "x-open-enum" in schema:
        yield "values", tuple(schema["x-open-enum"])
    if "properties" in schema:
        optional = tuple(key for key in schema["properties"] if key not in schema.get("required", ()))
        yield "present", optional
        yield "absent", optional


def _parts_of(store: SchemaStore, name: str, schema: Mapping[str, Any]) -> Iterator[_Part]:
    """Give the schemas that a schema is made of, without the branch for kinds that are not known yet."""
    if "$ref" in schema:
        target = store.resolve(name, schema["$ref"])
        yield target, store.schema(target)
    if "oneOf" in schema:
        for number in dict.fromkeys(kinds_of(store, name, schema).values()):
            yield place_of(name, f"/oneOf/{number}"), schema["oneOf"][number]
    for number, branch in enumerate(schema.get("anyOf", ())):
        yield place_of(name, f"/anyOf/{number}"), branch
    for key, member in schema.get("properties", {}).items():
        yield place_of(name, f"/properties/{key}"), member
    for keyword in ("items", "additionalProperties", "then", "else"):
        if isinstance(schema.get(keyword), dict):
            yield place_of(name, f"/{keyword}"), schema[keyword]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which points have been seen, of those in the schemas which the roots reach.

    seen: place, sort, names, as `points` gives them; only what was seen.
    """

    roots: tuple[str, ...] = ROOTS
    seen: Mapping[str, Mapping[Sort, frozenset[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, branches: Iterable[Branch], roots: tuple[str, ...] = ROOTS) -> "Coverage":
        """Count what validations recorded. Places that the roots do not reach are passed over."""
        seen: dict[str, dict[Sort, set[str]]] = {}
        for place, taken in branches:
            for sort, names in points(roots).get(place, {}).items():
                seen.setdefault(place, {}).setdefault(sort, set()).update(_hits(sort, names, taken))
        return cls(roots, _frozen(seen))

    def merged(self, other: "Coverage") -> "Coverage":
        """Give what either has seen, of the points of this one."""
        seen: dict[str, dict[Sort, set[str]]] = {}
        for coverage in (self, other):
            for place, sorts in coverage.seen.items():
                for sort, names in sorts.items():
                    known = points(self.roots).get(place, {}).get(sort, ())
                    seen.setdefault(place, {}).setdefault(sort, set()).update(names & set(known))
        return Coverage(self.roots, _frozen(seen))

    def beyond(self, other: "Coverage") -> "Coverage":
        """Give what this one has seen and the other has not."""
        seen = {
            place: {
                sort: set(names - other.seen.get(place, {}).get(sort, set())) for sort, names in sorts.items()
            }
            for place, sorts in self.seen.items()
        }
        return Coverage(self.roots, _frozen(seen))

    @property
    def count(self) -> int:
        """How many points have been seen."""
        return sum(len(names) for sorts in self.seen.values() for names in sorts.values())

    @property
    def total(self) -> int:
        """How many points there are."""
        return sum(len(names) for sorts in points(self.roots).values() for names in sorts.values())

    def never(self, place: str, sort: Sort) -> tuple[str, ...]:
        """Give the names of one place and sort that have not been seen, in the order of the schema."""
        seen = self.seen.get(place, {}).get(sort, frozenset())
        return tuple(name for name in points(self.roots).get(place, {}).get(sort, ()) if name not in seen)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON, for the record of a run."""
        seen = {
            place: {sort: sorted(names) for sort, names in sorted(sorts.items())}
            for place, sorts in sorted(self.seen.items())
        }
        return {"roots": list(self.roots), "seen": seen}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Coverage":
        """Read what `to_json` gave. What the contract does not have any more is passed over."""
        seen = {
            place: {sort: frozenset(sorts[sort]) for sort in _SORTS if sort in sorts}
            for place, sorts in told["seen"].items()
        }
        return cls(tuple(told["roots"])).merged(cls(tuple(told["roots"]), seen))

    def text(self, shown: int = 6) -> str:
        """Write it for people: the sum, a line a schema that was reached, and the schemas that were not.

        shown: how many names of what was never seen stand in a line before the rest is counted.
        """
        files: dict[str, list[str]] = {}
        for place in points(self.roots):
            files.setdefault(place.partition("#")[0], []).append(place)
        lines = [f"{self.count} of {self.total} points of {len(files)} schemas"]
        unreached = []
        for file, places in files.items():
            if any(place in self.seen for place in places):
                lines.extend(f"{_label(place)}: {self._line(place, shown)}" for place in places)
            else:
                unreached.append(_label(file))
        if unreached:
            lines.append(f"never reached: {len(unreached)} schemas: {_some(unreached, shown)}")
        return "\n".join(lines)

    def _line(self, place: str, shown: int) -> str:
        told = []
        for sort, names in points(self.roots)[place].items():
            missing = self.never(place, sort)
            if sort == "absent":
                told.extend([f"never absent: {_some(missing, shown)}"] if missing else [])
                continue
            noun = "optional fields" if sort == "present" else sort
            rest = f", never {_some(missing, shown)}" if missing else ""
            told.append(f"{len(names) - len(missing)} of {len(names)} {noun}{rest}")
        return "; ".join(told)


def _hits(sort: Sort, names: tuple[str, ...], taken: str | tuple[str, ...]) -> Iterable[str]:
    if isinstance(taken, str):
        return (name for name in names if name == taken)
    if sort == "present":
        return set(names).intersection(taken)
    return set(names).difference(taken) if sort == "absent" else ()


def _frozen(seen: Mapping[str, Mapping[Sort, set[str]]]) -> dict[str, dict[Sort, frozenset[str]]]:
    found = {
        place: {sort: frozenset(names) for sort, names in sorts.items() if names}
        for place, sorts in seen.items()
    }
    return {place: sorts for place, sorts in found.items() if sorts}


def _label(place: str) -> str:
    """Write a place for people: `content_audio.processing`."""
    file, _, inner = place.partition("#")
    parts = [part for part in inner.split("/") if part and part not in _STRUCTURE and not part.isdigit()]
    return ".".join((file.rpartition("/")[2], *parts))


def _some(names: Sequence[str], shown: int) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
