"""Between a right side and a wrong one, the wrong one is named: the client, or the server."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from conformance.mutants.mutant import Mutant, read_mutants, scenario_file
from conformance.mutants.service import MutatedService
from conformance.proxy.conversations import Conversations
from conformance.proxy.passed import Passed, exchange_of
from conformance.report.record import Line
from conformance.scenario.play import play
from conformance.scenario.scenario import read_scenario
from conformance.scenario.target import HttpTarget
from conformance.server import serving
from conformance.testees.process import Testee
from tests.proxy.alongside import HELLO, KEY, passing

CLOCK = {
    "type": "function",
    "name": "get_temperature",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}},
}
WRONG_ON_PURPOSE = ("access", "error", "refusal")  # whose scenarios send what is to be refused
SAMPLE = [
    mutant
    for mutant in read_mutants()
    if not (mutant.equivalent or mutant.known or mutant.profile == "closed")
    and mutant.area not in WRONG_ON_PURPOSE
    and "scenario" not in mutant.breaks
][::25]


def told_of(passed: list[Passed]) -> list[Line]:
    """The verdicts on what has passed."""
    conversations = Conversations()
    lines: list[Line] = []
    for one in sorted(passed, key=lambda one: one.number):
        lines += conversations.take(one, exchange_of(one))
    lines += conversations.close()
    return [line for line in lines if line["type"] == "verdict"]


def talk(testee: Testee, url: str, key: str) -> int:
    """Hold a conversation with a client: texts, a stream, the next turn, a get, a delete; give its length."""

    def ask(operation: str, *, stream: bool = False, **arguments: Any) -> Any:
        call = {"type": "call", "id": f"{key}-{operation}-{json.dumps(arguments)}-{stream}", "stream": stream}
        call |= {"operation": f"interactions.{operation}", "base_url": url, "api_key": key}
        call |= {"api_version": "v1beta", "arguments": arguments, "timeout_ms": 5000, "retries": "off"}
        return testee.ask(call, 10).last

    known = ask("create", **HELLO).get("value", {}).get("id", "v1_none")
    ask("create", stream=True, **HELLO)
    ask("create", **HELLO, tools=[CLOCK], generation_config={"temperature": 0.5})
    ask("create", model=HELLO["model"], input="And now?", previous_interaction_id=known)
    ask("get", id=known)
    ask("delete", id=known)
    return 6


def test_between_two_right_sides_nobody_is_named() -> None:
    """The control client and the reference server."""
    with (
        serving(seed=7) as server,
        passing(server.url) as proxy,
        Testee([sys.executable, "-m", "conformance.testees.control"]) as testee,
    ):
        passed = proxy.wait(talk(testee, proxy.url, KEY))
    assert told_of(passed) == []
    assert {one.told.status for one in passed if one.told} == {200}


@pytest.mark.parametrize(
    ("wrong", "requirement"),
    [
        ("adds-defaults", "IX-CREATE-025"),
        ("loses-ids", "IX-CREATE-037"),
        ("camel-cases", "IX-TURN-001"),
    ],
)
def test_a_wrong_client_is_named(wrong: str, requirement: str) -> None:
    """And the server, which answers it rightly, is not."""
    with (
        serving(seed=7) as server,
        passing(server.url) as proxy,
        Testee([sys.executable, "-m", "conformance.testees.wrong", wrong]) as testee,
    ):
        passed = proxy.wait(talk(testee, proxy.url, KEY))
    told = told_of(passed)
    assert requirement in {line["requirement"] for line in told}
    assert {line["party"] for line in told} == {"client"}


@pytest.mark.parametrize("mutant", SAMPLE, ids=lambda mutant: mutant.name)
def test_a_wrong_server_is_named(mutant: Mutant) -> None:
    """For what it is wrong in; the client, which plays a scenario, is not."""
    found: set[str] = set()
    for name in mutant.play:
        with (
            serving(answering=MutatedService(mutant.mutate)) as server,
            passing(server.url) as proxy,
            HttpTarget(proxy.url, key=KEY, timeout_s=10) as target,
        ):
            played = play(read_scenario(scenario_file(name)), target)
            told = told_of(proxy.wait(len(played.trace.calls)))
        assert {line["party"] for line in told} <= {"server"}
        found |= {line["requirement"] for line in told}
    assert set(mutant.breaks) <= found


def _text(client: Any) -> None:
    client.interactions.create(**HELLO)


def _stream(client: Any) -> None:
    list(client.interactions.create(**HELLO, stream=True))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", [_text, _stream])
def test_the_official_client_passes(call: Callable[[Any], None]) -> None:
    """google-genai, told the address as its base."""
    genai = pytest.importorskip("google.genai", reason="google-genai is not installed")
    with serving(seed=7) as server, passing(server.url) as proxy:
        with genai.Client(api_key=KEY, http_options={"base_url": proxy.url}) as client:
            call(client)
        passed = proxy.wait(1)
    assert [line for line in told_of(passed) if line["outcome"] == "fail"] == []
    assert [one.told.status for one in passed if one.told] == [200]
