"""A conversation with its meaning: which operation, which body, which events belong to which step.

    trace = Trace.of(exchanges)
    for stream in trace.streams:
        for event in stream.events:
            event.json, event.position

A trace is read once, here; checks only look things up. What cannot be parsed is kept as `UNREADABLE` and
judged where shapes are judged, so that no check stumbles over it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from conformance.contract.store import contract
from conformance.contract.validation import Validation
from conformance.wire.exchange import Arrival, Exchange, Headers, header
from conformance.wire.fold import fold
from conformance.wire.sse import Decoder, Frame, decode, pieces

__all__ = [
    "ABSENT",
    "UNREADABLE",
    "Call",
    "Document",
    "Event",
    "Kind",
    "Operation",
    "Place",
    "StepLife",
    "Stream",
    "Trace",
    "is_placeholder",
    "parse_json",
]


class _Marker:
    """A value that no JSON text gives."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ABSENT: Final = _Marker("ABSENT")
UNREADABLE: Final = _Marker("UNREADABLE")

Operation: TypeAlias = Literal["create", "get", "cancel", "delete"]
Kind: TypeAlias = Literal["request", "interaction", "error", "event", "step", "json"]
DONE: Final = "[DONE]"

_PATH = re.compile(r"(?:/.*)?/(?P<version>v1|v1beta)/interactions(?:/(?P<id>[^/]+)(?P<cancel>/cancel)?)?/?")
_PLACEHOLDER = re.compile(r"REDACTED|\A(?:opaque|\.\.\.)\Z|\.\.\.\Z")


def is_placeholder(value: object) -> bool:
    """Tell whether a string stands for something that a recording leaves out.

    Recordings are redacted with words such as `v1_REDACTED_1`, `opaque` or `...`: nothing about the format
    or the identity of the real value can be told from them.
    """
    return isinstance(value, str) and _PLACEHOLDER.search(value) is not None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_decode_json = json.JSONDecoder(parse_constant=_refuse_constant).decode


