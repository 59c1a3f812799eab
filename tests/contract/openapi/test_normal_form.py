"""Documents that say the same in other words have the same form."""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.contract.openapi.differences import differences, our_contract
from conformance.contract.openapi.normal_form import Contract, Shape, read_openapi
from conformance.errors import OpenapiUnusable, PathMissing
from tests.contract.openapi.documents import contract_of, ours_changed, reference, small, written

CAT = {"type": "object", "properties": {"type": {"const": "cat"}, "lives": {"type": "integer"}}}
DOG = {"type": "object", "properties": {"type": {"const": "dog"}}, "required": ["type"]}
PLAIN = {"type": "object", "properties": {"kind": {"type": "string"}}}


def reply(schema: Any, **components: Any) -> Shape:
    contract = contract_of(small(schema, **components))
    return contract.shape(contract.roots["create.reply"])


def tags(shape: Shape) -> set[str]:
    return {kind.tag for kind in shape.kinds}


@pytest.mark.parametrize(
    "union",
    [
        {"oneOf": [reference("Cat"), reference("Dog")]},
        {"anyOf": [CAT, DOG]},
        {
            "type": "object",
            "oneOf": [reference("Cat"), reference("Dog")],
            "discriminator": {"propertyName": "type"},
        },
        {"oneOf": [{"oneOf": [reference("Dog")]}, {"allOf": [reference("Cat")]}]},
    ],
)
def test_a_union_is_told_by_the_constant_of_its_members(union: dict[str, Any]) -> None:
    """How the union is written, and what its members are called, does not matter."""
    assert tags(reply(union, Cat=CAT, Dog=DOG)) == {"cat", "dog"}


def test_a_discriminator_tells_kinds_that_have_no_constant() -> None:
    """By its mapping, else by the name of the schema, as OpenAPI 3.0 has it."""
    union = {"oneOf": [reference("Cat"), reference("dog")], "discriminator": {"propertyName": "kind"}}
    union["discriminator"]["mapping"] = {"tom": "#/components/schemas/Cat"}  # type: ignore[index]

    assert tags(reply(union, Cat=PLAIN, dog=PLAIN)) == {"tom", "dog"}


def test_the_branch_for_unknown_kinds_is_no_kind() -> None:
    """Our unions end with one; a published union has none."""
    unknown = {"type": "object", "properties": {"type": {"type": "string", "not": {"enum": ["cat"]}}}}

    assert tags(reply({"oneOf": [CAT, unknown], "discriminator": {"propertyName": "type"}})) == {"cat"}


def test_a_list_of_one_or_of_the_other_is_a_list_of_either() -> None:
    """Which of the two is no matter of shape; ours has a requirement for it."""
    contract = contract_of(
        small({"oneOf": [{"type": "array", "items": CAT}, {"type": "array", "items": DOG}]})
    )

    shape = contract.shape(contract.roots["create.reply"])

    assert shape.types == {"array"}
    assert tags(contract.shape(shape.items)) == {"cat", "dog"}


def test_what_all_of_says_adds_up() -> None:
    """Members of both, required by either, and what stands beside a reference counts too."""
    more = {"properties": {"age": {"type": "integer"}}, "required": ["lives"]}

    (kind,) = reply({"allOf": [reference("Cat"), more], "required": ["age"]}, Cat=CAT).kinds

    assert set(kind.members) == {"type", "lives", "age"}
    assert kind.required == {"lives", "age"}


@pytest.mark.parametrize(
    ("schema", "types", "words"),
    [
        ({"const": "on"}, {"string"}, {"on"}),
        ({"enum": ["on", "off"]}, {"string"}, {"on", "off"}),
        ({"type": "string", "enum": ["on"], "x-open-enum": True}, {"string"}, {"on"}),
        ({"type": "string", "x-open-enum": ["on"]}, {"string"}, {"on"}),
        ({"type": "string", "nullable": True}, {"string", "null"}, None),
        ({"type": ["string", "integer"]}, {"string", "integer"}, None),
        ({"oneOf": [{"type": "string"}, {"const": "on"}]}, {"string"}, None),
        ({"oneOf": [{"const": "off"}, {"const": "on"}]}, {"string"}, {"on", "off"}),
        ({"oneOf": [{"type": "string"}, {}]}, set(), None),
        ({}, set(), None),
        (True, set(), None),
    ],
)
def test_types_and_words_are_read_from_any_spelling(
    schema: Any, types: set[str], words: set[str] | None
) -> None:
    """An open list and a closed one hold the same words; nothing said is nothing, not everything."""
    shape = reply(schema)

    assert shape.types == types
    assert shape.words == words


