"""The live service on a bad day, in miniature: it keeps the contract and is no help at all.

    with awkward(seed=3, clock=FakeClock(), dropped=0.05) as server:
        ...                             # a client talks to server.url, over a real socket
    server.log, server.counts, server.requests
    server.stored, server.untold, server.tokens_told, server.tokens_spent, server.early

Right answers come from the reference server; what is awkward about them is drawn for each request by its
number and the seed, so that the same requests in the same order meet the same day. `Rates` tells what may
happen and how often; `**QUIET` turns everything off.

Its books are its own: a test that holds a client to a budget, or to leaving nothing behind, asks the server.
"""

import asyncio
import json
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from math import ceil, inf
from random import Random
from typing import Any

import h11

from conformance.server.answer import Answer, event_stream, frame, json_answer
from conformance.server.asked import Asked
from conformance.server.connection import Connection, Limits, Reading
from conformance.server.faults import Fault
from conformance.server.identity import Identity
from conformance.server.interaction import Made
from conformance.server.listening import listening
from conformance.server.memory import Memory
from conformance.server.misbehaving import Delivery
from conformance.server.model import Reply
from conformance.server.plans import Plan
from conformance.server.refusal import FrontEndRefused, Refused
from conformance.server.service import Service, operation_of
from conformance.wire.exchange import Request, header
from conformance.wire.trace import parse_json
from tests.live.clock import Clock, RealClock
from tests.live.novelties import (
    events_with_members,
    events_with_words,
    seen,
    with_members,
    with_words,
    without,
)
from tests.live.wording import recut, reworded

__all__ = ["QUIET", "Awkward", "Entry", "Rates", "awkward"]

_INSISTS = re.compile(
    r"\bcall the function\b|\bsearch with google\b|\bdo not answer without\b|\byou must (?:call|use|search)\b"
    r"|\buse the tool\b",
    re.IGNORECASE,
)
_TOKENS = re.compile(rb'"total_tokens":(\d+)')
_BURST_S = 5.0
_NO_LINGER = struct.pack("ii", 1, 0)
_DAILY = "Rate limit exceeded for this model (limit: {} requests per day). Please retry in 14h45m30s."


@dataclass(frozen=True, slots=True)
class Rates:
    """What may happen, and how often: the share of requests, unless told otherwise. 0 turns it off.

    rewords: of answers, those in other words, deltas and fragments than the reference server's.
    ignores_tools: of creates that offer tools, those answered as if there were none.
    ignores_insistence: the same, where the request insists (see `insists`); a forced call is never ignored.
    unthinking: of creates, those answered without a thought.
    reorders: of creates, those answered as another generation of models would: search after the output,
        other steps for a remote server, no queue in the background, more status updates.
    limited: requests that reach a rate limit: it holds for one to three requests, or until the Retry-After of
        its 429, in seconds or as a date, is over.
    unavailable: requests that begin a burst of two to four 503, half of them with a Retry-After.
    longest_wait: the most seconds that a Retry-After asks for.
    slow, slow_s: answers whose first byte comes late, and by how many seconds.
    dropped: connections that are dropped, half of them before the response begins.
    breaks_off: of streams, those that end in an error event.
    new_members, new_words: of answers, those with what no document knows yet (see `novelties`).
    quota: after so many requests all others are 429.
    expires: after so many requests the key has expired.
    """

    rewords: float = 1.0
    ignores_tools: float = 0.30
    ignores_insistence: float = 0.10
    unthinking: float = 0.15
    reorders: float = 0.20
    limited: float = 0.03
    unavailable: float = 0.01
    longest_wait: float = 40.0
    slow: float = 0.02
    slow_s: float = 0.03
    dropped: float = 0.01
    breaks_off: float = 0.005
    new_members: float = 0.10
    new_words: float = 0.05
    quota: float = inf
    expires: float = inf


_KEPT = ("longest_wait", "slow_s", "quota", "expires")
QUIET: dict[str, float] = {rate.name: 0.0 for rate in fields(Rates) if rate.name not in _KEPT}
"""Everything off: `awkward(**QUIET | {"limited": 1})` does one thing alone."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request in the log.

    status: that of the answer, also where none of it went out.
    kinds: what was awkward about it, such as "limited", "dropped before", "new serving_region".
    retry_after: the header of that name.
    interaction: the id of what a create made; empty where nothing is stored.
    """

    number: int
    operation: str
    status: int
    kinds: tuple[str, ...] = ()
    retry_after: str = ""
    interaction: str = ""


