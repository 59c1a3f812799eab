"""`record --refresh`: what has changed since, in shape or in content alone, and which cassettes give way."""

import json
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.cli import main
from conformance.commands import record as command
from conformance.contract.places import folder
from conformance.errors import BudgetSpent, ConformanceError, KeyRefused, TargetBusy, TargetUnreachable
from conformance.mutants.service import MutatedService
from conformance.scenario.running import Targets
from conformance.scenario.target import Target
from conformance.server import serving
from conformance.wire.cassette import read_cassette
from conformance.wire.exchange import Exchange, Request
from conformance.wire.files import writing_alone
from tests import badservers
from tests.badservers import Behaviour, echoes_the_key, listening

KEY = "a-key-of-2026-that-nobody-may-see"
RIGHT: dict[str, Any] = {"head": {"headers": {}}}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty folder, without a key."""
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def scenario(name: str) -> str:
    return str(folder("scenarios") / "interactions" / f"{name}.scenario.yaml")


def cassette(name: str) -> Path:
    return Path("tapes/interactions") / f"{name}.yaml"


def recorded(*names: str) -> None:
    """Have our cassettes of some scenarios in the folder."""
    for name in names:
        cassette(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder("cassettes") / "interactions" / f"{name}.yaml", cassette(name))


@contextmanager
def changed(mutate: dict[str, Any], seed: int = 8) -> Iterator[str]:
    """Serve what answers as ours does, with other ids, and with one thing changed; give its address."""
    with serving(answering=MutatedService(mutate, seed=seed)) as server:
        yield server.url


def refresh(target: str, names: Sequence[str], *options: str) -> int:
    paths = [scenario(name) for name in names]
    return main(["record", *paths, "--refresh", "--target", target, "--to", "tapes", *options])


DRIFT: dict[str, tuple[str, dict[str, Any], str]] = {
    "a member is added": (
        "text",
        {"body": {"at": "$.usage", "put": {"energy": 3}}},
        "new field      /usage/energy, 1 time in exchange 0, unknown to the contract",
    ),
    "a member is renamed": (
        "text",
        {"body": {"at": "$.updated", "rename": "changed"}},
        "gone field     /updated, 1 time in exchange 0, the contract lets it be absent",
    ),
    "a word is new": (
        "text",
        {"body": {"at": "$.service_tier", "to": "turbo"}},
        "new word       /service_tier: turbo, 1 time in exchange 0, unknown to the contract",
    ),
    "a kind of step is new": (
        "text",
        {"body": {"at": "$.steps[0].type", "to": "dream"}},
        "new kind       /steps/*: dream, 1 time in exchange 0, unknown to the contract",
    ),
    "an event is new": (
        "text_streamed",
        {
            "frames": {
                "of": {"event_type": "interaction.created"},
                "insert": [{"event_type": "step.heartbeat", "index": 0}],
            }
        },
        "new event      events: step.heartbeat, 1 time in exchange 0, unknown to the contract",
    ),
    "a member of an event is new": (
        "text_streamed",
        {"events": {"of": {"event_type": "step.stop"}, "at": "$", "put": {"elapsed_ms": 3}}},
        "new field      step.stop /elapsed_ms, 1 time in exchange 0, unknown to the contract",
    ),
    "the last frame is gone": (
        "text_streamed",
        {"frames": {"of": "done", "drop": True}},
        "gone event     events: [DONE], 1 time in exchange 0",
    ),
    "the content type has a parameter": (
        "text",
        {"head": {"headers": {"Content-Type": "application/json; charset=utf-8"}}},
        "other content type content-type, 1 time in exchange 0",
    ),
}


@pytest.mark.parametrize("case", DRIFT)
def test_drift_of_shape_is_told_and_written(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Over a socket; it is no failure, and the next refresh finds nothing but content."""
    name, mutate, line = DRIFT[case]
    recorded(name)
    before = cassette(name).read_bytes()
    with changed(mutate) as url:
        assert refresh(url, [name]) == 0
        told = capsys.readouterr().out
        assert told.startswith(f"interactions/{name}: shape drift: ")
        assert f"    {line}\n" in told
        assert "1 scenario: 1 shape drift; 1 cassette written\n" in told
        assert cassette(name).read_bytes() != before

        assert refresh(url, [name]) == 0
        assert "shape" not in capsys.readouterr().out


