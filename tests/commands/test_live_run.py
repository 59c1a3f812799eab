"""`run` against an endpoint that is not ours, as users start it: its cost, what ends it, what is left."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.cli import main
from conformance.commands import run as command
from conformance.contract.places import folder
from conformance.wire.exchange import Exchange, Request
from tests.badservers import Behaviour, closes_at_once, html_200, listening
from tests.live.clock import FakeClock
from tests.scenario.live.endpoint import Endpoint, Turn, busy, cut_off, right, says, without_tools

OURS = folder("scenarios") / "interactions"
KEY = "AIzaSyD-a-key-that-nobody-may-see-0001"
EXPIRED = says(400, b'{"error": {"code": 400, "message": "API key expired.", "status": "INVALID_ARGUMENT"}}')
NOT_FOUND = says(404, b'{"error": {"code": 404, "message": "Not found.", "status": "NOT_FOUND"}}')
LEGACY = says(
    200, b'{"id": "v1_a", "object": "interaction", "role": "model", "outputs": [], "status": "completed"}'
)


@dataclass(slots=True)
class Ran:
    """What a run gave: its exit code, what it printed, and the lines of its record."""

    code: int
    out: str
    err: str
    lines: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The lines of a kind."""
        return [line for line in self.lines if line["type"] == kind]

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome of each scenario."""
        return {
            line["subject"].partition("[")[0].rpartition("/")[2]: line["outcome"]
            for line in self.of("scenario")
        }

    @property
    def spent(self) -> dict[str, Any]:
        """What was spent."""
        (line,) = self.of("spent")
        return line


class Runner:
    """Calls the command with a clock that nobody waits for."""

    def __init__(self, capsys: pytest.CaptureFixture[str], clock: FakeClock) -> None:
        self.clock = clock
        self._capsys = capsys

    def __call__(self, url: str, *names: str, options: tuple[str, ...] = ()) -> Ran:
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        paths = [str(OURS / f"{name}.scenario.yaml") for name in names]
        record = Path("run.ndjson")
        given = [*paths, "--target", url, "--key-env", "A_KEY", "--record", str(record), *options]
        chosen = parser.parse_args(given)
        chosen.rest = []
        self._capsys.readouterr()
        try:
            code = command.run(chosen, self.clock)
        finally:
            said = self._capsys.readouterr()
            text = record.read_text(encoding="utf-8") if record.exists() else ""
            self.last = Ran(-1, said.out, said.err, [json.loads(line) for line in text.splitlines()])
        assert KEY not in said.out + said.err + text
        self.last.code = code
        return self.last


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs in an empty folder, with a key in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("A_KEY", KEY)
    return Runner(capsys, FakeClock())


@contextmanager
def endpoint(*turns: Turn | None, always: Turn | None = None) -> Iterator[tuple[str, Endpoint]]:
    """Serve a miniature; give its address and its books."""
    books = Endpoint(*turns, always=always)
    with listening(books.behave) as server:
        yield server.url, books


# What is refused before anything is sent.


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--target", "http://127.0.0.1:1", "--budget", "40"), "'40' is no part of a budget"),
        (("--target", "http://127.0.0.1:1", "--budget", "requests=0"), "'requests=0' is no part of a budget"),
        (("--budget", "requests=40"), "nothing is spent on our own server and cassettes"),
        (("--dry-run",), "nothing is spent on our own server and cassettes"),
        (
            ("--target", "embedded", "--budget", "requests=4"),
            "nothing is spent on our own server and cassettes",
        ),
        (
            ("--target", "http://127.0.0.1:1", "--budget", "requests=40", "-n", "2"),
            "a budget is kept by one process",
        ),
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(
    options: tuple[str, ...], sentence: str, run: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a sentence with a hint; exit code 2."""
    assert main(["run", *options]) == 2
    told = capsys.readouterr()
    first, hint = told.err.splitlines()
    assert first == f"gemini-conformance: {sentence}"
    assert hint.startswith("hint: ")
    assert told.out == ""


def test_a_dry_run_sends_nothing(run: Runner) -> None:
    """And tells what would be sent, in which order, and at what cost."""
    with endpoint() as (url, books):
        done = run(url, "text", "search", "file_search", options=("--dry-run", "--budget", "requests=4"))
    assert books.requests == []
    assert done.code == 0
    assert done.out.splitlines()[0] == "would be sent, in this order"
    assert "beyond the budget" in done.out
    assert "1 scenarios, " in done.out
    assert "of at most 4 requests; nothing was sent" in done.out
    assert "--have file_search_store=NAME" in done.out
    assert set(done.outcomes.values()) == {"not-applicable"}
    assert done.of("spent") == []


# What is spent.


