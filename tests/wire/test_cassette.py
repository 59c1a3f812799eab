"""Cassettes: stock vcrpy plays ours, and we read what stock vcrpy and others write."""

import gzip
import http.server
import shutil
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import vcr
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.contract.places import folder
from conformance.errors import CassetteBroken
from conformance.wire.cassette import read_cassette, write_cassette
from conformance.wire.exchange import Arrival, Exchange, Request, Response, header

URL = "https://generativelanguage.googleapis.com/v1beta/interactions"
CASSETTES = sorted(folder("cassettes").rglob("*.yaml"))
JSON = (("Content-Type", "application/json"),)
ASKED = '{"input": "é"}'.encode()
ANSWER = b'{"status":"completed"}'
WHOLE = """\
version: 1
interactions:
- request: {method: POST, uri: 'https://example.com/v1beta/interactions', headers: {}, body: '{}'}
  response: {status: {code: 200, message: OK}, headers: {}, body: {string: '{}'}}
"""

# What YAML looks at: line ends of all kinds, its marks, and characters that may not stand in a file.
_TEXT = st.text(st.sampled_from("a \n\r\t\x85\u2028\u2029\ufeff:#'\"-|{}é😀\0\x1b\x7f"), max_size=12)
bodies = st.one_of(st.binary(max_size=20), _TEXT.map(str.encode))


