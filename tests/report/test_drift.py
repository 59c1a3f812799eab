"""A comparison for people: what is judged otherwise, the worst first, and what a difference touches."""

from typing import Any

from conformance.report.drift import OtherVerdict, compare, touched
from tests.miniatures import conversation, patched, trace_of

USAGE = "/0/response/body/usage"
WRONG: list[dict[str, Any]] = [
    {"op": "add", "path": f"{USAGE}/total_tokens", "value": 9},
    {"op": "remove", "path": "/0/response/body/id"},
]


def test_requirements_in_doubt_come_first_and_those_that_are_not_shown_stand_together() -> None:
    """One that fails has a line of its own, with what is wrong."""
    names = [
        verdict.now for verdict in compare(conversation("text"), trace_of(patched("text", WRONG))).verdicts
    ]
    assert names == sorted(names, key=["fail", "warn", "pass", None].index)
    empty = [{"op": "remove", "path": USAGE}]
    lines = list(compare(conversation("text"), trace_of(patched("text", empty))).lines())
    gone = [line for line in lines if line.endswith(" no longer shown")]
    assert len(gone) == 1
    assert gone[0].startswith("requirements   IX-THINK-009, IX-USAGE-001, ")


def test_a_server_that_was_mended_keeps_its_requirements_again() -> None:
    """The way back of a failure; with the id gone, too."""
    found = compare(trace_of(patched("text", WRONG)), conversation("text"))
    assert ("IX-USAGE-003", "kept again") in [(one.requirement, one.said) for one in found.verdicts]


def test_a_verdict_that_is_new_is_told_as_such() -> None:
    assert OtherVerdict("IX-USAGE-001", None, "pass").said == "shown now"
    assert OtherVerdict("IX-USAGE-001", "pass", None).said == "no longer shown"
    assert OtherVerdict("IX-USAGE-001", "pass", "warn", "why").said == "warns now: why"


def test_a_difference_touches_the_requirement_of_its_schema_and_those_that_name_it() -> None:
    """A status touches none by its place: the verdicts tell."""
    patch: list[dict[str, Any]] = [{"op": "add", "path": "/0/response/body/service_tier", "value": "turbo"}]
    (word,) = compare(conversation("text"), trace_of(patched("text", patch))).shape
    assert {"IX-CREATE-010", "IX-TIER-003"} <= set(touched(word))
    patch = [{"op": "add", "path": "/0/response/status", "value": 201}]
    (status,) = compare(conversation("text"), trace_of(patched("text", patch))).shape
    assert touched(status) == []
