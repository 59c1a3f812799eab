"""Our exported OpenAPI document with what schemathesis's documentation says makes it find more.

    document = helped_document()

Three things are added, and nothing else is touched: every request of our scenarios that needs nothing from
an earlier answer, as an example; links, so that what was created is read, continued, cancelled and deleted;
and the schema of an event in the place of `contentSchema`, which no validator follows (`sse.py` reads the
JSON of each event for it).
"""

import copy
from collections.abc import Iterator
from typing import Any

from conformance.contract.openapi import openapi_document
from conformance.contract.places import folder
from conformance.scenario.needs import given
from conformance.scenario.scenario import Scenario, ScenarioCall, fill, find_scenarios, read_scenario

__all__ = ["helped_document"]

_ID = "$response.body#/id"


def helped_document(*, examples: bool = True) -> dict[str, Any]:
    """Give the exported document with links and events that are validated; with the examples, too."""
    document: dict[str, Any] = copy.deepcopy(openapi_document())
    create = document["paths"]["/interactions"]["post"]
    if examples:
        create["requestBody"]["content"]["application/json"]["examples"] = dict(_examples())
    answer = document["components"]["responses"]["interaction_or_stream"]
    answer["content"]["text/event-stream"]["itemSchema"]["properties"]["data"] = {
        "anyOf": [{"$ref": "#/components/schemas/event"}, {"const": "[DONE]"}]
    }
    create["responses"]["200"] = {**copy.deepcopy(answer), "links": _links()}
    return document


def _examples() -> Iterator[tuple[str, Any]]:
    for path in find_scenarios([str(folder("scenarios") / "interactions")]):
        scenario = read_scenario(path)
        for call in scenario.calls:
            if _stands_alone(scenario, call):
                name = f"{path.name.split('.')[0]}-{call.name}"
                yield name, {"value": fill(call.arguments, _values(scenario))}


def _stands_alone(scenario: Scenario, call: ScenarioCall) -> bool:
    """Tell whether a call is right, and can be made with its body alone."""
    if call.operation != "interactions.create" or call.expect.http != 200:
        return False
    if call.key != "good" or call.headers or call.query or call.body is not None:
        return False
    try:
        fill(call.arguments, _values(scenario))
    except KeyError:
        return False
    return True


def _values(scenario: Scenario) -> dict[str, Any]:
    return {**given(scenario), **scenario.given}


def _links() -> dict[str, Any]:
    others = ("get_interaction", "cancel_interaction", "delete_interaction")
    links: dict[str, Any] = {name: {"operationId": name, "parameters": {"id": _ID}} for name in others}
    body = {"model": "gemini-3.5-flash", "input": "And then?", "previous_interaction_id": _ID}
    links["continue"] = {"operationId": "create_interaction", "requestBody": body}
    return links
