"""The awkward server keeps the contract, does all that it says, and keeps honest books."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from conformance.errors import TargetUnreachable
from conformance.scenario.target import HttpTarget
from conformance.wire.exchange import Exchange, Request, header
from conformance.wire.trace import Call, Trace
from tests.live.awkward import QUIET, Awkward, awkward
from tests.live.clock import FakeClock
from tests.live.day import played_day, scenarios
from tests.live.novelties import MEMBERS, WORDS

AWFUL = {
    "limited": 0.06,
    "unavailable": 0.03,
    "dropped": 0.04,
    "slow_s": 0.001,
    "breaks_off": 0.05,
    "new_members": 0.3,
    "new_words": 0.3,
}
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}
ASK = {"model": "gemini-3.5-flash", "input": "Hello"}
ASK_WEATHER = {"model": "gemini-3.5-flash", "input": "What is the weather in Oslo?", "tools": [WEATHER]}
HEADERS = (("x-goog-api-key", "k"), ("content-type", "application/json"))


class Asking:
    """A client that asks for one thing at a time."""

    def __init__(self, server: Awkward, clock: FakeClock, target: HttpTarget) -> None:
        self.server, self.clock, self._target = server, clock, target

    def send(self, method: str, path: str = "", body: Any = None) -> Exchange:
        content = b"" if body is None else json.dumps(body).encode()
        url = f"{self.server.url}/v1beta/interactions{path}"
        return self._target.send(Request(method, url, HEADERS, content))

    def create(self, body: Any = ASK, **more: Any) -> Call:
        return Trace.of([self.send("POST", "", body | more)]).calls[0]

    def status(self) -> int | None:
        return self.create().status

    @property
    def kinds(self) -> tuple[str, ...]:
        return self.server.log[-1].kinds


@contextmanager
def asking(seed: int = 0, **rates: float) -> Iterator[Asking]:
    """Ask a server that is awkward in these ways alone."""
    clock = FakeClock()
    with (
        awkward(seed, clock, **QUIET | rates) as server,
        HttpTarget(server.url, key="k", timeout_s=10) as target,
    ):
        yield Asking(server, clock, target)


@pytest.mark.parametrize("seed", range(3))
def test_a_bad_day_breaks_no_contract(seed: int) -> None:
    """Whatever happens, the judge blames the server only for answers that end in the middle."""
    counts: Counter[str] = Counter()
    with awkward(seed, FakeClock(), **AWFUL) as server:
        for told in played_day(server, rounds=3):
            assert told.adverse() == []
            counts.update(verdict.outcome for verdict in told.report.findings)
    assert counts["inconclusive"] > 50
    assert counts["fail"] > 0, "answers that were cut off are told"


def test_a_quiet_day_has_no_findings_at_all() -> None:
    """With everything off it is the reference server."""
    with awkward(3, FakeClock(), **QUIET) as server:
        days = list(played_day(server))
        assert [told.played.scenario.id for told in days if told.report.findings or told.report.drift] == []
        assert len(days) == len(scenarios()) > 50
        assert server.counts == {}


def test_every_awkwardness_occurs_in_a_few_rounds() -> None:
    """The log has a word for each."""
    with awkward(4, FakeClock(), **AWFUL) as server:
        assert sum(1 for _ in played_day(server, rounds=6)) > 300
        counts = server.counts
    wanted = """reworded reordered unthinking slow limited unavailable early front_end list framed
        ignored_tools retry_after_seconds retry_after_date dropped_before dropped_in_the_middle broken_off"""
    wanted_kinds = {kind.replace("_", " ") for kind in wanted.split()}
    assert wanted_kinds | {f"new {name}" for name in {*MEMBERS, *WORDS}} == set(counts)


def test_everything_new_is_told_as_drift() -> None:
    """Each name that went out is drift at that very exchange, and nothing else is."""
    with awkward(5, FakeClock(), **QUIET | {"new_members": 0.5, "new_words": 0.5}) as server:
        names = Counter[str]()
        for told in played_day(server, rounds=4):
            assert told.adverse() == []
            sent = {
                (at, kind.removeprefix("new "))
                for at, entry in enumerate(told.entries)
                for kind in entry.kinds
                if kind.startswith("new ")
            }
            assert {(seen.place.exchange, seen.name) for seen in told.report.drift} == sent
            names.update(name for _, name in sent)
    assert names.keys() == {*MEMBERS, *WORDS}


def test_no_scenario_is_satisfied_with_its_words_by_luck() -> None:
    """What `says` waits for is in no answer of a model, though its tools and statuses are as expected."""
    with awkward(6, FakeClock(), **QUIET | {"rewords": 1}) as server:
        for told in played_day(server, rounds=3):
            missed = {miss.call for miss in told.played.misses if "does not match" in miss.message}
            answered = {call.exchange.name for call in told.played.trace.calls}
            due = {call.name for call in told.played.scenario.calls if call.expect.says is not None}
            assert missed == due & answered


def test_the_same_seed_is_the_same_day() -> None:
    """Two runs have one log, and another seed has another."""
    logs = []
    for seed in (7, 7, 8):
        with awkward(seed, FakeClock(), **AWFUL) as server:
            assert sum(1 for _ in played_day(server)) > 40
            logs.append(server.log)
    assert logs[0] == logs[1]
    assert logs[0] != logs[2]


def test_a_rate_limit_ends_when_its_time_is_over() -> None:
    """Whoever waits as asked is early never."""
    hints = set()
    for seed in range(8):
        with asking(seed, limited=1) as one:
            told = one.create()
            assert told.status == 429
            value = header(told.exchange.response.headers, "retry-after") if told.exchange.response else ""
            hints.add(value.isdecimal() if value else None)
            assert value
            wait = (
                float(value)
                if value.isdecimal()
                else (parsedate_to_datetime(value) - one.clock.today()).total_seconds()
            )
            assert 0 < wait <= 42
            one.clock.sleep(wait)
            one.create()
            assert one.server.early == 0
    assert hints == {True, False}


def test_a_rate_limit_ends_after_some_requests_too() -> None:
    """So a client that waits for nothing gets on; that it was early is in the books."""
    with asking(1, limited=0.2) as one:
        statuses = [one.status() for _ in range(200)]
        assert set(statuses) == {200, 429}
        assert one.server.early == one.server.counts["early"] > 3
        assert one.server.counts["limited"] == statuses.count(429)


def test_overload_comes_in_bursts() -> None:
    """Two to four in a row, unless it is waited for."""
    with asking(2, unavailable=0.05) as one:
        statuses = "".join("x" if one.status() == 503 else " " for _ in range(200))
    bursts = statuses.split()
    assert len(bursts) > 5
    assert min(map(len, bursts)) >= 2


@pytest.mark.parametrize(("rate", "status"), [("quota", 429), ("expires", 400)])
def test_a_quota_and_a_key_end_for_good(rate: str, status: int) -> None:
    """Time mends neither."""
    with asking(**{rate: 3}) as one:
        assert [one.status() for _ in range(3)] == [200] * 3
        for _ in range(5):
            one.clock.sleep(100_000)
            told = one.create()
            assert told.status == status
            assert one.kinds == (("expired" if status == 400 else rate),)
    if status == 400:
        assert told.answered["error"]["message"].startswith("API key expired")
        assert told.answered["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    else:
        assert "limit: 3 requests per day" in told.answered["error"]["message"]


def test_whoever_has_no_key_is_told_so_whatever_the_day() -> None:
    """The front end looks at the key first."""
    with asking(limited=1) as one, HttpTarget(one.server.url, key="", timeout_s=10) as target:
        url = f"{one.server.url}/v1beta/interactions"
        exchange = target.send(Request("POST", url, (), json.dumps(ASK).encode()))
        assert exchange.response is not None
        assert exchange.response.status == 403


def test_a_slow_answer_is_slow() -> None:
    """In real time, since a socket waits for it."""
    with asking(slow=1, slow_s=0.1) as one:
        begun = time.monotonic()
        assert one.status() == 200
        assert time.monotonic() - begun >= 0.1


def test_a_client_may_leave_before_a_slow_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """It is answered to nobody, and whoever comes next is served."""
    with asking(slow=1, slow_s=0.05, dropped=0.9) as one:
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", int(one.server.url.rpartition(":")[2]))) as peer:
                peer.sendall(
                    b"GET /v1beta/interactions/v1_a HTTP/1.1\r\nHost: h\r\nx-goog-api-key: k\r\n\r\n"
                )
        time.sleep(0.2)
        assert one.server.requests == 10
        assert {entry.status for entry in one.server.log} == {404}
    assert capsys.readouterr().err == ""


def test_a_dropped_connection_is_dropped_before_or_in_the_middle() -> None:
    """Half of them before the response begins, and what was made then is nobody's to delete."""
    came = Counter[str]()
    with asking(9, dropped=1) as one:
        for number in range(40):
            try:
                told = one.create(stream=number % 2 == 0)
            except TargetUnreachable:
                came["before"] += 1
                assert one.kinds == ("dropped before",)
                assert one.server.log[-1].interaction in one.server.untold
            else:
                came["middle"] += 1
                assert told.exchange.response is not None
                assert told.exchange.response.cut
                assert one.kinds == ("dropped in the middle",)
                known = one.server.log[-1].interaction.encode() in told.exchange.response.body
                assert known != (one.server.log[-1].interaction in one.server.untold)
    assert min(came["before"], came["middle"]) > 10


