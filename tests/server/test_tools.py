"""Built-in tools: what each yields, by the rules of `answers.yaml`."""

import ast
import base64
import io
import wave
from typing import Any

import pytest

from tests.server.questions import CLOCK, CODE, FILES, MAPS, PAGES, PICTURE, REMOTE, REQUESTS, SCREEN, SEARCH
from tests.server.talking import Talk, calls_of, text_of

DEEP: dict[str, Any] = {"model": "gemini-3.5-flash"}


def kinds(interaction: dict[str, Any]) -> list[str]:
    return [step["type"] for step in interaction["steps"]]


def cited(interaction: dict[str, Any]) -> list[tuple[str, str]]:
    """Give the parts of the answer that are cited, cut by bytes, with the type of the citation."""
    block = interaction["steps"][-1]["content"][0]
    raw = block["text"].encode()
    return [(raw[a["start_index"] : a["end_index"]].decode(), a["type"]) for a in block["annotations"]]


@pytest.mark.parametrize("body", REQUESTS.values(), ids=REQUESTS.keys())
def test_modalities_add_up(body: dict[str, Any]) -> None:
    """What is told by modality is the total, of input, output and tool use (IX-USAGE-006)."""
    usage = Talk().ask(**body)["usage"]
    for part in ("input", "output", "tool_use"):
        if f"{part}_tokens_by_modality" in usage:
            told = sum(entry["tokens"] for entry in usage[f"{part}_tokens_by_modality"])
            assert told == usage[f"total_{part}_tokens"]


@pytest.mark.parametrize("body", REQUESTS.values(), ids=REQUESTS.keys())
def test_every_result_names_its_call(body: dict[str, Any]) -> None:
    """Call and result are neighbours, and ids of calls are used once."""
    steps = Talk().ask(**body).get("steps", [])
    calls = [step["id"] for step in steps if "id" in step]
    assert len(set(calls)) == len(calls)
    for place, step in enumerate(steps):
        if "call_id" in step:
            assert steps[place - 1]["id"] == step["call_id"]


def test_a_program_is_shown_with_its_output(talk: Talk) -> None:
    """The thought, the call signed as the thought, the result, the answer (IX-CODE-002, 003, 012)."""
    answer = talk.ask(**REQUESTS["code"])
    thought, call, result, _ = answer["steps"]
    assert kinds(answer) == ["thought", "code_execution_call", "code_execution_result", "model_output"]
    assert call["signature"] == thought["signature"]
    assert call["arguments"]["language"] == "python"
    assert (result["result"], result["is_error"]) == ("5117\n", False)
    assert "5117" in text_of(answer)
    ast.parse(call["arguments"]["code"])


@pytest.mark.parametrize("question", ['Run this: say "hi"', "Execute {x} \\ 'y'", "python: ä\nb"])
def test_a_program_for_anything_is_python_that_prints_it(talk: Talk, question: str) -> None:
    """The program prints the question, whatever is in it, and runs nowhere."""
    call, result = talk.ask(input=question, tools=[CODE])["steps"][1:3]
    [printed] = ast.parse(call["arguments"]["code"]).body[0].value.args
    assert f"{printed.value}\n" == result["result"]


def test_a_program_that_fails_is_followed_by_one_that_does_not(talk: Talk) -> None:
    """Two pairs, the first with is_error (IX-CODE-004, 007)."""
    results = [s for s in talk.ask(**REQUESTS["code that fails"])["steps"] if "call_id" in s]
    assert [result["is_error"] for result in results] == [True, False]
    assert "ZeroDivisionError" in results[0]["result"]


def test_a_plot_comes_as_a_picture(talk: Talk) -> None:
    """The output has a text and an image (IX-CODE-008)."""
    text, picture = talk.ask(input="Plot a sine", tools=[CODE])["steps"][-1]["content"]
    assert (text["type"], picture["mime_type"]) == ("text", "image/png")
    assert base64.b64decode(picture["data"], validate=True).startswith(b"\x89PNG")


def test_a_search_and_a_program_go_together(talk: Talk) -> None:
    """Each tool has its steps, and the ids of their calls differ (IX-SEARCH-011)."""
    answer = talk.ask(**REQUESTS["code and search"])
    expected = "google_search_call google_search_result thought code_execution_call code_execution_result"
    assert kinds(answer) == [*expected.split(), "model_output"]


def test_a_search_may_come_before_a_function_call(talk: Talk) -> None:
    """As in the streaming guide: search steps, a thought, the call, requires_action."""
    answer = talk.ask(**REQUESTS["search, then functions"])
    assert answer["status"] == "requires_action"
    assert kinds(answer) == ["google_search_call", "google_search_result", "thought", "function_call"]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://example.com/page?x=1", "success"),
        ("http://localhost:8080/", "unsafe"),
        ("http://192.168.0.1/", "unsafe"),
        ("http://[::1]/", "unsafe"),
        ("https://news.example.com/paywall/1", "paywall"),
        ("https://www.youtube.com/watch", "error"),
        ("https://example.com/missing", "error"),
    ],
)
def test_a_page_is_read_or_not(talk: Talk, url: str, status: str) -> None:
    """A page that is not read does not fail the interaction (IX-URL-004, 007, 008, 011)."""
    answer = talk.ask(input=f"What does {url} say?", tools=[PAGES])
    call, result = answer["steps"][1:3]
    assert call["arguments"] == {"urls": [url]}
    assert result["result"] == [{"url": url, "status": status}]
    assert answer["status"] == "completed"
    assert ("annotations" in answer["steps"][-1]["content"][0]) == (status == "success")


