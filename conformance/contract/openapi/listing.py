"""The differences as people and programs read them.

    for line in listed(found, document.label, scenarios):
        print(line)

What no erratum explains comes first and in full; what one explains is counted, and shown when asked for.
Words of one list and kinds of one union stand on one line.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from conformance.contract.openapi.differences import Difference
from conformance.contract.openapi.errata import Erratum, explained
from conformance.contract.openapi.touched import (
    Exercising,
    exercising,
    touched_checks,
    touched_requirements,
)

__all__ = ["listed", "rows"]

_SHOWN = 8  # names on one line


def listed(
    found: Sequence[Difference], label: str, scenarios: Sequence[Exercising] = (), *, verbose: bool = False
) -> Iterator[str]:
    """Give the lines of a listing; the last is the count.

    label: of the document compared with ours; empty for two documents, to which no erratum applies.
    scenarios: those whose names are shown where they exercise what a difference touches.
    verbose: show what errata explain, too.
    """
    pairs = list(explained(found, label)) if label else [(one, None) for one in found]
    open_ended = [difference for difference, erratum in pairs if erratum is None]
    for group in _grouped(open_ended):
        yield from _lines(group, scenarios)
    known: dict[Erratum, list[Difference]] = {}
    for difference, erratum in pairs:
        if erratum is not None:
            known.setdefault(erratum, []).append(difference)
    if verbose:
        for erratum, ones in known.items():
            for group in _grouped(ones):
                yield _headline(group)
            yield f"    {erratum.because}: {erratum.reason}"
            yield f"    evidence: {erratum.evidence}"
    yield _count(open_ended, known)


def rows(
    found: Sequence[Difference], label: str, scenarios: Sequence[Exercising] = ()
) -> list[dict[str, Any]]:
    """Give the differences as JSON, in the order of the listing."""
    pairs = explained(found, label) if label else ((one, None) for one in found)
    return [_row(difference, erratum, scenarios) for difference, erratum in pairs]


def _row(difference: Difference, erratum: Erratum | None, scenarios: Sequence[Exercising]) -> dict[str, Any]:
    requirements = touched_requirements(difference)
    known = {key: getattr(erratum, key) for key in ("because", "reason", "evidence")} if erratum else None
    return {
        "where": difference.where,
        "kind": difference.kind,
        "only": difference.only,
        "path": "".join(difference.path),
        "message": difference.message,
        "requirements": [requirement.id for requirement in requirements],
        "checks": touched_checks(difference),
        "scenarios": exercising([requirement.id for requirement in requirements], scenarios),
        "erratum": known,
    }


def _grouped(found: Iterable[Difference]) -> list[list[Difference]]:
    groups: dict[tuple[str, ...], list[Difference]] = {}
    for one in found:
        place = one.where.removesuffix(f"={one.name}").removesuffix(f"[{one.name}]")
        groups.setdefault((one.kind, one.only, place), []).append(one)
    return list(groups.values())


def _headline(group: Sequence[Difference]) -> str:
    first = group[0]
    if len(group) == 1:
        return f"{first.kind:<10} {first.message}"
    names = ", ".join(one.name for one in group[:_SHOWN]) + (", …" if len(group) > _SHOWN else "")
    place = first.where.removesuffix(f"={first.name}").removesuffix(f"[{first.name}]")
    what = "lists" if first.kind == "value" else "knows"
    return f"{first.kind:<10} {place}: only {first.only} {what} {len(group)}: {names}"


def _lines(group: Sequence[Difference], scenarios: Sequence[Exercising]) -> Iterator[str]:
    requirements = {one.id: None for difference in group for one in touched_requirements(difference)}
    checks = dict.fromkeys(check for difference in group for check in touched_checks(difference))
    yield _headline(group)
    yield f"    at: {''.join(group[0].path)}"
    for name, words in (
        ("requirements", list(requirements)),
        ("checks", list(checks)),
        ("scenarios", exercising(requirements, scenarios)),
    ):
        if words:
            yield f"    {name}: {', '.join(words[:_SHOWN])}{', …' if len(words) > _SHOWN else ''}"


def _count(open_ended: Sequence[Difference], known: dict[Erratum, list[Difference]]) -> str:
    explained_count = sum(map(len, known.values()))
    classes = Counter({erratum.because: 0 for erratum in known})
    for erratum, ones in known.items():
        classes[erratum.because] += len(ones)
    told = ", ".join(f"{count} {because}" for because, count in classes.most_common())
    total = len(open_ended) + explained_count
    why = f" ({told})" if told else ""
    return (
        f"{total} differences: {len(open_ended)} not explained, {explained_count} by {len(known)} errata{why}"
    )
