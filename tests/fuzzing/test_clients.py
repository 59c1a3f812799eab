"""A client that is fuzzed: the right one gives no finding, wrong ones are found and made small."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from conformance.cli import main
from conformance.fuzzing.answers import QUIRKS, Drawn, answers, expected_calls, expected_text
from conformance.fuzzing.blame import blamed
from conformance.fuzzing.clients import ClientFuzz, ClientOrder
from conformance.fuzzing.opponent import DOCUMENTED
from conformance.fuzzing.smaller import smaller
from conformance.generate import EDGES
from conformance.testees.comparing import is_subset
from conformance.testees.control import EventDecoder
from conformance.testees.process import Testee
from conformance.wire.sse import decode
from tests.generate.effort import examples
from tests.testees.programs import READY

CONTROL = (sys.executable, "-m", "conformance.testees.control")
_TEXT = "Zürich, 5 °C"


def wrong(name: str) -> tuple[str, ...]:
    """Give the command of a wrong client."""
    return (sys.executable, "-m", "conformance.testees.wrong", name)


def told(text: str = _TEXT) -> tuple[dict[str, Any], ...]:
    """Give the events of a stream with one text."""
    about = {"id": "v1_1", "object": "interaction", "model": "gemini-3.5-flash"}
    usage = {"total_tokens": 3, "total_input_tokens": 1, "total_output_tokens": 2}
    return (
        {"interaction": {**about, "status": "in_progress"}, "event_type": "interaction.created"},
        {"index": 0, "step": {"type": "model_output"}, "event_type": "step.start"},
        {"index": 0, "delta": {"type": "text", "text": text}, "event_type": "step.delta"},
        {"index": 0, "event_type": "step.stop"},
        {
            "interaction": {**about, "status": "completed", "usage": usage},
            "event_type": "interaction.completed",
        },
    )


def fuzzed(command: tuple[str, ...], **order: Any) -> tuple[list[Any], list[Any]]:
    """Fuzz a client; give the findings, and the lines that come last."""
    with ClientFuzz(ClientOrder(command=command, **order)) as fuzz:
        found = [line for line in fuzz.lines() if line["type"] == "finding"]
        return found, fuzz.closing_lines()


def verdict_of(finding: Any) -> Any:
    """Give the verdict of a finding."""
    (verdict,) = [line for line in finding["lines"] if line["type"] == "verdict"]
    return verdict


def sent_in(finding: Any) -> tuple[list[Any], list[int]]:
    """Give the events of the stream of a finding, and its cuts."""
    (exchange,) = [line for line in finding["lines"] if line["type"] == "exchange"]
    frames = [frame.data for frame in decode([exchange["response"]["body"].encode()]) if frame.data]
    return [frame for frame in frames if frame != "[DONE]"], exchange["delivery"]["cuts"]


def test_the_control_client_gives_no_finding() -> None:
    """Right streams of every kind and every broken edge: nothing is made up."""
    found, closing = fuzzed(CONTROL, examples=300, seed=3)

    assert [verdict_of(one)["message"] for one in found] == []
    assert closing[0]["outcome"] == "pass", closing[0]
    kept = next(line["counts"] for line in closing if line["type"] == "passes")
    assert kept["SSE-014"] > 20
    assert kept["IX-STREAM-044"] > 0
    assert closing[-1]["exit_code"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_control_client_gives_no_finding_for_long(seed: int) -> None:
    """The same, longer, of other seeds."""
    found, closing = fuzzed(CONTROL, examples=3000, seed=seed)

    assert [verdict_of(one)["message"] for one in found] == []
    assert closing[0]["outcome"] == "pass", closing[0]


@pytest.mark.parametrize(
    ("name", "requirement", "outcome", "most_events", "most_cuts"),
    [
        pytest.param("splits-lines-per-chunk", "SSE-014", "fail", 5, 1, marks=pytest.mark.slow),
        pytest.param("decodes-per-chunk", "SSE-012", "fail", 7, 2, marks=pytest.mark.slow),
        ("loses-unknown-events", "IX-SDK-007", "warn", 3, 0),
        pytest.param("splits-at-unicode-lines", "SSE-021", "fail", 7, 0, marks=pytest.mark.slow),
        ("knows-line-feeds-only", "SSE-001", "fail", 2, 0),
        pytest.param("takes-cuts-for-success", "IX-STREAM-044", "fail", 5, 0, marks=pytest.mark.slow),
    ],
)
def test_a_wrong_client_is_found_and_its_stream_is_small(
    name: str, requirement: str, outcome: str, most_events: int, most_cuts: int
) -> None:
    """The requirement is that of the fault, and nothing is left in the stream that it does not take."""
    with ClientFuzz(ClientOrder(command=wrong(name), seconds=40)) as fuzz:
        found = next(
            line
            for line in fuzz.lines()
            if line["type"] == "finding" and verdict_of(line)["requirement"] == requirement
        )

    events, cuts = sent_in(found)
    assert verdict_of(found)["outcome"] == outcome
    assert len(events) <= most_events
    assert len(cuts) <= most_cuts


@pytest.mark.parametrize(
    ("drawn", "requirement"),
    [
        (Drawn(told(), cuts=(7,)), "SSE-014"),
        (Drawn(told(), (("crlf", 0), ("comments", 0))), "SSE-001"),
        (Drawn(told(), (("new-event", 3),)), "IX-STREAM-034"),
        (Drawn(told("a\u2028b")), "SSE-021"),
        (Drawn(told("a")), "IX-SDK-009"),
    ],
)
def test_the_first_thing_without_which_it_is_gone_is_to_blame(drawn: Drawn, requirement: str) -> None:
    """A client that fails on exactly this, and does well without."""

    def fails(other: Drawn) -> bool:
        return {
            "SSE-014": bool(other.cuts),
            "SSE-001": "crlf" in dict(other.quirks),
            "IX-STREAM-034": "new-event" in dict(other.quirks),
            "SSE-021": "\u2028" in str(other.payload.decode()),
            "IX-SDK-009": True,
        }[requirement]

    assert blamed(drawn, fails) == requirement


@pytest.mark.parametrize(
    ("requirement", "quirks", "within"),
    [
        ("SSE-012", (), "ü".encode()),
        ("SSE-003", (("crlf", 0),), b"\r\n"),
        ("SSE-010", (("mark", 0),), b"\xef\xbb\xbf"),
    ],
)
def test_a_cut_is_moved_before_all_cuts_are_blamed(
    requirement: str, quirks: tuple[tuple[str, int], ...], within: bytes
) -> None:
    """Where a cut a little later does no harm, what it went through is to blame."""
    drawn = Drawn(told(), quirks)
    place = drawn.payload.index(within) + 1
    cut = Drawn(told(), quirks, (place,))

    assert blamed(cut, lambda other: place in other.cuts) == requirement


def test_a_stream_is_taken_apart() -> None:
    """What is left is what it takes: two events, and the cut where it was within its event."""
    text = told("It is noon.")
    update = {
        "interaction_id": "v1_1",
        "status": "in_progress",
        "event_type": "interaction.status_update",
    }
    drawn = Drawn((text[0], update, *text[1:]), (("comments", 0),))
    place = drawn.payload.index(b'"interaction.completed"}') + 3
    drawn = Drawn(drawn.told, drawn.quirks, (5, 40, place))

    def fails(other: Drawn) -> bool:
        return any(other.payload[cut - 3 :].startswith(b'"interaction.completed"}') for cut in other.cuts)

    least = smaller(drawn, fails)

    assert [event["event_type"] for event in least.told] == ["interaction.created", "interaction.completed"]
    assert least.quirks == ()
    assert len(least.cuts) == 1


@examples(150)
@given(answers())
def test_a_drawn_stream_says_what_was_told(drawn: Drawn) -> None:
    """However it is framed, the events that a decoder finds are those that are sent, and hold what is due."""
    decoder = EventDecoder()
    places = [0, *drawn.cuts, len(drawn.payload)]
    pieces = [drawn.payload[start:end] for start, end in pairwise(places)]
    found = [data for piece in pieces for data in decoder.feed(piece)]
    *events, done = [*found, *decoder.close()]

    assert done.strip() == "[DONE]"
    assert [json.loads(event) for event in events] == list(drawn.events)
    assert len(drawn.events) - len(drawn.new) == len(drawn.due)


@examples(300)
@given(answers())
def test_expectations_are_careful(drawn: Drawn) -> None:
    """The text of a client is expected where nobody can doubt it; calls always."""
    kinds = [event["step"]["type"] for event in drawn.told if event["event_type"] == "step.start"]
    text, output_text = expected_text(drawn.told)

    assert len(expected_calls(drawn.told)) == kinds.count("function_call")
    if "function_call" in kinds:
        assert (text, output_text) == (None, None)
    if any(kind.endswith("_result") for kind in kinds):
        assert text is None
    if text is not None:
        assert text == output_text


def test_a_number_is_the_same_however_it_is_written() -> None:
    """JavaScript writes a large fraction as an integer; whole numbers that differ still do."""
    assert is_subset(-4.187954613229015e16, -41879546132290150)
    assert not is_subset(2**53 + 1, 2**53)
    assert not is_subset(0.5, 10**400)


def test_what_is_documented_of_broken_streams_is_about_edges_that_there_are() -> None:
    """No expectation is left over, and quirks have names of their own."""
    assert DOCUMENTED.keys() <= {edge.name for edge in EDGES}
    assert len({quirk.name for quirk in QUIRKS}) == len(QUIRKS)


def test_a_control_that_survives_is_an_error() -> None:
    """Where the wrong client is a right one, nothing is shown of cuts: exit code 3."""
    found, closing = fuzzed(CONTROL, examples=60, control=CONTROL)

    assert found == []
    assert closing[0]["outcome"] == "error"
    assert closing[0]["exit_code"] == 3
    assert "survived all" in closing[0]["problem"]


_CRASHES = """
ready(capabilities=["stream"])
for call in calls():
    sys.exit("this client gives up")
