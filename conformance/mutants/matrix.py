"""What came of all mutants, against all requirements: the kill matrix.

    matrix = Matrix.of(lines)
    matrix.ratio, matrix.red, matrix.without
    matrix.to_json(), matrix.to_markdown()

A mutant kills the requirements that it breaks, where it was killed; what else broke with them counts for
nothing. Which server requirements no server can be caught breaking, and why, is told in `unshown.yaml`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from conformance.contract.registry import Requirement, registry
from conformance.errors import MutantBroken
from conformance.mutants.lines import Kind, is_red
from conformance.report.record import Line, our_version

__all__ = ["KINDS", "Matrix", "judged", "unshown"]

KINDS: tuple[Kind, ...] = ("server", "client", "trace")
_UNSHOWN = Path(__file__).parent / "unshown.yaml"


@cache
def unshown() -> Mapping[str, str]:
    """Give the requirements for servers that no wrong server is caught breaking, each with its reason.

    Raises:
        MutantBroken: the file names a requirement that there is not, or gives no reason.
    """
    told = yaml.safe_load(_UNSHOWN.read_text(encoding="utf-8"))
    for name, reason in told.items():
        if name not in registry() or not isinstance(reason, str):
            raise MutantBroken(_UNSHOWN.name, str(name), "it is no requirement, or has no reason")
    return {name: " ".join(reason.split()) for name, reason in told.items()}


@cache
def judged() -> tuple[Requirement, ...]:
    """Give the requirements that are judged: by a check, or by a case for clients."""
    return tuple(one for one in registry().values() if one.checks or one.cases)


@dataclass(slots=True)
class Matrix:
    """Mutants against requirements."""

    mutants: list[Line] = field(default_factory=list)
    controls: list[Line] = field(default_factory=list)

    @classmethod
    def of(cls, lines: Iterable[Line]) -> "Matrix":
        """Add up the lines of a run."""
        matrix = cls()
        for line in lines:
            matrix.add(line)
        return matrix

    def add(self, line: Line) -> None:
        """Take one line."""
        match line["type"]:
            case "mutant":
                self.mutants.append(line)
            case "control":
                self.controls.append(line)

    @property
    def red(self) -> list[Line]:
        """Mutants that were not killed as they should be, and controls that are not clean."""
        return [line for line in (*self.controls, *self.mutants) if is_red(line)]

    def counts(self, kind: Kind) -> Counter[str]:
        """Count the outcomes of the mutants of a kind."""
        return Counter(line["outcome"] for line in self.mutants if line["kind"] == kind)

    @property
    def ratio(self) -> float:
        """The part of the mutants that is killed, equivalent ones left out; 0 for none."""
        counts = Counter(line["outcome"] for line in self.mutants)
        due = counts.total() - counts["equivalent"]
        return counts["killed"] / due if due else 0.0

    @property
    def killers(self) -> dict[str, dict[Kind, list[str]]]:
        """The mutants that killed each requirement, by kind."""
        found: dict[str, dict[Kind, list[str]]] = defaultdict(lambda: {kind: [] for kind in KINDS})
        for line in self.mutants:
            if line["outcome"] == "killed":
                for name in line["breaks"]:
                    found[name][line["kind"]].append(line["subject"])
        return dict(found)

    @property
    def without(self) -> list[Requirement]:
        """The judged requirements that nothing killed."""
        killers = self.killers
        return [one for one in judged() if one.id not in killers]

    @property
    def unkilled_by_servers(self) -> list[Requirement]:
        """The judged requirements for servers that no wrong server broke, and no reason is told."""
        killers = self.killers
        return [
            one
            for one in judged()
            if one.checks
            and one.party != "client"
            and not (killers.get(one.id) or {}).get("server")
            and one.id not in unshown()
        ]

    def to_json(self) -> dict[str, Any]:
        """Give it as data; `schemas/harness/mutant_matrix.json` describes it."""
        return {
            "version": our_version(),
            "ratio": round(self.ratio, 4),
            "outcomes": {kind: dict(sorted(self.counts(kind).items())) for kind in KINDS},
            "controls": dict(sorted(Counter(line["outcome"] for line in self.controls).items())),
            "mutants": [
                {key: line[key] for key in ("subject", "kind", "area", "outcome", "breaks", "killed_by")}
                for line in self.mutants
            ],
            "requirements": list(self._requirements()),
        }

    def _requirements(self) -> Iterator[dict[str, Any]]:
        killers = self.killers
        for one in judged():
            found = killers.get(one.id) or {kind: [] for kind in KINDS}
            told = {"id": one.id, "name": one.name, "area": one.area, "party": one.party}
            reason = {"unshown": unshown()[one.id]} if one.id in unshown() else {}
            yield {**told, "killers": found, **reason}

    def to_markdown(self) -> str:
        """Give it for people: one table an area, one row a requirement."""
        return "\n".join([*self._heading(), *self._tables()]) + "\n"

    def _heading(self) -> Iterator[str]:
        yield "# The kill matrix"
        yield ""
        yield f"{len(self.mutants)} mutants, {self.ratio:.1%} killed (equivalent ones left out)."
        yield ""
        yield "| kind | outcomes |"
        yield "|---|---|"
        for kind in KINDS:
            told = ", ".join(f"{count} {name}" for name, count in sorted(self.counts(kind).items()))
            yield f"| {kind} | {told or 'none run'} |"
        clean = sum(line["outcome"] == "clean" for line in self.controls)
        yield f"| control | {clean} of {len(self.controls)} clean |"

    def _tables(self) -> Iterator[str]:
        areas: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self._requirements():
            areas[row["area"]].append(row)
        for area, rows in areas.items():
            yield from (
                "",
                f"## {area}",
                "",
                "| requirement | servers | clients | traces |",
                "|---|---|---|---|",
            )
            for row in rows:
                found = row["killers"]
                servers = ", ".join(found["server"]) or (
                    f"none: {row['unshown']}" if "unshown" in row else ""
                )
                clients = ", ".join(found["client"])
                yield f"| {row['id']} {row['name']} | {servers} | {clients} | {len(found['trace']) or ''} |"
