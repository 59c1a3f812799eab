"""From a schema of the contract to values that it accepts.

    instances("interactions/event")
    instances("interactions/event", drift=("field", "value", "variant"))

By default everything drawn is known to the contract: known kinds, known words, declared fields. `drift` lets
in what is not, in the terms of `contract.validation.Drift`. hypothesis-jsonschema 0.23 is no way to this: it
knows drafts 4 to 7, no schema in another file, no recursion, and fails with hypothesis 6.170.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.contract.store import SchemaStore, contract
from conformance.contract.validation import kinds_of
from conformance.generate import values

__all__ = ["DriftKind", "followed", "instances"]

DriftKind: TypeAlias = Literal["field", "value", "variant"]

_MOST_FIELDS = 6
_MOST_ITEMS = 2


def instances(
    name: str, *, drift: Collection[DriftKind] = (), depth: int = 5, store: SchemaStore | None = None
) -> SearchStrategy[Any]:
    """Draw values that the schema `name` accepts.

    drift: what else may be drawn: unknown fields, unknown words of open lists, unknown kinds of unions.
    depth: how many objects deep optional fields and items are drawn; below, only what is required.
    """
    return _instances(name, frozenset(drift), depth, contract() if store is None else store)


@st.composite
def _instances(draw: DrawFn, name: str, drift: frozenset[DriftKind], depth: int, store: SchemaStore) -> Any:
    return _Drawing(draw, drift, store).value(name, store.schema(name), depth)


def followed(store: SchemaStore, name: str, schema: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Give name and schema that a `$ref` means; what stands beside it in `required` is required there too."""
    target = store.resolve(name, schema["$ref"])
    found = store.schema(target)
    if "required" in schema:
        found = {**found, "required": [*found.get("required", ()), *schema["required"]]}
    return target, found


class _Drawing:
    """Draws one value, from the schema down to its leaves."""

    def __init__(self, draw: DrawFn, drift: frozenset[DriftKind], store: SchemaStore) -> None:
        self._draw = draw
        self._drift = drift
        self._store = store

    def value(self, name: str, schema: Mapping[str, Any], depth: int) -> Any:
        """Draw a value of a schema that stands in the file `name`."""
        match schema:
            case {"$ref": _}:
                return self.value(*followed(self._store, name, schema), depth)
            case {"const": value}:
                return value
            case {"oneOf": _}:
                return self._of_union(name, schema, depth)
            case {"anyOf": [*branches]}:
                return self.value(name, self._draw(st.sampled_from(branches)), depth)
            case {"if": {"required": [*members]}}:
                return self._of_case(name, schema, members, depth)
            case {"x-open-enum": [*words]}:
                return self._word(words)
            case {"type": [*types]}:
                return self.value(name, {**schema, "type": self._draw(st.sampled_from(types))}, depth)
            case {"type": "object"}:
                return self._object(name, schema, depth)
            case {"type": "array"}:
                return self._array(name, schema, depth)
        return self._draw(_leaves(schema))

    def _of_union(self, name: str, schema: Mapping[str, Any], depth: int) -> Any:
        kinds = kinds_of(self._store, name, schema)
        if "variant" in self._drift and self._open_ended(name, schema) and self._draw(_SELDOM):
            fresh = values.NAMES.filter(lambda kind: kind not in kinds)
            return {**self._draw(values.OBJECTS), schema["discriminator"]["propertyName"]: self._draw(fresh)}
        numbers = list(dict.fromkeys(kinds.values()))
        return self.value(name, schema["oneOf"][self._draw(st.sampled_from(numbers))], depth)

    def _open_ended(self, name: str, schema: Mapping[str, Any]) -> bool:
        """Whether a union accepts kinds that it does not name."""
        return len(set(kinds_of(self._store, name, schema).values())) < len(schema["oneOf"])

    def _of_case(self, name: str, schema: Mapping[str, Any], members: list[str], depth: int) -> Any:
        """Draw an object that has the members which the `if` asks for, or one that lacks one of them."""
        if self._draw(values.FLAGS):
            chosen = schema.get("else", {"type": "object"})
            found = self.value(name, chosen, depth)
            return {key: value for key, value in found.items() if key != members[0]}
        found = self.value(name, schema.get("then", {"type": "object"}), depth)
        missing = [member for member in members if member not in found]
        return {**found, **{member: self._draw(values.ANYTHING) for member in missing}}

    def _word(self, words: list[str]) -> str:
        if "value" in self._drift and self._draw(_SELDOM):
            return self._draw(values.NAMES.filter(lambda word: word not in words))
        return self._draw(st.sampled_from(words))

    def _object(self, name: str, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        declared = schema.get("properties", {})
        required = schema.get("required", ())
        optional = [key for key in declared if key not in required]
        chosen = [*required]
        if optional and depth > 0:
            chosen += self._draw(st.lists(st.sampled_from(optional), unique=True, max_size=_MOST_FIELDS))
        found = {key: self.value(name, declared.get(key, {}), depth - 1) for key in chosen}
        return {**self._others(name, schema, depth), **found}

    def _others(self, name: str, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """Draw the members that no property declares."""
        declared = schema.get("properties", {})
        fresh = values.NAMES.filter(lambda key: key not in declared)
        match schema.get("additionalProperties"):
            case dict(others):
                keys = self._draw(st.lists(fresh, unique=True, max_size=_MOST_ITEMS)) if depth > 0 else []
                return {key: self.value(name, others, depth - 1) for key in keys}
            case None if declared and not ("field" in self._drift and self._draw(_SELDOM)):
                return {}
        return self._draw(st.dictionaries(fresh, values.ANYTHING, max_size=_MOST_ITEMS))

    def _array(self, name: str, schema: Mapping[str, Any], depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        length = self._draw(st.integers(least, least + _MOST_ITEMS)) if depth > 0 else least
        return [self.value(name, schema.get("items", {}), depth - 1) for _ in range(length)]


_SELDOM = st.sampled_from([False, False, True])


def _leaves(schema: Mapping[str, Any]) -> SearchStrategy[Any]:
    """Give the strategy of a schema that has no parts."""
    low, high = schema.get("minimum"), schema.get("maximum")
    match schema:
        case {"type": "string", "format": "date-time"}:
            return values.TIMES
        case {"type": "string", "format": "uri"}:
            return values.URIS
        case {"type": "string", "contentEncoding": "base64"}:
            return values.BASE64
        case {"type": "string", "minLength": int(least)}:
            return values.TEXTS.filter(lambda text: len(text) >= least)
        case {"type": "string"}:
            return values.TEXTS
        case {"type": "integer"}:
            return values.integers(low, high)
        case {"type": "number"}:
            return values.numbers(low, high)
        case {"type": "boolean"}:
            return values.FLAGS
        case {"type": "null"}:
            return st.none()
    return values.ANYTHING
