"""A comparison finds every difference, once, and nothing else."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from conformance.contract.openapi.differences import Difference, differences, our_contract
from conformance.errors import OpenapiUnusable, UsageRefused
from tests.contract.openapi.documents import contract_of, ours_changed, reference, small

Schema = dict[str, Any]
TEXT = {"type": "string"}


def found(first: Any, second: Any, **components: Any) -> list[tuple[str, str, str]]:
    ours = contract_of(small(first, **components), "ours")
    return told(differences(ours, contract_of(small(second, **components), "theirs")))


def told(ones: list[Difference]) -> list[tuple[str, str, str]]:
    return [(one.where, one.kind, one.only) for one in ones]


def record(**properties: Any) -> Schema:
    return {"type": "object", "properties": properties}


CASES: dict[str, tuple[Any, Any, list[tuple[str, str, str]]]] = {
    "field": (record(a=TEXT), record(b=TEXT), [("a", "field", "ours"), ("b", "field", "theirs")]),
    "required": (record(a=TEXT), record(a=TEXT) | {"required": ["a"]}, [("a", "required", "theirs")]),
    "deprecated": (record(a=TEXT | {"deprecated": True}), record(a=TEXT), [("a", "deprecated", "ours")]),
    "value": (
        record(a={"enum": ["x", "y"]}),
        record(a={"enum": ["y", "z"]}),
        [("a=x", "value", "ours"), ("a=z", "value", "theirs")],
    ),
    "list-of-values": (record(a={"enum": ["x"]}), record(a=TEXT), [("a=*", "value", "ours")]),
    "type": (
        record(a=TEXT),
        record(a={"type": "integer"}),
        [("a:integer", "type", "theirs"), ("a:string", "type", "ours")],
    ),
    "no-type": (record(a=TEXT), record(a={}), [("a:anything", "type", "theirs")]),
    "item-type": (
        record(a={"type": "array", "items": TEXT}),
        record(a={"type": "array", "items": {"type": "number"}}),
        [("a[]:number", "type", "theirs"), ("a[]:string", "type", "ours")],
    ),
    "value-type-of-a-map": (
        record(a={"type": "object", "additionalProperties": TEXT}),
        record(a={"type": "object"}),
        [("a{}:anything", "type", "theirs")],
    ),
    "required-but-undeclared": (record(a=TEXT), record(a=TEXT) | {"required": ["zz"]}, []),
    "null": (record(a=TEXT), record(a=TEXT | {"nullable": True}), [("a:null", "type", "theirs")]),
}


@pytest.mark.parametrize(("first", "second", "expected"), CASES.values(), ids=CASES)
def test_each_kind_of_difference_is_found(
    first: Any, second: Any, expected: list[tuple[str, str, str]]
) -> None:
    """And in the other direction the same, with the sides changed."""
    assert found(first, second) == [(f"create.reply.{where}", kind, only) for where, kind, only in expected]
    turned = {"ours": "theirs", "theirs": "ours"}
    assert sorted(found(second, first)) == sorted(
        (f"create.reply.{where}", kind, turned[only]) for where, kind, only in expected
    )


def test_kinds_of_a_union_pair_by_their_tag() -> None:
    """Names and order are those of the document, and mean nothing."""
    first = {"oneOf": [record(type={"const": "a"}, x=TEXT), record(type={"const": "b"})]}
    second = {"oneOf": [record(type={"const": "c"}), record(type={"const": "a"}, y=TEXT)]}

    assert found(first, second) == [
        ("create.reply.x", "field", "ours"),
        ("create.reply.y", "field", "theirs"),
        ("create.reply[b]", "member", "ours"),
        ("create.reply[c]", "member", "theirs"),
    ]


def test_a_free_object_does_not_pair_with_a_new_kind() -> None:
    """Else a new kind beside it would look like members of the free one."""
    free = {"type": "object", "additionalProperties": True}
    first = {"oneOf": [record(type={"const": "a"}), free]}
    second = {"oneOf": [record(type={"const": "new"}, x=TEXT), record(type={"const": "a"}), free]}

    assert found(first, second) == [("create.reply[new]", "member", "theirs")]


def test_one_object_pairs_with_one_object() -> None:
    """A document that forgets the constant of `type` still has its members compared."""
    first = record(type={"const": "a"}, x=TEXT)

    assert found(first, record(type=TEXT)) == [
        ("create.reply.type=*", "value", "ours"),
        ("create.reply.x", "field", "ours"),
    ]


def test_a_difference_in_a_shared_schema_is_one() -> None:
    """It is named after the schema, and its path is the shortest."""
    first = record(deep=record(a=reference("Shared")), a=reference("Shared"))
    ours = contract_of(small(first, Shared=record(x=TEXT)), "ours")
    theirs = contract_of(small(first, Shared=record()), "theirs")

    (one,) = differences(ours, theirs)

    assert (one.where, one.path, one.schema) == ("Shared.x", ("create.reply", ".a", ".x"), "Shared")
    assert one.message == "Shared.x: only ours declares the field"


def test_an_operation_that_one_lacks_is_a_difference() -> None:
    """So is a stream, or a parameter of a get."""
    theirs = ours_changed()
    del theirs["paths"]["/interactions/{id}/cancel"]
    del theirs["components"]["responses"]["interaction_or_stream"]["content"]["text/event-stream"]
    parameters = theirs["paths"]["/interactions/{id}"]["get"]["parameters"]
    parameters[:] = [{"name": "page", "in": "query", "required": True, "schema": TEXT}]

    assert told(differences(our_contract(), contract_of(theirs))) == [
        ("cancel.error", "operation", "ours"),
        ("cancel.query", "operation", "ours"),
        ("cancel.reply", "operation", "ours"),
        ("create.stream", "operation", "ours"),
        ("get.query.include_input", "field", "ours"),
        ("get.query.last_event_id", "field", "ours"),
        ("get.query.page", "field", "document"),
        ("get.query.stream", "field", "ours"),
        ("get.stream", "operation", "ours"),
    ]


def test_a_start_of_a_step_is_compared_with_the_whole_step() -> None:
    """A document that types it as a whole step differs in what it requires."""
    theirs = ours_changed()
    start = theirs["components"]["schemas"]["event_step_start"]
    start["properties"]["step"] = reference("step")

    ones = differences(our_contract(), contract_of(theirs))

    assert {one.kind for one in ones} == {"required"}
    assert all(one.where.startswith("partial_") for one in ones)


def test_our_contract_does_not_differ_from_itself() -> None:
    """Nor from itself under other names and in another order."""
    content = ours_changed()
    assert differences(our_contract(), contract_of(content)) == []

    schemas = content["components"]["schemas"]
    names = {f"#/components/schemas/{name}": f"#/components/schemas/S{n}" for n, name in enumerate(schemas)}
    content["components"]["schemas"] = {f"S{n}": schemas[name] for n, name in enumerate(schemas)}
    assert differences(our_contract(), contract_of(_renamed(content, names))) == []


def _renamed(value: Any, names: dict[str, str]) -> Any:
    match value:
        case dict():
            return {key: _renamed(item, names) for key, item in reversed(value.items())}
        case list():
            return [_renamed(item, names) for item in value]
        case str() if value.split("/$defs")[0] in names:
            return names[value.split("/$defs")[0]] + value.removeprefix(value.split("/$defs")[0])
    return value


def test_two_contracts_of_one_name_are_refused() -> None:
    """Nobody could tell whose a difference is; a file called ours.json is the likely way there."""
    with pytest.raises(UsageRefused, match="both are called 'ours'"):
        differences(our_contract(), contract_of(ours_changed(), "ours"))


# Nothing is overlooked: one change everywhere in our own document must be told of every place.


def schemas_of(content: Schema) -> list[tuple[str, Schema]]:
    return list(content["components"]["schemas"].items())


def objects_of(content: Schema) -> Iterator[tuple[str, Schema]]:
    for name, schema in schemas_of(content):
        if "properties" in schema:
            yield name, schema


def changed(change: Callable[[Schema], list[str]]) -> tuple[set[str], set[str]]:
    """Give the places that were changed and the places that are told."""
    content = ours_changed()
    places = change(content)
    return set(places), {one.where for one in differences(our_contract(), contract_of(content))}


def test_no_new_field_is_overlooked() -> None:
    """Every object of the contract is compared."""

    def change(content: Schema) -> list[str]:
        for _, schema in objects_of(content):
            schema["properties"]["brand_new"] = {}
        return [f"{name}.brand_new" for name, _ in objects_of(content)]

    expected, seen = changed(change)
    assert seen == expected


@pytest.mark.parametrize("keyword", ["deprecated", "required"])
def test_no_changed_member_is_overlooked(keyword: str) -> None:
    """Every declared member of every object is compared."""

    def change(content: Schema) -> list[str]:
        places = []
        for name, schema in objects_of(content):
            required = schema.pop("required", [])
            if keyword == "required":
                schema["required"] = [member for member in schema["properties"] if member not in required]
            else:
                schema["required"] = required
                for member in schema["properties"].values():
                    member["deprecated"] = not member.get("deprecated", False)
            places += [f"{name}.{member}" for member in schema["properties"]]
        return places

    expected, seen = changed(change)
    assert seen >= expected
    assert {place.split(".")[0] for place in seen - expected} <= {
        "get"
    }  # a parameter of a get is no component


def test_no_new_word_is_overlooked() -> None:
    """Every list of words that stands in a member is compared there."""

    def change(content: Schema) -> list[str]:
        lists = {name for name, schema in schemas_of(content) if "x-open-enum" in schema}
        for name in lists:
            content["components"]["schemas"][name]["x-open-enum"].append("brand_new")
        places = []
        for name, schema in objects_of(content):
            for member, value in schema["properties"].items():
                if value.get("$ref", "").rpartition("/")[2] in lists:
                    places.append(f"{name}.{member}=brand_new")
                if "x-open-enum" in value:
                    value["x-open-enum"].append("brand_new")
                    places.append(f"{name}.{member}=brand_new")
        return places

    expected, seen = changed(change)
    assert expected
    assert seen >= expected


def test_no_new_kind_is_overlooked() -> None:
    """Every union with a name is compared."""
    kind = record(type={"const": "brand_new"}, event_type={"const": "brand_new"})

    def change(content: Schema) -> list[str]:
        places = []
        for name, schema in schemas_of(content):
            if "oneOf" in schema:
                schema["oneOf"].append(kind)
                places.append(f"{name}[brand_new]")
        return places

    expected, seen = changed(change)
    assert len(expected) >= 10
    assert seen >= expected


def test_no_changed_type_is_overlooked() -> None:
    """Every member with a plain type is compared."""

    def change(content: Schema) -> list[str]:
        places = []
        for name, schema in objects_of(content):
            for member, value in schema["properties"].items():
                if value.get("type") in ("string", "integer", "number", "boolean") and "anyOf" not in value:
                    value["type"] = "null"
                    places.append(f"{name}.{member}:null")
        return places

    expected, seen = changed(change)
    assert len(expected) > 100
    assert seen >= expected


# Documents made to hurt.


def test_values_that_hold_each_other_are_compared_once() -> None:
    """The walk ends, and finds what differs behind the cycle."""
    first = {"A": record(b=reference("B")), "B": record(a=reference("A"), x=TEXT)}
    second = {"A": record(b=reference("B")), "B": record(a=record(b=reference("B")))}

    ours, theirs = (
        contract_of(small(reference("A"), **one), name)
        for name, one in zip("oh", (first, second), strict=True)
    )
    assert told(differences(ours, theirs)) == [("B.x", "field", "o")]


def test_a_chain_without_end_is_refused_in_words() -> None:
    """Ten thousand objects, each in the one before, in both documents."""
    chain = {f"L{n}": record(next=reference(f"L{n + 1}")) for n in range(10_000)}
    first = contract_of(small(reference("L0"), **chain, L10000=TEXT))

    with pytest.raises(OpenapiUnusable, match="nested too deeply"):
        differences(first, first)


def test_a_long_chain_that_only_one_has_ends_at_its_first_link() -> None:
    """What the other does not know is not walked."""
    chain = {f"L{n}": record(next=reference(f"L{n + 1}")) for n in range(10_000)}
    content = ours_changed()
    content["components"]["schemas"] |= chain | {"L10000": TEXT}
    content["components"]["schemas"]["interaction"]["properties"]["chain"] = reference("L0")

    assert told(differences(our_contract(), contract_of(content))) == [
        ("interaction.chain", "field", "document")
    ]
