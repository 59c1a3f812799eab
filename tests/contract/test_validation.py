"""Our compiled validator: the verdicts of a stock one, and messages that say what is wrong and where."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from conformance.contract.places import folder
from conformance.contract.store import BASE, SchemaStore, contract
from conformance.contract.validation import Validation
from conformance.errors import DataFolderMissing, SchemaBroken
from conformance.wire.recording import read_recording

RECORDINGS = sorted(
    path for path in (Path(__file__).parents[1] / "recordings").iterdir() if path.suffix != ".md"
)
CASSETTES = sorted(folder("cassettes").rglob("*.yaml"))
ROOTS = {
    "request": "create_request",
    "interaction": "interaction",
    "event": "event",
    "error": "error_envelope",
}
SEED = 7
MUTATIONS = 1000


@cache
def stock(name: str) -> Draft202012Validator:
    """A stock validator that knows all of our files."""
    resources = (
        (f"{BASE}{other}.json", Resource.from_contents(contract().file(other), DRAFT202012))
        for other in contract().names()
    )
    return Draft202012Validator({"$ref": f"{BASE}{name}.json"}, registry=Registry().with_resources(resources))


def documents(path: Path) -> Iterator[tuple[str, Any]]:
    """The JSON values of a recording, each with the schema it has to match."""
    for document in read_recording(path).trace.documents:
        if document.kind in ROOTS:
            yield f"interactions/{ROOTS[document.kind]}", document.json


def ours(name: str, value: Any) -> Validation:
    """What our validator finds."""
    return contract().validate(name, value)


@pytest.mark.parametrize("path", [*RECORDINGS, *CASSETTES], ids=lambda path: path.name)
def test_both_validators_agree_on_what_was_recorded(path: Path) -> None:
    """The compiled schema and the stock validator give one verdict on each body and event."""
    for name, value in documents(path):
        assert (not ours(name, value).problems) == stock(name).is_valid(value), value


def test_both_validators_agree_on_what_was_broken() -> None:
    """And on hundreds of values that a key, a type or a name was changed in."""
    chance = random.Random(SEED)
    known = [found for path in [*RECORDINGS, *CASSETTES] for found in documents(path)]
    verdicts = []
    for _ in range(MUTATIONS):
        name, value = chance.choice(known)
        broken = mutated(value, chance)
        verdicts.append(not ours(name, broken).problems)

        assert stock(name).is_valid(broken) == verdicts[-1], (name, broken, ours(name, broken).problems)

    assert 0.1 < sum(verdicts) / len(verdicts) < 0.9, (
        "the mutations are too weak or too strong to tell anything"
    )


def mutated(value: Any, chance: random.Random) -> Any:
    """A copy with one change at a place taken by chance."""
    copy = deepcopy(value)
    inside = list(places(copy))
    if not inside:
        return chance.choice(OTHERS)
    holder, key = chance.choice(inside)
    match chance.choice(["drop", "type", "null", "rename"]):
        case "drop":
            del holder[key]
        case "type":
            holder[key] = chance.choice(OTHERS)
        case "null":
            holder[key] = None
        case "rename":
            rename(holder, key, chance)
    return copy


OTHERS: list[Any] = [
    "",
    "text",
    0,
    -1,
    1.0,
    1.5,
    True,
    [],
    ["text"],
    [{}],
    {},
    {"type": "text"},
    {"type": "new"},
]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every member and every item, with what holds it."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def rename(holder: Any, key: Any, chance: random.Random) -> None:
    """Misspell the key of a member, or the text that stands there."""
    if isinstance(holder[key], str) and chance.random() < 0.7:
        holder[key] = holder[key][1:] or "x"
    elif isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)


def step(**content: Any) -> dict[str, Any]:
    """An interaction with one block of text, changed."""
    block = {"type": "text", "text": "Hello", **content}
    return {"status": "completed", "steps": [{"type": "model_output", "content": [block]}]}


def test_an_unknown_kind_is_drift_with_the_nearest_name() -> None:
    """The contract may be behind, or somebody mistyped: both read the message."""
    event = {"event_type": "step.delta", "index": 0, "delta": {"type": "argument_delta", "arguments": "{}"}}

    found = ours("interactions/event", event)

    (drift,) = found.drift
    assert found.problems == []
    assert (drift.pointer, drift.kind, drift.name) == ("/delta/type", "variant", "argument_delta")
    assert drift.message == "unknown type \"argument_delta\"; did you mean 'arguments_delta'?"


def test_an_unknown_event_is_drift_with_the_nearest_name() -> None:
    """The outer union speaks, not the branches within."""
    (drift,) = ours("interactions/event", {"event_type": "step.begin", "index": 0}).drift

    assert (drift.pointer, drift.kind) == ("/event_type", "variant")
    assert drift.message.startswith('unknown event_type "step.begin"')


def test_a_wrong_event_type_is_not_taken_for_another_event() -> None:
    """A near miss names what was meant."""
    (drift,) = ours("interactions/event", {"event_type": "step.strat", "index": 0}).drift

    assert drift.message == "unknown event_type \"step.strat\"; did you mean 'step.start'?"


@pytest.mark.parametrize(
    ("delta", "pointer", "said"),
    [({}, "/delta", "it is missing"), ({"type": 5}, "/delta/type", "expected a string, found 5")],
)
def test_a_missing_discriminator_is_a_problem(delta: Any, pointer: str, said: str) -> None:
    """Nothing tells which branch to look at, so none is."""
    (problem,) = ours("interactions/event", {"event_type": "step.delta", "index": 0, "delta": delta}).problems

    assert problem.pointer == pointer
    assert problem.message == f"the member 'type' tells which kind this is: {said}"
    assert problem.schema == "interactions/delta"


def test_a_missing_member_is_named_where_it_is_missing() -> None:
    """Three levels down, one problem, and it names the innermost schema."""
    value = step()
    del value["steps"][0]["content"][0]["text"]

    (problem,) = ours("interactions/interaction", value).problems

    assert problem.pointer == "/steps/0/content/0"
    assert problem.message == "the member 'text' is missing"
    assert problem.schema == "interactions/content_text"


def test_a_wrong_type_in_an_annotation_is_named() -> None:
    """The pointer leads to the value, the message shows it."""
    citation = {"type": "url_citation", "start_index": "0", "url": "https://a.example"}

    (problem,) = ours("interactions/interaction", step(annotations=[citation])).problems

    assert problem.pointer == "/steps/0/content/0/annotations/0/start_index"
    assert problem.message == 'expected an integer, found "0"'
    assert problem.schema == "interactions/annotation_url_citation"


def test_a_misspelt_word_of_an_open_list_is_drift() -> None:
    """It names the nearest word."""
    (drift,) = ours("interactions/interaction", {"status": "complete"}).drift

    assert (drift.pointer, drift.kind) == ("/status", "value")
    assert drift.message == "unknown value \"complete\"; did you mean 'completed'?"


def test_a_misspelt_field_is_drift() -> None:
    """It names the nearest field that is not there."""
    (drift,) = ours("interactions/interaction", {"status": "completed", "creatd": "x"}).drift

    assert (drift.pointer, drift.kind, drift.name) == ("/creatd", "field", "creatd")
    assert drift.message == "unknown field 'creatd'; did you mean 'created'?"


def test_pointers_are_escaped() -> None:
    """RFC 6901: a slash in a name is `~1`, a tilde `~0`."""
    (drift,) = ours("interactions/interaction", {"status": "completed", "a/b~c": 1}).drift

    assert drift.pointer == "/a~1b~0c"


def test_null_is_not_accepted() -> None:
    """A member without a value is left out."""
    (problem,) = ours("interactions/interaction", {"status": "completed", "steps": None}).problems

    assert (problem.pointer, problem.message) == ("/steps", "expected an array, found null")


def test_long_values_are_shortened() -> None:
    """A message stays one line, whatever the value."""
    (problem,) = ours("interactions/interaction", {"status": "completed", "steps": "a" * 5000}).problems

    assert len(problem.message) < 100


# The store. Each test writes the files of a small contract.


def store(root: Path, **schemas: Any) -> SchemaStore:
    """A store of these schemas, each with its `$id` unless it has one or is text."""
    (root / "api").mkdir()
    for name, schema in schemas.items():
        whole = {"$id": f"{BASE}api/{name}.json", **schema} if isinstance(schema, dict) else schema
        (root / "api" / f"{name}.json").write_text(whole if isinstance(whole, str) else json.dumps(whole))
    return SchemaStore(root)


def broken(schemas: SchemaStore, value: Any = None) -> str:
    """What using the schema `api/a` raises."""
    with pytest.raises(SchemaBroken) as caught:
        schemas.validate("api/a", value)
    return str(caught.value)


def test_a_reference_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    """With the file and the place where it stands."""
    schemas = store(tmp_path, a={"properties": {"b": {"items": {"$ref": "none.json"}}}})

    assert broken(schemas) == (
        "api/a.json /properties/b/items/$ref: 'none.json' does not resolve: there is no such schema"
    )


@pytest.mark.parametrize(
    "reference", ["#/$defs/none", "#/title", "../other/b.json", "https://example.com/b.json"]
)
def test_nothing_is_looked_up_elsewhere(tmp_path: Path, reference: str) -> None:
    """Neither in other folders nor in the network, and a title is no schema."""
    message = broken(store(tmp_path, a={"title": "A", "$ref": reference}))

    assert message.startswith(f"api/a.json /$ref: {reference!r} does not resolve: ")


def test_a_definition_is_resolved(tmp_path: Path) -> None:
    """In its own file, and in another one."""
    schemas = store(
        tmp_path,
        a={"$ref": "#/$defs/b", "$defs": {"b": {"$ref": "c.json#/$defs/d"}}},
        c={"$defs": {"d": {"type": "string"}}},
    )

    assert [problem.message for problem in schemas.validate("api/a", 5).problems] == [
        "expected a string, found 5"
    ]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("{", "api/a.json: not JSON: Expecting property name"),
        ("[]", "api/a.json: a schema is an object here"),
        ("{}", "api/a.json: it has no `$id`"),
        (
            {"$id": "https://a.example"},
            f"api/a.json /$id: expected '{BASE}api/a.json', found 'https://a.example'",
        ),
        ({"pattern": "a"}, "api/a.json: the keyword pattern is not one of ours"),
        ({"properties": {"b": {"uniqueItems": True}}}, "api/a.json /properties/b: the keyword uniqueItems"),
        ({"properties": {"b": True}}, "api/a.json /properties/b: a schema is an object here"),
        ({"oneOf": [{"type": "string"}]}, "api/a.json: a oneOf needs a discriminator.propertyName"),
        (
            {"discriminator": {"propertyName": "type"}, "oneOf": [{"properties": {"kind": {"const": "b"}}}]},
            "api/a.json /oneOf/0: the branch declares no 'type'",
        ),
        (
            {
                "discriminator": {"propertyName": "type"},
                "oneOf": [{"properties": {"type": {"const": "b"}}}] * 2,
            },
            "api/a.json /oneOf/1: two branches are called 'b'",
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "string"}]},
            "api/a.json /anyOf/1: two branches accept string",
        ),
        ({"anyOf": [{"minimum": 5}]}, "api/a.json /anyOf/0: the branch does not tell its JSON type"),
        ({"if": {"properties": {}}}, "api/a.json /if: only `required` is understood here"),
    ],
)
def test_a_schema_that_cannot_be_used_is_broken(tmp_path: Path, schema: Any, message: str) -> None:
    """The error names file, place and fault before any value is looked at."""
    assert broken(store(tmp_path, a=schema)).startswith(message)


def test_a_schema_that_is_not_there_is_broken(tmp_path: Path) -> None:
    """Its name is in the message."""
    assert broken(store(tmp_path)) == "api/a.json: there is no such schema"


def test_a_cyclic_reference_works(tmp_path: Path) -> None:
    """A tree is described by itself, directly and by way of another file."""
    schemas = store(
        tmp_path,
        a={"type": "object", "properties": {"a": {"$ref": "a.json"}, "b": {"$ref": "b.json"}}},
        b={"type": "array", "items": {"$ref": "a.json"}},
    )

    (problem,) = schemas.validate("api/a", {"a": {"b": [{}, {"a": 5}]}}).problems

    assert (problem.pointer, problem.message) == ("/a/b/1/a", "expected an object, found 5")


def test_a_missing_data_folder_is_named() -> None:
    """The installation is incomplete, and the hint says so."""
    with pytest.raises(DataFolderMissing) as caught:
        folder("none")

    assert "'none'" in str(caught.value)
    assert caught.value.hint
