"""A whole run: pytest in isolation, its reports gathered into one record.

    faults = run_items(files, options_of(options), output.take_all, workers="auto")

Whatever runs cases is pytest, through our plugin; this module only starts it so that no configuration,
plugin or conftest of the surroundings takes part, and reads what the items found off their reports.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from conformance import plugin
from conformance.collecting import TARGETS, TESTEE, ClientOptions
from conformance.contract.places import PACKAGE
from conformance.errors import UsageRefused
from conformance.report.record import Line
from conformance.scenario.running import Options, Targets
from conformance.shards import Shard
from conformance.testees.process import Testee

__all__ = ["options_of", "run_items"]


class _Collector:
    """Hands on the lines that travel on the reports; only the controller has one."""

    def __init__(
        self,
        take: Callable[[Sequence[Line]], None],
        testee: Testee | None,
        targets: Targets | None,
        chosen: Callable[[int], None] | None,
    ) -> None:
        self._take = take
        self._testee = testee
        self._targets = targets
        self._chosen = chosen
        self.internal_errors: list[str] = []

    def pytest_configure(self, config: pytest.Config) -> None:
        if self._testee is not None:
            config.stash[TESTEE] = self._testee
        if self._targets is not None:
            config.stash[TARGETS] = self._targets

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._chosen is not None:
            self._chosen(sum(not getattr(item, "beyond", "") for item in session.items))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if plugin.CLOSING in session.config.stash:
            lines = session.config.stash[plugin.CLOSING]
            self._take(lines)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._take(getattr(node, "workeroutput", {}).get(plugin.FOUND, []))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if lines := getattr(report, plugin.FOUND, ()):
            self._take(lines)
        elif report.failed:
            self.internal_errors.append(f"{report.nodeid}: {report.longreprtext.splitlines()[-1]}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.internal_errors.append(f"{report.nodeid}: {report.longreprtext.splitlines()[-1]}")

    def pytest_internalerror(self, excrepr: Any) -> None:
        self.internal_errors.append(str(excrepr).splitlines()[-1])


@contextmanager
def _isolated() -> Iterator[None]:
    """Keep the pytest settings of the surroundings out."""
    before = {
        name: os.environ.get(name)
        for name in ("PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS")
    }
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def run_items(
    files: Sequence[Path],
    options: Sequence[str],
    take: Callable[[Sequence[Line]], None],
    *,
    workers: str | None = None,
    pytest_options: Sequence[str] = (),
    testee: Testee | None = None,
    targets: Targets | None = None,
    chosen: Callable[[int], None] | None = None,
    known: str = "",
    shard: Shard | None = None,
    done: Iterable[str] = (),
) -> list[str]:
    """Run what files hold; the lines of each item are taken as they come. Gives what went wrong in pytest.

    options: those of our plugin.
    testee, targets: a client that runs already, and targets, for a run in this process alone.
    chosen: what is called with the number of items that will be played.
    known: the file of the failures that are known.
    shard: the part that is played here. done: the subjects that were played before.
    pytest's own output is for whoever passes it options; it goes to stderr, and is left out otherwise.

    Raises:
        UsageRefused: pytest refuses its options.
    """
    collector = _Collector(take, testee, targets, chosen)
    root = os.path.commonpath([path.resolve().parent for path in files])
    arguments = [
        *("-c", str(PACKAGE / "run.toml"), "--rootdir", root, "--noconftest", "--import-mode=importlib"),
        *("-p", "no:cacheprovider", "-p", "conformance.plugin", "--capture=no"),
        *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
        *(("-p", "xdist", "--dist", "loadgroup", "-n", workers) if workers else ()),
        *options,
        *((f"--gemini-known={Path(known).absolute()}",) if known else ()),
        *((f"--gemini-shard={shard}",) if shard is not None else ()),
        *(f"--gemini-done={subject}" for subject in done),
        *pytest_options,
        *(str(path.absolute()) for path in files),
    ]
    quiet = not pytest_options
    with _isolated(), redirect_stdout(_Nowhere() if quiet else sys.stderr):
        code = pytest.main(arguments, plugins=[collector])
    if code == pytest.ExitCode.INTERRUPTED and not collector.internal_errors:
        raise KeyboardInterrupt
    if code == pytest.ExitCode.USAGE_ERROR:
        raise UsageRefused(f"pytest refuses {' '.join(pytest_options)}", "After -- come options of pytest.")
    return collector.internal_errors


def options_of(options: Options | ClientOptions) -> list[str]:
    """Give the options of our plugin for a run."""
    return list(_target_options(options) if isinstance(options, Options) else _client_options(options))


def _target_options(options: Options) -> Iterator[str]:
    for target in options.targets:
        yield f"--gemini-target={target}"
    yield f"--gemini-api-version={options.api_version}"
    yield f"--gemini-seed={options.seed}"
    yield f"--gemini-timeout={options.timeout_s}"
    if options.closed:
        yield "--gemini-closed"
    if options.key_env is not None:
        yield f"--gemini-key-env={options.key_env}"
    if options.cassettes is not None:
        yield f"--gemini-cassettes={options.cassettes}"
    if options.budget is not None:
        yield f"--gemini-budget={options.budget}"
    if options.dry_run:
        yield "--gemini-dry-run"
    if options.model is not None:
        yield f"--gemini-model={options.model}"
    for name, value in options.have:
        yield f"--gemini-have={name}={value}"


def _client_options(options: ClientOptions) -> Iterator[str]:
    yield f"--gemini-client={shlex.join(options.command)}"
    for word in options.only:
        yield f"--gemini-only={word}"
    yield f"--gemini-api-version={options.api_version}"
    yield f"--gemini-seed={options.seed}"
    yield f"--gemini-ready={options.ready_s}"
    if options.validate:
        yield "--gemini-validate"
    if options.cuts:
        yield f"--gemini-cuts={options.cuts}"


class _Nowhere:
    """A stream that keeps nothing."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""

    def isatty(self) -> bool:
        return False
