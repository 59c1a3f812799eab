r"""The same cases through several clients, side by side: one row a case, one column a client.

    matrix = matrix_of({"google-genai": Path("google-genai.ndjson"), ...})
    print("\n".join(markdown(matrix)))

A cell tells the outcome and leads to the line of the record where its trace begins. Where the documents are
silent a case has no outcome of its own: its cells tell what each client does, where they differ. What clients
leave out of what they hand over is a table, and no failure. The page shows what somebody may want to read;
the document has everything, as `schemas/harness/matrix.json` describes it.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.contract.registry import registry
from conformance.report.record import Line, our_version

__all__ = ["markdown", "matrix_of"]

FORMAT = 1
_POINTERS = 12
_SIGNS = {
    "pass": "pass",
    "fail": "**fail**",
    "warn": "warn",
    "known": "known",
    "untestable": "**untestable**",
    "error": "**error**",
    "inconclusive": "inconclusive",
    "not-observed": "–",
    "not-applicable": "·",
}


def matrix_of(records: Mapping[str, Path]) -> dict[str, Any]:
    """Put the records of several clients together.

    Raises:
        RecordBroken: one of them is no record.
    """
    columns: list[Any] = []
    losses: list[Any] = []
    rows: dict[str, dict[str, Any]] = {}
    for name, path in records.items():
        column = _Column(name, path)
        columns.append(column.told)
        losses += column.losses()
        for subject, (case, cell) in column.cells.items():
            row = rows.setdefault(subject, _row(case))
            row["cells"][name] = cell
    for row in rows.values():
        told = {cell["observed"] for cell in row["cells"].values() if cell["observed"]}
        row["differs"] = row["silent"] and len(told) > 1
    return {
        "format": FORMAT,
        "version": our_version(),
        "testees": columns,
        "rows": list(rows.values()),
        "losses": losses,
    }


def _row(case: Line) -> dict[str, Any]:
    requirement = registry()[case["judges"]]
    return {
        "subject": case["subject"],
        "title": case["title"],
        "requirement": requirement.id,
        "level": requirement.level,
        "confidence": requirement.confidence,
        "source": requirement.source,
        "silent": bool(case.get("silent")),
        "cells": {},
    }


class _Column:
    """One client: what its record tells of each case."""

    def __init__(self, name: str, path: Path) -> None:
        self.cells: dict[str, tuple[Line, dict[str, Any]]] = {}
        self._losses: dict[str, Counter[str]] = defaultdict(Counter)
        self.told: dict[str, Any] = {"name": name, "record": path.name, "version": "", "language": ""}
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                self._take(json.loads(text), f"{path.name}#L{number}")
        counts = Counter(cell["outcome"] for _, cell in self.cells.values())
        self.told["counts"] = dict(sorted(counts.items()))

    def _take(self, line: Line, place: str) -> None:
        match line["type"]:
            case "case":
                self.cells[line["subject"]] = line, _cell(line, place)
            case "verdict" if line["subject"] in self.cells:
                _, cell = self.cells[line["subject"]]
                cell["findings"].append({key: line[key] for key in ("requirement", "outcome", "message")})
            case "loss":
                self._losses[line["event_type"]].update(line["pointers"])
            case "testee":
                self.told |= {key: line[key] for key in ("version", "language")}
                self.told["problems"] = [*line["problems"], *line["crashes"]]

    def losses(self) -> Iterator[dict[str, Any]]:
        """Give what it left out, by kind of event, the most frequent first."""
        for kind, pointers in sorted(self._losses.items()):
            left_out = [pointer for pointer, _ in pointers.most_common()]
            yield {"testee": self.told["name"], "event_type": kind, "pointers": left_out}


def _cell(case: Line, place: str) -> dict[str, Any]:
    return {
        "outcome": case["outcome"],
        "observed": case.get("observed", ""),
        "problem": case["problem"],
        "seconds": case["seconds"],
        "trace": place,
        "findings": [],
    }


# For people.


def markdown(matrix: Mapping[str, Any]) -> Iterator[str]:
    """The matrix as a page: sums, rows in which somebody fails, what differs, what is left out."""
    names = [column["name"] for column in matrix["testees"]]
    yield "# Clients side by side"
    yield ""
    yield from _sums(matrix["testees"])
    families: dict[str, list[Any]] = defaultdict(list)
    for row in matrix["rows"]:
        families[row["subject"].partition("/")[0]].append(row)
    for family, rows in families.items():
        shown = [row for row in rows if _worth_showing(row)]
        yield ""
        yield f"## {family}"
        yield ""
        yield " ".join(_said(rows, shown))
        if shown:
            yield ""
            yield from _table(["case", "requirement", *names], [_cells(row, names) for row in shown])
    yield from _losses(matrix["losses"])


def _sums(columns: list[Any]) -> Iterator[str]:
    outcomes = [name for name in _SIGNS if any(name in column["counts"] for column in columns)]
    head = ["client", "version", *outcomes, "record"]
    yield from _table(
        head,
        [
            [
                column["name"],
                column["version"],
                *(str(column["counts"].get(name, 0)) for name in outcomes),
                f"[{column['record']}]({column['record']})",
            ]
            for column in columns
        ],
    )


def _worth_showing(row: Mapping[str, Any]) -> bool:
    outcomes = {cell["outcome"] for cell in row["cells"].values()}
    return row["differs"] or not outcomes <= {"pass", "not-applicable", "not-observed"}


def _said(rows: list[Any], shown: list[Any]) -> Iterator[str]:
    judged = [row for row in rows if not row["silent"]]
    silent = [row for row in rows if row["silent"]]
    if judged:
        alike = sum(row not in shown for row in judged)
        yield f"{alike} of {len(judged)} cases pass for everyone of whom something was seen."
    if silent:
        differ = sum(row["differs"] for row in silent)
        yield f"In {len(silent)} the documents do not say what is right; in {differ} of these clients differ."


def _cells(row: Mapping[str, Any], names: list[str]) -> list[str]:
    told = [cell["observed"].split(", ") for cell in row["cells"].values() if cell["observed"]]
    same = set(told[0]).intersection(*told[1:]) if told else set()
    cells = [_sign(row, row["cells"].get(name), same) for name in names]
    name = f"`{row['subject']}` {_plain(row['title'])}"
    return [f"{name} *They differ.*" if row["differs"] else name, _requirement(row), *cells]


def _requirement(row: Mapping[str, Any]) -> str:
    return f"[{row['requirement']}]({row['source']})"


def _sign(row: Mapping[str, Any], cell: Mapping[str, Any] | None, same: set[str]) -> str:
    """Write a cell; of what clients do only that in which they are not the same."""
    if cell is None:
        return ""
    word = _SIGNS[cell["outcome"]]
    if row["differs"] and cell["outcome"] in ("pass", "not-observed"):
        own = [part for part in cell["observed"].split(", ") if part not in same]
        word = _plain(", ".join(own)) or "the rest alone"
    tip = "; ".join(finding["message"] for finding in cell["findings"]) or cell["problem"]
    title = f' "{_plain(tip)[:160]}"' if tip else ""
    return f"[{word}]({cell['trace']}{title})"


def _losses(losses: list[Any]) -> Iterator[str]:
    if losses:
        yield ""
        yield "## What is left out of what is handed over"
        yield ""
        rows = [[loss["testee"], f"`{loss['event_type']}`", _shortened(loss["pointers"])] for loss in losses]
        yield from _table(["client", "event", "members"], rows)


def _shortened(pointers: list[str]) -> str:
    shown = ", ".join(f"`{_plain(pointer)}`" for pointer in pointers[:_POINTERS])
    more = len(pointers) - _POINTERS
    return f"{shown} and {more} more" if more > 0 else shown


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _plain(text: str) -> str:
    """Keep a text from ending a cell, a title or a link."""
    return " ".join(text.replace("|", "\\|").replace('"', "'").replace("[", "(").replace("]", ")").split())
