"""Every wrong server is killed for its own reason, and the right one is clean on the same scenarios."""

import re
from pathlib import Path

import pytest
import yaml

from conformance.contract.registry import registry
from conformance.errors import MutantBroken
from conformance.mutants.behaviours import BEHAVIOURS
from conformance.mutants.matrix import unshown
from conformance.mutants.mutant import EXPECTED, SERVERS, Mutant, read_mutants
from conformance.mutants.running import run_control, run_server

MUTANTS = read_mutants()
SCENARIOS = sorted({scenario for mutant in MUTANTS for scenario in mutant.play})


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_wrong_server_is_killed_for_its_own_reason(mutant: Mutant) -> None:
    """Where its bytes are wrong, by the requirements that it breaks and no others."""
    line = run_server(mutant)
    due = "equivalent" if mutant.equivalent else "known" if mutant.known else "killed"
    assert line["outcome"] == due, (line["problem"], line["places"], line["difference"])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_right_server_is_clean(scenario: str) -> None:
    """Open and closed, and it gives the same bytes as the server that stands beside each mutant."""
    line = run_control(scenario)
    assert (line["outcome"], line["problem"]) == ("clean", "")


def test_every_requirement_for_servers_is_broken_by_one_or_has_a_reason() -> None:
    """A reason that is no longer true has to go."""
    broken = {name for one in MUTANTS if not (one.known or one.equivalent) for name in one.breaks}
    due = {one.id for one in registry().values() if one.checks and one.party != "client"}
    assert due - broken - unshown().keys() == set()
    assert broken & unshown().keys() == set()
    assert unshown().keys() <= due


def test_there_are_many_in_every_area_and_few_that_are_not_killed() -> None:
    """As the issue asks."""
    assert len(MUTANTS) >= 150
    assert sum(bool(one.equivalent) for one in MUTANTS) <= 5
    assert sum(one.profile == "closed" for one in MUTANTS) >= 5


def test_every_behaviour_is_used_and_says_what_it_does() -> None:
    """A behaviour that no mutant names shows nothing."""
    assert {one.mutate["behaviour"] for one in MUTANTS if "behaviour" in one.mutate} == BEHAVIOURS.keys()


def test_each_file_is_written_as_people_write() -> None:
    """One mutant says one thing: a title of one sentence."""
    assert [one.name for one in MUTANTS if not re.fullmatch(r"\S[^\n]*\.", one.title)] == []
    assert [one.name for one in MUTANTS if EXPECTED in one.breaks and len(one.breaks) > 1] == []


def test_the_example_of_the_readme_is_a_mutant() -> None:
    """What people copy is right."""
    (example,) = re.findall(r"```yaml\n(.*?)```", (SERVERS / "README.md").read_text(), re.DOTALL)
    (told,) = yaml.safe_load(example)["mutants"]
    entries = yaml.safe_load((SERVERS / "stream.yaml").read_text())["mutants"]
    assert told in entries


GOOD = """mutants:
  - name: planted
    title: Planted.
    mutate: {body: {at: $.id, drop: true}}
    play: [interactions/text]
    breaks: [IX-CREATE-012]
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("mutants:", "mutants: [", "not YAML"),
        ("drop: true", "drop: true, to: 1", "is valid under each of"),
        ("body", "bodies", "mutants/0/mutate"),
        ("IX-CREATE-012", "IX-CREATE-999", "planted: there is no requirement IX-CREATE-999"),
        ("IX-CREATE-012", "IX-AUTH-006", "planted: IX-AUTH-006 has no checks"),
        ("IX-CREATE-012", "IX-AUTH-001", "planted: IX-AUTH-001 is for clients"),
        ("interactions/text", "interactions/none", "planted: there is no scenario interactions/none"),
        ("body: {at: $.id, drop: true}", "behaviour: none", "planted: there is no behaviour none"),
        ("    breaks: [IX-CREATE-012]\n", "", "mutants/0"),
    ],
)
def test_a_broken_file_is_refused_and_says_where(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """Before anything is played."""
    (tmp_path / "area.yaml").write_text(GOOD)
    assert [mutant.name for mutant in read_mutants(tmp_path)] == ["planted"]
    (tmp_path / "area.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(MutantBroken) as caught:
        read_mutants(tmp_path)
    assert problem in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    """In all files together."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(GOOD)
    with pytest.raises(MutantBroken, match="the name is taken"):
        read_mutants(tmp_path)
