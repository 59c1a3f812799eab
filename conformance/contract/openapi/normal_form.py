"""An OpenAPI document as the values it allows, whatever its schemas are called.

    contract = read_openapi(Path("interactions.openapi.json"))
    shape = contract.shape(contract.roots["create.reply"])
    [kind.required for kind in shape.kinds]

Two documents name the same thing differently, cut it into other files, and write a union as `oneOf`, `anyOf`
or a list of two arrays. So nothing here has a name of its own: a place holds *values*, one or more schemas of
which any may apply, and their shape tells by JSON type what a value may be. Objects fall into kinds, told by
the value of `type` or `event_type`, or by whatever the document's discriminator names.

Only what create, get, cancel and delete of interactions reach is read; each way in has a name, such as
`create.request[model]` or `get.stream`. Formats, bounds and descriptions are not part of the form.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance.contract.openapi.document import DEEPEST, Document, Place, Values, read_document

__all__ = ["Contract", "Kind", "Member", "Shape", "read_openapi"]

MOST = 10_000  # kinds of object that one value may have

_INTERACTIONS = re.compile(r".*/interactions(/\{[^/{}]+\})?(/cancel)?(\?.*)?")
_OPERATIONS = {
    ("post", False, False): "create",
    ("get", True, False): "get",
    ("delete", True, False): "delete",
    ("post", True, True): "cancel",
}
_TAGS = ("type", "event_type")
_JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Member:
    """One declared member of an object."""

    values: Values
    deprecated: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object.

    tag: the value of the discriminator; empty when there is none.
    name: the component that declares it; empty when it stands inside another.
    rest: what undeclared members hold; empty when that is open.
    """

    tag: str
    name: str
    members: Mapping[str, Member]
    required: frozenset[str]
    rest: Values

    @property
    def label(self) -> str:
        """What to call it among its siblings."""
        return self.tag or self.name or "object"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value may be.

    types: names of JSON types; none when nothing is said.
    words: the strings listed, closed or open; None when strings are free.
    union: the component that is this choice; empty when it has no name.
    """

    types: frozenset[str]
    words: frozenset[str] | None = None
    items: Values = ()
    kinds: tuple[Kind, ...] = ()
    union: str = ""


class Contract:
    """What one document says; shapes are worked out when asked for, so that cycles are fine."""

    def __init__(self, document: Document) -> None:
        self.label = document.label
        self._document = document
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self.roots: Mapping[str, Values] = dict(self._ways_in())
        self._check_references()

    def shape(self, values: Values) -> Shape:
        """Give the shape of some values."""
        key = tuple(place.pointer for place in values)
        if key not in self._shapes:
            self._shapes[key] = _either([self._shape(place, 0) for place in values])
        return self._shapes[key]

    def along(self, path: Sequence[str]) -> list[str]:
        """Give the components on the way of a path (see `Difference.path`), as far as it leads here."""
        values = self.roots.get(path[0], ()) if path else ()
        found = list(self._document.names(values))
        shape = self.shape(values)
        for segment in path[1:]:
            if segment.startswith("[") and segment != "[]":
                kinds = tuple(kind for kind in shape.kinds if kind.label == segment[1:-1])
                shape = replace(shape, kinds=kinds)
                found += [kind.name for kind in kinds if kind.name]
                continue
            match segment:
                case "[]":
                    values = shape.items
                case "{}":
                    values = tuple(place for kind in shape.kinds for place in kind.rest)
                case _:
                    members = [
                        kind.members[segment[1:]] for kind in shape.kinds if segment[1:] in kind.members
                    ]
                    values = tuple(place for member in members for place in member.values)
            found += self._document.names(values)
            shape = self.shape(values)
        return found

    # the ways in

    def _ways_in(self) -> Iterator[tuple[str, Values]]:
        operations = dict(self._operations())
        if "create" not in operations:
            raise self._document.refuse("/paths", "it has no POST …/interactions")
        for name, (operation, shared) in operations.items():
            yield f"{name}.query", (self._query(operation, shared),)
            if name == "create":
                model, agent = self._forms(self._document.object(operation, "requestBody"))
                yield "create.request[model]", (model,)
                yield "create.request[agent]", (agent,)
            found: dict[str, list[Place]] = {}
            responses = self._document.object(operation, "responses")
            for status in responses.schema:
                for media, place in self._contents(self._document.object(responses, status)):
                    if not status.startswith("2"):
                        found.setdefault("error", []).append(place)
                    elif media == "text/event-stream":
                        found.setdefault("stream", []).append(self._payload(place))
                    else:
                        found.setdefault("reply", []).append(place)
            for way, places in found.items():
                yield f"{name}.{way}", tuple({place.pointer: place for place in places}.values())

    def _operations(self) -> Iterator[tuple[str, tuple[Place, Place]]]:
        seen: set[str] = set()
        paths = self._document.object(self._document.root, "paths")
        for path in paths.schema:
            match = _INTERACTIONS.fullmatch(path)
            if match is None:
                continue
            item = self._document.object(paths, path)
            for method in item.schema:
                name = _OPERATIONS.get((method, bool(match[1]), bool(match[2])))
                if name is not None and name not in seen:
                    seen.add(name)
                    yield name, (self._document.object(item, method), item)

    def _query(self, operation: Place, shared: Place) -> Place:
        members: dict[str, Any] = {}
        required = []
        for holder in (shared, operation):
            for number in range(len(_list(holder.schema.get("parameters")))):
                parameter = self._document.follow(self._document.place(holder, "parameters", number)).schema
                match parameter:
                    case {"in": "query", "name": str(name)}:
                        hints = {"deprecated": True} if parameter.get("deprecated") is True else {}
                        members[name] = {**_dict(parameter.get("schema")), **hints}
                        required += [name] if parameter.get("required") is True else []
        schema = {"type": "object", "properties": members, "required": required}
        return Place(schema, f"{operation.pointer}/parameters")

    def _forms(self, body: Place) -> tuple[Place, Place]:
        place = dict(self._contents(body)).get("application/json")
        if place is None:
            raise self._document.refuse(
                body.pointer, "the request to create an interaction has no application/json"
            )
        choices: list[Place] = []
        for _ in range(DEEPEST):
            choices = list(self._document.parts(place, "oneOf", "anyOf", "then", "else"))
            if choices or "$ref" not in place.schema:
                break
            place = self._document.refer(place)
        agents, models = [], []
        for choice in choices or [place]:
            named = {name for kind in self.shape((choice,)).kinds for name in kind.members}
            if "agent" in named or "model" not in named:
                agents.append(choice)
            if "model" in named or "agent" not in named:
                models.append(choice)
        return (models or agents)[0], (agents or models)[0]

    def _contents(self, holder: Place) -> Iterator[tuple[str, Place]]:
        contents = self._document.object(holder, "content")
        for media in contents.schema:
            content = self._document.object(contents, media)
            for key in ("itemSchema", "schema"):
                if key in content.schema:
                    yield media.partition(";")[0].strip(), self._document.place(content, key)
                    break

    def _payload(self, place: Place) -> Place:
        """Give the JSON of an event; a document may describe the frame around it, which has it in `data`."""
        kinds = self.shape((place,)).kinds
        if len(kinds) != 1 or kinds[0].tag or "data" not in kinds[0].members:
            return place
        data = kinds[0].members["data"].values[0]
        for one in (data, *self._document.parts(data, "oneOf", "anyOf")):
            if "contentSchema" in one.schema:
                return self._document.place(one, "contentSchema")
        return data

    # from schema to shape

    def _shape(self, place: Place, depth: int) -> Shape:
        known = self._shapes.get((place.pointer,))
        if known is not None:
            return known
        if depth > DEEPEST:
            raise self._document.refuse(
                place.pointer, f"more than {DEEPEST} references and unions, or a cycle of them"
            )
        own = self._own(place)
        parts = [self._shape(self._document.refer(place), depth + 1)] if "$ref" in place.schema else []
        parts += [self._shape(part, depth + 1) for part in self._document.parts(place, "allOf")]
        for keywords in (("oneOf",), ("anyOf",), ("then", "else")):
            choices = [
                part for part in self._document.parts(place, *keywords) if not self._is_unknown(place, part)
            ]
            shapes = self._tagged(place, choices, [self._shape(choice, depth + 1) for choice in choices])
            if choices:
                alone = "then" in keywords and len(choices) == 1
                parts.append(_either([*shapes, own] if alone else shapes))
        found = own
        for part in parts:
            if len(found.kinds) * len(part.kinds) > MOST:
                raise self._document.refuse(place.pointer, f"more than {MOST} kinds of object in one value")
            found = _both(found, part)
        found = _named(place, found)
        self._shapes[place.pointer,] = found
        return found

    def _own(self, place: Place) -> Shape:
        """Give what the keywords of a schema say by themselves, references and unions left out."""
        schema = place.schema
        types = _types(schema)
        words: frozenset[str] = frozenset()
        for key in ("const", "enum", "x-open-enum"):
            listed = [schema[key]] if key == "const" and key in schema else _list(schema.get(key))
            words = words or frozenset(word for word in listed if isinstance(word, str))
        items = (self._document.place(place, "items"),) if "items" in schema else ()
        kinds: tuple[Kind, ...] = ()
        if "object" in types or (
            not types and {"properties", "additionalProperties", "required"} & schema.keys()
        ):
            kinds = (self._kind(place),)
            types = types or frozenset({"object"})
        if items and not types:
            types = frozenset({"array"})
        return Shape(types, words or None, items, kinds)

    def _kind(self, place: Place) -> Kind:
        members: dict[str, Member] = {}
        if "properties" in place.schema:
            holder = self._document.place(place, "properties")
            for name in holder.schema:
                value = self._document.place(holder, name)
                hints = (value, *self._document.parts(value, "allOf"))
                members[name] = Member((value,), any(hint.schema.get("deprecated") is True for hint in hints))
        tag = next((tag for name in _TAGS if name in members and (tag := _constant(members[name]))), "")
        required = frozenset(name for name in _list(place.schema.get("required")) if isinstance(name, str))
        open_ended = not isinstance(place.schema.get("additionalProperties", True), dict)
        rest = () if open_ended else (self._document.place(place, "additionalProperties"),)
        return Kind(tag, "", members, required, tuple(one for one in rest if one.schema))

    def _tagged(self, union: Place, choices: Sequence[Place], shapes: Sequence[Shape]) -> list[Shape]:
        """Tell the kinds of a union by its discriminator, where their `type` does not tell already."""
        discriminator = _dict(union.schema.get("discriminator"))
        member_name = discriminator.get("propertyName")
        if not isinstance(member_name, str):
            return list(shapes)
        mapping = {_last(target): value for value, target in _dict(discriminator.get("mapping")).items()}
        tagged = []
        for choice, shape in zip(choices, shapes, strict=True):
            name = _last(choice.schema.get("$ref"))
            kinds = []
            for kind in shape.kinds:
                constant = _constant(kind.members[member_name]) if member_name in kind.members else ""
                kinds.append(replace(kind, tag=constant or kind.tag or mapping.get(name, name)))
            tagged.append(replace(shape, kinds=tuple(kinds)))
        return tagged

    def _is_unknown(self, union: Place, part: Place) -> bool:
        """Whether a branch stands for the kinds that nobody knows yet: its tag is "none of these"."""
        if "$ref" in part.schema:
            part = self._document.refer(part)
        tag = _dict(union.schema.get("discriminator")).get("propertyName")
        members = _dict(part.schema.get("properties"))
        return any("not" in _dict(members.get(name)) for name in (*_TAGS, tag) if isinstance(name, str))

    def _check_references(self) -> None:
        """Visit all that can be reached, so that what cannot be used is refused before it is compared."""
        waiting = [place for places in self.roots.values() for place in places]
        seen: set[str] = set()
        while waiting:
            place = waiting.pop()
            if place.pointer not in seen:
                seen.add(place.pointer)
                shape = self.shape((place,))
                waiting += shape.items
                for kind in shape.kinds:
                    waiting += kind.rest
                    waiting += [value for member in kind.members.values() for value in member.values]


def read_openapi(path: Path, label: str = "") -> Contract:
    """Read an OpenAPI 3 document in JSON that has the Interactions operations.

    label: what to call it, by default the name of the file without its ending; the errata go by that name.

    Raises:
        PathMissing: there is no such file.
        OpenapiUnusable: it is not JSON, not OpenAPI 3, too large, nested too deeply, lacks the operations,
            or has a reference that leads nowhere. What the operations do not reach is not looked at.
    """
    return Contract(read_document(path, label))


def _types(schema: Mapping[str, Any]) -> frozenset[str]:
    declared = schema.get("type")
    names = {
        name for name in ([declared], _list(declared))[isinstance(declared, list)] if isinstance(name, str)
    }
    if not names:
        values = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
        names = {_JSON_TYPES[type(value)] for value in values if type(value) in _JSON_TYPES}
    if names and schema.get("nullable") is True:
        names.add("null")
    return frozenset(names)


def _named(place: Place, shape: Shape) -> Shape:
    """Write the component's name on what it declares: a choice, or the kinds of object it is."""
    if not place.name or "$ref" in place.schema:
        return shape
    if {"oneOf", "anyOf", "then"} & place.schema.keys():
        return replace(shape, union=shape.union or place.name)
    return replace(shape, kinds=tuple(replace(kind, name=place.name) for kind in shape.kinds))