def test_at_most_twenty_pages_are_read(talk: Talk) -> None:
    """IX-URL-005, each once."""
    question = " ".join(f"https://example.com/{number % 30}." for number in range(60))
    call = talk.ask(input=question, tools=[PAGES])["steps"][1]
    assert call["arguments"]["urls"] == [f"https://example.com/{number}" for number in range(20)]


def test_files_are_cited(talk: Talk) -> None:
    """Call and result without content, as observed; citations name file, page and store."""
    answer = talk.ask(**REQUESTS["files"])
    assert kinds(answer)[1:3] == ["file_search_call", "file_search_result"]
    assert [kind for _, kind in cited(answer)] == ["file_citation", "file_citation"]
    assert cited(answer)[0][0].endswith("“no exceptions”.")
    [first, _] = answer["steps"][-1]["content"][0]["annotations"]
    assert first["document_uri"].startswith(FILES["file_search_store_names"][0])


def test_places_are_cited_and_a_widget_comes_when_asked_for(talk: Talk) -> None:
    """IX-MAPS-004 to 007, and the map counts among the grounding tools."""
    answer = talk.ask(**REQUESTS["places"])
    result = answer["steps"][2]["result"][0]
    assert {"name", "place_id", "url", "review_snippets"} <= result["places"][0].keys()
    assert result["widget_context_token"]
    assert [kind for _, kind in cited(answer)] == ["place_citation", "place_citation"]
    assert answer["usage"]["grounding_tool_count"] == [{"type": "google_maps", "count": 1}]
    plain = talk.ask(**REQUESTS["places, no widget"])["steps"][2]["result"][0]
    assert "widget_context_token" not in plain


@pytest.mark.parametrize("tool", [CODE, PAGES, FILES, MAPS, SEARCH, REMOTE])
def test_a_tool_is_not_used_for_a_greeting(talk: Talk, tool: dict[str, Any]) -> None:
    """The model decides (IX-MAPS-010)."""
    assert kinds(talk.ask(input="Hello", tools=[tool])) == ["thought", "model_output"]


def test_a_remote_server_shows_as_observed_or_as_documented(talk: Talk) -> None:
    """Newer models show a bare tool_call between two outputs; older ones what the documents say."""
    body = {**REQUESTS["remote server"], "model": "gemini-3.8-flash"}
    answer = talk.ask(**body)
    assert kinds(answer) == ["tool_call", "model_output", "thought", "model_output"]
    assert answer["steps"][0].keys() == {"id", "signature", "type"}
    old = talk.ask(**REQUESTS["remote server"])
    assert kinds(old)[1:3] == ["mcp_server_tool_call", "mcp_server_tool_result"]
    assert old["steps"][1]["server_name"] == REMOTE["name"]
    allowed = {**REMOTE, "allowed_tools": [{"mode": "auto", "tools": ["radar", "forecast"]}]}
    named = talk.ask(input="Ask forecast", tools=[allowed], model="gemini-2.5-pro")
    assert named["steps"][1]["name"] == "forecast"


