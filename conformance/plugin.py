"""The pytest plugin: each `*.scenario.yaml` becomes test items, one a target.

    pytest scenarios/ --gemini-target embedded --gemini-target https://localhost:8443

An item plays its scenario, judges what was exchanged and fails when something is red. What it found travels
on its report, so that `-n auto`, `--junitxml` and the rest of pytest work as everyone knows them; whoever
runs pytest (the command line does) reads it there. Loaded in every pytest of its environment, so nothing
heavy is imported before a scenario is collected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.report.record import Line
    from conformance.scenario.running import Options, Targets

OPTIONS: pytest.StashKey[Options] = pytest.StashKey()
TARGETS: pytest.StashKey[Targets] = pytest.StashKey()
FOUND = "gemini_conformance"
"""The attribute of a test report that holds the record's lines."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of scenarios; the command line has the same without the prefix."""
    group = parser.getgroup("gemini-conformance", "scenarios of the Gemini API")
    group.addoption(
        "--gemini-target",
        action="append",
        metavar="TARGET",
        help="embedded, cassettes, live or a URL; may be repeated; default: cassettes and embedded",
    )
    group.addoption("--gemini-api-version", choices=("v1beta", "v1"), default="v1beta", help="path prefix")
    group.addoption("--gemini-seed", type=int, default=7, help="seed of the embedded server")
    group.addoption("--gemini-closed", action="store_true", help="what the contract does not know fails")
    group.addoption(
        "--gemini-timeout", type=float, default=60.0, metavar="SECONDS", help="limit of one exchange"
    )
    group.addoption(
        "--gemini-key-env", metavar="NAME", help="the environment variable that holds the key for a URL"
    )
    group.addoption(
        "--gemini-cassettes", metavar="DIR", help="the folder of the cassettes, when it is not ours"
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect scenario files and nothing else."""
    if file_path.name.endswith(".scenario.yaml"):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


def _options(config: pytest.Config) -> Options:
    from conformance.scenario.running import Options

    if OPTIONS not in config.stash:
        config.stash[OPTIONS] = Options(
            targets=tuple(config.getoption("gemini_target") or ()),
            api_version=config.getoption("gemini_api_version"),
            seed=config.getoption("gemini_seed"),
            closed=config.getoption("gemini_closed"),
            timeout_s=config.getoption("gemini_timeout"),
            key_env=config.getoption("gemini_key_env"),
            cassettes=config.getoption("gemini_cassettes"),
        )
    return config.stash[OPTIONS]


class ScenarioFile(pytest.File):
    """One scenario file."""

    def collect(self) -> Iterator[pytest.Item]:
        """Give an item for each target. A file that is no scenario is one item, which says what is wrong."""
        from conformance.scenario.running import targets_of

        for target in targets_of(self.path, _options(self.config)):
            yield ScenarioItem.from_parent(self, name=target, target=target)


@dataclass(eq=False)
class Red(Exception):
    """A scenario that does not conform: what the item raises, so that pytest counts it as failed."""

    summary: str

    def __str__(self) -> str:
        return self.summary


class ScenarioItem(pytest.Item):
    """One scenario against one target."""

    def __init__(self, *, target: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.target = target
        self.lines: list[Line] = []

    def runtest(self) -> None:
        """Play, judge, keep the lines, and fail if something is red."""
        from conformance.scenario.running import Targets, run_scenario

        stash = self.session.config.stash
        if TARGETS not in stash:
            stash[TARGETS] = Targets(_options(self.config))
        self.lines = run_scenario(self._typed_path(), self.target, stash[TARGETS])
        summary = next(line for line in self.lines if line["type"] == "scenario")
        if summary["outcome"] in ("error", "fail", "untestable"):
            raise Red(summary["problem"] or _first_finding(self.lines))
        if summary["outcome"] in ("inconclusive", "not-observed", "not-applicable"):
            pytest.skip(summary["problem"] or "nothing was judged")

    def _typed_path(self) -> Path:
        """Give the path from where pytest was called: what people typed, and what records keep."""
        start = self.session.config.invocation_params.dir
        return self.path.relative_to(start) if self.path.is_relative_to(start) else self.path

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the finding alone: a traceback through our own code teaches nobody."""
        if isinstance(excinfo.value, Red):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """How pytest names the item."""
        return self.path, None, f"{self.path.name}[{self.target}]"


def _first_finding(lines: list[Line]) -> str:
    from conformance.report.tally import Tally
    from conformance.report.text import render_findings

    return "\n".join(render_findings(Tally.of(lines)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Let the lines travel on the report of the call, to the controller too."""
    outcome = yield
    if isinstance(item, ScenarioItem) and call.when == "call":
        setattr(outcome.get_result(), FOUND, item.lines)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close servers and connections."""
    if TARGETS in config.stash:
        config.stash[TARGETS].close()
