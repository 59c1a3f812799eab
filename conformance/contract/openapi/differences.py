"""What only one of two contracts says.

    for difference in differences(our_contract(), read_openapi(path)):
        difference.where, difference.kind, difference.only

Both are walked together from the operations down: members pair by name, kinds of object by the value of their
discriminator. Each pair of places is compared once, so cycles end; a place is named after our file (or the
component of the first contract), so that one difference in a shared schema is one, wherever that is used.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from conformance.contract.openapi.document import Document, Values
from conformance.contract.openapi.export import openapi_document
from conformance.contract.openapi.normal_form import Contract, Kind, Shape
from conformance.errors import OpenapiUnusable, UsageRefused

__all__ = ["Difference", "DifferenceKind", "differences", "our_contract"]

DifferenceKind: TypeAlias = Literal["operation", "field", "member", "value", "type", "required", "deprecated"]

_DEEPEST = 500  # places below one another that are compared
_MOST = 100_000  # pairs of places that are compared
_SAYS = {
    "operation": "offers it",
    "field": "declares the field",
    "member": "knows this kind",
    "type": "allows this type",
    "value": "lists the value",
    "required": "requires it",
    "deprecated": "deprecates it",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that only one of two contracts says.

    where: `interaction.object`, `step[retrieval_call]`, `video_config.task=upscale`, `error.code:integer`.
    only: the label of the contract that says it; ours is `ours`.
    path: a way from an operation to it, such as `create.reply`, `.steps`, `[]`, `[model_output]`.
    schema: the component of the first contract that governs the place; empty when there is none.
    """

    where: str
    kind: DifferenceKind
    only: str
    path: tuple[str, ...]
    schema: str
    name: str

    @property
    def message(self) -> str:
        """The difference as a sentence."""
        what = "lists values" if self.name == "*" else _SAYS[self.kind]
        return f"{self.where}: only {self.only} {what}"


@cache
def our_contract() -> Contract:
    """Our schemas of the Interactions API, in normal form."""
    return Contract(Document("ours", openapi_document()))