def screenshot(call: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {"type": "text", "text": '{"url": "https://www.example.com/"}'}
    return {
        "type": "function_result",
        "name": call["name"],
        "call_id": call["id"],
        "result": [told, PICTURE],
        **more,
    }


@pytest.mark.parametrize("environment", ["browser", "mobile", "desktop"])
@pytest.mark.parametrize("store", [True, False])
def test_the_screen_is_driven_action_by_action(talk: Talk, environment: str, *, store: bool) -> None:
    """One predefined function a turn with an intent, screenshots back, then an answer (IX-CU-003 to 012)."""
    tools = [{**SCREEN, "environment": environment}]
    question = {"type": "user_input", "content": [{"type": "text", "text": "Find a hotel"}]}
    history: list[dict[str, Any]] = [question]
    answer = talk.ask(input=history, tools=tools, store=store)
    names = []
    while answer["status"] == "requires_action":
        [call] = calls_of(answer)
        names.append(call["name"])
        assert isinstance(call["arguments"]["intent"], str)
        assert all(0 <= call["arguments"].get(axis, 0) <= 999 for axis in "xy")
        history += [*answer["steps"], screenshot(call)]
        chained = {"input": [screenshot(call)], "previous_interaction_id": answer.get("id")}
        answer = talk.ask(**(chained if store else {"input": history}), tools=tools, store=store)
    assert len(names) == 3
    assert answer["status"] == "completed"
    assert {"modality": "image", "tokens": 3 * 258} in answer["usage"]["input_tokens_by_modality"]


def test_a_screen_action_can_be_excluded_and_can_need_a_person(talk: Talk) -> None:
    """IX-CU-002; the last action of a careful task has a safety decision (IX-CU-008)."""
    tools = [{**SCREEN, "excluded_predefined_functions": ["navigate", "click"]}]
    [call] = calls_of(talk.ask(input="Buy a ticket", tools=tools))
    assert call["name"] == "type"
    assert call["arguments"]["safety_decision"]["decision"] == "require_confirmation"


def test_functions_may_stand_beside_the_screen(talk: Talk) -> None:
    """A question about a function calls it (IX-CU-013)."""
    [call] = calls_of(talk.ask(input="What's the temperature in Oslo?", tools=[SCREEN, CLOCK]))
    assert call["name"] == CLOCK["name"]


def test_allowed_tools_keep_from_the_screen_too(talk: Talk) -> None:
    """Its actions come as calls of functions, and none of them is named there (IX-FUNC-027)."""
    choice = {"allowed_tools": {"tools": [CLOCK["name"]]}}
    answer = talk.ask(input="Find a hotel", tools=[SCREEN, CLOCK], generation_config={"tool_choice": choice})
    assert (answer["status"], calls_of(answer)) == ("completed", [])


def test_a_picture_is_a_jpeg_in_one_block(talk: Talk) -> None:
    """By model, by response_format, in the old modalities (IX-FORMAT-009, 017)."""
    ways: list[dict[str, Any]] = [
        {"model": "gemini-2.5-flash-image"},
        {"response_format": {"type": "image", "aspect_ratio": "16:9", "image_size": "1K"}},
        {"response_modalities": ["image"]},
    ]
    for way in ways:
        [block] = talk.ask(input="A cat", **way)["steps"][-1]["content"]
        assert (block["type"], block["mime_type"]) == ("image", "image/jpeg")
        assert base64.b64decode(block["data"], validate=True).startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("audio/l16", b""),
        ("audio/wav", b"RIFF"),
        ("audio/mp3", b"\xff\xf3"),
        ("audio/ogg_opus", b"OggS"),
        ("audio/alaw", b"\xd5"),
        ("audio/mulaw", b"\xff"),
    ],
)
def test_a_sound_has_the_form_that_is_asked_for(talk: Talk, kind: str, begins: bytes) -> None:
    """IX-FORMAT-013."""
    form = {"type": "audio", "mime_type": kind, "sample_rate": 24000}
    [block] = talk.ask(input="Hello", response_format=form)["steps"][-1]["content"]
    sound = base64.b64decode(block["data"], validate=True)
    assert (block["mime_type"], block["sample_rate"], block["channels"]) == (kind, 24000, 1)
    assert sound.startswith(begins)
    if kind == "audio/wav":
        with wave.open(io.BytesIO(sound)) as read:
            assert (read.getframerate(), read.getnframes()) == (24000, 2400)


def test_an_address_can_stand_for_the_data(talk: Talk) -> None:
    """`delivery: uri` (IX-FORMAT-014)."""
    text, picture = talk.ask(**REQUESTS["picture and text"])["steps"][-1]["content"]
    assert text["type"] == "text"
    assert picture.keys() == {"mime_type", "uri", "type"}


def test_what_came_with_a_question_is_counted_and_named(talk: Talk) -> None:
    """Images, sounds, videos and documents count by modality (IX-USAGE-005)."""
    blocks = [{"type": kind, "uri": "files/x"} for kind in ("image", "audio", "video", "document")]
    answer = talk.ask(input=blocks)
    assert "image, audio, video, document" in text_of(answer)
    told = [entry["modality"] for entry in answer["usage"]["input_tokens_by_modality"]]
    assert told == ["text", "image", "audio", "video", "document"]


@pytest.mark.parametrize(("level", "tokens"), [("minimal", 0), ("low", 10), ("medium", 18), ("xhigh", 66)])
def test_a_level_tells_how_long_it_thinks(talk: Talk, level: str, tokens: int) -> None:
    """And thought tokens count in the total (IX-THINK-001, 009)."""
    usage = talk.ask(input="Hello", generation_config={"thinking_level": level})["usage"]
    assert usage["total_thought_tokens"] == tokens


@pytest.mark.parametrize("tier", ["flex", "standard", "priority"])
@pytest.mark.parametrize("stream", [True, False])
def test_the_tier_is_given_back(talk: Talk, tier: str, *, stream: bool) -> None:
    """In the body and in a header (IX-TIER-003, 004)."""
    answer = talk.create(input="Hello", service_tier=tier, stream=stream)
    assert ("X-Gemini-Service-Tier", tier) in answer.headers
    assert f'"service_tier":"{tier}"'.encode() in answer.body


def test_labels_are_given_back(talk: Talk) -> None:
    """International letters are fine."""
    labels = {"team": "search", "größe": "x-1_ä"}
    assert talk.ask(input="Hello", labels=labels)["labels"] == labels
