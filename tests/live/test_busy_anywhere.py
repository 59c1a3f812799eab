"""One answer of a scenario is a limit, overload or a refused key, wherever it comes: the judge blames nobody.

No socket: each request of each scenario is refused once, in each form in which the service says so.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from conformance.scenario.judging import judge_played
from conformance.scenario.play import play
from conformance.server.answer import Answer, event_stream, frame, json_answer
from conformance.server.refusal import FrontEndRefused, Refused
from conformance.server.service import Service
from conformance.wire.exchange import Exchange, Request, Response
from tests.live.day import scenarios

_EXPIRED = FrontEndRefused(400, "API key expired. Please renew the API key.", bad_key=True)
_CODES = {"too_many_requests": 429, "rate_limit_exceeded": 429, "quota_exceeded": 429}
_OVERLOAD = {"service_unavailable": 503, "deadline_exceeded": 504}


@dataclass(slots=True)
class RefusesOnce:
    """A target that is the reference server but for one request."""

    service: Service
    at: int
    refusal: Answer
    asked: int = 0
    url: str = "http://127.0.0.1:1"
    key: str = "k"

    def send(self, request: Request) -> Exchange:
        answer = self.refusal if self.asked == self.at else self.service.answer(request)
        self.asked += 1
        response = Response(answer.status, answer.headers, b"".join(answer.followed()))
        return Exchange(request, response, witnessed=True)


def forms(status: int, code: str) -> Iterator[tuple[Answer, bool]]:
    """Give the ways to say it, and whether only who asked for a stream is told so."""
    refused = Refused(status, code, "Please retry in 3.2s.").answer()
    yield replace(refused, headers=(*refused.headers, ("Retry-After", "3"))), False
    event = {**json.loads(refused.body), "event_type": "error"}
    yield replace(event_stream([frame(event)]), status=status), True
    yield from front_end(FrontEndRefused(status, "Please retry in 3.2s."))


def front_end(refused: FrontEndRefused) -> Iterator[tuple[Answer, bool]]:
    """Give the two ways of the front end: an object, or a list with one."""
    answer = refused.answer()
    yield answer, False
    yield json_answer(answer.status, [json.loads(answer.body)]), False


@pytest.mark.parametrize("name", [*_CODES, *_OVERLOAD, "expired"])
def test_a_refusal_that_is_nobodys_fault_is_blamed_on_nobody(name: str) -> None:
    """What could not be shown then is inconclusive, and nothing is worse."""
    status = {**_CODES, **_OVERLOAD}.get(name, 400)
    told = list(front_end(_EXPIRED) if name == "expired" else forms(status, name))
    for scenario in scenarios():
        for at, call in enumerate(scenario.calls):
            for refusal, streams_only in told:
                if streams_only and call.arguments.get("stream") is not True:
                    continue
                target = RefusesOnce(Service(7), at, refusal)
                report = judge_played(play(scenario, target), closed=False, own=False, weak=True)
                assert {verdict.outcome for verdict in report.findings} <= {"inconclusive"}, scenario.id
                assert report.drift == []
                assert target.asked > at
