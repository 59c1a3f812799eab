"""Mutated traces: the committed violations, each a right conversation with one thing changed.

    line = run_trace(path)               # a file of tests/violations
    line = run_right_trace("text_stream")
    conversation = trace_of(patched("text_stream", operations))

Every check has one, for servers and clients alike. `tests/violations/README.md` and
`tests/conversations/README.md` show the formats.
"""

import json
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from conformance.contract.places import folder
from conformance.contract.registry import registry
from conformance.judge.judge import judge
from conformance.judge.verdict import Verdict
from conformance.mutants.lines import control_line, mutant_line
from conformance.report.record import Line
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.trace import Trace

__all__ = [
    "WRONG_ON_PURPOSE",
    "conversations",
    "exchange_of",
    "frames",
    "patched",
    "run_right_trace",
    "run_trace",
    "trace_of",
    "violations",
]

WRONG_ON_PURPOSE = frozenset({"refused", "front_end_errors"})
"""Conversations whose requests are wrong, so that they show refusals."""

_URL = "https://generativelanguage.googleapis.com/v1beta/interactions"
_KEY = "test-key-of-a-miniature"


def violations() -> list[Path]:
    """Give the files of all violations."""
    return sorted(folder("violations").glob("*.yaml"))


def conversations() -> list[str]:
    """Give the names of the right conversations."""
    return sorted(path.stem for path in folder("conversations").glob("*.yaml"))


def run_trace(path: Path) -> Line:
    """Judge a violation: it breaks its requirement, at its place, and no other."""
    started = time.monotonic()
    violation = yaml.safe_load(path.read_bytes())
    breaks, also = violation["breaks"], violation.get("also", [])
    report = judge(trace_of(patched(violation["from"], violation["patch"])))
    found = {verdict.requirement for verdict in report.findings}
    here = [verdict for verdict in report.findings if _is_there(verdict, violation)]
    outcome, problem = "killed", ""
    if breaks not in found:
        outcome, problem = ("killed-wrong-reason" if found else "survived"), f"{breaks} is not found broken"
    elif found != {breaks, *also}:
        strange = sorted(found ^ {breaks, *also})
        outcome, problem = "killed-wrong-reason", f"{', '.join(strange)}: `also` says otherwise"
    elif not here:
        outcome, problem = "killed-wrong-reason", f"{breaks} is found broken at another place"
    return mutant_line(
        "trace",
        path.stem,
        outcome,
        problem,
        title=path.stem.removeprefix(f"{breaks}-").replace("-", " ").capitalize() + ".",
        area=registry()[breaks].area,
        breaks=[breaks],
        also=also,
        killed_by=sorted(found),
        plays=[violation["from"]],
        places=[_place(verdict) for verdict in here[:1]],
        seconds=time.monotonic() - started,
    )


def run_right_trace(name: str) -> Line:
    """Judge a right conversation: nothing is found in it."""
    started = time.monotonic()
    parties = ("server",) if name in WRONG_ON_PURPOSE else ("server", "client")
    report = judge(trace_of(patched(name, []), name), parties=parties)
    told = [f"{verdict.requirement}: {verdict.message}" for verdict in report.findings]
    return control_line("trace", name, "; ".join(told[:3]), seconds=time.monotonic() - started)


def _is_there(verdict: Verdict, violation: dict[str, Any]) -> bool:
    at = violation["at"]
    return (
        verdict.requirement == violation["breaks"]
        and (verdict.place.exchange, verdict.place.side) == (at["exchange"], at["side"])
        and (verdict.event, verdict.pointer) == (at.get("event"), at["pointer"])
    )


def _place(verdict: Verdict) -> Line:
    return {
        "scenario": "",
        "requirement": verdict.requirement,
        "outcome": verdict.outcome,
        "exchange": verdict.place.exchange,
        "event": verdict.event,
        "pointer": verdict.pointer,
        "message": verdict.message,
    }


def patched(name: str, operations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the exchanges of a conversation, defaults filled in, with a JSON patch (RFC 6902) applied."""
    import jsonpatch

    exchanges: list[dict[str, Any]] = json.loads(_exchanges(name))
    found: list[dict[str, Any]] = jsonpatch.apply_patch(exchanges, operations)
    return found


@cache
def _exchanges(name: str) -> str:
    """The exchanges of a file as JSON text, so that nobody shares an object with anybody."""
    text = (folder("conversations") / f"{name}.yaml").read_text(encoding="utf-8")
    return json.dumps([_whole(exchange) for exchange in yaml.safe_load(text)])


def _whole(exchange: dict[str, Any]) -> dict[str, Any]:
    """Fill in what a file leaves out: a POST with a key, an HTTP 200, the content types."""
    request, response = exchange["request"], exchange["response"]
    sent = {"content-type": "application/json"} if "body" in request else {}
    kind = "text/event-stream" if "events" in response else "application/json"
    return {
        "witnessed": False,
        "excerpt": False,
        **exchange,
        "request": {"method": "POST", "url": _URL, "headers": {"x-goog-api-key": _KEY, **sent}, **request},
        "response": {"status": 200, "headers": {"content-type": kind}, **response},
    }


def trace_of(exchanges: Iterable[dict[str, Any]], name: str = "") -> Trace:
    """Give the trace of exchanges that are written as data."""
    return Trace.of([exchange_of(exchange) for exchange in exchanges], name)


def exchange_of(exchange: dict[str, Any]) -> Exchange:
    """Give one exchange that is written as data."""
    request, response = exchange["request"], exchange["response"]
    return Exchange(
        Request(request["method"], request["url"], tuple(request["headers"].items()), _body(request)),
        Response(response["status"], tuple(response["headers"].items()), _body(response)),
        exchange["name"],
        excerpt=exchange["excerpt"],
        witnessed=exchange["witnessed"],
    )


def _body(message: dict[str, Any]) -> bytes:
    match message:
        case {"raw": str(text)}:
            return text.encode()
        case {"events": [*payloads]}:
            return frames(payloads)
        case {"body": body}:
            return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return b""


def frames(payloads: Iterable[Any]) -> bytes:
    """Write payloads as the service frames them: an event line, one data line of compact JSON, an empty line.

    A payload `{"raw": "…"}` stands for its text, so that a test can frame it wrongly.
    """
    return "".join(_frame(payload) for payload in payloads).encode()


def _frame(payload: Any) -> str:
    match payload:
        case "[DONE]":
            return "event: done\ndata: [DONE]\n\n"
        case {"raw": str(text)}:
            return text
        case {"event_type": str(name)}:
            return f"event: {name}\ndata: {_text(payload)}\n\n"
    return f"data: {_text(payload)}\n\n"


def _text(payload: Any) -> str:
    """The compact JSON of a payload, its `event_type` last, as on the wire."""
    if payload == "[DONE]":
        return "[DONE]"
    if isinstance(payload, dict) and "event_type" in payload:
        payload = {**{key: told for key, told in payload.items() if key != "event_type"}, **_name(payload)}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def _name(payload: dict[str, Any]) -> dict[str, Any]:
    return {"event_type": payload["event_type"]}
