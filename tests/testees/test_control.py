"""The control client and its driver, against the reference server."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.server import ReferenceServer, serving
from conformance.testees.control import EventDecoder, output_text
from conformance.testees.process import Delivered, Testee
from conformance.testees.wrong import WRONG


@pytest.fixture(scope="module")
def server() -> Iterator[ReferenceServer]:
    """A server on a port."""
    with serving(seed=7) as running:
        yield running


@pytest.fixture(scope="module")
def control() -> Iterator[Testee]:
    """The control client, every message of it held against its schema."""
    with Testee([sys.executable, "-m", "conformance.testees.control"], validate=True) as testee:
        yield testee
    assert (testee.problems, testee.crashes) == ([], [])


def ask(testee: Testee, server: ReferenceServer, **more: Any) -> Delivered:
    """Make a call; a text unless told otherwise."""
    call = {
        "type": "call",
        "id": json.dumps(more),
        "operation": "interactions.create",
        "stream": False,
        "base_url": server.url,
        "api_key": "a-key",
        "api_version": "v1beta",
        "arguments": {"model": "gemini-3.5-flash", "input": "Hello"},
        "timeout_ms": 5000,
        "retries": "off",
    }
    return testee.ask({**call, **more}, 10)


def test_a_text(control: Testee, server: ReferenceServer) -> None:
    """The interaction, its text and its usage."""
    last = ask(control, server).last
    assert (last["type"], last["text"]) == ("end", "Hello! How can I help you today?")
    assert last["usage"] == last["value"]["usage"]


def test_a_stream_and_then_the_same_interaction(control: Testee, server: ReferenceServer) -> None:
    """Events one by one; a get gives the same text; it is gone when it is deleted."""
    found = ask(control, server, stream=True)
    assert [value["event_type"] for value in found.values][::9] == [
        "interaction.created",
        "interaction.completed",
    ]
    told = {"id": found.values[0]["interaction"]["id"]}
    got = ask(control, server, operation="interactions.get", arguments=told)
    assert got.last["text"] == found.last["text"] == "Hello! How can I help you today?"
    assert ask(control, server, operation="interactions.delete", arguments=told).ending == "end"
    gone = ask(control, server, operation="interactions.get", arguments={**told, "include_input": True})
    assert (gone.last["status"], gone.last["code"]) == (404, "not_found")


def test_a_run_in_the_background_is_cancelled(control: Testee, server: ReferenceServer) -> None:
    """Made, and asked to stop; asked twice, the reference server stops it at once."""
    body = {"model": "gemini-3.5-flash", "input": "Hello", "background": True}
    made = ask(control, server, arguments=body).last["value"]
    told = [
        ask(control, server, id=name, operation="interactions.cancel", arguments={"id": made["id"]})
        for name in ("first", "second")
    ]
    assert told[1].last["value"]["status"] == "cancelled"


@pytest.mark.parametrize(
    ("control_", "told"),
    [
        ({"error": 429}, ("error", "api", 429, "too_many_requests")),
        ({"error": 403, "form": "front_end"}, ("error", "api", 403, 403)),
        ({"error": "api_error", "form": "event"}, ("error", "api", 200, "api_error")),
        ({"fault": "close", "after": 3}, ("error", "transport", None, None)),
        ({"fault": "stall", "after": 3}, ("error", "timeout", None, None)),
    ],
)
def test_errors_are_told(
    control: Testee, server: ReferenceServer, control_: dict[str, Any], told: tuple[Any, ...]
) -> None:
    """By kind, status and code."""
    key = f"a-key#{json.dumps(control_)}"
    last = ask(control, server, stream=True, api_key=key, timeout_ms=400).last
    assert (last["type"], last["kind"], last.get("status"), last.get("code")) == told
    assert key not in json.dumps(last)


def test_a_call_ends_when_the_user_leaves(control: Testee, server: ReferenceServer) -> None:
    """After so many events."""
    found = ask(control, server, stream=True, cancel={"after_events": 2})
    assert (len(found.events), found.last["kind"]) == (2, "cancelled")


def test_overload_passes(control: Testee, server: ReferenceServer) -> None:
    """Two refusals, and the third attempt is answered."""
    key = 'another-key#{"error": 503, "times": 2}'
    assert ask(control, server, api_key=key, retries="default").ending == "end"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_the_decoder_does_not_mind_cuts(line_end: str, size: int) -> None:
    """Nor the ends of lines, nor a byte order mark, nor U+2028."""
    lines = ["\ufeffdata: ä", ":", "data:b\u2028", "", "", "event: x", "", "id", "data:  c", "", "data: cut"]
    raw = line_end.join(lines).encode()
    decoder = EventDecoder()
    found = [data for at in range(0, len(raw), size) for data in decoder.feed(raw[at : at + size])]
    assert [*found, *decoder.close()] == ["ä\nb\u2028", " c"]


def test_the_text_is_that_after_the_last_tool() -> None:
    """Thoughts do not end it."""
    words: list[dict[str, Any]] = [
        {"type": "model_output", "content": [{"type": "text", "text": text}]} for text in "abc"
    ]
    tool = {"type": "google_search_call"}
    assert output_text([words[0], tool, words[1], {"type": "thought"}, words[2]]) == "bc"
    assert output_text([words[0], tool]) == ""


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_client_says_what_is_wrong_with_it(name: str) -> None:
    """In its docstring, and its name is made of that of its class."""
    assert WRONG[name].__doc__
    assert WRONG[name].__name__.lower() == name.replace("-", "")
