"""From a schema of the contract to values that it accepts.

    instances("interactions/event")
    instances("interactions/event", drift=("field", "value", "variant"))

By default everything drawn is known to the contract: known kinds, known words, declared fields. `drift` lets
in what is not, in the terms of `contract.validation.Drift`. hypothesis-jsonschema 0.23 is no way to this: it
knows drafts 4 to 7, no schema in another file, no recursion, and fails with hypothesis 6.170.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.contract.store import SchemaStore, contract
from conformance.generate import values
from conformance.generate.choices import Choices, chosen
from conformance.generate.goals import MANY, Goal

__all__ = ["Drawing", "DriftKind", "Special", "followed", "instances"]

DriftKind: TypeAlias = Literal["field", "value", "variant"]

_MOST_FIELDS = 6
_MOST_ITEMS = 2
_SHALLOW = 2


def instances(
    name: str, *, drift: Collection[DriftKind] = (), depth: int = 5, store: SchemaStore | None = None
) -> SearchStrategy[Any]:
    """Draw values that the schema `name` accepts.

    drift: what else may be drawn: unknown fields, unknown words of open lists, unknown kinds of unions.
    depth: how many objects deep optional fields and items are drawn; below, only what is required.
    """
    known = contract() if store is None else store
    kinds = frozenset(drift)

    def instance(choices: Choices) -> Any:
        return Drawing(choices, known, drift=kinds).value(name, known.schema(name), depth)

    return chosen(instance, f"instances({name!r})")


def followed(store: SchemaStore, name: str, schema: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Give name and schema that a `$ref` means; what stands beside it in `required` is required there too."""
    target = store.resolve(name, schema["$ref"])
    found = store.schema(target)
    if "required" in schema:
        found = {**found, "required": [*found.get("required", ()), *schema["required"]]}
    return target, found


