"""What was sent against what was handed over, value by value.

    lost({"a": 1, "b": [{"c": 2}]}, {"a": 1, "b": [{}]})      # ["/b/*/c"]
    lost({"a": 1}, {"a": "1"})                                # None: that is something else
    difference({"a": [1, 2]}, {"a": [1, 3]})                  # ("/a/1", 2, 3)

A client may add members, and it may leave some out; but for what users come for, the text, the arguments of a
call and the bytes of media, and for the type of an event.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

__all__ = ["difference", "is_subset", "lost", "shown"]

_PRECIOUS = frozenset({"event_type", "text", "arguments", "data"})


def lost(sent: Any, got: Any) -> list[str] | None:
    """Point to the members that are missing in what was handed over; None where it is something else.

    More may be there than was sent, and null is nothing; but a type is a type, and a list keeps its length.
    """
    if isinstance(sent, dict):
        return _lost_members(sent, got) if isinstance(got, dict) else None
    if isinstance(sent, list):
        if not isinstance(got, list) or len(sent) != len(got):
            return None
        inner = [lost(one, other) for one, other in zip(sent, got, strict=True)]
        return None if None in inner else [f"/*{pointer}" for told in inner for pointer in told or ()]
    if isinstance(sent, bool) or isinstance(got, bool):
        return [] if sent is got else None
    return [] if _is_same(sent, got) else None


def _is_same(sent: Any, got: Any) -> bool:
    """Whether two values are one; 4.2e16 and 42000000000000000 are one number, as a double holds it."""
    if sent == got:
        return True
    numbers = isinstance(sent, int | float) and isinstance(got, int | float)
    with suppress(OverflowError):
        return numbers and float in (type(sent), type(got)) and float(sent) == float(got)
    return False


def _lost_members(sent: Mapping[str, Any], got: Mapping[str, Any]) -> list[str] | None:
    pointers: list[str] = []
    for key, value in sent.items():
        if value is None:
            continue
        name = key.replace("~", "~0").replace("/", "~1")
        if got.get(key) is None:
            if _is_precious(key, value):
                return None
            pointers.append(f"/{name}")
            continue
        inner = lost(value, got[key])
        if inner is None:
            return None
        pointers += [f"/{name}{pointer}" for pointer in inner]
    return pointers


def _is_precious(key: str, value: Any) -> bool:
    """Whether a member holds what the user came for."""
    if key in _PRECIOUS:
        return value not in ("", {}, [])
    match value:
        case dict():
            return any(_is_precious(name, inner) for name, inner in value.items())
        case list():
            return any(_is_precious("", inner) for inner in value)
    return False


def difference(sent: Any, got: Any, place: str = "") -> tuple[str, Any, Any]:
    """Find where two values begin to differ: the pointer, and what stands there."""
    if isinstance(sent, dict) and isinstance(got, dict):
        for key, value in sent.items():
            if value is not None and lost({key: value}, got) != []:
                return difference(value, got.get(key), f"{place}/{key}")
    if isinstance(sent, list) and isinstance(got, list) and len(sent) == len(got):
        for number, (one, other) in enumerate(zip(sent, got, strict=True)):
            if lost(one, other) != []:
                return difference(one, other, f"{place}/{number}")
    return place, sent, got


def is_subset(sent: Any, got: Any) -> bool:
    """Whether everything that was sent is there, of the same type."""
    return lost(sent, got) == []


def shown(value: Any) -> str:
    """Write a value as JSON that fits into a message."""
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}…"
