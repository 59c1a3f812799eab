"""Records of one run made into one: what belongs together, what is missing, how it ends."""

import json
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from conformance.errors import PathMissing, RecordBroken, RecordsDiffer, UsageRefused
from conformance.report.bookkeeping import Bookkeeping
from conformance.report.known import Entry, Known
from conformance.report.merging import merge, notes
from conformance.report.reading import read_record
from conformance.report.record import Line, footer_line, header_line
from conformance.report.resuming import read_begun

OUT = Path("merged.ndjson")
KNOWN = Known(
    "known.yaml",
    entries=(
        Entry("", ("*",), "it is late", url="https://issues.example/1", place="known.yaml:3"),
        Entry("", ("b",), "it is early", url="https://issues.example/2", place="known.yaml:9"),
    ),
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def scenario(subject: str, outcome: str = "pass", *messages: str, code: int = 0) -> list[Line]:
    """The lines of one subject."""
    summary: Line = {"type": "scenario", "subject": subject, "file": f"{subject}.scenario.yaml"}
    summary |= {"target": "embedded", "outcome": outcome, "problem": "", "hint": "", "exit_code": code}
    passes = {"type": "passes", "subject": subject, "counts": {"IX-CREATE-011": 1}}
    verdict: Line = {
        "type": "verdict",
        "subject": subject,
        "requirement": "",
        "outcome": outcome,
        "party": "server",
    }
    verdict |= {"call": "", "exchange": 0, "side": "response", "event": None, "pointer": "", "bytes": ""}
    told = [{**verdict, "message": message} for message in messages]
    return [{**summary, "requests": 1, "seconds": 0.1}, passes, *told]


def write(name: str, *lines: Line, code: int | None = 0, listed: Known | None = None, **facts: Any) -> Path:
    """Write a record; without a code it is one that was cut off."""
    told = {"command": "run", "targets": ["embedded"], "seed": 7, "closed": False, "strict": False, **facts}
    header = header_line(parties=["server"], **told)
    more = [Bookkeeping(listed, date(2026, 3, 1), shared=True).line()] if listed is not None else []
    end = [] if code is None else [footer_line(code, {})]
    path = Path(name)
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *more, *lines, *end)))
    return path


def read(path: Path = OUT) -> list[Line]:
    return list(read_record(path))


def test_two_halves_make_a_whole() -> None:
    """The lines of all, in the order of the shards; one header, one sum of the coverage, one footer."""
    shown = {"type": "coverage", "subject": "", "roots": ["interactions/event"]}
    second = write(
        "2.ndjson", *scenario("b"), {**shown, "seen": {}}, shard="2/2", started="2026-03-02T00:00:00Z"
    )
    share = {"type": "share", "shard": "1/2", "items": 1, "selected": 2}
    first = write("1.ndjson", *scenario("a"), share, shard="1/2", started="2026-03-01T00:00:00Z")
    merge([second, first], OUT)
    header, *lines = read()
    assert [line.get("subject") for line in lines] == ["a", "a", "b", "b", "", None]
    assert [line["type"] for line in lines[-2:]] == ["coverage", "footer"]
    assert lines[-1]["exit_code"] == 0
    assert lines[-1]["counts"]["pass"] == 1
    assert (header["started"], "shard" in header, notes(header)) == ("2026-03-01T00:00:00Z", False, [])
    assert [(part["record"], part["shard"]) for part in header["merged"]] == [
        ("1.ndjson", "1/2"),
        ("2.ndjson", "2/2"),
    ]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"seed": 8}, "the seed is 7 in the one and 8 in the other"),
        ({"targets": ["live"]}, "the target is embedded in the one and live in the other"),
        ({"version": "9"}, "the version of gemini-conformance is "),
        ({"closed": True}, "the option --closed is off in the one and on in the other"),
        ({"strict": True}, "the option --strict is off in the one and on in the other"),
        ({"api_version": "v1"}, "the API version is none in the one and v1 in the other"),
        ({"command": "client"}, "the command is run in the one and client in the other"),
        (
            {"hashes": dict.fromkeys(("schemas", "requirements", "scenarios", "cassettes"), "0" * 16)},
            "schemas differ",
        ),
        ({"shard": "1/2"}, "both are shard 1/2"),
        ({"shard": "2/3"}, "the one is shard 1/2, and the other is shard 2/3"),
        ({"shard": None}, "the one is shard 1/2, and the other is no shard"),
        ({"listed": KNOWN}, "only one of them knows failures (--known)"),
        ({"lines": scenario("a")}, "both hold a"),
        (
            {"selection": {"files": 2, "hash": "1" * 16, "words": []}},
            "are not the same (1 in the one and 2 in",
        ),
        (
            {"selection": {"files": 1, "hash": "0" * 16, "words": ["-k x"]}},
            "selects everything and the other -k x",
        ),
    ],
)
def test_what_is_not_of_one_run_is_refused(facts: dict[str, Any], said: str) -> None:
    """Both files and the fact that differs, in one sentence; nothing is written."""
    selection = {"files": 1, "hash": "0" * 16, "words": []}
    first = write("one.ndjson", *scenario("a"), shard="1/2", selection=selection)
    facts = {"shard": "2/2", "selection": selection, **facts}
    lines = facts.pop("lines", scenario("b"))
    second = write(
        "other.ndjson", *lines, **{name: value for name, value in facts.items() if value is not None}
    )
    with pytest.raises(RecordsDiffer) as caught:
        merge([first, second], OUT)
    assert str(caught.value).startswith("one.ndjson and other.ndjson do not belong together: ")
    assert said in str(caught.value)
    assert (caught.value.exit_code, OUT.exists()) == (2, False)


