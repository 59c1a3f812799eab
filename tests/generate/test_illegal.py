"""One edge of a stream is broken, and the judge says which: it is closed against its own grammar."""

import json

import pytest
from hypothesis import given

from conformance import judge
from conformance.contract.registry import registry
from conformance.generate import EDGES, Edge, Illegal, illegal_streams
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.trace import Trace
from tests.generate.effort import EXAMPLES, examples

_URL = "https://generativelanguage.googleapis.com/v1beta/interactions"


def _blamed(illegal: Illegal) -> set[str]:
    headers = (("content-type", "application/json"), ("x-goog-api-key", "test-key"))
    request = Request("POST", _URL, headers, json.dumps(illegal.request).encode())
    response = Response(200, (("content-type", "text/event-stream"),), illegal.body())
    return {verdict.requirement for verdict in judge(Trace.of([Exchange(request, response)])).findings}


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.name)
def test_the_judge_names_the_edge(edge: Edge) -> None:
    """Every example breaks one of the requirements that the edge names, and the judge says so."""

    @examples(EXAMPLES // 30)
    @given(illegal_streams([edge.name]))
    def hold(illegal: Illegal) -> None:
        assert _blamed(illegal) & set(edge.requirements), illegal.text

    hold()


@examples(EXAMPLES)
@given(illegal_streams())
def test_no_illegal_stream_passes(illegal: Illegal) -> None:
    """Of all edges together, with steps of all kinds around them."""
    assert _blamed(illegal) & set(illegal.edge.requirements), (illegal.edge.name, illegal.text)


def test_edges_are_many_and_name_what_exists() -> None:
    """Names are unique, and requirements stand in the registry."""
    assert len(EDGES) >= 25
    assert len({edge.name for edge in EDGES}) == len(EDGES)
    assert {name for edge in EDGES for name in edge.requirements} <= registry().keys()
