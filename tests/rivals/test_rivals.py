"""The real tools are not installed here; small ones in their place show that the comparison is fair."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from conformance.fuzzing.endpoint import World
from conformance.fuzzing.plain import PlainTarget
from conformance.mutants.mutant import Mutant, read_mutants
from conformance.scenario.scenario import ScenarioCall
from conformance.server import Service, serving
from conformance.wire.exchange import Request
from tests.rivals import __main__ as program
from tests.rivals import fuzzed
from tests.rivals.document import helped_document
from tests.rivals.least import Finding, Pair, least, read_findings, size
from tests.rivals.servers import Beside, standing
from tests.rivals.side_by_side import on_a_mutant, on_the_right_server
from tests.rivals.table import markdown, summary
from tests.rivals.tools import KEY, Tool, run_tool, tools

MUTANTS = {one.name: one for one in read_mutants()}
TOTAL, LATE = MUTANTS["total-does-not-add-up"], MUTANTS["error-without-code"]
ASK = """
import json, sys, urllib.request, urllib.error
def ask(body):
    url, key = sys.argv[1] + "/v1beta/interactions", {"x-goog-api-key": "k"}
    request = urllib.request.Request(url, json.dumps(body).encode(), key)
    try:
        return json.load(urllib.request.urlopen(request, timeout=10))
    except urllib.error.HTTPError as error:
        return json.load(error)
usage = ask({"model": "gemini-3.5-flash", "input": "Hello"}).get("usage", {})
"""
ADDS_UP = (
    ASK
    + """
print("never-content")
if usage["total_tokens"] != sum(usage[f"total_{part}_tokens"] for part in ("input", "output", "thought")):
    print("usage")
"""
)
READS_CODES = ASK + 'print("" if "code" in ask({"input": "Hello"})["error"] else "code")'


def small(name: str, script: str, limit_s: float = 20.0) -> Tool:
    """A tool whose findings are the words that a script prints."""
    return Tool(
        name,
        lambda url, _, __: [sys.executable, "-c", script, url],
        lambda _, printed: set(printed.split()),
        limit_s,
    )


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two mutants and two small tools, one of which is content with no server."""
    work = tmp_path_factory.mktemp("rivals")
    small_ones = [small("ours", ADDS_UP), small("other", READS_CODES)]
    right = on_the_right_server(small_ones, work)
    found = [on_a_mutant(one, small_ones, right, work) for one in (TOTAL, LATE)]
    return {"right": right, "lines": found}


def caught(line: dict[str, Any]) -> dict[str, bool]:
    """Which tool caught it."""
    return {name: one["caught"] for name, one in line["tools"].items()}


def test_what_a_tool_finds_on_the_right_server_does_not_count(lines: dict[str, Any]) -> None:
    """Else the tool that is never content would catch everything."""
    assert lines["right"] == {"ours": ["never-content"], "other": []}
    total, late = lines["lines"]
    assert caught(total) == {"ours": True, "other": False}
    assert total["tools"]["ours"]["findings"] == ["usage"]
    assert caught(late) == {"ours": False, "other": True}
    assert (total["scenarios"], late["scenarios"]) == ("killed", "killed")


def test_it_is_told_whether_the_fault_was_met(lines: dict[str, Any]) -> None:
    """A tool that never asked is told from one that looked away."""
    total, late = (line["tools"] for line in lines["lines"])
    assert (total["ours"]["met"], total["other"]["met"]) == (1, 1)
    assert (late["ours"]["asked"], late["ours"]["met"]) == (1, 0)
    assert (late["other"]["asked"], late["other"]["met"]) == (2, 1)


def test_what_is_told_aside_is_no_catch(tmp_path: Path) -> None:
    """Drift and an inconclusive answer do not turn a run red."""
    tool = Tool(
        "ours",
        lambda *_: [sys.executable, "-c", "print('drift x')"],
        lambda _, printed: {printed.strip()},
        20.0,
        aside=("drift ",),
    )
    told = on_a_mutant(TOTAL, [tool], {"ours": []}, tmp_path)["tools"]["ours"]
    assert (told["caught"], told["findings"]) == (False, ["drift x"])