def exchange(
    asked: bytes = b"{}", answered: bytes = b"{}", *, arrivals: tuple[Arrival, ...] = ()
) -> Exchange:
    """A creation with its answer."""
    return Exchange(Request("POST", URL, JSON, asked), Response(200, JSON, answered, arrivals))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Requests, headers that come twice, statuses, bodies, arrivals and provenance come back."""
    path = tmp_path / "deep" / "cassette.yaml"
    exchanges = [
        exchange(
            b'{"input":"Hi"}',
            b'data: {"a":"\xc3\xa9"}\r\n\r\n',
            arrivals=(Arrival(5, 0.25), Arrival(18, 1.5)),
        ),
        Exchange(Request("GET", f"{URL}/v1_a"), Response(503, (("Vary", "a"), ("Vary", "b")), b"")),
    ]
    write_cassette(path, exchanges, {"origin": "a test", "seed": 7})

    read, provenance = read_cassette(path)

    assert read[0] == exchanges[0]
    assert read[1].response == exchanges[1].response
    assert provenance == {"origin": "a test", "seed": 7}


@settings(derandomize=True, deadline=None, max_examples=150)
@given(bodies, bodies)
def test_every_body_survives(tmp_path_factory: pytest.TempPathFactory, asked: bytes, answered: bytes) -> None:
    """Text stays text, other bytes are encoded, and no line end of YAML is taken for one of ours."""
    path = tmp_path_factory.getbasetemp() / "body.yaml"
    write_cassette(path, [exchange(asked, answered)], {})

    assert read_cassette(path)[0] == [exchange(asked, answered)]


def test_half_an_exchange_is_left_out_with_its_arrivals(tmp_path: Path) -> None:
    """The rows of arrivals belong to the exchanges that are there."""
    whole = exchange(arrivals=(Arrival(2, 0.5),))
    unasked = Exchange(None, Response(200, JSON, b"[]", (Arrival(1, 9.0),)))
    write_cassette(tmp_path / "cassette.yaml", [unasked, whole, Exchange(whole.request, None)], {})

    assert read_cassette(tmp_path / "cassette.yaml")[0] == [whole]


def test_bodies_are_readable_in_the_file(tmp_path: Path) -> None:
    """Several lines are a block, and letters are themselves."""
    write_cassette(tmp_path / "cassette.yaml", [exchange(b"{}", "event: x\ndata: é😀\n\n".encode())], {})

    assert "        event: x\n        data: é😀\n" in (tmp_path / "cassette.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["text", "text_streamed", "refusals", "search_streamed"])
def test_stock_vcrpy_plays_our_cassettes(tmp_path: Path, name: str) -> None:
    """A client that knows nothing of us gets the recorded bytes, and the network is never touched."""
    copy = shutil.copy(folder("cassettes") / "interactions" / f"{name}.yaml", tmp_path / "cassette.yaml")
    exchanges, _ = read_cassette(Path(copy))

    with (
        vcr.VCR(record_mode="none").use_cassette(str(copy)) as cassette,
        httpx2.Client(trust_env=False) as client,
    ):
        for recorded in exchanges:
            assert recorded.request is not None
            assert recorded.response is not None
            answer = client.request(
                recorded.request.method, recorded.request.url, content=recorded.request.body
            )
            assert (answer.status_code, answer.content) == (recorded.response.status, recorded.response.body)

    assert cassette.play_count == len(exchanges)


class _Answers(http.server.BaseHTTPRequestHandler):
    """Answers a GET with packed bytes, a POST with what it was sent."""

    def do_GET(self) -> None:
        self._answer(gzip.compress(ANSWER), ("Content-Encoding", "gzip"))

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])), ("X-Twice", "a"), ("X-Twice", "b"))

    def _answer(self, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(200)
        for name, value in (("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of that server."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/v1beta/interactions"
        running.shutdown()
        thread.join()


def test_what_stock_vcrpy_records_is_read(tmp_path: Path, server: str) -> None:
    """Method, address, headers, text and packed bodies are what crossed the wire."""
    path = tmp_path / "cassette.yaml"
    with vcr.VCR().use_cassette(str(path)), httpx2.Client(trust_env=False) as client:
        client.post(server, content=ASKED, headers={"x-goog-api-key": "test"})
        client.get(f"{server}/v1_a")

    (created, got), provenance = read_cassette(path)

    assert created.request is not None
    assert created.response is not None
    assert got.response is not None
    assert (created.request.method, created.request.url, created.request.body) == ("POST", server, ASKED)
    assert header(created.request.headers, "x-goog-api-key") == "test"
    assert (created.response.status, created.response.body) == (200, ASKED)
    assert got.response.body == ANSWER
    assert provenance == {}


def test_what_stock_vcrpy_records_as_json_is_read(tmp_path: Path, server: str) -> None:
    """JSON is YAML; this serializer of vcrpy holds text alone."""
    path = tmp_path / "cassette.json"
    recorder = vcr.VCR(serializer="json").use_cassette(str(path))
    with recorder, httpx2.Client(trust_env=False) as client:
        client.post(server, content=ASKED)

    ((exchange,), _) = read_cassette(path)

    assert exchange.request is not None
    assert exchange.response is not None
    assert (exchange.request.body, exchange.response.body) == (ASKED, ASKED)


@pytest.mark.parametrize(
    ("coding", "packed"), [("gzip", gzip.compress(ANSWER, mtime=0)), ("Deflate", zlib.compress(ANSWER))]
)
def test_packed_bodies_are_undone(tmp_path: Path, coding: str, packed: bytes) -> None:
    """A recorder that kept the bytes of the wire is read like one that did not."""
    path = tmp_path / "cassette.yaml"
    for body in (packed, ANSWER):
        response = Response(200, (("Content-Encoding", coding),), body)
        write_cassette(path, [Exchange(exchange().request, response)], {})
        (read,), _ = read_cassette(path)

        assert read.response is not None
        assert read.response.body == ANSWER


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it has no list of interactions"),
        ("version: 1\n", "it has no list of interactions"),
        ("[]\n", "it has no list of interactions"),
        (
            WHOLE[: WHOLE.index("  response")],
            "interaction 0 has no request or no response: the file is cut off",
        ),
        (WHOLE.replace("uri", "url"), "interaction 0 is not as vcrpy writes it: KeyError 'uri'"),
        (WHOLE.replace("200", ".inf"), "interaction 0 is not as vcrpy writes it: OverflowError"),
        (WHOLE[:-30], "not a cassette: while parsing a flow mapping"),
        (WHOLE.replace("200", "2026-13-45"), "ValueError: month must be in 1..12"),
        (WHOLE.replace("200", "!!bool maybe"), "KeyError: 'maybe'"),
        (WHOLE + "arrivals: [[[1]]]\n", "interaction 0 is not as vcrpy writes it: ValueError"),
        ("interactions: " + "[" * 100_000, "nested too deeply to be read"),
        ("interactions: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
    ],
)
def test_what_is_no_cassette_is_broken(tmp_path: Path, text: str, problem: str) -> None:
    """The error names the file and what is wrong with it, in one line, and never runs what a tag asks for."""
    path = tmp_path / "cassette.yaml"
    path.write_text(text)

    with pytest.raises(CassetteBroken) as caught:
        read_cassette(path)

    assert str(caught.value).startswith(f"{path}: not a cassette: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cassette_that_is_not_there_is_broken(tmp_path: Path) -> None:
    """So is a folder, and bytes that are not text."""
    (tmp_path / "latin.yaml").write_bytes(WHOLE.encode() + b"# \xe9\n")

    for name in ("none.yaml", ".", "latin.yaml"):
        with pytest.raises(CassetteBroken):
            read_cassette(tmp_path / name)


@pytest.mark.parametrize(
    "mark", ["provenance", "interactions", "- request", "    body", "  response", "      code"]
)
def test_a_cassette_that_was_cut_off_is_broken(tmp_path: Path, mark: str) -> None:
    """Part of one is told from the whole wherever it ends before its first body."""
    text = CASSETTES[0].read_text(encoding="utf-8")
    end = text.index(mark)
    path = tmp_path / "cassette.yaml"

    for cut in (end, end + len(mark), end + len(mark) + 2):
        path.write_text(text[:cut], encoding="utf-8")
        with pytest.raises(CassetteBroken):
            read_cassette(path)


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_every_cassette_tells_where_it_comes_from(path: Path) -> None:
    """Ours are all from the reference server, and say that they are not from the live service."""
    exchanges, provenance = read_cassette(path)

    assert exchanges
    assert provenance["origin"] == "the reference server of this project, not the live service"
    assert provenance["scenario"] == path.relative_to(folder("cassettes")).with_suffix("").as_posix()
    assert provenance["recorder"].startswith("gemini-conformance ")


def test_every_scenario_has_a_cassette_and_every_cassette_a_scenario() -> None:
    """They lie under the same path."""
    scenarios = {
        path.relative_to(folder("scenarios")).as_posix().removesuffix(".scenario.yaml")
        for path in folder("scenarios").rglob("*.scenario.yaml")
    }

    assert scenarios == {
        path.relative_to(folder("cassettes")).with_suffix("").as_posix() for path in CASSETTES
    }
