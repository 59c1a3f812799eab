"""The sorts of conversations that an endpoint is asked for, each a test that hypothesis runs.

test = SORTS["requests"](world, hunt)(settings, seed)
test()

requests    one right request, which has to be taken, and an answer that has to be right
wrong       one wrong request, which has to be refused
life        several calls about the same interactions
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

from hypothesis import given, settings
from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test

from conformance.errors import TargetUnreachable
from conformance.fuzzing.endpoint import Remark, World, refused, silent
from conformance.fuzzing.hunt import Hunt
from conformance.fuzzing.life import STEPS, life_of
from conformance.fuzzing.talk import NotBound, Talk
from conformance.generate import WAYS, WrongRequest, requests, wrong_requests
from conformance.generate.ways import PREVIOUS
from conformance.scenario.play import plain
from conformance.scenario.scenario import ScenarioCall, names_in

__all__ = ["SORTS", "Aim", "Test"]

_PREVIOUS = "previous"
_OPERATIONS = {
    "create": ("POST", "/interactions"),
    "get": ("GET", "/interactions/ID"),
    "delete": ("DELETE", "/interactions/ID"),
    "cancel": ("POST", "/interactions/ID/cancel"),
}

Test: TypeAlias = Callable[[settings, int], Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Aim:
    """What is wanted of the next batch.

    model: the model of every request; None for all.
    holes: the points of the schema of a request (place, sort, name) that nothing has reached yet.
    """

    model: str | None = None
    holes: tuple[tuple[str, str, str], ...] = ()


def _requests(world: World, hunt: Hunt, aim: Aim) -> Test:
    bodies = requests(model=aim.model, history=world.own, reach=[place for place, _, _ in aim.holes])

    def hold(body: dict[str, Any]) -> None:
        talk = world.talk()
        remarks = []
        try:
            if remark := refused(talk.say(body), 0):
                remarks.append(remark)
        except TargetUnreachable as error:
            remarks.append(silent(talk, error))
        hunt.saw(world.seen(talk, remarks))

    return _drawn(bodies, hold)


def _wrong(world: World, hunt: Hunt, _: Aim) -> Test:
    def hold(asked: WrongRequest) -> None:
        talk, way = world.talk(), WAYS[asked.way]
        remarks = []
        try:
            for before in asked.follows:
                _prepare(talk, before)
            call = talk.send(_as_call(asked, f"call_{len(talk.calls) + 1}"))
            if call.status is not None and call.status < 400 and not way.tolerated:
                told = f"{way.says.rstrip('.')}: it is answered with HTTP {call.status}"
                remarks.append(Remark(len(talk.calls) - 1, told, min(way.statuses), way.requirement))
        except TargetUnreachable as error:
            remarks.append(silent(talk, error))
        except NotBound:  # what had to be there before it is not; the judge sees why
            pass
        hunt.saw(world.seen(talk, remarks))

    return _drawn(wrong_requests(), hold)


def _life(world: World, hunt: Hunt, aim: Aim) -> Test:
    def test(chosen: settings, seed: int) -> Callable[[], None]:
        machine = seeded(seed)(life_of(world, hunt, aim.model or "gemini-3.5-flash"))
        return lambda: run_state_machine_as_test(
            machine, settings=settings(chosen, stateful_step_count=STEPS)
        )

    return test


def _drawn(strategy: Any, hold: Callable[[Any], None]) -> Test:
    def test(chosen: settings, seed: int) -> Callable[[], None]:
        # The settings come last: a seed sets the database aside.
        found: Callable[[], None] = chosen(seeded(seed)(given(strategy)(hold)))  # type: ignore[no-untyped-call]
        return found

    return test


def _prepare(talk: Talk, before: dict[str, Any]) -> None:
    """Send what has to be there before a wrong request."""
    if "delete" in before:
        talk.ask("delete", id=f"<{_PREVIOUS}>")
    else:
        talk.say(_named(before), bind={_PREVIOUS: "$.id"})


def _as_call(asked: WrongRequest, name: str) -> ScenarioCall:
    """Give a wrong request as the call of a scenario: as an operation with arguments where it is one."""
    rest: dict[str, Any] = {
        "headers": dict(asked.headers),
        "query": _named(dict(asked.query)),
        "key": asked.key,
    }
    operation = next(
        (found for found, told in _OPERATIONS.items() if told == (asked.method, _shape(asked.path))), ""
    )
    if operation == "create":
        return ScenarioCall(name, "interactions.create", **rest, **_body(asked.body))
    if operation:
        arguments = {"id": _named(unquote(asked.path.split("/")[2]))}
        return ScenarioCall(name, f"interactions.{operation}", arguments, **rest)
    path = asked.path.replace(PREVIOUS, f"<{_PREVIOUS}>")
    body = _body(asked.body) if asked.body else {}
    return ScenarioCall(name, "interactions.create", method=asked.method, path=path, **rest, **body)


def _shape(path: str) -> str:
    parts = path.split("/")
    return "/".join(
        [*parts[:2], *("ID" if part and number == 0 else part for number, part in enumerate(parts[2:]))]
    )


def _body(body: bytes) -> dict[str, Any]:
    """Give a body as arguments where it is JSON as anybody writes it, else as text, else as bytes."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and plain(value) == body and not set(names_in(value)):
        return {"arguments": _named(value)}
    with suppress(UnicodeDecodeError):
        return {"body": body.decode()}
    return {"body_base64": b64encode(body).decode()}


def _named(value: Any) -> Any:
    """Put the name of a scenario in the place of the mark for the id of what was made before."""
    match value:
        case str():
            return f"<{_PREVIOUS}>" if value == PREVIOUS else value
        case dict():
            return {key: _named(item) for key, item in value.items()}
        case list():
            return [_named(item) for item in value]
    return value


SORTS: Mapping[str, Callable[[World, Hunt, Aim], Test]] = {
    "requests": _requests,
    "wrong": _wrong,
    "life": _life,
}
"""By name, in the order in which they take turns."""
