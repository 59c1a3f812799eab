"""The contract as OpenAPI 3.2: valid by the official schema, and the same verdicts."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator
from jsonschema_specifications import (  # type: ignore[import-untyped]
    REGISTRY as SPECIFICATIONS,
)
from referencing.jsonschema import DRAFT202012

from conformance.contract.openapi.export import openapi_document
from conformance.contract.store import contract
from tests.contract.openapi.documents import ours_changed

DOCUMENT = openapi_document("1.2.3")
SCHEMAS = DOCUMENT["components"]["schemas"]
OFFICIAL = {
    "openapi_spec_validator": ["resources/schemas/v3.2/schema.json"],
    "openapi_schema_validator": [
        "schemas/oas3.2/dialect/2025-09-17.json",
        "schemas/oas3.2/meta/2025-09-17.json",
    ],
}


def official() -> Draft202012Validator:
    """The schema of OpenAPI 3.2 as the OpenAPI Initiative publishes it, with its dialect for schemas.

    Two packages carry the files; they are read, and the packages are not imported.
    """
    schemas = []
    for package, files in OFFICIAL.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            pytest.skip(f"{package} is not installed")
        schemas += [json.loads((Path(spec.origin).parent / file).read_bytes()) for file in files]
    registry = SPECIFICATIONS.with_resources(
        (schema["$id"], DRAFT202012.create_resource(schema)) for schema in schemas
    )
    whole, dialect, _ = schemas
    assert whole["$id"].startswith("https://spec.openapis.org/oas/3.2/schema/")
    assert dialect["$id"].startswith("https://spec.openapis.org/oas/3.2/dialect/")
    base = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://gemini-conformance.example/openapi-3.2",
        "$ref": whole["$id"],
        "$defs": {"schema": {"$dynamicAnchor": "meta", "$ref": dialect["$id"]}},
    }
    return Draft202012Validator(base, registry=registry)


def validator(name: str) -> Draft202012Validator:
    """A stock validator for one component."""
    return Draft202012Validator({**DOCUMENT, "$ref": f"#/components/schemas/{name}"})


def places(value: Any, *way: str | int) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    match value:
        case dict():
            yield way, value
            for key, item in value.items():
                yield from places(item, *way, key)
        case list():
            for number, item in enumerate(value):
                yield from places(item, *way, number)


def test_the_document_is_valid_by_the_official_schema() -> None:
    """Its own rules and those of its schemas."""
    assert [error.message for error in official().iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize(
    "way", [("paths", "/interactions", "post"), ("components", "schemas", "step", "discriminator")]
)
def test_the_official_schema_refuses_what_is_wrong(way: tuple[str, ...]) -> None:
    """Else the test above would prove nothing, of operations or of schemas."""
    content: Any = ours_changed()
    place = content
    for key in way:
        place = place[key]
    place["brand_new"] = 1

    assert list(official().iter_errors(content))


def test_every_schema_is_a_component_of_its_name() -> None:
    """All of the files, and each says what the file says."""
    names = [name for name in contract().names() if name.startswith("interactions/")]
    assert [f"interactions/{name}" for name in SCHEMAS] == names

    for name, schema in SCHEMAS.items():
        text = json.dumps(contract().file(f"interactions/{name}"))
        assert _unlinked(schema) == _unlinked(json.loads(text)), name


def _unlinked(value: Any) -> Any:
    """A schema without what the export writes anew."""
    match value:
        case dict():
            links = {"$id", "$schema", "$ref", "discriminator"}
            return {key: _unlinked(item) for key, item in value.items() if key not in links}
        case list():
            return [_unlinked(item) for item in value]
    return value


def test_every_reference_leads_somewhere() -> None:
    """Inside the document: it needs no other file."""
    for way, value in places(DOCUMENT):
        match value:
            case {"$ref": str(reference)}:
                found: Any = DOCUMENT
                for part in reference.removeprefix("#/").split("/"):
                    assert part in found, (way, reference)
                    found = found[part]


def test_every_discriminator_maps_each_kind_and_the_unknown_ones() -> None:
    """The mapping and the branches are the same set; a new kind falls to the last."""
    unions = [value for _, value in places(DOCUMENT) if "oneOf" in value and "discriminator" in value]
    assert len(unions) >= 10
    for union in unions:
        discriminator = union["discriminator"]
        branches = {branch["$ref"] for branch in union["oneOf"]}
        assert {*discriminator["mapping"].values(), discriminator["defaultMapping"]} == branches
        for value, target in discriminator["mapping"].items():
            member = SCHEMAS[target.rpartition("/")[2]]["properties"][discriminator["propertyName"]]
            assert member["const"] == value


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if "examples" in schema])
def test_the_examples_of_a_schema_are_accepted(name: str) -> None:
    """By a stock validator, in the exported document."""
    for example in SCHEMAS[name]["examples"]:
        validator(name).validate(example)


def turn(status: str = "completed") -> dict[str, Any]:
    """An unstored turn, as recordings have it."""
    return {
        "object": "interaction",
        "status": status,
        "model": "gemini-3-flash-preview",
        "created": "2026-11-01T10:00:00Z",
        "steps": [
            {"type": "thought", "signature": "c2ln"},
            {"type": "function_call", "id": "c1", "name": "clock", "arguments": {"zone": "Oslo"}},
            {"type": "model_output", "content": [{"type": "text", "text": "Noon."}]},
        ],
        "usage": {"total_tokens": 3, "total_input_tokens": 1, "total_output_tokens": 2},
    }


START = {"event_type": "step.start", "index": 0, "step": {"type": "google_search_call", "id": "s1"}}
VALUES: list[tuple[str, Any, bool]] = [
    ("interaction", turn(), True),
    ("interaction", turn("a_new_status"), True),
    ("interaction", turn() | {"steps": {}}, False),
    ("interaction", {"object": "interaction"}, False),
    ("event", START, True),
    ("event", START | {"index": "0"}, False),
    ("event", START | {"event_type": "brand.new"}, True),
    ("event", {"index": 0}, False),
    ("create_request", {"model": "gemini-3.5-flash", "input": "Hello"}, True),
    ("create_request", {"agent": "deep-research-pro-preview-12-2025", "input": [], "background": True}, True),
    ("create_request", {"model": "gemini-3.5-flash", "input": 7}, False),
    ("error_envelope", {"error": {"code": "not_found", "message": "Gone."}}, True),
    ("error_envelope", {"error": {"code": 404, "message": "Gone."}}, False),
    ("status_envelope", {"error": {"code": 400, "message": "Bad.", "status": "INVALID_ARGUMENT"}}, True),
]


@pytest.mark.parametrize(("name", "value", "good"), VALUES)
def test_a_stock_validator_gives_the_verdict_of_the_harness(name: str, value: Any, good: bool) -> None:
    """The export changes references and nothing else."""
    assert validator(name).is_valid(value) is good
    assert (not contract().validate(f"interactions/{name}", value).problems) is good


def test_a_frame_of_a_stream_is_described() -> None:
    """`itemSchema` is one frame: the event as JSON in `data`, or the closing word."""
    content = DOCUMENT["components"]["responses"]["interaction_or_stream"]["content"]
    frame = Draft202012Validator(content["text/event-stream"]["itemSchema"])

    assert frame.is_valid({"event": "step.start", "data": json.dumps(START)})
    assert frame.is_valid({"data": "[DONE]"})
    assert not frame.is_valid({"event": "step.start"})


def test_the_operations_are_those_of_the_contract() -> None:
    """Four, each with its errors; a key in a header; both versions."""
    operations = {
        operation["operationId"]: operation
        for item in DOCUMENT["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    }

    assert list(operations) == [
        "create_interaction",
        "get_interaction",
        "delete_interaction",
        "cancel_interaction",
    ]
    for operation in operations.values():
        assert {"200", "4XX", "5XX"} == set(operation["responses"])
    (scheme,) = DOCUMENT["components"]["securitySchemes"].values()
    assert (scheme["in"], scheme["name"]) == ("header", "x-goog-api-key")
    assert DOCUMENT["servers"][0]["variables"]["api_version"]["enum"] == ["v1beta", "v1"]
    assert DOCUMENT["info"]["version"] == "1.2.3"


def test_the_document_is_plain_json_and_always_the_same() -> None:
    """It can be printed, committed and compared."""
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT
    assert json.dumps(openapi_document("1.2.3")) == json.dumps(DOCUMENT)


def test_annotations_are_kept() -> None:
    """Other tools may read what only ours does."""
    assert "completed" in SCHEMAS["status"]["x-open-enum"]
    assert "x-source" in SCHEMAS["interaction"]
    jsonschema.Draft202012Validator.check_schema(SCHEMAS["interaction"])
