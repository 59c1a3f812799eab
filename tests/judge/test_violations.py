"""Every check has a killer: a right conversation with one thing changed, in tests/violations.

Each file breaks the requirement that it is named for, at the place and with the message that it tells, and no
other, save those that cannot but break with it.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.contract.registry import Requirement, registry
from conformance.judge.judge import find_check, judge
from conformance.judge.verdict import Outcome, Verdict
from conformance.wire.trace import Trace
from tests.miniatures import CONVERSATIONS, conversation, patched, trace_of

VIOLATIONS = sorted((Path(__file__).parents[1] / "violations").glob("*.yaml"))
WRONG_ON_PURPOSE = {"refused", "front_end_errors"}
FIRM = {"documented", "spec", "standard"}


@cache
def _read(path: Path) -> dict[str, Any]:
    violation: dict[str, Any] = yaml.safe_load(path.read_text())
    return violation


@cache
def _exchanges(path: Path) -> list[dict[str, Any]]:
    """The conversation with its one thing changed."""
    return patched(_read(path)["from"], _read(path)["patch"])


def _names(path: Path) -> str:
    return path.stem


def _due(requirement: Requirement) -> Outcome:
    return "fail" if requirement.level == "must" and requirement.confidence in FIRM else "warn"


def _place(verdict: Verdict) -> dict[str, Any]:
    event = {} if verdict.event is None else {"event": verdict.event}
    at = {"exchange": verdict.place.exchange, "side": verdict.place.side}
    return {**at, **event, "pointer": verdict.pointer}


def _trace(path: Path) -> Trace:
    return trace_of(_exchanges(path))


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_right_conversation_is_clean(name: str) -> None:
    """Nothing is found in it, nothing in it is unknown, and something was judged."""
    parties = ["server"] if name in WRONG_ON_PURPOSE else ["server", "client"]
    report = judge(conversation(name), parties=parties)

    assert report.findings == []
    assert report.drift == [] or name in WRONG_ON_PURPOSE
    assert report.outcome == "pass"


@pytest.mark.parametrize("path", VIOLATIONS, ids=_names)
def test_a_violation_is_found_at_its_place_for_its_reason(path: Path) -> None:
    """No other requirement breaks, save those in `also`; outcome and party are those that are due."""
    _assert_found(path, judge(_trace(path)).findings, 0)


def _assert_found(path: Path, findings: list[Verdict], before: int) -> None:
    """The findings are those of the violation, which begins after some exchanges."""
    violation = _read(path)
    requirement = registry()[violation["breaks"]]
    at = {**violation["at"], "exchange": violation["at"]["exchange"] + before}
    here = [
        verdict for verdict in findings if verdict.requirement == requirement.id and _place(verdict) == at
    ]

    assert {verdict.requirement for verdict in findings} == {requirement.id, *violation.get("also", [])}
    assert [verdict.outcome for verdict in here] == [_due(requirement)] * len(here)
    assert violation["says"] in [verdict.message for verdict in here]
    assert {verdict.party for verdict in here} == {"client" if at["side"] == "request" else "server"}


def test_other_conversations_before_it_change_nothing() -> None:
    """A recording may hold many. All violations in one test: `nox -s mutation` runs it 400 times."""
    gone = _elsewhere("background")[-4:]  # deleted, and asked for all the same
    excerpt = {**_elsewhere("text_stream")[0], "excerpt": True}
    company = [*_elsewhere("text"), excerpt, *_elsewhere("stored_get"), *gone]
    for path in VIOLATIONS:
        _assert_found(path, judge(trace_of([*company, *_exchanges(path)])).findings, len(company))


def _elsewhere(name: str) -> list[dict[str, Any]]:
    """A right conversation under other ids."""
    told: list[dict[str, Any]] = json.loads(
        json.dumps(patched(name, [])).replace("v1_TWluaWF0", "v1_RWxzZXdo")
    )
    return told


@pytest.mark.parametrize("path", VIOLATIONS, ids=_names)
def test_a_violation_is_named_for_its_requirement(path: Path) -> None:
    """So that a look into the folder tells what is covered."""
    assert path.stem.startswith(f"{_read(path)['breaks']}-")


def test_the_example_of_the_readme_is_a_violation() -> None:
    """What people copy is right."""
    text = (VIOLATIONS[0].parent / "README.md").read_text()
    ((name, example),) = re.findall(r"```yaml\n# (\S+)\n(.*?)```", text, re.DOTALL)

    assert yaml.safe_load(example) == _read(VIOLATIONS[0].parent / name)


@pytest.mark.parametrize("requirement", registry().values(), ids=list(registry()))
def test_every_check_of_a_requirement_has_a_killer(requirement: Requirement) -> None:
    """Each check breaks on a violation of the requirement; shapes alone break too, if they are judged."""
    traces = [_trace(path) for path in VIOLATIONS if path.stem.startswith(f"{requirement.id}-")]
    functions = [check for check in requirement.checks if check.schema is None]
    broken = [
        [
            any(verdict.outcome != "pass" for verdict in find_check(check)(trace, **dict(check.arguments)))
            for check in functions
        ]
        for trace in traces
    ]

    for number, check in enumerate(functions):
        assert any(row[number] for row in broken), f"no violation breaks {check.name}"
    if len(functions) < len(requirement.checks):
        assert any(not any(row) for row in broken), "no violation breaks the shape alone"
