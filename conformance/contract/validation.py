"""From a JSON Schema to a function that validates fast and says something useful.

    check = compile_schema(store, "interactions/event")
    found = Validation()
    check(value, None, found)
    found.problems, found.drift

Why not a stock validator: a union of thirty kinds costs it hundreds of microseconds an event, and it answers
"is not valid under any of the given schemas". Here a union is dispatched on its discriminator, and one
traversal gives four things: problems (the value breaks the schema), drift (a field, value or kind that the
contract does not know), which schemas were visited, and which of their branches were taken; `coverage` knows
how many there are. Problems are exactly what a stock 2020-12 validator finds; the tests compare both.
`schemas/README.md` lists the keywords; any other is refused.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from conformance.errors import SchemaBroken

__all__ = [
    "Branch",
    "Check",
    "Drift",
    "Path",
    "Problem",
    "Schemas",
    "Validation",
    "compile_schema",
    "kinds_of",
    "nearest",
    "place_of",
    "pointer",
    "types_of",
    "value_at",
]

Path: TypeAlias = "tuple[Path | None, str | int] | None"
Check: TypeAlias = "Callable[[Any, Path, Validation], None]"
Branch: TypeAlias = tuple[str, str | tuple[str, ...]]
"""A branch that a value took: the place of the schema, and the discriminator (`oneOf`), the JSON type
(`anyOf`), "then" or "else" (`if`), the word (`x-open-enum`), or all members of the value (`properties`)."""

ANNOTATIONS = frozenset(
    """$schema $id $defs title description deprecated readOnly writeOnly default examples format
    contentEncoding x-source x-profile""".split()
)
_TYPES: dict[type, frozenset[str]] = {
    dict: frozenset({"object"}),
    list: frozenset({"array"}),
    str: frozenset({"string"}),
    bool: frozenset({"boolean"}),
    int: frozenset({"integer", "number"}),
    float: frozenset({"number"}),
    type(None): frozenset({"null"}),
}
_ARTICLES = {"object": "an object", "array": "an array", "integer": "an integer", "null": "null"}


@dataclass(frozen=True, slots=True)
class Problem:
    """A place where a value breaks its schema. `schema` is the innermost file that says so."""

    pointer: str
    message: str
    schema: str


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that the contract does not know: a field, an enum value, or a kind of step, delta, event.

    schema, pointer and name together tell what is new; `pointer` holds the place in this one value.
    """

    pointer: str
    kind: Literal["field", "value", "variant"]
    name: str
    message: str
    schema: str


@dataclass(slots=True)
class Validation:
    """What one traversal of a value found."""

    problems: list[Problem] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    visited: set[str] = field(default_factory=set)
    branches: set[Branch] = field(default_factory=set)


class Schemas(Protocol):
    """What the compiler needs of a store: schemas by name, references resolved."""

    def schema(self, name: str) -> Mapping[str, Any]:
        """The schema of a name such as `interactions/event` or `interactions/event#/$defs/unknown`."""

    def resolve(self, name: str, reference: str) -> str:
        """The name that a `$ref` in the schema `name` means."""

    def check(self, name: str) -> Check:
        """The compiled schema of a name."""


def pointer(path: Path) -> str:
    """Write a path as a JSON pointer (RFC 6901).

    >>> pointer(((None, "steps"), 0))
    '/steps/0'
    """
    parts: list[str] = []
    while path is not None:
        path, key = path
        parts.append(str(key).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{part}" for part in reversed(parts))


def value_at(value: Any, where: str) -> Any:
    """Give the value that a JSON pointer leads to; None where there is nothing.

    >>> value_at({"steps": [{"type": "thought"}]}, "/steps/0/type")
    'thought'
    """
    for part in where.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value


def place_of(name: str, where: str) -> str:
    """Give the name of a sub-schema, as the store understands it, from a schema and a pointer into it.

    >>> place_of("interactions/input", "/anyOf/2")
    'interactions/input#/anyOf/2'
    """
    return f"{name}{where}" if "#" in name or not where else f"{name}#{where}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Give "; did you mean 'x'?" for the known name most like `name`, or nothing."""
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]!r}?" if close else ""


def shown(value: Any) -> str:
    """Show a value in a message: JSON, at most some sixty characters."""
    text = json.dumps(value, ensure_ascii=True) if not isinstance(value, (dict, list)) else ""
    match value:
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return text if len(text) <= 60 else f"{text[:56]}…{text[-1]}"


