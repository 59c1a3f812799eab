"""Scenario files: values that are put in, and what they are called."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.contract.places import folder
from conformance.scenario.running import Options, Targets, cassette_path
from conformance.scenario.scenario import fill, find_scenarios, read_scenario, scenario_id

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


def test_a_scenario_is_known_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The id names the cassette: in our folder, beside a stranger's file, or where it is said."""
    monkeypatch.chdir(tmp_path)
    ours = folder("scenarios") / "interactions" / "text.scenario.yaml"
    theirs = tmp_path / "mine.scenario.yaml"
    assert scenario_id(ours) == "interactions/text"
    assert scenario_id(theirs) == "mine"
    assert cassette_path(ours) == folder("cassettes") / "interactions" / "text.yaml"
    assert cassette_path(theirs) == tmp_path / "mine.cassette.yaml"
    assert cassette_path(theirs, "tapes") == Path("tapes") / "mine.yaml"
    assert cassette_path(ours, "tapes") == Path("tapes") / "interactions" / "text.yaml"


def test_scenarios_of_one_name_in_two_folders_share_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither subject, nor key, nor cassette; a path that leads upwards does not leave the folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    names = ("a/x", "b/x", "a-x", "x", "../x", "a%2Fx", "a x", "ä/x")
    paths = [Path(f"{name}.scenario.yaml") for name in names]
    targets = Targets(Options())
    keys = {targets.key("embedded", scenario_id(path)) for path in paths}
    cassettes = {cassette_path(path, "tapes").resolve() for path in paths}
    assert [scenario_id(path) for path in paths] == list(names)
    assert scenario_id(tmp_path / "here" / "a" / "x.scenario.yaml") == "a/x"
    assert len(keys) == len(cassettes) == len(names)
    assert all(key.isascii() and key.isprintable() and " " not in key for key in keys)
    assert all(path.is_relative_to(Path("tapes").resolve()) for path in cassettes)


def test_what_is_written_is_read_without_libyaml_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """libyaml takes more than the loader in Python, such as a `?` in a flow map; not everyone has it."""
    files = find_scenarios([str(folder("scenarios"))])
    fast = [read_scenario(file) for file in files]
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert [read_scenario(file) for file in files] == fast


def test_every_scenario_of_ours_can_be_read() -> None:
    """And says what it shows, in a sentence, with a source."""
    files = sorted(folder("scenarios").rglob("*.scenario.yaml"))
    assert len(files) >= 20
    for scenario in map(read_scenario, files):
        assert scenario.title
        assert scenario.exercises
        assert not scenario.title.endswith(".")
