"""What is drawn as wrong is wrong where it says, by our validator and by a stock one."""

import pytest
from hypothesis import find, given

from conformance.contract.store import contract
from conformance.generate import Wrong, wrong_instances
from tests.generate.effort import examples
from tests.generate.stock import NAMES, accepts


@pytest.mark.parametrize("name", NAMES)
def test_wrong_values_are_refused_where_they_are_wrong(name: str) -> None:
    """Our first problem points at the place; jsonschema refuses the value too."""

    @examples(6)
    @given(wrong_instances(name))
    def refused_where_wrong(wrong: Wrong) -> None:
        problems = contract().validate(name, wrong.value).problems
        assert wrong.pointer in [problem.pointer for problem in problems]
        assert not accepts(name, wrong.value)

    refused_where_wrong()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("interactions/event_step_stop", "the member 'index' is missing"),
        ("interactions/event_step_stop", "less than 0"),
        ("interactions/event_step_stop", "not of type integer"),
        ("interactions/delta", "the member 'type' is missing"),
        ("interactions/delta_text", "another value than 'text'"),
        ("interactions/tool_google_maps", "more than 90"),
        ("interactions/error_envelope", "the member 'code' is missing"),
    ],
)
def test_each_step_aside_is_taken(name: str, what: str) -> None:
    """Nothing that can be wrong is forgotten."""
    found = find(wrong_instances(name), lambda wrong: wrong.what == what, settings=examples(2000))

    assert contract().validate(name, found.value).problems