"""
_HANGS = """
ready(capabilities=["stream"])
for call in calls():
    time.sleep(60)
"""


@pytest.mark.slow
def test_a_client_that_crashes_is_a_finding_and_ends_the_run() -> None:
    """It is started again a number of times, and then no more."""
    found, closing = fuzzed((sys.executable, "-c", READY + _CRASHES), seconds=5)

    assert "program ended in mid-call" in verdict_of(found[0])["message"]
    assert verdict_of(found[0])["outcome"] == "fail"
    assert closing[-1]["type"] == "testee"
    assert closing[-1]["crashes"]


@pytest.mark.slow
def test_a_client_that_hangs_is_a_finding() -> None:
    """Every wait has its limit."""
    found, closing = fuzzed((sys.executable, "-c", READY + _HANGS), seconds=1)

    assert "the call never ended" in verdict_of(found[0])["message"]
    assert closing[0]["outcome"] != "pass"


def test_a_client_without_streams_is_not_fuzzed() -> None:
    """It says so, with the exit code of a client that cannot be driven."""
    found, closing = fuzzed(
        (sys.executable, "-c", READY + "ready(capabilities=[])\nlist(calls())"), examples=5
    )

    assert found == []
    assert closing[0]["problem"] == "the client does not declare stream"
    assert closing[-1]["exit_code"] == 4


# The command.


@pytest.mark.slow
def test_the_bundle_serves_the_bytes_and_the_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder of a finding holds a server that shows it to the wrong client, and not to the right one."""
    monkeypatch.chdir(tmp_path)
    command = ["fuzz", "--seconds", "8", "--record", "run.ndjson", "--", *wrong("decodes-per-chunk")]

    assert main(command) == 1
    assert "SSE-012" in capsys.readouterr().out
    (folder,) = [path for path in (tmp_path / "run").iterdir() if "SSE-012" in path.name]
    call = json.loads((folder / "call.json").read_text())
    with _served(folder) as url:
        texts = [
            _text_of(client, {**call, "base_url": url}) for client in (CONTROL, wrong("decodes-per-chunk"))
        ]

    assert "\ufffd" not in texts[0]
    assert "\ufffd" in texts[1]


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Run the server of a bundle; give its address."""
    server = subprocess.Popen([sys.executable, "serve.py"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().split()[1]
    finally:
        server.kill()
        server.wait(10)
        if server.stdout is not None:
            server.stdout.close()


def _text_of(command: tuple[str, ...], call: dict[str, Any]) -> str:
    """Give everything that a client hands over in a call, as one text."""
    with Testee(command) as testee:
        asked = {"type": "call", "id": "1", "api_key": f"key-of-{command[-1]}", **call}
        return json.dumps(testee.ask(asked, 20).values, ensure_ascii=False)


@pytest.mark.slow
def test_known_failures_are_not_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was written down once is known the next time, which finds it in the database at once."""
    monkeypatch.chdir(tmp_path)
    client = ["--", *wrong("knows-line-feeds-only")]

    assert main(["fuzz", "--seconds", "6", "--write-known", "known.yaml", *client]) == 1
    text = (tmp_path / "known.yaml").read_text().replace("url: ''", "url: https://example.com/1")
    (tmp_path / "known.yaml").write_text(text)
    capsys.readouterr()
    code = main(["fuzz", "--seconds", "6", "--known", "known.yaml", *client])

    told = capsys.readouterr().out
    assert "SSE-001" in text
    assert code == 0, told
    assert "known:" in told


@pytest.mark.parametrize(
    "options",
    [
        ["--target", "http://127.0.0.1:1", "--testee", "control"],
        ["--testee", "control", "--", "true"],
        ["-n", "2", "--testee", "control"],
        ["--testee", "no-such-client"],
    ],
)
def test_what_makes_no_sense_is_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong call is told in one sentence, with what to do."""
    assert main(["fuzz", *options]) == 2
    assert "hint:" in capsys.readouterr().err
