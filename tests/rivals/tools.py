"""The tools: how each is run against a server by its own documentation, and what it says is wrong there.

    tool = tools(limit_s=20)["schemathesis"]
    told = run_tool(tool, server.url, Path("work"), right=False)
    told.findings          # {"Response violates schema · POST /interactions"}

Two of them take as long as they are given: `fuzz` is our fuzzing without a scenario, and `schemathesis-for`
is schemathesis with the same seconds and a document without the requests of our scenarios.

A finding is the tool's own name of a fault, without what differs from run to run. A tool says nothing of the
right server: `side_by_side` takes away what it finds there.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from conformance.contract.models import models
from conformance.mutants.mutant import Mutant
from tests.rivals.document import helped_document
from tests.rivals.least import read_findings

__all__ = ["KEY", "Told", "Tool", "run_tool", "tools"]

KEY = "key-of-a-mutant"
_KEY_ENV = "CONFORMANCE_RIVALS_KEY"
_GRACE_S = 5.0
_AROUND_S = 40.0
"""For start and report, around the seconds that are given for trying."""
_ROOT = Path(__file__).parents[2]
_ADVERSE = ("error", "fail", "warn")

_SCHEMATHESIS = f"""\
hooks = "tests.rivals.sse"
continue-on-failure = true
warnings = false
suppress-health-check = ["all"]
request-timeout = 3.0
[generation]
database = "none"
no-shrink = true
[auth.openapi.api_key]
api_key = "{KEY}"
[phases.coverage.checks.positive_data_acceptance]
enabled = false
[phases.fuzzing.checks.positive_data_acceptance]
enabled = false
[phases.stateful.checks.positive_data_acceptance]
enabled = false
"""
"""What schemathesis is told besides its command line.

