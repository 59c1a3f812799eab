"""Values that are wrong in one place: a right value with one step aside, and where it was taken.

    wrong_instances("interactions/event")
    wrong.value, wrong.pointer, wrong.what    {"event_type": "step.stop"}, "", "the member 'index' is missing"

Only what breaks the schema is drawn: an unknown word, kind or field is drift and not wrong.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.contract.store import SchemaStore, contract
from conformance.contract.validation import Path, pointer, types_of
from conformance.generate.schemas import followed, instances
from conformance.generate.values import of_another_type

__all__ = ["Wrong", "wrong_instances"]

_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong value.

    pointer: where it is wrong; the object, when a member is missing.
    what: what was done to a right value.
    """

    value: Any
    pointer: str
    what: str


@dataclass(frozen=True, slots=True)
class _Fault:
    """One way to make a value wrong: what to put in the place of what is at `path`.

    retypes: it gives the place another JSON type.
    """

    path: Path
    what: str
    instead: SearchStrategy[Any]
    retypes: bool = False


def wrong_instances(name: str, *, depth: int = 4, store: SchemaStore | None = None) -> SearchStrategy[Wrong]:
    """Draw values that the schema `name` refuses for one reason."""
    return _wrong_instances(name, depth, contract() if store is None else store)


@st.composite
def _wrong_instances(draw: DrawFn, name: str, depth: int, store: SchemaStore) -> Wrong:
    value = draw(instances(name, depth=depth, store=store))
    faults = list(_Faults(store).of(name, store.schema(name), value, None, frozenset()))
    fault = draw(st.sampled_from(faults))
    return Wrong(_replaced(value, fault.path, draw(fault.instead)), pointer(fault.path), fault.what)


def _replaced(value: Any, path: Path, instead: Any) -> Any:
    """Give a copy of the value with another value at the path."""
    keys: list[str | int] = []
    while path is not None:
        path, key = path
        keys.append(key)
    return _put(value, keys[::-1], instead)


def _put(value: Any, keys: list[str | int], instead: Any) -> Any:
    match keys:
        case [key, *rest]:
            copy = value.copy()
            copy[key] = _put(value[key], rest, instead)
            return copy
    return instead


class _Faults:
    """Finds every way to make a right value wrong.

    `decisive` are the members of a value that tell which schema applies to it: without them, or with another
    word in them, it is another value, not a wrong one.
    """

    def __init__(self, store: SchemaStore) -> None:
        self._store = store

    def of(
        self, name: str, schema: Mapping[str, Any], value: Any, path: Path, decisive: frozenset[str]
    ) -> Iterator[_Fault]:
        """Walk a value along its schema."""
        match schema:
            case {"$ref": _}:
                yield from self.of(*followed(self._store, name, schema), value, path, decisive)
            case {"oneOf": _}:
                yield from self._of_union(name, schema, value, path, decisive)
            case {"anyOf": [*branches]}:
                yield from self._of_types(name, branches, value, path)
            case {"if": {"required": [*members]}}:
                case = "then" if set(members) <= value.keys() else "else"
                yield from self.of(name, schema.get(case, {}), value, path, decisive.union(members))
            case {"const": const}:
                yield _Fault(path, f"another value than {const!r}", st.sampled_from(["another", None, 1]))
            case _:
                yield from self._of_shape(name, schema, value, path, decisive)

    def _of_union(
        self, name: str, schema: Mapping[str, Any], value: Any, path: Path, decisive: frozenset[str]
    ) -> Iterator[_Fault]:
        member = schema["discriminator"]["propertyName"]
        yield _type_fault(path, ("object",))
        yield _type_fault((path, member), ("string",))
        if member not in decisive:
            yield _without(path, value, member)
        number = self._store.kinds(name, schema).get(value[member])
        if number is not None:
            yield from self.of(name, schema["oneOf"][number], value, path, decisive | {member})

    def _of_types(
        self, name: str, branches: Iterable[Mapping[str, Any]], value: Any, path: Path
    ) -> Iterator[_Fault]:
        """Walk an `anyOf`: the JSON type tells the branch, so another type may be right as well."""
        accepted = {told: branch for branch in branches for told in types_of(self._store, name, branch)}
        yield _type_fault(path, tuple(accepted))
        chosen = accepted[_TYPES[type(value)]]
        for fault in self.of(name, chosen, value, path, frozenset()):
            if fault.path != path or not fault.retypes:
                yield fault

    def _of_shape(
        self, name: str, schema: Mapping[str, Any], value: Any, path: Path, decisive: frozenset[str]
    ) -> Iterator[_Fault]:
        match schema.get("type"):
            case [*types]:
                yield _type_fault(path, tuple(types))
            case str(one):
                yield _type_fault(path, (one,))
        match value:
            case dict():
                yield from self._of_object(name, schema, value, path, decisive)
            case list():
                if schema.get("minItems", 0) > 0:
                    yield _Fault(path, "too few items", st.just([]))
                for number, item in enumerate(value):
                    yield from self.of(name, schema.get("items", {}), item, (path, number), frozenset())
        if "minimum" in schema:
            yield _Fault(path, f"less than {schema['minimum']}", st.just(schema["minimum"] - 1))
        if "maximum" in schema:
            yield _Fault(path, f"more than {schema['maximum']}", st.just(schema["maximum"] + 1))
        if schema.get("minLength", 0) > 0:
            yield _Fault(path, "too short", st.just(""))

    def _of_object(
        self,
        name: str,
        schema: Mapping[str, Any],
        value: dict[str, Any],
        path: Path,
        decisive: frozenset[str],
    ) -> Iterator[_Fault]:
        for member in schema.get("required", ()):
            if member not in decisive:
                yield _without(path, value, member)
        declared, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, item in value.items():
            described = declared.get(key, others)
            if isinstance(described, dict) and key not in decisive:
                yield from self.of(name, described, item, (path, key), frozenset())


def _without(path: Path, value: dict[str, Any], member: str) -> _Fault:
    rest = {key: item for key, item in value.items() if key != member}
    return _Fault(path, f"the member {member!r} is missing", st.just(rest))


def _type_fault(path: Path, types: tuple[str, ...]) -> _Fault:
    return _Fault(path, f"not of type {' or '.join(types)}", of_another_type(types), retypes=True)
