"""Wrong requests, sent to a service without a socket, and judged.

report = judged(exchanged(wrong, served(Service(seed=7))))
"""

import json
from collections.abc import Callable

from conformance.generate.ways import PREVIOUS, WrongRequest
from conformance.judge.judge import judge
from conformance.judge.verdict import Report
from conformance.server.service import Service
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.trace import Trace

__all__ = ["Answers", "exchanged", "judged", "never_refuses", "served"]

Answers = Callable[[Request], Response]
"""Anything that answers requests."""

_KEYS = {"good": "a-key", "bad": "bad-key"}
_AT = "http://127.0.0.1:8000/v1beta"


def served(service: Service) -> Answers:
    """Give the answers of our reference server."""

    def answers(request: Request) -> Response:
        answer = service.answer(request)
        return Response(answer.status, answer.headers, answer.body)

    return answers


def never_refuses(request: Request) -> Response:
    """Answer everything with HTTP 200 and an interaction, as if nothing of a request was read."""
    last = request.url.split("?")[0].removesuffix("/cancel").rpartition("/")[2]
    told = {
        "id": "v1_TmV2ZXI" if last == "interactions" else last,
        "status": "completed",
        "created": "2026-06-02T09:00:00Z",
        "updated": "2026-06-02T09:00:01Z",
        "object": "interaction",
        "model": "gemini-3.5-flash",
        "steps": [{"content": [{"text": "Well.", "type": "text"}], "type": "model_output"}],
    }
    return Response(200, (("content-type", "application/json"),), json.dumps(told).encode())


def _request(wrong: WrongRequest) -> Request:
    query = "&".join(f"{name}={told}" for name, told in wrong.query)
    key = (("x-goog-api-key", _KEYS[wrong.key]),) if wrong.key in _KEYS else ()
    headers = (
        {"content-type": "application/json", **dict(wrong.headers)} if wrong.body else dict(wrong.headers)
    )
    url = f"{_AT}{wrong.path}" + (f"?{query}" if query else "")
    return Request(wrong.method, url, (*key, *headers.items()), wrong.body)


def exchanged(wrong: WrongRequest, answers: Answers) -> list[Exchange]:
    """Send what comes before a request, and the request last."""
    previous, found = "", []
    for before in wrong.follows:
        if "delete" in before:
            sent = WrongRequest("", "DELETE", f"/interactions/{PREVIOUS}")
        else:
            sent = WrongRequest("", body=json.dumps(before).encode())
        found.append(_sent(sent.addressed(previous), answers))
        previous = _id_of(found[-1]) or previous
    return [*found, _sent(wrong.addressed(previous), answers)]


def _sent(wrong: WrongRequest, answers: Answers) -> Exchange:
    request = _request(wrong)
    return Exchange(request, answers(request), wrong.way, witnessed=True)


def _id_of(exchange: Exchange) -> str:
    found = Trace.of([exchange]).calls[0].interaction
    return str(found.get("id", "")) if found else ""


def judged(exchanges: list[Exchange]) -> Report:
    """Judge the service alone: the client is wrong on purpose."""
    return judge(Trace.of(exchanges), parties=("server",))