def test_a_mutant_that_was_wrong_once_stands() -> None:
    """What else limits it stays."""
    assert standing({"head": {}, "when": {"exchange": 3}}) == {"head": {}}
    assert standing({"head": {}, "when": {"exchange": 3, "status": 400}}) == {
        "head": {},
        "when": {"status": 400},
    }
    assert standing({"head": {}}) == {"head": {}}


def test_a_mutant_that_cannot_take_a_request_answers_as_the_right_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The 500 of its own code would be a present to whoever looks for them."""

    def crash(*_: object) -> None:
        raise LookupError("no")

    service = Beside({"body": {"at": "$.id", "drop": True}})
    monkeypatch.setattr("conformance.mutants.service.mutated", crash)
    request = Request(
        "POST",
        "/v1beta/interactions",
        (("x-goog-api-key", "k"),),
        b'{"model":"gemini-3.5-flash","input":"Hi"}',
    )
    assert service.answer(request).body == Service(7).answer(request).body
    assert (service.asked, service.met, service.crashes) == (1, 0, 1)


def test_a_tool_that_hangs_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it does not listen to an interrupt."""
    monkeypatch.setattr("tests.rivals.tools._GRACE_S", 0.5)
    script = (
        "import signal, subprocess, time; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    )
    told = run_tool(small("hangs", script, limit_s=1.0), "", tmp_path, right=False)
    assert told.problem == "it was not over after 1 s"
    (child,) = told.findings
    assert gone(int(child))


def test_a_tool_that_takes_too_long_may_tell_what_it_has(tmp_path: Path) -> None:
    """It is interrupted first."""
    script = "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('found-before')"
    told = run_tool(small("slow", script, limit_s=1.0), "", tmp_path, right=False)
    assert (told.problem, *told.findings) == ("it was not over after 1 s", "found-before")


def gone(process: int) -> bool:
    """Whether a process ends within a moment; one that nobody waits for any more counts as ended."""
    for _ in range(50):
        try:
            os.kill(process, 0)
            if Path(f"/proc/{process}/stat").read_text(encoding="utf-8").split()[2] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


def test_a_tool_without_a_report_has_a_problem(tmp_path: Path) -> None:
    """No report is not a clean one, and without one on the right server there is nothing to compare."""
    tool = Tool(
        "mute", lambda *_: [sys.executable, "-c", ""], lambda work, _: {(work / "none").read_text()}, 20.0
    )
    assert run_tool(tool, "", tmp_path, right=False).problem.startswith("no report can be read")
    with pytest.raises(RuntimeError, match="mute against the right server: no report"):
        on_the_right_server([tool], tmp_path)


def test_our_own_run_is_clean_on_the_right_server_and_red_on_a_wrong_one(tmp_path: Path) -> None:
    """The one real tool that is always there, as a user calls it."""
    ours = tools(20)["ours"]
    with serving(answering=Service(7)) as server:
        assert run_tool(ours, server.url, tmp_path / "right", right=True).findings == set()
    with serving(answering=Beside(TOTAL.mutate)) as server:
        told = run_tool(ours, server.url, tmp_path / "wrong", right=False)
    assert "warn IX-USAGE-003" in told.findings
    assert KEY not in (tmp_path / "wrong" / "record.ndjson").read_text(encoding="utf-8")


def test_the_reports_of_the_others_are_read(tmp_path: Path) -> None:
    """Each as it writes them."""
    both = tools(20)
    failure = {
        "title": "Response violates schema",
        "operations": ["POST /interactions", "GET /interactions/{id}"],
    }
    (tmp_path / "report.json").write_text(
        json.dumps({"failures": [failure], "errors": [{"title": "Network Error"}]})
    )
    assert both["schemathesis"].findings(tmp_path, "") == {
        "Response violates schema · POST /interactions",
        "Response violates schema · GET /interactions/{id}",
        "error: Network Error",
    }
    results = [
        {"id": "basic", "status": "passed"},
        {"id": "stream", "status": "failed"},
        {"id": "x", "status": "skipped"},
    ]
    assert both["llm-comply"].findings(tmp_path, f"a note\n{json.dumps({'results': results})}") == {"stream"}


def test_the_document_is_ours_with_examples_that_the_server_takes() -> None:
    """Help that is refused would be none."""
    document = helped_document()
    validate(document)
    create = document["paths"]["/interactions"]["post"]
    examples = create["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) >= 60
    service = Service(7)
    for name, example in examples.items():
        body = json.dumps(example["value"]).encode()
        answer = service.answer(Request("POST", "/v1beta/interactions", (("x-goog-api-key", "k"),), body))
        assert answer.status == 200, (name, answer.body)
    assert {link["operationId"] for link in create["responses"]["200"]["links"].values()} == {
        "cancel_interaction",
        "create_interaction",
        "delete_interaction",
        "get_interaction",
    }


def test_the_table_counts_by_area_and_names_what_one_side_alone_caught(lines: dict[str, Any]) -> None:
    """Small enough to be read off."""
    header = {"right": lines["right"], "versions": {"ours": "1", "other": "2"}, "seed": 7, "limit_s": 20.0}
    data = summary(header, lines["lines"])
    assert data["all"] == {
        "mutants": 2,
        "scenarios": 2,
        "ours": 1,
        "other": 1,
        "ours_red": 1,
        "met": {"ours": 1, "other": 2},
    }
    assert data["as_they_are"]["mutants"] == 1
    assert data["by_ours_alone"] == ["total-does-not-add-up"]
    assert [one["mutant"] for one in data["missed_by_ours"]["other"]] == ["error-without-code"]
    text = markdown(data)
    assert "| error | 1 | 1 | 0 | 1 |" in text
    assert "| **all** | 2 | 2 | 1 | 1 |" in text
    assert "Alarm of ours on the right server: never-content." in text


def test_a_run_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is done is not run again, what was cut off is, and another limit is not mixed in."""
    ran: list[str] = []

    def small_tools(_: float) -> dict[str, Tool]:
        return {"ours": Tool("ours", lambda *_: [sys.executable, "-c", ""], lambda *_: set(), 20.0, "pytest")}

    def run(mutants: list[Mutant], **_: object) -> list[dict[str, Any]]:
        ran.extend(one.name for one in mutants)
        told = {
            "caught": False,
            "findings": [],
            "seconds": 1.0,
            "asked": 0,
            "met": 0,
            "crashes": 0,
            "problem": "",
        }
        return [
            {
                "mutant": one.name,
                "area": one.area,
                "stands": False,
                "scenarios": "killed",
                "tools": {"ours": told},
            }
            for one in mutants
        ]

    monkeypatch.setattr(program, "tools", small_tools)
    monkeypatch.setattr(program, "on_mutants", run)
    results, to = tmp_path / "rivals.ndjson", tmp_path / "rivals.json"
    asked = ["--results", str(results), "--to", str(to)]
    assert program.main([*asked, "--sample", "2"]) == 0
    with results.open("a") as file:
        file.write('{"mutant": "cut o')
    assert program.main([*asked, "--sample", "4"]) == 0
    assert ran == [one.name for one in program.chosen(sample=4)]
    assert json.loads(to.read_text())["all"]["mutants"] == 4
    assert "| **all** | 4 | 4 | 0 |" in to.with_suffix(".md").read_text()
    assert program.main([*asked, "--limit", "5"]) == 2
    assert "remove it, or name another" in capsys.readouterr().err


def test_the_order_is_drawn_from_the_seed_and_equivalents_are_left_out() -> None:
    """Any beginning of it is a fair sample."""
    names = [one.name for one in program.chosen()]
    assert names == [one.name for one in program.chosen()] != sorted(names)
    assert len(names) == sum(not one.equivalent for one in MUTANTS.values())


def test_a_finding_is_held_against_what_its_fault_needs(tmp_path: Path) -> None:
    """A request with more than it takes is made smaller, and what no wrong server shows is nothing."""
    fat = {
        "model": "gemini-3.5-flash",
        "input": [{"type": "text", "text": "Hi"}],
        "store": False,
        "generation_config": {"temperature": 1, "seed": 3},
    }
    record = [
        {
            "type": "scenario",
            "subject": "fuzz/requests/x[url]",
            "seconds": 1.5,
            "scenario": {
                "title": "t",
                "source": "https://ai.google.dev/api/interactions-api",
                "exercises": ["HTTP-012"],
                "calls": [{"name": "call_1", "operation": "interactions.create", "arguments": fat}],
            },
        },
        {
            "type": "verdict",
            "subject": "fuzz/requests/x[url]",
            "outcome": "warn",
            "requirement": "IX-USAGE-003",
            "message": message_of(TOTAL, fat),
            "exchange": 0,
        },
        {"type": "fuzz", "seconds": 3.0},
    ]
    (tmp_path / "record.ndjson").write_text("".join(f"{json.dumps(line)}\n" for line in record))
    more = read_findings(tmp_path, TOTAL)
    assert (more["tried_s"], more["first_s"]) == (3.0, 1.5)
    assert [(one["members"], one["needed"]) for one in more["sizes"]] == [(8, 2)]
    assert read_findings(tmp_path, LATE)["sizes"][0]["needed"] is None


def message_of(mutant: Mutant, body: dict[str, Any]) -> str:
    """What the judge says first of a mutant's answer."""
    with (
        serving(answering=Beside(standing(mutant.mutate))) as server,
        PlainTarget(server.url, key="k") as target,
    ):
        world = World(target, own=True)
        talk = world.talk()
        talk.say(body)
        return world.seen(talk).verdicts[0].message


def test_a_refusal_is_held_against_the_right_server(tmp_path: Path) -> None:
    """Without a part that makes the request wrong for everyone."""
    mutant = MUTANTS["list-of-blocks-is-refused"]
    blocks = {"model": "gemini-3.5-flash", "input": [{"type": "text", "text": "Hi"}], "store": True}
    call = ScenarioCall("call_1", "interactions.create", blocks)
    finding = Finding("", "a request that keeps the contract is refused with HTTP 400: 'x'", 0, (call,), 0.0)
    with Pair(mutant.mutate) as pair:
        smallest = least(pair, finding)
    assert smallest is not None
    assert "model" in smallest[0].arguments
    assert size(smallest) <= 4


def test_the_table_of_fuzzing_names_who_found_what_and_what_is_too_large() -> None:
    """Small enough to be read off."""

    def line(name: str, ours: list[tuple[int, int | None]], *, theirs: bool) -> dict[str, Any]:
        sizes = [
            {"requirement": "IX-ID-001", "members": told, "needed": needed, "calls": 1, "seconds": 2.0}
            for told, needed in ours
        ]
        fuzz = {"sizes": sizes, "first_s": 2.0 if ours else None, "tried_s": 20.0}
        both = {"asked": 5, "seconds": 21.0, "problem": ""}
        tools_told = {
            "fuzz": {"caught": bool(ours), **both, **fuzz},
            "schemathesis-for": {"caught": theirs, **both},
        }
        return {"mutant": name, "area": "id", "tools": tools_told}

    lines = [
        line("a", [(9, 3)], theirs=False),
        line("b", [(4, 3), (2, None)], theirs=True),
        line("c", [], theirs=False),
    ]
    header = {
        "right": {"fuzz": [], "schemathesis-for": ["Odd · POST /x"]},
        "versions": {"fuzz": "1"},
        "seed": 7,
        "limit_s": 20.0,
    }
    data = fuzzed.summary(header, lines)
    assert data["found"] == {"fuzz": 2, "schemathesis-for": 1}
    assert (data["both"], data["by_fuzz_alone"], data["none"]) == (["b"], ["a"], ["c"])
    assert (data["most_spare"], data["too_large"], data["not_shown_again"]) == (6, ["a"], ["b"])
    text = fuzzed.markdown(data)
    assert "| a | fuzz | IX-ID-001 | 3.0 |  | 5 | 5 | 9 (3) |" in text
    assert "| b | fuzz and schemathesis-for | IX-ID-001 and 1 more | 3.0 | 21.0 |" in text
    assert "Alarm of schemathesis-for on the right server: Odd · POST /x." in text


def test_fuzzing_that_ended_early_is_a_problem(tmp_path: Path) -> None:
    """A crash must not look like a server without a fault."""
    (tmp_path / "record.ndjson").write_text('{"type": "header"}\n')
    with pytest.raises(ValueError, match="ended early: the harness failed"):
        tools(20)["fuzz"].findings(tmp_path, "the harness failed")
