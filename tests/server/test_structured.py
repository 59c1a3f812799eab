"""Structured output: whatever the schema, the answer follows it, or the request is refused."""

import json
import re
import warnings
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.server.patterns import text_for
from conformance.server.refusal import Refused
from conformance.server.structured import text_following
from tests.server.talking import Talk, text_of

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z][a-z]+$", "minLength": 3},
        "age": {"type": "integer", "minimum": 18, "exclusiveMaximum": 30},
        "mood": {"type": "string", "enum": ["bad", "good"]},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
        "home": {
            "type": "object",
            "properties": {"zip": {"type": "string", "pattern": r"^\d{5}$"}, "city": {"type": "string"}},
            "required": ["zip"],
            "additionalProperties": False,
        },
        "pair": {
            "type": "array",
            "prefixItems": [{"type": "integer"}, {"const": "x"}],
            "items": False,
            "maxItems": 2,
        },
        "born": {"type": "string", "format": "date"},
        "note": {"type": ["string", "null"]},
        "friend": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    },
    "required": ["name", "age", "friend"],
    "additionalProperties": False,
}


def wanted(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "mime_type": "application/json", "schema": schema}


def test_an_answer_follows_a_schema_with_everything_in_it(talk: Talk) -> None:
    """Patterns, bounds, enums, nesting, references to itself; properties in their order."""
    answer = talk.ask(input="Ann, 23, lives in Oslo and is good", response_format=wanted(PERSON))
    value = json.loads(text_of(answer))
    jsonschema.validate(value, PERSON)
    assert (value["age"], value["mood"], value["home"]["city"]) == (23, "good", "Oslo")
    assert list(value) == list(PERSON["properties"])


def test_an_answer_after_results_follows_its_schema_too(talk: Talk) -> None:
    """Those of functions, and those of a screen when all is done."""
    clock = {"type": "function_call", "id": "call_1", "name": "get_time", "arguments": {}}
    result = {"type": "function_result", "call_id": "call_1", "result": "It is noon."}
    schema = {"type": "object", "properties": {"hour": {"type": "integer"}}, "required": ["hour"]}
    for tools in ([], [{"type": "computer_use"}]):
        history = [clock, result, *([result, result] if tools else [])]
        answer = talk.ask(input=history, tools=tools, response_format=wanted(schema))
        assert isinstance(json.loads(text_of(answer))["hour"], int), answer


def test_a_stream_has_the_same_json(talk: Talk) -> None:
    """Cut anywhere."""
    events = talk.events(input="Ann, 23", response_format=wanted(PERSON))
    text = "".join(e["delta"]["text"] for e in events if e.get("delta", {}).get("type") == "text")
    jsonschema.validate(json.loads(text), PERSON)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "strings"}, "no JSON Schema"),
        ({"type": "object", "required": "x"}, "no JSON Schema"),
        ({"type": "string", "pattern": "(?=a)b"}, "pattern"),
        ({"type": "string", "pattern": "("}, "pattern"),
        ({"$ref": "https://example.com/schema.json"}, "outside"),
        ({"$ref": "#/nowhere"}, "outside"),
        ({"not": {}}, "no value"),
        ({"type": "string", "minLength": 20_000}, "no value"),
    ],
)
def test_a_schema_that_nobody_can_follow_is_refused(talk: Talk, schema: dict[str, Any], says: str) -> None:
    """400 that says why, and nothing is fetched or counted (IX-FORMAT-006)."""
    status, code, message = talk.refusal(input="Hello", response_format=wanted(schema))
    assert (status, code) == (400, "invalid_request")
    assert says in message
    assert talk.create(input="Hello") == Talk().create(input="Hello")


def test_types_in_capitals_are_understood(talk: Talk) -> None:
    """As older clients write them."""
    schema = {"type": "OBJECT", "properties": {"n": {"type": "NUMBER"}}, "required": ["n"]}
    assert json.loads(text_of(talk.ask(input="7.5", response_format=wanted(schema)))) == {"n": 7.5}


def test_a_deep_schema_is_refused() -> None:
    """Two hundred levels of arrays."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(200):
        schema = {"type": "array", "items": schema}
    with pytest.raises(Refused, match="nested"):
        text_following(schema, "")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{3}-\d{2,4}$",
        r"^(foo|bar)+$",
        r"^[^\s@]+@[^\s@]+\.[^\s@]+$",
        r"^(?P<a>x)(?:y|z)?$",
        r"^\+?[0-9]{7,}$",
        r"^a{2}b*?c+?$",
        r"^\{x\}\u0041\x42\t$",
        r"[]a][^]]",
        r"^[^\w]\W\D\S$",
        "",
    ],
)
def test_a_text_fits_its_pattern(pattern: str) -> None:
    """Of every form that schemas use."""
    text = text_for(pattern)
    assert text is not None
    assert re.search(pattern, text)


@pytest.mark.parametrize(
    "pattern", ["(?=a)b", r"(a)\1", r"\bx", "a^b", "a$b", "(", "[", ")", "(" * 200, "x{99999}"]
)
def test_a_pattern_beyond_this_server_has_no_text(pattern: str) -> None:
    """None instead of a text that does not fit."""
    assert text_for(pattern) is None


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text("ab01(|)[]^-\\dws{2,}+*?.$", max_size=20))
def test_a_text_fits_whatever_pattern_it_is_made_for(pattern: str) -> None:
    """Where the pattern is one at all, and there is a text, it fits."""
    text = text_for(pattern)
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            compiled = re.compile(pattern)
    except re.error:
        return
    assert text is None or compiled.search(text)


_SCHEMAS = st.recursive(
    st.one_of(
        st.builds(
            lambda low, size: {"type": "integer", "minimum": low, "maximum": low + size},
            st.integers(-50, 50),
            st.integers(0, 9),
        ),
        st.builds(lambda low: {"type": "number", "exclusiveMinimum": low}, st.integers(-50, 50)),
        st.builds(
            lambda low, size: {"type": "string", "minLength": low, "maxLength": low + size},
            st.integers(0, 9),
            st.integers(0, 9),
        ),
        st.sampled_from(
            [{"type": "boolean"}, {"type": "null"}, {"enum": ["a", 1]}, {"type": "string", "format": "email"}]
        ),
    ),
    lambda inner: st.one_of(
        st.builds(
            lambda properties, extra: {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": extra,
            },
            st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=4),
            st.booleans(),
        ),
        st.builds(
            lambda item, least: {"type": "array", "items": item, "minItems": least}, inner, st.integers(0, 3)
        ),
        st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(_SCHEMAS, st.text(max_size=30))
def test_whatever_the_schema_the_answer_follows_it(schema: dict[str, Any], question: str) -> None:
    """Over the keywords that the documents name (IX-FORMAT-005)."""
    jsonschema.validate(json.loads(text_following(schema, question)), schema)
