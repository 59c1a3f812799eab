"""Every example of a README is real: what it shows loads, runs or exists."""

import argparse
import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.cli import COMMANDS
from conformance.contract.registry import registry
from conformance.scenario.scenario import find_scenarios, read_scenario

ROOT = Path(__file__).parent.parent
READMES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("*/*/README.md"),
        *ROOT.glob("*/*/*/README.md"),
    ]
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
CALL = re.compile(r"(?:^|[`/ ])gemini-conformance ([^`\n#]+)")


def blocks(path: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def calls(path: Path) -> list[list[str]]:
    """Every call of the command line that a page shows, in words."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ").replace("…", "")
    found = [match[1].rstrip(").,;") for match in CALL.finditer(text)]
    return [shlex.split(call) for call in found if re.match(r"[a-z]", call)]


def test_the_pages_are_found() -> None:
    """A test that reads nothing proves nothing."""
    assert {"README.md", "scenarios/README.md", "schemas/README.md", "cassettes/README.md"} <= {
        path.relative_to(ROOT).as_posix() for path in READMES
    }
    assert len(calls(ROOT / "README.md")) > 8


@pytest.mark.parametrize("page", READMES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_call_that_is_shown_is_understood(page: Path) -> None:
    """The command exists, and so does each option."""
    for command, *words in calls(page):
        if command == "COMMAND":
            continue
        assert command in COMMANDS, command
        parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
        import_module(f"conformance.commands.{command}").add_arguments(parser)
        known = {option for action in parser._actions for option in action.option_strings}
        own = words[: words.index("--")] if "--" in words else words
        assert {word for word in own if word.startswith("-")} <= known, (page, command, words)


@pytest.mark.parametrize("page", READMES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_requirement_that_is_named_exists(page: Path) -> None:
    """An id is for ever, in prose too."""
    named = set(re.findall(r"\b(?:IX|SSE|HTTP)(?:-[A-Z]+)?-\d{3}\b", page.read_text(encoding="utf-8")))
    assert named <= registry().keys()


@pytest.mark.parametrize("page", READMES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_into_the_checkout_leads_somewhere(page: Path) -> None:
    """A file that is there, or a heading of the page."""
    text = page.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in headings, link
        elif "://" not in link:
            assert (page.parent / link.partition("#")[0]).exists(), link


def test_the_scenario_that_is_shown_is_one(tmp_path: Path) -> None:
    """Copied out of the page it loads."""
    (shown,) = blocks(ROOT / "scenarios" / "README.md", "yaml")
    path = tmp_path / "shown.scenario.yaml"
    path.write_text(shown, encoding="utf-8")
    assert [call.name for call in read_scenario(path).calls] == ["ask", "answer"]
    assert find_scenarios([str(tmp_path)]) == [path]


def test_every_yaml_that_is_shown_is_yaml() -> None:
    """Whatever else it is."""
    for page in READMES:
        for block in blocks(page, "yaml"):
            assert yaml.safe_load(block), page


def test_the_python_that_is_shown_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On our recordings, under the name that the page gives them."""
    (shown,) = (block for block in blocks(ROOT / "README.md", "python") if "def test_" not in block)
    (tmp_path / "recordings").symlink_to(ROOT / "tests" / "recordings", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(compile(shown, "README.md", "exec"), {})
    assert "recordings/text.json pass []" in told.getvalue().splitlines()


def test_every_dependency_has_its_reason() -> None:
    """The table of the page and pyproject.toml name the same distributions."""
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Dependencies\n")[2]
    told = re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert sorted(told) == sorted(re.split("[<>=~!]", one)[0] for one in needed)


def test_the_test_that_is_shown_passes(tmp_path: Path) -> None:
    """With the client that it names, in a suite of somebody else."""
    pytest.importorskip("google.genai")
    (shown,) = (block for block in blocks(ROOT / "README.md", "python") if "def test_" in block)
    (tmp_path / "test_shown.py").write_text(shown)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shown.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "1 passed" in run.stdout


def test_every_command_is_told_of() -> None:
    """In the page that everyone reads first."""
    assert {command for command, *_ in calls(ROOT / "README.md")} | {"list"} >= COMMANDS.keys()


def recipes() -> dict[str, list[dict[str, Any]]]:
    """The steps of each job of the workflow that is shown, once for each value of its matrix."""
    (shown,) = (block for block in blocks(ROOT / "README.md", "yaml") if "\njobs:\n" in block)
    steps: dict[str, list[dict[str, Any]]] = {}
    for name, job in yaml.safe_load(shown)["jobs"].items():
        assert job["runs-on"] == "ubuntu-latest"
        for value in job.get("strategy", {}).get("matrix", {}).get("shard", [""]):
            filled = json.dumps(job["steps"]).replace("${{ matrix.shard }}", str(value))
            steps[f"{name}{value}"] = json.loads(filled)
    return steps


def in_a_shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line as GitHub does, with our command on the path."""
    ours = folder / "bin" / "gemini-conformance"
    if not ours.exists():
        ours.parent.mkdir()
        ours.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m conformance.cli "$@"\n')
        ours.chmod(0o755)
    more = {
        "PATH": f"{ours.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    return subprocess.run(
        ["bash", "-e", "-c", command],
        cwd=folder,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def counts_of(record: Path) -> dict[str, int]:
    """How a record ends."""
    footer = json.loads(record.read_text().splitlines()[-1])
    assert (footer["type"], footer["exit_code"]) == ("footer", 0)
    counts: dict[str, int] = footer["counts"]
    return counts


def test_the_recipes_run_as_they_are_written(tmp_path: Path) -> None:
    """Those that need no key, step by step; three shards, merged, tell what one machine tells."""
    jobs = recipes()
    assert list(jobs) == ["cassettes", "live", "shards1", "shards2", "shards3", "merged"]
    ran = []
    for name, steps in jobs.items():
        for step in steps:
            if "run" in step and step["run"] != "pip install ." and name != "live":
                run = in_a_shell(step["run"], tmp_path)
                assert run.returncode == 0, (step, run.stdout, run.stderr)
                ran.append(name)
            elif "upload-artifact" in step.get("uses", "") and name != "live":
                assert (tmp_path / step["with"]["path"]).exists(), step
                assert fnmatch(step["with"]["name"], "shard-*")
            elif "download-artifact" in step.get("uses", ""):
                assert step["with"]["pattern"] == "shard-*"
    assert ran == ["cassettes", "shards1", "shards2", "shards3", "merged", "merged"]
    (whole,) = (tmp_path / ".gemini-conformance").glob("run-*.ndjson")
    assert counts_of(tmp_path / "merged.ndjson") == counts_of(whole)
    assert "conforms" in (tmp_path / "summary.md").read_text()


def test_what_is_shown_of_resuming_runs_as_it_is_written(tmp_path: Path) -> None:
    """The first line ends too early, the second plays the rest."""
    (shown,) = (block for block in blocks(ROOT / "README.md", "sh") if "--resume" in block)
    first, second = shown.splitlines()
    assert in_a_shell(first, tmp_path).returncode == 0
    record = tmp_path / "run.ndjson"
    counts, text = counts_of(record), record.read_bytes()
    record.write_bytes(text[: len(text) // 2])
    run = in_a_shell(second, tmp_path)
    assert run.returncode == 0, run.stderr
    assert "played before, the rest is played now" in run.stderr
    assert counts_of(record) == counts
