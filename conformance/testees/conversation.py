"""A scenario held by a client: each call goes through its driver, and our server answers as it always does.

    problem = Conversation(scenario).hold(make, key="key-7", api_version="v1beta")

`make` lets the client make one call, which is told as a case, and gives what came of it. Values are bound
from what went over the wire, so that a client which hands its user half an answer can still be asked the next
question; what it handed over is compared call by call, like that of any case.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from conformance.errors import NeedUnmet, TargetUnreachable
from conformance.scenario.needs import given
from conformance.scenario.play import play
from conformance.scenario.scenario import Scenario, ScenarioCall
from conformance.server.control import HEADER
from conformance.testees.case import Case, Expectation, Reply
from conformance.testees.process import Delivered
from conformance.testees.stage import Act
from conformance.wire.exchange import Exchange, Request

__all__ = ["DELIVERS", "SENDS", "Conversation", "Turn"]

SENDS = "IX-CREATE-042"
DELIVERS = "IX-SDK-009"
_MOST = 10
"""Requests of a call: a client may look at an interaction before it deletes it, or while it waits for it."""
_PATH = re.compile(r"/\w+/interactions(?:/(?P<id>[^/]+)(?P<verb>/cancel)?)?")


@dataclass(frozen=True, slots=True)
class Turn:
    """One call that a client has made."""

    act: Act
    delivered: Delivered


class Conversation:
    """One scenario, as calls of a client.

    unfit: why no client can hold it; empty where one can.
    operations, needs: what a client must declare for it.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.unfit = _unfit(scenario)
        self.operations = frozenset(call.operation for call in scenario.calls)
        self.needs = frozenset(word for call in scenario.calls for word in _needs(call))

    def hold(self, make: Callable[[Case], Turn], *, key: str, api_version: str) -> str:
        """Hold it; say why it ended early, or nothing.

        Raises:
            TesteeBroken: whatever `make` raises.
        """
        try:
            target = _Driven(self._scenario, make, key)
            return play(self._scenario, target, api_version=api_version).stopped
        except TargetUnreachable as error:
            return str(error)


class _Driven:
    """A target that is reached through a client."""

    url = ""

    def __init__(self, scenario: Scenario, make: Callable[[Case], Turn], key: str) -> None:
        self.key = key
        self._scenario = scenario
        self._make = make
        self._calls = iter(scenario.calls)

    def send(self, request: Request) -> Exchange:
        """Let the client make the call behind a request; give what went over the wire last.

        Raises:
            TargetUnreachable: the client has sent nothing.
        """
        turn = self._make(_case(self._scenario, next(self._calls), request))
        exchanges = turn.act.exchanges()
        if not exchanges:
            raise TargetUnreachable("the server", "was asked nothing by the client")
        return exchanges[-1]


def _case(scenario: Scenario, call: ScenarioCall, request: Request) -> Case:
    """Tell a call of a scenario, its values filled in, as a case."""
    operation = call.operation.rpartition(".")[2]
    arguments = dict(_arguments(request))
    stream = arguments.pop("stream", False) is True
    control = json.loads(call.headers.get(HEADER, "{}"))
    return Case(
        id=f"{scenario.id}#{call.name}",
        title=scenario.title,
        judges=DELIVERS,
        catches=(),
        needs=frozenset(),
        operation=operation,
        stream=stream,
        arguments=arguments,
        replies=(Reply(control=control),),
        expect=_expectation(call, stream=stream),
        harm="data loss",
    )


def _arguments(request: Request) -> Iterator[tuple[str, Any]]:
    address = urlsplit(request.url)
    path = _PATH.fullmatch(address.path)
    if path is not None and path["id"]:
        yield "id", unquote(path["id"])
    for name, value in parse_qsl(address.query if request.method == "GET" else ""):
        yield name, {"true": True, "false": False}.get(value, value)
    if request.body:
        yield from json.loads(request.body).items()


def _expectation(call: ScenarioCall, *, stream: bool) -> Expectation:
    """What the user of the client must see of it."""
    if call.expect.http != 200:
        told: Mapping[str, Any] = {"status": call.expect.http}
        refused = 400 <= call.expect.http < 500
        least = 0 if refused else 1
        return Expectation(ending="error", error=told, requests=(least, _MOST), once=True, sends=False)
    if call.expect.error is not None or '"event"' in call.headers.get(HEADER, ""):
        return Expectation(
            ending="error", error={"event": True}, events="prefix", requests=(1, _MOST), once=True
        )
    events = "sent" if stream else "any"
    return Expectation(ending="end", events=events, usage=True, requests=(1, _MOST), once=True)


def _needs(call: ScenarioCall) -> Iterator[str]:
    if call.arguments.get("stream") is True:
        yield "stream"
    if "last_event_id" in call.arguments:
        yield "resume"


def _unfit(scenario: Scenario) -> str:
    try:
        given(scenario)
    except NeedUnmet as error:
        return str(error)
    for call in scenario.calls:
        for what, there in (
            ("a body that no client writes", call.raw is not None),
            ("a key that is wrong or missing", call.key != "good"),
            ("a query of its own", bool(call.query.keys() - {"alt"})),
            ("headers of its own", bool(call.headers.keys() - {HEADER})),
            ("an answer that some clients continue by themselves", _is_continued(call)),
        ):
            if there:
                return f"its call {call.name} has {what}"
    return ""


def _is_continued(call: ScenarioCall) -> bool:
    return any("continuation_token" in path for path in call.bind.values())
