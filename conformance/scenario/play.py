"""Playing a scenario: its calls, in order, to one target.

    played = play(scenario, target, api_version="v1beta")
    played.trace, played.misses, played.stopped

An answer that is not as expected does not end the play; a value that cannot be bound does, since what comes
after depends on it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import jsonpath_rfc9535

from conformance.errors import (
    BudgetSpent,
    ConformanceError,
    EndpointStrange,
    KeyLost,
    KeyRefused,
    TargetBusy,
    TargetUnreachable,
)
from conformance.scenario import needs
from conformance.scenario.expectation import misses_of
from conformance.scenario.scenario import Scenario, ScenarioCall, fill, fill_text
from conformance.scenario.target import Target
from conformance.wire.exchange import Exchange, Request
from conformance.wire.trace import Call, Trace

__all__ = ["REVISION", "Miss", "Played", "bind_values", "build_request", "plain", "play"]

REVISION = "2026-05-20"
"""The `Api-Revision` that the quickstart sends with /v1beta."""
_ENDING = (TargetUnreachable, BudgetSpent, TargetBusy, KeyRefused, KeyLost, EndpointStrange)
_UNFINISHED = ("queued", "in_progress")
_PAUSES = (1.0, 2.0, 3.0, *[5.0] * 57)
"""How long is waited between two polls: five minutes in all."""


@dataclass(frozen=True, slots=True)
class Miss:
    """An expectation of the scenario that the answer does not meet; kind is its name in the file."""

    call: str
    exchange: int
    kind: str
    message: str


@dataclass(slots=True)
class Played:
    """What came of it.

    given: the values that stood for what the scenario needs.
    stopped: why the calls after the last one were not sent; empty when all were.
    ended: what ended it that is neither the scenario's nor the answers' doing, such as that nobody answers.
    """

    scenario: Scenario
    given: Mapping[str, str] = field(default_factory=dict)
    trace: Trace = field(default_factory=lambda: Trace(()))
    misses: list[Miss] = field(default_factory=list)
    stopped: str = ""
    ended: ConformanceError | None = None


def play(
    scenario: Scenario,
    target: Target,
    *,
    api_version: str = "v1beta",
    given: Mapping[str, str] | None = None,
    sleep: Callable[[float], None] | None = None,
) -> Played:
    """Send the calls of a scenario and keep what was exchanged.

    given: the values for what it needs; our own server's, where they are left out.
    sleep: how to wait for an interaction in the background that is to be done by the next call. Without it,
        every get is taken as it comes: our own server and cassettes have no clock.

    Raises:
        NeedUnmet: no model can do all that it needs.
        TargetUnreachable: there is not one answer to judge.
        BudgetSpent, TargetBusy, KeyRefused, KeyLost: the same.
        CassetteMiss: the scenario was edited after its cassette was recorded.
    """
    played = Played(scenario, needs.given(scenario) if given is None else given)
    exchanges: list[Exchange] = []
    values: dict[str, Any] = {**played.given, **scenario.given}
    for call in scenario.calls:
        request = build_request(call, values, target, api_version)
        try:
            for pause in _PAUSES:
                answered = target.send(request)
                exchanges.append(replace(answered, name=call.name))
                played.trace = Trace.of(exchanges, scenario.id)
                if sleep is None or not _goes_on(call, played.trace.calls[-1]):
                    break
                sleep(pause)
        except _ENDING as error:
            if not exchanges:
                raise
            played.stopped, played.ended = f"at the call {call.name}: {error}", error
            break
        seen = played.trace.calls[-1]
        played.misses += [Miss(call.name, seen.position, *miss) for miss in misses_of(call.expect, seen)]
        unbound = bind_values(call, seen, values)
        if unbound:
            played.stopped = unbound
            break
    return played


def _goes_on(call: ScenarioCall, seen: Call) -> bool:
    """Whether an interaction that is to be done still works in the background."""
    unfinished = (seen.interaction or {}).get("status") in _UNFINISHED
    polls = call.operation == "interactions.get" and seen.stream is None
    return polls and unfinished and call.expect.status not in (None, *_UNFINISHED)


def build_request(call: ScenarioCall, values: Mapping[str, Any], target: Target, api_version: str) -> Request:
    """Write the request of a call, its values filled in."""
    arguments = fill(call.arguments, values)
    method, path, query = _address(call.operation, arguments, api_version)
    if call.path is not None:
        path = f"/{api_version}{fill_text(call.path, values)}"
    method = call.method or method
    query |= fill(call.query, values)
    url = f"{target.url}{path}" + (f"?{urlencode(query)}" if query else "")
    body = call.raw
    if body is None:
        body = plain(arguments) if call.operation == "interactions.create" else b""
    headers = {"x-goog-api-key": {"good": target.key, "bad": "bad-key", "none": ""}[call.key]}
    if body:
        headers["content-type"] = "application/json"
    if api_version == "v1beta":
        headers["api-revision"] = REVISION
    streams = arguments.get("stream") is True
    headers["accept"] = "text/event-stream" if streams else "application/json"
    headers |= {name.lower(): value for name, value in call.headers.items()}
    sent = tuple((name, value) for name, value in headers.items() if value)
    return Request(method, url, sent, body)


def plain(value: Any) -> bytes:
    """Write compact JSON; what UTF-8 cannot hold, such as half an emoji, is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _address(operation: str, arguments: Mapping[str, Any], version: str) -> tuple[str, str, dict[str, str]]:
    collection = f"/{version}/interactions"
    if operation == "interactions.create":
        return "POST", collection, {}
    one = f"{collection}/{quote(str(arguments['id']), safe='', errors='replace')}"
    rest = {key: _query_value(value) for key, value in arguments.items() if key != "id"}
    match operation:
        case "interactions.get":
            return "GET", one, rest
        case "interactions.delete":
            return "DELETE", one, rest
    return "POST", f"{one}/cancel", rest


def _query_value(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


@cache
def _query(path: str) -> jsonpath_rfc9535.JSONPathQuery:
    return jsonpath_rfc9535.compile(path)


def bind_values(call: ScenarioCall, seen: Call, values: dict[str, Any]) -> str:
    """Bind what a call names from its answer; say why it cannot be bound, or nothing."""
    events = [event.json for event in seen.stream.payloads] if seen.stream is not None else None
    sources = (
        (call.bind, seen.interaction, "the answer is no interaction"),
        (call.bind_events, events, "the answer is no stream"),
    )
    for paths, source, absent in sources:
        for name, path in paths.items():
            nodes = _query(path).find(source) if source is not None else []
            if not nodes:
                what = absent if source is None else f"nothing matches {path}"
                return f"after the call {call.name}, <{name}> cannot be bound: {what}"
            values[name] = nodes[0].value
    return ""
