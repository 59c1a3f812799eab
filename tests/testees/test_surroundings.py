"""Where a driver lives: an empty home, no credentials, and all that starts programs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.testees.process import Testee
from conformance.testees.surroundings import surroundings
from tests.testees.programs import program

TELL = "ready()\nfor name in calls():\n    say(type='end', id=name, text={})\n"


def test_what_opens_doors_is_kept_away() -> None:
    """Keys, tokens, accounts and proxies, of whichever cloud."""
    secrets = """GEMINI_API_KEY GOOGLE_APPLICATION_CREDENTIALS GOOGLE_GEMINI_BASE_URL GCE_METADATA_HOST
        CLOUDSDK_CONFIG AWS_SECRET_ACCESS_KEY AWS_PROFILE AZURE_CLIENT_SECRET OPENAI_API_KEY MISTRAL_API_KEY
        GITHUB_TOKEN HF_TOKEN DB_PASSWORD HTTPS_PROXY all_proxy XDG_CONFIG_HOME apikey""".split()
    kept = "PATH VIRTUAL_ENV NVM_DIR NODE_PATH LD_LIBRARY_PATH LANG TOKENIZERS_PARALLELISM NO_PROXY".split()
    given = dict.fromkeys([*secrets, *kept], "x")
    made = surroundings(given, "home")
    assert made.keys() & set(secrets) == set()
    assert made.keys() >= set(kept)


def test_tools_find_what_they_have_installed(tmp_path: Path) -> None:
    """Below the old home, where a variable does not say otherwise."""
    for name in (".cargo", ".local", ".pyenv"):
        (tmp_path / name).mkdir()
    made = surroundings({"HOME": str(tmp_path), "PYENV_ROOT": "elsewhere"}, "home")
    assert made["CARGO_HOME"] == str(tmp_path / ".cargo")
    assert made["PYTHONUSERBASE"] == str(tmp_path / ".local")
    assert made["PYENV_ROOT"] == "elsewhere"
    assert "RUSTUP_HOME" not in made
    assert made["HOME"] == "home"


def test_a_driver_sees_no_real_key_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the surroundings hold."""
    for name in ("GEMINI_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "secret")
    with Testee(program(TELL.format("str('secret' in os.environ.values())"))) as testee:
        assert testee.ask({"type": "call", "id": "c1"}, 5).last["text"] == "False"


def test_the_home_is_empty_and_gone_afterwards() -> None:
    """Also when something was written into it."""
    body = TELL.format("json.dumps([os.path.expanduser('~'), os.listdir(os.path.expanduser('~'))])")
    body = body.replace("    say", "    open(os.path.expanduser('~/left'), 'w').close()\n    say", 1)
    first = program(body.replace("\n    say", "\n    os.remove(os.path.expanduser('~/left'))\n    say", 1))
    with Testee(first) as testee:
        told = testee.ask({"type": "call", "id": "c1"}, 5).last["text"]
    assert told.endswith(", []]")
    with Testee(program(body)) as testee:
        told = testee.ask({"type": "call", "id": "c1"}, 5).last["text"]
        home = Path(told.split('"')[1])
        assert (home / "left").exists()
        assert home != Path.home()
    assert not home.exists()


def test_there_is_no_home_left_of_a_driver_that_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder goes with it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(Exception, match="cannot be started"), Testee(["no-such-program"]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_python_of_an_environment_and_node_start(tmp_path: Path) -> None:
    """With the packages of that environment, found by PATH."""
    made = surroundings(os.environ, str(tmp_path))
    told = subprocess.run(
        [sys.executable, "-c", "import h11, sys; print(sys.prefix)"],
        check=False,
        env=made,
        capture_output=True,
        text=True,
    )
    assert told.stdout.strip() == sys.prefix, told.stderr
    if shutil.which("node"):
        told = subprocess.run(["node", "-p", "1 + 1"], check=False, env=made, capture_output=True, text=True)
        assert told.stdout.strip() == "2", told.stderr
