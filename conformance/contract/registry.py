"""The requirements: every testable fact of the contract, as data.

    registry()["IX-STREAM-012"].says

They are written in YAML, one file an area, in the folder `requirements` beside this module; its README shows
the format. A requirement has a source, and something that judges it: checks, client cases, or both; or else a
reason why it is excluded, or what its checks are waiting for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from conformance.errors import RequirementBroken

__all__ = ["CheckRef", "Confidence", "Level", "Party", "Requirement", "read_requirements", "registry"]

Level: TypeAlias = Literal["must", "should", "may"]
Party: TypeAlias = Literal["server", "client", "both"]
Confidence: TypeAlias = Literal["documented", "spec", "standard", "observed", "inferred"]

_FOLDER = Path(__file__).parent / "requirements"
_KNOWN = frozenset(
    "id name says level party confidence source checks cases excluded pending why conflict".split()
)
_NEEDED = ("id", "name", "says", "level", "party", "confidence", "source")


@dataclass(frozen=True, slots=True)
class CheckRef:
    """One check of a requirement.

    name: `area.function` in the judge, or `schema:interactions/event` for the values it describes.
    arguments: what the requirement hands to the check.
    """

    name: str
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def schema(self) -> str | None:
        """The schema of a `schema:` check."""
        return self.name.removeprefix("schema:") if self.name.startswith("schema:") else None


@dataclass(frozen=True, slots=True)
class Requirement:
    """One testable fact.

    id: for ever; a retired id is never given again.
    name: short and readable, unique.
    says: the fact in one sentence.
    why: what goes wrong for people when it is broken; may be empty.
    cases: whether client cases judge it, which `gemini-conformance client` runs.
    excluded: why it has no checks and never will; empty for the others.
    pending: what its checks are waiting for; empty for the others.
    conflict: what other sources say and why this one is followed; may be empty.
    """

    id: str
    name: str
    says: str
    level: Level
    party: Party
    confidence: Confidence
    source: str
    area: str
    checks: tuple[CheckRef, ...] = ()
    cases: bool = False
    excluded: str = ""
    pending: str = ""
    why: str = ""
    conflict: str = ""


@cache
def registry() -> Mapping[str, Requirement]:
    """The requirements of this installation by id, in the order of files and lines."""
    return {requirement.id: requirement for requirement in read_requirements(_FOLDER)}


def read_requirements(folder: Path) -> Iterator[Requirement]:
    """Read every requirement below a folder.

    Raises:
        RequirementBroken: something is missing, unknown or given twice; the message names file and id.
    """
    ids: dict[str, str] = {}
    names: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        for entry in _entries(path):
            requirement = _requirement(path, entry)
            for seen, key in ((ids, requirement.id), (names, requirement.name)):
                if key in seen:
                    raise RequirementBroken(path.name, requirement.id, f"{key!r} is taken, see {seen[key]}")
                seen[key] = path.name
            yield requirement


def _entries(path: Path) -> list[dict[str, Any]]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        entries = yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506 (both loaders are safe)
    except yaml.YAMLError as error:
        raise RequirementBroken(path.name, "", f"not YAML: {error}".replace("\n", " ")) from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RequirementBroken(path.name, "", "expected a list of requirements")
    return entries


def _requirement(path: Path, entry: dict[str, Any]) -> Requirement:
    name = str(entry.get("id", "(no id)"))

    def refuse(problem: str) -> RequirementBroken:
        return RequirementBroken(path.name, name, problem)

    for key in _NEEDED:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise refuse(f"it has no {key}")
    for key in entry.keys() - _KNOWN:
        raise refuse(f"unknown key {key!r}")
    for key, allowed in (("level", Level), ("party", Party), ("confidence", Confidence)):
        if entry[key] not in get_args(allowed):
            raise refuse(f"{key} is {entry[key]!r}; expected one of {', '.join(get_args(allowed))}")
    judged = "checks" in entry or "cases" in entry
    if sum([judged, "excluded" in entry, "pending" in entry]) != 1:
        raise refuse("it needs one of checks (or cases), excluded and pending")
    if "cases" in entry and (entry["cases"] is not True or entry["party"] == "server"):
        raise refuse("cases is true or left out, and true only where clients are judged")
    texts = {key: " ".join(str(entry[key]).split()) for key in entry if key not in ("checks", "cases")}
    checks = tuple(_check(check, refuse) for check in entry.get("checks", ()))
    return Requirement(**texts, area=path.stem, checks=checks, cases="cases" in entry)  # type: ignore[arg-type]  # checked above


def _check(entry: Any, refuse: Any) -> CheckRef:
    match entry:
        case str():
            return CheckRef(entry)
        case dict() if len(entry) == 1:
            ((name, arguments),) = entry.items()
            return CheckRef(name, tuple(sorted(arguments.items())))
    raise refuse(f"a check is a name, or a name with arguments; found {entry!r}")
