"""Drawn requests are such as a right service takes, and reach all that such a request can hold."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from conformance import judge
from conformance.contract.coverage import Coverage, Sort, points
from conformance.contract.store import contract
from conformance.generate import requests
from conformance.generate.excluded import EXCLUDED, excluded
from conformance.generate.topics import TOPICS
from conformance.server.service import Service
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.trace import Trace
from tests.generate.effort import EXAMPLES, examples
from tests.generate.stock import accepts

NAME = "interactions/create_request"
URL = "https://generativelanguage.googleapis.com/v1beta/interactions"
HEADERS = (("content-type", "application/json"), ("x-goog-api-key", "test-key"))


def _answered(body: dict[str, Any]) -> Exchange:
    request = Request("POST", URL, HEADERS, json.dumps(body, ensure_ascii=False).encode())
    answer = Service(seed=7).answer(request)
    return Exchange(request, Response(answer.status, answer.headers, b"".join(answer.writes)))


def members(value: Any) -> int:
    """Count the members of all objects in a value."""
    match value:
        case dict():
            return len(value) + sum(map(members, value.values()))
        case list():
            return sum(map(members, value))
    return 0


@examples(EXAMPLES)
@given(requests())
def test_requests_are_right_and_taken(body: dict[str, Any]) -> None:
    """By our schemas without drift, by a stock validator, by the judge of clients, by our server."""
    found = contract().validate(NAME, body)
    assert (found.problems, found.drift) == ([], [])
    assert accepts(NAME, body)

    exchange = _answered(body)
    assert exchange.response is not None
    assert exchange.response.status == 200, exchange.response.body
    assert judge(Trace.of([exchange]), parties=("client",)).findings == []


@examples(100)
@given(requests(model="gemini-3.5-flash", stream=True, background=True))
def test_what_is_named_is_the_same_in_all(body: dict[str, Any]) -> None:
    """The model, the stream, the background, which needs a stored interaction."""
    assert (body["model"], body["stream"], body["background"]) == ("gemini-3.5-flash", True, True)
    assert body.get("store") is not False


@examples(100)
@given(requests(stream=False, background=False, history=False))
def test_what_is_refused_by_name_is_not_there(body: dict[str, Any]) -> None:
    """No stream, nothing in the background, no step of a model."""
    assert not body.get("stream")
    assert not body.get("background")
    said = body["input"] if isinstance(body["input"], list) else []
    assert {item["type"] for item in said} <= {"user_input", "text", "image", "audio", "document", "video"}


@examples(20)
@given(requests(model="deep-research-preview-04-2026"))
def test_an_agent_is_asked_as_it_has_to_be(body: dict[str, Any]) -> None:
    """Deep Research runs in the background and takes no functions."""
    assert body["agent"] == "deep-research-preview-04-2026"
    assert body["background"] is True
    assert "function" not in [tool["type"] for tool in body.get("tools", ())]


def _reached(number: int) -> tuple[Coverage, float]:
    """What so many requests reach, and how many members they have in the mean."""
    branches: set[tuple[str, str | tuple[str, ...]]] = set()
    sizes: list[int] = []

    @examples(number)
    @given(requests())
    def collect(body: dict[str, Any]) -> None:
        branches.update(contract().validate(NAME, body).branches)
        sizes.append(members(body))

    collect()
    return Coverage.of(branches, (NAME,)), sum(sizes) / len(sizes)


def _possible() -> Iterator[tuple[str, Sort, str]]:
    for place, sorts in points((NAME,)).items():
        for sort, names in sorts.items():
            yield from ((place, sort, name) for name in names if not excluded(place, sort, name))


def _missing(coverage: Coverage) -> list[tuple[str, Sort, str]]:
    return [point for point in _possible() if point[2] in coverage.never(point[0], point[1])]


def test_few_requests_reach_nearly_all() -> None:
    """Eight in ten of what a request can hold, in requests of fifteen members and more."""
    coverage, size = _reached(300)

    assert len(_missing(coverage)) <= 0.2 * len(list(_possible()))
    assert size >= 15


@examples(20)
@given(st.sampled_from(sorted(points((NAME,)))).flatmap(lambda place: requests(reach=[place])))
def test_requests_can_be_led_to_any_place(body: dict[str, Any]) -> None:
    """Also to those that lie within a schema."""
    assert body["input"]


@pytest.mark.slow
@pytest.mark.parametrize("place", sorted(points((NAME,))))
def test_no_place_is_beyond_reach(place: str) -> None:
    """Whatever a run may ask for can be asked for."""
    assert find(requests(reach=[place]), lambda _: True, settings=examples(5))


def test_requests_are_led_to_what_is_asked_for() -> None:
    """A place that few requests have is in more of them."""
    places = ("interactions/tool_retrieval", "interactions/rag_store_config")
    counts = []
    for reach in ((), places):
        seen = 0

        @examples(80)
        @given(requests(reach=reach))
        def count(body: dict[str, Any]) -> None:
            nonlocal seen
            seen += any(tool["type"] == "retrieval" for tool in body.get("tools", ()))

        count()
        counts.append(seen)
    assert counts[1] > 1.5 * counts[0]


@pytest.mark.slow
def test_three_thousand_requests_reach_everything() -> None:
    """Every kind, word and optional member, both ways, but for what is excluded with a reason."""
    assert _missing(_reached(3000)[0]) == []


def test_what_is_excluded_is_never_drawn() -> None:
    """An entry that is drawn after all is struck off; one that the schemas do not have is a slip."""
    coverage, _ = _reached(400)
    seen = [
        (place, sort, name)
        for place, sorts in coverage.seen.items()
        for sort, names in sorts.items()
        for name in names
        if excluded(place, sort, name)
    ]
    assert seen == []
    for entry in EXCLUDED:
        places = [
            sorts for place, sorts in points((NAME,)).items() if place.partition("#")[0] == entry.schema
        ]
        assert places, entry
        assert entry.sort is None or any(set(entry.names) <= set(one.get(entry.sort, ())) for one in places)


def _tool(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return next((tool for tool in body.get("tools", ()) if tool["type"] == kind), {})


@pytest.mark.parametrize(
    ("wanted", "simplest"),
    [
        (lambda body: True, {"model": "gemini-3.5-flash", "input": "Hello"}),
        (lambda body: body.get("stream") is True, {"stream": True}),
        (lambda body: "labels" in body, {"labels": {"team": "blue"}}),
        (lambda body: _tool("google_search", body), {"tools": [{"type": "google_search"}]}),
        (
            lambda body: _tool("file_search", body),
            {"tools": [{"type": "file_search", "file_search_store_names": ["fileSearchStores/handbooks"]}]},
        ),
        (lambda body: body.get("store") is False, {"store": False}),
    ],
)
def test_a_request_shrinks_to_what_is_wanted(wanted: Any, simplest: dict[str, Any]) -> None:
    """What hypothesis shows in the end has the member in question, and what every request needs."""
    found = find(requests(), lambda body: bool(wanted(body)), settings=examples(600))

    rest = {name: found[name] for name in found if name != "input"}
    assert rest == {"model": "gemini-3.5-flash", **{k: v for k, v in simplest.items() if k != "input"}}
    assert found["input"] in [text for text, _ in TOPICS]


def test_a_function_shrinks_to_its_name() -> None:
    """Nothing else is declared, and nothing is said of it."""
    found = find(requests(), lambda body: bool(_tool("function", body)), settings=examples(600))

    assert found["tools"] == [{"type": "function", "name": "get_current_temperature"}]
    assert members(found) == 5
