"""Our server while clients are tried: it answers as each case says, and witnesses what was sent.

    stage = Stage(seed=7)
    with serving(answering=stage) as server, serving(answering=stage.elsewhere) as other:
        stage.lies_at(server.url, other.url)
        act = stage.open(case, key="case-12-a1b2")
        ...                                            # the client calls server.url with that key
        act.seen, stage.left(act)

A case is known by its key, which no other call has. What arrives without a key that is known is kept aside.
A redirect may lead to another host, where the key has no business: what arrives there is known by a mark in
its address.
"""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import cached_property
from typing import TYPE_CHECKING, Any

from conformance.server.answer import Answer, event_stream
from conformance.server.control import HEADER, control_of
from conformance.server.faults import scripted
from conformance.server.misbehaving import controlled
from conformance.server.refusal import FrontEndRefused, Refused
from conformance.server.service import Service, key_of
from conformance.testees.case import Case, Reply
from conformance.testees.delivery import delivery_of
from conformance.wire.exchange import Exchange, Request, Response, header
from conformance.wire.sse import decode, pieces
from conformance.wire.trace import UNREADABLE, parse_json

if TYPE_CHECKING:
    from conformance.server.ledger import Ledger

__all__ = ["Act", "Seen", "Stage"]

_KEPT = 50
_UNREAD = 5
"""So many waits of a second each, one after the other, say that a client reads no more."""
_LONG_TEXT = "A long text, größer als manche Grenze. " * 25_000


@dataclass(frozen=True)
class Seen:
    """A request, what was answered, when it came, and whether that was at the other host."""

    request: Request
    answer: Answer
    time_s: float
    elsewhere: bool = False

    @cached_property
    def sent(self) -> bytes:
        """The body as far as it goes out."""
        delivery = self.answer.delivery
        if delivery is None or delivery.fault is None or delivery.fault.kind == "gzip":
            return self.answer.body
        return b"".join(scripted(self.answer, delivery.fault, close=False, bodiless=False).writes)

    @property
    def exchange(self) -> Exchange:
        """The request with its answer."""
        response = Response(self.answer.status, self.answer.headers, self.sent)
        return Exchange(self.request, response, witnessed=True)

    @cached_property
    def events(self) -> list[Any]:
        """The payloads of the whole blocks that go out, as far as they are JSON."""
        if "event-stream" not in (header(self.answer.headers, "content-type") or ""):
            return []
        frames = [frame.data for frame in decode(pieces(self.sent)) if frame.data and not frame.cut]
        payloads = [parse_json(data) for data in frames if data.strip() != "[DONE]"]
        return [payload for payload in payloads if payload is not UNREADABLE]

    @cached_property
    def delivery(self) -> dict[str, Any]:
        """How the bytes go out."""
        return delivery_of(self.answer, self.sent)

    @property
    def asked(self) -> Any:
        """The JSON of the request; None where it has none."""
        value = parse_json(self.request.body) if self.request.body else None
        return None if value is UNREADABLE else value


