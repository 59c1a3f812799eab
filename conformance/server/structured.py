"""Structured output: JSON that follows the schema of a request, or a refusal.

    text_following(schema, question)        # '{"city": "Oslo"}'

The value is made by `arguments`, from the schema and the question, and then held against the schema by a
stock validator. Patterns are the exception: a text is made to fit, and comparing would let a client choose
how long that takes.
"""

import json
from collections.abc import Mapping
from typing import Any

from conformance.server.arguments import value_for
from conformance.server.patterns import text_for
from conformance.server.refusal import invalid

__all__ = ["text_following"]

_DEEPEST = 60


def text_following(schema: Mapping[str, Any], question: str) -> str:
    """Give a JSON text that follows a schema.

    Raises:
        Refused: it is no schema, or this server finds no value for it.
    """
    tidy = _tidy(schema, 0)
    value = value_for(tidy, question)
    problem = _problem(value, _without_patterns(tidy))
    if problem:
        raise invalid(f"'response_format' has a schema that this server finds no value for: {problem}.")
    return json.dumps(value, ensure_ascii=False)


def _problem(value: Any, schema: Mapping[str, Any]) -> str:
    import jsonschema
    import referencing

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema, registry=referencing.Registry())
        first = next(validator.iter_errors(value), None)
    except jsonschema.SchemaError as error:
        return f"it is no JSON Schema at '{error.json_path}': {error.message[:200]}"
    except referencing.exceptions.Unresolvable:
        return "it refers to something outside of it"
    return f"{first.json_path}: {first.message[:200]}" if first else ""


def _tidy(schema: Any, depth: int) -> Any:
    """Write the types as JSON Schema does, where a client writes STRING; refuse what nobody can follow."""
    if depth > _DEEPEST:
        raise invalid("The schema of 'response_format' is nested too deeply.")
    match schema:
        case dict():
            tidy = {key: _tidy(told, depth + 1) for key, told in schema.items()}
            kind = tidy.get("type")
            if isinstance(kind, str):
                tidy["type"] = kind.lower()
            pattern = tidy.get("pattern")
            if isinstance(pattern, str) and text_for(pattern) is None:
                raise invalid(f"This server makes no text for the pattern '{pattern[:100]}'.")
            return tidy
        case list():
            return [_tidy(one, depth + 1) for one in schema]
    return schema


def _without_patterns(schema: Any) -> Any:
    match schema:
        case dict():
            return {
                key: _without_patterns(told)
                for key, told in schema.items()
                if not (key == "pattern" and isinstance(told, str))
            }
        case list():
            return [_without_patterns(one) for one in schema]
    return schema
