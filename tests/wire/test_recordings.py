"""Our own recordings, made after the shapes of recorded ones: all of them keep the contract."""

from pathlib import Path

import pytest

from conformance.judge.judge import judge
from conformance.wire.recording import read_recording
from tests.wire.recorded import recorded

FOLDER = Path(__file__).parent.parent / "recordings"
FILES = sorted(
    path for path in FOLDER.iterdir() if path.suffix != ".md" and not path.stem.startswith("legacy")
)
REQUESTS = [path for path in FILES if path.name.endswith(".request.json")]


def name_of(path: Path) -> str:
    """The file, as the id of a test."""
    return path.name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_is_found_in_a_recording(path: Path) -> None:
    """At least one requirement is judged, and all that are judged are kept."""
    recording = read_recording(path)
    report = judge(recording.trace)

    assert recording.note == ""
    assert report.findings == []
    assert report.judged


@pytest.mark.parametrize("path", sorted(set(FILES) - set(REQUESTS)), ids=name_of)
def test_nothing_is_found_in_a_recording_with_its_request(path: Path) -> None:
    """Knowing what was asked, more is judged."""
    assert judge(recorded(path)).findings == []


@pytest.mark.parametrize("path", REQUESTS, ids=name_of)
def test_every_request_has_its_answer(path: Path) -> None:
    """A request alone would be a name that was mistyped."""
    name = path.name.removesuffix(".request.json")

    assert [other for other in FOLDER.glob(f"{name}.*") if other != path]


def test_the_old_schema_is_named() -> None:
    """It is left alone, and the note says why."""
    assert "old `outputs` schema" in read_recording(FOLDER / "legacy_in_progress.json").note


def test_the_readme_names_every_recording() -> None:
    """The table tells the shape of each."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    names = {path.name.split(".")[0] for path in FOLDER.iterdir()} - {"README"}

    assert [name for name in sorted(names) if f"`{name}`" not in text] == []
