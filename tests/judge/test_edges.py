"""What lies next to a violation and is none: the edges of checks, one by one."""

from typing import Any

import pytest

from conformance.judge.functions import types_of
from conformance.judge.judge import judge
from conformance.judge.requests import altered
from conformance.judge.verdict import Outcome, Report, Verdict
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.trace import Place, Trace
from tests.judge.outcomes import added, outcomes, put, removed
from tests.miniatures import patched, stream, trace_of

REFUSAL = {"error": {"code": "x", "message": "x"}}
KEY_REFUSED = {
    "error": {
        "code": 400,
        "message": "API key expired. Please renew the API key.",
        "status": "INVALID_ARGUMENT",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"},
        ],
    }
}
COLLECTION = "https://generativelanguage.googleapis.com/v1beta/interactions"


@pytest.mark.parametrize("status", [408, 409, 429, 500])
def test_a_revision_is_not_compared_with_a_busy_answer(status: int) -> None:
    """A timeout, a conflict, a limit or a fault says nothing of the header."""
    assert not outcomes("IX-REV-006", "access", put("/1/response/status", status))


@pytest.mark.parametrize("body", [KEY_REFUSED, [KEY_REFUSED]])
def test_a_key_that_expired_meanwhile_says_nothing_of_the_request(body: Any) -> None:
    """Neither of the header, nor of alt=sse, nor of whether a run can be followed."""
    refused = {"status": 400, "headers": {"content-type": "application/json"}, "body": body}

    assert not outcomes("IX-REV-006", "access", put("/1/response", refused))
    assert not outcomes("IX-STREAM-002", "plain", put("/3/response", refused))
    assert not outcomes("IX-BG-009", "background_stream", put("/3/response", refused))
    for other in ([], [REFUSAL], {"error": {**KEY_REFUSED["error"], "details": ["API_KEY_INVALID", {}]}}):
        assert outcomes("IX-STREAM-002", "plain", put("/3/response", {**refused, "body": other})) == ["warn"]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_a_busy_answer_says_nothing_of_alt_sse(status: int) -> None:
    """It would have come without it too."""
    assert (
        outcomes(
            "IX-STREAM-002", "plain", put("/3/response", {"status": status, "headers": {}, "body": REFUSAL})
        )
        == []
    )


def test_alt_sse_is_compared_with_a_stream_that_was_answered() -> None:
    """An error that is framed as an event is no stream, whatever its body looks like."""
    event = {"error": {"code": "service_unavailable", "message": "x"}, "event_type": "error"}
    framed = {"status": 503, "headers": {"content-type": "text/event-stream"}, "events": [event]}
    refused = put("/3/response", {"status": 400, "headers": {}, "body": REFUSAL})

    assert outcomes("IX-STREAM-002", "plain", refused) == ["warn"]
    assert outcomes("IX-STREAM-002", "plain", refused, put("/2/response", framed)) == []


@pytest.mark.parametrize(("first", "second", "found"), [(400, 404, ["pass"]), (410, 200, ["warn"])])
def test_revisions_are_compared_by_their_class_of_status(first: int, second: int, found: list[str]) -> None:
    """Two refusals are alike, whatever their numbers."""
    statuses = put("/0/response/status", first), put("/1/response/status", second)

    assert outcomes("IX-REV-006", "access", *statuses) == found


@pytest.mark.parametrize(("limit", "found"), [(10, ["warn"]), (0, []), (-1, [])])
def test_a_limit_that_is_none_cuts_nothing(limit: int, found: list[str]) -> None:
    """What is wrong with it is said of the request."""
    asked = put("/0/request/body/generation_config/max_output_tokens", limit)

    assert outcomes("IX-CREATE-026", "thinking", asked) == found


def test_a_stream_need_not_tell_its_environment() -> None:
    """Its snapshots are not documented to."""
    asked = added("/0/request/body/environment", "env_miniature")

    assert outcomes("IX-AGENT-011", "agent_research_stream", asked) == []


@pytest.mark.parametrize(
    ("length", "found"), [(1_333_332, ["pass", "pass"]), (1_333_336, ["warn", "pass"]), (0, ["pass", "pass"])]
)
def test_the_size_of_a_source_is_that_of_its_bytes(length: int, found: list[str]) -> None:
    """Base64 takes four letters for three bytes, of which there may be a million."""
    coded = {"type": "inline", "content": "A" * length, "encoding": "base64", "target": "/work/a"}

    assert (
        outcomes("IX-AGENT-016", "agent_environment", put("/1/request/body/environment/sources/1", coded))
        == found
    )