def test_a_stream_that_breaks_off_ends_in_an_error() -> None:
    """It began well, and says no more after the error."""
    with asking(breaks_off=1) as one:
        told = one.create(stream=True)
        assert told.stream is not None
        assert told.stream.payloads[0].type == "interaction.created"
        assert told.stream.payloads[-1].type == "error"


@pytest.mark.parametrize("tool_choice", ["any", {"allowed_tools": {"mode": "any", "tools": ["get_weather"]}}])
def test_a_forced_call_is_made_on_the_worst_day(tool_choice: Any) -> None:
    """The contract says so; where nothing is forced, the tool is ignored."""
    with asking(ignores_tools=1, ignores_insistence=1, rewords=1) as one:
        assert one.create(ASK_WEATHER).steps[-1]["type"] == "model_output"
        assert one.kinds == ("ignored tools", "reworded")
        forced = one.create(ASK_WEATHER, generation_config={"tool_choice": tool_choice})
        assert forced.steps[-1]["type"] == "function_call"


@pytest.mark.parametrize(
    "more",
    [
        {"input": "What is the weather in Oslo? Call the function get_weather; do not answer without it."},
        {"system_instruction": "Call the function get_weather; do not answer without it."},
    ],
)
def test_insistence_helps(more: dict[str, str]) -> None:
    """In the input or in the system instruction: ignored a third as often."""
    with asking(11, ignores_tools=0.3, ignores_insistence=0.1) as one:
        plain = [one.create(ASK_WEATHER).steps[-1]["type"] for _ in range(300)].count("function_call")
        firm = [one.create(ASK_WEATHER, **more).steps[-1]["type"] for _ in range(300)].count("function_call")
    assert 180 < plain < 240
    assert 250 < firm < 290


