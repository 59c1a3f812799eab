"""What the service refuses, with which status and code, and that it says where."""

from typing import Any

import pytest

from tests.server.talking import PATH, Talk, calls_of, refusal_of

CLOCK = {"type": "function", "name": "get_time", "parameters": {"type": "object", "properties": {}}}
RESULT = {"type": "function_result", "name": "get_time", "call_id": "x", "result": "12:00"}
USER = {"type": "user_input", "content": [{"type": "text", "text": "What time is it?"}]}
TEXT = {"type": "text", "text": "Hello"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "line 1, column 1"),
        (b'{"model": ', "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"\xff"', "not UTF-8"),
        (b'{"model": "gemini-3.5-flash", "input": "\\ud800"}', "surrogate"),
        (b'{"model": "gemini-3.5-flash", "input": NaN}', "NaN"),
        (b'{"model": "gemini-3.5-flash", "input": 1e999}', "out of range"),
        (b"[" * 100_000, "nested"),
    ],
)
def test_a_body_that_is_no_object_of_json_is_refused(talk: Talk, body: bytes, says: str) -> None:
    """400 invalid_request, with the reason."""
    status, code, message = refusal_of(talk.send("POST", PATH, body))
    assert (status, code) == (400, "invalid_request")
    assert says in message


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"model": None}, "'/model'"),
        ({"input": 3}, "'/input'"),
        ({"input": "Hello", "stream": "yes"}, "'/stream'"),
        ({"input": "Hello", "tools": [{"type": "function", "name": 3}]}, "'/tools/0/name'"),
        ({"input": [{"type": "text"}]}, "'/input/0"),
        ({"input": "Hello", "generation_config": {"max_output_tokens": "5"}}, "max_output_tokens'"),
        ({"input": "Hello", "tool_choice": "any"}, "Unknown parameter 'tool_choice'."),
        ({"input": "Hello", "systemInstruction": "x"}, "Unknown parameter 'systemInstruction'."),
        ({"input": "Hello", "generation_config": {"topK": 3}}, "'topK' at '/generation_config'"),
        ({"input": "Hello", "generation_config": {"thinking_level": "huge"}}, "huge"),
        ({"input": "Hello", "tools": [{"type": "google_serach"}]}, "'google_serach' is not supported"),
        ({"input": [{"type": "texts", "text": "x"}]}, "'texts' is not supported"),
        (
            {"input": [{"type": "user_input", "content": [{**RESULT, "result": 3}]}]},
            "/input/0/content/0/result",
        ),
        ({}, "Missing input"),
        ({"input": ""}, "empty input"),
        ({"input": []}, "empty input"),
        ({"input": [{"type": "text", "text": ""}]}, "empty input"),
        ({"input": USER}, "put it into a list"),
        ({"input": [TEXT, USER]}, "'/input/0' is a content"),
        ({"input": [{"role": "user", "content": "Hello"}]}, "older API"),
        ({"input": "Hello", "agent_config": {"type": "dynamic"}}, "agent_config"),
        ({"input": "Hello", "cached_content": "x"}, "Unknown parameter 'cached_content'."),
        ({"input": "Hello", "background": True, "store": False}, "background"),
        ({"input": "Hello", "continuation_token": "eA=="}, "continuation_token"),
        ({"input": "Hello", "tools": [{"type": "function"}]}, "/tools/0"),
        ({"input": "Hello", "tools": [CLOCK, CLOCK]}, "declared twice"),
        ({"input": "Hello", "generation_config": {"tool_choice": "any"}}, "at least one"),
        (
            {"input": "Hello", "generation_config": {"tool_choice": {"allowed_tools": {"tools": ["nope"]}}}},
            "'nope'",
        ),
        ({"input": [RESULT]}, "needs a previous_interaction_id"),
        ({"input": [USER, RESULT]}, "needs a previous_interaction_id"),
        (
            {
                "model": "gemini-3.1-pro-preview",
                "input": "x",
                "generation_config": {"thinking_level": "minimal"},
            },
            "high, low, medium",
        ),
        ({"agent": "deep-research-preview-04-2026", "input": "Hello"}, "background"),
        ({"agent": "antigravity-preview-09-2026", "input": "Hello"}, "environment"),
        (
            {
                "agent": "deep-research-preview-04-2026",
                "background": True,
                "input": "x",
                "tools": [{**CLOCK}],
            },
            "takes no functions",
        ),
        (
            {
                "agent": "deep-research-preview-04-2026",
                "background": True,
                "input": "x",
                "response_format": {"type": "text", "mime_type": "application/json", "schema": {}},
            },
            "no structured output",
        ),
        ({"input": "Hello", "webhook_config": {"uris": ["https://example.com"]}}, "background"),
        ({"input": "Hello", "background": True, "continuation_token": "AAAA"}, "foreground"),
        (
            {"input": "Hello", "tools": [{"type": "file_search"}, {"type": "google_search"}]},
            "cannot be combined with 'google_search'",
        ),
        ({"input": "Hello", "tools": [{"type": "mcp_server", "name": "my-server"}]}, "hyphen"),
        ({"input": "Hello", "response_format": {"type": "text", "schema": {}}}, "application/json"),
        ({"input": "Hello", "response_format": {"type": "video"}}, "no videos"),
        ({"input": "Hello", "response_format": {"type": "image", "mime_type": "image/gif"}}, "image/gif"),
        ({"input": "Hello", "response_format": {"type": "audio", "mime_type": "audio/x"}}, "audio/x"),
        ({"input": "Hello", "response_format": {"type": "audio", "sample_rate": 1}}, "sample_rate"),
        ({"input": "Hello", "labels": {"Team": "x"}}, "label 'Team'"),
        ({"input": "Hello", "labels": {"team": "x" * 64}}, "label 'team'"),
        (
            {"agent": "antigravity-preview-09-2026", "input": "Hello", "generation_config": {}},
            "generation_config",
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_request_is_invalid(talk: Talk, body: dict[str, Any], says: str, *, stream: bool) -> None:
    """400 invalid_request in plain JSON, streaming or not, and nothing is counted or kept."""
    more = {"stream": True} if stream and "stream" not in body else {}
    status, code, message = talk.refusal(**body, **more)
    assert (status, code) == (400, "invalid_request")
    assert says in message
    assert talk.create(input="Hello") == Talk().create(input="Hello")


def test_a_model_and_an_agent_together_are_refused(talk: Talk) -> None:
    """Exactly one of both (IX-CREATE-004, IX-CREATE-005)."""
    both = b'{"model": "gemini-3.5-flash", "agent": "antigravity-preview-09-2026", "input": "x"}'
    assert "not both" in refusal_of(talk.send("POST", PATH, both))[2]
    assert "Provide a" in refusal_of(talk.send("POST", PATH, b'{"input": "x"}'))[2]


def test_an_unknown_model_is_not_found_and_the_nearest_is_named(talk: Talk) -> None:
    """404 model_not_found (IX-ERR-012)."""
    status, code, message = talk.refusal(model="gemini-3.5-flahs", input="Hello")
    assert (status, code) == (404, "model_not_found")
    assert "'gemini-3.5-flash'" in message


def test_an_unknown_agent_is_not_found(talk: Talk) -> None:
    """404 not_found, as recorded."""
    assert talk.refusal(agent="antigravty-preview-09-2026", input="Hello")[:2] == (404, "not_found")


def test_an_unknown_previous_interaction_is_not_found(talk: Talk) -> None:
    """No empty history in its place (IX-TURN-008)."""
    assert talk.refusal(input="Hello", previous_interaction_id="v1_x")[:2] == (404, "not_found")


def test_a_result_for_an_unknown_call_is_refused(talk: Talk) -> None:
    """The call_id is named (IX-FUNC-009)."""
    turn = talk.ask(input="What time is it?", tools=[CLOCK])
    status, code, message = talk.refusal(input=[RESULT], previous_interaction_id=turn["id"])
    assert (status, code) == (400, "invalid_request")
    assert "'x'" in message


def test_every_call_needs_its_result(talk: Talk) -> None:
    """One of two left out, none at all, or a question instead: refused (IX-FUNC-020)."""
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{**CLOCK, "parameters": city}]
    turn = talk.ask(input="What time is it in London and Paris?", tools=tools)
    london, paris = calls_of(turn)
    for wrong in ([{**RESULT, "call_id": london["id"]}], "And in Rome?"):
        status, code, message = talk.refusal(input=wrong, previous_interaction_id=turn["id"], tools=tools)
        assert (status, code) == (400, "invalid_request")
        assert paris["id"] in message


@pytest.mark.parametrize("query", ["stream=perhaps", "last_event_id=3", "include_input=2"])
def test_a_get_with_a_wrong_query_is_refused(talk: Talk, query: str) -> None:
    """`last_event_id` goes only with `stream=true`; flags are true or false."""
    name = talk.ask(input="Hello")["id"]
    assert refusal_of(talk.send("GET", f"{PATH}/{name}?{query}"))[:2] == (400, "invalid_request")
