"""A model that did not do what a scenario is about is asked more firmly, and nothing else changes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.places import folder
from conformance.scenario.live.insisting import insisting
from conformance.scenario.scenario import Expectation, Scenario, ScenarioCall, read_scenario

WEATHER = {"type": "function_call", "name": "get_weather"}


def scenario(arguments: dict[str, Any] | None = None, **expect: Any) -> Scenario:
    """A scenario of one call."""
    call = ScenarioCall(
        "ask", "interactions.create", {"input": "Hi", **(arguments or {})}, expect=Expectation(**expect)
    )
    return Scenario("mine/one", Path("one.scenario.yaml"), "One", "", (), {}, (call,))


def said(one: Scenario, times: int) -> Any:
    """The system instruction of its first call."""
    return insisting(one, times).calls[0].arguments.get("system_instruction")


def test_at_first_nothing_is_added() -> None:
    """The first try is the scenario as it was written."""
    for path in sorted(folder("scenarios").rglob("*.scenario.yaml")):
        one = read_scenario(path)
        assert insisting(one, 0) is one


def test_what_is_expected_is_asked_for() -> None:
    """In the system instruction; the question itself and what is expected stay."""
    one = scenario(includes=(WEATHER, {"type": "model_output"}))
    firm = insisting(one, 1)
    words = "Call the function get_weather; do not answer without calling it."
    assert firm.calls[0].arguments == {"input": "Hi", "system_instruction": words}
    assert replace(firm, calls=one.calls) == one
    assert firm.calls[0].expect == one.calls[0].expect


def test_from_the_second_time_on_it_is_said_why() -> None:
    """The same sentence behind it."""
    one = scenario(includes=(WEATHER,))
    assert said(one, 2) == (
        "This is a test of your tools, and the answer itself does not matter. "
        "Call the function get_weather; do not answer without calling it."
    )
    assert said(one, 3) == said(one, 2)


def test_it_is_appended_to_what_the_scenario_says_itself() -> None:
    """Which may be what it is about."""
    one = scenario({"system_instruction": "Answer in French."}, includes=({"type": "google_search_call"},))
    assert (
        said(one, 1) == "Answer in French. Search with Google before you answer, even if you know the answer."
    )


def test_each_thing_is_said_once() -> None:
    """Two calls of one function are one sentence, two functions are two."""
    other = {"type": "function_call", "name": "get_time"}
    told = said(scenario(includes=(WEATHER, WEATHER, other)), 1)
    assert told.count("get_weather") == told.count("get_time") == 1


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"type": "url_context_call"}, "open the address"),
        ({"type": "code_execution_call"}, "use code"),
        ({"type": "google_maps_call"}, "use Google Maps"),
        ({"type": "file_search_call"}, "search the files"),
        ({"type": "mcp_server_tool_call", "server_name": "stocks"}, "a tool of the server stocks"),
        ({"type": "function_call"}, "Call the function the tool"),
        ({"type": "tool_call"}, "use a tool"),
    ],
)
def test_every_tool_has_its_words(step: dict[str, Any], words: str) -> None:
    """With the name of what is to be used, where there is one."""
    assert words in said(scenario(includes=(step,)), 1)


def test_a_tool_that_is_not_to_be_used_is_forbidden() -> None:
    """Where the scenario expects an answer without it."""
    assert said(scenario(lacks=("google_search_call",)), 1) == "Answer at once, without any tool."


@pytest.mark.parametrize(
    "one",
    [
        scenario(includes=({"type": "model_output"},), lacks=("user_input",)),
        scenario(http=400, includes=(WEATHER,)),
        replace(scenario(), calls=(ScenarioCall("get", "interactions.get", {"id": "v1_a"}),)),
        replace(
            scenario(),
            calls=(
                ScenarioCall("raw", "interactions.create", body="{", expect=Expectation(includes=(WEATHER,))),
            ),
        ),
    ],
    ids=["no tool", "a refusal", "no create", "a body by its letters"],
)
def test_what_depends_on_no_tool_stays_as_it_is(one: Scenario) -> None:
    """A refusal above all: another request might be refused for another reason."""
    assert insisting(one, 5) == one
