"""What comes of a mutant: killed for its reason, or red, and why."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from conformance.mutants.behaviours import BEHAVIOURS
from conformance.mutants.difference import Touch
from conformance.mutants.lines import is_red
from conformance.mutants.mutant import Mutant
from conformance.mutants.running import run_control, run_server
from conformance.server.answer import Answer
from conformance.server.faults import Fault
from conformance.server.misbehaving import Delivery
from conformance.server.plans import Plan
from conformance.server.service import Service
from conformance.wire.exchange import Request
from conformance.wire.trace import Place

TOTAL = {"body": {"at": "$.usage.total_tokens", "plus": 1}}


def mutant(mutate: dict[str, Any], *breaks: str, **more: Any) -> Mutant:
    """A mutant of the scenario with one text."""
    return Mutant(
        "planted", "Planted.", "tests", mutate, more.pop("play", ("interactions/text",)), breaks, **more
    )


def test_a_mutant_that_is_seen_where_it_is_wrong_is_killed() -> None:
    """The line tells who killed it, and where."""
    line = run_server(mutant(TOTAL, "IX-USAGE-003"))
    assert (line["outcome"], line["problem"], line["killed_by"]) == ("killed", "", ["IX-USAGE-003"])
    assert line["places"][0]["pointer"] == "/usage/total_tokens"
    assert line["difference"] == []
    assert not is_red(line)


def test_a_mutant_that_nobody_sees_survives_and_its_bytes_are_shown() -> None:
    """`-` is the right server, `+` the mutant."""
    line = run_server(
        mutant({"body": {"at": "$.steps[1].content[0].text", "suffix": " Ever."}}, "IX-USAGE-003")
    )
    assert (line["outcome"], line["problem"]) == ("survived", "IX-USAGE-003 is not found broken")
    assert line["difference"][0] == "exchange 0 POST /v1beta/interactions"
    assert [told[0] for told in line["difference"][1:]] == ["-", "+", "-", "+"]
    assert line["difference"][-1].endswith(' Ever.",')
    assert is_red(line)


def test_every_requirement_that_a_mutant_breaks_has_to_be_found() -> None:
    """One of two is not enough."""
    line = run_server(mutant(TOTAL, "IX-USAGE-003", "IX-USAGE-005"))
    assert (line["outcome"], line["problem"]) == ("survived", "IX-USAGE-005 is not found broken")


def test_another_check_that_fires_alone_is_the_wrong_reason() -> None:
    """It says which was due, and which fired."""
    line = run_server(mutant(TOTAL, "IX-USAGE-005"))
    assert line["outcome"] == "killed-wrong-reason"
    assert line["problem"] == "IX-USAGE-005 is not found broken, but IX-USAGE-003"


def test_another_check_that_fires_too_is_the_wrong_reason_unless_it_is_named() -> None:
    """`also` names what cannot but break, and nothing else."""
    null = {"body": {"at": "$.usage.total_output_tokens", "as": "negative"}}
    line = run_server(mutant(null, "IX-USAGE-001"))
    assert (line["outcome"], line["problem"]) == ("killed-wrong-reason", "IX-USAGE-003 is found broken too")
    assert run_server(mutant(null, "IX-USAGE-001", also=("IX-USAGE-003",)))["outcome"] == "killed"
    line = run_server(mutant(TOTAL, "IX-USAGE-003", also=("IX-USAGE-005",)))
    assert line["problem"] == "`also` names IX-USAGE-005, which is not found broken"


LOST_STOP = {"frames": {"of": {"event_type": "step.stop"}, "which": "last", "drop": True}}


def test_a_verdict_at_another_place_is_the_wrong_reason_unless_the_place_is_declared() -> None:
    """A step.stop is lost at the end, and its step.start is blamed."""
    lost = mutant(LOST_STOP, "IX-STREAM-013", play=("interactions/text_streamed",))
    line = run_server(lost)
    assert line["outcome"] == "killed-wrong-reason"
    assert line["problem"] == "IX-STREAM-013 at exchange 0 event 5 /index: not where it is wrong"
    assert run_server(replace(lost, at=({"event": 5, "pointer": "/index"},)))["outcome"] == "killed"
    assert run_server(replace(lost, at=({"event": 6},)))["outcome"] == "killed-wrong-reason"


def test_a_mutant_that_touches_nothing_is_an_error() -> None:
    """It is no kill, and no survivor either; one scenario of several is enough."""
    line = run_server(mutant({"body": {"at": "$.absent", "drop": True}}, "IX-USAGE-003"))
    assert (line["outcome"], line["problem"]) == ("inapplicable", "it touches nothing in interactions/text")
    both = mutant(TOTAL, "IX-USAGE-003", play=("interactions/text", "interactions/text_streamed"))
    only = mutant({**TOTAL, "when": {"operation": "create"}}, "IX-USAGE-003", play=both.play)
    assert run_server(only)["problem"] == "it touches nothing in interactions/text_streamed"


def test_a_mutant_that_crashes_the_server_is_told_apart() -> None:
    """A text cannot grow by a number; a fault in the server beneath counts too."""
    line = run_server(mutant({"body": {"at": "$.status", "plus": 1}}, "IX-CREATE-013"))
    assert line["outcome"] == "crashed"
    assert line["problem"].startswith("interactions/text: TypeError: ")


class _Faulty(Service):
    """Has a fault within."""

    def _answer(self, request: Request) -> Answer:
        raise ZeroDivisionError


def test_a_fault_of_the_server_beneath_is_a_crash_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It answers 500 by itself, which must not pass for a wrong answer of the mutant."""
    monkeypatch.setitem(BEHAVIOURS, "faulty", _Faulty)
    line = run_server(mutant({"behaviour": "faulty"}, "IX-CREATE-003"))
    assert (line["outcome"], line["problem"]) == (
        "crashed",
        "interactions/text: the server under the mutant raised an error",
    )


