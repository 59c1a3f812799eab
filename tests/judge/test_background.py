"""What a conversation does not tell is not judged: other callers, other times, marks that nobody knows."""

import pytest

from conformance.judge.judge import judge
from tests.judge.outcomes import outcomes, put
from tests.miniatures import patched, trace_of

SONG = "https://generativelanguage.googleapis.com/v1beta/interactions/v1_TWluaWF0dXJlU29uZw"


def test_another_caller_sees_other_interactions() -> None:
    """A 404 for another key says nothing of what is stored, nor of what was deleted."""
    assert outcomes("IX-STORE-001", "stored_get") == ["pass"]
    assert not outcomes("IX-STORE-001", "stored_get", put("/1/request/headers/x-goog-api-key", "another-key"))
    assert not outcomes("IX-DEL-001", "background", put("/7/request/headers/x-goog-api-key", "another-key"))


def test_a_redacted_key_is_nobody_else() -> None:
    """Recordings replace keys one by one."""
    assert outcomes("IX-STORE-001", "stored_get", put("/1/request/headers/x-goog-api-key", "REDACTED_2")) == [
        "pass"
    ]


def test_an_interaction_of_which_nothing_is_known_is_notoutcomes() -> None:
    """Neither a get of it nor a cancel, when the create is not in the conversation."""
    begin = {"op": "remove", "path": "/0"}

    assert not outcomes("IX-STORE-001", "background", begin)
    assert not outcomes("IX-BG-009", "background_stream", begin)
    assert not outcomes("IX-CANCEL-002", "background_ends", begin)


def test_polls_may_miss_a_status() -> None:
    """A run that was queued may be seen next when it requires action or has ended."""
    report = judge(trace_of(patched("background", [{"op": "remove", "path": "/2"}])))

    assert not report.findings


def test_budget_exceeded_may_be_told_as_incomplete() -> None:
    """The newer word took the place of the older one."""
    changes = [
        put("/3/response/body/status", "budget_exceeded"),
        put("/4/response/body/status", "incomplete"),
    ]

    assert outcomes("IX-BG-005", "background", *changes) == ["pass"]


def test_what_was_cancelled_may_be_cancelled_again() -> None:
    """Only what ended by itself is judged."""
    again = {"op": "copy", "from": "/1", "path": "/3"}

    assert not outcomes(
        "IX-CANCEL-002", "background_ends", again, put("/3/response/body/status", "cancelled")
    )


@pytest.mark.parametrize("requirement", ["IX-BG-010", "HTTP-028"])
def test_a_mark_from_elsewhere_is_notoutcomes(requirement: str) -> None:
    """The client may have it from a stream that the conversation does not hold."""
    elsewhere = put("/1/request/url", f"{SONG}?stream=true&last_event_id=elsewhere")
    last = [{"op": "remove", "path": "/2"}] * 3

    assert not outcomes(requirement, "background_stream", elsewhere, *last)


def test_a_mark_of_several_events_is_notoutcomes() -> None:
    """The service may mark a chunk, and a chunk may hold more than one event."""
    twice = put("/0/response/events/6/event_id", "ZXY+Ng==")
    last = [{"op": "remove", "path": "/2"}] * 3

    assert not outcomes("IX-BG-010", "background_stream", twice, *last)


@pytest.mark.parametrize("told", ["1", "yes", "True"])
def test_other_spellings_of_a_flag_are_notoutcomes(told: str) -> None:
    """Services that speak proto JSON take some of them."""
    url = f"{SONG}?stream=true&include_input={told}"

    assert outcomes("IX-GET-004", "background_stream", put("/3/request/url", url)) in ([], ["pass"])


@pytest.mark.parametrize(
    "address",
    ["http://localhost:8000", "http://127.0.0.1", "http://10.0.0.7:1", "http://mock", "http://api.test"],
)
def test_servers_for_tests_may_be_plain(address: str) -> None:
    """Nobody listens between a client and its own machine."""
    url = f"{address}/v1beta/interactions"

    assert not outcomes("IX-AUTH-010", "text", put("/0/request/url", url))


def test_a_newer_revision_passes() -> None:
    """It may be the next one."""
    assert not outcomes("IX-REV-001", "access", put("/0/request/headers/api-revision", "2027-01-31"))