def test_steps_with_something_redacted_need_not_come_back() -> None:
    """What was recorded is not what was sent."""
    hidden = [put(f"/{at}/arguments", {"lit": "REDACTED"}) for at in ("0/response/body/steps/1",)]

    assert outcomes("IX-FUNC-016", "functions_stateless", *hidden) == ["pass"]
    assert outcomes("IX-FUNC-016", "functions_stateless", put("/0/response/body/steps/1/arguments", {})) == [
        "fail"
    ]


def test_an_unstored_request_that_continues_a_turn_is_another_matter() -> None:
    """Its history is the service's, as far as `previous_interaction_id` reaches."""
    continued = added("/1/request/body/previous_interaction_id", "v1_TWluaWF0dXJlQmVmb3Jl")

    assert outcomes("IX-FUNC-016", "functions_stateless", continued) == []


@pytest.mark.parametrize("status", [400, 404, 499])
def test_any_refusal_of_a_strange_result_will_do(status: int) -> None:
    """The documents name no number."""
    strange = put("/1/request/body/input/0/call_id", "nobodys")
    refused = put("/1/response", {"status": status, "headers": {}, "body": REFUSAL})

    assert outcomes("IX-FUNC-009", "functions", strange, refused) == ["pass"]


def test_every_type_of_a_schema_has_its_pointer() -> None:
    """Also those of lists and of what is inside them."""
    told = {"type": "object", "anyOf": [{"type": ["string", "null"]}, {"items": {"type": "integer"}}]}

    assert list(types_of(told)) == [
        ("/type", "object"),
        ("/anyOf/0/type", "string"),
        ("/anyOf/0/type", "null"),
        ("/anyOf/1/items/type", "integer"),
    ]


RESULT = {"type": "google_search_result", "call_id": "s2", "result": []}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ([], ["fail"]),
        ([put("/1/request/body/previous_interaction_id", "v1_ZWxzZXdoZXJl")], []),
        ([put("/0/response/body/status", "in_progress")], []),
        ([put("/0/response/body/steps/0/id", "s2"), put("/0/response/body/steps/1/call_id", "s2")], []),
    ],
    ids=["another", "unknown", "unfinished", "of the turn before"],
)
def test_a_result_may_belong_to_a_call_of_the_turn_before(changes: list[Any], found: list[str]) -> None:
    """It is found where that turn is known, and whole."""
    late = added("/1/response/body/steps/0", RESULT)
    judged = outcomes("IX-STEP-006", "search_follow_up", late, *changes)

    assert [outcome for outcome in judged if outcome != "pass"] == found


def test_thoughts_may_cost_nothing() -> None:
    """Then the rest adds up to the total, and what is nought may be left out."""
    usage = {"total_tokens": 21, "total_input_tokens": 9, "total_output_tokens": 12}

    assert outcomes("IX-THINK-009", "thinking", put("/0/response/body/usage", usage)) == ["pass"]
    assert (
        len(
            outcomes("IX-THINK-009", "thinking", put("/0/response/body/usage", {**usage, "total_tokens": 22}))
        )
        == 2
    )


@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_the_content_type_of_a_refusal_is_not_judged(kind: str) -> None:
    """A gateway answers as it likes."""
    headers = put("/1/response/headers", {"content-type": kind})
    right = len(outcomes("HTTP-012", "errors"))

    assert outcomes("HTTP-012", "errors", headers) == ["pass"] * right


@pytest.mark.parametrize(
    ("found", "known", "altered_from"),
    [
        ("8letters", "8letters-and-more-20", "8letters-and-more-20"),
        ("8letters", "8letters-and-more19", ""),
        ("7letter", "7letters-and-more-20", ""),
        ("8letters-and-more-20.", "8letters-and-more-20", "8letters-and-more-20"),
        ("8letters-and-more-207", "8letters-and-more-20", ""),
        ("short", "SHORT", "SHORT"),
        ("short", "short", ""),
    ],
)
def test_part_of_an_id_is_told_from_another_id(found: str, known: str, altered_from: str) -> None:
    """By eight characters of twenty, unless what is more is a number."""
    assert altered(found, [known]) == altered_from