class _Stalls(Service):
    """Says the beginning and then nothing more."""

    def answer(self, request: Request) -> Answer:
        return replace(
            super().answer(request), delivery=Delivery("account", Plan(), Fault("stall", after_bytes=10))
        )


class _Hangs:
    """Answers nothing until it is let go."""

    let_go = threading.Event()

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def answer(self, request: Request) -> Answer:
        self.let_go.wait(20)
        return Service(self._seed).answer(request)


@pytest.mark.parametrize("behaviour", [_Stalls, _Hangs])
def test_a_mutant_that_hangs_is_ended_by_a_limit_and_named(
    behaviour: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it stalls on the way or never answers at all."""
    _Hangs.let_go.clear()
    monkeypatch.setitem(BEHAVIOURS, "hangs", behaviour)
    line = run_server(mutant({"behaviour": "hangs"}, "IX-CREATE-003"), limit_s=0.3)
    _Hangs.let_go.set()
    assert (line["outcome"], line["problem"]) == ("hung", "interactions/text was not over after 0.3 s")
    assert line["seconds"] < 5


MORE = {"body": {"put": {"finish_reason": "stop"}}}


def test_what_is_added_is_killed_in_the_closed_profile_and_drifts_in_the_open_one() -> None:
    """In the open one alone it would survive."""
    assert run_server(mutant(MORE, "IX-CREATE-010", profile="closed"))["outcome"] == "killed"
    assert run_server(mutant(MORE, "IX-CREATE-010"))["outcome"] == "survived"


def test_a_closed_mutant_that_fails_in_the_open_profile_is_the_wrong_reason() -> None:
    """A documented member of the wrong type is no drift."""
    line = run_server(mutant(TOTAL, "IX-USAGE-003", profile="closed"))
    assert line["problem"] == "in the open profile IX-USAGE-003 is found broken"


def test_an_equivalent_mutant_must_not_be_found() -> None:
    """Whoever says so is held to it."""
    same = {"text": {"replace": ['"object":"interaction"', '"object": "interaction"']}}
    assert run_server(mutant(same, equivalent="White space."))["outcome"] == "equivalent"
    line = run_server(mutant(TOTAL, equivalent="Who counts?"))
    assert (line["outcome"], line["problem"]) == ("killed-wrong-reason", "it is no equivalent: IX-USAGE-003")


def test_a_known_survivor_must_survive() -> None:
    """Once it is killed, nobody may go on saying that it is not."""
    unseen = {"body": {"at": "$.steps[1].content[0].text", "suffix": " Ever."}}
    line = run_server(mutant(unseen, "IX-USAGE-003", known="Nobody reads it."))
    assert (line["outcome"], line["problem"]) == ("known", "Nobody reads it.")
    line = run_server(mutant(TOTAL, "IX-USAGE-003", known="Nobody counts."))
    assert line["problem"] == "it is said to survive, but it is killed: take `known` away"


def test_what_only_a_scenario_expects_counts_where_a_mutant_says_so() -> None:
    """The judge cannot know what was said before."""
    forgets = {"request": {"at": "$.previous_interaction_id", "drop": True}}
    line = run_server(mutant(forgets, "scenario", play=("interactions/turns",)))
    assert (line["outcome"], line["killed_by"]) == ("killed", ["scenario"])


def test_the_right_server_is_clean() -> None:
    """In the same run, by the same means."""
    assert run_control("interactions/text")["outcome"] == "clean"


@pytest.mark.parametrize(
    ("touch", "place", "pointer", "holds"),
    [
        (Touch(0, 3, "/a/b"), Place(0, "response", 3), "/a/b", True),
        (Touch(0, 3, "/a/b"), Place(0, "response", 3), "/a", True),
        (Touch(0, 3, "/a/b"), Place(0, "response", 3), "/a/b/0", True),
        (Touch(0, 3, "/a/b"), Place(0, "response", 3), "/a/bc", False),
        (Touch(0, 3, "/a/b"), Place(0, "response", 4), "/a/b", False),
        (Touch(0, 3, "/a/b"), Place(1, "response", 3), "/a/b", False),
        (Touch(0, 3, "/a/b"), Place(0, "response"), "/steps", True),
        (Touch(0, None, "/a"), Place(0, "response"), "/b", False),
        (Touch(0), Place(0, "response", 2), "/b", True),
    ],
)
def test_where_a_verdict_lies_at_the_mutated_place(
    touch: Touch, place: Place, pointer: str, holds: bool
) -> None:
    """There, in it, around it, or about the whole of a stream that was touched."""
    assert touch.holds(place, pointer) is holds
