"""Scenario files: values that are put in, and what they are called."""

from pathlib import Path
from typing import Any

import pytest

from conformance.contract.places import folder
from conformance.scenario.running import cassette_path
from conformance.scenario.scenario import fill, read_scenario, scenario_id

VALUES = {"one": 1, "rest": [2, 3], "tool": {"type": "function"}, "quoted": "<one>", "none": []}


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("<one>", 1),
        ("say <one>", "say <one>"),
        ({"tools": ["<tool>"]}, {"tools": [{"type": "function"}]}),
        (["<one>", "<rest...>", 4], [1, 2, 3, 4]),
        (["<rest>"], [[2, 3]]),
        (["<none...>"], []),
        ([["<rest...>"], {"deep": ["<rest...>"]}], [[2, 3], {"deep": [2, 3]}]),
        (["<one...>"], [1]),
        ("<rest...>", [2, 3]),
        ("<quoted>", "<one>"),
        (["<quoted>"], ["<one>"]),
        ("<>", "<>"),
        ("<One>", "<One>"),
        (None, None),
        (True, True),
    ],
)
def test_names_are_filled_in(value: Any, filled: Any) -> None:
    """A name is a whole value; with dots each item of a list; what a value holds is never a name."""
    assert fill(value, VALUES) == filled


def test_filling_in_changes_nothing_that_is_shared() -> None:
    """The arguments of a scenario stay as they are, for the next target."""
    arguments = {"input": ["<rest...>"]}
    fill(arguments, VALUES)
    assert arguments == {"input": ["<rest...>"]}
    assert VALUES["rest"] == [2, 3]


def test_a_scenario_of_ours_is_known_by_its_path_and_others_by_name(tmp_path: Path) -> None:
    """The id names the cassette: in our folder, beside a stranger's file, or where it is said."""
    ours = folder("scenarios") / "interactions" / "text.scenario.yaml"
    theirs = tmp_path / "mine.scenario.yaml"
    assert scenario_id(ours) == "interactions/text"
    assert scenario_id(theirs) == "mine"
    assert cassette_path(ours) == folder("cassettes") / "interactions" / "text.yaml"
    assert cassette_path(theirs) == tmp_path / "mine.cassette.yaml"
    assert cassette_path(theirs, "tapes") == Path("tapes") / "mine.yaml"


def test_every_scenario_of_ours_can_be_read() -> None:
    """And says what it shows, in a sentence, with a source."""
    files = sorted(folder("scenarios").rglob("*.scenario.yaml"))
    assert len(files) >= 20
    for scenario in map(read_scenario, files):
        assert scenario.title
        assert scenario.exercises
        assert not scenario.title.endswith(".")
