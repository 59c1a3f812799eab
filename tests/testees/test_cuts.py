"""Random cuts: where they are drawn, how they are made fewer, and what they find in clients."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.cli import main
from conformance.server import plans as deliveries
from conformance.server import serving
from conformance.testees import running
from conformance.testees.case import Case, read_cases
from conformance.testees.cuts import draw_cuts, fewest, shown_cut
from conformance.testees.cutting import CutReport, Cutter, fuzz_cuts, shares
from conformance.testees.difference import difference
from conformance.testees.process import Delivered, Testee
from conformance.testees.running import run_cases
from conformance.testees.stage import Stage

CONTROL = [sys.executable, "-m", "conformance.testees.control"]
TEXT, UNICODE = (case for name in ("text", "unicode") for case in read_cases() if case.id == f"cuts/{name}")
BODY = '\ufeffevent: a\r\ndata: {"x": "ä世🙂\\u00e4"}\r\n\r\n: c\n\ndata: [DONE]\r\r'.encode()
PLACES = {
    "the mark": "\ufeff",
    "two bytes": "ä",
    "three bytes": "世",
    "four bytes": "🙂",
    "CR and LF": "}\r\n",
    "a blank line of CRLF": "\r\n\r\n",
    "a blank line of LF": "c\n\n",
    "a blank line of CR": "\r\r",
    "a field name": "data: ",
    "an escape": "\\u00e4",
    "a comment": ": c",
    "the end": "[DONE]",
}


def wrong(name: str) -> list[str]:
    """The command of a wrong client."""
    return [sys.executable, "-m", "conformance.testees.wrong", name]


def client(body: str) -> list[str]:
    """The command of a client with another decoder: the body of its `feed`, which is given `chunk`."""
    script = f"""
import os, random, time
from conformance.testees.control import ClientError, ControlClient, EventDecoder, main
calls = 0
class Decoder(EventDecoder):
    seen = 0
    def feed(self, chunk):
        self.seen += 1
        {body}
        yield from super().feed(chunk)
class Client(ControlClient):
    def decoder(self):
        global calls
        calls += 1
        decoder = Decoder()
        decoder.number = calls
        return decoder
    def hand_over(self, event):
        super().hand_over(MORE(event) if "MORE" in globals() else event)
