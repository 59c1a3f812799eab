"""Disks that take nothing: full, read-only, or kill -9 in between. What was there stays, and the run reports.

A limit on the size of files stands for a full disk, wherever tests run; where the system lets us mount one,
real full and read-only ones are tried too.
"""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.contract.places import folder
from conformance.wire.cassette import read_cassette
from conformance.wire.files import write_atomically, writing_alone
from tests import badservers
from tests.badservers import listening

TEXT = str(folder("scenarios") / "interactions" / "text.scenario.yaml")
TAPE = Path("tapes/interactions/text.yaml")
CLI = [sys.executable, "-P", "-m", "conformance.cli"]
MOST_BYTES = 200

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits and signals of Unix")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


_LIMITED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({MOST_BYTES}, {MOST_BYTES}))
from conformance.cli import main
sys.exit(main())
"""
FULL = [sys.executable, "-P", "-c", _LIMITED]


def on_a_full_disk(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can write no file of more than 200 bytes."""
    return subprocess.run([*FULL, *arguments], capture_output=True, text=True, timeout=60, check=False)


def files() -> dict[str, bytes]:
    """Everything that lies below, hidden files too; hypothesis has a folder of its own."""
    return {
        str(path): path.read_bytes()
        for path in sorted(Path().rglob("*"))
        if path.is_file() and ".hypothesis" not in path.parts
    }


def names(where: Path = Path()) -> list[str]:
    """Everything that lies in a folder."""
    return sorted(one.name for one in where.iterdir())


def recorded(*more: str) -> int:
    """Record the cassette of a scenario below `tapes`."""
    return main(["record", TEXT, "--to", "tapes", *more])


@pytest.fixture
def finding(capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """The address of a server whose answers are findings, and `found.ndjson`, the record of a run with it."""
    with listening(badservers.html_200) as server:
        main(["run", TEXT, "--target", server.url, "--record", "found.ndjson"])
        capsys.readouterr()
        yield server.url


@pytest.mark.parametrize("old", [True, False], ids=["over-an-old-file", "where-nothing-was"])
@pytest.mark.parametrize(
    ("command", "file", "told"),
    [
        (["record", TEXT, "--to", "tapes", "--seed", "9"], str(TAPE), ""),
        (["mutants", "--only", "outputs-as-before", "--matrix", "new"], "new", "1 killed"),
        (["run", TEXT, "--target", "URL", "--write-known", "new"], "new", "fail scenario"),
        (["client", "--only", "framing/no-space", "--write-known", "new", "--", "CLIENT"], "new", "576 req"),
    ],
    ids=["record", "mutants", "run", "client"],
)
def test_what_was_there_stays_when_the_disk_is_full(
    command: list[str], file: str, told: str, old: bool, finding: str
) -> None:
    """One sentence and exit 2; nothing half is left, and what was found is printed all the same."""
    if old and command[0] == "record":
        assert recorded() == 0
    elif old:
        Path("new").write_text("version: 1\nfailures: []\n")
    before = files()
    given = [finding if word == "URL" else word for word in command]
    if given[-1] == "CLIENT":
        given[-1:] = [sys.executable, "-m", "conformance.testees.wrong", "wants-a-space"]
    done = on_a_full_disk(*given)

    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert f"gemini-conformance: {file} cannot be written: File too large\nhint: " in done.stderr
    assert told in done.stdout
    left = {name: data for name, data in files().items() if not name.endswith(".ndjson")}
    assert left == {name: data for name, data in before.items() if not name.endswith(".ndjson")}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["run", TEXT, "--target", "embedded"], 0),
        (["run", TEXT, "--target", "embedded", "-n", "2"], 0),
        (["run", TEXT, "--target", "URL"], 1),
        (["lint", str(folder("cassettes") / "interactions" / "text.yaml"), "--record", "mine.ndjson"], 0),
        (
            [
                "client",
                "--only",
                "framing/no-space",
                "--",
                sys.executable,
                "-m",
                "conformance.testees.control",
            ],
            0,
        ),
        (["fuzz", "--target", "URL", "--examples", "3", "--sort", "requests", "--database", "db"], 1),
    ],
    ids=["run", "run-in-two", "run-with-findings", "lint", "client", "fuzz"],
)
def test_the_report_is_told_although_no_record_can_be_kept(
    command: list[str], code: int, finding: str
) -> None:
    """The outcome is that of the run; whoever would look for the record is told."""
    done = on_a_full_disk(*(finding if word == "URL" else word for word in command))

    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert "576 requirements: " in done.stdout
    (note,) = (line for line in done.stderr.splitlines() if line.startswith("the record ends early: "))
    assert note.endswith(".ndjson: File too large")
    assert ("no bundle is written, since the record is not whole" in done.stderr) == (command[0] == "fuzz")


