"""Records that are read: what is broken is told with its line, what was cut off is read as far as it goes."""

import json
import tracemalloc
from pathlib import Path

import pytest

from conformance.errors import PathMissing, RecordBroken
from conformance.report.reading import body_of, read_record
from conformance.report.record import Line, exchange_lines, footer_line, header_line
from conformance.wire.exchange import Exchange, Request, Response

HEADER = json.dumps(header_line(command="run", targets=["embedded"], seed=7, closed=False))
OTHER = HEADER.replace('"format": 1', '"format": 2')
FOOTER = json.dumps(footer_line(0, {"pass": 1}))
FAULT = json.dumps({"type": "fault", "message": "no"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "r.ndjson: it is empty, and no record"),
        ("hello\n", "r.ndjson line 1: not JSON"),
        ("[1]\n", "r.ndjson line 1: no header, so this file is no record"),
        (FOOTER + "\n", "r.ndjson line 1: no header, so this file is no record"),
        (f"{OTHER}\n", "line 1: the format is 2, and this version reads the format 1"),
        (f"{HEADER}\n{FAULT}\n{{oops\n{FOOTER}\n", "r.ndjson line 3: not JSON"),
        (f"{HEADER}\n\n{FOOTER}\n", "r.ndjson line 2: not JSON"),
        (f'{HEADER}\n{{"type": "shoe"}}\n', 'line 2: no record has lines of the kind "shoe"'),
        (f'{HEADER}\n{{"type": "fault"}}\n', "line 2: $: 'message' is a required property"),
        (f"{HEADER}\n{HEADER}\n", "line 2: a second header: these are two records"),
        (f"{HEADER}\n{FOOTER}\n{FAULT}\n", "line 3: it stands after the footer, which ends a record"),
        ("\xff\n", "line 1: not JSON"),
    ],
)
def test_what_is_broken_is_told_with_its_line(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.ndjson").write_bytes(text.encode("latin-1"))
    with pytest.raises(RecordBroken) as caught:
        list(read_record(Path("r.ndjson")))
    assert said in str(caught.value)
    assert (caught.value.exit_code, caught.value.hint != "") == (1, True)


def test_what_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    """A missing file and a folder: exit code 2."""
    for path in (tmp_path / "none.ndjson", tmp_path):
        with pytest.raises(PathMissing) as caught:
            list(read_record(path))
        assert caught.value.exit_code == 2


def test_half_a_line_at_the_end_is_where_the_run_was_killed(tmp_path: Path) -> None:
    """What stands before it is read."""
    path = tmp_path / "r.ndjson"
    path.write_text(f"{HEADER}\n{FAULT}\n{FAULT[:10]}")
    assert [line["type"] for line in read_record(path)] == ["header", "fault"]


def test_a_large_record_is_not_held_in_memory(tmp_path: Path) -> None:
    """20 MB of lines take less than 3 MB."""
    path = tmp_path / "r.ndjson"
    long = json.dumps({"type": "fault", "message": "x" * 100_000})
    path.write_text("\n".join([HEADER, *[long] * 200, FOOTER, ""]))
    assert path.stat().st_size > 20_000_000
    next(read_record(path))
    tracemalloc.start()
    count = sum(1 for _ in read_record(path))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 202
    assert most < 3_000_000


def kept(body: bytes, *, whole: bool = False) -> Line:
    """The response of the line of an exchange with this body."""
    exchange = Exchange(Request("GET", "/x", None), Response(200, None, body))
    (line,) = exchange_lines("s", [exchange], whole=(0,) if whole else ())
    told: Line = json.loads(json.dumps(line))["response"]
    return told


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"text",
        "Grüße 🙂 \u2028\r\n\x00 …".encode(),
        b"\xff\xfe",
        b"cut \xf0\x9f\x99",
        b"a surrogate \xed\xa0\x80",
    ],
)
def test_a_body_is_kept_byte_for_byte(body: bytes) -> None:
    """As text where that is the same; in base64 too where it is not; with its length."""
    told = kept(body)
    assert body_of(told) == body
    assert told["size"] == len(body)
    assert ("body_base64" in told) == (body.decode(errors="replace").encode() != body)


@pytest.mark.parametrize("character", ["x", "ü", "世", "🙂"])
@pytest.mark.parametrize("shift", range(4))
def test_a_long_body_is_cut_between_characters(character: str, shift: int) -> None:
    """What is kept of a text is text: the beginning of the body, without half a character at its end."""
    body = b"-" * shift + character.encode() * 70_000
    told = kept(body)
    beginning = body_of(told)
    assert body.startswith(beginning)
    assert 65_536 - 4 < len(beginning) <= 65_536
    assert beginning.decode() + "…" == told["body"]
    assert "body_base64" not in told


def test_what_a_finding_points_to_is_kept_whole() -> None:
    """If it has no more than 8 MB; of more the beginning is kept, as of everything else."""
    body = b"x" * (8 * 1024 * 1024)
    assert body_of(kept(body, whole=True)) == body
    assert len(body_of(kept(body))) == 65_536
    longer = kept(body + b"yz", whole=True)
    assert (len(body_of(longer)), longer["size"]) == (65_536, len(body) + 2)