"""
    return [sys.executable, "-c", script + "main(Client, 'mine')\n"]


@contextmanager
def cutting(command: Sequence[str], **more: Any) -> Iterator[tuple[Cutter, Testee]]:
    """A cutter for a client."""
    stage = Stage(7)
    with (
        Testee(command) as testee,
        serving(answering=stage) as server,
        Cutter(testee, stage, server.url, **more) as cutter,
    ):
        yield cutter, testee


def play(command: Sequence[str], case: Case, calls: int, **more: Any) -> CutReport:
    """Cut the answer of a case for a client."""
    with cutting(command, **more) as (cutter, _):
        return cutter.play(case, calls)


# Where to cut.


@pytest.mark.parametrize("name", PLACES)
def test_every_risky_place_is_cut_soon(name: str) -> None:
    """Between any two of its bytes, and right after it, in a hundred calls."""
    start = BODY.index(PLACES[name].encode())
    places = set(range(start + 1, start + len(PLACES[name].encode()) + 1)) - {len(BODY)}
    drawn = {cut for number in range(100) for cut in draw_cuts(BODY, Random(number))}
    assert places <= drawn


@given(st.binary(max_size=200), st.integers())
def test_cuts_are_places_between_two_bytes(body: bytes, seed: int) -> None:
    """In order, each once; the same ones for the same seed."""
    cuts = draw_cuts(body, Random(seed))
    assert list(cuts) == sorted(set(cuts))
    assert all(0 < cut < len(body) for cut in cuts)
    assert bool(cuts) == (len(body) > 1)
    assert cuts == draw_cuts(body, Random(seed))


def test_few_and_many_cuts_are_drawn() -> None:
    """Not always the same number, and no more than the server can confirm in a moment."""
    numbers = [len(draw_cuts(BODY * 20, Random(number))) for number in range(300)]
    assert min(numbers) == 1
    assert 30 < max(numbers) <= 40
    assert 4 < sum(numbers) / len(numbers) < 16


# How they are made fewer.


@given(
    st.sets(st.integers(0, 60), min_size=1, max_size=30).flatmap(
        lambda some: st.tuples(st.just(sorted(some)), st.sets(st.sampled_from(sorted(some)), min_size=1))
    )
)
def test_only_what_it_takes_is_left(drawn: tuple[list[int], set[int]]) -> None:
    """Whatever cuts are needed together."""
    cuts, needed = drawn
    assert set(fewest(cuts, lambda some: needed <= set(some))) == needed


@given(st.sets(st.integers(0, 40), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_none_of_what_is_left_can_be_spared(drawn: set[int], random: Random) -> None:
    """Also where more cuts may do no harm."""
    known: dict[tuple[int, ...], bool] = {tuple(sorted(drawn)): True}

    def fails(some: tuple[int, ...]) -> bool:
        return known.setdefault(some, random.random() < 0.3)

    left = fewest(sorted(drawn), fails)
    assert known[left]
    if len(left) > 1:
        assert not any(known[left[:place] + left[place + 1 :]] for place in range(len(left)))


def test_one_cut_of_a_thousand_is_found_in_a_few_calls() -> None:
    """Each halves what is left."""
    asked = 0

    def fails(some: tuple[int, ...]) -> bool:
        nonlocal asked
        asked += 1
        return 617 in some

    assert fewest(range(1000), fails) == (617,)
    assert asked <= 20


def test_a_cut_is_shown_with_the_bytes_around_it() -> None:
    """On one line of ASCII, wherever it is."""
    assert shown_cut("x\r\nä|🙂".encode(), 4) == "x\\r\\n\\xc3|\\xa4\\x7c\\xf0\\x9f\\x99\\x82"
    assert shown_cut(b"ab", 0) == "|ab"


# What differs.


def end(*events: Any, **last: Any) -> Delivered:
    """A delivery that ended well."""
    return Delivered("end", [{"value": event} for event in events], {"type": "end", "id": "x", **last})


@pytest.mark.parametrize(
    ("uncut", "cut", "told"),
    [
        ([end({"a": 1})], end({"a": 1}, id="y"), ""),
        ([end({"a": 1})], end({"a": 2}), "/events/0/a is 2, and 1 without a cut"),
        ([end({"a": 1})], end({"a": True}), "/events/0/a is true, and 1 without a cut"),
        ([end({"a": 1})], end({}), "/events/0/a is missing"),
        ([end({})], end({"a": 1}), "/events/0/a is there, and not without a cut"),
        ([end({}, {})], end({}), "/events has 1 members, and 2 without a cut"),
        ([end({})], end({}, {}), "/events has 2 members, and 1 without a cut"),
        ([end(text="ab")], end(text="a"), '/text is "a", and "ab" without a cut'),
        ([end({"a": 1, "b": 1}), end({"a": 2, "b": 1})], end({"a": 3, "b": 1}), ""),
        ([end({"a": 1, "b": 1}), end({"a": 2, "b": 1})], end({"a": 1, "b": 3}), "/events/0/b is 3, and 1 "),
        ([end({"a": [1]}), end({"a": [1, 2]})], end({"a": [7]}), ""),
        (
            [end({}, {})],
            Delivered("hung", problem="no answer in 3 s"),
            "the call does not end (no answer in 3 s) after 0",
        ),
        (
            [end({}, {})],
            Delivered("error", [{"value": {}}], {"kind": "parse", "message": "ü"}),
            "the client tells an error of the kind parse, '\\xfc' after 1 of 2 events",
        ),
    ],
)
def test_what_differs_is_told(uncut: list[Delivered], cut: Delivered, told: str) -> None:
    """And nothing else; what is not even the same without a cut is not compared."""
    found = difference(uncut, cut)
    assert found.startswith(told)
    assert bool(found) == bool(told)


# What is found.


def test_the_control_client_does_not_mind() -> None:
    """Every call is made, every cut is confirmed, nothing differs, in every case that has cuts."""
    with Testee(CONTROL) as testee:
        reports = list(fuzz_cuts(testee, read_cases(), calls=63, seed=3))
    assert [report.case for report in reports] == [case.id for case in read_cases() if case.cuts]
    assert sum(report.calls for report in reports) == 63
    assert {(one.unconfirmed, one.different, one.uncut, one.survivor) for one in reports} == {(0, 0, "", "")}
    assert all(report.cuts > report.calls for report in reports)


@pytest.mark.parametrize("repeats", [True, False])
def test_a_client_that_decodes_per_chunk_is_told_with_one_cut(*, repeats: bool) -> None:
    """Within a character; the bytes around it, the seed, and both texts are shown."""

    class Once(Testee):
        def words(self, name: str) -> frozenset[str]:
            return super().words(name) - {"" if repeats else "repeat"}

    with Once(wrong("decodes-per-chunk")) as testee:
        (report,) = fuzz_cuts(testee, [UNICODE], calls=60, seed=5)
    found = report.finding
    assert found is not None
    assert len(found.cuts) == len(found.places) == 1
    assert found.steady
    assert found.confirmed
    before, _, after = found.places[0].partition("|")
    assert before[-4:-2] == "\\x"
    assert after[:2] == "\\x"
    assert "\\ufffd" in found.difference
    assert found.message.startswith(f"one cut in the answer (at {found.cuts[0]}: ")
    assert f"(call {found.number} of seed 5, which had {found.drawn} cuts)" in found.message
    assert report.different >= 1


def test_a_finding_is_the_same_again() -> None:
    """The same seed gives the same calls, the same cuts and the same words."""
    found = [play(wrong("decodes-per-chunk"), UNICODE, 20).finding for _ in range(2)]
    messages = [one.message for one in found if one is not None]
    assert len(messages) == 2
    assert messages[0] == messages[1]


def test_two_cuts_are_told_where_it_takes_two() -> None:
    """A client that fails on a piece of two bytes in mid-stream needs a cut before it and one after it."""
    mine = client(
        "if len(chunk) == 2 and self.seen > 1 and chunk != b'\\n\\n': raise ClientError('parse', 'two')"
    )
    found = play(mine, UNICODE, 100).finding
    assert found is not None
    assert len(found.cuts) == 2
    assert found.cuts[1] - found.cuts[0] == 2
    assert found.drawn >= 2
    assert found.message.startswith("2 cuts in the answer (at ")


def test_what_a_client_makes_up_is_no_difference() -> None:
    """Ids, numbers and times that are not the same without a cut either."""
    mine = client("pass")
    made = "MORE = lambda event: {**event, 'my': random.random(), 'n': calls, 'at': int(time.time() * 20)}\n"
    report = play([*mine[:2], mine[2].replace("main(", made + "main(")], UNICODE, 60)
    assert (report.calls, report.different, report.finding) == (60, 0, None)


def test_what_shows_once_is_told_as_such() -> None:
    """All of its cuts, since none can be left out."""
    report = play(client("if self.number == 9: raise ClientError('other', 'the ninth')"), UNICODE, 20)
    assert report.finding is not None
    assert not report.finding.steady
    assert len(report.finding.cuts) == report.finding.drawn
    assert report.finding.message.endswith("; it did not show again with the same cuts)")


def test_a_time_out_that_shows_once_proves_nothing() -> None:
    """A busy machine does that too; one that shows again with the same cuts is a finding."""
    once = play(client("if self.number == 9: raise ClientError('timeout', 'no answer')"), UNICODE, 20)
    assert (once.finding, once.different) == (None, 0)
    assert once.unconfirmed >= 1
    always = play(
        client("if self.number > 2 and self.seen > 1: raise ClientError('timeout', 'no')"), UNICODE, 20
    )
    assert always.finding is not None
    assert "an error of the kind timeout, 'no'" in always.finding.message


def test_a_crash_is_told_with_the_cut_that_it_takes() -> None:
    """Of the calls that were under way the one that did it, found by drivers of its own."""
    crashes = client("if self.seen > 1 and chunk[:1] >= b'\\x80': os._exit(9)")
    with cutting(crashes) as (cutter, testee):
        found = cutter.play(UNICODE, 40).finding
        assert found is not None
        assert found.steady
        assert len(found.cuts) == 1
        assert "|\\x" in found.places[0]
        assert "the client's program ends (it ended with exit code 9" in found.message
        assert not testee.given_up
        assert cutter.play(UNICODE, 1).calls == 1


def test_a_client_that_fails_without_a_cut_is_not_cut() -> None:
    """That is for other cases."""
    report = play(client("raise ClientError('parse', 'no')"), TEXT, 20)
    assert report.uncut == "the client tells an error of the kind parse, 'no'"
    assert (report.calls, report.finding) == (0, None)


# What shows that anything was tried.


def test_where_the_faulty_client_survives_nothing_was_tried() -> None:
    """A right client in its place survives all calls."""
    report = play(CONTROL, TEXT, 10, control=CONTROL)
    assert (
        "the faulty client conformance.testees.control, which is to show that cuts arrive," in report.survivor
    )
    assert report.survivor.endswith("survived all 10 calls")
    assert report.calls == 0


def test_a_faulty_client_that_cannot_be_driven_is_told() -> None:
    """Its command, and why."""
    assert "no-such cannot be started" in play(CONTROL, TEXT, 10, control=["no-such"]).survivor


def test_a_run_in_which_the_faulty_client_survives_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the harness, and no pass."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "Cutter", partial(Cutter, control=CONTROL))
    assert main(["client", "--only", "cuts/text", "--", *CONTROL]) == 3
    assert "survived all 20 calls" in capsys.readouterr().out
    with Testee(CONTROL) as testee:
        line = next(run_cases(testee, [TEXT]))
    assert (line["outcome"], line["exit_code"]) == ("error", 3)
    assert "survived" in line["problem"]


@pytest.mark.slow
def test_a_run_makes_as_many_calls_as_it_is_told_in_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fifteen for six cases are three, three, three, two, two and two; one case alone has them all."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "Cutter", partial(Cutter, control=CONTROL))
    assert main(["client", "--only", "cuts/", "--cuts", "15", "--format", "json", "--", *CONTROL]) == 3
    told = [
        line["problem"] for line in json.loads(capsys.readouterr().out)["lines"] if line["type"] == "case"
    ]
    assert [problem.rpartition("survived ")[2] for problem in told] == ["all 3 calls"] * 3 + [
        "all 2 calls"
    ] * 3
    assert main(["client", "--only", "cuts/text", "--cuts", "15", "--", *CONTROL]) == 3
    assert "survived all 15 calls" in capsys.readouterr().out


def test_few_calls_leave_no_case_without_one() -> None:
    """A case that is not cut at all would pass."""
    assert set(shares(read_cases(), 1).values()) == {1}


def test_cuts_that_nobody_can_confirm_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted, and the case is inconclusive."""

    async def never(*_: object) -> bool:
        return False

    monkeypatch.setattr(deliveries, "confirmed", never)
    with Testee(CONTROL) as testee:
        lines = list(run_cases(testee, [TEXT]))
    assert lines[0]["outcome"] == "inconclusive"
    (told,) = [line["message"] for line in lines if line["type"] == "verdict"]
    assert told.startswith("20 ")


def test_a_case_shows_its_finding() -> None:
    """As a failure of the requirement that it is about."""
    with Testee(wrong("decodes-per-chunk")) as testee:
        lines = list(run_cases(testee, [UNICODE]))
    assert lines[0]["outcome"] == "fail"
    (told,) = [line for line in lines if line["type"] == "verdict"]
    assert (told["requirement"], told["message"][:7]) == ("SSE-012", "one cut")


def test_what_does_not_show_again_is_no_failure() -> None:
    """It may be the machine, or a client that fails now and then: nobody can tell, and it says so."""
    with Testee(
        client("if self.seen == 1 and self.number % 12 == 10: raise ClientError('other', 'x')")
    ) as testee:
        lines = list(run_cases(testee, [UNICODE]))
    assert lines[0]["outcome"] == "inconclusive"
    (told,) = [line["message"] for line in lines if line["type"] == "verdict"]
    assert "it did not show again with the same cuts" in told
