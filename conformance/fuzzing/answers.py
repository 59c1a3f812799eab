r"""Streams as a client meets them: right events, odd and legal framing, what the API may add, and cuts.

    drawn = answers()                    # a strategy
    drawn.events, drawn.framing, drawn.body(), drawn.cuts
    drawn.due                            # what a client hands over of it
    drawn.without(quirk)                 # the same stream, plainer by one thing

A quirk is one thing that a right client does not mind, with the requirement that says so. A stream has a few
of them; the plainest has none.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.generate.choices import Choices
from conformance.generate.streams import streams
from conformance.testees.cuts import risky_places, shown_cut
from conformance.testees.framing import Framing

__all__ = ["PLAIN", "QUIRKS", "Drawn", "Quirk", "answers", "expected_calls", "expected_text"]

_Event: TypeAlias = dict[str, Any]
PLAIN = Framing()
_MOST_QUIRKS = 3
_MOST_CUTS = 6
_LONGEST_RUN = 12


@dataclass(frozen=True, slots=True)
class Quirk:
    """One thing that a client does not mind.

    framing: what it changes in how events are written; `before`, `after` and `between` are added.
    changes: what it changes in the events, given a number that chooses where.
    """

    name: str
    says: str
    requirement: str
    framing: Mapping[str, Any] | None = None
    changes: Callable[[list[_Event], int], None] | None = None


_NEW = "new_member"
"""The member by which an event that was added is known again."""


def _new_event(events: list[_Event], place: int) -> None:
    events.insert(_within(events, place), {_NEW: 2, "event_type": "interaction.new_thing"})


def _new_status(events: list[_Event], place: int) -> None:
    told = {"interaction_id": events[0]["interaction"]["id"], "status": "new_status", _NEW: 2}
    events.insert(_within(events, place), {**told, "event_type": "interaction.status_update"})


def _new_step(events: list[_Event], _: int) -> None:
    index = sum(event["event_type"] == "step.start" for event in events)
    step = {"type": "new_step", "planets": ["Mars"]}
    events[-1:-1] = [
        {"index": index, "step": step, _NEW: 2, "event_type": "step.start"},
        {"index": index, _NEW: 2, "event_type": "step.stop"},
    ]


def _new_delta(events: list[_Event], place: int) -> None:
    starts = [at for at, event in enumerate(events) if event["event_type"] == "step.start"]
    if starts:
        at = starts[place % len(starts)]
        delta = {"type": "new_delta", "planets": ["Mars"]}
        new = {"index": events[at]["index"], "delta": delta, _NEW: 2, "event_type": "step.delta"}
        events.insert(at + 1, new)


def _new_members(events: list[_Event], place: int) -> None:
    event = events[place % len(events)]
    event["added"] = {"a": [1]}
    for inner in ("interaction", "step", "delta"):
        if inner in event:
            event[inner]["added"] = {"a": [1]}


def _new_usage(events: list[_Event], _: int) -> None:
    events[-1]["interaction"]["usage"]["total_new_tokens"] = 7


def _new_words(events: list[_Event], _: int) -> None:
    events[-1]["interaction"]["service_tier"] = "new_tier"


def _within(events: Sequence[_Event], place: int) -> int:
    """Give a place between the first and the last event."""
    return 1 + place % (len(events) - 1)


QUIRKS: tuple[Quirk, ...] = (
    Quirk("crlf", "lines end in CRLF", "SSE-001", {"line_end": "\r\n"}),
    Quirk("cr", "lines end in CR", "SSE-001", {"line_end": "\r"}),
    Quirk("mark", "a byte order mark opens it", "SSE-010", {"mark": True}),
    Quirk("comments", "a comment stands in each event", "SSE-004", {"before": (": a comment",)}),
    Quirk("keep-alives", "comments stand between events", "SSE-005", {"between": ": keep-alive\n\n"}),
    Quirk("blank-lines", "blank lines stand between events", "SSE-026", {"between": "\n\n"}),
    Quirk("no-data", "blocks without data stand between events", "SSE-016", {"between": "event: ping\n\n"}),
    Quirk("ids", "events have ids and retry lines", "SSE-009", {"after": ("id: 7", "retry: 3000")}),
    Quirk("fields", "events have a field that nobody knows", "SSE-009", {"before": ("planet: Mars",)}),
    Quirk("words", "a line has no colon", "SSE-009", {"before": ("planet",)}),
    Quirk("no-space", "no space follows the colon", "SSE-007", {"space": ""}),
    Quirk("two-spaces", "two spaces follow the colon", "SSE-007", {"space": "  "}),
    Quirk("spread", "payloads go over several data lines", "SSE-006", {"spread": True}),
    Quirk("unnamed", "no event has an event line", "SSE-018", {"event": "none"}),
    Quirk("escapes", "characters beyond ASCII are escaped", "IX-STREAM-052", {"ascii": True}),
    Quirk("new-event", "an event is of a new type", "IX-STREAM-034", changes=_new_event),
    Quirk("new-status", "an update tells a new status", "IX-STATUS-004", changes=_new_status),
    Quirk("new-step", "a step is of a new type", "IX-STEP-003", changes=_new_step),
    Quirk("new-delta", "a delta is of a new type", "IX-STREAM-033", changes=_new_delta),
    Quirk("new-members", "an event has new members", "HTTP-024", changes=_new_members),
    Quirk("new-usage", "the usage counts something new", "IX-USAGE-011", changes=_new_usage),
    Quirk("new-words", "a word is new", "IX-REV-012", changes=_new_words),
)
"""The first of several that say the same, such as how lines end, is the one that holds."""
_BY_NAME = {quirk.name: quirk for quirk in QUIRKS}


@dataclass(frozen=True)
class Drawn:
    """One stream that goes out.

    told: the events before anything new was added. quirks: by name, with the place of what they add.
    cuts: offsets in the body.
    """

    told: tuple[_Event, ...]
    quirks: tuple[tuple[str, int], ...] = ()
    cuts: tuple[int, ...] = ()

    @cached_property
    def events(self) -> tuple[_Event, ...]:
        """The events that are sent."""
        events = deepcopy(list(self.told))
        for name, place in self.quirks:
            if changes := _BY_NAME[name].changes:
                changes(events, place)
        return tuple(events)

    @property
    def due(self) -> tuple[_Event, ...]:
        """The events that a client hands over, whatever it makes of what is new."""
        if "new-words" not in dict(self.quirks):
            return self.told
        *rest, last = self.told
        told = {name: value for name, value in last["interaction"].items() if name != "service_tier"}
        return (*rest, {**last, "interaction": told})

    @property
    def new(self) -> tuple[_Event, ...]:
        """The events that a client may skip, since nobody knows them."""
        return tuple(event for event in self.events if _NEW in event)

    @property
    def odd(self) -> list[Quirk]:
        """Its quirks."""
        return [_BY_NAME[name] for name, _ in self.quirks]

    @property
    def requirements(self) -> list[str]:
        """What a client keeps that does well."""
        return [quirk.requirement for quirk in self.odd]

    @property
    def is_new(self) -> bool:
        """Whether there is anything in it that nobody knows."""
        return any(quirk.changes for quirk in self.odd)

    @cached_property
    def framing(self) -> Framing:
        """How the events are written."""
        changed: dict[str, Any] = {}
        for name, _ in reversed(self.quirks):
            for key, value in (_BY_NAME[name].framing or {}).items():
                added = key in ("before", "after", "between") and key in changed
                changed[key] = changed[key] + value if added else value
        return replace(PLAIN, **changed)

    @cached_property
    def payload(self) -> bytes:
        """The bytes of the body."""
        return b"".join(self.framing.written(self.events))

    @property
    def size(self) -> tuple[int, ...]:
        """Events, cuts, quirks, bytes."""
        return len(self.events), len(self.cuts), len(self.quirks), len(self.payload)

    def without(self, quirk: str) -> "Drawn":
        """The same without a quirk and without cuts, whose places are others then."""
        return Drawn(self.told, tuple(one for one in self.quirks if one[0] != quirk))

    def shown(self) -> str:
        """Say what is odd about it."""
        odd = [quirk.says for quirk in self.odd]
        if self.cuts:
            places = "; ".join(f'at {cut}: "{shown_cut(self.payload, cut)}"' for cut in self.cuts[:4])
            more = f" and {len(self.cuts) - 4} more" if len(self.cuts) > 4 else ""
            odd.append(f"{'one cut' if len(self.cuts) == 1 else f'{len(self.cuts)} cuts'} ({places}{more})")
        return ", ".join(odd) or "nothing is odd about it"


def answers(*, most_steps: int = 3) -> SearchStrategy[Drawn]:
    """Draw right streams with a few quirks and cuts; the simplest has none."""
    return _answers(most_steps)


@st.composite
def _answers(draw: DrawFn, most_steps: int) -> Drawn:
    choose = Choices(draw)
    quirks = choose.some(QUIRKS, _MOST_QUIRKS) if choose.below(3) else []
    places = tuple((quirk.name, choose.below(8) if quirk.changes else 0) for quirk in quirks)
    drawn = Drawn(draw(streams(most_steps=most_steps)).payloads, places)
    return replace(drawn, cuts=_cuts(choose, drawn.payload))


def _cuts(choose: Choices, body: bytes) -> tuple[int, ...]:
    """Draw cuts: anywhere, where parsers go wrong, and byte by byte for a while."""
    kinds: list[Sequence[int]] = [range(1, len(body)), *risky_places(body)]
    cuts = {place for _ in range(choose.below(_MOST_CUTS + 1)) for place in [choose.of(choose.of(kinds))]}
    if choose.one_in(6):
        first = choose.of(choose.of(kinds))
        cuts |= set(range(first, min(first + 2 + choose.below(_LONGEST_RUN), len(body))))
    return tuple(sorted(cuts))


# What the conveniences of a client give.


def expected_text(events: Sequence[_Event]) -> tuple[str | None, str | None]:
    """Give the text, and the output_text of a client that has the one of the API; None where nobody says.

    Nobody says what the text is beside calls of functions, with media in it, or with something between.
    """
    steps = [event["step"]["type"] for event in events if event["event_type"] == "step.start"]
    if "function_call" in steps or any(kind in _MEDIA for kind in _delta_kinds(events)):
        return None, None
    tools = [number for number, kind in enumerate(steps) if kind.endswith(("_call", "_result"))]
    after = tools[-1] + 1 if tools else 0
    outputs = [number for number, kind in enumerate(steps) if kind == "model_output" and number >= after]
    if outputs and outputs[-1] - outputs[0] >= len(outputs):
        return None, None
    text = "".join(_texts(events, after))
    return (None if tools else text), text


_MEDIA = frozenset("image audio video document".split())


def _delta_kinds(events: Sequence[_Event]) -> Iterator[str]:
    return (event["delta"]["type"] for event in events if event["event_type"] == "step.delta")


def _texts(events: Sequence[_Event], after: int) -> Iterator[str]:
    for event in events:
        match event:
            case {"index": int(index), "delta": {"type": "text", "text": str(text)}} if index >= after:
                yield text


def expected_calls(events: Sequence[_Event]) -> tuple[dict[str, Any], ...]:
    """Give the function calls, their arguments read at the end."""
    calls = {
        event["index"]: event["step"]
        for event in events
        if event["event_type"] == "step.start" and event["step"]["type"] == "function_call"
    }
    parts = dict.fromkeys(calls, "")
    for event in events:
        match event:
            case {"index": int(index), "delta": {"type": "arguments_delta", "arguments": str(part)}}:
                parts[index] += part
    return tuple(
        {"id": step["id"], "name": step["name"], "arguments": json.loads(parts[index] or "{}")}
        for index, step in calls.items()
    )
