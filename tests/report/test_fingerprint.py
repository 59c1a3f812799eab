"""What a message says without its values: the same for other values, another one for another fault."""

import re
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conformance.contract.places import folder
from conformance.report.fingerprint import fingerprint
from conformance.testees.judging import Miss, event_misses

SAID = sorted(
    {
        violation["says"]
        for path in folder("violations").glob("*.yaml")
        if "says" in (violation := yaml.safe_load(path.read_bytes()))
    }
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('event 3 of 10 is lost: {"index": 1, "delta": {"type": "te…', "event # of # is lost: …"),
        (
            'event 1 is {"a": [1, "}"]}, and the client gives {"a": "it\'s {"}',
            "event # is …, and the client gives …",
        ),
        (
            "the error has the status 503, and the user is told None and 'it\\'s \"x\"'",
            "the error has the status #, and the user is told None and …",
        ),
        ("click needed a person's consent; none of the user's", None),
        ("the member 'summary' is missing", None),
        (
            "POST http://127.0.0.1:4711/v1/interactions?x=it's is no get",
            "POST … is no get",
        ),
        ("/0/type does not fit: 'pink' is not one of ['red', 'blue']", "# does not fit: … is not one of …"),
        ("no call step has the id 'x0' (ids: k3q9w2zt, b2, c3)", "no call step has the id … (ids: #)"),
        ("updated 2026-06-02T09:14:59Z is 1.5 s late.", "updated # is # s late."),
        ("step 1 is not open (open: none)", "step # is not open (open: none)"),
        ("'a' is not declared (declared: 'b', 'c')", "… is not declared (declared: …)"),
        ('expected a string, found "a very long te…"', "expected a string, found …"),
        ("the user is told 'never closed", "the user is told …"),
        ("two\n lines", "two lines"),
    ],
)
def test_values_are_left_out_and_words_stay(message: str, expected: str | None) -> None:
    """None: the message has no values."""
    assert fingerprint(message) == (message if expected is None else expected)


def test_the_messages_of_the_project_are_found() -> None:
    """A test of nothing would pass."""
    assert len(SAID) > 250


@pytest.mark.parametrize("message", SAID)
def test_other_values_are_the_same_fault(message: str) -> None:
    """Other digits, and other text in quotes, in every message that a check of ours gives."""
    digits = re.sub(r"\d", lambda found: str(9 - int(found[0])), message)
    quoted = re.sub(r"(?<![\w\\])(?<!member )'(?:[^'\\]|\\.)*'(?!\w)", "'Some other [text, 1'", message)
    assert fingerprint(digits) == fingerprint(message)
    assert fingerprint(quoted) == fingerprint(message)


def test_other_words_are_another_fault() -> None:
    """All messages of the project without a value in them stay apart, and each keeps words."""
    plain = [message for message in SAID if not re.search(r"['\"\d]", message)]
    assert len(plain) > 100
    assert len({fingerprint(message) for message in plain}) == len(plain)
    prints = {fingerprint(message) for message in SAID}
    assert [one for one in prints if len(re.findall(r"[a-z]{2,}", one)) < 2] == []
    assert fingerprint("expected a string, found 7") != fingerprint("expected a string, found an array")
    assert fingerprint("the member 'type' is missing") != fingerprint("the member 'text' is missing")


EVENT = st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text()))


@given(st.lists(EVENT, min_size=2, max_size=20))
def test_what_was_lost_does_not_count(events: list[dict[str, object]]) -> None:
    """Whatever an event holds, however long: its loss reads the same."""
    found = event_misses([{"x": 1}, *events], [{"x": 1}])
    told = {fingerprint(one.message) for one in found if isinstance(one, Miss)}
    assert told <= {"event # of # is lost: …"}


SCRAPS = st.sampled_from(["'", '"', "…", "#", "\\", "[", "{", "}", "]", ", ", " ", "a", "1", ":", "://", "."])


@given(st.text() | st.lists(SCRAPS).map("".join) | st.lists(st.sampled_from(SAID) | SCRAPS).map("".join))
def test_a_fingerprint_is_its_own(text: str) -> None:
    """So a list may hold the message or what was made of it."""
    assert fingerprint(fingerprint(text)) == fingerprint(text)


@pytest.mark.parametrize(
    "make", [lambda n: "a" * n, lambda n: "{'" * n, lambda n: "'a " * n, lambda n: "[" * n]
)
def test_long_messages_take_no_time(make: Callable[[int], str]) -> None:
    """Nothing in it looks back again and again; quadratic work on this would take minutes."""
    assert fingerprint(make(200_000))
