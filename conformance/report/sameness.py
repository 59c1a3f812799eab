"""Whether records are of one run: what their headers, and their lists of known failures, must have in common.

    unlike(first, second, "shard")     # "the seed is 7 in the one and 8 in the other", or nothing

Python may be another one, and the time: neither changes a verdict.
"""

import json
from typing import Any

from conformance.report.record import Line

__all__ = ["listed", "unlike"]

_FACTS = {
    "command": "command",
    "version": "version of gemini-conformance",
    "targets": "target",
    "parties": "party that is judged",
    "api_version": "API version",
    "seed": "seed",
    "closed": "option --closed",
    "strict": "option --strict",
    "model": "model",
    "budget": "budget",
    "shard": "shard",
}


def unlike(first: Line, second: Line, *more: str) -> str:
    """Say in what two headers differ that should be alike; empty where they agree.

    more: facts that only some callers compare, such as the shard.
    """
    for name, told in _FACTS.items():
        if name == "shard" and name not in more:
            continue
        one, other = _value(first.get(name)), _value(second.get(name))
        if one != other:
            return f"the {told} is {one} in the one and {other} in the other"
    for name, value in first["hashes"].items():
        if value != second["hashes"][name]:
            return f"their {name} differ: they were installed from different sources"
    return _selected(first.get("selection"), second.get("selection"))


def _selected(first: Line | None, second: Line | None) -> str:
    if first == second or first is None or second is None:
        return ""
    if first["words"] != second["words"]:
        return f"the one selects {_words(first)} and the other {_words(second)}"
    counts = f"{first['files']} in the one and {second['files']} in the other"
    return f"the files that were given are not the same ({counts})"


def listed(first: Line | None, second: Line | None) -> str:
    """Say in what two lists of known failures differ, as they stand in records; empty where they agree."""
    if (first is None) != (second is None):
        return "only one of them knows failures (--known)"
    if first is None or second is None or _entries(first) == _entries(second):
        return ""
    return "their lists of known failures (--known) are not the same"


def _entries(line: Line) -> list[Line]:
    return [{name: value for name, value in entry.items() if name != "place"} for entry in line["entries"]]


def _value(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "on" if value else "off"
        case list():
            return ", ".join(sorted(value))
        case str():
            return value
    return json.dumps(value)


def _words(selection: Line) -> str:
    return " ".join(selection["words"]) or "everything"
