"""What is pinned, known and told of the emulators agrees; and what is started is ended, whatever it does."""

import json
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from conformance.report.known import Known
from tests.emulators.emulator import HERE, running

PINS = json.loads((HERE / "pins.json").read_text(encoding="utf-8"))
NAMES = [one["name"] for one in PINS]
SERVER = """
import http.server, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
print(os.getpid(), child.pid, sorted(os.environ))
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


def is_running(process: int) -> bool:
    """Whether it lives; one that has ended and waits for its parent does not."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    return False


def test_every_package_is_pinned_and_has_a_list() -> None:
    """What passes today passes tomorrow."""
    assert {f"{name}.yaml" for name in NAMES} == {path.name for path in (HERE / "known").iterdir()}
    for one in PINS:
        for package in one["packages"]:
            assert re.fullmatch(r"(@?[^@=]+)(@|==)\d+\.\d+\.\d+", package)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_to_fail_is_told_with_what_shows_it(name: str) -> None:
    """What is untestable only follows from it; each entry says where it is tracked."""
    told = (HERE / "FINDINGS.md").read_text(encoding="utf-8")
    chapter = next(
        part for part in told.split("\n## ") if name.removesuffix("-proxy") in part.splitlines()[0]
    )
    known = Known.read(HERE / "known" / f"{name}.yaml")
    assert known.entries
    for entry in known.entries:
        assert entry.url.startswith("https://")
        follows = entry.reason.startswith(("nothing in this conversation", "after the call"))
        assert follows or entry.requirement in chapter, entry


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_gets_no_key_and_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment is what a program needs, and what is given to it by name."""
    monkeypatch.setenv("GEMINI_API_KEY", "a-real-one")
    log = tmp_path / "log"
    with running([sys.executable, "-c", SERVER], log, {"MORE": "yes"}) as url:
        assert url.startswith("http://127.0.0.1:")
        first, second, names = log.read_text(encoding="utf-8").splitlines()[0].split(" ", 2)
        assert "MORE" in names
        assert "GEMINI_API_KEY" not in names
        assert is_running(int(second))
    limit = time.monotonic() + 5
    while time.monotonic() < limit and (is_running(int(first)) or is_running(int(second))):
        time.sleep(0.02)
    assert not is_running(int(first))
    assert not is_running(int(second))


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("raise SystemExit('no port is free')", "ended with 1"),
        ("import time; time.sleep(600)", "is still silent"),
    ],
)
def test_one_that_does_not_come_up_is_told_of(program: str, says: str, tmp_path: Path) -> None:
    """With what it printed, and not for ever."""
    began = time.monotonic()
    with (
        pytest.raises(RuntimeError, match=says),
        running([sys.executable, "-c", program], tmp_path / "log", {}, starts_s=1),
    ):
        pass
    assert time.monotonic() - began < 10