def _both(a: Shape, b: Shape) -> Shape:
    """Give what satisfies both; of a member that both describe either description may apply."""
    types = a.types & b.types if a.types and b.types else a.types or b.types
    words = a.words & b.words if a.words is not None and b.words is not None else a.words or b.words
    kinds = tuple(_merged(one, other, one.required | other.required) for one in a.kinds for other in b.kinds)
    return Shape(types, words, a.items + b.items, kinds or a.kinds or b.kinds, a.union or b.union)


def _either(shapes: Sequence[Shape]) -> Shape:
    """Give what satisfies at least one; kinds with the same tag, or the same members, become one."""
    if len(shapes) == 1:
        return shapes[0]
    words: frozenset[str] | None = frozenset()
    items: dict[str, Place] = {}
    kinds: dict[object, Kind] = {}
    for shape in shapes:
        if "string" in shape.types and words is not None:
            words = None if shape.words is None else words | shape.words
        items |= {place.pointer: place for place in shape.items}
        for kind in shape.kinds:
            key = kind.tag or (kind.name, frozenset(_targets(kind)))
            known = kinds.get(key)
            kinds[key] = _merged(known, kind, known.required & kind.required) if known else kind
    free = not all(shape.types for shape in shapes)
    types = frozenset().union(*(shape.types for shape in shapes if not free))
    unions = [shape.union for shape in shapes if shape.kinds]
    union = unions[0] if len(unions) == 1 else ""
    return Shape(types, words or None, tuple(items.values()), tuple(kinds.values()), union)


def _targets(kind: Kind) -> Iterator[tuple[str, str]]:
    for name, member in kind.members.items():
        for place in member.values:
            yield name, str(place.schema.get("$ref", place.pointer))


def _merged(a: Kind, b: Kind, required: frozenset[str]) -> Kind:
    members = dict(a.members)
    for name, member in b.members.items():
        known = members.get(name)
        if known is None:
            members[name] = member
        else:
            values = {place.pointer: place for place in known.values + member.values}
            members[name] = Member(tuple(values.values()), known.deprecated and member.deprecated)
    return Kind(a.tag or b.tag, a.name or b.name, members, required, a.rest + b.rest)


def _constant(member: Member) -> str:
    match member.values[0].schema:
        case {"const": str(value)} | {"enum": [str(value)]}:
            return value
    return ""


def _last(reference: Any) -> str:
    return reference.rpartition("/")[2] if isinstance(reference, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