def test_a_picture_that_is_left_out_is_not_judged() -> None:
    """Its first bytes may be anything."""
    data = "/1/response/events/4/delta/data"
    assert outcomes("IX-STREAM-028", "image", put(data, "A" * 30)) == ["warn"]
    assert outcomes("IX-STREAM-028", "image", put(data, "A" * 30 + "...")) == []


def test_a_key_that_is_not_known_may_be_the_same() -> None:
    """Recordings leave headers out."""
    assert outcomes("IX-STORE-001", "stored_get", removed("/1/request/headers/x-goog-api-key")) == ["pass"]


@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_turn_is_refused_as_wrong_or_as_missing(status: int) -> None:
    """Both are documented."""
    nobodys = added("/0/request/body/previous_interaction_id", "v1_nobody_knows")
    refused = put("/0/response", {"status": status, "headers": {}, "body": REFUSAL})

    assert outcomes("IX-TURN-008", "text", nobodys, refused) == ["pass"]


def test_the_worst_outcome_of_a_requirement_counts() -> None:
    """Whatever the order, and however often it was kept."""
    place = Place(0, "response")
    told: list[tuple[Outcome, str]] = [("warn", "A"), ("fail", "A"), ("warn", "B"), ("warn", "A")]
    found = [Verdict(outcome, place, requirement=name) for outcome, name in told]
    report = Report("", findings=found)
    report.passes.update(["A", "C"])

    assert report.outcomes() == {"A": "fail", "B": "warn", "C": "pass"}
    assert report.outcome == "fail"


def test_a_broken_shape_is_not_kept_as_well() -> None:
    """The document that breaks it counts as no pass."""
    number = put("/0/response/events/9/delta/text", 5)

    assert outcomes("IX-STREAM-017", "text_stream") == ["pass"] * 3
    assert outcomes("IX-STREAM-017", "text_stream", number) == ["fail", "pass", "pass"]


def test_a_refusal_whose_body_was_shortened_is_not_judged() -> None:
    """Nor one whose connection broke."""
    request = Request("POST", COLLECTION, (), b"{}")
    for exchange in (
        Exchange(request, Response(400, (), b"<html>"), excerpt=True),
        Exchange(request, Response(400, (), b"<html>", cut="the connection was reset")),
        Exchange(request, Response(400, (), b"")),
    ):
        assert "IX-ERR-001" not in {verdict.requirement for verdict in judge(Trace.of([exchange])).findings}
    whole = judge(Trace.of([Exchange(request, Response(400, (), b"<html>"))]))
    assert "IX-ERR-001" in {verdict.requirement for verdict in whole.findings}


def test_what_lies_too_deep_is_not_looked_at() -> None:
    """A picture is found under twenty levels and not under more, so that no nesting breaks the judge."""
    shown: Any = {"type": "image", "mime_type": "image/png", "data": "c2NyZWVu"}
    deep: list[list[str]] = []
    for levels in (18, 19):
        result = shown
        for _ in range(levels):
            result = [result]
        screens = [put(f"/1/request/body/input/{number}/result", result) for number in (0, 1)]
        said = added("/1/request/body/input/1/safety_acknowledgement", True)
        deep.append(outcomes("IX-CU-006", "computer_use", *screens, said))

    assert deep == [["pass"], ["fail"]]


def test_what_is_no_name_of_a_store_is_passed_over() -> None:
    """The names after it are judged."""
    names = put("/0/request/body/tools/0/file_search_store_names", [7, "REDACTED", "leases"])

    assert "fail" in outcomes("IX-FILE-002", "file_search", names)


def test_results_for_redacted_calls_are_not_judged() -> None:
    """Nobody knows whose they are."""
    assert outcomes("IX-FUNC-008", "functions_stateless") == ["pass"]
    assert outcomes("IX-FUNC-008", "functions_stateless", put("/1/request/body/input/2/id", "REDACTED")) == []
    assert outcomes("IX-STEP-006", "search", put("/0/response/body/steps/1/id", "REDACTED")) == []


def test_a_model_may_be_told_with_its_collection() -> None:
    """As in `models/gemini-3-flash-preview`."""
    told = put("/0/response/body/model", "models/gemini-3-flash-preview")

    assert outcomes("IX-CREATE-015", "text", told) == ["pass"]


def test_a_compressed_request_is_not_read() -> None:
    """It may be JSON inside."""
    raw = removed("/0/request/body"), added("/0/request/raw", "\x1f\x8b")
    coded = added("/0/request/headers/content-encoding", "gzip")

    assert outcomes("IX-CREATE-002", "text", *raw) == ["fail"]
    assert outcomes("IX-CREATE-002", "text", *raw, coded) == []


