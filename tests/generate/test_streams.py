"""Drawn streams are right: the grammar holds, and the judge finds nothing in them."""

import json
import re
from typing import Any

from hypothesis import find, given

from conformance import judge
from conformance.contract.store import contract
from conformance.generate import Streamed, events, interactions, streams
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.trace import Trace
from tests.generate.effort import EXAMPLES, examples

_LETTERS = {
    "interaction.created": "C",
    "interaction.status_update": "U",
    "step.start": "S",
    "step.delta": "D",
    "step.stop": "P",
    "interaction.completed": "F",
}
_URL = "https://generativelanguage.googleapis.com/v1beta/interactions"


def _trace(streamed: Streamed) -> Trace:
    headers = (("content-type", "application/json"), ("x-goog-api-key", "test-key"))
    request = Request("POST", _URL, headers, json.dumps(streamed.request).encode())
    response = Response(200, (("content-type", "text/event-stream"),), streamed.body())
    return Trace.of([Exchange(request, response)])


@examples(EXAMPLES)
@given(streams())
def test_the_judge_finds_nothing_in_a_right_stream(streamed: Streamed) -> None:
    """No failure, no warning, no drift: anything else is a false alarm, or a stream that is not right."""
    report = judge(_trace(streamed))

    assert report.findings == []
    assert report.drift == []
    assert report.outcome == "pass"


@examples(100)
@given(streams())
def test_a_stream_follows_the_grammar(streamed: Streamed) -> None:
    """`C (U | S (U|D)* P)* F`, and `[DONE]` behind it."""
    letters = "".join(_LETTERS[payload["event_type"]] for payload in streamed.payloads)

    assert re.fullmatch("C(U|S[UD]*P)*F", letters)
    assert streamed.body().endswith(b"data: [DONE]\n\n")


@examples(50)
@given(streams())
def test_the_bytes_hold_the_payloads(streamed: Streamed) -> None:
    """What a client decodes is what was drawn, event by event."""
    (stream,) = _trace(streamed).streams

    assert tuple(event.json for event in stream.payloads) == streamed.payloads


@examples(EXAMPLES)
@given(streams())
def test_the_judge_finds_nothing_in_a_right_interaction(streamed: Streamed) -> None:
    """The same told as one body; nothing that the schemas do not know."""
    asked = {name: told for name, told in streamed.request.items() if name != "stream"}
    headers = (("content-type", "application/json"), ("x-goog-api-key", "test-key"))
    request = Request("POST", _URL, headers, json.dumps(asked).encode())
    body = json.dumps(streamed.interaction()).encode()
    report = judge(Trace.of([Exchange(request, Response(200, headers[:1], body))]))

    assert report.findings == []
    assert report.drift == []


@examples(100)
@given(interactions(), events())
def test_interactions_and_events_are_right(interaction: dict[str, Any], event: dict[str, Any]) -> None:
    """By the schemas; the sum of the usage is that of its parts."""
    assert contract().validate("interactions/interaction", interaction).problems == []
    assert contract().validate("interactions/event", event).problems == []
    usage = interaction["usage"]
    parts = ("input", "output", "tool_use", "thought")
    assert usage["total_tokens"] == sum(usage[f"total_{part}_tokens"] for part in parts)


def test_errors_are_among_the_events() -> None:
    """A stream may end in one."""
    found = find(events(), lambda event: event["event_type"] == "error", settings=examples(500))

    assert contract().validate("interactions/event", found).problems == []
