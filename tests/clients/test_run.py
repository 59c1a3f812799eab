"""Real clients are not installed here; what is said of them is judged as it should be."""

import shutil
import subprocess
import sys

import pytest
import yaml

from tests.clients.run import CLIENTS, HERE, QUICKSTART, Fault, expected, not_held, outcome

FAULT = Fault("it", ">=2", "cancel", "posts elsewhere", [":cancel"])
WELL = {"client": "it", "version": "2.1", "conversation": "cancel", "ok": True, "said": "cancelled"}
BADLY = {**WELL, "ok": False, "said": None, "error": "404"}


@pytest.mark.parametrize(
    ("told", "wire", "how"),
    [
        ({**WELL, "version": "1.9"}, "", "pass"),
        ({**WELL, "version": "1.9", "said": "in_progress"}, "", "fail"),
        ({**BADLY, "version": "1.9"}, "POST /x:cancel", "fail"),
        (BADLY, "POST /x:cancel", "known"),
        (BADLY, "POST /x/cancel", "fail"),
        (WELL, "POST /x:cancel", "fail"),
    ],
    ids=["well", "another text", "not this version", "known", "other bytes", "the fault is gone"],
)
def test_a_fault_is_known_by_its_bytes(told: dict[str, object], wire: str, how: str) -> None:
    """Nothing else excuses a conversation that fails."""
    assert outcome(told, "cancelled", [FAULT], {"cancel": wire})[0] == how


def test_every_known_fault_is_of_a_client_and_a_conversation() -> None:
    """A name that nobody has would never be looked at."""
    for one in yaml.safe_load((HERE / "known.yaml").read_text(encoding="utf-8")):
        fault = Fault(**one)
        assert fault.client in {*CLIENTS, "google-genai async"}
        assert fault.conversation in expected()
        assert fault.bytes


def test_what_is_expected_is_what_people_read() -> None:
    """Each conversation of the quickstart has a text that answers it."""
    says = expected()
    words = ("patterns", "In short", "8 paws", "Spain", "15C")
    assert all(word in says[name] for name, word in zip(QUICKSTART, words, strict=True))


def test_a_conversation_of_the_quickstart_is_missed() -> None:
    """A script that says nothing of it has not shown that it works."""
    lines = [{**WELL, "conversation": name} for name in QUICKSTART if name != "search"]
    assert not_held(lines) == ["it: 'search' was not held"]


def test_the_python_sdk_passes() -> None:
    """The whole way: the script, the server, the table."""
    pytest.importorskip("google.genai", reason="google-genai is not installed")
    command = [sys.executable, "-m", "tests.clients.run", "--client", "google-genai"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent.parent, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" pass ") == 22


def test_the_scripts_for_node_can_be_read() -> None:
    """They run in a nox session; here only their syntax is looked at."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    for script in sorted(HERE.glob("*.mjs")):
        subprocess.run(["node", "--check", script], check=True)
