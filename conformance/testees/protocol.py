r"""The driver protocol: which messages go back and forth, and what is wrong with one that makes no sense.

    read_message(b'{"type": "end", "id": "c1", "events": 3}\n')
    write_message({"type": "stop"})

One JSON object a line. The driver speaks first, `ready`; the harness sends `call`, `cancel` and `stop`; each
call is answered by any number of `event` and exactly one of `end`, `error`, `unsupported` and `fault`, in any
order among calls. `log` may come at any time. A call with `repeat: n` is made n times under its one id; each
message then carries its `run`, from 1, and each run has one ending. `schemas/harness/testee.json` describes
every message; unknown fields are ignored on both sides.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

from conformance.contract.places import folder

__all__ = [
    "ENDINGS",
    "LONGEST_LINE",
    "PROTOCOL",
    "Message",
    "MessageBroken",
    "problem_of",
    "read_message",
    "write_message",
]

Message: TypeAlias = dict[str, Any]
PROTOCOL = 1
LONGEST_LINE = 16 * 2**20
_DEEPEST = 200
ENDINGS = frozenset({"end", "error", "unsupported", "fault"})
_SPOKEN = ENDINGS | {"ready", "event", "log"}


class MessageBroken(ValueError):
    """A line that is no message of a driver."""


def read_message(line: bytes) -> Message:
    """Read what a driver printed.

    Raises:
        MessageBroken: it is no message; the text says why.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise MessageBroken("is not JSON") from None
    if not isinstance(message, dict):
        raise MessageBroken("is not a JSON object")
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in _SPOKEN:
        raise MessageBroken(f"has the unknown type {ascii(kind)[:60]}")
    if kind not in ("ready", "log") and not isinstance(message.get("id"), str):
        raise MessageBroken("has no id that is a text")
    if line.count(b"[") + line.count(b"{") > _DEEPEST and _depth(message) > _DEEPEST:
        raise MessageBroken(f"is nested more than {_DEEPEST} deep")
    return message


def _depth(value: Any) -> int:
    """How deep a value is nested; without recursion, which what compares values later does not do without."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inner = [one.values() if isinstance(one, dict) else one for one in level]
        level = [value for one in inner for value in one if isinstance(value, (dict, list))]
    return depth


def write_message(message: Mapping[str, Any]) -> bytes:
    """Write a message as one line of ASCII, so that no runtime trips over its encoding."""
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def problem_of(message: Mapping[str, Any]) -> str:
    """Say what is wrong with a message by its schema; empty when nothing is."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(str(message.get("type"))).iter_errors(message))
    if error is None:
        return ""
    at = "/".join(map(str, error.absolute_path))
    return f"{at}: {error.message[:160]}" if at else str(error.message[:160])


@cache
def _validator(kind: str) -> Any:
    from jsonschema import Draft202012Validator

    schema = json.loads((folder("schemas") / "harness" / "testee.json").read_bytes())
    if kind in schema["$defs"]:
        schema = {**schema, "oneOf": [{"$ref": f"#/$defs/{kind}"}]}
    return Draft202012Validator(schema)
