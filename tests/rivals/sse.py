"""A deserializer for schemathesis: the events of a stream, with their JSON read.

    hooks = "tests.rivals.sse"          # in schemathesis.toml

Its own leaves `data` as text, which the schema of an event cannot be held against.
"""

import json
from typing import Any

import schemathesis

from conformance.wire.sse import decode


def events(_: schemathesis.DeserializationContext, response: Any) -> list[dict[str, Any]]:
    """Give each event as an object; what is no JSON stays text."""
    frames = [frame for frame in decode([response.content]) if frame.data is not None]
    return [{"event": frame.event, "data": _read(frame.data or "")} for frame in frames]


def _read(data: str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data


schemathesis.deserializer("text/event-stream")(events)