@dataclass(slots=True, eq=False)
class Act:
    """One case on the stage: its key, the values that were prepared for it, and what was seen.

    plans: where the bodies are cut, answer by answer as the requests come; without a cut it is one write.
    mark: what stands in addresses at the other host.
    heard: how many events the client has handed over, where they are sent in lock-step.
    """

    case: Case
    key: str
    mark: str = ""
    values: dict[str, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    plans: Sequence[Sequence[int]] = ()
    heard: int = 0

    @property
    def here(self) -> list[Seen]:
        """What was seen at our own origin, where the key belongs."""
        return [seen for seen in self.seen if not seen.elsewhere]

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of its call, with what was prepared."""
        return {name: _filled(value, self.values) for name, value in self.case.arguments.items()}

    def exchanges(self) -> list[Exchange]:
        """Give what was seen as exchanges; without the origin, which is gone when people read of it."""
        return [seen.exchange for seen in self.here]


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    match value:
        case str() if value in values:
            return values[value]
        case dict():
            return {key: _filled(item, values) for key, item in value.items()}
        case list():
            return [_filled(item, values) for item in value]
    return value


class Stage:
    """What answers on our server's port."""

    def __init__(self, seed: int = 7) -> None:
        self.strays: list[Request] = []
        self._service = Service(seed)
        self.ledger: Ledger = self._service.ledger
        self.elsewhere = _Elsewhere(self)
        self._acts: dict[str, Act] = {}
        self._marked: dict[str, Act] = {}
        self._marks = itertools.count()
        self._origins = ("", "")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def lies_at(self, here: str, elsewhere: str) -> None:
        """Learn both origins; the second gets another name, so that it is another host."""
        self._origins = (here, elsewhere.replace("//127.0.0.1:", "//localhost:"))

    def open(self, case: Case, key: str) -> Act:
        """Put a case on the stage."""
        act = Act(case, key, mark=f"moved-{next(self._marks)}")
        act.values["<long text>"] = _LONG_TEXT
        if case.prepare is not None:
            act.values |= self._prepared(case.prepare, key)
        with self._lock:
            self._acts[key] = self._marked[act.mark] = act
        return act

    def close(self, act: Act) -> None:
        """Take a case off: whatever comes with its key from now on is a stray."""
        with self._lock:
            self._acts.pop(act.key, None)
            self._marked.pop(act.mark, None)

    def _prepared(self, body: Mapping[str, Any], key: str) -> dict[str, str]:
        """Make an interaction; give its id and the ids of its events."""
        headers = (("x-goog-api-key", key),)
        path = "/v1beta/interactions"
        made = self._service.answer(Request("POST", path, headers, json.dumps(body).encode()))
        told = json.loads(made.body)
        values = {"<id>": str(told["id"])}
        if body.get("background"):
            stream = self._service.answer(Request("GET", f"{path}/{told['id']}?stream=true", headers))
            for number, frame in enumerate(decode(pieces(stream.body))):
                payload = parse_json(frame.data or "null")
                if isinstance(payload, dict) and "event_id" in payload:
                    values[f"<event {number}>"] = str(payload["event_id"])
        return values

    def answer(self, request: Request) -> Answer:
        """Answer a request as its case says; never raises."""
        now = time.monotonic()
        try:
            act = self._act_of(request)
        except (Refused, FrontEndRefused) as refused:
            if len(self.strays) < _KEPT:
                self.strays.append(request)
            return refused.answer()
        answer = self._replied(act, _turn(act), request)
        act.seen.append(Seen(request, answer, now))
        if act.case.lockstep:
            self._loop = asyncio.get_running_loop()
            self.ledger.gate(act.key).release(2)  # the head and the first event
        return answer

    def answer_elsewhere(self, request: Request) -> Answer:
        """Answer what a redirect has led to the other host; never raises."""
        marks = dict(_query(request.url)).get("moved", [""])
        with self._lock:
            act = self._marked.get(marks[-1])
        if act is None or act.key not in self._acts:
            return FrontEndRefused(404, "There is nothing here.").answer()
        reply = _turn(act)
        answer = _moved("", reply) if reply.redirect else self._replied(act, reply, _with_key(request, act))
        act.seen.append(Seen(request, answer, time.monotonic(), elsewhere=True))
        return answer

    def release(self, act: Act) -> None:
        """Let the next event through, since the client has handed one over; after the last one, the rest."""
        act.heard += 1
        sent = len(act.seen[-1].events) if act.seen else 0
        if self._loop is not None:
            writes = 1 if act.heard < sent else 10
            self._loop.call_soon_threadsafe(self.ledger.gate(act.key).release, writes)

    def _act_of(self, request: Request) -> Act:
        headers = {name.lower(): value for name, value in reversed(request.headers or ())}
        query = dict(_query(request.url))
        key = key_of(headers, query)
        with self._lock:
            act = self._acts.get(key)
        if act is None:
            raise FrontEndRefused(400, "API key not valid. Please pass a valid API key.", bad_key=True)
        return act

    def _replied(self, act: Act, reply: Reply, request: Request) -> Answer:
        if reply.redirect:
            return _moved(self._target(act, reply, request), reply)
        control = json.dumps(_dated(reply.control)) if reply.control else ""
        if reply.events is None and reply.body is None:
            own = [(name, value) for name, value in request.headers or () if name.lower() != HEADER]
            more = [(HEADER, control)] if control else []
            answer = self._service.answer(replace(request, headers=(*own, *more)))
        else:
            answer = _given(reply)
            told = control_of(control, "")
            if told is not None:
                answer = controlled(answer, told, act.key)
        if len(act.seen) < len(act.plans):
            return _cut(answer, reply, act.plans[len(act.seen)], act.key)
        if reply.cut_in or reply.cut_at:
            places = {place for text in reply.cut_in for place in _places(answer.body, text.encode())}
            return _cut(answer, reply, sorted({*places, *reply.cut_at}), act.key)
        return answer

    def _target(self, act: Act, reply: Reply, request: Request) -> str:
        here, elsewhere = self._origins
        if reply.redirect == "here":
            return here + request.url
        return f"{elsewhere}{request.url}{'&' if '?' in request.url else '?'}moved={act.mark}"

    def unasked(self, act: Act) -> list[Seen]:
        """Give the answers that were prepared for requests which never came, as if the last came again."""
        request = act.seen[-1].request if act.seen else _expected(act)
        return [
            Seen(request, self._replied(act, reply, request), 0.0)
            for reply in act.case.replies[len(act.seen) :]
        ]

    def unconfirmed(self, act: Act) -> int:
        """Count the cuts of a case of which nobody can tell whether the client read its parts apart."""
        return sum(one.unconfirmed for one in self.ledger.deliveries(act.key) if not one.left)

    def still_sending(self, act: Act) -> bool:
        """Whether a client left a delivery before its end, and read it till then, however slowly."""
        found = self.ledger.deliveries(act.key)
        return any(not one.whole and one.unread < _UNREAD for one in found)

    def left(self, act: Act, limit_s: float = 10.0) -> bool:
        """Wait until the client has closed the connection of a planned delivery; False when it does not."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            found = self.ledger.deliveries(act.key)
            if found and all(one.left for one in found):
                return True
            if any(one.whole and not one.left for one in found) and not _stalls(act):
                return False
            time.sleep(0.01)
        return False


def _expected(act: Act) -> Request:
    """Give the request that the call of a case should have sent."""
    arguments = act.arguments
    path = "/v1beta/interactions"
    headers = (("x-goog-api-key", act.key), ("content-type", "application/json"))
    stream = "?stream=true" if act.case.stream else ""
    match act.case.operation:
        case "create":
            body = {**arguments, "stream": True} if act.case.stream else arguments
            return Request("POST", path, headers, json.dumps(body).encode())
        case "get":
            return Request("GET", f"{path}/{arguments.get('id')}{stream}", headers)
        case "cancel":
            return Request("POST", f"{path}/{arguments.get('id')}/cancel", headers)
    return Request("DELETE", f"{path}/{arguments.get('id')}", headers)


class _Elsewhere:
    """What answers at the other host."""

    def __init__(self, stage: Stage) -> None:
        self.ledger = stage.ledger
        self._stage = stage

    def answer(self, request: Request) -> Answer:
        """Answer a request; never raises."""
        return self._stage.answer_elsewhere(request)


def _dated(control: Mapping[str, Any]) -> dict[str, Any]:
    """Put a date so many seconds ahead in the place of `<in 2 s>`."""
    told = str(control.get("retry_after", ""))
    if not told.startswith("<in "):
        return dict(control)
    return {**control, "retry_after": formatdate(time.time() + int(told.split()[1]), usegmt=True)}


def _turn(act: Act) -> Reply:
    """Give the reply whose turn it is."""
    return act.case.replies[min(len(act.seen), len(act.case.replies) - 1)]


def _moved(target: str, reply: Reply) -> Answer:
    """Redirect, or say that there is nothing where a redirect would lead back to itself."""
    if not target:
        return FrontEndRefused(404, "There is nothing here.").answer()
    return Answer(reply.status, (("location", target), ("content-length", "0")), ())


def _with_key(request: Request, act: Act) -> Request:
    """Give a request its key, whether it brought one or not, so that the reference server can answer."""
    rest = [(name, value) for name, value in request.headers or () if name.lower() != "x-goog-api-key"]
    return replace(request, headers=(*rest, ("x-goog-api-key", act.key)))


def _stalls(act: Act) -> bool:
    return any(reply.control.get("fault") == "stall" for reply in act.case.replies)


def _query(url: str) -> Iterator[tuple[str, list[str]]]:
    from urllib.parse import parse_qs, urlsplit

    yield from parse_qs(urlsplit(url).query, keep_blank_values=True).items()


def _given(reply: Reply) -> Answer:
    """Give an answer that a case spells out."""
    if reply.events is not None:
        answer = event_stream(reply.framing.written(reply.events))
        headers = tuple(pair for pair in answer.headers if pair[0].lower() not in reply.headers)
        return replace(answer, status=reply.status, headers=(*headers, *reply.headers.items()))
    body = (reply.body or "").encode()
    length = ("content-length", str(len(body)))
    return Answer(reply.status, (*reply.headers.items(), length), (body,))


def _cut(answer: Answer, reply: Reply, cuts: Sequence[int], account: str) -> Answer:
    """Cut a body at some offsets, each cut confirmed; without any it goes out in one write."""
    plan: dict[str, Any] = {"cuts": list(cuts), "confirm": True} if cuts else {"plan": "whole"}
    told = control_of(json.dumps({**reply.control, **plan}), "")
    return answer if told is None else controlled(answer, told, account)


def _places(body: bytes, text: bytes) -> Iterator[int]:
    start = body.find(text)
    while start >= 0:
        yield from range(start + 1, start + len(text))
        start = body.find(text, start + 1)
