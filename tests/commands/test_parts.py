"""`--shard`, `report --merge` and `--resume`: several machines, or several tries, make one run."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from conformance.cli import main
from conformance.contract.places import folder
from conformance.report.record import Line
from tests.badservers import listening, relaying

TEXT = (folder("scenarios") / "interactions" / "text.scenario.yaml").read_text(encoding="utf-8")
TURNS = (folder("scenarios") / "interactions" / "turns.scenario.yaml").read_text(encoding="utf-8")
CONTROL = [sys.executable, "-m", "conformance.testees.control"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five scenarios in two folders."""
    monkeypatch.chdir(tmp_path)
    for name in ("one/a", "one/b", "one/c", "two/d", "two/e"):
        path = Path(f"{name}.scenario.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(TURNS if name == "two/e" else TEXT, encoding="utf-8")


def lines(path: str) -> list[Line]:
    """The lines of a record, each of which its schema allows."""
    schema = json.loads((folder("schemas") / "harness" / "record.json").read_bytes())
    read = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert [error.message for line in read for error in Draft202012Validator(schema).iter_errors(line)] == []
    return read


def subjects(path: str) -> list[str]:
    return [line["subject"] for line in lines(path) if line["type"] in ("scenario", "case")]


def told(path: str) -> tuple[Any, ...]:
    """What a record tells, but for times and the order: every line, the coverage in all, the end."""
    read = lines(path)
    (coverage,) = [line for line in read if line["type"] == "coverage" and not line["subject"]]
    kept = [line for line in read[1:-1] if line["type"] in ("passes", "verdict", "drift", "loss", "known")]
    summaries = [(line["subject"], line["outcome"]) for line in read if line["type"] in ("scenario", "case")]
    return (
        sorted(map(json.dumps, kept)),
        sorted(summaries),
        coverage,
        read[-1]["counts"],
        read[-1]["exit_code"],
    )


def test_the_shards_of_a_run_make_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Paths in any order, in this process and in two: nothing twice, nothing left out, all alike."""
    targets = ["--target", "embedded"]
    assert main(["run", "one", "two", *targets, "--record", "whole.ndjson"]) == 0
    whole = capsys.readouterr().out
    assert main(["run", "one", "two", *targets, "--shard", "1/2", "--record", "1.ndjson"]) == 0
    assert " scenarios · seed 7 · shard 1/2" in capsys.readouterr().out
    assert main(["run", "two", "one", *targets, "--shard", "2/2", "-n", "2", "--record", "2.ndjson"]) == 0
    assert lines("1.ndjson")[0]["shard"] == "1/2"
    assert sorted(subjects("1.ndjson") + subjects("2.ndjson")) == sorted(subjects("whole.ndjson"))
    assert [line for line in lines("2.ndjson") if line["type"] == "share"] == [
        {"type": "share", "shard": "2/2", "items": len(subjects("2.ndjson")), "selected": 5}
    ]
    calls = [sum(line.get("requests", 0) for line in lines(f"{n}.ndjson")) for n in (1, 2)]
    assert abs(calls[0] - calls[1]) <= 1, calls
    capsys.readouterr()
    assert main(["report", "--merge", "2.ndjson", "1.ndjson", "--record", "merged.ndjson"]) == 0
    shown = capsys.readouterr()
    assert shown.out == whole
    assert shown.err == "record: merged.ndjson\n"
    assert told("merged.ndjson") == told("whole.ndjson")
    for form in ("text", "json", "markdown", "junit", "github", "badge", "html"):
        assert main(["report", "merged.ndjson", "--format", form, "--bundle", "b"]) == 0


def test_a_shard_is_one_of_what_was_selected(capsys: pytest.CaptureFixture[str]) -> None:
    """By pytest's options; a shard to which nothing falls says so, and nothing selected is no evidence."""
    found = []
    for part in "123":
        record = f"{part}.ndjson"
        call = ["run", "one", "two", "--target", "embedded", "--shard", f"{part}/3", "--record", record]
        assert main([*call, "--", "-k", "b.s or e.s"]) == 0
        found.append(subjects(record))
    err = capsys.readouterr().err
    assert sorted(map(len, found)) == [0, 1, 1]
    assert "nothing falls to shard 3/3 of the 2 selected" in err
    assert main(["report", "3.ndjson", "--format", "badge"]) == 0
    assert "nothing falls to this part of the run" in capsys.readouterr().out
    assert main(["report", "--merge", "1.ndjson", "2.ndjson", "3.ndjson", "--record", "all.ndjson"]) == 0
    assert main(["report", "--merge", "3.ndjson", "--record", "empty.ndjson"]) == 5
    call = ["run", "one", "--shard", "1/3", "--record", "none.ndjson", "--", "-k", "nosuch"]
    assert main(call) == 5
    assert main(["run", "one", "--target", "embedded", "--shard", "2/3", "--record", "o.ndjson"]) == 0
    capsys.readouterr()
    assert main(["report", "--merge", "1.ndjson", "o.ndjson"]) == 2
    assert "the one selects -k b.s or e.s and the other everything" in capsys.readouterr().err


def test_several_targets_are_dealt_with_their_scenarios() -> None:
    """A scenario against a target is an item."""
    with listening(relaying(lambda body: body)) as server:
        call = ["run", "one", "--target", "embedded", "--target", server.url]
        found = []
        for part in "12":
            assert main([*call, "--shard", f"{part}/2", "--record", f"{part}.ndjson"]) == 0
            found += subjects(f"{part}.ndjson")
    assert sorted(found) == sorted(
        f"one/{name}[{target}]" for name in "abc" for target in ("embedded", server.url)
    )
    assert all(len(subjects(f"{part}.ndjson")) == 3 for part in "12")


@pytest.mark.parametrize("text", ["0/5", "6/5", "a/b", "2"])
def test_what_is_no_shard_is_a_wrong_call(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and a sentence, before anything runs."""
    for command in (["run", "--shard", text], ["client", "--shard", text, "--", *CONTROL]):
        with pytest.raises(SystemExit) as caught:
            main(command)
        assert caught.value.code == 2
        assert re.search("error: argument --shard: .* part", capsys.readouterr().err)


def test_what_is_missing_is_told_whenever_the_record_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Five, though all that was judged conforms; several records are not shown as one."""
    for part in "13":
        main(["run", "one", "--target", "embedded", "--shard", f"{part}/3", "--record", f"{part}.ndjson"])
    capsys.readouterr()
    assert main(["report", "--merge", "3.ndjson", "1.ndjson", "--record", "merged.ndjson"]) == 5
    assert "shard 2/3 is missing: what falls there was not judged\n" in capsys.readouterr().err
    assert main(["report", "merged.ndjson"]) == 5
    assert "shard 2/3 is missing: what falls there was not judged\n" in capsys.readouterr().err
    assert main(["report", "1.ndjson", "3.ndjson"]) == 2
    assert main(["report", "1.ndjson", "--record", "x.ndjson"]) == 2
    assert "Add --merge" in capsys.readouterr().err
    assert not Path("x.ndjson").exists()


def test_known_failures_are_judged_in_the_merged_record(capsys: pytest.CaptureFixture[str]) -> None:
    """What is needed in one shard is red in none, and what is needed in none is red in the end."""
    wrong = yaml.safe_load(TEXT)
    wrong["calls"][0]["expect"] = {"status": "requires_action"}
    Path("two/d.scenario.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    call = ["run", "one", "two", "--target", "embedded"]
    main([*call, "--write-known", "known.yaml"])
    text = Path("known.yaml").read_text().replace("url: ''", "url: https://issues.example/1")
    Path("known.yaml").write_text(text.replace("- two/d[embedded]", "- '*/*'"))
    shards = [
        ["--shard", f"{part}/2", "--record", f"{part}.ndjson", "--known", "known.yaml"] for part in "12"
    ]
    assert [main([*call, *shard]) for shard in shards] == [0, 0]
    merge = ["report", "--merge", "1.ndjson", "2.ndjson", "--record", "merged.ndjson"]
    assert main(merge) == 0
    assert "known: 1 (see known.yaml)" in capsys.readouterr().out
    Path("two/d.scenario.yaml").write_text(TEXT, encoding="utf-8")
    assert [main([*call, *shard]) for shard in shards] == [0, 0]
    capsys.readouterr()
    assert main(merge) == 1
    assert "an expectation in */* is known, and fails no more" in capsys.readouterr().out


@pytest.mark.parametrize("more", [[], ["-n", "2"], ["--format", "json"]], ids=["alone", "two", "json"])
def test_a_run_that_was_cut_off_goes_on(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What is whole is not played again; record, report and exit code are those of a whole run."""
    call = ["run", "one", "two", "--target", "embedded"]
    assert main([*call, "--record", "whole.ndjson"]) == 0
    capsys.readouterr()
    main(["report", "whole.ndjson", *(more if "json" in more else [])])
    whole = capsys.readouterr().out
    text = Path("whole.ndjson").read_bytes()
    half = [at for at, line in enumerate(lines("whole.ndjson")) if line["type"] == "scenario"][3]
    begun = b"".join(text.splitlines(keepends=True)[: half + 1]) + b'{"type": "pass'
    Path("cut.ndjson").write_bytes(begun)
    assert main([*call, "--resume", "cut.ndjson", "--record", "new.ndjson", *more]) == 0
    shown = capsys.readouterr()
    assert "cut.ndjson: 3 played before, the rest is played now" in shown.err
    assert Path("cut.ndjson").read_bytes() == begun
    assert main([*call, "--resume", "cut.ndjson", *more]) == 0
    for record in ("cut.ndjson", "new.ndjson"):
        assert told(record) == told("whole.ndjson")
        assert lines(record)[1 : half - 3] == lines("whole.ndjson")[1 : half - 3]
        assert len(lines(record)[0]["resumed"]) == 1
    if "json" in more:
        assert [line["type"] for line in json.loads(shown.out)["lines"]] == [
            line["type"] for line in json.loads(whole)["lines"]
        ]
    else:
        assert shown.out == whole


def test_a_run_that_has_ended_is_shown_and_not_played(capsys: pytest.CaptureFixture[str]) -> None:
    """With its exit code, and the record as it was."""
    wrong = yaml.safe_load(TEXT)
    wrong["calls"][0]["expect"] = {"status": "requires_action"}
    Path("one/a.scenario.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    assert main(["run", "one", "--target", "embedded", "--record", "r.ndjson"]) == 1
    before, kept = capsys.readouterr().out, Path("r.ndjson").read_bytes()
    assert main(["run", "one", "--target", "embedded", "--resume", "r.ndjson"]) == 1
    shown = capsys.readouterr()
    assert shown.out == before
    assert "r.ndjson: this run has ended, and nothing of it is played again" in shown.err
    assert Path("r.ndjson").read_bytes() == kept


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seed", "9"], "the seed is 7 in the one and 9 in the other"),
        (["--target", "cassettes"], "the target is embedded in the one and cassettes, embedded in the other"),
        (["--closed"], "the option --closed is off"),
        (["--strict"], "the option --strict is off"),
        (["--api-version", "v1"], "the API version is v1beta in the one and v1 in the other"),
        (["--shard", "1/2"], "the shard is none in the one and 1/2 in the other"),
        (["--known", "known.yaml"], "only one of them knows failures (--known)"),
        (["--", "-k", "a"], "the one selects everything and the other -k a"),
    ],
)
def test_a_run_does_not_go_on_with_other_options(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, a sentence, and the record as it was."""
    Path("known.yaml").write_text("version: 1\nfailures: []\n")
    call = ["run", "one", "--target", "embedded"]
    main([*call, "--record", "r.ndjson"])
    *kept, _footer = Path("r.ndjson").read_text().splitlines(keepends=True)
    Path("r.ndjson").write_text("".join(kept))
    capsys.readouterr()
    assert main([*call, "--resume", "r.ndjson", *options]) == 2
    assert f"r.ndjson and this call do not belong together: {said}" in capsys.readouterr().err
    assert Path("r.ndjson").read_text() == "".join(kept)
    assert main([*call, "--resume", "none.ndjson"]) == 2
    assert main(["run", "two", *call[1:], "--resume", "r.ndjson"]) == 2
    assert "the files that were given are not the same (3 in the one and 5 in the other)" in (
        capsys.readouterr().err
    )


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_is_ended_at_last() -> None:
    """Whatever was seen whole is asked for once, even though nobody could tidy up."""
    asked = []

    def late(body: bytes) -> bytes:
        asked.append(time.monotonic())
        time.sleep(0.15)
        return body

    with listening(relaying(late)) as server:
        call = [sys.executable, "-m", "conformance.cli", "run", "one", "two", "--target", server.url]
        for option, least in (("--record", 2), ("--resume", 4)):
            kill_after([*call, option, "r.ndjson"], Path("r.ndjson"), least)
        done = main([*call[3:], "--resume", "r.ndjson"])
        whole = main([*call[3:], "--record", "whole.ndjson"])
    assert (done, whole) == (0, 0)
    assert told("r.ndjson") == told("whole.ndjson")
    assert sorted(subjects("r.ndjson")) == sorted(set(subjects("r.ndjson")))
    assert len(lines("r.ndjson")[0]["resumed"]) == 2
    calls = sum(line.get("requests", 0) for line in lines("whole.ndjson"))
    assert len(asked) <= 2 * calls + 2 * 3, "no more than the subject that was cut off, and the one before it"


def kill_after(command: list[str], record: Path, summaries: int) -> None:
    """Run a command, and kill it when its record holds so many summaries."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            for _ in range(300):
                text = record.read_text() if record.exists() else ""
                if text.count('"type": "scenario"') >= summaries:
                    break
                time.sleep(0.05)
            else:
                pytest.fail("it did not come so far")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
    assert '"footer"' not in record.read_text()


@pytest.mark.slow
def test_the_cases_of_a_client_are_shared_and_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    """As scenarios are; calls with random cuts are so many in all shards together."""
    call = ["client", "--only", "framing", "--only", "cuts", "--cuts", "6"]
    assert main([*call, "--record", "whole.ndjson", "--", *CONTROL]) == 0
    for part, more in (("1", []), ("2", ["-n", "2"])):
        shard = ["--shard", f"{part}/2", "--record", f"{part}.ndjson", *more]
        assert main([*call, *shard, "--", *CONTROL]) == 0
    found = [subjects(f"{part}.ndjson") for part in "12"]
    assert all(found)
    assert sorted(found[0] + found[1]) == sorted(subjects("whole.ndjson"))
    assert main(["report", "--merge", "1.ndjson", "2.ndjson", "--record", "merged.ndjson"]) == 0
    assert told("merged.ndjson") == told("whole.ndjson")
    text = Path("whole.ndjson").read_bytes()
    Path("cut.ndjson").write_bytes(text[: len(text) // 2])
    capsys.readouterr()
    assert main([*call, "--resume", "cut.ndjson", "--", *CONTROL]) == 0
    assert "cut.ndjson: " in capsys.readouterr().err
    assert told("cut.ndjson") == told("whole.ndjson")
    assert len([line for line in lines("cut.ndjson") if line["type"] == "testee"]) == 1


def test_a_program_that_is_no_driver_is_run_in_one_piece(capsys: pytest.CaptureFixture[str]) -> None:
    """Once is once."""
    for option in (["--shard", "1/2"], ["--resume", "r.ndjson"]):
        assert main(["client", "--once", *option, "--", "true"]) == 2
        assert "--once cannot be shared or resumed" in capsys.readouterr().err