def test_shares_of_different_sums_are_refused() -> None:
    """Something selected on one machine that did not on the other, and no header says so."""
    share = {"type": "share", "items": 1}
    first = write("1.ndjson", {**share, "shard": "1/2", "selected": 2}, shard="1/2")
    second = write("2.ndjson", {**share, "shard": "2/2", "selected": 3}, shard="2/2")
    with pytest.raises(RecordsDiffer, match="a share of 2 and the other of 3"):
        merge([first, second], OUT)


def test_what_was_shared_by_hand_is_merged_too() -> None:
    """Without shards the files may differ, as long as nothing was played twice."""
    selections = [{"files": 1, "hash": digit * 16, "words": []} for digit in "01"]
    parts = [
        write(f"{name}.ndjson", *scenario(name), selection=selection)
        for name, selection in zip("ab", selections, strict=True)
    ]
    merge(parts, OUT)
    header, *lines = read()
    assert ("selection" in header, lines[-1]["exit_code"]) == (False, 0)
    with pytest.raises(RecordsDiffer, match="both hold a"):
        merge([parts[0], parts[0]], OUT)


@pytest.mark.parametrize(
    ("lines", "cut", "strict", "code"),
    [
        (scenario("b"), False, False, 5),
        (scenario("b", "fail", "no"), False, False, 1),
        (scenario("b", "warn", "no"), False, False, 5),
        (scenario("b", "warn", "no"), False, True, 1),
        ([{"type": "fault", "message": "no"}], False, False, 3),
        (scenario("b"), True, False, 1),
        ([{"type": "fault", "message": "no"}], True, False, 3),
    ],
)
def test_what_is_missing_is_told_and_is_never_green(
    lines: list[Line], *, cut: bool, strict: bool, code: int
) -> None:
    """Five at best; one where a record was cut off; what is worse stays what it is."""
    first = write("1.ndjson", *scenario("a"), shard="1/4", strict=strict)
    third = write("3.ndjson", *lines, shard="3/4", strict=strict, code=None if cut else 0)
    merge([first, third], OUT)
    header, *_, footer = read()
    *more, missing = notes(header)
    assert missing == "shards 2/4, 4/4 are missing: what falls there was not judged"
    assert bool(more) == cut
    assert all("3.ndjson (shard 3/4) was cut off" in note for note in more)
    assert footer["exit_code"] == code


def test_half_a_line_at_the_end_is_left_out() -> None:
    """The merged record is whole."""
    first = write("1.ndjson", *scenario("a"), shard="1/2")
    second = write("2.ndjson", *scenario("b"), shard="2/2", code=None)
    second.write_text(second.read_text() + '{"type": "scen')
    merge([first, second], OUT)
    assert [line["subject"] for line in read() if line["type"] == "scenario"] == ["a", "b"]
    assert read()[-1]["exit_code"] == 1


@pytest.mark.parametrize(
    ("gone", "said"), [("it is late", "fails no more"), ("it is early", "fails no more"), ("", "")]
)
def test_a_list_of_known_failures_is_judged_when_all_is_there(gone: str, said: str) -> None:
    """An entry may be needed in one shard alone; what no shard needs is red in the merged record."""
    late = scenario("a", "known", *({"it is late"} - {gone}))
    early = scenario("b", "known", *({"it is early"} - {gone}))
    for line in (late[-1], early[-1]):
        if line["type"] == "verdict":
            line |= {"known": 0, "entry": "known.yaml:3", "url": "https://issues.example/1"}
    parts = [
        write("1.ndjson", *late, listed=KNOWN, shard="1/2"),
        write("2.ndjson", *early, listed=KNOWN, shard="2/2"),
    ]
    for part in parts:
        (line,) = [line for line in read(part) if line["type"] == "list"]
        book = Bookkeeping.of_line(line, date(2026, 3, 1), shared=True)
        for one in read(part)[1:]:
            book.take(one)
        assert book.problems() == []
        assert book.rewritten().entries == KNOWN.entries
    merge(parts, OUT)
    wrong = [line["message"] for line in read() if line["type"] == "known"]
    assert (len(wrong), read()[-1]["exit_code"]) == ((1, 1) if gone else (0, 0))
    assert all(said in message for message in wrong)
    merge(parts[:1], OUT)
    assert [line for line in read() if line["type"] == "known"] == []


