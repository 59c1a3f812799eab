"""What a scenario needs: the model that is chosen, what an account must have, and what is not played."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.cli import main
from conformance.contract.models import models
from conformance.contract.places import folder
from conformance.errors import NeedUnmet, ScenarioBroken, UsageRefused
from conformance.running import options_of
from conformance.scenario.needs import Asked, given, read_have, remark
from conformance.scenario.running import Options, Targets, run_scenario
from conformance.scenario.scenario import Scenario, read_scenario
from conformance.server import serving
from tests.badservers import listening, says_nothing

OURS = folder("scenarios") / "interactions"
ASK = {"model": "<model>", "input": "Hello"}
STORE = ("file_search_store", "fileSearchStores/mine")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records and scenarios go to a folder that nobody keeps."""
    monkeypatch.chdir(tmp_path)


def scenario(arguments: dict[str, Any] | None = None, **more: Any) -> Scenario:
    """Write and read a scenario of one call."""
    call = {"name": "ask", "operation": "interactions.create", "arguments": arguments or ASK}
    data = {
        "title": "Somebody asks",
        "source": "https://example.com/",
        "exercises": ["IX-CREATE-003"],
        "calls": [call],
    }
    path = Path("one.scenario.yaml")
    path.write_text(yaml.safe_dump({**data, **more}), encoding="utf-8")
    return read_scenario(path)


def bodies(record: str) -> list[dict[str, Any]]:
    """Give the bodies of the requests of a record."""
    lines = [json.loads(line) for line in Path(record).read_text(encoding="utf-8").splitlines()]
    return [json.loads(line["request"]["body"]) for line in lines if line["type"] == "exchange"]


def models_asked(record: str) -> set[str]:
    """Give the models that the requests and answers of a record name."""
    return set(re.findall(r'\\"model\\":\\"([^"\\]+)', Path(record).read_text(encoding="utf-8")))


@pytest.fixture
def ours() -> Iterator[str]:
    """Our own server as an endpoint of others."""
    with serving(seed=7) as server:
        yield server.url


# which model


def test_the_first_model_that_can_do_it_is_chosen() -> None:
    """Of the table, where nobody asks for another."""
    for needs, name in (
        (["text"], "gemini-3.5-flash"),
        (["image_output"], "gemini-3.1-flash-image"),
        (["text", "continuation"], "gemini-4-argon"),
    ):
        assert given(scenario(needs=needs)) == given(scenario(needs=needs), Asked()) == {"model": name}


def test_the_model_that_is_asked_for_is_taken_where_it_can_do_it() -> None:
    """Else the sentence tells what it lacks, and which could."""
    maps = scenario(needs=["text", "google_maps"])
    assert given(maps, Asked("gemini-3.8-flash")) == {"model": "gemini-3.8-flash"}
    with pytest.raises(NeedUnmet) as told:
        given(maps, Asked("gemini-3.8-flash-tts"))
    assert str(told.value) == (
        "gemini-3.8-flash-tts cannot text, google_maps "
        "(models: gemini-3.5-flash, gemini-3.6-flash, gemini-3.7-flash, gemini-3.8-flash and 11 more)"
    )
    with pytest.raises(NeedUnmet, match=r"gemini-3.5-flash cannot continuation \(models: gemini-4-argon\)"):
        given(scenario(needs=["continuation"]), Asked("gemini-3.5-flash"))


def test_a_model_that_nobody_knows_can_do_everything() -> None:
    """It may be newer than the table; one line says so."""
    assert given(scenario(needs=["google_maps"]), Asked("gemini-9-neon")) == {"model": "gemini-9-neon"}
    (line,) = remark("gemini-9-neon")
    assert line.startswith("gemini-9-neon is not in the table of models")
    assert list(remark("gemini-3.5-flash")) == list(remark(None)) == []


def test_what_no_model_can_do_needs_one_to_be_named() -> None:
    """Nothing is guessed."""
    both = scenario(needs=["image_output", "google_maps"])
    with pytest.raises(NeedUnmet, match="no model of the table can do all of image_output, google_maps"):
        given(both)
    assert given(both, Asked("gemini-9-neon")) == {"model": "gemini-9-neon"}


def test_a_pinned_model_stays() -> None:
    """A literal id, or a value of its own called model; no need of a model counts then."""
    literal = scenario({**ASK, "model": "gemini-2.5-pro"}, needs=["continuation"])
    mine = scenario(given={"model": "gemini-2.5-pro"}, needs=["continuation"])
    assert given(literal, Asked("gemini-3.5-flash")) == given(mine, Asked("gemini-3.5-flash")) == {}


