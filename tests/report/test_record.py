"""The record of a run: written as it happens, closed whatever happens."""

import json
from pathlib import Path

import pytest

from conformance.report.record import Record, exchange_lines, footer_line, header_line
from conformance.wire.exchange import Exchange, Request, Response


def test_each_line_is_on_disk_when_it_is_written(tmp_path: Path) -> None:
    """Whoever looks in the middle of a run sees what it saw so far."""
    path = tmp_path / "r.ndjson"
    with Record(path, header_line(command="run", closed=False)) as record:
        assert len(path.read_text().splitlines()) == 1
        record.write({"type": "fault", "message": "no\nline \ud800 ends"})
        assert [json.loads(line)["type"] for line in path.read_text().splitlines()] == ["header", "fault"]
        record.close(footer_line(3, {}))
    assert json.loads(path.read_text().splitlines()[-1]) == {"type": "footer", "exit_code": 3, "counts": {}}


def test_a_record_is_closed_when_the_run_breaks(tmp_path: Path) -> None:
    """Without a footer: it was cut off."""
    path = tmp_path / "r.ndjson"
    with pytest.raises(RuntimeError), Record(path, header_line(command="run", closed=False)):
        raise RuntimeError
    assert [json.loads(line)["type"] for line in path.read_text().splitlines()] == ["header"]


def test_no_record_is_kept_without_a_path() -> None:
    """Nothing is written, and nothing is wrong about it."""
    with Record(None, header_line(command="lint", closed=False)) as record:
        record.close(footer_line(0, {}))
    assert (record.path, record.problem) == (None, "")
    assert record.problem == ""


def test_large_bodies_are_kept_in_part() -> None:
    """64 KB, then an ellipsis; bytes that are no text do not break the line."""
    exchange = Exchange(Request("POST", "/x", None, b"\xff"), Response(200, None, b"x" * 100_000))
    (line,) = exchange_lines("s", [exchange])
    assert line["request"]["body"] == "\ufffd"
    assert line["response"]["body"] == "x" * 65536 + "…"
