"""Requirements say `cases: true` where client cases judge them, and nowhere else.

After cases were added or taken away, have it written again:
CONFORMANCE_GOLDEN=write pytest tests/testees/test_judged.py
"""

import os
import re
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest

import conformance.contract.registry as contract
from conformance.cli import main
from conformance.contract.registry import read_requirements, registry
from conformance.report.tally import Tally
from conformance.report.text import render_areas
from conformance.testees.case import read_cases
from conformance.testees.conversation import DELIVERS, SENDS

FOLDER = Path(contract.__file__).parent / "requirements"
JUDGED = {case.judges for case in read_cases() if not case.silent} | {DELIVERS, SENDS}


def marked(text: str, judged: AbstractSet[str]) -> str:
    """Mark the requirements of a file for which there are cases, and no others."""
    entries = re.split(r"(?m)^(?=- id: )", text)
    return "".join(_marked(entry, judged) for entry in entries)


def _marked(entry: str, judged: AbstractSet[str]) -> str:
    found = re.match(r"- id: (\S+)\n", entry)
    if found is None:
        return entry
    if found[1] in judged and "\n  cases: true\n" not in entry:
        entry, replaced = re.subn(r"(?m)^  (?:pending|excluded): .*\n(?:    .*\n)*", "  cases: true\n", entry)
        return entry if replaced else re.sub(r"(?m)^  checks:", "  cases: true\n  checks:", entry)
    if found[1] not in judged:
        rest = "" if "\n  checks:" in entry else "  pending: client runs\n"
        return entry.replace("  cases: true\n", rest)
    return entry


def test_requirements_and_cases_are_in_step() -> None:
    """The message names the ids to change, if any; see above for what changes them."""
    if os.environ.get("CONFORMANCE_GOLDEN") == "write":
        for path in FOLDER.glob("*.yaml"):
            path.write_text(marked(path.read_text(encoding="utf-8"), JUDGED), encoding="utf-8")
    told = {requirement.id for requirement in read_requirements(FOLDER) if requirement.cases}
    missing, spare = ", ".join(sorted(JUDGED - told)), ", ".join(sorted(told - JUDGED))
    assert not missing, f"cases judge them: give each `cases: true`, for `pending` or `excluded`: {missing}"
    assert not spare, f"no case judges them: take `cases: true` away from {spare}"


WRITTEN = """\
- id: IX-A-001
  says: One.
  pending: client runs

- id: IX-A-002
  says: Two.
  checks: [a.b]

- id: IX-A-003
  says: Three.
  cases: true

- id: IX-A-004
  excluded: For a reason that
    takes two lines.
"""


def test_what_is_out_of_step_is_written_again() -> None:
    """Instead of what it waits for, or before its checks; and back. What is right stays, to the byte."""
    new = marked(WRITTEN, {"IX-A-001", "IX-A-002"})
    assert new.splitlines()[2] == "  cases: true"
    assert new.splitlines()[6:8] == ["  cases: true", "  checks: [a.b]"]
    assert new.splitlines()[11] == "  pending: client runs"
    assert marked(new, {"IX-A-003"}) == WRITTEN
    assert marked(WRITTEN, {"IX-A-003"}) == WRITTEN
    assert marked(WRITTEN, {"IX-A-003", "IX-A-004"}).endswith("- id: IX-A-004\n  cases: true\n")


def test_cases_are_no_violations_of_the_server() -> None:
    """They judge clients; what is excluded or waits has none."""
    for name in JUDGED:
        assert registry()[name].party != "server"
        assert not registry()[name].excluded


def test_what_judges_a_requirement_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Its cases with their titles, and the command that runs them."""
    assert main(["requirements", "SSE-007"]) == 0
    out = capsys.readouterr().out
    assert "    case      framing/no-space: " in out
    assert "    run       gemini-conformance client --only SSE-007 -- COMMAND\n" in out
    assert "pending" not in out
    assert main(["requirements", "HTTP-028"]) == 0
    out = capsys.readouterr().out
    assert "    check     background.event_ids_come_back_unchanged\n" in out
    assert "    case      " in out
    assert main(["requirements", "IX-STREAM-012"]) == 0
    assert "    case " not in capsys.readouterr().out


def test_what_judges_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """Those with cases, also where they have checks too; in JSON the cases are named."""
    assert main(["requirements", "--state", "cases", "--format", "json"]) == 0
    out = capsys.readouterr().out
    for name in JUDGED:
        assert f'"id": "{name}"' in out
    assert '"framing/no-space"' in out
    assert main(["requirements", "--state", "cases"]) == 0
    assert capsys.readouterr().err.startswith(f"{len(JUDGED)} of {len(registry())} requirements: ")


def test_only_a_run_of_cases_can_show_what_cases_judge() -> None:
    """There it is not observed as long as no case was about it; elsewhere it does not apply."""
    requirement = registry()["SSE-007"]
    line = {"type": "case", "subject": "errors/one", "outcome": "pass"}
    for parties in (("server",), ("client",), ("server", "client")):
        assert Tally(parties=parties).state(requirement) == "not-applicable"
    tally = Tally(parties=("client",))
    tally.add(line)
    assert tally.state(requirement) == "not-observed"
    area = requirement.area
    assert any("nothing judged in " in line and f" {area}" in line for line in render_areas(tally))
    tally.add({"type": "passes", "subject": "errors/one", "counts": {"SSE-007": 1}})
    assert tally.state(requirement) == "pass"