def test_insisting_on_a_search_is_heard() -> None:
    """The words that ask for Google are no less clear."""
    search = ASK | {"tools": [{"type": "google_search"}]}
    with asking(ignores_tools=1) as one:
        assert [step["type"] for step in one.create(search).steps] == ["thought", "model_output"]
        firm = one.create(search, input="Hello. Search with Google for it; do not answer without it.")
        assert "google_search_call" in [step["type"] for step in firm.steps]


def test_it_thinks_or_not_and_orders_its_steps_as_it_likes() -> None:
    """Both orders of a search, with a thought and without."""
    search = {
        "model": "gemini-3-flash-preview",
        "input": "Who won the euro 2024?",
        "tools": [{"type": "google_search"}],
    }
    with asking(12, unthinking=0.5, reorders=0.5) as one:
        orders = {tuple(step["type"] for step in one.create(search).steps) for _ in range(40)}
    searched, said = ("google_search_call", "google_search_result"), ("model_output",)
    assert orders == {
        (*searched, "thought", *said),
        (*searched, *said),
        ("thought", *said, *searched),
        (*said, *searched),
    }


def test_what_it_sent_may_be_sent_back() -> None:
    """A service takes its own members and steps in a history, though no document knows them."""
    with asking(13, new_members=1, new_words=1, rewords=1) as one:
        for _ in range(30):
            steps = one.create(store=False).steps
            told = {"type": "user_input", "content": [{"type": "text", "text": "And now?"}]}
            asked = {"type": "user_input", "content": [{"type": "text", "text": "Hello"}]}
            assert one.create(input=[asked, *steps, told], store=False).status == 200
        assert {"new memory_lookup", "new confidence_band"} <= one.server.counts.keys()


def test_what_is_deleted_is_no_longer_stored() -> None:
    """The server's own books say what is left behind."""
    with asking() as one:
        ids = [str((one.create().interaction or {})["id"]) for _ in range(3)]
        one.create(store=False)
        assert one.server.stored == set(ids)
        one.send("DELETE", f"/{ids[1]}")
        assert one.server.stored == {ids[0], ids[2]}
        assert one.server.untold == set()
        assert [entry.interaction for entry in one.server.log] == [*ids, "", ""]


def test_tokens_are_counted_once_an_interaction() -> None:
    """In bodies and streams, stored or not, and reading again costs nothing."""
    with asking(rewords=1) as one:
        told = [one.create(), one.create(stream=True), one.create(store=False), one.create(store=False)]
        tokens = [(call.interaction or {})["usage"]["total_tokens"] for call in told]
        one.send("GET", f"/{(told[0].interaction or {})['id']}")
        assert one.server.tokens_told == one.server.tokens_spent == sum(tokens)


def test_books_add_up_when_many_ask_at_once() -> None:
    """Each request is in the log once, and no id is given twice."""
    with awkward(14, FakeClock(), **AWFUL | {"dropped": 0}) as server:
        threads = [
            threading.Thread(target=lambda key=f"key-{number}": list(played_day(server, key=key)))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        made = [entry.interaction for entry in server.log if entry.interaction]
        assert [entry.number for entry in server.log] == list(range(server.requests))
        assert server.requests > 400
        assert len(made) == len(set(made)) > 200
