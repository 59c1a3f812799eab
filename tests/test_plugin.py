"""The pytest plugin, as somebody meets it who calls pytest alone."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.contract.places import folder
from tests import badservers
from tests.badservers import listening, relaying

TEXT = (folder("scenarios") / "interactions" / "text.scenario.yaml").read_text()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder that holds one scenario and what is none."""
    monkeypatch.chdir(tmp_path)
    Path("some.scenario.yaml").write_text(TEXT)
    Path("other.yaml").write_text(TEXT)
    Path("scenario.yaml").write_text(TEXT)
    Path("some.scenario.yml").write_text(TEXT)


def run_pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a process of its own, in the current folder."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
    )


def test_a_scenario_is_an_item_for_each_target() -> None:
    """Only *.scenario.yaml is collected; items are named for file and target."""
    run = run_pytest(".", "-v", "--gemini-target", "embedded", "--junitxml=x.xml")
    assert run.returncode == 0, run.stdout
    assert "collected 1 item" in run.stdout
    assert "some.scenario.yaml::embedded" in run.stdout
    assert 'tests="1"' in Path("x.xml").read_text()


def test_a_failure_shows_the_finding_and_no_traceback() -> None:
    """What happened, what was expected, the source, the bytes, how to see it again."""

    def change(body: bytes) -> bytes:
        return body.replace(b'"object":"interaction"', b'"object":"conversation"')

    with listening(relaying(change)) as server:
        run = run_pytest("some.scenario.yaml", "--gemini-target", server.url)
        subject = f"some[{server.url}]"
        heading = f"some.scenario.yaml[{server.url}]"
    assert run.returncode == 1
    assert f" {heading} " in run.stdout
    assert f"fail IX-CREATE-011 server  {subject}/ask /object: " in run.stdout
    for part in ("    expected  ", "    source    https://", "    bytes     {", "    again     curl "):
        assert part in run.stdout
    assert "Traceback" not in run.stdout
    assert "conformance/" not in run.stdout.replace("gemini-conformance/", "")


def test_a_model_and_what_an_account_has_can_be_told() -> None:
    """What the table does not know is said in the header; a word that nothing needs is refused."""
    with listening(badservers.closes_at_once) as server:
        target = ("some.scenario.yaml", "-rs", "--gemini-target", server.url)
        new = run_pytest(
            *target, "--gemini-model", "gemini-9-neon", "--gemini-have", "mcp_server=https://a.b"
        )
        lacking = run_pytest(
            *target,
            "-n",
            "1",
            "--gemini-have",
            "mcp_server=https://a.b",
            "--gemini-model",
            "gemini-3.8-flash-tts",
        )
        asked = [json.loads(request.body)["model"] for request in server.requests]
    wrong = run_pytest("some.scenario.yaml", "--gemini-have", "store=x")
    assert "gemini-9-neon is not in the table of models" in new.stdout
    assert set(asked) == {"gemini-9-neon"}
    assert "SKIPPED" in lacking.stdout
    assert "gemini-3.8-flash-tts cannot text (models: gemini-3.5-flash" in lacking.stdout
    assert wrong.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no scenario needs 'store' of an account" in wrong.stdout + wrong.stderr


def test_what_gives_no_evidence_is_skipped() -> None:
    """Nothing was judged, so it neither passes nor fails; the reason is told with -rs."""
    with listening(badservers.closes_at_once) as server:
        run = run_pytest("some.scenario.yaml", "-rs", "--gemini-target", server.url)
    assert "1 skipped" in run.stdout
    assert "gave no HTTP answer" in run.stdout


def test_a_broken_scenario_is_an_item_that_fails() -> None:
    """With the place, and the others go on."""
    Path("broken.scenario.yaml").write_text("title: [")
    run = run_pytest(".", "--gemini-target", "embedded")
    assert run.returncode == 1
    assert "1 failed, 1 passed" in run.stdout
    assert "broken.scenario.yaml line 2: not YAML" in run.stdout
    assert "Traceback" not in run.stdout


def test_workers_of_xdist_bring_the_same() -> None:
    """Each has a server of its own."""
    for name in "abc":
        Path(f"{name}.scenario.yaml").write_text(TEXT)
    run = run_pytest(".", "-n", "2", "--gemini-target", "embedded")
    assert run.returncode == 0, run.stdout
    assert "4 passed" in run.stdout


def test_the_plugin_imports_nothing_heavy() -> None:
    """It is loaded in every pytest of its environment, scenarios or not."""
    program = (
        "import sys, pytest; before = set(sys.modules); import conformance.plugin; "
        "print(*sorted(name for name in set(sys.modules) - before if '.' not in name), end=' '); "
        "print(*sorted(name for name in sys.modules if name.startswith('conformance')))"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert set(run.stdout.split()) == {"conformance", "conformance.plugin"}


def test_a_suite_without_scenarios_stays_light() -> None:
    """Nothing heavy comes in when there is nothing of ours to collect."""
    heavy = ("vcr", "httpx2", "hypothesis.strategies", "jsonschema", "asyncio", "conformance.judge")
    Path("test_theirs.py").write_text(
        f"import sys\n\ndef test_modules():\n"
        f"    assert [name for name in {heavy!r} if name in sys.modules] == []\n"
    )
    run = run_pytest("test_theirs.py", "-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:xdist")
    assert run.returncode == 0, run.stdout


def test_machines_share_the_scenarios_of_a_suite() -> None:
    """With --gemini-shard each item of ours is played once; other tests are not touched."""
    for name in "abcd":
        Path(f"{name}.scenario.yaml").write_text(TEXT)
    Path("test_theirs.py").write_text("def test_it():\n    pass\n")
    names = []
    for part, more in (("1", ()), ("2", ("-n", "2")), ("3", ())):
        run = run_pytest(".", "-v", "--gemini-target=embedded", f"--gemini-shard={part}/3", *more)
        assert run.returncode == 0, run.stdout
        assert "test_theirs.py::test_it" in run.stdout
        names += sorted(set(re.findall(r"(\w+)\.scenario\.yaml", run.stdout)))
    assert sorted(names) == ["a", "b", "c", "d", "some"]
    run = run_pytest(".", "--gemini-shard=0/3")
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "there is no part 0/3; the parts are 1/N to N/N" in run.stderr
