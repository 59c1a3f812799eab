"""Scenarios held by a client: the control client holds them, a wrong one is told which call went wrong."""

import sys

import pytest

from conformance.contract.places import folder
from conformance.report.record import Line
from conformance.scenario.scenario import find_scenarios
from conformance.testees.process import Testee
from conformance.testees.running import run_cases, subjects_of

SCENARIOS = find_scenarios([str(folder("scenarios"))])
CONTROL = [sys.executable, "-m", "conformance.testees.control"]


def held(command: list[str], *words: str) -> list[Line]:
    """Let a client hold the conversations that hold a word."""
    with Testee(command) as testee:
        return list(run_cases(testee, subjects_of(SCENARIOS, words)))


def verdicts(lines: list[Line]) -> set[tuple[str, str, str, int]]:
    """What was found: outcome, requirement, subject, exchange."""
    return {
        (line["outcome"], line["requirement"], line["subject"], line["exchange"])
        for line in lines
        if line["type"] == "verdict"
    }


def test_the_control_client_holds_every_conversation() -> None:
    """But for those whose calls no client makes as they are."""
    lines = held(CONTROL)
    outcomes = {line["subject"]: line["outcome"] for line in lines if line["type"] == "case"}
    assert len(outcomes) == len(SCENARIOS)
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "pass"} == {
        "conversations/asked_in_other_ways": "not-applicable",
        "conversations/continued": "not-applicable",
        "conversations/refusals": "not-applicable",
        "conversations/refusals_of_values": "not-applicable",
    }
    assert verdicts(lines) == set()


@pytest.mark.parametrize(
    ("wrong", "scenario", "requirement", "exchange"),
    [
        ("loses-arguments", "turns", "IX-CREATE-042", 1),
        ("drops-the-last-event", "search_streamed", "IX-SDK-009", 0),
        ("key-in-the-url", "function_calling", "IX-AUTH-003", 1),
        ("answers-one-of-two", "function_calling_parallel", "IX-FUNC-018", 1),
        ("swallows-errors", "stream_ends_in_an_error", "IX-SDK-009", 0),
    ],
)
def test_a_wrong_client_is_told_in_which_call(
    wrong: str, scenario: str, requirement: str, exchange: int
) -> None:
    """The exchange is the one in which it shows."""
    lines = held([sys.executable, "-m", "conformance.testees.wrong", wrong], f"conversations/{scenario}")
    assert ("fail", requirement, f"conversations/{scenario}", exchange) in verdicts(lines)
