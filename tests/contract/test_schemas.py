"""The schema files themselves: whole, described, and within the keywords that their README lists."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from conformance.contract.store import BASE, contract
from conformance.contract.validation import Validation

NAMES = contract().names()
API = [name for name in NAMES if name.startswith("interactions/")]

# schemas/README.md, "Keywords"
KEYWORDS = frozenset(
    """$schema $id $ref $defs title description type properties required additionalProperties items const
    minimum maximum minLength minItems oneOf discriminator anyOf if then else not enum deprecated readOnly
    writeOnly default examples format contentEncoding x-open-enum x-open-enum-prefix x-source
    x-profile""".split()
)
PROFILES = {"enterprise", "v1", "v1beta"}


def within(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all schemas in it, each with its pointer; `true` and `false` tell nothing."""
    if isinstance(schema, bool):
        return
    yield where, schema
    for keyword in ("properties", "$defs"):
        for key, inner in schema.get(keyword, {}).items():
            yield from within(inner, f"{where}/{keyword}/{key}")
    for keyword in ("oneOf", "anyOf"):
        for number, inner in enumerate(schema.get(keyword, ())):
            yield from within(inner, f"{where}/{keyword}/{number}")
    for keyword in ("items", "additionalProperties", "if", "then", "else", "not"):
        if keyword in schema:
            yield from within(schema[keyword], f"{where}/{keyword}")


def test_names_are_found() -> None:
    """The store knows the schemas that everything starts from."""
    assert {"interactions/create_request", "interactions/interaction", "interactions/event"} <= set(API)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(name: str) -> None:
    """It keeps the meta-schema of its draft, and says where it comes from."""
    schema = contract().file(name)

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"{BASE}{name}.json"
    assert schema["title"]
    assert schema["description"]


@pytest.mark.parametrize("name", API)
def test_a_schema_compiles(name: str) -> None:
    """Each alone, so that one nobody refers to is whole too."""
    contract().check(name)(None, None, Validation())


@pytest.mark.parametrize("name", NAMES)
def test_every_property_has_a_description(name: str) -> None:
    """One line each: it is what people read first. What is defined in the same file is described there."""
    for where, schema in within(contract().file(name)):
        for key, told in schema.get("properties", {}).items():
            here = told if "description" in told else contract().schema(f"{name}{told['$ref']}")

            assert here["description"], f"{where}/{key}"
            assert "\n" not in here["description"], f"{where}/{key}"


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_leads_somewhere(name: str) -> None:
    """To a file of the same folder, or into the file's own definitions."""
    for _, schema in within(contract().file(name)):
        if "$ref" in schema:
            assert schema["$ref"].startswith("#/$defs/") or "/" not in schema["$ref"]
            contract().resolve(name, schema["$ref"])


@pytest.mark.parametrize("name", API)
def test_only_documented_keywords_are_used(name: str) -> None:
    """So that schemas stay easy to read, and any validator gives the same verdict."""
    for where, schema in within(contract().file(name)):
        assert schema.keys() <= KEYWORDS, where
        assert all(isinstance(inner, dict) for inner in schema.get("properties", {}).values()), where
        assert schema.get("additionalProperties") is not False, where
        assert schema.get("x-profile", "v1") in PROFILES, where
        assert "enum" not in schema or where.endswith("/not"), where
        assert "not" not in schema or where.startswith("/$defs/unknown/"), where
        assert ("oneOf" in schema) == ("discriminator" in schema), where


@pytest.mark.parametrize("name", API)
def test_a_file_tells_its_source(name: str) -> None:
    """Where sources disagree, it says which one is followed."""
    assert contract().file(name)["x-source"]


@pytest.mark.parametrize("name", API)
def test_required_members_are_declared(name: str) -> None:
    """A misspelt name would refuse everything."""
    for where, schema in within(contract().file(name)):
        told = schema
        if "$ref" in schema:
            told = dict(contract().schema(contract().resolve(name, schema["$ref"])))
        if not where.endswith("/if"):
            assert set(schema.get("required", ())) <= told.get("properties", {}).keys(), where


@pytest.mark.parametrize("name", API)
def test_a_union_lists_its_kinds_in_its_unknown_branch(name: str) -> None:
    """Exactly one branch then matches, for a stock validator too."""
    file = contract().file(name)
    for where, schema in within(file):
        if {"$ref": "#/$defs/unknown"} in schema.get("oneOf", ()):
            member = schema["discriminator"]["propertyName"]
            unknown = file["$defs"]["unknown"]["properties"][member]["not"]["enum"]

            assert sorted(unknown) == sorted(kinds(name, schema, member)), where


def kinds(name: str, schema: Mapping[str, Any], member: str) -> Iterator[str]:
    """The names of the branches of a union, and of unions in it."""
    if "oneOf" not in schema:
        yield schema["properties"][member]["const"]
    for branch in schema.get("oneOf", ()):
        if branch["$ref"] != "#/$defs/unknown":
            other = contract().resolve(name, branch["$ref"])
            yield from kinds(other, contract().schema(other), member)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_valid(name: str) -> None:
    """For us, where we compile the schema, and for a stock validator; our own are also free of drift."""
    registry = Registry().with_resources(
        (f"{BASE}{other}.json", Resource.from_contents(contract().file(other), DRAFT202012))
        for other in NAMES
    )
    for where, schema in within(contract().file(name)):
        for example in schema.get("examples", ()):
            stock = Draft202012Validator({"$ref": f"{BASE}{name}.json#{where}"}, registry=registry)
            assert [error.message for error in stock.iter_errors(example)] == []
            if name in API:
                found = contract().validate(f"{name}#{where}" if where else name, example)
                assert (found.problems, found.drift) == ([], [])


def test_the_readme_lists_every_keyword() -> None:
    """The list of this test is that of the README."""
    text = (contract().root / "README.md").read_text(encoding="utf-8")

    assert [word for word in sorted(KEYWORDS) if f"`{word}`" not in text] == []


def test_files_are_written_alike() -> None:
    """Two spaces, the order of keys as in the README's example, a line end at the end."""
    for name in API:
        text = (contract().root / f"{name}.json").read_text(encoding="utf-8")

        assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n", name
        assert list(contract().file(name))[:5] == ["$schema", "$id", "title", "description", "x-source"], name
