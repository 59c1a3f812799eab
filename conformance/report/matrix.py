r"""The same cases through several clients, side by side: one row a case, one column a client.

    matrix = matrix_of({"google-genai": Path("google-genai.ndjson"), ...})
    print("\n".join(markdown(matrix)))

A cell tells the outcome and leads to the line of the record where its trace begins. Where the documents are
silent a case has no outcome of its own: its cells tell what each client does, and that they differ if they
do. What clients leave out of what they hand over is a table, and no failure. `schemas/harness/matrix.json`
describes the document.
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
    """The matrix as a page: sums, rows in which somebody does not pass, what differs, what is left out."""
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
        alike = len(rows) - len(shown)
        yield f"{alike} of {len(rows)} cases pass for everyone who takes part."
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
    return row["silent"] or not outcomes <= {"pass", "not-applicable"}


def _cells(row: Mapping[str, Any], names: list[str]) -> list[str]:
    cells = [_sign(row, row["cells"].get(name)) for name in names]
    return [f"`{row['subject']}` {_plain(row['title'])}", f"[{row['requirement']}]({row['source']})", *cells]


def _sign(row: Mapping[str, Any], cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return ""
    if row["silent"] and cell["outcome"] != "not-applicable":
        word = f"{'differs: ' if row['differs'] else ''}{_plain(cell['observed'])}"
    else:
        word = _SIGNS[cell["outcome"]]
    tip = "; ".join(finding["message"] for finding in cell["findings"]) or cell["problem"]
    title = f' "{_plain(tip)[:160]}"' if tip else ""
    return f"[{word}]({cell['trace']}{title})"


def _losses(losses: list[Any]) -> Iterator[str]:
    if losses:
        yield ""
        yield "## What is left out of what is handed over"
        yield ""
        rows = [
            [loss["testee"], f"`{loss['event_type']}`", ", ".join(f"`{_plain(p)}`" for p in loss["pointers"])]
            for loss in losses
        ]
        yield from _table(["client", "event", "members"], rows)


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _plain(text: str) -> str:
    """Keep a text from ending a cell, a title or a link."""
    return " ".join(text.replace("|", "\\|").replace('"', "'").replace("[", "(").replace("]", ")").split())