def test_a_redacted_id_is_no_other() -> None:
    """It may stand for the right one."""
    get = f"{COLLECTION}/v1_TWluaWF0dXJlR3JlZWs"

    assert outcomes("IX-CREATE-037", "stored_get", put("/1/request/url", f"{get}-more")) == ["fail"]
    assert outcomes("IX-CREATE-037", "stored_get", put("/1/request/url", f"{get}...")) == []


def test_a_redacted_mark_is_no_other() -> None:
    """It may stand for any event."""
    url = f"{COLLECTION}/v1_TWluaWF0dXJlU29uZw?stream=true&last_event_id="

    assert "warn" in outcomes("IX-STREAM-047", "background_stream", put("/1/request/url", f"{url}x"))
    assert "warn" not in outcomes(
        "IX-STREAM-047", "background_stream", put("/1/request/url", f"{url}REDACTED")
    )


@pytest.mark.parametrize(("count", "found"), [(0, []), (1, ["pass"]), (99, ["pass"]), (100, [])])
def test_plain_lists_of_texts_are_not_long(count: int, found: list[str]) -> None:
    """A long one may be refused for its length."""
    blocks = [{"type": "text", "text": "Say hello"}] * count

    assert outcomes("IX-INPUT-003", "plain", put("/1/request/body/input", blocks)) == found


def test_a_plain_body_on_its_way_elsewhere_is_not_judged() -> None:
    """A get with a body is no create."""
    body = added("/1/request/body", {"model": "gemini-3-flash-preview", "input": "Hello"})

    assert outcomes("IX-CREATE-003", "stored_get", body) == outcomes("IX-CREATE-003", "stored_get")


def test_citations_of_a_redacted_text_are_not_measured() -> None:
    """Its length is that of the stand-in."""
    text = "/0/response/body/steps/3/content/0/text"

    assert outcomes("IX-CITE-002", "search", put(text, "Short")) == ["fail", "fail"]
    assert outcomes("IX-CITE-002", "search", put(text, "REDACTED")) == []


def test_results_of_functions_hide_no_others() -> None:
    """A function_result that comes first is passed over, and the rest is judged."""
    steps = [{"type": "function_result", "call_id": "f1", "result": "x"}, {**RESULT, "call_id": "nobodys"}]
    several = [added("/0/response/body/steps/0", step) for step in reversed(steps)]

    assert "fail" in outcomes("IX-STEP-006", "search", *several)


def test_a_last_event_that_is_no_json_is_named() -> None:
    """It was not cut off when its blank line came, and without frames nobody knows."""
    events = patched("text_stream", [])[0]["response"]["events"][:-2]
    broken = put("/0/response/events", [*events, {"raw": "data: no JSON\n\n"}])
    findings = judge(trace_of(patched("text_stream", [broken]))).findings

    assert [verdict.message for verdict in findings if verdict.requirement == "IX-STREAM-035"] == [
        "the stream ends after an event that is not JSON with neither interaction.completed nor error"
    ]
    assert "IX-STREAM-035" in judge(stream("C S0 D0 P0 F", framed=False)).passes


def test_a_refusal_of_alt_sse_needs_a_stream_without_it() -> None:
    """Alone it may be refused for something else."""
    url = put("/0/request/url", f"{COLLECTION}?alt=sse")
    refused = put("/0/response", {"status": 400, "headers": {}, "body": REFUSAL})

    assert outcomes("IX-STREAM-002", "text_stream", url) == ["pass"]
    assert outcomes("IX-STREAM-002", "text_stream", url, refused) == []


def test_branches_with_redacted_ids_may_be_two() -> None:
    """Recordings replace ids by one word."""
    paths = [f"/{number}/response/body/id" for number in (1, 2)]

    assert outcomes("IX-TURN-010", "turn_branches") == ["pass"]
    for nobodys in ("v1_REDACTED", ""):
        assert outcomes("IX-TURN-010", "turn_branches", *(put(path, nobodys) for path in paths)) == []


