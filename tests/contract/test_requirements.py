"""Nothing is forgotten: requirements, checks, schemas and violations name each other."""

import re
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import isfunction, signature
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
import yaml

from conformance.contract.registry import Requirement, read_requirements, registry
from conformance.contract.store import contract
from conformance.errors import RequirementBroken
from conformance.judge.judge import find_check

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "conformance" / "contract" / "requirements"
NO_CHECKS = {"judge", "verdict"}
IDS = re.compile(r"(?:IX-[A-Z]+|SSE|HTTP|GC-[A-Z]+)-\d{3}")
DOCUMENTS = "create_request interaction event step error_envelope status_envelope".split()

GOOD = {
    "id": "IX-STREAM-999",
    "name": "a-name",
    "says": "A fact.",
    "level": "must",
    "party": "server",
    "confidence": "documented",
    "source": "https://ai.google.dev/gemini-api/docs/streaming",
    "checks": ["stream.created_comes_first"],
}


def _written(folder: Path, *entries: Any) -> list[Requirement]:
    (folder / "area.yaml").write_text(yaml.safe_dump(list(entries)))
    return list(read_requirements(folder))


def _check_functions() -> dict[str, Callable[..., Any]]:
    """Every public function of the judge's areas, by the name that a requirement gives it."""
    import_module("conformance.judge")
    areas = {module.name for module in iter_modules(sys.modules["conformance.judge"].__path__)} - NO_CHECKS
    modules = {area: import_module(f"conformance.judge.{area}") for area in areas}
    return {
        f"{area}.{name}": found
        for area, module in modules.items()
        for name in module.__all__
        if isfunction(found := getattr(module, name))
    }


@pytest.mark.parametrize("requirement", registry().values(), ids=list(registry()))
def test_a_requirement_is_whole(requirement: Requirement) -> None:
    """Its id has the pattern, its source is an address, its sentence leaves the level to `level`."""
    assert IDS.fullmatch(requirement.id)
    assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", requirement.name)
    assert requirement.source.startswith("https://")
    assert requirement.says.endswith(".")
    assert not re.search(r"\b(?:must|should|shall)\b", requirement.says)
    assert requirement.why.endswith(".")


@pytest.mark.parametrize("requirement", registry().values(), ids=list(registry()))
def test_every_check_of_a_requirement_exists(requirement: Requirement) -> None:
    """A function takes the arguments that the requirement hands it; a schema is a file."""
    schemas = set(contract().names())
    for check in requirement.checks:
        if check.schema is None:
            signature(find_check(check)).bind(None, **dict(check.arguments))
        else:
            assert check.schema in schemas


@pytest.mark.parametrize("name", sorted(_check_functions()))
def test_every_check_is_named_by_a_requirement(name: str) -> None:
    """And its docstring names one of those requirements, so that a reader finds the way."""
    owners = [
        requirement.id
        for requirement in registry().values()
        if name in [check.name for check in requirement.checks]
    ]
    named = IDS.findall(_check_functions()[name].__doc__ or "")

    assert owners
    assert set(named) & set(owners)


def test_a_schema_belongs_to_one_requirement() -> None:
    """Else it would be open who is blamed."""
    owned = [
        check.schema for requirement in registry().values() for check in requirement.checks if check.schema
    ]

    assert len(owned) == len(set(owned))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_has_an_owner(name: str) -> None:
    """A wrong shape is blamed on the whole document when nothing inside it has a requirement."""
    owned = {check.schema for requirement in registry().values() for check in requirement.checks}

    assert f"interactions/{name}" in owned


@pytest.mark.parametrize("name", [name for name in contract().names() if "/event_" in name])
def test_every_event_has_an_owner_that_fails(name: str) -> None:
    """A documented field of the wrong type always fails."""
    (owner,) = [
        requirement
        for requirement in registry().values()
        if f"schema:{name}" in [check.name for check in requirement.checks]
    ]

    assert owner.level == "must"
    assert owner.confidence in {"documented", "spec", "standard"}


@pytest.mark.parametrize(
    "requirement",
    [requirement for requirement in registry().values() if requirement.checks],
    ids=[requirement.id for requirement in registry().values() if requirement.checks],
)
def test_every_requirement_has_a_violation(requirement: Requirement) -> None:
    """What has never been seen to break may be unable to."""
    assert list((ROOT / "tests" / "violations").glob(f"{requirement.id}-*.yaml"))


