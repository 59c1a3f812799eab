"""A server for the tests of a client: what the pytest fixture `gemini_server` gives.

    def test_every_event_reaches_the_user(gemini_server):
        gemini_server.plays("framing/unicode-by-byte")
        client = genai.Client(api_key=gemini_server.api_key, http_options={"base_url": gemini_server.url})
        got = client.interactions.create(model="gemini-3.5-flash", input="Hello", stream=True)
        gemini_server.delivered([event.model_dump() for event in got])

Without `plays` the reference server answers. When the test is over, everything that arrived is judged, and a
request that breaks a requirement fails the test; so does a test in which nothing arrived.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from conformance.errors import UsageRefused
from conformance.report.record import Line
from conformance.report.tally import Tally
from conformance.report.text import render_findings
from conformance.server import serving
from conformance.testees.case import Case, Expectation, Reply, read_cases
from conformance.testees.judging import KEYS, Miss, event_misses, leaks
from conformance.testees.played import Played
from conformance.testees.stage import Act, Stage
from conformance.wire.trace import parse_json

__all__ = ["GeminiServer", "Theatre", "bare_case", "theatre", "wire_lines"]

_RED = ("error", "fail", "untestable")


def bare_case(name: str, replies: Sequence[Reply] = (Reply(),)) -> Case:
    """A case of which only the answers are known: calls are made by whoever likes."""
    return Case(
        id=name,
        title=name,
        judges=KEYS,
        catches=(),
        needs=frozenset(),
        operation="create",
        stream=False,
        arguments={},
        replies=tuple(replies),
        expect=Expectation(ending="any"),
    )


class Theatre:
    """The server of one process, and the stage on which every test has its act."""

    def __init__(self, stage: Stage, url: str) -> None:
        self._stage = stage
        self._url = url
        self._numbers = count(1)

    def server(self) -> "GeminiServer":
        """Give the server as one test sees it, with a key of its own."""
        return GeminiServer(self._stage, self._url, f"test-key-{next(self._numbers)}")


@contextmanager
def theatre(seed: int = 7) -> Iterator[Theatre]:
    """Open a server on loopback, for as long as the block lasts."""
    stage = Stage(seed)
    with serving(answering=stage) as server:
        yield Theatre(stage, server.url)


class GeminiServer:
    """What one test sees of the server.

    url: the origin, such as http://127.0.0.1:40213, to which a client adds /v1beta/interactions.
    api_key: the key of this test, and of no other.
    """

    def __init__(self, stage: Stage, url: str, api_key: str) -> None:
        self.url = url
        self.api_key = api_key
        self._stage = stage
        self._act = stage.open(bare_case("test"), api_key)

    def plays(self, case_id: str) -> None:
        """Answer from now on as in a client case; `gemini-conformance client -v` lists them.

        Raises:
            UsageRefused: there is no such case.
        """
        cases = {case.id: case for case in read_cases()}
        if case_id not in cases:
            from difflib import get_close_matches

            near = get_close_matches(case_id, cases, 1)
            hint = (
                f"Did you mean {near[0]}?" if near else "Their names stand in gemini-conformance client -v."
            )
            raise UsageRefused(f"there is no client case {case_id}", hint)
        self._act.case = bare_case(case_id, cases[case_id].replies)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What arrived: method, path with its query, headers by lower-case name, and the JSON of the body."""
        return [
            {
                "method": one.request.method,
                "path": one.request.url,
                "headers": {name.lower(): value for name, value in one.request.headers or ()},
                "json": one.asked,
            }
            for one in self._act.seen
        ]

    @property
    def events(self) -> list[Any]:
        """The events of the last answer, as they were sent; empty where it was no stream."""
        return self._act.seen[-1].events if self._act.seen else []

    @property
    def answer(self) -> Any:
        """The JSON of the last answer; None where it had none."""
        return parse_json(self._act.seen[-1].sent) if self._act.seen and not self.events else None

    @property
    def text(self) -> str:
        """The text of the last answer."""
        if self.events:
            deltas = [event.get("delta") or {} for event in self.events if isinstance(event, dict)]
            return "".join(delta["text"] for delta in deltas if delta.get("type") == "text")
        steps = self.answer.get("steps", []) if isinstance(self.answer, dict) else []
        content = [block for step in steps if step["type"] == "model_output" for block in step["content"]]
        return "".join(block["text"] for block in content if block["type"] == "text")

    def delivered(self, events: Sequence[Any]) -> None:
        """Assert that a client has handed over the events that were sent: none lost, added or changed."""
        found = event_misses(self.events, list(events))
        problems = [one.message for one in found if isinstance(one, Miss)]
        assert not problems, "\n".join(problems)

    def problems(self) -> str:
        """Judge what arrived; give what a person reads, and nothing where all is well."""
        self._stage.close(self._act)
        if not self._act.seen:
            strays = len(self._stage.strays)
            with_others = f" ({strays} arrived with another key)" if strays else ""
            return f"no request arrived at {self.url} with the key of this test{with_others}"
        return _red(wire_lines(self._act))


def wire_lines(act: Act, *, told: str = "") -> list[Line]:
    """Judge what a client sent, and where its key went; give the lines of the record.

    told: what its program printed.
    """
    played = Played(act.case, act.key)
    played.add(act, leaks(act, told, ""))
    lines, _ = played.lines()
    return lines


def _red(lines: Iterable[Line]) -> str:
    """Give what is red as text; empty where nothing is."""
    tally = Tally.of(lines)
    tally.findings = {key: found for key, found in tally.findings.items() if key[0] in _RED}
    return "\n".join(render_findings(tally)) if tally.findings else ""