All checks are on, with one limit: whether a right request is taken is asked of our examples alone. What it
draws itself fits the schema and is often refused with reason (no model, no running interaction to cancel);
on the right server that would be noise, and hide the answers of the wrong ones.
"""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool.

    command: gives the arguments for a server's URL, a folder, and whether the server is the right one.
    findings: reads them from its folder and from what it printed.
    limit_s: after which it is ended.
    distribution: what it is called on the registry.
    aside: how findings begin that it tells without warning of them.
    more: gives what else is read from its folder, about a mutant.
    """

    name: str
    command: Callable[[str, Path, bool], list[str]]
    findings: Callable[[Path, str], set[str]]
    limit_s: float
    distribution: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    aside: tuple[str, ...] = ()
    more: Callable[[Path, Mutant], dict[str, Any]] = lambda _, __: {}


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool said of a server; `problem` is why it could not say it."""

    findings: frozenset[str]
    seconds: float
    problem: str = ""


def run_tool(tool: Tool, url: str, work: Path, *, right: bool) -> Told:
    """Run a tool in a process group of its own, which is gone afterwards."""
    work.mkdir(parents=True, exist_ok=True)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background; a tool inherits it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    started = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), **tool.environment}
    log = work / "printed.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(
            tool.command(url, work, right),
            stdout=out,
            stderr=out,
            cwd=work,
            env=environment,
            start_new_session=True,
        )
        problem = ""
        try:
            process.wait(tool.limit_s)
        except subprocess.TimeoutExpired:
            problem = f"it was not over after {tool.limit_s:g} s"
        finally:
            _end(process)
    seconds = time.monotonic() - started
    try:
        found = tool.findings(work, log.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError, KeyError) as error:
        found, problem = set(), problem or f"no report can be read: {error}"
    return Told(frozenset(found), seconds, problem)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Interrupt what still runs, so that it may report what it has; then end it with all that it started."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tools(limit_s: float) -> dict[str, Tool]:
    """Give all: three that may not take longer than `limit_s` for a server, and two that try for so long."""
    helped, plain = (json.dumps(helped_document(examples=one), ensure_ascii=False) for one in (True, False))
    aside, environment = ("drift ", "inconclusive "), {_KEY_ENV: KEY}
    run = partial(_schemathesis, document=helped)
    run_for = partial(_schemathesis, document=plain, more=["--max-time", f"{limit_s:.0f}"])
    around, ours = limit_s + _AROUND_S, "gemini-conformance"
    fuzz = partial(_fuzz, seconds=limit_s)
    found = (
        Tool("ours", _ours, _ours_found, limit_s, ours, environment, aside),
        Tool("schemathesis", run, _schemathesis_found, limit_s, "schemathesis"),
        Tool("llm-comply", _comply, _comply_found, limit_s, "llm-comply"),
        Tool("fuzz", fuzz, _fuzz_found, around, ours, environment, aside, read_findings),
        Tool("schemathesis-for", run_for, _schemathesis_found, around, "schemathesis"),
    )
    return {one.name: one for one in found}


def _script(name: str) -> str:
    """Give the program that an environment has, whether it is activated or not."""
    return str(Path(sys.executable).parent / name)


def _ours(url: str, work: Path, _: bool) -> list[str]:
    """Say what a user would, whose account has what our own server takes for one."""
    have = [f"--have={word}={thing.ours}" for word, thing in models().account.items()]
    record = str(work / "record.ndjson")
    return [
        _script("gemini-conformance"),
        "run",
        "--target",
        url,
        "--key-env",
        _KEY_ENV,
        "--timeout",
        "5",
        "--record",
        record,
        *have,
    ]


def _fuzz(url: str, work: Path, _: bool, *, seconds: float) -> list[str]:
    """One process, and nothing from an earlier run."""
    command = [_script("gemini-conformance"), "fuzz", "--target", url, "--key-env", _KEY_ENV]
    command += ["--seconds", f"{seconds:g}", "--seed", "7", "--timeout", "5", "-n", "1", "--database", ""]
    return [*command, "--record", str(work / "record.ndjson"), "--bundle", str(work / "bundle")]


def _ours_found(work: Path, _: str) -> set[str]:
    """Give what fails or warns; where nothing does, what else the record has that is no pass."""
    with (work / "record.ndjson").open(encoding="utf-8") as lines:
        read = [json.loads(line) for line in lines]
    verdicts = [line for line in read if line["type"] == "verdict"]
    adverse = [line for line in verdicts if line["outcome"] in _ADVERSE]
    drift = {f"drift {line['name']}" for line in read if line["type"] == "drift"}
    return {f"{line['outcome']} {line['requirement'] or 'scenario'}" for line in adverse or verdicts} | drift


def _fuzz_found(work: Path, printed: str) -> set[str]:
    """The same, of a run that went to its end.

    Raises:
        ValueError: it did not.
    """
    if '"type": "fuzz"' not in (work / "record.ndjson").read_text(encoding="utf-8"):
        raise ValueError(f"the run of fuzzing ended early: {printed[-200:]}")
    return _ours_found(work, printed)


def _schemathesis(url: str, work: Path, right: bool, *, document: str, more: Sequence[str] = ()) -> list[str]:
    """All its phases, up to what is not in the baseline, which it wrote of the right server."""
    (work / "openapi.json").write_text(document, encoding="utf-8")
    (work / "schemathesis.toml").write_text(_SCHEMATHESIS, encoding="utf-8")
    baseline = str(work.parent / "schemathesis-baseline.json")
    accept = ["--baseline", baseline, *(["--baseline-update"] if right else ["--max-failures", "1"])]
    report = ["--report", "json", "--report-json-path", str(work / "report.json"), "--no-color"]
    return [
        _script("schemathesis"),
        "run",
        "openapi.json",
        "--url",
        f"{url}/v1beta",
        "--seed",
        "7",
        "--workers",
        "1",
        *more,
        *accept,
        *report,
    ]


def _schemathesis_found(work: Path, _: str) -> set[str]:
    report = json.loads((work / "report.json").read_bytes())
    failures = {f"{one['title']} · {at}" for one in report["failures"] for at in one["operations"]}
    return failures | {f"error: {one.get('title', one.get('type', ''))}" for one in report["errors"]}


def _comply(url: str, _: Path, __: bool) -> list[str]:
    """As its README says."""
    form = ["--format", "google-interactions", "-m", "gemini-2.5-flash", "--timeout", "5", "--json"]
    return [
        _script("llm-comply"),
        "-u",
        url,
        "-k",
        KEY,
        "--auth-header",
        "x-goog-api-key",
        "--no-bearer",
        *form,
    ]


def _comply_found(_: Path, printed: str) -> set[str]:
    results = json.loads(printed[printed.index("{") :])["results"]
    return {one["id"] for one in results if one["status"] not in ("passed", "skipped")}
