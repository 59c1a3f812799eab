"""The pytest plugin: each `*.scenario.yaml` becomes test items, one a target.

    pytest scenarios/ --gemini-target embedded --gemini-target https://localhost:8443

An item plays its scenario, judges what was exchanged and fails when something is red. What it found travels
on its report, so that `-n auto`, `--junitxml` and the rest of pytest work as everyone knows them; whoever
runs pytest (the command line does) reads it there. With `--gemini-client`, the same scenarios, and files of
client cases, are held by a client instead.

The fixture `gemini` is a server for the tests of a client: see `conformance.testees.fixture`.

Loaded in every pytest of its environment, so nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.collecting import ClientOptions
    from conformance.report.record import Line
    from conformance.scenario.running import Options
    from conformance.testees.fixture import GeminiServer, Theatre

FOUND = "gemini_conformance"
"""The attribute of a test report, and the key of a worker's output, that holds the record's lines."""
CLOSING: pytest.StashKey[list[Line]] = pytest.StashKey()
_SCENARIO = ".scenario.yaml"
_COLLECTS: pytest.StashKey[bool] = pytest.StashKey()
_FAILED: pytest.StashKey[bool] = pytest.StashKey()


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
    group.addoption(
        "--gemini-budget", metavar="BUDGET", help="what may be spent, as requests=40,tokens=20000,seconds=300"
    )
    group.addoption("--gemini-dry-run", action="store_true", help="send nothing to endpoints not our own")
    group.addoption("--gemini-model", metavar="MODEL", help="the model that live and URLs are asked for")
    group.addoption(
        "--gemini-have",
        action="append",
        type=_have,
        metavar="NAME=VALUE",
        help="what the account has there, such as file_search_store=fileSearchStores/mine; may be repeated",
    )
    group.addoption("--gemini-known", metavar="FILE", help="failures that are known, and are not red")
    group.addoption(
        "--gemini-client", metavar="COMMAND", help="the driver of a client, which holds the scenarios instead"
    )
    group.addoption(
        "--gemini-only", action="append", metavar="WORD", help="client cases with this word alone"
    )
    group.addoption(
        "--gemini-ready", type=float, default=10.0, metavar="SECONDS", help="limit for a driver to start"
    )
    group.addoption(
        "--gemini-validate", action="store_true", help="hold a driver's messages against their schema"
    )
    group.addoption(
        "--gemini-cuts", type=int, default=0, metavar="N", help="so many calls with random cuts in all"
    )
    group.addoption(
        "--gemini-shard",
        type=_shard,
        metavar="I/N",
        help="the part of the scenarios that is played here: 2/5",
    )
    group.addoption(
        "--gemini-done", action="append", metavar="SUBJECT", help="what was played before, and is left out"
    )


def _shard(text: str) -> str:
    """Refuse what is no shard; it stays text, since options travel to the workers of xdist."""
    from conformance.shards import read_shard

    return str(read_shard(text))


def _have(text: str) -> tuple[str, str]:
    from argparse import ArgumentTypeError

    from conformance.errors import UsageRefused
    from conformance.scenario.needs import read_have

    try:
        return read_have(text)
    except UsageRefused as error:
        raise ArgumentTypeError(f"{error}. {error.hint}") from None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect scenario files; of client cases those that were named, when there is a client."""
    config = parent.config
    if config.getoption("gemini_client") and file_path.suffix == ".yaml":
        from conformance.collecting import ClientFile

        config.stash[_COLLECTS] = True
        return ClientFile.from_parent(parent, path=file_path, options=_client_options(config))
    if file_path.name.endswith(_SCENARIO):
        from conformance.collecting import ScenarioFile

        config.stash[_COLLECTS] = True
        return ScenarioFile.from_parent(parent, path=file_path, options=partial(_options, config))
    return None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Tell a distributed run which cases belong together; keep what falls to this machine, and plan it."""
    if _COLLECTS in config.stash:
        from conformance.collecting import grouped, keep_own, planned

        if hasattr(config, "workerinput"):
            grouped(config, items)
        yield
        keep_own(config, items)
        planned(items)
    else:
        yield


def _options(config: pytest.Config) -> Options:
    from conformance.scenario.live.budget import Budget
    from conformance.scenario.running import Options

    budget = config.getoption("gemini_budget")
    return Options(
        targets=tuple(config.getoption("gemini_target") or ()),
        api_version=config.getoption("gemini_api_version"),
        seed=config.getoption("gemini_seed"),
        closed=config.getoption("gemini_closed"),
        timeout_s=config.getoption("gemini_timeout"),
        key_env=config.getoption("gemini_key_env"),
        cassettes=config.getoption("gemini_cassettes"),
        budget=Budget.read(budget) if budget else None,
        dry_run=config.getoption("gemini_dry_run"),
        model=config.getoption("gemini_model"),
        have=tuple(config.getoption("gemini_have") or ()),
    )


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say so where the model is none that we know."""
    if (name := config.getoption("gemini_model")) is None:
        return []
    from conformance.scenario.needs import remark

    return list(remark(name))


def _client_options(config: pytest.Config) -> ClientOptions:
    from conformance.collecting import ClientOptions

    return ClientOptions(
        command=tuple(shlex.split(config.getoption("gemini_client"))),
        only=tuple(config.getoption("gemini_only") or ()),
        api_version=config.getoption("gemini_api_version"),
        seed=config.getoption("gemini_seed"),
        ready_s=config.getoption("gemini_ready"),
        validate=config.getoption("gemini_validate"),
        cuts=config.getoption("gemini_cuts"),
    )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Let the lines travel on the report of the call, to the controller too."""
    outcome = yield
    if call.when == "call" and "gemini_server" in getattr(item, "fixturenames", ()):
        item.stash[_FAILED] = outcome.get_result().failed
    if call.when == "call" and _COLLECTS in item.config.stash:
        from conformance.collecting import Item

        if isinstance(item, Item):
            setattr(outcome.get_result(), FOUND, item.lines)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Close servers, connections and clients; keep what is said last for whoever runs pytest."""
    config = session.config
    if _COLLECTS in config.stash:
        from conformance.collecting import closing_lines

        config.stash[CLOSING] = closing_lines(config)
        if hasattr(config, "workeroutput"):
            config.workeroutput[FOUND] = config.stash[CLOSING]


@pytest.fixture(scope="session")
def _gemini_theatre() -> Iterator[Theatre]:
    """One server for all tests of a process; every test has a key of its own."""
    from conformance.testees.fixture import theatre

    with theatre() as opened:
        yield opened


@pytest.fixture
def gemini_server(_gemini_theatre: Theatre, request: pytest.FixtureRequest) -> Iterator[GeminiServer]:
    """A server that answers as the Gemini API does, and judges at the end what a client has sent it.

    client = genai.Client(api_key=gemini_server.api_key, http_options={"base_url": gemini_server.url})
    answer = client.interactions.create(model="gemini-3.5-flash", input="Hello")
    assert answer.output_text == gemini_server.text
    """
    server = _gemini_theatre.server()
    yield server
    problems = server.problems()
    if problems and (server.requests or not request.node.stash.get(_FAILED, False)):
        pytest.fail(problems, pytrace=False)