def test_a_changed_type_breaks_the_contract_and_keeps_the_old_cassette(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit 1, with the diff and the requirement that fails now; `--even-if-wrong` takes it."""
    recorded("text")
    before = cassette("text").read_bytes()
    with changed({"body": {"at": "$.usage.total_tokens", "as": "text"}}) as url:
        assert refresh(url, ["text"]) == 1
        told = capsys.readouterr().out
        assert cassette("text").read_bytes() == before
        assert refresh(url, ["text"], "--even-if-wrong") == 0
    assert "changed type   /usage/total_tokens: string instead of integer, 1 time in exchange 0" in told
    assert '        - 51\n        + "51"\n        touches IX-USAGE-001\n' in told
    assert '    requirement    IX-USAGE-001 fails now: expected an integer, found "51"\n' in told
    assert "    requirement    IX-USAGE-003 no longer shown\n" in told
    assert "kept the old one: the recording breaks IX-USAGE-001" in told
    assert read_cassette(cassette("text"))[1]["findings"]


@pytest.mark.parametrize("seed", [8, 2030])
def test_other_ids_and_signatures_are_never_shape(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """All scenarios, of another seed: what differs is content, and nothing else."""
    shutil.copytree(folder("cassettes"), "tapes")
    assert main(["record", "--refresh", "--to", "tapes", "--seed", str(seed), "--strict", "--closed"]) == 0
    lines = capsys.readouterr().out.splitlines()
    *scenarios, total = lines
    assert len(scenarios) > 50
    assert all(": content only (" in line or line.endswith(": unchanged") for line in scenarios)
    assert sum("content only" in line for line in scenarios) > 50
    assert total.endswith(" cassettes written")


def test_the_same_server_again_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Not a byte of any cassette."""
    shutil.copytree(folder("cassettes"), "tapes")
    before = {path: path.read_bytes() for path in Path("tapes").rglob("*.yaml")}
    assert main(["record", "--refresh", "--to", "tapes"]) == 0
    *scenarios, total = capsys.readouterr().out.splitlines()
    assert all(line.endswith(": unchanged") for line in scenarios)
    assert total == f"{len(scenarios)} scenarios: {len(scenarios)} unchanged; 0 cassettes written"
    assert {path: path.read_bytes() for path in Path("tapes").rglob("*.yaml")} == before


def test_two_servers_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """A cassette of our own server beside a recording of another one compares two servers, and says so."""
    recorded("text")
    mutate = {"body": {"at": "$.usage", "put": {"energy": 3}}}
    with changed(mutate) as url:
        assert refresh(url, ["text"]) == 0
        assert (
            "    two servers are compared\n"
            "    --- the reference server of this project, not the live service\n"
            f"    +++ {url}\n"
        ) in capsys.readouterr().out
        cassette("text").write_text(cassette("text").read_text().replace("energy", "energetic"))
        assert refresh(url, ["text"]) == 0
    told = capsys.readouterr().out
    assert "two servers" not in told
    assert "its hash tells that it was edited" in told


def test_drift_changes_the_exit_code_when_that_is_asked_for() -> None:
    """`--strict`: any; `--closed`: what the contract does not know."""
    unknown = {"body": {"at": "$.usage", "put": {"energy": 3}}}
    known = {"body": {"at": "$.updated", "drop": True}}
    warned = {"body": {"at": "$.steps", "append": {"type": "thought"}}}
    for mutate, strict, closed in ((unknown, 1, 1), (known, 1, 0), (warned, 1, 0), (RIGHT, 0, 0)):
        recorded("text")
        with changed(mutate) as url:
            assert refresh(url, ["text"], "--check") == 0
            assert refresh(url, ["text"], "--check", "--strict") == strict
            assert refresh(url, ["text"], "--check", "--closed") == closed


def test_a_check_only_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor does it send anything where there is nothing to compare with."""
    recorded("text")
    before = cassette("text").read_bytes()
    service = MutatedService({"body": {"at": "$.usage", "put": {"energy": 3}}}, seed=8)
    with serving(answering=service) as server:
        assert refresh(server.url, ["text", "search"], "--check") == 0
    told = capsys.readouterr().out
    assert "new field      /usage/energy" in told
    assert "interactions/search: no cassette yet: it would be recorded\n" in told
    assert "0 cassettes written" in told
    assert [one.request.method for one in service.answered] == ["POST", "DELETE"]
    assert cassette("text").read_bytes() == before
    assert [path.name for path in Path("tapes").rglob("*") if path.is_file()] == ["text.yaml"]


def test_a_scenario_without_a_cassette_is_recorded_anew(capsys: pytest.CaptureFixture[str]) -> None:
    """And one whose cassette cannot be read; both are said."""
    recorded("text")
    cassette("text").write_text("interactions: [")
    assert refresh("embedded", ["text", "search"]) == 0
    told = capsys.readouterr().out
    assert "interactions/text: recorded anew, since the old cassette cannot be read: not a cassette" in told
    assert "interactions/search: no cassette before: recorded anew\n" in told
    assert "2 cassettes written" in told
    assert read_cassette(cassette("search"))[0]


def test_a_scenario_that_is_not_for_this_target_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is sent; when that is all there is, the evidence is too little: exit 5."""
    recorded("antigravity")
    service = MutatedService(RIGHT)
    with serving(answering=service) as server:
        assert refresh(server.url, ["antigravity"]) == 5
    assert "left as it is: it makes sense for embedded and cassettes alone" in capsys.readouterr().out
    assert service.answered == []


def test_a_model_that_did_otherwise_keeps_the_old_cassette(capsys: pytest.CaptureFixture[str]) -> None:
    """It calls no function: that is no drift of the service; what differs is shown all the same."""
    recorded("function_calling", "text")
    before = cassette("function_calling").read_bytes()
    with changed({"request": {"at": "$.tools", "drop": True}, "when": {"asks": {"tools": []}}}) as url:
        assert refresh(url, ["function_calling", "text"]) == 0
        told = capsys.readouterr().out
        assert refresh(url, ["function_calling", "text"], "--strict") == 1
        assert refresh(url, ["function_calling"]) == 5
    assert "not as expected: kept the old one (ask: the status is 'completed'" in told
    assert "gone kind      /steps/*: function_call" in told
    assert "asks otherwise" not in told
    assert "IX-FUNC-003, IX-FUNC-004" in told
    assert "interactions/text: content only (" in told
    assert cassette("function_calling").read_bytes() == before


def test_an_edited_scenario_says_that_it_asks_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    """What differs in the answer may come of the question."""
    text = Path(scenario("text")).read_text(encoding="utf-8")
    Path("mine.scenario.yaml").write_text(text, encoding="utf-8")
    assert main(["record", "mine.scenario.yaml", "--to", "tapes"]) == 0
    told = yaml.safe_load(text)
    told["calls"][0]["arguments"]["input"] = "Explain how rain works"
    Path("mine.scenario.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    assert main(["record", "mine.scenario.yaml", "--to", "tapes", "--refresh", "--check"]) == 0
    assert (
        "the scenario asks otherwise than was recorded: exchange 0 request /input" in capsys.readouterr().out
    )


def test_what_scenarios_share_is_told_once_more_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    recorded("text", "turns")
    with changed({"body": {"at": "$.usage", "put": {"energy": 3}}}) as url:
        assert refresh(url, ["text", "turns"]) == 0
    told = capsys.readouterr().out
    assert "/usage/energy, 2 times in exchanges 0, 1, unknown to the contract" in told
    assert told.splitlines()[-2] == "in 2 scenarios: new field /usage/energy"


def test_content_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    recorded("text")
    with changed(RIGHT) as url:
        assert refresh(url, ["text"], "--check") == 0
        assert "/id" not in capsys.readouterr().out
        assert refresh(url, ["text"], "--check", "-v") == 0
    assert 'content        /id, 1 time in exchange 0\n        - "v1_' in capsys.readouterr().out


def test_json_has_every_difference(capsys: pytest.CaptureFixture[str]) -> None:
    recorded("text")
    with changed({"body": {"at": "$.usage.total_tokens", "as": "text"}}) as url:
        assert refresh(url, ["text"], "--format", "json") == 1
    told = json.loads(capsys.readouterr().out)
    (one,) = told["scenarios"]
    assert (told["exit_code"], told["not_refreshed"], one["written"]) == (1, [], False)
    (shape,) = (row for row in one["differences"] if row["shape"])
    assert shape == {
        "exchange": 0,
        "call": "ask",
        "kind": "changed type",
        "shape": True,
        "place": "/usage/total_tokens",
        "name": "string instead of integer",
        "old": "51",
        "new": '"51"',
        "count": 1,
        "contract": "the contract does not allow it",
        "requirements": ["IX-USAGE-001"],
    }
    assert {row["id"]: (row["was"], row["now"]) for row in one["requirements"]} == {
        "IX-USAGE-001": ("pass", "fail"),
        "IX-USAGE-003": ("pass", None),
    }


def nesting(depth: int) -> Behaviour:
    """JSON that is deeper than anybody can read."""
    body = b'{"status": "completed", "steps": [' + b'{"a": [' * depth + b"]}" * depth + b"]}"

    def nest(peer: socket.socket, _: Request) -> None:
        peer.sendall(badservers.answer("200 OK", "application/json", body))

    return nest


class Purse:
    """A target that stops after so many requests, for a reason."""

    def __init__(self, target: Target, sends: int, error: ConformanceError) -> None:
        self.url, self.key = target.url, target.key
        self._target, self._error = target, error
        self.left = sends

    def send(self, request: Request) -> Exchange:
        if not self.left:
            raise self._error
        self.left -= 1
        return self._target.send(request)


def stopping(monkeypatch: pytest.MonkeyPatch, sends: int, error: ConformanceError) -> None:
    """Let all scenarios together send so many requests."""
    purses: list[Purse] = []

    class Bounded(Targets):
        def find(self, name: str, scenario: Path) -> Target:
            left = purses[-1].left if purses else sends
            purses.append(Purse(super().find(name, scenario), left, error))
            return purses[-1]

    monkeypatch.setattr(command, "Targets", Bounded)


@pytest.mark.parametrize(
    "error",
    [
        BudgetSpent("3 of 3 requests are spent"),
        TargetBusy("http://127.0.0.1:1", "answers 429 for a minute"),
        KeyRefused("http://127.0.0.1:1", "API key expired"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_empty_budget_ends_the_refresh_and_names_what_is_left(
    error: ConformanceError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the middle of a conversation: exit 5; what was done stays done, the others stay."""
    names = ["text", "turns", "search", "thinking"]
    recorded(*names)
    before = {name: cassette(name).read_bytes() for name in names}
    stopping(monkeypatch, 2, error)
    assert refresh("embedded", names, "--seed", "8") == error.exit_code
    told = capsys.readouterr().out
    after = {name: cassette(name).read_bytes() for name in names}
    assert [name for name in names if before[name] != after[name]] == ["text"]
    assert "interactions/turns: " in told
    assert f"kept the old one: {error}\n" in told
    assert "2 scenarios: 1 content only, 1 not refreshed; 1 cassette written\n" in told
    assert told.endswith("not refreshed: interactions/search, interactions/thinking\n")


def test_an_empty_budget_ends_a_first_recording_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said once, not for each scenario."""
    stopping(monkeypatch, 1, BudgetSpent("1 of 1 requests is spent"))
    paths = [scenario(name) for name in ("text", "search", "turns")]
    assert main(["record", *paths, "--to", "tapes"]) == 5
    told, notes = capsys.readouterr()
    assert told == "tapes/interactions/text.yaml: 1 exchanges recorded\n"
    assert notes.count("1 of 1 requests is spent") == 1
    assert notes.endswith("not recorded: interactions/search, interactions/turns\n")


def test_what_drifted_before_the_budget_was_spent_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings take precedence over too little evidence."""
    recorded("text", "turns")
    stopping(monkeypatch, 1, BudgetSpent("1 of 1 requests is spent"))
    with changed({"body": {"at": "$.usage", "put": {"energy": 3}}}) as url:
        assert refresh(url, ["text", "turns"], "--strict") == 1


def test_a_scenario_that_nobody_answers_is_kept_and_the_next_is_tried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At once, or after its first call."""
    recorded("text", "turns", "search")
    before = cassette("turns").read_bytes()
    stopping(monkeypatch, 2, TargetUnreachable("http://127.0.0.1:1", "refuses the connection"))
    assert refresh("embedded", ["text", "turns", "search"], "--seed", "8") == 5
    told = capsys.readouterr().out
    assert "interactions/turns: content only (" in told
    assert (
        "kept the old one: the reference server of this project, not the live service answers no more" in told
    )
    assert "interactions/search: kept the old one: http://127.0.0.1:1 refuses the connection\n" in told
    assert "3 scenarios: 1 content only, 2 not refreshed; 1 cassette written\n" in told
    assert cassette("turns").read_bytes() == before


def test_a_cassette_that_another_process_writes_is_left_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    recorded("text", "search")
    with writing_alone(cassette("text")):
        assert refresh("embedded", ["text", "search"], "--seed", "8") == 2
    told = capsys.readouterr().out
    assert (
        "interactions/text: kept the old one: tapes/interactions/text.yaml is being written by another"
        in told
    )
    assert "interactions/search: content only (" in told


@pytest.mark.parametrize(
    "behaviour",
    [
        badservers.html_200,
        badservers.html_502,
        badservers.closes_at_once,
        badservers.speaks_garbage,
        badservers.cuts_a_frame,
        badservers.lacks_the_last_chunk,
        badservers.promises_more,
        badservers.promises_less,
        badservers.answers_a_list,
        badservers.answers_something_else,
        nesting(60),
        nesting(300),
        nesting(400),
        nesting(100_000),
    ],
)
@pytest.mark.parametrize("name", ["text", "text_streamed"])
def test_no_bad_server_takes_the_place_of_a_cassette(
    behaviour: Behaviour, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it does, the old recording is kept, and why is told."""
    recorded(name)
    before = cassette(name).read_bytes()
    with listening(behaviour) as server:
        assert refresh(server.url, [name]) in (1, 2, 5)
    told, notes = capsys.readouterr()
    assert ": kept the old one" in told or "; kept the old one" in told
    assert "Traceback" not in told + notes
    assert cassette(name).read_bytes() == before


def test_a_key_is_in_nothing_that_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Echoed in values, in the name of a member and as a kind of step."""
    monkeypatch.setenv("MY_KEY", KEY)
    recorded("text")
    with listening(echoes_the_key) as server:
        refresh(server.url, ["text"], "--key-env", "MY_KEY", "-v")
        refresh(server.url, ["text"], "--key-env", "MY_KEY", "--format", "json")
    told, notes = capsys.readouterr()
    assert "shape drift" in told
    assert "REDACTED" in told
    assert KEY not in told + notes


def test_an_answer_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """What a server names its fields is shown, and never obeyed."""
    recorded("text")
    with changed({"body": {"at": "$.usage", "put": {"\x1b[2J\u202e": "\x9b\n"}}}) as url:
        assert refresh(url, ["text"]) == 0
    told = capsys.readouterr().out
    assert r"/usage/\x1b[2J\u202e" in told
    assert all(line.isprintable() for line in told.splitlines())


@pytest.mark.parametrize("option", ["--check", "--strict", "--closed", "-v", "--format=json"])
def test_options_of_a_refresh_alone_say_so(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", scenario("text"), "--to", "tapes", option]) == 2
    assert "makes sense with --refresh alone" in capsys.readouterr().err
    assert not Path("tapes").exists()
