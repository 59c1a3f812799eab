"""`lint --secrets`: any folder, every file, and never the secret itself."""

import base64
import gzip
import json
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.contract.places import folder
from conformance.wire.cassette import write_cassette
from conformance.wire.exchange import Exchange, Request, Response

KEY = "AIza" + "Sy0-" * 8 + "abc"  # made up, in the form of a real one
OWN = "a-key-of-2026-that-nobody-may-see"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty folder and without a key."""
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    Path("seen").mkdir()


def lint(*options: str) -> int:
    """Look for secrets in the folder."""
    return main(["lint", "--secrets", "seen", *options])


def put(name: str, text: str | bytes) -> None:
    """Write a file below the folder."""
    path = Path("seen", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_our_cassettes_hold_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """It says how much it has read, so that nobody takes an empty folder for a proof."""
    assert main(["lint", "--secrets", str(folder("cassettes"))]) == 0
    files = [path for path in folder("cassettes").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    assert capsys.readouterr().out == f"no secret in {len(files)} files, {size:,} bytes\n"
    assert lint() == 0
    assert capsys.readouterr().out == "no secret in 0 files, 0 bytes\n"


def test_every_find_is_a_line_and_none_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """File, line, kind, four characters and the length; hidden and binary files are read too."""
    put("a.txt", f"one\ntwo {KEY}\nthree {KEY}\n")
    put(".env", f"X=1\nGOOGLE_API_KEY={KEY}\n")
    put("b.bin", b"\0\xff" + f"projects/123456789012/{KEY}".encode() + b"\0")
    put("deep/h.har", json.dumps({"name": "cookie", "value": "SID=abcdefghijklmno"}))
    put("clean.json", '{"x-goog-api-key": "REDACTED"}')
    size = sum(path.stat().st_size for path in Path("seen").rglob("*") if path.is_file())
    put(".git/packed", KEY)

    assert lint() == 1
    assert capsys.readouterr().out.splitlines() == [
        "seen/.env:2: API key: 'AIza'… (39 characters)",
        "seen/a.txt:2: API key: 'AIza'… (39 characters)",
        "seen/a.txt:3: API key: 'AIza'… (39 characters)",
        "seen/b.bin:1: project number: '123'… (12 characters)",
        "seen/b.bin:1: API key: 'AIza'… (39 characters)",
        "seen/deep/h.har:1: cookie: 'SID='… (19 characters)",
        f"6 secrets in 5 files, {size} bytes",
    ]


def test_what_a_cassette_packs_is_looked_into(capsys: pytest.CaptureFixture[str]) -> None:
    """Bodies that were recorded as they came, packed, in YAML's base64 of several lines."""
    words = " ".join(f"word{number * 7919 % 1009}" for number in range(400))
    packed = gzip.compress(f'{{"a":"{words}","key":"{KEY}"}}'.encode())
    text = base64.encodebytes(packed).decode().replace("\n", "\n        ")
    body = f"body:\n      string: !!binary |\n        {text}"
    put("c.yaml", f"version: 1\ninteractions:\n- request: {{}}\n  response:\n    {body}\n")

    assert lint() == 1
    assert "seen/c.yaml:7: API key in gzip in base64: 'AIza'…" in capsys.readouterr().out


def test_the_keys_of_the_environment_are_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever they look like, and in every encoding; one that is a word is not, and that is said."""
    packed = base64.b64encode(f"x{OWN}".encode()).decode()
    put("a.json", json.dumps({"plain": OWN, "packed": packed}, indent=1))
    assert lint() == 0

    monkeypatch.setenv("GEMINI_API_KEY", OWN)
    monkeypatch.setenv("GOOGLE_API_KEY", "short")
    assert lint() == 1
    out, err = capsys.readouterr()
    assert "seen/a.json:2: key in use: 'a-ke'… (33 characters)" in out
    assert "seen/a.json:3: key in use in base64: 'a-ke'… (33 characters)" in out
    assert OWN not in out
    assert err == "GOOGLE_API_KEY has fewer than 16 characters: not looked for\n"


def test_programs_read_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The same facts, and the same exit code."""
    put("a.txt", f"\n%41{KEY[1:]}")
    assert lint("--format", "json") == 1
    assert json.loads(capsys.readouterr().out) == {
        "files": 1,
        "bytes": 42,
        "found": [
            {
                "file": "seen/a.txt",
                "line": 2,
                "kind": "API key",
                "within": ["percent-encoding"],
                "shown": "'AIza'… (39 characters)",
            }
        ],
    }


def test_what_cannot_be_read_is_no_proof(capsys: pytest.CaptureFixture[str]) -> None:
    """A link that leads nowhere is a find of its own; a path that is not there is a wrong call."""
    Path("seen/gone").symlink_to("nowhere")
    assert lint() == 1
    assert "seen/gone: cannot be read: No such file or directory" in capsys.readouterr().out
    assert main(["lint", "--secrets", "none"]) == 2
    assert "none: no such file or folder" in capsys.readouterr().err


def test_a_line_is_told_in_a_file_of_many_pieces(capsys: pytest.CaptureFixture[str]) -> None:
    """Beyond the first sixteen megabytes, which are read at a time, and across their end."""
    size = 16 * 1024 * 1024
    lines = b"." * 99 + b"\n"
    data = (lines * (size // 100 + 1000))[: size - 20] + b"\n" + KEY.encode() + b"\n" + lines * 1000
    put("large.txt", data)
    assert lint() == 1
    line = data[: data.index(b"AIza")].count(b"\n") + 1
    out = capsys.readouterr().out
    assert out.startswith(f"seen/large.txt:{line}: API key: 'AIza'… (39 characters)\n1 secret in 1 files")


def test_a_cassette_of_ours_is_clean_though_its_exchange_was_not(capsys: pytest.CaptureFixture[str]) -> None:
    """What is written with placeholders is found clean by their form."""
    headers = (("x-goog-api-key", "REDACTED"), ("Authorization", "REDACTED"), ("Cookie", "REDACTED"))
    request = Request("GET", "https://a.invalid/v1/interactions/x?key=REDACTED", headers)
    write_cassette(Path("seen/a.yaml"), [Exchange(request, Response(200, (), b"projects/REDACTED_1"))], {})
    assert lint() == 0
    assert capsys.readouterr().out.startswith("no secret in 1 files")