def _one_of(types: Iterable[str]) -> str:
    words = [_ARTICLES.get(name, f"a {name}") for name in types]
    return " or ".join(words)


def compile_schema(store: Schemas, name: str) -> Check:
    """Compile the schema of a name. References are compiled when first followed, so cycles are fine.

    Raises:
        SchemaBroken: a keyword is not one of ours, or a union cannot be dispatched.
    """
    check = _Compiler(store, name).compile(store.schema(name), "")
    if "#" in name:
        return check

    def visit(value: Any, path: Path, found: Validation) -> None:
        found.visited.add(name)
        check(value, path, found)

    return visit


def kinds_of(store: Schemas, name: str, union: Mapping[str, Any]) -> dict[str, int]:
    """Give the known kinds of a union in the schema `name`, each with the number of its `oneOf` branch."""
    compiler, member = _Compiler(store, name), union["discriminator"]["propertyName"]
    return {
        kind: number
        for number, branch in enumerate(union["oneOf"])
        for kind in compiler.discriminated(branch, member, f"/oneOf/{number}")
        if kind is not None
    }


def types_of(store: Schemas, name: str, schema: Mapping[str, Any]) -> list[str]:
    """Give the JSON types that a branch of an `anyOf` in the schema `name` accepts."""
    return _Compiler(store, name).types_of(schema, "/anyOf")


