"""Why a published document and our schemas say different things: the known differences, as data.

    found = differences(our_contract(), document)
    unexplained(found, document.label)

`errata.yaml` beside this module holds them. Each has a reason and its evidence, and each must still match: a
test compares the two newest documents with our schemas, and finds no difference without an erratum and no
erratum without a difference.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from conformance.contract.openapi.differences import Difference, DifferenceKind

__all__ = ["Because", "Erratum", "errata", "explained", "unexplained", "unused"]

Because: TypeAlias = Literal[
    "computed", "judged", "newer", "older", "open", "partial", "recorded", "response", "undecided"
]

_FILE = Path(__file__).with_name("errata.yaml")


@dataclass(frozen=True, slots=True)
class Erratum:
    """A difference that is known, and why our schemas are as they are.

    where: places, as `Difference.where` has them; `*` stands for anything.
    only: who says it, `ours` or `document`.
    documents: labels of the documents that differ so.
    because: the class of the reason; `errata.yaml` lists them.
    evidence: a file or section of the evidence folder, or an address.
    """

    where: tuple[str, ...]
    kind: DifferenceKind
    only: Literal["ours", "document"]
    documents: tuple[str, ...]
    because: Because
    reason: str
    evidence: str

    def explains(self, difference: Difference) -> bool:
        """Whether it is about this difference, of whichever document."""
        return any(_fits(self, where, difference) for where in self.where)


def _fits(erratum: Erratum, where: str, difference: Difference) -> bool:
    who = "ours" if difference.only == "ours" else "document"
    return (erratum.kind, erratum.only) == (difference.kind, who) and bool(
        _pattern(where).fullmatch(difference.where)
    )


@cache
def _pattern(where: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, where.split("*"))))


@cache
def errata() -> tuple[Erratum, ...]:
    """Give the errata of this installation, in the order of the file."""
    import yaml

    data = yaml.load(_FILE.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    labels: dict[str, str] = data["documents"]
    return tuple(_erratum(row, labels) for row in data["errata"])


def _erratum(row: dict[str, Any], labels: dict[str, str]) -> Erratum:
    names = list(labels) if row["documents"] == "both" else row["documents"]
    return Erratum(
        where=tuple(row["where"] if isinstance(row["where"], list) else [row["where"]]),
        kind=row["kind"],
        only=row["only"],
        documents=tuple(labels[name] for name in names),
        because=row["because"],
        reason=" ".join(row["reason"].split()),
        evidence=" ".join(row["evidence"].split()),
    )


def explained(found: Iterable[Difference], document: str) -> Iterator[tuple[Difference, Erratum | None]]:
    """Give each difference with the first erratum that explains it.

    document: the label of the document. One that the errata do not know is a newer one: all errata may apply.
    """
    known = {label for erratum in errata() for label in erratum.documents}
    rows = [erratum for erratum in errata() if document in erratum.documents or document not in known]
    for difference in found:
        yield difference, next((row for row in rows if row.explains(difference)), None)


def unexplained(found: Iterable[Difference], document: str) -> list[Difference]:
    """Give the differences without an erratum; of two documents compared with each other, all."""
    return [difference for difference, erratum in explained(found, document) if erratum is None]


def unused(found: Iterable[Difference], document: str) -> list[str]:
    """Give the places of errata for a document which none of its differences is about."""
    found = list(found)
    return [
        where
        for erratum in errata()
        if document in erratum.documents
        for where in erratum.where
        if not any(_fits(erratum, where, difference) for difference in found)
    ]