@pytest.mark.parametrize("wrapped", [True, False])
def test_the_payload_of_an_event_is_found_in_its_frame(wrapped: bool) -> None:
    """Published documents describe the frame with its data; the event is what is compared."""
    frame = {"type": "object", "properties": {"data": CAT}} if wrapped else CAT
    contract = contract_of(small({}, event=frame))

    assert tags(contract.shape(contract.roots["create.stream"])) == {"cat"}


def test_the_two_forms_of_a_request_are_told_by_their_members() -> None:
    """Whatever they are called and in whatever order they come."""
    agent = {"type": "object", "properties": {"agent": {}, "input": {}}}
    model = {"type": "object", "properties": {"model": {}, "input": {}}}
    contract = contract_of(small({}, create={"oneOf": [reference("B"), reference("A")]}, A=model, B=agent))

    for form in ("model", "agent"):
        (kind,) = contract.shape(contract.roots[f"create.request[{form}]"]).kinds
        assert set(kind.members) == {form, "input"}


def test_a_path_gives_the_components_on_its_way() -> None:
    """Kinds of a union by their tag, so that a member is looked up in the right one."""
    contract = our_contract()

    assert contract.along(("create.reply", ".usage", ".total_tokens")) == ["interaction", "usage"]
    found = contract.along(("create.reply", ".steps", "[]", "[model_output]", ".content"))
    assert found == ["interaction", "step", "step_model_output"]
    assert contract.along(("create.reply", ".nowhere", ".at_all")) == ["interaction"]
    assert contract.along(()) == []


def test_a_value_that_holds_itself_is_no_trouble() -> None:
    """Only a reference that leads to nothing but itself is."""
    tree = {"type": "object", "properties": {"branches": {"type": "array", "items": reference("Tree")}}}

    assert reply(reference("Tree"), Tree=tree).kinds[0].name == "Tree"


def test_unions_that_double_at_each_level_take_no_time() -> None:
    """Two to the power of forty branches, each looked at once."""
    levels = {f"L{n}": {"oneOf": [reference(f"L{n + 1}")] * 2} for n in range(40)}

    assert reply(reference("L0"), **levels, L40={"type": "string"}).types == {"string"}


REFUSED: dict[str, tuple[Any, str]] = {
    "no-json": ("openapi: 3.1.0", "not JSON"),
    "no-object": ([], "no member `openapi`"),
    "no-openapi": ({"info": {}}, "no member `openapi`"),
    "swagger": ({"swagger": "2.0"}, "expected OpenAPI 3"),
    "no-paths": ({"openapi": "3.1.0"}, "no POST …/interactions"),
    "other-paths": ({"openapi": "3.1.0", "paths": {"/agents": {}}}, "no POST …/interactions"),
    "paths-are-a-list": ({"openapi": "3.1.0", "paths": []}, "expected an object"),
    "no-request": ({"openapi": "3.1.0", "paths": {"/interactions": {"post": {}}}}, "no application/json"),
    "nowhere": (small(reference("Gone")), "leads nowhere"),
    "not-an-object": (small({"$ref": "#/openapi"}), "does not lead to an object"),
    "outside": (small({"$ref": "other.json#/Thing"}), "leads out of the document"),
    "reference-is-a-number": (small({"$ref": 7}), "a reference is a string"),
    "schema-is-a-number": (small({"properties": {"id": 7}}), "expected an object"),
    "schema-is-false": (small({"properties": {"id": False}}), "expected an object"),
    "itself": (small(reference("A"), A=reference("B"), B=reference("A")), "a cycle of them"),
    "union-of-itself": (small(reference("A"), A={"oneOf": [reference("A"), CAT]}), "a cycle of them"),
    "long-chain": (
        small(reference("L0"), **{f"L{n}": reference(f"L{n + 1}") for n in range(10_000)}, L10000=CAT),
        "references and unions",
    ),
    "many-kinds": (
        small({"allOf": [{"oneOf": [{"properties": {f"{a}{n}": {}}} for n in range(200)]} for a in "ab"]}),
        "kinds of object",
    ),
}


