"""What is drawn from the mutations of the judge, and how a mutation is known again."""

import os
from pathlib import Path

import pytest

from tests.judge import mutation
from tests.judge.mutation import Mutation, drawn, equivalents, mutations_in, statuses, verdict

WRITTEN = '''
def x_greeting__mutmut_orig(name, times=1):
    """Say it."""
    if name and times > 0:
        return said("good day", name, sep=", ")
    return f"nobody, {times + 1} times"

'''


def found(line: str, mutated: str) -> list[Mutation]:
    """The mutations of a small function of which one line differs."""
    assert line in WRITTEN
    mutant = WRITTEN.replace(line, mutated).replace("__mutmut_orig", "__mutmut_1")
    return mutations_in(WRITTEN + mutant, "conformance.judge.small")


def test_a_mutation_is_told_by_the_lines_that_differ() -> None:
    """Not by its number, which changes with the code before it."""
    (one,) = found("times > 0", "times >= 0")

    assert one.name == "conformance.judge.small.x_greeting__mutmut_1"
    assert one.key == (
        "conformance.judge.small",
        "greeting",
        "if name and times > 0:",
        "if name and times >= 0:",
        1,
    )
    assert str(one).splitlines()[1:] == ["  - if name and times > 0:", "  + if name and times >= 0:"]


@pytest.mark.parametrize(
    ("called", "function"),
    [("x_kept", "kept"), ("x__place", "_place"), ("xǁDecoderǁ_blocks", "Decoder._blocks")],
)
def test_a_function_is_told_by_its_name(called: str, function: str) -> None:
    """Whatever mutmut makes of it."""
    written = WRITTEN.replace("x_greeting", called)
    mutant = written.replace("__mutmut_orig", "__mutmut_1").replace("times > 0", "times < 0")
    (one,) = mutations_in(written + mutant, "conformance.judge.small")

    assert one.function == function


def test_a_default_value_is_told_by_its_arguments() -> None:
    """The body is the same."""
    (one,) = found("times=1", "times=2")

    assert (one.before, one.after) == ("name, times=1", "name, times=2")


@pytest.mark.parametrize(
    ("line", "mutated"),
    [
        ('"good day"', '"XXgood dayXX"'),
        ('"good day"', "None"),
        ('"good day", name', "name"),
        ('", ")', "None)"),
        (', sep=", "', ""),
        ('f"nobody, {times + 1} times"', "None"),
    ],
)
def test_wording_is_left_out(line: str, mutated: str) -> None:
    """A string literal that is another, nothing, or gone."""
    assert found(line, mutated) == []


@pytest.mark.parametrize(
    ("line", "mutated"),
    [
        ("{times + 1}", "{times - 1}"),
        ('"good day", name', '"good day"'),
        ('"good day", name', '"good day", None'),
        ("name and times", "name or times"),
    ],
)
def test_what_is_beside_wording_is_not(line: str, mutated: str) -> None:
    """An expression in a message, an argument beside one."""
    assert len(found(line, mutated)) == 1


def test_mutations_that_look_alike_are_numbered() -> None:
    """A function may say the same again."""
    written = WRITTEN + "    return 1\n    return 1\n"
    first = written.replace("return 1", "return 2", 1)
    second = "return 2".join(written.rsplit("return 1", 1))
    mutants = [text.replace("__mutmut_orig", f"__mutmut_{n}") for n, text in enumerate((first, second), 1)]
    found = mutations_in("".join([written, *mutants]), "conformance.judge.small")

    assert [(one.before, one.nth) for one in found] == [("return 1", 1), ("return 1", 2)]


def _some(count: int) -> list[Mutation]:
    return [Mutation(f"m{number}", "module", "function", f"{number}", "None") for number in range(count)]


def test_a_draw_depends_on_its_seed_alone() -> None:
    """Neither on the order nor on the names."""
    names = {mutation.before for mutation in drawn(_some(50), 10, 1)}

    assert {mutation.before for mutation in drawn(_some(50)[::-1], 10, 1)} == names
    assert {mutation.before for mutation in drawn(_some(50), 10, 2)} != names


def test_a_draw_hardly_moves_with_the_code() -> None:
    """One mutation less changes one of the sample at most."""
    many = _some(50)
    sample = drawn(many, 10, 1)

    assert drawn([mutation for mutation in many if mutation != sample[0]], 10, 1)[:9] == sample[1:]


def test_a_note_that_fits_no_mutation_is_out_of_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that none outlives its code."""
    notes = tmp_path / "equivalent.yaml"
    notes.write_text("- {module: module, function: function, before: '1', after: None, reason: small}\n")
    monkeypatch.setattr(mutation, "EQUIVALENT", notes)

    assert equivalents(_some(2)) == {("module", "function", "1", "None", 1)}
    with pytest.raises(SystemExit, match="module, function: 1"):
        equivalents(_some(1))


SAYS = """#!/bin/sh
echo "$@" >> told
[ "$1" = run ] && exit {code}
echo "    m0: killed"
echo "    m1: survived"
"""


def _mutmut(folder: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutmut that has done its work, or not."""
    (folder / "mutmut").write_text(SAYS.format(code=code))
    (folder / "mutmut").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setattr(mutation, "ROOT", folder)


def test_mutmut_is_asked_for_the_sample_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it found before is thrown away."""
    _mutmut(tmp_path, 0, monkeypatch)
    (tmp_path / "mutants").mkdir()

    assert statuses(_some(2), 1) == {"m0": "killed", "m1": "survived"}
    assert not (tmp_path / "mutants").exists()
    assert (tmp_path / "told").read_text().splitlines()[0] == "run --max-children 1 m0 m1"


def test_a_mutmut_that_fails_ends_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tests may have failed before anything was changed."""
    _mutmut(tmp_path, 1, monkeypatch)

    with pytest.raises(SystemExit, match="came to no end"):
        statuses(_some(2), 1)


def test_nine_in_ten_have_to_die() -> None:
    """A time limit kills, and what is noted as equivalent counts as alive."""
    sample = _some(10)
    found = {one.name: "killed" for one in sample} | {"m8": "timeout", "m9": "survived"}
    lines, fine = verdict(sample, found, {sample[9].key})

    assert fine
    assert lines == ["\n8 killed, 1 timeout, 1 survived; 1 of the survivors are equivalent", "90.0% die"]
    assert verdict(sample, found | {"m8": "no tests"}, [])[1] is False


def test_survivors_are_told_by_their_lines() -> None:
    """And what is noted as equivalent must not die."""
    sample = _some(20)
    found = {one.name: "killed" for one in sample} | {"m1": "survived"}
    lines, fine = verdict(sample, found, [sample[2].key])

    assert lines[0] == "\nsurvived: module, function\n  - 1\n  + None"
    assert lines[1].startswith("\nnoted as equivalent, and dies: module, function\n  - 2")
    assert not fine