def test_a_bundle_that_finds_no_room_leaves_the_old_one(finding: str) -> None:
    """The report is printed before, and its exit code gives way to that of the call."""
    assert main(["report", "found.ndjson", "--bundle", "bundle"]) == 1
    before = files()
    done = on_a_full_disk("report", "found.ndjson", "--bundle", "bundle")

    assert done.returncode == 2
    assert "fail scenario" in done.stdout
    assert "bundle: cannot be written: File too large\nhint: Make room there" in done.stderr
    assert files() == before


@contextmanager
def proxying(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A proxy on a full disk, which ends after one request."""
    with subprocess.Popen(
        [*FULL, "proxy", "--requests", "1", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as proxy:
        try:
            yield proxy
        finally:
            proxy.kill()


@pytest.mark.parametrize("option", ["--cassette", "--har"])
def test_a_proxy_passes_on_and_reports_although_nothing_can_be_kept(option: str, finding: str) -> None:
    """The client notices nothing; the old file stays."""
    import httpx2

    Path("kept").write_text("old")
    before = files()
    with proxying("--upstream", finding, option, "kept", "--record", "p.ndjson") as proxy:
        assert proxy.stdout is not None
        url = proxy.stdout.readline().strip()
        answer = httpx2.post(f"{url}/v1beta/interactions", json={}, trust_env=False, timeout=10)
        told, notes = proxy.communicate(timeout=30)

    assert "Sign in" in answer.text
    assert proxy.returncode == 2
    assert "1 exchange in 1 conversation" in told
    assert "kept could not be written: File too large\nhint: Make room there" in notes
    assert {name: data for name, data in files().items() if name != "p.ndjson"} == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is full")
@pytest.mark.parametrize(
    "command",
    [
        "schemas --openapi",
        "requirements",
        f"lint {folder('cassettes')} --format json",
        f"run {TEXT} --target embedded --record r.ndjson",
        "report r.ndjson --format html",
    ],
)
def test_a_full_stdout_is_one_sentence(command: str) -> None:
    """Exit 2; what was seen is in the record."""
    main(["run", TEXT, "--target", "embedded", "--record", "r.ndjson"])
    shell = f'"{sys.executable}" -P -m conformance.cli {command} > /dev/full'
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    told = [line for line in done.stderr.splitlines() if not line.startswith("seed ")]
    assert told == [
        "gemini-conformance: the output cannot be written: No space left on device",
        "hint: Send stdout to a place that takes it, and run again.",
    ]
    assert main(["report", "r.ndjson"]) == 0


# Real disks, where they can be mounted.

_MOUNT = """
set -e
mount -t tmpfs -o size=64k tmpfs disk
cp -r kept/. disk
if [ "$1" = full ]; then dd if=/dev/zero of=disk/filler bs=4k 2> /dev/null || true
else mount -o remount,ro disk; fi
cd disk
shift
"$@" || echo "exit $?" >&2
cd ..
rm -rf after
cp -r disk after
"""


def _can_mount() -> bool:
    try:
        tried = ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
        return subprocess.run(tried, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@pytest.mark.skipif(not _can_mount(), reason="nothing can be mounted here")
@pytest.mark.parametrize(
    ("kind", "why"), [("full", "No space left on device"), ("ro", "Read-only file system")]
)
def test_a_real_disk_that_takes_nothing(kind: str, why: str) -> None:
    """Nothing changes on it, and each command says so."""
    Path("disk").mkdir()
    Path("kept").mkdir()
    main(["record", TEXT, "--to", "kept/tapes"])
    kept = {name.removeprefix("kept/"): data for name, data in files().items()}
    commands: Sequence[tuple[list[str], str]] = (
        (["record", TEXT, "--to", "tapes", "--seed", "9"], f"{TAPE} cannot be written: {why}"),
        (["record", TEXT, "--to", "other"], f"other/interactions/text.yaml cannot be written: {why}"),
        (["run", TEXT, "--target", "embedded"], f"{why}\n"),
    )
    for command, sentence in commands:
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", _MOUNT, "sh", kind, *CLI, *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
        assert ("exit 2" in done.stderr) == (command[0] == "record")
        assert ("pass (embedded)" in done.stdout) == (command[0] == "run")
        left = {str(path.relative_to("after")) for path in Path("after").rglob("*") if path.is_file()}
        assert left - {"filler"} == set(kept)
        assert (Path("after") / TAPE).read_bytes() == kept[str(TAPE)]
        shutil.rmtree("after")


# What is written.


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it leads to is written, whole or not at all."""
    Path("real.yaml").write_bytes(b"old")
    Path("link.yaml").symlink_to("real.yaml")
    write_atomically(Path("link.yaml"), b"new")
    assert Path("link.yaml").is_symlink()
    assert Path("real.yaml").read_bytes() == b"new"
    assert names() == ["link.yaml", "real.yaml"]


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    """A pipe here; whoever names /dev/null as root has it still."""
    os.mkfifo("pipe")
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append(Path("pipe").read_bytes()), daemon=True)
    reader.start()
    write_atomically(Path("pipe"), b"told")
    reader.join(10)
    assert heard == [b"told"]
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path, b"told")