class Drawing:
    """Draws values, from the schema down to its leaves.

    special: what is drawn in another way than its schema says, or corrected after it: by the name of a schema
    (`interactions/content_image`), of a member of it (`interactions/tool_function/name`), or of a member
    wherever it stands (`*/url`).
    toward: what is taken where there is a choice; see `goals`.
    most: how many optional members an object has.
    """

    def __init__(
        self,
        choices: Choices,
        store: SchemaStore,
        *,
        drift: frozenset[DriftKind] = frozenset(),
        special: "Mapping[str, Special]" = MappingProxyType({}),
        toward: Goal = MappingProxyType({}),
        most: int = _MOST_FIELDS,
    ) -> None:
        self.choices = choices
        self._draw = choices.draw
        self._drift = drift
        self._store = store
        self._special = special
        self._toward = toward
        self._most = most

    def named(self, name: str, depth: int) -> Any:
        """Draw a value of a schema by its name, in the special way if there is one."""
        if name in self._special:
            return self._special[name](self, depth)
        return self.plain(name, depth)

    def plain(self, name: str, depth: int) -> Any:
        """Draw a value of a schema by its name, as its schema says."""
        return self.value(name, self._store.schema(name), depth)

    def value(self, name: str, schema: Mapping[str, Any], depth: int) -> Any:
        """Draw a value of a schema that stands in the file `name`."""
        match schema:
            case {"$ref": str(reference)} if "required" not in schema:
                return self.named(self._store.resolve(name, reference), depth)
            case {"$ref": _}:
                return self.value(*followed(self._store, name, schema), depth)
            case {"const": value}:
                return value
            case {"oneOf": _}:
                return self._of_union(name, schema, depth)
            case {"anyOf": [*branches]}:
                taken = self._toward.get(id(schema))
                return self.value(
                    name, branches[taken] if isinstance(taken, int) else self.choices.of(branches), depth
                )
            case {"if": {"required": [*members]}}:
                return self._of_case(name, schema, members, depth)
            case {"x-open-enum": [*words]}:
                taken = self._toward.get(id(schema))
                return taken if isinstance(taken, str) else self._word(words)
            case {"type": [*types]}:
                return self.value(name, {**schema, "type": self.choices.of(types)}, depth)
            case {"type": "object"}:
                return self._object(name, schema, depth)
            case {"type": "array"}:
                return self._array(name, schema, depth)
            case {"type": "string"} if _PLAIN_TEXT.isdisjoint(schema):
                return self.choices.text(values.KNOWN_TEXTS, values.ANY_TEXTS)
        return self._draw(_leaves(schema)) if "type" in schema else self.anything(depth)

    def anything(self, depth: int) -> Any:
        """Draw any JSON value."""
        place = self.choices.below(len(_SCALARS) + 4)
        if place < len(_SCALARS):
            return _SCALARS[place]
        match place - len(_SCALARS):
            case 0:
                return self.choices.text(values.KNOWN_TEXTS, values.ANY_TEXTS)
            case 1:
                return self._draw(values.integers())
            case 2 if depth > 0:
                return [self.anything(depth - 1) for _ in range(self.choices.below(_MOST_ITEMS + 1))]
            case _ if depth > 0:
                return self._anything_by_name((), depth)
        return {}

    def _anything_by_name(self, taken: Collection[str], depth: int) -> dict[str, Any]:
        names = self.choices.some(_KEYS, _MOST_ITEMS)
        return {key: self.anything(depth - 1) for key in names if key not in taken}

    def _of_union(self, name: str, schema: Mapping[str, Any], depth: int) -> Any:
        kinds = self._store.kinds(name, schema)
        if "variant" in self._drift and self._open_ended(name, schema) and self.choices.one_in(3):
            fresh = values.NAMES.filter(lambda kind: kind not in kinds)
            return {**self._draw(values.OBJECTS), schema["discriminator"]["propertyName"]: self._draw(fresh)}
        taken = self._toward.get(id(schema))
        number = taken if isinstance(taken, int) else self.choices.of(list(dict.fromkeys(kinds.values())))
        return self.value(name, schema["oneOf"][number], depth)

    def _open_ended(self, name: str, schema: Mapping[str, Any]) -> bool:
        """Whether a union accepts kinds that it does not name."""
        return len(set(self._store.kinds(name, schema).values())) < len(schema["oneOf"])

    def _of_case(self, name: str, schema: Mapping[str, Any], members: list[str], depth: int) -> Any:
        """Draw an object that has the members which the `if` asks for, or one that lacks one of them."""
        if self.choices.one_in(2):
            chosen = schema.get("else", {"type": "object"})
            found = self.value(name, chosen, depth)
            return {key: value for key, value in found.items() if key != members[0]}
        found = self.value(name, schema.get("then", {"type": "object"}), depth)
        missing = [member for member in members if member not in found]
        return {**found, **{member: self._draw(values.ANYTHING) for member in missing}}

    def _word(self, words: list[str]) -> str:
        if "value" in self._drift and self.choices.one_in(3):
            return self._draw(values.NAMES.filter(lambda word: word not in words))
        return self.choices.of(words)

    def _object(self, name: str, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        declared = schema.get("properties", {})
        required = schema.get("required", ())
        optional = [key for key in declared if key not in required]
        chosen = [*required]
        if optional and depth > 0:
            taken = self._toward.get(id(schema))
            chosen += self.choices.some(optional, self._most if taken != MANY else len(optional))
            if isinstance(taken, str) and taken != MANY and taken not in chosen:
                chosen.append(taken)
        found = {key: self.member(name, key, declared.get(key, {}), depth - 1) for key in chosen}
        return {**self._others(name, schema, depth), **found}

    def member(self, name: str, key: str, schema: Mapping[str, Any], depth: int) -> Any:
        """Draw the value of a member of an object."""
        if self._special:
            made = self._special.get(f"{name}/{key}") or self._special.get(f"*/{key}")
            if made is not None:
                return made(self, depth)
        return self.value(name, schema, depth)

    def _others(self, name: str, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """Draw the members that no property declares."""
        declared = schema.get("properties", {})
        match schema.get("additionalProperties"):
            case dict(others):
                keys = self.choices.some(_KEYS, _MOST_ITEMS) if depth > 0 else ()
                return {key: self.value(name, others, depth - 1) for key in keys if key not in declared}
            case None if declared and not ("field" in self._drift and self.choices.one_in(3)):
                return {}
        return self._anything_by_name(declared, min(depth, _SHALLOW))

    def _array(self, name: str, schema: Mapping[str, Any], depth: int) -> list[Any]:
        least = max(schema.get("minItems", 0), int(id(schema) in self._toward))
        length = least + self.choices.below(_MOST_ITEMS + 1) if depth > 0 else least
        return [self.value(name, schema.get("items", {}), depth - 1) for _ in range(length)]


Special: TypeAlias = Callable[[Drawing, int], Any]
"""Draws a value, to the depth that is given."""

_KEYS = ("city", "größe", "a b", "x-y", "名前")
_SCALARS = (None, False, True, 0, 1, -7, 0.5, 1e300, 2**53 - 1, "", "noon")
_PLAIN_TEXT = frozenset({"format", "contentEncoding", "minLength"})


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
