"""The messages of the driver protocol."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conformance.contract.places import folder
from conformance.testees.protocol import MessageBroken, problem_of, read_message, write_message

READY = {
    "type": "ready",
    "protocol": 1,
    "name": "mine",
    "version": "1",
    "language": "c",
    "operations": ["interactions.create"],
    "capabilities": [],
    "max_in_flight": 1,
}
CALL = {
    "type": "call",
    "id": "c1",
    "operation": "interactions.create",
    "stream": True,
    "base_url": "http://127.0.0.1:1",
    "api_key": "k",
    "api_version": "v1",
    "arguments": {},
    "timeout_ms": 5000,
    "retries": "off",
}

_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_values = st.recursive(_scalars, lambda some: st.lists(some) | st.dictionaries(st.text(), some), max_leaves=5)
_kinds = st.sampled_from(["ready", "event", "end", "error", "unsupported", "fault", "log", "call"])
json_values = _values | st.fixed_dictionaries(
    {"type": _kinds | _values, "id": _values}, optional={"run": _values}
)


def test_the_schema_is_one() -> None:
    """And every message that it names has a description."""
    schema = json.loads((folder("schemas") / "harness" / "testee.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    assert all("description" in told for told in schema["$defs"].values())


@pytest.mark.parametrize(
    "message",
    [
        READY,
        CALL,
        {**CALL, "cancel": {"after_events": 2}, "headers": {"a": "b"}},
        {**CALL, "repeat": 3},
        {"type": "cancel", "id": "c1"},
        {"type": "stop"},
        {"type": "event", "id": "c1", "seq": 1, "value": {}, "unknown": 1},
        {"type": "event", "id": "c1", "run": 2, "seq": 1, "value": {}},
        {"type": "end", "id": "c1"},
        {"type": "end", "id": "c1", "run": 3},
        {"type": "error", "id": "c1", "kind": "api", "message": "", "status": None},
        {"type": "unsupported", "id": "c1", "reason": "no such call"},
        {"type": "fault", "id": "c1", "message": ""},
        {"type": "log", "message": "\u2028"},
    ],
)
def test_right_messages_are_right(message: dict[str, Any]) -> None:
    """Also with members that nobody knows; each is one line of ASCII."""
    assert problem_of(message) == ""
    line = write_message(message)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert json.loads(line) == message


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({**READY, "max_in_flight": 0}, "max_in_flight: 0 is less than the minimum of 1"),
        ({"type": "event", "id": "c1", "value": {}}, "'seq' is a required property"),
        ({"type": "end", "id": "c1", "run": 0}, "run: 0 is less than the minimum of 1"),
        ({"type": "error", "id": "c1", "kind": "api"}, "'message' is a required property"),
    ],
)
def test_what_is_wrong_is_told(message: dict[str, Any], problem: str) -> None:
    """By the schema of that kind of message alone."""
    assert problem_of(message) == problem


@pytest.mark.parametrize("line", [b"", b"{", b"null", b"{}", b'{"type": "call", "id": "c1"}', b"[" * 100_000])
def test_what_is_no_message_of_a_driver_is_refused(line: bytes) -> None:
    """Without any other exception."""
    with pytest.raises(MessageBroken):
        read_message(line)


@given(json_values)
def test_whatever_is_read_is_a_message_or_none(value: Any) -> None:
    """There is no third thing, and what is read can be written."""
    line = json.dumps(value).encode()
    with contextlib.suppress(MessageBroken):
        message = read_message(line)
        assert read_message(write_message(message)) == message


@pytest.mark.parametrize("deep", [198, 199])
def test_a_message_may_be_nested_so_deep_and_no_deeper(deep: int) -> None:
    """Brackets side by side, or within a text, are not counted."""
    line = b'{"type": "log", "message": "' + b"[" * 300 + b'", "a": [' + b"[]," * 300 + b"0],"
    line += b'"b": ' + b"[" * (deep + 1) + b"]" * (deep + 1) + b"}"
    if deep == 198:
        assert read_message(line)["type"] == "log"
    else:
        with pytest.raises(MessageBroken, match="nested more than 200 deep"):
            read_message(line)
