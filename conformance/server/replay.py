"""Cassettes over HTTP: recorded answers for clients in any language.

    service = Cassettes(Path("cassettes"))
    service.answer(request)                # the recorded bytes, or 404 that names the nearest recording

In the place of a `Service`, so answers can be delivered in every way that `control` knows. A request is known
by method, path, query and body; headers do not count, but one without any key is preferably answered as one
that had none; `/v1` and `/v1beta` are the same. Where a request was recorded several times, each account gets
the answers in their order, and the last one from then on.

With a speed, an answer comes in the chunks in which it was recorded, and at their times: 1 as they were, 2
twice as fast, 0 without waiting. Without one, and where no chunks were recorded, streams come frame by frame.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from conformance.server.answer import Answer
from conformance.server.control import HEADER, control_of, split_key
from conformance.server.identity import account_of
from conformance.server.ledger import PATHS, Ledger
from conformance.server.misbehaving import Delivery, controlled, error_answer
from conformance.server.plans import Plan
from conformance.server.refusal import FrontEndRefused, Refused
from conformance.server.service import key_of, operation_of
from conformance.wire.cassette import read_cassette
from conformance.wire.exchange import Exchange, Headers, Request, Response, header
from conformance.wire.likeness import Identity, differences, identity
from conformance.wire.sse import Decoder

__all__ = ["Cassettes"]

_PLAYED = 10_000
_NOT_REPLAYED = frozenset(
    "content-length transfer-encoding content-encoding connection keep-alive date alt-svc".split()
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a recorded request is known by; `keyless` where it alone of its cassette had no key."""

    identity: Identity
    keyless: bool = False


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A recorded exchange and where it lies."""

    place: str
    known: _Known
    request: Request
    answer: Answer
    plan: Plan | None = None


class Cassettes:
    """Answers with the recordings in a folder, or in one file.

    Raises:
        CassetteBroken: a file is no cassette.
    """

    def __init__(self, where: Path, speed: float | None = None) -> None:
        self.ledger = Ledger()
        self.recorded = [*_read(where, speed)]
        self._answers: dict[_Known, list[_Recorded]] = {}
        for recorded in self.recorded:
            self._answers.setdefault(recorded.known, []).append(recorded)
        self._played: OrderedDict[tuple[str, _Known], int] = OrderedDict()

    def answer(self, request: Request) -> Answer:
        """Answer a request, whatever it is; never raises."""
        try:
            return self._answer(request)
        except (Refused, FrontEndRefused) as refused:
            return refused.answer()
        except RecursionError:
            return Refused(404, "not_found", "No cassette has a request that is nested so deeply.").answer()
        except ValueError:
            return FrontEndRefused(404, "The address cannot be read.").answer()

    def _answer(self, request: Request) -> Answer:
        headers = {name.lower(): value for name, value in reversed(request.headers or ())}
        url = urlsplit(request.url)
        query = parse_qs(url.query, keep_blank_values=True)
        plain, suffix = split_key(key_of(headers, query, needed=False))
        account = account_of(plain)
        if (request.method, url.path) in PATHS:
            return self.ledger.answer(url.path, query, account)
        control = control_of(headers.get(HEADER), suffix)
        if control is not None and not self.ledger.holds(control, operation_of(request), account):
            control = None
        if control is not None and control.code and control.form in ("json", "framed", "front_end"):
            return controlled(error_answer(control), control, account)
        known = _known(request)
        keyless = self._next(account, replace(known, keyless=True)) if not plain else None
        answer = keyless or self._next(account, known)
        if answer is None:
            raise Refused(404, "not_found", f"No cassette has this request; {self._nearest(request)}.")
        return answer if control is None else controlled(answer, control, account)

    def _next(self, account: str, known: _Known) -> Answer | None:
        answers = self._answers.get(known)
        if answers is None:
            return None
        number = self._played.pop((account, known), 0)
        self._played[account, known] = number + 1
        if len(self._played) > _PLAYED:
            self._played.popitem(last=False)
        recorded = answers[min(number, len(answers) - 1)]
        if recorded.plan is None:
            return recorded.answer
        return replace(recorded.answer, delivery=Delivery(account, recorded.plan, None))

    def _nearest(self, request: Request) -> str:
        if not self.recorded:
            return "there are none"
        sent = _of_v1beta(request)
        found = [(list(differences(sent, one.request)), one.place) for one in self.recorded]
        told, place = min(found, key=lambda pair: len(pair[0]))
        return f"the nearest is {place}, which differs in {'; '.join(told[:3])}"


def _read(where: Path, speed: float | None) -> Iterator[_Recorded]:
    paths = sorted(where.rglob("*.yaml")) if where.is_dir() else [where]
    for path in paths:
        exchanges, _ = read_cassette(path)
        name = path.relative_to(where) if where.is_dir() else path.name
        keyed = any(_has_key(exchange.request) for exchange in exchanges)
        for number, exchange in enumerate(exchanges):
            match exchange:
                case Exchange(Request() as request, Response(int()) as response):
                    known = replace(_known(request), keyless=keyed and not _has_key(request))
                    answer = _answer_of(response)
                    plan = None if speed is None else _plan_of(response, speed)
                    yield _Recorded(f"{name}[{number}]", known, _of_v1beta(request), answer, plan)


def _plan_of(response: Response, speed: float) -> Plan | None:
    """Give the chunks of a recorded response and their times; None where nobody measured them."""
    times: dict[int, float] = {}
    for arrival in response.arrivals:
        times.setdefault(arrival.end, arrival.time_s / speed if speed else 0.0)
    ends = [end for end in sorted(times) if end]
    if not ends:
        return None
    return Plan(at=tuple(ends), due=tuple(times[end] for end in ends))


def _has_key(request: Request | None) -> bool:
    """Whether a key was sent; a recording may have had it filtered out."""
    if request is None:
        return False
    sent = {name.lower() for name, _ in request.headers or ()}
    return bool({"x-goog-api-key", "authorization"} & sent) or "key=" in request.url


def _answer_of(response: Response) -> Answer:
    """Give a recorded response as an answer: a stream frame by frame, in chunks."""
    told: Headers = tuple(
        (name, value) for name, value in response.headers or () if name.lower() not in _NOT_REPLAYED
    )
    status = response.status or 200
    if "text/event-stream" in (header(told, "content-type") or ""):
        frames = [frame.raw for frame in Decoder().feed(response.body)]
        left = response.body[sum(map(len, frames)) :]
        writes = (*frames, left) if left else tuple(frames)
        return Answer(status, (*told, ("Transfer-Encoding", "chunked")), writes, chunked=True)
    return Answer(status, (*told, ("Content-Length", str(len(response.body)))), (response.body,))


def _known(request: Request) -> _Known:
    return _Known(identity(_of_v1beta(request)))


def _of_v1beta(request: Request) -> Request:
    """Give the request as it would be sent to the other version: recordings serve both."""
    return replace(request, url=re.sub(r"^((?:https?://[^/]*)?)/v1/", r"\1/v1beta/", request.url))
