"""Faults planted into good streams, one of ours and one of the service: each is found, and named."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance import cli
from conformance.contract.registry import registry
from conformance.judge.judge import judge
from conformance.wire.recording import read_recording

Events = list[dict[str, Any]]

OURS = Path(__file__).parent.parent / "recordings" / "function_call_streamed.chunks.jsonl"
EVIDENCE = os.environ.get("CONFORMANCE_EVIDENCE", "")
REAL = Path(EVIDENCE, "wire/interactions/real/vercel-tool-call-step1.chunks.jsonl")

# Both streams are: 0 created, 1 status_update, 2-4 thought, 5-7 function_call, 8 completed.


def drop_the_end(events: Events) -> None:
    """The stream stops after its last step."""
    del events[8]


def swap_start_and_delta(events: Events) -> None:
    """The first delta comes before its step."""
    events[5], events[6] = events[6], events[5]


def change_an_index(events: Events) -> None:
    """A delta names a step that never started."""
    events[6]["index"] = 7


def alter_the_id(events: Events) -> None:
    """One event speaks of another interaction."""
    events[1]["interaction_id"] = "v1_someone_else"


def break_the_arguments(events: Events) -> None:
    """The last brace is lost."""
    events[6]["delta"]["arguments"] = events[6]["delta"]["arguments"][:-1]


FAULTS = [
    (drop_the_end, "IX-STREAM-035", 7),
    (swap_start_and_delta, "IX-STREAM-012", 5),
    (change_an_index, "IX-STREAM-012", 6),
    (alter_the_id, "IX-STREAM-040", 1),
    (break_the_arguments, "IX-STREAM-022", 6),
]


@pytest.fixture(params=["ours", "real"])
def events(request: pytest.FixtureRequest) -> Events:
    """The events of a good stream."""
    if request.param == "real" and not EVIDENCE:
        pytest.skip("CONFORMANCE_EVIDENCE names no folder of recordings")
    path = OURS if request.param == "ours" else REAL
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def written(events: Events, path: Path) -> Path:
    """The events as a file that `lint` reads."""
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def test_the_stream_is_good_before(events: Events, tmp_path: Path) -> None:
    """What is found later is the fault, and nothing else."""
    assert judge(read_recording(written(events, tmp_path / "good")).trace).findings == []


@pytest.mark.parametrize(("plant", "requirement", "event"), FAULTS)
def test_a_planted_fault_is_red(
    events: Events, tmp_path: Path, plant: Callable[[Events], None], requirement: str, event: int
) -> None:
    """The requirement that it breaks fails, at the event that shows it."""
    plant(events)

    report = judge(read_recording(written(events, tmp_path / "broken")).trace)

    assert (requirement, event) in [(verdict.requirement, verdict.event) for verdict in report.of("fail")]


@pytest.mark.parametrize(("plant", "requirement", "event"), FAULTS)
def test_lint_names_a_planted_fault(
    events: Events,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    plant: Callable[[Events], None],
    requirement: str,
    event: int,
) -> None:
    """It prints file, requirement, event and source, and exits with 1."""
    plant(events)
    path = written(events, tmp_path / "broken")

    code = cli.main(["lint", str(path)])

    finding = capsys.readouterr().out.split(f"fail {requirement} ", 1)[1]
    assert code == 1
    assert f"{path} event {event} " in finding.splitlines()[0]
    assert f"source    {registry()[requirement].source}" in finding