@dataclass(slots=True)
class _Spell:
    """A while in which requests are refused: until a time, and for no more than so many requests."""

    status: int
    until: float
    left: int
    hinted: str


@dataclass(frozen=True, slots=True)
class _Fate:
    """What becomes of an answer on its way: it comes late, or not at all."""

    answer: Answer
    delay_s: float = 0.0
    dropped: bool = False


class Awkward(Service):
    """What answers, and its books. Ask it from any thread."""

    url = ""

    def __init__(self, seed: int, clock: Clock, rates: Rates) -> None:
        super().__init__(seed, Memory(interactions=10**6))
        self.rates = rates
        self.log: list[Entry] = []
        self.early = 0
        self.tokens_spent = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._spell: _Spell | None = None
        self._tokens: dict[str, int] = {}
        self._told: set[str] = set()
        self._rng = Random()
        self._kinds: list[str] = []
        self._made_now: Made | None = None

    # The books.

    @property
    def requests(self) -> int:
        """How many requests arrived."""
        return len(self.log)

    @property
    def counts(self) -> Counter[str]:
        """How often each kind of awkwardness occurred."""
        return Counter(kind for entry in list(self.log) for kind in entry.kinds)

    @property
    def stored(self) -> set[str]:
        """The ids of everything that is stored and not deleted."""
        with self._lock:
            return {interaction for _, interaction in self.memory._kept}

    @property
    def untold(self) -> set[str]:
        """Those of `stored` whose id no answer told, so that nobody can delete them."""
        return self.stored - self._told

    @property
    def tokens_told(self) -> int:
        """The tokens in the usage of all answers, each interaction once."""
        return sum(self._tokens.values())

    # What happens to a request.

    def fate(self, request: Request) -> _Fate:
        """Answer a request, and say what becomes of the answer."""
        with self._lock:
            number = len(self.log)
            self._rng = Random(f"{self.seed}/{number}")
            self._kinds, self._made_now = [], None
            answer = self._refusal(request, number) or super().answer(request)
            answer = self._broken_off(answer, request)
            fate, sent = self._on_its_way(answer)
            self._book(request, fate.answer, sent, number)
            return fate

    def answer(self, request: Request) -> Answer:
        """Answer a request as if nothing happened to the answer on its way."""
        return self.fate(request).answer

    def _happens(self, rate: float, kind: str = "") -> bool:
        """Draw whether something happens; what it is called goes into the log."""
        if self._rng.random() >= rate:
            return False
        if kind:
            self._kinds.append(kind)
        return True

    def _refusal(self, request: Request, number: int) -> Answer | None:
        """Turn a request down, on a bad day; whoever has no good key is not known well enough for that."""
        key = header(request.headers, "x-goog-api-key") or ""
        limited, unavailable = self._happens(self.rates.limited), self._happens(self.rates.unavailable)
        if not key or key.startswith("bad-"):
            return None
        if number >= self.rates.expires:
            self._kinds.append("expired")
            return FrontEndRefused(400, "API key expired. Please renew the API key.", bad_key=True).answer()
        if number >= self.rates.quota:
            self._kinds.append("quota")
            code = self._rng.choice(["too_many_requests", "quota_exceeded"])
            return Refused(429, code, _DAILY.format(int(self.rates.quota))).answer()
        if self._spell is not None and self._over(self._spell):
            self._spell = None
        if self._spell is None and limited:
            hint = self._rng.choice(["seconds", "date"])
            self._spell = self._begun(429, self._rng.randint(1, 3), hint)
        elif self._spell is None and unavailable:
            self._spell = self._begun(
                503, self._rng.randint(2, 4), self._rng.choice(["", "", "seconds", "date"])
            )
        elif self._spell is None:
            return None
        elif self._spell.hinted:
            self.early += 1
            self._kinds.append("early")
        return self._turned_down(self._spell, streams=_streams(request))

    def _begun(self, status: int, most: int, hinted: str) -> _Spell:
        wait = self._rng.randint(1, max(1, int(self.rates.longest_wait))) if hinted else _BURST_S
        return _Spell(status, self._clock.now() + wait, most, hinted)

    def _over(self, spell: _Spell) -> bool:
        return spell.left == 0 or self._clock.now() >= spell.until

    def _turned_down(self, spell: _Spell, *, streams: bool) -> Answer:
        """Refuse, in one of the forms that were recorded."""
        spell.left -= 1
        wait = max(1, ceil(spell.until - self._clock.now()))
        self._kinds.append("limited" if spell.status == 429 else "unavailable")
        form = self._rng.choice(["plain", "plain", "front end", "list", "framed" if streams else "plain"])
        if form != "plain":
            self._kinds.append(form)
        answer = self._error(spell.status, wait, form)
        if not spell.hinted:
            return answer
        # A date has whole seconds: one more, so that it never lies before the end.
        date = format_datetime(self._clock.today() + timedelta(seconds=wait + 1), usegmt=True)
        self._kinds.append(f"retry after {spell.hinted}")
        value = date if spell.hinted == "date" else str(wait)
        return replace(answer, headers=(*answer.headers, ("Retry-After", value)))

    def _error(self, status: int, wait: int, form: str) -> Answer:
        if status == 429:
            code = self._rng.choice(["too_many_requests", "rate_limit_exceeded"])
            message = f"Rate limit exceeded (limit: 3 requests per minute). Please retry in {wait}.2s."
        else:
            code = "service_unavailable"
            message = "The model is currently experiencing high demand. Please try again later."
        if form in ("front end", "list"):
            told = json.loads(FrontEndRefused(status, message).answer().body)
            delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"}
            told["error"]["details"] = [delay]
            return json_answer(status, [told] if form == "list" else told)
        error = {"message": message, "code": code}
        if form == "framed":
            return replace(event_stream([frame({"error": error, "event_type": "error"})]), status=status)
        return json_answer(status, {"error": error})

    def _broken_off(self, answer: Answer, request: Request) -> Answer:
        """End a stream that began well in an error event, now and then."""
        breaks = self._happens(self.rates.breaks_off)
        if not breaks or not answer.chunked or answer.status != 200 or answer.follow is not None:
            return answer
        if operation_of(request) != "create" or len(answer.writes) < 5:
            return answer
        self._kinds.append("broken off")
        error = {"message": "This model is experiencing high demand.", "code": "service_unavailable"}
        kept = answer.writes[: self._rng.randrange(2, len(answer.writes) - 2)]
        return replace(answer, writes=(*kept, frame({"error": error, "event_type": "error"})))

    def _on_its_way(self, answer: Answer) -> tuple[_Fate, bytes]:
        """Draw what happens to an answer on its way, and give what of its body gets out."""
        body = answer.body
        drops, before = self._happens(self.rates.dropped), self._rng.random() < 0.5
        resets, at = self._rng.random() < 0.5, self._rng.randrange(max(1, len(body)))
        slow = self.rates.slow_s if self._happens(self.rates.slow, "slow") else 0.0
        if not drops or (not before and len(body) < 2):
            return _Fate(answer, slow), body
        if before:
            self._kinds.append("dropped before")
            return _Fate(answer, slow, dropped=True), b""
        self._kinds.append("dropped in the middle")
        fault = Fault("reset" if resets else "close", after_bytes=max(1, at))
        return _Fate(replace(answer, delivery=Delivery("", Plan(), fault)), slow), body[: max(1, at)]

    def _book(self, request: Request, answer: Answer, sent: bytes, number: int) -> None:
        made = self._made_now.id if self._made_now is not None else ""
        if self._made_now is not None:
            self.tokens_spent += self._made_now.body.get("usage", {}).get("total_tokens", 0)
        if made and made.encode() in sent:
            self._told.add(made)
        tokens = _TOKENS.findall(sent)
        if tokens and answer.status == 200:
            read = request.url.partition("/interactions/")[2].partition("?")[0].removesuffix("/cancel")
            self._tokens[made or read or f"#{number}"] = int(tokens[-1])
        kinds = (*self._kinds, *(f"new {name}" for name in seen(sent)))
        hint = header(answer.headers, "retry-after") or ""
        self.log.append(Entry(number, operation_of(request), answer.status, kinds, hint, made))

    # What the reference server says, said otherwise.

    def _understood(self, body: dict[str, Any], account: str) -> Asked:
        asked = super()._understood(without(body), account)
        model = asked.model
        if self._happens(self.rates.unthinking) and model.thinks:
            self._kinds.append("unthinking")
            model = replace(model, thinks=False)
        if self._happens(self.rates.reorders, "reordered"):
            after, generic, queues = (self._rng.random() < 0.5 for _ in range(3))
            model = replace(model, search_after_output=after, generic_mcp=generic, queues=queues)
        return replace(asked, model=model)

    def _reply(self, asked: Asked) -> Reply:
        heard = asked
        rate = self.rates.ignores_insistence if insists(asked) else self.rates.ignores_tools
        ignores = self._happens(rate)
        if ignores and asked.mode != "any" and asked.body.get("tools"):
            self._kinds.append("ignored tools")
            body = {name: told for name, told in asked.body.items() if name != "tools"}
            heard = replace(asked, body=body, functions={})
        reply = super()._reply(heard)
        return reworded(reply, asked, self._rng) if self._happens(self.rates.rewords, "reworded") else reply

    def _made(self, asked: Asked, reply: Reply, identity: Identity) -> Made:
        made = super()._made(asked, reply, identity)
        body = made.body
        if self._happens(self.rates.new_members):
            body = with_members(body, self._rng)
        if self._happens(self.rates.new_words):
            body = with_words(body, self._rng, asked.body)
        self._made_now = replace(made, body=body)
        return self._made_now

    def _events(
        self, interaction_id: str, body: dict[str, Any], *, empty_signature: bool
    ) -> Iterable[dict[str, Any]]:
        rng = self._rng
        signs = rng.random() < 0.5 if self._happens(self.rates.reorders) else empty_signature
        told = list(super()._events(interaction_id, body, empty_signature=signs))
        if self._happens(self.rates.rewords):
            told = list(recut(told, rng))
        if self._happens(self.rates.reorders):
            update = {"interaction_id": interaction_id, "status": "in_progress"}
            at = rng.randrange(2, len(told))
            told.insert(at, {**update, "event_type": "interaction.status_update"})
        if self._happens(self.rates.new_members):
            told = events_with_members(told, rng)
        if self._happens(self.rates.new_words):
            told = events_with_words(told, rng, interaction_id)
        return told


