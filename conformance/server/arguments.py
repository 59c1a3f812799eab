"""The arguments of a function call: values from the question that satisfy the declared schema.

    for arguments in calls_for(declaration, "What's the temperature in London and Paris?"):
        ...                                    # {"location": "London"}, then {"location": "Paris"}

Read is the part of JSON Schema that declarations and response formats use: type, enum, const, default,
properties, required, items, prefixItems, minItems, maxItems, uniqueItems, the bounds of numbers and lengths,
pattern, anyOf, oneOf, allOf and local $ref.

    value_for(schema, question)                # the same for a structured answer: all properties are filled
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from conformance.server.patterns import text_for
from conformance.server.rules import ArgumentRule, rules

__all__ = ["calls_for", "value_for"]

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,6})?")
_DEPTH = 12
_SHALLOW = 4
_MOST_CALLS = 16
_FORMATS = {
    "date": "2026-10-01",
    "date-time": "2026-10-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


@dataclass(slots=True)
class _Finding:
    """What the question still offers while one set of arguments is made."""

    question: str
    root: Mapping[str, Any]
    everything: bool = False
    fixed: dict[str, str] = field(default_factory=dict)
    numbers: list[float] = field(default_factory=list)


def calls_for(declaration: Mapping[str, Any], question: str) -> list[dict[str, Any]]:
    """Give the arguments of each call that the question asks of this function, at least of one."""
    schema = declaration.get("parameters")
    if not isinstance(schema, dict):
        return [{}]
    wanted = [{}] if (many := _many(schema, question)) is None else [{many[0]: value} for value in many[1]]
    return [
        _arguments(schema, _Finding(question, schema, fixed=fixed, numbers=_numbers(question)))
        for fixed in wanted
    ]


def value_for(schema: Mapping[str, Any], question: str) -> Any:
    """Give a value that satisfies a schema, with what the question offers."""
    finding = _Finding(question, schema, everything=True, numbers=_numbers(question))
    return _value("", schema, finding, 0)


def _many(schema: Mapping[str, Any], question: str) -> tuple[str, list[str]] | None:
    """Find the property for which the question names several values."""
    for name, told in _properties(schema).items():
        if not _is_free_text(told):
            continue
        for rule in rules().arguments:
            if rule.each and rule.named.search(name):
                found = list(dict.fromkeys(_found(rule, question)))
                if found:
                    return name, found[:_MOST_CALLS]
    return None


def _arguments(schema: Mapping[str, Any], finding: _Finding) -> dict[str, Any]:
    made = _value("", {"type": "object", **schema}, finding, 0)
    return made if isinstance(made, dict) else {}


def _value(name: str, schema: Any, finding: _Finding, depth: int) -> Any:
    schema = _resolved(schema, finding.root, deep=depth >= _SHALLOW)
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return _of_enum(schema["enum"], finding.question)
    kind = _type(schema)
    match kind:
        case "object":
            return _object(schema, finding, depth)
        case "array":
            return _array(name, schema, finding, depth)
        case "integer" | "number":
            return _number(schema, finding, whole=kind == "integer")
        case "boolean":
            return True
        case "null":
            return None
    return _text(name, schema, finding)


def _resolved(schema: Any, root: Mapping[str, Any], *, deep: bool = False) -> Mapping[str, Any]:
    """Follow local references and take the first way of a union, or null where it is deep enough."""
    for _ in range(_DEPTH):
        match schema:
            case {"$ref": "#"}:
                schema = root
            case {"$ref": str(reference)} if reference.startswith("#/"):
                schema = _at(root, reference)
            case {"anyOf": [first, *others]} | {"oneOf": [first, *others]}:
                if deep and {"type": "null"} in others:
                    return {"type": "null"}
                rest = {key: told for key, told in schema.items() if key not in ("anyOf", "oneOf")}
                schema = {**rest, **first} if isinstance(first, dict) else rest
            case {"allOf": [*parts]}:
                rest = {key: told for key, told in schema.items() if key != "allOf"}
                schema = _joined([_resolved(part, root) for part in parts] + [rest])
            case dict():
                return schema
            case _:
                return {}
    return {}


def _joined(schemas: list[Mapping[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for schema in schemas:
        properties = {**_properties(whole), **_properties(schema)}
        required = [*_required(whole), *_required(schema)]
        whole.update(schema)
        if properties:
            whole.update(properties=properties, required=required)
    return whole


def _at(root: Mapping[str, Any], reference: str) -> Any:
    here: Any = root
    for part in reference[2:].split("/"):
        here = here.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(here, dict) else None
    return here


def _type(schema: Mapping[str, Any]) -> str:
    match schema.get("type"):
        case str(kind):
            return kind.lower()
        case [str(kind), *_]:
            return kind.lower()
    return "object" if "properties" in schema else "string"


def _object(schema: Mapping[str, Any], finding: _Finding, depth: int) -> dict[str, Any]:
    """Fill what is required, and at the top also what the question names."""
    properties, required = _properties(schema), _required(schema)
    if depth >= _DEPTH:
        return {}
    made = {}
    for name, told in properties.items():
        if depth == 0 and name in finding.fixed:
            made[name] = finding.fixed[name]
        elif name in required or (finding.everything and depth < _SHALLOW):
            made[name] = _value(name, told, finding, depth + 1)
    for name in required:
        if name not in made:
            made[name] = _value(name, {}, finding, depth + 1)
    return made


def _array(name: str, schema: Mapping[str, Any], finding: _Finding, depth: int) -> list[Any]:
    if depth >= _DEPTH:
        return []
    first = schema.get("prefixItems")
    made = [_value(name, one, finding, depth + 1) for one in first] if isinstance(first, list) else []
    item = _resolved(schema.get("items", {}), finding.root)
    wanted = _length(schema, item, finding) - len(made)
    if schema.get("uniqueItems") is True and isinstance(item.get("enum"), list):
        return [*made, *item["enum"][:wanted]]
    more = [_value(name, schema.get("items", {}), finding, depth + 1) for _ in range(wanted)]
    return [*made, *(_all_different(more) if schema.get("uniqueItems") is True else more)]


def _length(schema: Mapping[str, Any], item: Mapping[str, Any], finding: _Finding) -> int:
    """How many items a list gets: one, or as many as the question has numbers, within the bounds."""
    least, most = schema.get("minItems", 1), schema.get("maxItems")
    if _type(item) in ("integer", "number"):
        least = max(least, len(finding.numbers)) if most is None else least
    if isinstance(most, int):
        least = min(least, most)
    return min(least, 100) if isinstance(least, int) else 1


def _all_different(values: list[Any]) -> list[Any]:
    """Make equal numbers and texts different by counting."""
    return [
        value + number
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else f"{value} {number + 1}"
        if isinstance(value, str) and number
        else value
        for number, value in enumerate(values)
    ]


def _number(schema: Mapping[str, Any], finding: _Finding, *, whole: bool) -> float:
    value = finding.numbers.pop(0) if finding.numbers else schema.get("default", 1)
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if isinstance(low, (int, float)):
        value = max(value, low)
    if _is_number(above) and value <= above:
        value = above + _between(above, below, whole=whole)
    if isinstance(high, (int, float)):
        value = min(value, high)
    if _is_number(below) and value >= below:
        value = below - _between(above, below, whole=whole)
    step = schema.get("multipleOf")
    if isinstance(step, (int, float)) and step > 0:
        value = step * (math.ceil(value / step) if _is_number(low) else round(value / step))
    return int(value) if whole or value == int(value) else value


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _between(above: Any, below: Any, *, whole: bool) -> float:
    """Give a distance from a bound that must not be reached."""
    if whole or not (_is_number(above) and _is_number(below)):
        return 1
    return float(below - above) / 2


def _text(name: str, schema: Mapping[str, Any], finding: _Finding) -> str:
    least, most = schema.get("minLength"), schema.get("maxLength")
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        fitting = text_for(pattern, least if isinstance(least, int) else 0)
        if fitting is not None:
            return fitting
    made = _FORMATS.get(str(schema.get("format")), "") or _named(name, finding.question)
    if isinstance(least, int):
        made = made.ljust(min(least, 10_000), ".")
    return made[:most] if isinstance(most, int) else made


def _named(name: str, question: str) -> str:
    for rule in rules().arguments:
        if rule.named.search(name):
            found = _found(rule, question)
            if found:
                return found[0]
            if rule.otherwise is not None:
                return rule.otherwise
    quoted = re.search(r"[\"“']([^\"”']{1,200})[\"”']", question)
    return quoted[1] if quoted else question[:80]


def _found(rule: ArgumentRule, question: str) -> list[str]:
    return [text for text in rule.find.findall(question) if text]


def _of_enum(values: list[Any], question: str) -> Any:
    """Prefer the value that the question names."""
    asked = question.lower()
    for value in values:
        if isinstance(value, str) and value and re.search(rf"\b{re.escape(value.lower())}\b", asked):
            return value
    return values[0]


def _numbers(question: str) -> list[float]:
    return [float(found) if "." in found else int(found) for found in _NUMBER.findall(question)]


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _required(schema: Mapping[str, Any]) -> list[str]:
    required = schema.get("required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else []


def _is_free_text(schema: Any) -> bool:
    return (
        isinstance(schema, dict)
        and _type(schema) == "string"
        and "enum" not in schema
        and "const" not in schema
    )
