"""What the model says: the documented conversations, and functions in all their forms."""

import json
from typing import Any

import jsonschema
import pytest

from conformance.server.arguments import calls_for
from tests.server.talking import Talk, calls_of, text_of

SEARCH = [{"type": "google_search"}]
CLOCK: dict[str, Any] = {
    "type": "function",
    "name": "get_current_temperature",
    "description": "Gets the current temperature for a given location.",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}
OTHER = {"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}}
ASK = "What's the temperature in London?"
DOGS, PAWS = "I have 2 dogs in my house.", "How many paws are in my house?"


def result_for(call: dict[str, Any], result: Any, **more: Any) -> dict[str, Any]:
    return {"type": "function_result", "name": call["name"], "call_id": call["id"], "result": result, **more}


def user(text: str) -> dict[str, Any]:
    return {"type": "user_input", "content": [{"type": "text", "text": text}]}


def test_a_second_turn_knows_the_first(talk: Talk) -> None:
    """Two dogs have eight paws; without the first turn there are no animals."""
    first = talk.ask(input=DOGS)
    assert "8" in text_of(talk.ask(input=PAWS, previous_interaction_id=first["id"]))
    assert "do not know" in text_of(talk.ask(input=PAWS))


def test_history_works_when_the_client_keeps_it(talk: Talk) -> None:
    """Stateless: the steps so far, unchanged, and the new question."""
    first = talk.ask(input=DOGS, store=False)
    second = talk.ask(input=[user(DOGS), *first["steps"], user(PAWS)], store=False)
    assert "8" in text_of(second)


def test_a_chain_may_branch_and_change_its_model(talk: Talk) -> None:
    """Two turns continue the same one; what one branch says the other does not know."""
    first = talk.ask(input=DOGS)["id"]
    cat = talk.ask(input="I have a cat, too.", previous_interaction_id=first, model="gemini-2.5-pro")["id"]
    assert "12" in text_of(talk.ask(input=PAWS, previous_interaction_id=cat))
    assert "8" in text_of(talk.ask(input=PAWS, previous_interaction_id=first))


def test_citations_mark_bytes(talk: Talk) -> None:
    """Slices of the UTF-8 bytes are whole sentences; slices of characters would not be (C17)."""
    answer = talk.ask(input="Who won the euro 2024?", tools=SEARCH)
    [block] = answer["steps"][-1]["content"]
    raw = block["text"].encode()
    backed = [raw[a["start_index"] : a["end_index"]].decode() for a in block["annotations"]]
    assert [part[:6] for part in backed] == ["España", "It was", "Álvaro"]
    assert all(part.endswith(".") for part in backed)
    last = block["annotations"][-1]
    assert block["text"][last["start_index"] : last["end_index"]] != backed[-1]


def test_a_search_comes_before_the_output_but_for_one_model(talk: Talk) -> None:
    """As recorded: gemini-2.5-flash tells what it searched for at the end (C11)."""
    kinds = [
        [
            step["type"]
            for step in talk.ask(input="Who won the euro 2024?", tools=SEARCH, model=model)["steps"]
        ]
        for model in ("gemini-3-flash-preview", "gemini-2.5-flash")
    ]
    assert kinds[0] == ["google_search_call", "google_search_result", "thought", "model_output"]
    assert kinds[1] == ["thought", "model_output", "google_search_call", "google_search_result"]


def test_a_question_that_needs_no_search_gets_none(talk: Talk) -> None:
    """The model decides (IX-SEARCH-002), and needs the tool."""
    for body in ({"input": "Hello", "tools": SEARCH}, {"input": "Who won the euro 2024?"}):
        assert [step["type"] for step in talk.ask(**body)["steps"]] == ["thought", "model_output"]


def test_a_search_counts_its_queries(talk: Talk) -> None:
    """grounding_tool_count is the number of queries; the suggestions hold each of them."""
    answer = talk.ask(input="What is the latest news on <b>?", tools=SEARCH)
    call, found, *_ = answer["steps"]
    assert answer["usage"]["grounding_tool_count"] == [{"type": "google_search", "count": 1}]
    assert call["id"] == found["call_id"]
    assert "&lt;b&gt;" in found["result"][0]["search_suggestions"]


def test_a_function_is_called_with_the_place_in_the_question(talk: Talk) -> None:
    """The first turn ends requires_action, stored or not."""
    for store in (True, False):
        answer = talk.ask(input=ASK, tools=[OTHER, CLOCK], store=store)
        assert answer["status"] == "requires_action"
        assert [(c["name"], c["arguments"]) for c in calls_of(answer)] == [
            (CLOCK["name"], {"location": "London"})
        ]


def test_two_places_are_two_calls_side_by_side(talk: Talk) -> None:
    """Parallel calls have ids of their own, and results may come in any order."""
    turn = talk.ask(input="What's the temperature in London and San Francisco?", tools=[CLOCK])
    london, francisco = calls_of(turn)
    assert [london["arguments"], francisco["arguments"]] == [
        {"location": "London"},
        {"location": "San Francisco"},
    ]
    results = [result_for(francisco, "warm"), result_for(london, "cold")]
    text = text_of(talk.ask(input=results, previous_interaction_id=turn["id"], tools=[CLOCK]))
    assert "San Francisco says: warm" in text
    assert "London says: cold" in text


@pytest.mark.parametrize(
    "result",
    [
        "15C and Cloudy",
        {"temperature": "15C", "condition": "Cloudy"},
        [{"type": "text", "text": '{"temperature": "15C", "condition": "Cloudy"}'}],
        {"content": [{"type": "text", "text": "15C, Cloudy"}]},
    ],
)
def test_a_result_is_used_whatever_its_form(talk: Talk, result: Any) -> None:
    """Text, object or list of contents (C08), also within a user_input, and without the tools again (C07)."""
    turn = talk.ask(input=ASK, tools=[CLOCK])
    told = result_for(calls_of(turn)[0], result)
    for turn_input in ([told], [{"type": "user_input", "content": [told]}]):
        answer = talk.ask(input=turn_input, previous_interaction_id=turn["id"])
        assert answer["status"] == "completed"
        assert "15C" in text_of(answer)
        assert "Cloudy" in text_of(answer)


def test_results_work_when_the_client_keeps_the_history(talk: Talk) -> None:
    """Stateless function calling (behaviours.md 4.2)."""
    turn = talk.ask(input=ASK, tools=[CLOCK], store=False)
    history = [user(ASK), *turn["steps"], result_for(calls_of(turn)[0], "15C")]
    assert "15C" in text_of(talk.ask(input=history, tools=[CLOCK], store=False))


def test_a_failed_function_is_said_to_have_failed(talk: Talk) -> None:
    """`is_error: true`."""
    turn = talk.ask(input=ASK, tools=[CLOCK])
    told = [result_for(calls_of(turn)[0], "no such place", is_error=True)]
    assert "failed: no such place" in text_of(talk.ask(input=told, previous_interaction_id=turn["id"]))


@pytest.mark.parametrize(
    ("choice", "question", "called"),
    [
        ("auto", ASK, ["get_current_temperature"]),
        ("auto", "Hello", []),
        ("any", "Hello", ["add"]),
        ("none", ASK, []),
        ("validated", ASK, ["get_current_temperature"]),
        (
            {"allowed_tools": {"mode": "any", "tools": ["get_current_temperature"]}},
            "Hello",
            ["get_current_temperature"],
        ),
        ({"allowed_tools": {"mode": "auto", "tools": ["add"]}}, ASK, []),
        ({"allowed_tools": {"mode": "none"}}, ASK, []),
    ],
)
def test_tool_choice_decides(talk: Talk, choice: Any, question: str, called: list[str]) -> None:
    """The four modes, and the object that limits the functions (IX-FUNC-024 to 027)."""
    answer = talk.ask(input=question, tools=[OTHER, CLOCK], generation_config={"tool_choice": choice})
    assert [call["name"] for call in calls_of(answer)] == called


SCHEMAS: list[dict[str, Any]] = [
    {"properties": {"x": {"type": "number"}, "y": {"type": "integer"}}, "required": ["x", "y"]},
    {"properties": {"unit": {"enum": ["celsius", "fahrenheit"]}}, "required": ["unit"]},
    {
        "properties": {"on": {"type": "boolean"}, "level": {"type": "integer", "minimum": 5, "maximum": 9}},
        "required": ["on", "level"],
    },
    {
        "properties": {"days": {"type": "array", "items": {"type": "string"}, "minItems": 3}},
        "required": ["days"],
    },
    {
        "properties": {"who": {"anyOf": [{"$ref": "#/$defs/p"}, {"type": "null"}]}},
        "required": ["who"],
        "$defs": {"p": {"type": "object", "properties": {"name": {"const": "Ada"}}, "required": ["name"]}},
    },
    {
        "properties": {
            "when": {"type": "string", "format": "date", "maxLength": 10},
            "id": {"type": "string", "minLength": 200},
        },
        "required": ["when", "id"],
    },
    {
        "allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}],
        "properties": {"b": {"type": ["integer", "null"]}},
        "required": ["b"],
    },
    {},
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_arguments_satisfy_the_declared_schema(schema: dict[str, Any]) -> None:
    """Whatever the declaration asks for within the part of JSON Schema that declarations use."""
    schema = {"type": "object", **schema}
    for arguments in calls_for({"name": "f", "parameters": schema}, "Sum 7.5 and 11 fahrenheit in Oslo"):
        jsonschema.validate(arguments, schema)


def test_arguments_come_from_the_question() -> None:
    """Numbers in their order, a value of an enum that is named."""
    schema = {"type": "object", **SCHEMAS[0]}
    assert calls_for({"parameters": schema}, "Use the add tool to sum 7 and 11.") == [{"x": 7, "y": 11}]
    schema = {"type": "object", **SCHEMAS[1]}
    assert calls_for({"parameters": schema}, "In Fahrenheit?") == [{"unit": "fahrenheit"}]


def test_arguments_that_refer_to_themselves_end() -> None:
    """A recursive schema does not recurse for ever."""
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert len(json.dumps(calls_for({"parameters": schema}, ""))) < 1000


def test_an_answer_that_is_too_long_is_incomplete(talk: Talk) -> None:
    """Thought tokens count first; with nothing left there are no steps at all, as recorded."""
    short = talk.ask(input="Explain how AI works in detail", generation_config={"max_output_tokens": 40})
    assert (short["status"], short["usage"]["total_output_tokens"]) == ("incomplete", 16)
    none = talk.ask(input=ASK, tools=[CLOCK], generation_config={"max_output_tokens": 30})
    assert none["status"] == "incomplete"
    assert "steps" not in none


def test_summaries_come_before_the_signature(talk: Talk) -> None:
    """Only with thinking_summaries auto (IX-THINK-011)."""
    config = {"thinking_summaries": "auto"}
    events = talk.events(input="Explain how AI works in a few words", generation_config=config)
    kinds = [event["delta"]["type"] for event in events if event["event_type"] == "step.delta"]
    assert kinds[:2] == ["thought_summary", "thought_signature"]


def test_arguments_come_in_fragments(talk: Talk) -> None:
    """More than one arguments_delta; joined they are the arguments."""
    events = talk.events(input=ASK, tools=[CLOCK])
    parts = [e["delta"]["arguments"] for e in events if e.get("delta", {}).get("type") == "arguments_delta"]
    assert len(parts) > 1
    assert json.loads("".join(parts)) == {"location": "London"}


def test_what_no_rule_knows_is_repeated(talk: Talk) -> None:
    """The fallback shows the start of the question, and braces in it are only braces."""
    assert text_of(talk.ask(input="{x} und {start}: " + "ä" * 500)).startswith(
        "You said: {x} und {start}: ää"
    )
