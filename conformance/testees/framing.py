r"""The streams that cases send: events made of steps, and the lines that events are written in.

    events = events_of([[{"type": "model_output"}, {"type": "text", "text": "Hello"}]])
    Framing(line_end="\r\n").written(events)

Events are written by code of its own, so that a mistake of the reference server shows.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Event", "Framing", "events_of", "interaction_of"]

Event: TypeAlias = Mapping[str, Any] | str
"""An event, or the text of its payload where that is odd."""

_RAW = "\ue000".encode()
_ID = "v1_case"
_TOLD = {"object": "interaction", "model": "gemini-3.5-flash"}
_TIMES = {"created": "2026-10-01T00:00:00Z", "updated": "2026-10-01T00:00:00Z", "service_tier": "standard"}
_USAGE = {
    "total_tokens": 30,
    "total_input_tokens": 10,
    "input_tokens_by_modality": [{"modality": "text", "tokens": 10}],
    "total_cached_tokens": 0,
    "total_output_tokens": 8,
    "total_tool_use_tokens": 0,
    "total_thought_tokens": 12,
}


@dataclass(frozen=True, slots=True)
class Framing:
    """How the events of a stream are written; by default as the service does.

    before, after: lines around the data line of each block.
    between: what stands between two blocks.
    event: the event line: "own", "none", or another name for all.
    spread: the payload goes over several data lines.
    space: what stands between `data:` and the payload; before `[DONE]`, which is no JSON, one letter of it.
    done: whether `[DONE]` follows.
    tail: what follows at the end.
    padding: so many letters follow in the text of each text delta.
    letter: which letter that is.
    times: each text delta is sent so often.
    ascii: characters beyond ASCII are escaped.
    raw: bytes in hexadecimal that go out in the place of each U+E000.
    """

    line_end: str = "\n"
    mark: bool = False
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    between: str = ""
    event: str = "own"
    space: str = " "
    spread: bool = False
    done: bool = True
    tail: str = ""
    padding: int = 0
    letter: str = "x"
    times: int = 1
    ascii: bool = False
    raw: str = ""

    def written(self, events: Iterable[Event]) -> list[bytes]:
        """Write events, one block each."""
        blocks = [self._block(told) for event in events for told in self._grown(event)]
        if self.done:
            blocks.append(["event: done", f"data:{self.space[:1]}[DONE]"])
        told = [self.between + self.line_end.join([*lines, "", ""]) for lines in blocks]
        if self.mark and told:
            told[0] = "\ufeff" + told[0]
        written = [block.encode() for block in [*told, *([self.tail] if self.tail else [])]]
        return [block.replace(_RAW, bytes.fromhex(self.raw)) for block in written] if self.raw else written

    def _grown(self, event: Event) -> list[Event]:
        """Make a text delta longer and send it more often, where that is asked for."""
        if isinstance(event, str):
            return [event]
        match event.get("delta"):
            case {"type": "text", "text": str(text), **rest}:
                delta = {**rest, "type": "text", "text": text + self.letter * self.padding}
                return [{**event, "delta": delta}] * self.times
        return [event]

    def _block(self, event: Event) -> list[str]:
        if isinstance(event, str):
            payload, name = event, _name_in(event)
        else:
            payload = json.dumps(event, ensure_ascii=self.ascii, indent=1 if self.spread else None)
            name = str(event.get("event_type"))
        lines = [f"data:{self.space}{line}" for line in payload.split("\n")]
        names = {"own": [f"event: {name}"], "none": []}
        return [*names.get(self.event, [f"event: {self.event}"]), *self.before, *lines, *self.after]


def _name_in(payload: str) -> str:
    try:
        value = json.loads(payload)
    except ValueError:
        return "message"
    return str(value.get("event_type", "message")) if isinstance(value, dict) else "message"


def events_of(steps: Sequence[Sequence[Mapping[str, Any]]], **ends: Any) -> tuple[Event, ...]:
    """Make the events of a whole stream.

    steps: for each step how it starts, and its deltas.
    ends: members of the interaction in the last event, such as its status.
    """
    begun = {"id": _ID, "status": "in_progress", **_TOLD}
    whole = {"id": _ID, "status": "completed", **_TOLD, **_TIMES, "usage": _USAGE, **ends}
    events: list[Event] = [
        {"interaction": begun, "event_type": "interaction.created"},
        {"interaction_id": _ID, "status": "in_progress", "event_type": "interaction.status_update"},
    ]
    for index, (start, *deltas) in enumerate(steps):
        events.append({"index": index, "step": start, "event_type": "step.start"})
        events += [{"index": index, "delta": delta, "event_type": "step.delta"} for delta in deltas]
        events.append({"index": index, "event_type": "step.stop"})
    events.append({"interaction": whole, "event_type": "interaction.completed"})
    return tuple(events)


def interaction_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Make a whole interaction of the members that matter."""
    return {"id": _ID, "status": "completed", **_TOLD, **_TIMES, "steps": [], "usage": _USAGE, **told}
