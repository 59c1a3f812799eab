"""Everything that can be run here, in the order in which it usually fails.

Plain `nox` is what CI runs: no network beyond the package registry, no key. The rest is asked for by name:

    nox -s bench
    nox -s agreement
    nox -s recordings
    nox -s mutants
    nox -s "clients(google-genai-3)"
    nox -s matrix
    nox -s "emulators(aimock)"
    nox -s mutation -- --seed 7
    nox -s rivals
    nox -s fuzz_mutants
    nox -s fuzz_long
    nox -s bad_days
"""

import json
from pathlib import Path
from typing import Any

import nox

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHON = "3.11"
PINNED = json.loads(Path("tests/clients/pins.json").read_text(encoding="utf-8"))
"""The clients that people use: the name of a bundled driver, exact packages, the file of known failures."""
KNOWN = Path("tests/clients/known").resolve()
EMULATORS = json.loads(Path("tests/emulators/pins.json").read_text(encoding="utf-8"))
"""Emulators and proxies of other people: a name, exact packages."""

nox.options.default_venv_backend = "uv|virtualenv"


def groups(*names: str) -> list[str]:
    """Give the dependencies of some groups of pyproject.toml."""
    return list(nox.project.dependency_groups(PYPROJECT, *names))


@nox.session(python=PYTHON)
def style(session: nox.Session) -> None:
    """Format, lint, and the direction of imports."""
    session.install("-e.", *groups("style"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("lint-imports")


@nox.session(python=PYTHON)
def types(session: nox.Session) -> None:
    """Types, strictly."""
    session.install("-e.[tests]", *groups("types"))
    session.run("mypy")


@nox.session(python=PYTHON)
def tests(session: nox.Session) -> None:
    """Our own tests, those too that wait for real time-outs."""
    session.install("-e.[tests]")
    more = {"CONFORMANCE_EXAMPLES": "300"}
    session.run("pytest", "-n", "2", "-m", "", *session.posargs, env=more)


@nox.session(python=PYTHON)
def build(session: nox.Session) -> None:
    """The wheel: built, installed, and run outside the checkout."""
    session.install(*groups("build"))
    wheels = session.create_tmp()
    session.run("python", "-m", "build", "--wheel", "--outdir", wheels, silent=True)
    session.install(
        "--find-links", wheels, "--no-index", "--no-deps", "--force-reinstall", "gemini-conformance"
    )
    session.install("gemini-conformance", "--find-links", wheels)
    session.chdir(wheels)
    session.run("gemini-conformance", "run")


@nox.session(python=PYTHON, default=False)
def bench(session: nox.Session) -> None:
    """What people wait for: the judge by event, stock validators on the same work, server, cuts, requests."""
    session.install("-e.[tests]", "schemathesis>=4.32")
    session.run("python", "-m", "tests.bench", *session.posargs)
    session.run("python", "-m", "tests.server.bench")
    session.run("python", "-m", "tests.testees.bench")
    session.run("python", "-m", "tests.generate.bench")
    session.run("python", "-m", "tests.fuzzing.bench")
    session.run("python", "-m", "tests.proxy.bench")


@nox.session(python=PYTHON, default=False)
def mutation(session: nox.Session) -> None:
    """Mutations of the judge and of the event-stream decoder: nine in ten of a seeded 400 die."""
    session.install("-e.[tests]", *groups("mutation"))
    session.run("python", "-m", "tests.judge.mutation", *session.posargs)


@nox.session(python=PYTHON, default=False)
def agreement(session: nox.Session) -> None:
    """Our schemas against stock validators, on 10,000 drawn values."""
    session.install("-e.[tests]")
    session.run(
        "pytest",
        "tests/generate/test_agreement.py",
        *session.posargs,
        env={"CONFORMANCE_EXAMPLES": "10000"},
    )


@nox.session(python=PYTHON, default=False)
def recordings(session: nox.Session) -> None:
    """Our cassettes, recorded again: the same bytes unless scenarios or the server changed, and no secret."""
    session.install("-e.")
    session.run("gemini-conformance", "record", *session.posargs)
    session.run("gemini-conformance", "lint", "--party", "server", "cassettes")
    session.run("gemini-conformance", "lint", "--secrets", "cassettes")


@nox.session(python=PYTHON, default=False)
def planted(session: nox.Session) -> None:
    """Secrets planted everywhere in 10,000 exchanges: none may be left."""
    session.install("-e.[tests]")
    session.run(
        "pytest",
        "tests/wire/test_secrets.py",
        *session.posargs,
        env={"CONFORMANCE_EXAMPLES": "10000"},
    )


@nox.session(python=PYTHON, default=False)
@nox.parametrize("pinned", [nox.param(one, id=one["id"]) for one in PINNED])
def clients(session: nox.Session, pinned: dict[str, Any]) -> None:
    """One client and version: it fails as it is known to, and in nothing else. Those of npm need node."""
    known = str(KNOWN / pinned["known"])
    _install(session, pinned["packages"])
    session.run(
        "gemini-conformance", "client", "--testee", pinned["testee"], "--known", known, *session.posargs
    )


@nox.session(python=PYTHON, default=False)
@nox.parametrize("pinned", [nox.param(one, id=one["name"]) for one in EMULATORS])
def emulators(session: nox.Session, pinned: dict[str, Any]) -> None:
    """One emulator and version: it is wrong as it is known to be, and in nothing else. npm's need node."""
    checkout = str(Path.cwd())
    _install(session, pinned["packages"])
    session.run(
        "python", "-m", "tests.emulators", pinned["name"], *session.posargs, env={"PYTHONPATH": checkout}
    )


@nox.session(python=PYTHON, default=False)
def mutants(session: nox.Session) -> None:
    """All wrong servers, clients and traces, their controls, and the kill matrix."""
    session.install("-e.[tests]")
    to = session.create_tmp()
    session.run("gemini-conformance", "mutants", "-n", "2", "--matrix", f"{to}/matrix.json", *session.posargs)


@nox.session(python=PYTHON, default=False)
def matrix(session: nox.Session) -> None:
    """The newest of all clients side by side, as a page and as JSON; npm's need node."""
    newest = [one for one in PINNED if one["newest"]]
    to = Path(".gemini-conformance/matrix").resolve()
    _install(session, sorted({package for one in newest for package in one["packages"]}))
    options = [f"--testee={one['testee']}" for one in newest]
    options += [f"--known={one['testee']}={KNOWN / one['known']}" for one in newest]
    session.run("gemini-conformance", "matrix", *options, "--to", str(to), *session.posargs)


def _install(session: nox.Session, packages: list[str]) -> None:
    """Install clients, those of npm in a folder of the session, which is where they are looked for."""
    of_npm = [package for package in packages if "==" not in package]
    session.install("-e.", *(package for package in packages if package not in of_npm))
    session.chdir(session.create_tmp())
    if of_npm:
        Path("package.json").write_text('{"private": true}\n', encoding="utf-8")
        session.run("npm", "install", "--no-audit", "--no-fund", "--silent", *of_npm, external=True)


@nox.session(python=PYTHON, default=False)
def rivals(session: nox.Session) -> None:
    """How many of the wrong servers schemathesis and llm-comply catch: 45 minutes, or `-- --sample 60`."""
    session.install("-e.", "schemathesis>=4.32", "llm-comply")
    to = session.create_tmp()
    results = ("--results", f"{to}/rivals.ndjson", "--to", f"{to}/rivals.json")
    session.run("python", "-m", "tests.rivals", "-n", "2", *results, *session.posargs)


@nox.session(python=PYTHON, default=False)
def fuzz_mutants(session: nox.Session) -> None:
    """What fuzzing alone finds of 30 wrong servers, 20 s each, beside schemathesis; goes on where it was."""
    session.install("-e.", "schemathesis>=4.32")
    to = Path(".gemini-conformance").resolve()
    to.mkdir(exist_ok=True)
    results = ("--results", f"{to}/fuzz-mutants.ndjson", "--to", f"{to}/fuzz-mutants.json")
    tools = ("--tools", "fuzz", "schemathesis-for", "--limit", "20", "--sample", "30")
    session.run("python", "-m", "tests.rivals", *tools, *results, *session.posargs)


@nox.session(python=PYTHON, default=False)
def fuzz_long(session: nox.Session) -> None:
    """No false alarm in 100,000 conversations with the reference server."""
    session.install("-e.")
    record = f"{session.create_tmp()}/fuzz.ndjson"
    long = ("--examples", "100000", "-n", "2", "--strict", "--database", "", "--record", record)
    session.run("gemini-conformance", "fuzz", *long, *session.posargs)


@nox.session(python=PYTHON, default=False)
def bad_days(session: nox.Session) -> None:
    """200 whole runs against a live service of our own making on bad days, five of them in real time."""
    session.install("-e.[tests]")
    session.run("python", "-m", "tests.live.runs", *session.posargs)
