"""One process writes a file at a time, and leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.errors import FileTaken
from conformance.wire.files import write_atomically, writing_alone

HOLDS = """
import sys, time
from pathlib import Path
from conformance.wire.files import writing_alone
with writing_alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_to_write_a_file_is_told(tmp_path: Path) -> None:
    """In one process too; once the first is done the next may."""
    path = tmp_path / "deep" / "a.yaml"
    with writing_alone(path):
        write_atomically(path, b"first")
        with (
            pytest.raises(FileTaken, match=r"a\.yaml is being written by another process"),
            writing_alone(path),
        ):
            pytest.fail("both write")
        with writing_alone(path.with_name("b.yaml")):
            pass
    with writing_alone(path):
        write_atomically(path, b"second")

    assert path.read_bytes() == b"second"
    assert [one.name for one in path.parent.iterdir()] == ["a.yaml"]


def test_what_a_killed_process_held_is_free(tmp_path: Path) -> None:
    """Another process holds it; killed, it holds it no more, though it took its lock down with it."""
    path = tmp_path / "a.yaml"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)], stdout=subprocess.PIPE, env={**os.environ}
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            with pytest.raises(FileTaken), writing_alone(path):
                pytest.fail("both write")
        finally:
            holder.kill()
            holder.wait(10)
    with writing_alone(path):
        write_atomically(path, b"mine")
    assert path.read_bytes() == b"mine"


def test_folders_that_were_made_for_nothing_are_gone(tmp_path: Path) -> None:
    """Whoever writes nothing leaves no trace; folders that were there stay."""
    (tmp_path / "there").mkdir()
    for path in (tmp_path / "a" / "b" / "c.yaml", tmp_path / "there" / "c.yaml"):
        with writing_alone(path):
            pass

    assert [one.name for one in tmp_path.iterdir()] == ["there"]