def test_the_example_of_the_readme_is_the_requirement_itself(tmp_path: Path) -> None:
    """What people copy is right."""
    (block, *_) = re.findall(r"```yaml\n(- id.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    (tmp_path / "stream.yaml").write_text(block)
    (requirement,) = read_requirements(tmp_path)

    assert requirement == registry()[requirement.id]


def test_a_good_requirement_is_read(tmp_path: Path) -> None:
    """Its area is the name of its file; text over several lines becomes one line."""
    (requirement,) = _written(tmp_path, {**GOOD, "says": "A fact\n  in two lines.\n"})

    assert requirement.area == "area"
    assert requirement.says == "A fact in two lines."
    assert [check.name for check in requirement.checks] == ["stream.created_comes_first"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"source": ""}, "it has no source"),
        ({"level": "shall"}, "level is 'shall'; expected one of must, should, may"),
        ({"party": "proxy"}, "party is 'proxy'"),
        ({"confidence": "rumour"}, "confidence is 'rumour'"),
        ({"sauce": "https://ai.google.dev/"}, "unknown key 'sauce'"),
        ({"excluded": "Nobody can tell."}, "it needs one of checks (or cases), excluded and pending"),
        ({"pending": "A check of retries."}, "it needs one of checks (or cases), excluded and pending"),
        ({"cases": True}, "cases is true or left out, and true only where clients are judged"),
        ({"cases": False, "party": "client"}, "cases is true or left out"),
        ({"cases": ["framing/x"], "party": "client"}, "cases is true or left out"),
        ({"checks": [["stream", "created_comes_first"]]}, "a check is a name, or a name with arguments"),
    ],
)
def test_a_bad_requirement_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    """The error names the file, the requirement and what is wrong."""
    with pytest.raises(RequirementBroken) as error:
        _written(tmp_path, {**GOOD, **change})

    assert str(error.value).startswith("area.yaml IX-STREAM-999: ")
    assert says in str(error.value)


@pytest.mark.parametrize("missing", ["id", "name", "says", "level", "party", "confidence", "source"])
def test_a_requirement_needs_its_members(tmp_path: Path, missing: str) -> None:
    """None of them has a default."""
    with pytest.raises(RequirementBroken, match=f"it has no {missing}"):
        _written(tmp_path, {key: told for key, told in GOOD.items() if key != missing})


def test_a_requirement_needs_checks_or_a_reason(tmp_path: Path) -> None:
    """A fact that nobody judges says why, or what its checks wait for."""
    with pytest.raises(RequirementBroken, match=r"one of checks .or cases., excluded and pending"):
        _written(tmp_path, {key: told for key, told in GOOD.items() if key != "checks"})


def test_cases_may_judge_beside_checks_or_alone(tmp_path: Path) -> None:
    """But not what is excluded or waits."""
    client = {**GOOD, "party": "client", "cases": True}
    alone = {key: told for key, told in client.items() if key != "checks"}
    other = {**alone, "id": "IX-STREAM-998", "name": "another-name"}
    assert [(one.cases, len(one.checks)) for one in _written(tmp_path, client, other)] == [
        (True, 1),
        (True, 0),
    ]
    for more in ({"excluded": "Nobody can tell."}, {"pending": "A check."}):
        with pytest.raises(RequirementBroken, match=r"one of checks .or cases., excluded and pending"):
            _written(tmp_path, {**alone, **more})


@pytest.mark.parametrize("change", [{"name": "another-name"}, {"id": "IX-STREAM-998"}])
def test_ids_and_names_are_given_once(tmp_path: Path, change: dict[str, str]) -> None:
    """The error tells where the other one is."""
    with pytest.raises(RequirementBroken, match=r"is taken, see area\.yaml"):
        _written(tmp_path, GOOD, {**GOOD, **change})


@pytest.mark.parametrize("text", ["just words", "a: 1", "- just words", "- [", "\t- x"])
def test_a_file_that_is_no_list_of_requirements_is_refused(tmp_path: Path, text: str) -> None:
    """Also when it is no YAML at all."""
    (tmp_path / "area.yaml").write_text(text)

    with pytest.raises(RequirementBroken, match=r"area\.yaml"):
        list(read_requirements(tmp_path))


@pytest.mark.parametrize("name", ["stream.no_such_check", "no_such_area.check", "stream"])
def test_an_unknown_check_is_refused(tmp_path: Path, name: str) -> None:
    """The error names it."""
    (requirement,) = _written(tmp_path, {**GOOD, "checks": [name]})

    with pytest.raises(RequirementBroken, match="there is no such check"):
        find_check(requirement.checks[0])