@pytest.mark.parametrize(("content", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_be_compared_is_refused(content: Any, problem: str, tmp_path: Path) -> None:
    """The error names the file and the place, and tells what to give instead."""
    path = written(tmp_path, content)

    with pytest.raises(OpenapiUnusable) as refused:
        read_openapi(path)

    assert problem in str(refused.value)
    assert str(refused.value).startswith(str(path))
    assert refused.value.exit_code == 2
    assert "OpenAPI 3 document in JSON" in refused.value.hint


def test_the_error_points_at_the_reference() -> None:
    """A published document had such a reference for months."""
    broken = small({"type": "object", "properties": {"a/b": reference("Gone")}})

    with pytest.raises(
        OpenapiUnusable, match="/properties/a~1b/\\$ref: '#/components/schemas/Gone' leads nowhere"
    ):
        contract_of(broken)


def test_what_the_operations_do_not_reach_is_not_looked_at() -> None:
    """A document of a hundred operations may be wrong elsewhere."""
    assert reply({"type": "string"}, Other={"properties": {"id": reference("Gone")}}).types == {"string"}


def nested(depth: int) -> str:
    opened, closed = '{"properties": {"a": ', "}}"
    schema = opened * depth + "{}" + closed * depth
    return json.dumps(small("HERE")).replace('"HERE"', schema)


@pytest.mark.parametrize("depth", [10_000, 100_000])
def test_nesting_without_end_is_refused(depth: int, tmp_path: Path) -> None:
    """Whether the JSON parser gives up, as on Python 3.11, or we do."""
    with pytest.raises(OpenapiUnusable, match="nested too deeply"):
        read_openapi(written(tmp_path, nested(depth)))


def test_deep_but_finite_nesting_is_read(tmp_path: Path) -> None:
    """A hundred levels are strange and no error."""
    assert isinstance(read_openapi(written(tmp_path, nested(100))), Contract)


def test_a_missing_file_a_folder_and_a_huge_file_are_told_apart(tmp_path: Path) -> None:
    """No traceback for any of them."""
    with pytest.raises(PathMissing, match="no such file"):
        read_openapi(tmp_path / "missing.json")
    with pytest.raises(PathMissing, match="directory"):
        read_openapi(tmp_path)
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(2**40 if sys.platform == "linux" else 2**27)
    with pytest.raises(OpenapiUnusable, match="more than 64 MiB"):
        read_openapi(huge)
    huge.write_bytes(b"\x00\xff\xfe")
    with pytest.raises(OpenapiUnusable, match="not JSON"):
        read_openapi(huge)


def test_the_name_of_a_file_is_the_label_of_its_contract(tmp_path: Path) -> None:
    """The errata know documents by it."""
    path = tmp_path / "interactions.v9.2027-01-01.json"
    path.write_text(json.dumps(ours_changed()))

    assert read_openapi(path).label == "interactions.v9.2027-01-01"


KEYWORDS = """type properties items oneOf anyOf allOf then else $ref required enum const discriminator
    propertyName mapping additionalProperties nullable x-open-enum deprecated not data""".split()
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 9)
    | st.sampled_from(["string", "object", "#/openapi", "type"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(JSON_VALUES, JSON_VALUES, JSON_VALUES)
def test_arbitrary_json_is_read_or_refused(first: Any, second: Any, third: Any) -> None:
    """Nothing but our own error ever comes out, from reading or from comparing."""
    with suppress(OpenapiUnusable):
        assert differences(our_contract(), contract_of(small(first, create=second, event=third)))


@settings(max_examples=100, deadline=None)
@given(JSON_VALUES, st.integers(0, 12))
def test_arbitrary_json_in_place_of_any_object_is_read_or_refused(value: Any, place: int) -> None:
    """Not in a schema only: paths, operations, contents, parameters."""
    content: Any = small(CAT)
    way: Any = content
    keys = ["paths", "/{api_version}/interactions", "post", "responses", "200", "content", "application/json"]
    for key in keys[: place % len(keys)]:
        way = way[key]
    way[keys[place % len(keys)]] = value
    with suppress(OpenapiUnusable):
        contract_of(content)