def insists(asked: Asked) -> bool:
    """Tell whether a request insists on its tools, in its input or in the system instruction."""
    told = [asked.body.get("system_instruction", ""), json.dumps(asked.turn, ensure_ascii=False)]
    return any(_INSISTS.search(text) for text in told if isinstance(text, str))


def _streams(request: Request) -> bool:
    asked = parse_json(request.body) if request.body else None
    return isinstance(asked, dict) and asked.get("stream") is True


class _Wire(Connection):
    """A connection that is late, or breaks."""

    def __init__(self, service: Awkward, limits: Limits, connections: set[Reading]) -> None:
        self._awkward = service
        super().__init__(service, limits, connections)

    def _answer(self, asked: h11.Request) -> None:
        fate = self._awkward.fate(self._understood(asked))
        self._pieces = iter(())
        if fate.delay_s:
            self._loop.call_later(fate.delay_s, self._meet, fate)
        else:
            self._meet(fate)

    def _meet(self, fate: _Fate) -> None:
        """Let happen what is to happen, unless the client has left meanwhile."""
        if self._transport.is_closing():
            return
        if not fate.dropped:
            self._begin(fate.answer)
            return
        self.endpoint().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()


@contextmanager
def awkward(seed: int = 0, clock: Clock | None = None, **how_much: float) -> Iterator[Awkward]:
    """Serve on loopback, in a thread, until the block ends; `how_much`: the rates that are not as usual."""
    service = Awkward(seed, clock or RealClock(), Rates(**how_much))
    ready: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def live() -> None:
        stop = asyncio.Event()
        made = partial(_Wire, service)
        async with listening("127.0.0.1", 0, made, Limits()) as (address, port, _):
            ready.set_result((f"http://{address}:{port}", asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(live(),), name="awkward server", daemon=True)
    thread.start()
    service.url, loop, stop = ready.result(10)
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
