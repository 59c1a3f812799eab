"""The matrix of clients, from the lines of their records."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.report.matrix import markdown, matrix_of


def case(subject: str, outcome: str, **more: Any) -> dict[str, Any]:
    """The line of a case."""
    told = {
        "type": "case",
        "subject": subject,
        "title": "A | title",
        "judges": "HTTP-001",
        "outcome": outcome,
    }
    return told | {"problem": "", "ending": "end", "requests": 1, "seconds": 0.1} | more


@pytest.fixture
def matrix(tmp_path: Path) -> dict[str, Any]:
    """Two clients that differ where the documents are silent."""

    def record(name: str, *lines: dict[str, Any]) -> Path:
        path = tmp_path / f"{name}.ndjson"
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return path

    silent = {"silent": True}
    loss = {"type": "loss", "subject": "a/x", "event_type": "step.delta", "pointers": ["/event_id"]}
    one = [case("a/x", "pass"), case("a/y", "not-observed", observed="end, 1 request", **silent)]
    two = [case("a/x", "pass"), loss, case("a/y", "not-observed", observed="error, 3 requests", **silent)]
    return matrix_of({"one": record("one", *one), "two": record("two", *two)})


def test_where_the_documents_are_silent_the_cells_say_that_clients_differ(matrix: dict[str, Any]) -> None:
    """It is no outcome."""
    rows = {row["subject"]: row for row in matrix["rows"]}
    assert not rows["a/x"]["differs"]
    assert rows["a/y"]["differs"]
    page = "\n".join(markdown(matrix))
    assert "`a/y` A \\| title *They differ.*" in page
    assert "[end, 1 request](one.ndjson#L2)" in page
    assert "[error, 3 requests](two.ndjson#L3)" in page
    assert "1 of 1 cases pass for everyone of whom something was seen." in page
    assert "In 1 the documents do not say what is right; in 1 of these clients differ." in page


def test_what_is_left_out_is_a_table(matrix: dict[str, Any]) -> None:
    """By client and kind of event."""
    assert matrix["losses"] == [{"testee": "two", "event_type": "step.delta", "pointers": ["/event_id"]}]
    assert "| two | `step.delta` | `/event_id` |" in "\n".join(markdown(matrix))


def test_a_text_cannot_break_the_table(matrix: dict[str, Any]) -> None:
    """A bar in a title is escaped."""
    assert r"A \| title" in "\n".join(markdown(matrix))


def test_what_all_do_is_not_told_twice(tmp_path: Path) -> None:
    """Cells hold what differs; where all do the same there is no row, and it is counted."""
    told = {"a/x": ("end, 1 request, accept */*", "end, 1 request"), "a/y": ("end, 1 request",) * 2}
    paths = {}
    for number, name in enumerate(("one", "two")):
        lines = [case(subject, "pass", silent=True, observed=said[number]) for subject, said in told.items()]
        paths[name] = tmp_path / f"{name}.ndjson"
        paths[name].write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    page = "\n".join(markdown(matrix_of(paths)))
    assert "| [accept */*](one.ndjson#L1) | [the rest alone](two.ndjson#L1) |" in page
    assert "a/y" not in page
    assert "In 2 the documents do not say what is right; in 1 of these clients differ." in page


def test_a_leak_is_shown_also_where_the_documents_are_silent(tmp_path: Path) -> None:
    """The outcome, and not what happened."""
    path = tmp_path / "one.ndjson"
    path.write_text(json.dumps(case("a/x", "fail", silent=True, observed="end, 1 request")) + "\n")
    assert "[**fail**](one.ndjson#L1)" in "\n".join(markdown(matrix_of({"one": path})))


def test_a_long_row_of_losses_is_shortened(tmp_path: Path) -> None:
    """Twelve on the page, and all in the document."""
    pointers = [f"/m{number:02}" for number in range(15)]
    loss = {"type": "loss", "subject": "a/x", "event_type": "step.delta", "pointers": pointers}
    path = tmp_path / "one.ndjson"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in (case("a/x", "pass"), loss)))
    matrix = matrix_of({"one": path})
    assert matrix["losses"][0]["pointers"] == pointers
    page = "\n".join(markdown(matrix))
    assert "`/m11` and 3 more |" in page
    assert "/m12" not in page