class _Compiler:
    """Compiles one schema file; `name` is the file, for messages and references."""

    def __init__(self, store: Schemas, name: str) -> None:
        self._store = store
        self._name = name
        self._file = name.partition("#")[0]

    def compile(self, schema: Mapping[str, Any], where: str) -> Check:
        """Compile a schema or sub-schema; `where` is its JSON pointer in the file."""
        if not isinstance(schema, dict):
            raise SchemaBroken(f"{self._file}.json", where, "a schema is an object here")
        checks: list[Check] = []
        rest = {key: value for key, value in schema.items() if key not in ANNOTATIONS}
        for keywords, build in (
            (("$ref",), self._reference),
            (("oneOf", "discriminator"), self._union),
            (("anyOf",), self._by_type),
            (("if", "then", "else"), self._conditional),
            (("properties", "required", "additionalProperties"), self._object),
            (("items", "minItems"), self._array),
            (("const",), self._const),
            (("minimum", "maximum"), self._bounds),
            (("minLength",), self._length),
            (("x-open-enum", "x-open-enum-prefix"), self._open_enum),
        ):
            taken = {key: rest.pop(key) for key in keywords if key in rest}
            if taken:
                checks.append(build(taken, where))
        declared = rest.pop("type", None)
        if (
            declared is not None and not {"oneOf", "anyOf"} & schema.keys()
        ):  # a union tells types apart itself
            checks.insert(0, self._type(declared))
        if rest:
            unknown = ", ".join(sorted(rest))
            raise SchemaBroken(f"{self._file}.json", where, f"the keyword {unknown} is not one of ours")
        return checks[0] if len(checks) == 1 else _in_turn(checks)

    def _type(self, declared: str | list[str]) -> Check:
        names = [declared] if isinstance(declared, str) else declared
        accepted = frozenset(names)
        integral = "integer" in accepted and "number" not in accepted
        expected, schema = _one_of(names), self._file

        def check(value: Any, path: Path, found: Validation) -> None:
            if _TYPES[type(value)].isdisjoint(accepted) and not (
                integral and type(value) is float and value.is_integer()
            ):
                message = f"expected {expected}, found {shown(value)}"
                found.problems.append(Problem(pointer(path), message, schema))

        return check

    def _reference(self, taken: Mapping[str, Any], where: str) -> Check:
        try:
            target = self._store.resolve(self._name, taken["$ref"])
        except SchemaBroken as error:
            raise SchemaBroken(error.file, f"{where}/$ref", error.problem) from None
        compiled: list[Check] = []
        store = self._store

        def check(value: Any, path: Path, found: Validation) -> None:
            if not compiled:
                compiled.append(store.check(target))
            compiled[0](value, path, found)

        return check

    def _object(self, taken: Mapping[str, Any], where: str) -> Check:
        properties = {
            key: self.compile(schema, f"{where}/properties/{key}")
            for key, schema in taken.get("properties", {}).items()
        }
        required = tuple(taken.get("required", ()))
        extra = taken.get("additionalProperties")
        if extra is False:
            raise SchemaBroken(
                f"{self._file}.json", where, "additionalProperties is never false: fields are added weekly"
            )
        others: Check | None = None
        if isinstance(extra, dict):
            others = self.compile(extra, f"{where}/additionalProperties")
        counted = "properties" in taken
        watched = extra is None and counted
        schema, place = self._file, place_of(self._name, where)

        def check(value: Any, path: Path, found: Validation) -> None:
            if type(value) is not dict:
                return
            if counted:
                found.branches.add((place, tuple(value)))
            for key in required:
                if key not in value:
                    message = f"the member {key!r} is missing"
                    found.problems.append(Problem(pointer(path), message, schema))
            for key, item in value.items():
                known = properties.get(key, others)
                if known is not None:
                    known(item, (path, key), found)
                elif watched:
                    message = f"unknown field {key!r}{nearest(key, properties.keys() - value.keys())}"
                    found.drift.append(Drift(pointer((path, key)), "field", key, message, schema))

        return check

    def _array(self, taken: Mapping[str, Any], where: str) -> Check:
        item = self.compile(taken.get("items", {}), f"{where}/items")
        least, schema = taken.get("minItems", 0), self._file

        def check(value: Any, path: Path, found: Validation) -> None:
            if type(value) is not list:
                return
            if len(value) < least:
                message = f"expected at least {least} items, found {len(value)}"
                found.problems.append(Problem(pointer(path), message, schema))
            for number, element in enumerate(value):
                item(element, (path, number), found)

        return check

    def _const(self, taken: Mapping[str, Any], where: str) -> Check:
        const, schema = taken["const"], self._file

        def check(value: Any, path: Path, found: Validation) -> None:
            if value != const or type(value) is not type(const):
                message = f"expected {shown(const)}, found {shown(value)}"
                found.problems.append(Problem(pointer(path), message, schema))

        return check

    def _bounds(self, taken: Mapping[str, Any], where: str) -> Check:
        low, high = taken.get("minimum", float("-inf")), taken.get("maximum", float("inf"))
        schema = self._file

        def check(value: Any, path: Path, found: Validation) -> None:
            if type(value) in (int, float) and not low <= value <= high:
                bound = f"at least {low}" if value < low else f"at most {high}"
                message = f"expected {bound}, found {shown(value)}"
                found.problems.append(Problem(pointer(path), message, schema))

        return check

    def _length(self, taken: Mapping[str, Any], where: str) -> Check:
        least, schema = taken["minLength"], self._file

        def check(value: Any, path: Path, found: Validation) -> None:
            if type(value) is str and len(value) < least:
                message = f"expected at least {least} characters, found {len(value)}"
                found.problems.append(Problem(pointer(path), message, schema))

        return check

    def _open_enum(self, taken: Mapping[str, Any], where: str) -> Check:
        place, schema = place_of(self._name, where), self._file
        if "x-open-enum" not in taken:
            raise SchemaBroken(f"{schema}.json", where, "x-open-enum-prefix needs an x-open-enum")
        prefix = taken.get("x-open-enum-prefix", "")
        known: dict[str, Branch] = {word: (place, word) for word in taken["x-open-enum"]}

        def check(value: Any, path: Path, found: Validation) -> None:
            if type(value) is not str:
                return
            word = value.removeprefix(prefix)
            if word in known:
                found.branches.add(known[word])
            else:
                message = f"unknown value {shown(value)}{nearest(word, known)}"
                found.drift.append(Drift(pointer(path), "value", value, message, schema))

        return check

    def _conditional(self, taken: Mapping[str, Any], where: str) -> Check:
        match taken:
            case {"if": {"required": [*members], **more}} if not more:
                keys = frozenset(members)
            case _:
                raise SchemaBroken(f"{self._file}.json", f"{where}/if", "only `required` is understood here")
        yes = self.compile(taken.get("then", {}), f"{where}/then")
        no = self.compile(taken.get("else", {}), f"{where}/else")
        place = place_of(self._name, where)

        def check(value: Any, path: Path, found: Validation) -> None:
            holds = type(value) is not dict or keys <= value.keys()
            found.branches.add((place, "then" if holds else "else"))
            (yes if holds else no)(value, path, found)

        return check

    def _by_type(self, taken: Mapping[str, Any], where: str) -> Check:
        """An `anyOf` whose branches differ in JSON type."""
        branches: dict[str, Check] = {}
        for number, schema in enumerate(taken["anyOf"]):
            place = f"{where}/anyOf/{number}"
            for name in self.types_of(schema, place):
                if name in branches:
                    raise SchemaBroken(f"{self._file}.json", place, f"two branches accept {name}")
                branches[name] = self.compile(schema, place)
        if "integer" in branches:
            branches.setdefault("number", branches["integer"])
        expected, schema, place = _one_of(branches), self._file, place_of(self._name, where)

        def check(value: Any, path: Path, found: Validation) -> None:
            for name in _TYPES[type(value)]:
                if name in branches:
                    found.branches.add((place, name))
                    branches[name](value, path, found)
                    return
            message = f"expected {expected}, found {shown(value)}"
            found.problems.append(Problem(pointer(path), message, schema))

        return check

    def types_of(self, schema: Mapping[str, Any], where: str) -> list[str]:
        """The JSON types that a branch accepts, its references followed."""
        name = self._name
        while True:
            match schema:
                case {"type": str(one)}:
                    return [one]
                case {"type": [*several]}:
                    return several
                case {"oneOf": _} | {"then": _} | {"properties": _}:
                    return ["object"]
                case {"$ref": str(reference)}:
                    name = self._store.resolve(name, reference)
                    schema = self._store.schema(name)
                case _:
                    raise SchemaBroken(f"{self._file}.json", where, "the branch does not tell its JSON type")

    def _union(self, taken: Mapping[str, Any], where: str) -> Check:
        """A `oneOf` dispatched on the discriminator that each branch declares as a const."""
        match taken:
            case {"oneOf": [*branches], "discriminator": {"propertyName": str(member)}}:
                pass
            case _:
                raise SchemaBroken(f"{self._file}.json", where, "a oneOf needs a discriminator.propertyName")
        known: dict[str, Check] = {}
        open_ended = False
        for number, branch in enumerate(branches):
            place = f"{where}/oneOf/{number}"
            for value in self.discriminated(branch, member, place):
                if value is None:
                    open_ended = True
                    continue
                if value in known:
                    raise SchemaBroken(f"{self._file}.json", place, f"two branches are called {value!r}")
                known[value] = self.compile(branch, place)
        union = place_of(self._name, where)
        return _dispatch(member, known, self._file, union, open_ended=open_ended)

    def discriminated(self, branch: Mapping[str, Any], member: str, where: str) -> list[str | None]:
        """The discriminator values of a branch; None stands for "any that is not known"."""
        name = self._name
        while "$ref" in branch:
            name = self._store.resolve(name, branch["$ref"])
            branch = self._store.schema(name)
        match branch:
            case {"oneOf": [*inner], "discriminator": {"propertyName": same}} if same == member:
                compiler = _Compiler(self._store, name)
                return [value for item in inner for value in compiler.discriminated(item, member, where)]
            case {"properties": {**properties}}:
                match properties.get(member):
                    case {"const": str(value)}:
                        return [value]
                    case {"not": {"enum": _}}:
                        return [None]
        raise SchemaBroken(f"{self._file}.json", where, f"the branch declares no {member!r}")


def _in_turn(checks: list[Check]) -> Check:
    def check(value: Any, path: Path, found: Validation) -> None:
        for one in checks:
            one(value, path, found)

    return check


def _dispatch(member: str, known: Mapping[str, Check], schema: str, union: str, *, open_ended: bool) -> Check:
    def check(value: Any, path: Path, found: Validation) -> None:
        if type(value) is not dict:
            message = f"expected an object, found {shown(value)}"
            found.problems.append(Problem(pointer(path), message, schema))
            return
        kind: Any = value.get(member)
        branch = known.get(kind) if type(kind) is str else None
        if branch is not None:
            found.branches.add((union, kind))
            branch(value, path, found)
        elif type(kind) is not str:
            said = f"expected a string, found {shown(kind)}" if member in value else "it is missing"
            message = f"the member {member!r} tells which kind this is: {said}"
            found.problems.append(
                Problem(pointer((path, member) if member in value else path), message, schema)
            )
        else:
            message = f"unknown {member} {shown(kind)}{nearest(kind, known)}"
            place = pointer((path, member))
            if open_ended:
                found.drift.append(Drift(place, "variant", kind, message, schema))
            else:
                found.problems.append(Problem(place, message, schema))

    return check