def test_what_was_spent_is_in_the_record_and_the_text(run: Runner) -> None:
    """Held against the endpoint's own books; what was stored is deleted."""
    with endpoint(busy(429, "7")) as (url, books):
        done = run(url, "text", "turns", options=("--budget", "requests=40,tokens=50000"))
    assert done.code == 0
    assert done.outcomes == {"text": "pass", "turns": "pass"}
    assert done.spent["requests"] == len(books.requests) == 7
    assert done.spent["busy"] == {"429": 1}
    assert (done.spent["stored"], done.spent["left"], books.stored) == (3, [], set())
    assert run.clock.slept == [7.0]
    assert "spent: 7 of 40 requests, " in done.out
    assert "busy HTTP 429 ×1, 7 s waited" in done.out
    assert "3 of 3 stored interactions are gone again" in done.out
    assert "left behind" not in done.out
    assert f"waiting 7 s: {url} answers HTTP 429 with Retry-After: 7" in done.err


def test_what_does_not_fit_is_not_sent(run: Runner) -> None:
    """It is told, and what fits is judged."""
    with endpoint() as (url, books):
        done = run(url, "text", "turns", "stored_and_deleted", options=("--budget", "requests=5"))
    assert done.outcomes == {
        "text": "pass",
        "turns": "not-applicable",
        "stored_and_deleted": "not-applicable",
    }
    assert "not sent: it is beyond the budget" in {line["problem"] for line in done.of("scenario")}
    assert (len(books.requests), books.stored) == (2, set())


def test_a_budget_that_is_spent_in_mid_run_is_too_little_evidence(run: Runner) -> None:
    """Exit code 5; what was seen before is judged, and what is left behind is told."""
    with endpoint(*[None] * 3, always=busy(503)) as (url, books):
        done = run(url, "text", "turns", options=("--budget", "requests=8"))
    assert done.code == 5
    assert done.outcomes == {"text": "pass", "turns": "inconclusive"}
    assert done.spent["requests"] == len(books.requests) == 6
    assert "at the call ask: the budget is spent: 4 of 8 requests, 2 more are kept back" in done.out
    assert {one.method for one in books.requests[-2:]} == {"DELETE"}
    assert done.spent["left"] == sorted(books.stored)


def test_without_a_budget_a_url_has_no_limits(run: Runner) -> None:
    """What was spent is told all the same."""
    with endpoint() as (url, books):
        done = run(url, "text")
    assert done.code == 0
    assert done.spent["budget"] == {}
    assert f"spent: {len(books.requests)} requests, " in done.out


# What ends a run.


def one_sentence(done: Ran, sentence: str) -> None:
    """The sentence is printed once, though several scenarios end so."""
    assert done.out.count(sentence) == 1, done.out


def test_a_quota_that_is_spent_ends_the_run(run: Runner) -> None:
    """Exit code 5, one sentence, six requests."""
    with endpoint(always=busy(429)) as (url, books):
        done = run(url, "text", "turns", "search")
    assert done.code == 5
    assert len(books.requests) == 6
    assert set(done.outcomes.values()) == {"inconclusive"}
    one_sentence(done, f"{url} answers HTTP 429 to 6 tries of one request")


def test_a_wrong_key_ends_the_run(run: Runner) -> None:
    """Exit code 2, one sentence, one request."""
    with endpoint(always=EXPIRED) as (url, books):
        done = run(url, "text", "turns", "search")
    assert done.code == 2
    assert len(books.requests) == 1
    one_sentence(done, f"{url} refuses the key: HTTP 400: API key expired.")


def test_a_key_that_expires_in_mid_run_leaves_what_was_seen(run: Runner) -> None:
    """Exit code 5; the scenario before it passes. What cannot be deleted any more is told."""
    with endpoint(*[None] * 3, always=EXPIRED) as (url, books):
        done = run(url, "text", "turns", "search")
    assert done.code == 5
    assert done.outcomes["text"] == "pass"
    assert done.outcomes["turns"] == done.outcomes["search"] == "inconclusive"
    assert f"{url} takes the key no more: HTTP 400: API key expired." in done.out
    assert done.spent["left"] == sorted(books.stored)
    assert len(books.stored) == 1
    assert f"left behind: {done.spent['left'][0]}" in done.out


def page(_: Endpoint, request: Request) -> Exchange:
    """A sign-in page."""
    return says(200, b"<!doctype html><title>Sign in</title>", ("Content-Type", "text/html"))(_, request)


@pytest.mark.parametrize(
    ("turn", "code", "sentence"),
    [
        (page, 1, "answers with an HTML page (HTTP 200, title: Sign in), not with the API"),
        (NOT_FOUND, 5, "has no Interactions API at /v1beta/interactions: HTTP 404"),
        (LEGACY, 1, "speaks the schema from before 2026-05-20"),
    ],
    ids=["a page", "generateContent alone", "the older schema"],
)
def test_an_endpoint_of_another_kind_is_told_once(turn: Turn, code: int, sentence: str, run: Runner) -> None:
    """After its first conversation nothing but deleting is sent."""
    with endpoint(always=turn) as (url, books):
        done = run(url, "text", "text_stateless", "search")
    assert done.code == code
    assert len([one for one in books.requests if one.method == "POST"]) == 1
    one_sentence(done, f"{url} {sentence}")