# what an account has


def test_our_own_server_has_a_stand_in_for_what_an_account_has() -> None:
    """Others have to be told."""
    files = scenario({**ASK, "input": "<file_search_store>"}, needs=["file_search_store"])
    assert given(files)["file_search_store"] == "fileSearchStores/handbooks"
    assert given(files, Asked(have=(STORE,)))["file_search_store"] == "fileSearchStores/mine"
    with pytest.raises(NeedUnmet) as told:
        given(files, Asked())
    assert str(told.value) == "it needs a file-search store: --have file_search_store=NAME"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("file_store=x", "no scenario needs 'file_store' of an account"),
        ("text=x", "no scenario needs 'text' of an account"),
        ("mcp_server", "--have mcp_server has no value"),
        ("mcp_server= ", "--have mcp_server has no value"),
    ],
)
def test_what_nobody_needs_is_no_use(text: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong word is an error of the call, not silence."""
    with pytest.raises(UsageRefused) as refused:
        read_have(text)
    assert str(refused.value) == told
    assert main(["run", "--target", "http://127.0.0.1:9", "--have", text]) == 2
    assert told in capsys.readouterr().err


def test_a_value_may_hold_an_equals_sign() -> None:
    """As addresses do."""
    assert read_have("mcp_server=https://example.com/?a=b") == ("mcp_server", "https://example.com/?a=b")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"needs": ["telepathy"]}, "needs/0: there is no need 'telepathy'"),
        ({"arguments": {**ASK, "input": "<mcp_server>"}}, "<mcp_server> is bound by nothing before it"),
    ],
)
def test_a_need_must_be_known_and_named(more: dict[str, Any], told: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ScenarioBroken, match=told):
        scenario(**more)


# as it is run


def test_what_cannot_be_played_is_shown_as_not_run(ours: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason, and without a request; the rest is played with the model that was asked for."""
    files = [
        str(OURS / f"{name}.scenario.yaml") for name in ("text", "file_search", "google_maps", "continued")
    ]
    run = ["run", *files, "--target", ours, "--model", "gemini-3.8-flash", "--record", "r.ndjson"]
    assert main(run) == 0
    told = capsys.readouterr().out
    lacking = "gemini-3.8-flash cannot continuation (models: gemini-4-argon)"
    assert f"not run ({ours}): interactions/continued: {lacking}\n" in told
    needed = "it needs a file-search store: --have file_search_store=NAME"
    assert f"not run ({ours}): interactions/file_search: {needed}\n" in told
    assert "· 2 of 2 scenarios ·" in told
    assert models_asked("r.ndjson") == {"gemini-3.8-flash"}


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["here", "in a worker"])
def test_what_the_account_has_is_sent(ours: str, workers: list[str]) -> None:
    """In the place of the name, whichever process sends it."""
    run = ["run", str(OURS / "file_search.scenario.yaml"), "--target", ours, "--have", "=".join(STORE)]
    assert main([*run, *workers, "--record", "r.ndjson"]) == 0
    stores = [body["tools"][0]["file_search_store_names"] for body in bodies("r.ndjson")]
    assert stores == [["fileSearchStores/mine"]] * 2


def test_a_pinned_model_is_sent_whatever_is_asked_for(ours: str) -> None:
    """The scenario is about that one."""
    run = ["run", str(OURS / "search_after_the_answer.scenario.yaml"), "--target", ours]
    assert main([*run, "--model", "gemini-3.8-flash", "--record", "r.ndjson"]) == 0
    assert models_asked("r.ndjson") == {"gemini-2.5-flash"}


