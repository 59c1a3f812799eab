"""The wheel: every data file of the checkout is in it."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = (".yaml", ".json", ".toml", ".md", ".mjs", ".txt", ".typed")

pytest.importorskip("build")
pytest.importorskip("hatchling")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel as the build backend makes it, without an environment of its own."""
    to = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(to), str(ROOT)]
    run = subprocess.run(build, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (path,) = to.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def tracked(*below: str) -> list[Path]:
    """The files of some folders, hidden ones and those of Python aside."""
    found = (path for name in below for path in (ROOT / name).rglob("*") if path.is_file())
    return [path for path in found if not any(part[0] in "._" for part in path.relative_to(ROOT).parts[:-1])]


def test_every_data_file_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    """The data folders lie inside the package; its own data beside its modules."""
    expected = {
        f"conformance/{path.relative_to(ROOT).as_posix()}": path.read_bytes()
        for path in tracked("schemas", "scenarios", "cassettes")
    } | {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in tracked("conformance")
        if path.suffix in DATA
    }
    assert len(expected) > 200
    names = set(wheel.namelist())
    assert sorted(expected.keys() - names) == []
    assert [name for name, data in expected.items() if wheel.read(name) != data] == []


def test_nothing_else_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    """No tests, no caches, no notes of ours."""
    tops = {name.split("/")[0].split("-")[0] for name in wheel.namelist()}
    assert tops == {"conformance", "gemini_conformance"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name or name.endswith(".pyc")]


def test_the_wheel_says_how_it_is_called(wheel: zipfile.ZipFile) -> None:
    """The command, the pytest plugin, and the licence."""
    (entries,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    text = wheel.read(entries).decode()
    assert "gemini-conformance = conformance.cli:main" in text
    assert "[pytest11]\ngemini_conformance = conformance.plugin" in text
    assert [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
