"""The order of events in a stream, in the letters of its grammar."""

import pytest

from conformance.judge.judge import judge
from conformance.judge.stream import (
    created_comes_first,
    deltas_belong_to_an_open_step,
    done_closes_the_stream,
    each_step_has_its_own_index,
    indices_count_up,
    started_steps_stop_once,
    the_end_is_told,
)
from tests.miniatures import stream


@pytest.mark.parametrize(
    "letters",
    [
        "C U S0 D0 P0 F Z",
        "C U F Z",
        "C S0 D0 P0 F Z",
        "C U S0 D0 U D0 P0 U S1 D1 P1 F Z",
        "C U S0 P0 F Z",
        "C U S0 S1 D1 D0 P1 P0 F Z",
        "E",
        "C E",
        "C U S0 D0 E Z",
    ],
)
def test_the_grammar_is_clean(letters: str) -> None:
    """Steps may overlap, have no deltas or be missing; a failure may come at any time."""
    report = judge(stream(letters))

    assert report.findings == []
    assert report.judged


def test_a_delta_after_its_step_stopped_is_broken() -> None:
    """The verdict points at the late delta and names the steps that were open."""
    *before, late = deltas_belong_to_an_open_step(stream("C S0 D0 P0 S1 D0 P1 F"))

    assert [verdict.outcome for verdict in before] == ["pass"]
    assert (late.outcome, late.event, late.pointer) == ("fail", 5, "/index")
    assert late.message == "step 0 is not open (open: 1)"


def test_a_step_that_stops_before_it_starts_is_broken() -> None:
    """One stop is not enough: it has to come after the start."""
    (verdict,) = started_steps_stop_once(stream("C P0 S0 F"))

    assert (verdict.event, verdict.message) == (1, "step 0 stops before it starts")


def test_steps_need_not_stop_in_a_stream_that_failed() -> None:
    """After an error nothing more is owed."""
    assert list(started_steps_stop_once(stream("C S0 D0 E"))) == []


def test_a_number_that_is_left_out_is_told() -> None:
    """The verdict points at the start that has the wrong number."""
    first, second = indices_count_up(stream("C S0 P0 S2 P2 F"))

    assert first.outcome == "pass"
    assert (second.event, second.message) == (3, "step 1 in order of start is numbered 2")


def test_a_second_start_under_one_index_is_broken() -> None:
    """Also when the first step has stopped already."""
    (verdict,) = each_step_has_its_own_index(stream("C S0 P0 S0 P0 F"))

    assert (verdict.event, verdict.message) == (3, "2 steps start under index 0")


@pytest.mark.parametrize(
    ("letters", "cut", "says"),
    [
        ("C U S0 D0", "", "the stream ends after step.delta"),
        ("C U S0 D0", "the connection was reset", "the connection was reset after step.delta"),
        ("C U", "", "the stream ends after interaction.status_update"),
    ],
)
def test_a_stream_without_an_end_tells_where_it_stopped(letters: str, cut: str, says: str) -> None:
    """A cut connection is told apart from a server that stops talking."""
    (verdict,) = the_end_is_told(stream(letters, cut=cut))

    assert verdict.outcome == "fail"
    assert verdict.message == f"{says} with neither interaction.completed nor error"


@pytest.mark.parametrize(
    ("letters", "late"), [("C F U", 2), ("C E U", 2), ("C F F", 2), ("C F Z U", 3), ("C Z F U", 3)]
)
def test_nothing_follows_the_end(letters: str, late: int) -> None:
    """The verdict points at the first event after it; the frame that says [DONE] is none."""
    (verdict,) = the_end_is_told(stream(letters))

    assert (verdict.outcome, verdict.event) == ("fail", late)


def test_a_stream_that_fails_at_once_needs_no_created() -> None:
    """There is no interaction to describe."""
    assert list(created_comes_first(stream("E"))) == []


def test_done_is_judged_only_where_the_frames_were_kept() -> None:
    """A recording of bare payloads has lost the frame that says [DONE]."""
    assert [verdict.outcome for verdict in done_closes_the_stream(stream("C F"))] == ["fail"]
    assert list(done_closes_the_stream(stream("C F", framed=False))) == []
