"""Our own scenarios name what they need, and no model where none is meant.

A file of somebody else's may do as it likes; ours are sent to models that their authors have never seen.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.models import models
from conformance.contract.places import folder
from conformance.scenario.scenario import Scenario, ScenarioCall, fill, names_in, read_scenario

FILES = sorted(folder("scenarios").rglob("*.scenario.yaml"))
ANSWERS = {"text", "image_output", "audio_output"}
PINNED = {
    "mcp_server": {"gemini-2.5-pro"},  # older models show the use of a server in two steps,
    "mcp_server_generic": {"gemini-3.8-flash"},  # newer ones in one
    "refusals": {"gemini-0-sundial"},
    "refusals_of_members": {"gemini-0-sundial"},
    "search_after_the_answer": {"gemini-2.5-flash"},
    "thinking": {"gemini-3.1-pro-preview"},  # which lacks a level
}
MEDIA = {"image", "audio", "document"}


def within(value: Any) -> Iterator[dict[str, Any]]:
    """Give every object in a JSON value."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from within(inner)


def filled(scenario: Scenario, call: ScenarioCall) -> dict[str, Any]:
    """Give the arguments of a call with what the scenario gives; other names stay."""
    names = {name: f"<{name}>" for name in names_in(call.arguments)}
    return dict(fill(call.arguments, {**names, **scenario.given}))


def used(arguments: dict[str, Any], call: ScenarioCall) -> Iterator[str]:
    """Tell what a request asks of a model and of an account."""
    tools = {tool["type"] for tool in arguments.get("tools", [])}
    formats = arguments.get("response_format", [])
    formats = formats if isinstance(formats, list) else [formats]
    settings = arguments.get("generation_config", {})
    by_schema = any("schema" in one for one in formats)
    yield from (tool for tool in tools if tool != "function")
    yield from (f"{one['type']}_output" for one in formats if one["type"] != "text")
    yield from (f"{one['type']}_input" for one in within(arguments.get("input")) if one.get("type") in MEDIA)
    told = {
        "function_calling": "function" in tools,
        "file_search_store": "file_search" in tools,
        "structured_output": by_schema,
        "tool_combination": bool(tools - {"function"}) and ("function" in tools or by_schema),
        "thinking_levels": "thinking_level" in settings,
        "thinking": "thinking_summaries" in settings
        or any(step.get("type") == "thought" for step in call.expect.includes),
        "audio_output": "speech_config" in settings,
        "service_tier": "service_tier" in arguments,
        "continuation": "continuation_token" in arguments,
    }
    yield from (word for word, is_used in told.items() if is_used)


def needed(scenario: Scenario) -> set[str]:
    """Tell what the requests of a scenario need that are not meant to be refused."""
    found: set[str] = set()
    for call in scenario.calls:
        if call.operation == "interactions.create" and call.raw is None and call.expect.http == 200:
            arguments = filled(scenario, call)
            words = set(used(arguments, call))
            found |= words if arguments.get("model") == "<model>" else words & set(models().account)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.partition(".")[0])
def test_a_scenario_names_what_it_needs(path: Path) -> None:
    """No more and no less; and how it wants to be answered."""
    scenario = read_scenario(path)
    chosen = any("<model>" in call.arguments.values() for call in scenario.calls)
    assert set(scenario.needs) - {"text"} == needed(scenario) - {"text"}
    assert len(ANSWERS & set(scenario.needs)) == chosen


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.partition(".")[0])
def test_a_scenario_names_a_model_only_where_that_one_is_meant(path: Path) -> None:
    """And nothing that only our own server has."""
    scenario = read_scenario(path)
    named = {call.arguments.get("model", "<model>") for call in scenario.calls} - {"<model>"}
    assert named == PINNED.get(path.name.partition(".")[0], set())
    text = path.read_text(encoding="utf-8")
    assert [thing.ours for thing in models().account.values() if thing.ours in text] == []


def test_every_word_of_the_table_is_needed_somewhere() -> None:
    """A word that no scenario needs tells nobody anything."""
    needs = {need for path in FILES for need in read_scenario(path).needs}
    assert needs == {*models().words, *models().account}