# Killed.

_SLOW = """
import os, sys, time
from pathlib import Path
where, arguments = sys.argv[1], sys.argv[2:]
real = os.fsync
def wait(*_):
    print("now", flush=True)
    time.sleep(60)
if where == "before":
    os.fsync = wait
else:
    replace = Path.replace
    Path.replace = lambda *given: (replace(*given), wait())
from conformance.cli import main
main(arguments)
"""


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_cassette_is_the_old_or_the_new_one_when_its_recording_is_killed(where: str) -> None:
    """Never half of one; what the killed one left is gone with the next recording."""
    assert recorded() == 0
    old = TAPE.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _SLOW, where, "record", TEXT, "--to", "tapes", "--seed", "9"],
        stdout=subprocess.PIPE,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"now\n"
        run.send_signal(signal.SIGKILL)
    now = TAPE.read_bytes()
    assert (now == old) == (where == "before")
    exchanges, provenance = read_cassette(TAPE)
    assert (len(exchanges), provenance["seed"], provenance.get("edited")) == (1, 7 if now == old else 9, None)
    assert recorded("--seed", "11") == 0
    assert read_cassette(TAPE)[1]["seed"] == 11
    assert names(TAPE.parent) == ["text.yaml"]


def test_only_what_a_killed_writer_left_is_removed() -> None:
    """Files of other names stay, hidden ones too."""
    left = [".a.yaml.abc_1234", ".b.yaml.abc_1234", ".a.yaml.orig", "a.yaml.abc_1234", ".a.yaml.abcd12345"]
    for name in left:
        Path(name).touch()
    with writing_alone(Path("a.yaml")):
        pass
    assert names() == sorted(left[1:])


def test_the_record_of_a_run_that_was_killed_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    """It holds what was seen until then, wherever its last line ends."""
    with listening(badservers.says_nothing) as server:
        run = subprocess.Popen(
            [*CLI, "run", TEXT, "--record", "r.ndjson", "--target", "embedded", "--target", server.url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert server.asked.wait(30)
        finally:
            run.kill()
            run.wait(10)
    whole = Path("r.ndjson").read_bytes()
    assert whole.count(b"\n") > 2
    assert b'"type": "footer"' not in whole
    last = whole.rstrip(b"\n").rindex(b"\n")
    for end in (len(whole), len(whole) - 1, len(whole) - 20, last + 5):
        Path("r.ndjson").write_bytes(whole[:end])
        assert main(["report", "r.ndjson", "--format", "json"]) == 1
        told, notes = capsys.readouterr()
        assert "cut off: the run was ended before its end; this is what it saw" in notes
        subjects = [line for line in json.loads(told)["lines"] if line["type"] == "scenario"]
        assert [line["outcome"] for line in subjects] == ["pass"] * len(subjects)
        assert subjects
