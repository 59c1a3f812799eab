"""What recordings of others lack proves nothing: redacted values, and what was cut out by hand."""

from collections.abc import Iterator
from typing import Any

import pytest

from conformance.judge.judge import judge
from conformance.wire.exchange import Exchange
from conformance.wire.trace import Trace
from tests.judge.test_malformed import json_places
from tests.judge.test_violations import WRONG_ON_PURPOSE
from tests.miniatures import CONVERSATIONS, exchange_of, patched, trace_of

RIGHT = sorted(set(CONVERSATIONS) - WRONG_ON_PURPOSE)
IDENTITIES = {
    "id",
    "interaction_id",
    "previous_interaction_id",
    "event_id",
    "call_id",
    "signature",
    "data",
    "created",
}
STRIDE = 7
# An answer that was shortened differs from another that it is compared with.
COMPARED = {"IX-CANCEL-002", "IX-CREATE-037", "IX-GET-006", "IX-STREAM-050", "IX-TURN-001"}


def _redacted(value: Any, member: str = "") -> Any:
    """The value with stand-ins for what tells who or what it was."""
    match value:
        case dict():
            return {name: _redacted(inner, name) for name, inner in value.items()}
        case list():
            return [_redacted(inner, member) for inner in value]
        case str() if value and member in IDENTITIES:
            return "v1_REDACTED_1"
    return value


@pytest.mark.parametrize("name", RIGHT)
def test_stand_ins_are_not_judged(name: str) -> None:
    """Neither their form nor whose they are; all are alike, so nothing can be told apart."""
    assert judge(trace_of(_redacted(patched(name, [])))).findings == []


def _excerpts(name: str) -> Iterator[tuple[str, list[Exchange]]]:
    """The conversation without some value of an answer, again and again, each marked as shortened."""
    for place in [place for place in json_places(name) if "/response/" in place][::STRIDE]:
        if place.count("/") > 3:
            exchanges = patched(name, [{"op": "remove", "path": place}])
            yield place, [exchange_of({**exchange, "excerpt": True}) for exchange in exchanges]


@pytest.mark.parametrize("name", RIGHT)
def test_what_an_excerpt_leaves_out_is_not_missed(name: str) -> None:
    """Whatever it is."""
    for place, exchanges in _excerpts(name):
        found = {verdict.requirement for verdict in judge(Trace.of(exchanges)).findings}
        assert found <= COMPARED, place