def differences(first: Contract, second: Contract) -> list[Difference]:
    """Give everything that only one of two contracts says, sorted by place.

    Their labels must differ, since a difference tells by the label whose it is.

    Raises:
        OpenapiUnusable: two documents hold more, or nest it deeper, than a description of an API does.
        UsageRefused: both have the same label.
    """
    if first is not second and first.label == second.label:
        raise UsageRefused(f"both are called {first.label!r}", "Rename one of the files.")
    found: dict[tuple[str, str, str], Difference] = {}
    for difference in _Walk(first, second).differences():
        found.setdefault((difference.where, difference.kind, difference.only), difference)
    return sorted(found.values(), key=lambda one: (one.where, one.kind, one.only))


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two places that correspond. `way` is linked to the root, so that a deep one costs no more."""

    first: Values
    second: Values
    where: str
    schema: str
    way: "_Way"


@dataclass(frozen=True, slots=True)
class _Way:
    parent: "_Way | None"
    segment: str
    depth: int

    def to(self, segment: str) -> "_Way":
        return _Way(self, segment, self.depth + 1)

    def segments(self) -> tuple[str, ...]:
        way: _Way | None = self
        found: list[str] = []
        while way is not None:
            found.append(way.segment)
            way = way.parent
        return tuple(reversed(found))


class _Walk:
    """One comparison: the pairs that wait and those that were seen."""

    def __init__(self, first: Contract, second: Contract) -> None:
        self._first = first
        self._second = second
        self._waiting: deque[_Pair] = deque()
        self._seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()

    def differences(self) -> Iterator[Difference]:
        """Walk both contracts, the nearest places first."""
        one, other = self._first.roots, self._second.roots
        for root in dict.fromkeys([*one, *other]):
            way = _Way(None, root, 0)
            if root in one and root in other:
                self._waiting.append(_Pair(one[root], other[root], root, "", way))
            else:
                yield self._only("operation", root in one, root, _Pair((), (), root, "", way), root)
        while self._waiting:
            pair = self._waiting.popleft()
            key = (tuple(one.pointer for one in pair.first), tuple(one.pointer for one in pair.second))
            if key not in self._seen:
                self._seen.add(key)
                if len(self._seen) > _MOST or pair.way.depth > _DEEPEST:
                    raise OpenapiUnusable(
                        self._second.label, "", "too large, or nested too deeply, to be compared"
                    )
                yield from self._compare(pair)

    def _only(
        self, kind: DifferenceKind, first: bool, name: str, pair: _Pair, where: str, *way: str
    ) -> Difference:
        only = self._first if first else self._second
        return Difference(where, kind, only.label, (*pair.way.segments(), *way), pair.schema, name)

    def _compare(self, pair: _Pair) -> Iterator[Difference]:
        one, other = self._first.shape(pair.first), self._second.shape(pair.second)
        free = "anything"
        for name in sorted((one.types or {free}) ^ (other.types or {free})):
            if name == free or (one.types and other.types):
                first = not one.types if name == free else name in one.types
                yield self._only("type", first, name, pair, f"{pair.where}:{name}")
        if "string" in one.types & other.types:
            yield from self._compare_words(pair, one.words, other.words)
        if "array" in one.types & other.types:
            self._push(pair, one.items, other.items, "[]")
        yield from self._compare_kinds(pair, one, other)

    def _compare_words(
        self, pair: _Pair, one: frozenset[str] | None, other: frozenset[str] | None
    ) -> Iterator[Difference]:
        if one is None or other is None:
            if one != other:
                yield self._only("value", one is not None, "*", pair, f"{pair.where}=*")
            return
        for word in sorted(one ^ other):
            yield self._only("value", word in one, word, pair, f"{pair.where}={word}")

    def _compare_kinds(self, pair: _Pair, one: Shape, other: Shape) -> Iterator[Difference]:
        pairs, only_one, only_other = _paired(one.kinds, other.kinds)
        union = one.union or pair.where
        for first, kinds in ((True, only_one), (False, only_other)):
            if one.kinds and other.kinds:  # else the types tell already
                for kind in kinds:
                    where = f"{union}[{kind.label}]"
                    yield self._only("member", first, kind.label, pair, where, f"[{kind.label}]")
        for mine, theirs in pairs:
            way = pair.way.to(f"[{mine.label}]") if len(one.kinds) + len(other.kinds) > 2 else pair.way
            schema = mine.name or pair.schema
            below = _Pair(pair.first, pair.second, mine.name or pair.where, schema, way)
            yield from self._compare_members(below, mine, theirs)

    def _compare_members(self, pair: _Pair, one: Kind, other: Kind) -> Iterator[Difference]:
        for name in dict.fromkeys([*one.members, *other.members]):
            where, segment = f"{pair.where}.{name}", f".{name}"
            mine, theirs = one.members.get(name), other.members.get(name)
            if mine is None or theirs is None:
                yield self._only("field", theirs is None, name, pair, where, segment)
                continue
            if (name in one.required) is not (name in other.required):
                yield self._only("required", name in one.required, name, pair, where, segment)
            if mine.deprecated is not theirs.deprecated:
                yield self._only("deprecated", mine.deprecated, name, pair, where, segment)
            self._push(pair, mine.values, theirs.values, segment)
        if one.rest or other.rest:
            self._push(pair, one.rest, other.rest, "{}")

    def _push(self, pair: _Pair, first: Values, second: Values, segment: str) -> None:
        below = _Pair(first, second, pair.where + segment, pair.schema, pair.way.to(segment))
        self._waiting.append(below)


def _paired(
    one: Sequence[Kind], other: Sequence[Kind]
) -> tuple[list[tuple[Kind, Kind]], list[Kind], list[Kind]]:
    """Pair kinds of object: by tag, then by the most members in common; give what stays alone too."""
    if len(one) == len(other) == 1 and not (one[0].tag and other[0].tag):
        return [(one[0], other[0])], [], []
    tags = {kind.tag: kind for kind in other if kind.tag}
    pairs = [(kind, tags[kind.tag]) for kind in one if kind.tag in tags]
    common = {kind.tag for kind, _ in pairs}
    alone = [kind for kind in one if kind.tag not in common]
    theirs = [kind for kind in other if kind.tag not in common]
    for kind in [kind for kind in alone if not kind.tag]:
        untagged = [candidate for candidate in theirs if not candidate.tag]
        if untagged:
            best = max(untagged, key=lambda candidate: len(candidate.members.keys() & kind.members.keys()))
            theirs.remove(best)
            alone.remove(kind)
            pairs.append((kind, best))
    return pairs, alone, theirs
