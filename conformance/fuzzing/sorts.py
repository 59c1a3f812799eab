"""The sorts of conversations that an endpoint is asked for, each a test that hypothesis runs.

    test = SORTS["requests"](world, hunt)(settings, seed)
    test()

    requests    one right request, which has to be taken, and an answer that has to be right
    wrong       one wrong request, which has to be refused
    life        several calls about the same interactions
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from hypothesis import given, seed as seeded, settings
from hypothesis.stateful import run_state_machine_as_test

from conformance.contract.registry import registry
from conformance.errors import TargetUnreachable
from conformance.fuzzing.endpoint import Remark, World, refused, silent
from conformance.fuzzing.hunt import Hunt
from conformance.fuzzing.life import STEPS, life_of
from conformance.fuzzing.talk import Talk
from conformance.generate import requests
WrongRequest = Any
wrong_requests = None
from conformance.scenario.scenario import ScenarioCall

__all__ = ["SORTS", "Test"]

Test: TypeAlias = Callable[[settings, int], Callable[[], None]]


def _requests(world: World, hunt: Hunt, model: str | None, holes: tuple[Any, ...] = ()) -> Test:
    bodies = requests(model=model)

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


def _wrong(world: World, hunt: Hunt, model: str | None, holes: tuple[Any, ...] = ()) -> Test:
    def hold(asked: WrongRequest) -> None:
        talk = world.talk()
        remarks = []
        try:
            for body in asked.follows:
                talk.say(body, bind={"previous": "$.id"})
            call = talk.send(_as_call(asked, f"call_{len(talk.calls) + 1}"))
            if call.status is not None and call.status < 400 and call.status not in asked.way.statuses:
                told = f"{asked.way.says}, and it is answered with HTTP {call.status}"
                remarks.append(Remark(len(talk.calls) - 1, told, min(asked.way.statuses), asked.way.requirement))
        except TargetUnreachable as error:
            remarks.append(silent(talk, error))
        hunt.saw(world.seen(talk, remarks))

    return _drawn(wrong_requests(), hold)


def _life(world: World, hunt: Hunt, model: str | None, holes: tuple[Any, ...] = ()) -> Test:
    def test(chosen: settings, seed: int) -> Callable[[], None]:
        machine = seeded(seed)(life_of(world, hunt, model or "gemini-3.5-flash"))
        return lambda: run_state_machine_as_test(
            machine, settings=settings(chosen, stateful_step_count=STEPS)
        )

    return test


def _drawn(strategy: Any, hold: Callable[[Any], None]) -> Test:
    def test(chosen: settings, seed: int) -> Callable[[], None]:
        return chosen(seeded(seed)(given(strategy)(hold)))  # the other way round the database is left out

    return test


def _as_call(asked: WrongRequest, name: str) -> ScenarioCall:
    """Give a wrong request as the call of a scenario."""
    raise NotImplementedError


SORTS: Mapping[str, Callable[..., Test]] = {"requests": _requests, "wrong": _wrong, "life": _life}
"""By name, in the order in which they take turns."""