@pytest.mark.parametrize(("behaviour", "code"), [(html_200, 1), (closes_at_once, 5)])
def test_nothing_that_answers_at_all_is_believed(behaviour: Behaviour, code: int, run: Runner) -> None:
    """Nothing is green, and no one waits."""
    with listening(behaviour) as server:
        done = run(server.url, "text", "turns")
    assert done.code == code
    assert "pass" not in done.outcomes.values()


def test_what_needs_more_than_a_key_is_shown_as_not_run(run: Runner) -> None:
    """With what it needs; it does not make the run fail."""
    with endpoint() as (url, _):
        done = run(url, "text", "file_search", "mcp_server")
    assert done.code == 0
    assert done.outcomes == {"text": "pass", "file_search": "not-applicable", "mcp_server": "not-applicable"}
    for need in ("file_search_store", "mcp_server"):
        assert f"--have {need}=NAME" in done.out


# Chance.


def test_tries_are_counted_in_the_record(run: Runner) -> None:
    """A model that calls its function the third time."""
    with endpoint(without_tools, None, without_tools) as (url, books):
        done = run(url, "function_calling")
    assert done.outcomes == {"function_calling": "pass"}
    (line,) = done.of("scenario")
    assert line["tries"] == 2
    assert books.stored == set()


def test_a_model_that_never_does_it_is_told_with_how_often(run: Runner) -> None:
    """Exit code 5: nothing of it is known to be right."""
    with endpoint(always=without_tools) as (url, books):
        done = run(url, "function_calling")
    assert done.outcomes == {"function_calling": "inconclusive"}
    (line,) = done.of("scenario")
    assert (line["tries"], line["requests"]) == (5, 5)
    assert "not met in 5 of 5 tries" in done.out
    assert books.stored == set()


def test_answers_that_always_break_off_are_red(run: Runner) -> None:
    """Exit code 1, and the sentence says so; one that breaks off once is not."""
    with endpoint(always=cut_off) as (url, _):
        done = run(url, "text_stateless")
    assert (done.code, done.outcomes) == (1, {"text_stateless": "fail"})
    assert "the answer is not whole" in done.out
    with endpoint(cut_off) as (url, _):
        done = run(url, "text_stateless")
    assert (done.code, done.outcomes) == (0, {"text_stateless": "pass"})


# What is left.


def deletes_fail(endpoint: Endpoint, request: Request) -> Exchange:
    """It stores, and does not let go."""
    if request.method != "DELETE":
        return endpoint.right(request)
    return says(500, b'{"error": {"code": "api_error", "message": "No."}}')(endpoint, request)


def test_what_cannot_be_deleted_is_told(run: Runner) -> None:
    """By its id, in the text and in the record."""
    with endpoint(always=deletes_fail) as (url, books):
        done = run(url, "text")
    (name,) = books.stored
    assert done.spent["left"] == [name]
    assert f"left behind: {name}" in done.out
    assert "0 of 1 stored interactions are gone again" in done.out


def test_what_fails_is_deleted_too(run: Runner) -> None:
    """A wrong answer has stored as well as a right one."""

    def untyped(endpoint: Endpoint, request: Request) -> Exchange:
        exchange = right(endpoint, request)
        assert exchange.response is not None
        body = exchange.response.body.replace(b'"total_tokens":', b'"total_tokens":"many","was":')
        return says(exchange.response.status or 0, body)(endpoint, request)

    with endpoint(always=untyped) as (url, books):
        done = run(url, "text")
    assert (done.code, books.stored) == (1, set())


class Interrupted(FakeClock):
    """Somebody presses ctrl-C while it is waited."""

    def sleep(self, seconds: float) -> None:
        raise KeyboardInterrupt


def test_what_is_interrupted_is_deleted_too(run: Runner) -> None:
    """Before the command ends."""
    run.clock = Interrupted()
    with endpoint(None, busy(429, "30")) as (url, books):
        with pytest.raises(KeyboardInterrupt):
            run(url, "turns")
        assert books.stored == set()
        assert len(books.deleted) == 1
    assert (run.last.spent["requests"], run.last.spent["left"]) == (3, [])
    assert KEY not in json.dumps(run.last.lines) + run.last.out + run.last.err


def test_a_key_that_is_said_back_is_shown_nowhere(run: Runner) -> None:
    """In an error, an id, a sentence on why nothing more is sent; `Runner` looks at all that is told."""

    def echoing(_: Endpoint, request: Request) -> Exchange:
        key = dict(request.headers or ()).get("x-goog-api-key", "none")
        body = json.dumps({"error": {"code": 400, "message": f"API key not valid: {key}", "status": "X"}})
        return says(400, body.encode())(_, request)

    def storing(_: Endpoint, request: Request) -> Exchange:
        key = dict(request.headers or ()).get("x-goog-api-key", "none")
        return says(200, json.dumps({"id": key, "status": "completed", "steps": [{"type": key}]}).encode())(
            _, request
        )

    for turn, code in ((echoing, 2), (storing, 1)):
        with endpoint(turn, always=NOT_FOUND if turn is storing else turn) as (url, books):
            assert run(url, "text").code == code
            assert books.requests
    with endpoint(storing, always=deletes_fail) as (url, _):
        assert run(url, "text").spent["left"] != []