def parse_json(text: str | bytes) -> Any:
    """Give the JSON value of a text, or `UNREADABLE`: also for NaN, bad UTF-8, or nesting without end."""
    try:
        return _decode_json(text if isinstance(text, str) else text.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return UNREADABLE


@dataclass(frozen=True, slots=True)
class Place:
    """Where something lies in a trace: the exchange, its side, and in a stream the event (from 0)."""

    exchange: int
    side: Literal["request", "response"]
    event: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON value of the conversation: a request body, an answered interaction, an error."""

    json: Any
    place: Place
    kind: Kind


@dataclass(frozen=True, slots=True)
class Event:
    """One frame of a stream that carries data.

    json: the payload; `UNREADABLE` when it is not JSON; ABSENT for the `[DONE]` frame.
    type: its `event_type`, when that is a string.
    frame: the bytes; None when the recording kept the payload alone.
    """

    position: int
    json: Any
    type: str | None
    place: Place
    frame: Frame | None = None

    @property
    def is_done(self) -> bool:
        """Whether this is the frame that says `[DONE]`."""
        return self.json is ABSENT

    @property
    def kind(self) -> Kind:
        """The kind of document that an event is."""
        return "event"


@dataclass(slots=True)
class StepLife:
    """All that a stream says of one step index, in order of arrival."""

    index: int
    starts: list[Event] = field(default_factory=list)
    deltas: list[Event] = field(default_factory=list)
    stops: list[Event] = field(default_factory=list)

    @property
    def type(self) -> str | None:
        """The `type` that its first start names."""
        match self.starts:
            case [Event(json={"step": {"type": str(kind)}}), *_]:
                return kind
        return None

    def deltas_of(self, kind: str) -> Iterator[tuple[Event, dict[str, Any]]]:
        """Its deltas of one type, each with the event that brought it."""
        for event in self.deltas:
            match event.json:
                case {"delta": dict(delta)} if delta.get("type") == kind:
                    yield event, delta


@dataclass(frozen=True)
class Stream:
    """The events of one response.

    framed: the recording kept the bytes of the frames, so framing can be judged.
    resumed: it may begin in the middle of a conversation, because a client asked to go on after an event
        or because nothing tells what was asked.
    cut: what ended it before its end; empty when nothing did.
    """

    events: tuple[Event, ...]
    place: Place
    framed: bool
    resumed: bool
    excerpt: bool
    cut: str
    frames: tuple[Frame, ...] = ()

    @cached_property
    def payloads(self) -> tuple[Event, ...]:
        """The events without the `[DONE]` frame."""
        return tuple(event for event in self.events if not event.is_done)

    @cached_property
    def steps(self) -> dict[int, StepLife]:
        """The lives of its steps by index, in order of first mention."""
        lives: dict[int, StepLife] = {}
        for event in self.events:
            match event.json:
                case {"event_type": "step.start", "index": int(index)}:
                    lives.setdefault(index, StepLife(index)).starts.append(event)
                case {"event_type": "step.delta", "index": int(index)}:
                    lives.setdefault(index, StepLife(index)).deltas.append(event)
                case {"event_type": "step.stop", "index": int(index)}:
                    lives.setdefault(index, StepLife(index)).stops.append(event)
        return lives

    def named(self, event_type: str) -> list[Event]:
        """All events of one type."""
        return [event for event in self.events if event.type == event_type]

    @cached_property
    def created(self) -> Event | None:
        """The first `interaction.created`."""
        return next(iter(self.named("interaction.created")), None)

    @cached_property
    def completed(self) -> Event | None:
        """The first `interaction.completed`."""
        return next(iter(self.named("interaction.completed")), None)

    @cached_property
    def errors(self) -> list[Event]:
        """Its `error` events."""
        return self.named("error")

    @cached_property
    def folded(self) -> dict[str, Any]:
        """The interaction that its events add up to."""
        return fold(event.json for event in self.payloads)


@dataclass(frozen=True)
class Call:
    """One exchange, understood.

    operation: what the request asks for; None when it is unknown or not ours.
    asked: the JSON body of the request; ABSENT when there is none or it is not known.
    answered: the JSON body of the response; ABSENT for a stream, an empty body or an unknown one.
    stream: the events, when the response is a stream.
    """

    position: int
    exchange: Exchange
    operation: Operation | None
    version: str | None
    id: str | None
    query: dict[str, list[str]]
    asked: Any
    answered: Any
    stream: Stream | None

    @property
    def request_place(self) -> Place:
        """The request as a subject of verdicts."""
        return Place(self.position, "request")

    @property
    def place(self) -> Place:
        """The response as a subject of verdicts."""
        return Place(self.position, "response")

    @property
    def status(self) -> int | None:
        """The HTTP status; None when it is not known."""
        return self.exchange.response.status if self.exchange.response else None

    @property
    def headers(self) -> Headers | None:
        """The headers of the response; None when they are not known."""
        return self.exchange.response.headers if self.exchange.response else None

    @property
    def content_type(self) -> str | None:
        """The media type of the response without its parameters, in lower case."""
        value = header(self.headers, "content-type")
        return value.split(";", 1)[0].strip().lower() if value is not None else None

    @property
    def failed(self) -> bool:
        """The response is an error: by its status, or by its body where no status is known."""
        if self.status is not None:
            return self.status >= 400
        return isinstance(self.answered, dict) and "error" in self.answered and "status" not in self.answered

    @property
    def stored(self) -> bool | None:
        """Whether the service keeps the interaction; None when nothing tells."""
        match self.asked:
            case {"store": bool(store)}:
                return store
            case dict():
                return True
        return None

    @cached_property
    def interaction(self) -> dict[str, Any] | None:
        """The interaction as the response tells it, a stream folded; None when there is none."""
        if self.stream is not None:
            return self.stream.folded if self.stream.created or self.stream.completed else None
        if isinstance(self.answered, dict) and not self.failed and _looks_like_interaction(self.answered):
            return self.answered
        return None

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps of its interaction that are objects."""
        match self.interaction:
            case {"steps": [*steps]}:
                return [step for step in steps if isinstance(step, dict)]
        return []

    @cached_property
    def asked_found(self) -> Validation:
        """What the contract says of the body of a create."""
        return contract().validate("interactions/create_request", self.asked)

    @cached_property
    def text(self) -> str:
        """The text of its interaction: that of all model_output steps, joined."""
        blocks = [
            block
            for step in self.steps
            if step.get("type") == "model_output" and isinstance(step.get("content"), list)
            for block in step["content"]
            if isinstance(block, dict)
        ]
        return "".join(block["text"] for block in blocks if isinstance(block.get("text"), str))


def _looks_like_interaction(body: dict[str, Any]) -> bool:
    if "event_type" in body:
        return False
    return "status" in body or "steps" in body or body.get("object") == "interaction"


@dataclass(frozen=True)
class Trace:
    """The ordered exchanges of one conversation.

    name: the scenario or file it comes from.
    """

    calls: tuple[Call, ...]
    name: str = ""

    @classmethod
    def of(cls, exchanges: Iterable[Exchange], name: str = "") -> "Trace":
        """Read the meaning of exchanges, in the order in which they happened."""
        return cls(tuple(_read(position, exchange) for position, exchange in enumerate(exchanges)), name)

    def then(self, exchange: Exchange) -> "Trace":
        """Give the conversation with one exchange more."""
        return Trace((*self.calls, _read(len(self.calls), exchange)), self.name)

    @cached_property
    def streams(self) -> tuple[Stream, ...]:
        """Every stream of the conversation."""
        return tuple(call.stream for call in self.calls if call.stream is not None)

    @cached_property
    def documents(self) -> tuple[Document | Event, ...]:
        """Every JSON value whose shape the contract knows, in order."""
        return tuple(document for call in self.calls for document in _documents(call))

    def earlier(self, call: Call) -> tuple[Call, ...]:
        """The calls before one."""
        return self.calls[: call.position]

    def answering(self, interaction_id: object, *, before: int | None = None) -> Call | None:
        """The last call whose answer has this id, `before` a position; None for placeholders and others' ids.

        The last, because a run in the background is answered again each time that it is polled.
        """
        if not isinstance(interaction_id, str) or not interaction_id or is_placeholder(interaction_id):
            return None
        for call in reversed(self.calls[:before]):
            if call.interaction is not None and call.interaction.get("id") == interaction_id:
                return call
        return None


def _documents(call: Call) -> Iterator[Document | Event]:
    if call.operation == "create" and call.asked is not ABSENT and call.asked is not UNREADABLE:
        yield Document(call.asked, call.request_place, "request")
    if call.stream is not None:
        yield from (event for event in call.stream.payloads if event.json is not UNREADABLE)
    elif isinstance(call.answered, dict):
        yield Document(call.answered, call.place, _kind(call))
    elif _should_be_an_interaction(call) and call.answered not in (ABSENT, UNREADABLE):
        yield Document(call.answered, call.place, "interaction")


def _should_be_an_interaction(call: Call) -> bool:
    return call.operation in ("create", "get", "cancel") and call.status is not None and call.status < 300


def _kind(call: Call) -> Kind:
    body = call.answered
    if "error" in body and not _looks_like_interaction(body) and not _should_be_an_interaction(call):
        return "error"
    if isinstance(body.get("event_type"), str):
        return "event"
    if call.failed:
        return "json"
    if _looks_like_interaction(body) or call.operation in ("create", "get", "cancel"):
        return "interaction"
    return "step" if isinstance(body.get("type"), str) else "json"


def _read(position: int, exchange: Exchange) -> Call:
    operation, version, interaction_id, query = _operation(exchange)
    asked: Any = ABSENT
    if exchange.request is not None and exchange.request.body:
        asked = parse_json(exchange.request.body)
    stream = _stream(position, exchange, operation, query)
    answered: Any = ABSENT
    if stream is None and exchange.response is not None and exchange.response.body.strip():
        answered = parse_json(exchange.response.body)
    return Call(position, exchange, operation, version, interaction_id, query, asked, answered, stream)


def _operation(
    exchange: Exchange,
) -> tuple[Operation | None, str | None, str | None, dict[str, list[str]]]:
    if exchange.request is None:
        return None, None, None, {}
    try:
        url = urlsplit(exchange.request.url)
    except ValueError:  # such as a bracket that never closes
        return None, None, None, {}
    query = parse_qs(url.query, keep_blank_values=True)
    match = _PATH.fullmatch(url.path)
    if match is None:
        return None, None, None, query
    found: Operation | None = None
    match exchange.request.method.upper(), match["id"], match["cancel"]:
        case "POST", None, None:
            found = "create"
        case "POST", str(), str():
            found = "cancel"
        case "GET", str(), None:
            found = "get"
        case "DELETE", str(), None:
            found = "delete"
    return found, match["version"], unquote(match["id"]) if match["id"] else None, query


def _stream(
    position: int, exchange: Exchange, operation: Operation | None, query: dict[str, list[str]]
) -> Stream | None:
    response = exchange.response
    if response is None:
        return None
    frames: tuple[Frame, ...] = ()
    if response.form == "events":
        events = tuple(_bare_events(position, response.body))
    elif _is_event_stream(response.headers, response.body):
        frames = tuple(_timed_frames(response.body, response.arrivals))
        events = tuple(_framed_events(position, frames))
    else:
        return None
    first = next((event.type for event in events), None)
    resumed = "last_event_id" in query or (operation is None and first != "interaction.created")
    return Stream(
        events=events,
        place=Place(position, "response"),
        framed=response.form == "bytes",
        resumed=resumed,
        excerpt=exchange.excerpt,
        cut=response.cut,
        frames=frames,
    )


def _is_event_stream(headers: Headers | None, body: bytes) -> bool:
    """Tell a stream by its content type, unless the bytes speak against it; else by its bytes."""
    declared = (header(headers, "content-type") or "").split(";", 1)[0].strip().lower()
    if declared == "text/event-stream":
        return not body.lstrip().startswith((b"{", b"[", b"<"))
    return re.match(rb"(?:\xef\xbb\xbf)?[\r\n]*(?::|(?:event|data|id|retry):)", body) is not None


def _timed_frames(body: bytes, arrivals: Sequence[Arrival]) -> Iterator[Frame]:
    if not arrivals:
        yield from decode(pieces(body))
        return
    decoder, start = Decoder(), 0
    for arrival in arrivals:
        yield from decoder.feed(body[start : arrival.end], arrival.time_s)
        start = arrival.end
    yield from decoder.feed(body[start:])
    yield from decoder.close()


def _framed_events(position: int, frames: Iterable[Frame]) -> Iterator[Event]:
    number = 0
    for frame in frames:
        if (data := frame.data) is None:
            continue
        yield _event(position, number, data, frame)
        number += 1


def _bare_events(position: int, body: bytes) -> Iterator[Event]:
    lines = (line for line in body.splitlines() if line.strip())
    for number, line in enumerate(lines):
        yield _event(position, number, line.decode(errors="replace"), None)


def _event(position: int, number: int, data: str, frame: Frame | None) -> Event:
    value = ABSENT if data == DONE else parse_json(data)
    name = value.get("event_type") if isinstance(value, dict) else None
    return Event(
        position=number,
        json=value,
        type=name if isinstance(name, str) else None,
        place=Place(position, "response", number),
        frame=frame,
    )
