"""Recordings of the live service, where CONFORMANCE_EVIDENCE names a folder that has them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.judge.judge import judge
from conformance.wire.recording import Recording, read_all, read_recording
from tests.wire.recorded import recorded

EVIDENCE = os.environ.get("CONFORMANCE_EVIDENCE", "")
WIRE = Path(EVIDENCE, "wire")

pytestmark = pytest.mark.skipif(not EVIDENCE, reason="CONFORMANCE_EVIDENCE names no folder of recordings")


def rows(folder: str) -> list[dict[str, Any]]:
    """What the index tells of the files below a folder; nothing where there is no index."""
    if not EVIDENCE:
        return []
    index = json.loads((WIRE / "INDEX.json").read_text(encoding="utf-8"))
    return [row for row in index if row["file"].startswith(f"{folder}/")]


def file_of(row: dict[str, Any]) -> str:
    """The file, as the id of a test."""
    return Path(row["file"]).name


JUDGED = [row for row in rows("interactions") if row["judged"]]
EXCHANGES = [row for row in rows("interactions") if row["role"] == "exchange"]


@pytest.mark.parametrize("row", JUDGED, ids=file_of)
def test_what_the_service_answered_has_no_failure(row: dict[str, Any]) -> None:
    """Reality is right: a check that fails here is wrong."""
    recording = read_recording(WIRE / row["file"])
    report = judge(recording.trace)

    assert recording.note == ""
    assert report.of("fail") == []
    assert report.judged


@pytest.mark.parametrize("row", JUDGED, ids=file_of)
def test_it_has_none_with_its_request_either(row: dict[str, Any]) -> None:
    """Nor with the status that the index tells."""
    assert judge(recorded(WIRE / row["file"], status=row.get("status"))).of("fail") == []


@pytest.mark.parametrize("row", EXCHANGES, ids=file_of)
def test_whole_exchanges_have_no_failure_of_the_server(row: dict[str, Any]) -> None:
    """What their client sent is its own affair."""
    recording = read_recording(WIRE / row["file"])
    report = judge(recording.trace)

    assert recording.form == "httpmock exchanges"
    assert [verdict for verdict in report.of("fail") if verdict.party == "server"] == []
    assert report.judged


def test_the_old_schema_is_named() -> None:
    """It is recognised, and not judged."""
    assert (
        "old `outputs` schema"
        in read_recording(WIRE / "interactions/real/legacy-deep-research-in-progress.json").note
    )


def test_every_file_is_read_or_named() -> None:
    """Nothing raises or is unreadable; of generateContent only errors, which look like ours, are judged."""
    for found in read_all([str(WIRE)]):
        assert isinstance(found, Recording), found
        judge(found.trace)
        if "/generate_content/" in found.file:
            assert found.note or found.trace.calls[0].failed


def test_documented_samples_pass_or_are_known() -> None:
    """A sample of the published pages fails as `documented.yaml` tells and explains, and no other does."""
    known = yaml.safe_load((Path(__file__).parent / "documented.yaml").read_text())
    failed: dict[str, list[str]] = {}
    for found in read_all([str(WIRE / "interactions" / "documented")]):
        assert isinstance(found, Recording), found
        if broken := {verdict.requirement for verdict in judge(found.trace).of("fail")}:
            failed[Path(found.file).name] = sorted(broken)

    assert failed == {row["file"]: row["breaks"] for row in known}
    assert all(row["reason"] for row in known)
