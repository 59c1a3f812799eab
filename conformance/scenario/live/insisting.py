"""The same question, asked more firmly: what is said to a model that did not do what a scenario is about.

Whether it calls a function or searches is the model's choice, and no fault; but a conversation in which it
does not shows nothing of what the scenario is meant to show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from conformance.scenario.scenario import Scenario, ScenarioCall

__all__ = ["insisting"]

_WORDS: Mapping[str, str] = {
    "function_call": "Call the function {name}; do not answer without calling it.",
    "google_search_call": "Search with Google before you answer, even if you know the answer.",
    "url_context_call": "You must use the tool for addresses, and open the address, before you answer.",
    "code_execution_call": "You must use code: write it and run it, however easy the answer is.",
    "google_maps_call": "You must use Google Maps before you answer.",
    "file_search_call": "You must search the files before you answer.",
    "mcp_server_tool_call": "You must use a tool of the server {server_name} before you answer.",
    "tool_call": "You must use a tool before you answer.",
}
"""What is said for a type of step that an answer is expected to have."""
_WITHOUT = "Answer at once, without any tool."
_ANY = "the tool"


def insisting(scenario: Scenario, times: int) -> Scenario:
    """Give a scenario that asks for what it expects, more firmly after so many times in vain."""
    if not times:
        return scenario
    return replace(scenario, calls=tuple(_firmer(call, times) for call in scenario.calls))


def _firmer(call: ScenarioCall, times: int) -> ScenarioCall:
    if call.operation != "interactions.create" or call.raw is not None or call.expect.http >= 300:
        return call
    words = " ".join(dict.fromkeys(_wanted(call)))
    if not words:
        return call
    if times > 1:
        words = f"This is a test of your tools, and the answer itself does not matter. {words}"
    before = call.arguments.get("system_instruction")
    whole = f"{before} {words}" if isinstance(before, str) else words
    return replace(call, arguments={**call.arguments, "system_instruction": whole})


def _wanted(call: ScenarioCall) -> Iterator[str]:
    steps: list[dict[str, Any]] = list(call.expect.includes)
    for step in steps:
        if (words := _WORDS.get(str(step.get("type")))) is not None:
            named = {name: step.get(name, _ANY) for name in ("name", "server_name")}
            yield words.format(**named)
    if any(kind in _WORDS for kind in call.expect.lacks):
        yield _WITHOUT