def test_a_model_that_nobody_knows_is_told_of_once(ours: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, for all scenarios and workers together."""
    files = [str(OURS / f"{name}.scenario.yaml") for name in ("text", "turns")]
    main(["run", *files, "--target", ours, "--model", "gemini-9-neon", "-n", "2"])
    assert capsys.readouterr().err.count("gemini-9-neon is not in the table") == 1


@pytest.mark.parametrize(
    "more", [["--model", "gemini-3.8-flash"], ["--have", "mcp_server=https://a.example"]]
)
@pytest.mark.parametrize("targets", [[], ["--target", "embedded", "--target", "cassettes"]])
def test_our_own_targets_cannot_be_asked_for_another_model(
    more: list[str], targets: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Their answers are the same everywhere; an option that does nothing is refused."""
    assert main(["run", *targets, *more]) == 2
    assert "--model and --have are for live and for URLs" in capsys.readouterr().err


def test_beside_an_endpoint_our_own_targets_keep_their_model(ours: str) -> None:
    """Only the endpoint is asked for the other one."""
    run = ["run", str(OURS / "text.scenario.yaml"), "--target", ours, "--target", "embedded"]
    assert main([*run, "--model", "gemini-3.8-flash", "--record", "r.ndjson"]) == 0
    assert models_asked("r.ndjson") == {"gemini-3.5-flash", "gemini-3.8-flash"}


def test_workers_and_the_plugin_are_told_the_same() -> None:
    """Nothing is lost on the way to pytest."""
    options = Options(model="gemini-3.8-flash", have=(STORE, ("mcp_server", "https://example.com/?a=b")))
    told = options_of(options)
    assert "--gemini-model=gemini-3.8-flash" in told
    assert [word for word in told if "have" in word] == [
        "--gemini-have=file_search_store=fileSearchStores/mine",
        "--gemini-have=mcp_server=https://example.com/?a=b",
    ]


def test_a_recording_is_played_with_the_model_that_it_was_made_with(ours: str) -> None:
    """And with the rest; nobody has to say it again."""
    file = str(OURS / "file_search.scenario.yaml")
    to = ["--target", ours, "--to", "tapes", "--model", "gemini-3.8-flash", "--have", "=".join(STORE)]
    assert main(["record", file, *to]) == 0
    tape = yaml.safe_load(Path("tapes/interactions/file_search.yaml").read_text(encoding="utf-8"))
    assert tape["provenance"]["given"] == {"model": "gemini-3.8-flash", STORE[0]: STORE[1]}
    played = ["run", file, "--target", "cassettes", "--cassettes", "tapes", "--record", "r.ndjson"]
    assert main(played) == 0
    assert models_asked("r.ndjson") == {"gemini-3.8-flash"}


def test_what_cannot_be_played_is_not_recorded(ours: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, no file, and an exit code that says that there is less than was asked for."""
    assert main(["record", str(OURS / "mcp_server.scenario.yaml"), "--target", ours, "--to", "tapes"]) == 5
    assert "it needs a remote MCP server: --have mcp_server=NAME" in capsys.readouterr().err
    assert not list(Path().glob("tapes/**/*.yaml"))


def test_all_scenarios_can_be_played_to_a_url_that_has_it_all(ours: str) -> None:
    """Nothing that the embedded server shows is lost there, but what needs its test control."""
    have = [
        "--have",
        "file_search_store=fileSearchStores/handbooks",
        "--have",
        "mcp_server=https://a.example/mcp",
    ]
    assert main(["run", "--target", ours, *have, "--record", "r.ndjson"]) == 0
    lines = [json.loads(line) for line in Path("r.ndjson").read_text(encoding="utf-8").splitlines()]
    problems = {line["problem"] for line in lines if line.get("outcome") == "not-applicable"}
    assert problems == {"it makes sense for embedded and cassettes alone"}


@pytest.mark.parametrize("name", ["gemini-4-argon", "gemini-3.1-flash-lite", "gemini-3.1-pro-preview"])
def test_what_the_table_says_can_be_shown_with_that_model(ours: str, name: str) -> None:
    """Our own server plays along: nothing is untestable because of the model."""
    have = [f"--have={word}={thing.ours}" for word, thing in models().account.items()]
    assert main(["run", "--target", ours, "--model", name, *have, "--strict", "--record", "r.ndjson"]) == 0
    assert name in models_asked("r.ndjson")


def test_nothing_is_sent_while_a_need_is_not_met() -> None:
    """Not even the first request."""
    with listening(says_nothing) as server:
        targets = Targets(Options(targets=(server.url,)))
        lines = run_scenario(OURS / "mcp_server.scenario.yaml", server.url, targets)
        targets.close()
        assert lines[0]["outcome"] == "not-applicable"
        assert not server.asked.is_set()


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """With what each can do, what it costs where that is known, and where that stands."""
    assert main(["list", "--models"]) == 0
    told = capsys.readouterr().out
    assert "gemini-3.8-flash: stable; cost 2 of 3; $0.75 in, $3.75 out\n    can text, thinking" in told
    assert "    https://ai.google.dev/gemini-api/docs/models/gemini-3.7-flash\n" in told
    assert (
        "    file_search_store  the account has a file-search store: --have file_search_store=NAME\n" in told
    )
    assert main(["list", str(OURS / "google_maps.scenario.yaml")]) == 0
    assert "; needs text, google_maps\n" in capsys.readouterr().out
