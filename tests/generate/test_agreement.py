"""Our validator and jsonschema give one verdict (law 10 of the design), on right, wrong and arbitrary values.

CONFORMANCE_EXAMPLES=10000 pytest tests/generate/test_agreement.py
"""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conformance.contract.store import contract
from conformance.generate import instances, wrong_instances
from conformance.generate.schemas import DriftKind
from conformance.generate.values import HOSTILE
from tests.generate.effort import EXAMPLES, examples
from tests.generate.stock import NAMES, accepts

DRIFT: list[DriftKind] = ["field", "value", "variant"]
BODIES = [f"interactions/{name}" for name in ("event", "interaction", "create_request", "error_envelope")]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with a key into it, all the way down."""
    match value:
        case dict():
            entries: list[tuple[Any, Any]] = list(value.items())
        case list():
            entries = list(enumerate(value))
        case _:
            return
    for key, item in entries:
        yield value, key
        yield from places(item)


@st.composite
def disturbed(draw: st.DrawFn, name: str) -> Any:
    """Draw a right value with anything at all in one place of it."""
    value = draw(instances(name, depth=3))
    found = list(places(value))
    if not found:
        return draw(HOSTILE)
    container, key = draw(st.sampled_from(found))
    container[key] = draw(HOSTILE)
    return value


def values_for(name: str) -> st.SearchStrategy[Any]:
    """Draw values near the schema, on both sides of the line."""
    return st.one_of(
        instances(name, drift=DRIFT),
        wrong_instances(name).map(lambda wrong: wrong.value),
        disturbed(name),
        HOSTILE,
    )


@examples(EXAMPLES)
@given(st.data())
def test_a_value_has_one_verdict(data: st.DataObject) -> None:
    """What jsonschema accepts has no problem here, and what it refuses has one."""
    name = data.draw(st.sampled_from(NAMES) | st.sampled_from(BODIES))
    value = data.draw(values_for(name))

    problems = contract().validate(name, value).problems
    assert (problems == []) == accepts(name, value), problems