@pytest.mark.parametrize(
    "other", [put("/0/request/body/store", True), put("/0/response/body/status", "in_progress")]
)
def test_what_is_stored_or_not_finished_need_not_be_sent_again(other: dict[str, Any]) -> None:
    """Only an unstored turn that has ended goes on that way."""
    lost = removed("/1/request/body/input/2")

    assert "fail" in outcomes("IX-TURN-012", "multi_turn_stateless", lost)
    assert outcomes("IX-TURN-012", "multi_turn_stateless", lost, other) == []


@pytest.mark.parametrize("signature", ["REDACTED", ""])
def test_a_step_that_cannot_be_compared_hides_no_other(signature: str) -> None:
    """The thought is passed over, and the answer that was changed is found."""
    thought = put("/0/response/body/steps/0/signature", signature)
    answer = put("/1/request/body/input/2/content/0/text", "Does it sing?")

    assert len(outcomes("IX-TURN-013", "multi_turn_stateless", thought, answer)) == 1


def test_usage_that_is_not_whole_hides_no_other() -> None:
    """A total without its parts is passed over, and the next one is judged."""
    part = removed("/0/response/body/usage/total_thought_tokens")
    total = put("/1/response/body/usage/total_tokens", 1)

    assert outcomes("IX-USAGE-003", "functions", part, total) == ["warn"]


def test_a_get_with_a_body_asks_for_no_function() -> None:
    """What it declares is nobody's business."""
    tools = [{"type": "function", "name": "f"}]
    step = {"type": "function_call", "id": "g1", "name": "g", "arguments": {}}
    told = added("/1/request/body", {"tools": tools}), added("/1/response/body/steps/0", step)

    assert outcomes("IX-FUNC-005", "stored_get", *told) == []


def test_what_the_contract_does_not_know_is_drift() -> None:
    """It is told with its place and breaks nothing, unless the contract is said to be closed."""
    trace = trace_of(patched("text", [added("/0/response/body/mood", "merry")]))
    report, closed = judge(trace), judge(trace, closed=True)

    assert report.findings == []
    assert closed.drift == []
    (drift,) = report.drift
    (verdict,) = closed.findings
    assert (drift.place, drift.pointer) == (verdict.place, verdict.pointer) == (Place(0, "response"), "/mood")
    assert (drift.kind, drift.name, drift.schema) == ("field", "mood", "interactions/interaction")
    assert drift.message == verdict.message != ""
    assert judge(trace, parties=["client"]).drift == []


def test_drift_of_a_stand_in_is_none() -> None:
    """Nobody knows which word it stands for."""
    tier = trace_of(patched("text", [put("/0/response/body/service_tier", "REDACTED")]))

    assert judge(tier).drift == []
    assert judge(tier, closed=True).findings == []


def test_a_redacted_server_hides_no_other() -> None:
    """The call after it is judged, and the redacted one is not."""
    first = put("/0/response/body/steps/0/server_name", "REDACTED")
    call = {"id": "x", "type": "mcp_server_tool_call", "name": "f", "server_name": "prices", "arguments": {}}
    second = added("/0/response/body/steps/1", call)

    assert "warn" not in outcomes("IX-MCP-004", "mcp", first)
    assert "warn" in outcomes("IX-MCP-004", "mcp", first, second)


def test_a_text_may_be_interrupted() -> None:
    """By a thought or a tool: then its parts are read together."""
    steps = "/0/response/body/steps"
    first = put(f"{steps}/1/content/0/text", '{"name":"Ada",')
    second = [{"op": "copy", "from": f"{steps}/{number}", "path": f"{steps}/-"} for number in (0, 1)]
    rest = put(f"{steps}/3/content/0/text", '"age":36}')

    assert "fail" not in outcomes("IX-FORMAT-002", "format", first, *second, rest)
    assert "fail" in outcomes("IX-FORMAT-002", "format", first, *second)


@pytest.mark.parametrize(
    ("status", "found"), [(199, []), (200, ["pass"]), (299, ["pass"]), (300, []), (399, [])]
)
def test_what_redirects_is_no_answer(status: int, found: list[str]) -> None:
    """Nor is what goes before one."""
    assert outcomes("IX-CREATE-011", "text", put("/0/response/status", status)) == found


@pytest.mark.parametrize("place", ["1/status", "9/interaction/status"])
def test_a_stream_spells_cancelled_with_two_ls(place: str) -> None:
    """In its updates and at its end."""
    wrong = put(f"/0/response/events/{place}", "canceled")

    assert outcomes("IX-CANCEL-004", "background_stream") == []
    assert outcomes("IX-CANCEL-004", "background_stream", wrong) == ["fail"]