def test_another_list_is_another_run() -> None:
    """The place of an entry does not count, what it says does."""
    other = Known("k.yaml", entries=KNOWN.entries[:1])
    parts = [
        write(f"{n}.ndjson", *scenario(name), listed=known, shard=f"{n}/2")
        for n, name, known in ((1, "a", KNOWN), (2, "b", other))
    ]
    with pytest.raises(RecordsDiffer, match=r"lists of known failures .* are not the same"):
        merge(parts, OUT)


def test_what_cannot_be_merged_is_a_wrong_call() -> None:
    """A merged record, a lint, a file that would be overwritten, a folder, a shard that cannot be."""
    first = write("1.ndjson", *scenario("a"), shard="1/1")
    merge([first], OUT)
    assert notes(read()[0]) == []
    with pytest.raises(UsageRefused, match=r"merged\.ndjson was merged before"):
        merge([OUT], Path("x.ndjson"))
    with pytest.raises(UsageRefused, match="of `lint`, and records of run and client can be merged"):
        merge([write("lint.ndjson", command="lint")], Path("x.ndjson"))
    with pytest.raises(UsageRefused, match=r"1\.ndjson is one of the records"):
        merge([first], first)
    with pytest.raises(PathMissing, match="cannot be written"):
        merge([first], Path("1.ndjson/x.ndjson"))
    with pytest.raises(RecordBroken, match="there is no part 6/5"):
        merge([write("6.ndjson", shard="6/5")], Path("x.ndjson"))
    assert not Path("x.ndjson").exists()


def test_large_records_are_not_held_in_memory() -> None:
    """Two of 10 MB each take less than 4 MB."""
    body = {"body": "x" * 60_000, "size": 60_000}
    response = {"status": 200, "headers": [], **body, "cut": ""}
    request = {"method": "GET", "url": "/", "headers": [], **body}
    parts = []
    for number, name in enumerate("ab", 1):
        summary, *rest = scenario(name)
        line = {"type": "exchange", "subject": name, "call": "x", "request": request, "response": response}
        exchanges = [{**line, "exchange": at} for at in range(90)]
        parts.append(write(f"{number}.ndjson", summary, *exchanges, *rest, shard=f"{number}/2"))
    merge(parts, OUT)
    tracemalloc.start()
    merge(parts, OUT)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert OUT.stat().st_size > 20_000_000
    assert most < 4_000_000


# What of a record that was cut off stands.


def test_a_subject_is_whole_when_something_else_follows() -> None:
    """Wherever the run was killed, down to the byte: what stands is a beginning, without the last subject."""
    lines = [*scenario("a"), *scenario("b", "fail", "no", "never"), *scenario("c")]
    path = write("r.ndjson", *lines, {"type": "fault", "message": "x"}, code=None)
    text = path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(text) if byte == ord("\n")]
    for cut in range(ends[0], len(text) + 1, 7):
        path.write_bytes(text[:cut])
        begun = read_begun(path)
        told = [line["subject"] for line in begun.lines()]
        assert set(told) == begun.done
        assert told == [line["subject"] for line in lines[: len(told)]]
        full = sum(end <= cut for end in ends)
        assert len(begun.done) >= sum(full >= following for following in (4, 8, 10))
        assert begun.exit_code is None
    path.write_bytes(text)
    assert read_begun(path).done == {"a", "b", "c"}


def test_what_a_run_says_at_its_end_is_said_anew() -> None:
    """What was kept of the driver stays."""
    end: list[Line] = [
        {"type": "coverage", "subject": "", "roots": [], "seen": {}},
        {"type": "fault", "message": "a worker died"},
        {"type": "share", "shard": "1/2", "items": 1, "selected": 2},
    ]
    begun = read_begun(write("r.ndjson", *scenario("a"), *end, code=None, listed=KNOWN, shard="1/2"))
    assert begun.listed is not None
    assert [line["type"] for line in begun.lines()] == ["scenario", "passes"]
    assert read_begun(write("r.ndjson", *scenario("a"), code=4)).exit_code == 4
