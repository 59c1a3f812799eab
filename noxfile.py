"""Everything that can be run here, in the order in which it usually fails.

Plain `nox` is what CI runs: no network beyond the package registry, no key. The rest is asked for by name:

    nox -s bench
    nox -s agreement
    nox -s mutants
    nox -s rivals
"""

import nox

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHON = "3.11"

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
    """Our own tests."""
    session.install("-e.[tests]")
    session.run("pytest", "-n", "2", *session.posargs)


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
    """What people wait for: the judge by event, stock validators on the same work, the server by answer."""
    session.install("-e.[tests]")
    session.run("python", "-m", "tests.bench", *session.posargs)
    session.run("python", "-m", "tests.server.bench")


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
@nox.parametrize(
    ("client", "package"),
    [
        nox.param("google-genai", ["google-genai>=3,<4"], id="google-genai-3"),
        nox.param("google-genai", ["google-genai>=2,<3"], id="google-genai-2"),
        nox.param("litellm", ["litellm"], id="litellm"),
        nox.param("@google/genai", [], id="npm-google-genai-3"),
        nox.param("@google/genai-2", [], id="npm-google-genai-2"),
        nox.param("@ai-sdk/google", [], id="npm-ai-sdk-google-4"),
        nox.param("@ai-sdk/google-3", [], id="npm-ai-sdk-google-3"),
    ],
)
def clients(session: nox.Session, client: str, package: list[str]) -> None:
    """Real clients against the reference server; those of npm need node."""
    session.install("-e.", *package)
    session.run("python", "-m", "tests.clients.run", "--client", client, "--folder", session.create_tmp())


@nox.session(python=PYTHON, default=False)
def mutants(session: nox.Session) -> None:
    """All wrong servers, clients and traces, their controls, and the kill matrix."""
    session.install("-e.[tests]")
    to = session.create_tmp()
    session.run("gemini-conformance", "mutants", "-n", "2", "--matrix", f"{to}/matrix.json", *session.posargs)


@nox.session(python=PYTHON, default=False)
def rivals(session: nox.Session) -> None:
    """How many of the wrong servers schemathesis and llm-comply catch: 45 minutes, or `-- --sample 60`."""
    session.install("-e.", "schemathesis>=4.32", "llm-comply")
    to = session.create_tmp()
    results = ("--results", f"{to}/rivals.ndjson", "--to", f"{to}/rivals.json")
    session.run("python", "-m", "tests.rivals", "-n", "2", *results, *session.posargs)
