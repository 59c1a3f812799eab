"""What is drawn from a schema is right, by our validator and by a stock one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from conformance.contract.store import BASE, SchemaStore, contract
from conformance.generate import instances
from conformance.generate.schemas import DriftKind
from tests.generate.effort import examples
from tests.generate.stock import NAMES, accepts

DRIFT: list[DriftKind] = ["field", "value", "variant"]


@pytest.mark.parametrize("name", NAMES)
def test_drawn_values_are_right(name: str) -> None:
    """No problem, no drift, and jsonschema agrees."""

    @examples(4)
    @given(instances(name))
    def drawn_values_are_right(value: Any) -> None:
        found = contract().validate(name, value)
        assert found.problems == []
        assert found.drift == []
        assert accepts(name, value)

    drawn_values_are_right()


@pytest.mark.parametrize("kind", DRIFT)
def test_drift_is_drawn_when_it_is_asked_for(kind: DriftKind) -> None:
    """The kind that is asked for does come, no other comes, and none of it is wrong."""

    @examples(50)
    @given(instances("interactions/event", drift=[kind]))
    def only_this_kind(value: Any) -> None:
        found = contract().validate("interactions/event", value)
        assert found.problems == []
        assert {drift.kind for drift in found.drift} <= {kind}
        assert accepts("interactions/event", value)

    only_this_kind()
    find(
        instances("interactions/interaction", drift=[kind]),
        lambda value: bool(contract().validate("interactions/interaction", value).drift),
        settings=examples(500),
    )


@pytest.mark.parametrize("name", ["interactions/event", "interactions/create_request"])
def test_what_is_drawn_can_be_sent(name: str) -> None:
    """It survives JSON and UTF-8: no lone surrogates, no NaN."""

    @examples(50)
    @given(instances(name, drift=DRIFT))
    def can_be_sent(value: Any) -> None:
        sent = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        assert json.loads(sent) == value

    can_be_sent()


def _depth(value: Any) -> int:
    match value:
        case {"parts": [*parts]}:
            return 1 + max(map(_depth, parts), default=0)
    return 1


def test_a_schema_that_holds_itself_ends(tmp_path: Path) -> None:
    """A tree of trees is drawn to the depth that is asked for, and not below."""
    tree = {
        "$id": f"{BASE}tree.json",
        "type": "object",
        "properties": {"parts": {"type": "array", "items": {"$ref": "tree.json"}}},
    }
    (tmp_path / "tree.json").write_text(json.dumps(tree))
    store = SchemaStore(tmp_path)

    @examples(100)
    @given(instances("tree", depth=5, store=store))
    def ends(value: Any) -> None:
        assert _depth(value) <= 4

    ends()
    deep = find(
        instances("tree", depth=5, store=store), lambda value: _depth(value) > 2, settings=examples(500)
    )
    assert _depth(deep) == 3


@pytest.mark.parametrize("decisive", ["agent", "model"])
def test_each_case_of_an_if_is_drawn(decisive: str) -> None:
    """Requests for an agent and requests for a model."""
    name = "interactions/create_request"

    assert decisive in find(instances(name), lambda value: decisive in value, settings=examples(500))


@examples(50)
@given(st.data())
def test_both_cases_of_an_if_are_drawn_right(data: st.DataObject) -> None:
    """A create request is one for an agent or one for a model, never both."""
    value = data.draw(instances("interactions/create_request"))

    assert not {"agent", "model"} <= value.keys()
