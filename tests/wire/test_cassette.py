"""Cassettes: stock vcrpy plays ours, and we read what stock vcrpy and others write."""

import base64
import errno
import gzip
import http.server
import os
import shutil
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import httpx2
import pytest
import vcr
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.contract.places import folder
from conformance.errors import CassetteBroken, RecordingUnreadable, SecretLeft
from conformance.wire.cassette import EDITED, FORMAT, read_cassette, write_cassette
from conformance.wire.exchange import Arrival, Exchange, Request, Response, header
from conformance.wire.recording import read_recording

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
    assert provenance == {
        "origin": "a test",
        "seed": 7,
        "format": FORMAT,
        "sha256": provenance["sha256"],
    }


@settings(derandomize=True, deadline=None, max_examples=150)
@given(bodies, bodies)
def test_every_body_survives(tmp_path_factory: pytest.TempPathFactory, asked: bytes, answered: bytes) -> None:
    """Text stays text, other bytes are encoded, and no line end of YAML is taken for one of ours."""
    path = tmp_path_factory.getbasetemp() / "body.yaml"
    write_cassette(path, [exchange(asked, answered)], {})

    read, provenance = read_cassette(path)
    assert read == [exchange(asked, answered)]
    assert "edited" not in provenance


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
        ("", "the file is empty"),
        ("version: 1\n", "it has no list of interactions"),
        ("[]\n", "it has no list of interactions"),
        (
            WHOLE[: WHOLE.index("  response")],
            "interaction 0 has no request or no response: the file is cut off",
        ),
        (
            WHOLE.replace("uri", "url"),
            "interaction 0 is not as vcrpy writes it: its request has no method or no uri",
        ),
        (
            WHOLE.replace("200", ".inf"),
            "interaction 0 is not as vcrpy writes it: its status is 'inf', not a number",
        ),
        (WHOLE[:-30], "not a cassette: not YAML from line "),
        (WHOLE.replace("200", "2026-13-45"), "ValueError: month must be in 1..12"),
        (WHOLE.replace("200", "!!bool maybe"), "KeyError: 'maybe'"),
        (
            WHOLE + "arrivals: [[[1]]]\n",
            "interaction 0 is not as vcrpy writes it: its arrivals have [1], not [",
        ),
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


# What a cassette tells of itself.


def recorded(tmp_path: Path) -> Path:
    """A cassette of one exchange, with its hash."""
    path = tmp_path / "cassette.yaml"
    write_cassette(path, [exchange(arrivals=(Arrival(1, 0.25), Arrival(2, 0.5)))], {"origin": "a test"})
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("string: '{}'", "string: '{ }'"),
        ("code: 200", "code: 201"),
        ("- [2, 500.0]", "- [2, 400.0]"),
        ("method: POST", "method: PUT"),
        ("- - [1, 250.0]\n  - [2, 500.0]\n", "- []\n"),
    ],
)
def test_a_cassette_that_was_edited_says_so(tmp_path: Path, old: str, new: str) -> None:
    """Its hash tells, whatever was changed; it is read all the same."""
    path = recorded(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")

    exchanges, provenance = read_cassette(path)

    assert len(exchanges) == 1
    assert provenance["edited"] is True
    assert read_recording(path).doubt == EDITED


def test_a_cassette_that_is_written_in_another_way_is_the_same(tmp_path: Path) -> None:
    """The hash is that of the meaning: comments and YAML's styles do not count, nor does provenance."""
    path = recorded(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(f"# mine\n{text}".replace("'{}'", '"{}"').replace("a test", "a try"), encoding="utf-8")

    assert read_cassette(path)[1].get("edited") is None
    assert read_recording(path).doubt == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- request: {method: GET}\n  response: {}\n", "a cassette of vcrpy before 1.0"),
        (WHOLE.replace("version: 1", "version: 2"), "a cassette of version 2; version 1 alone can be read"),
        (
            WHOLE + "provenance: {format: 99}\n",
            f"a cassette of a newer gemini-conformance, in format 99; this one reads format {FORMAT}",
        ),
    ],
)
def test_a_cassette_of_another_version_is_one_sentence(tmp_path: Path, text: str, problem: str) -> None:
    """For whoever plays it and for whoever lints it."""
    path = tmp_path / "cassette.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(CassetteBroken, match=problem):
        read_cassette(path)
    with pytest.raises(RecordingUnreadable, match=problem):
        read_recording(path)


@pytest.mark.parametrize(
    "response",
    [
        "{status_code: 200, http_version: HTTP/1.1, headers: {Vary: [a]}, content: '{\"a\":1}'}",
        "{status_code: 200, http_version: HTTP/1.1, headers: {Vary: [a]}, content: !!binary eyJhIjoxfQ==}",
        "{status: {code: 200, message: OK}, headers: {Vary: [a]}, body: {string: '{\"a\":1}', n: 1}, new: 2}",
    ],
)
def test_what_older_recorders_wrote_is_read(tmp_path: Path, response: str) -> None:
    """vcrpy of the time of httpx had other names; and fields that nobody knows are passed over."""
    path = tmp_path / "cassette.yaml"
    body = "body: {string: '{}'}}"
    text = WHOLE.replace("{status: {code: 200, message: OK}, headers: {}, " + body, response) + "new: [1]\n"
    path.write_text(text, encoding="utf-8")

    ((exchange,), _) = read_cassette(path)

    assert exchange.response == Response(200, (("Vary", "a"),), b'{"a":1}')


def test_stock_vcrpy_passes_over_what_we_add(tmp_path: Path) -> None:
    """Provenance with a hash, chunk offsets, times and endings."""
    path = tmp_path / "cassette.yaml"
    response = Response(200, JSON, b'{"a":1}', (Arrival(3, 0.1), Arrival(7, 0.2)), cut="the end is missing")
    write_cassette(path, [Exchange(exchange().request, response)], {"origin": "a test"})

    with vcr.VCR(record_mode="none").use_cassette(str(path)), httpx2.Client(trust_env=False) as client:
        assert client.post(URL, content=b"{}").content == b'{"a":1}'


# What may not be written, and what cannot.


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"a":"%b"}' % (b"AIza" + b"Sy0-" * 8 + b"abc"), "API key"),
        (b'{"a":"my-own-secret-of-2026"}', "key in use"),
        (b'{"a":"my%2Down-secret-of-2026"}', "key in use"),
        (b'{"a":"' + base64.b64encode(b"1my-own-secret-of-2026") + b'"}', "key in use in base64"),
        (gzip.compress(b"my-own-secret-of-2026", mtime=0), "key in use in gzip"),
        (
            b'{"a":"' + base64.b64encode(gzip.compress(b"my-own-secret-of-2026", mtime=0)) + b'"}',
            "in gzip in base64",
        ),
    ],
)
def test_a_cassette_with_a_secret_in_it_is_not_written(tmp_path: Path, body: bytes, kind: str) -> None:
    """One sentence that names the kind and the place, and never the secret; what was there stays."""
    path = recorded(tmp_path)
    before = path.read_bytes()

    with pytest.raises(SecretLeft) as caught:
        write_cassette(path, [exchange(answered=body)], {}, secrets=["my-own-secret-of-2026"])

    assert caught.value.exit_code == 1
    assert f"{path} is not written: the body of response 0 would hold a secret: " in str(caught.value)
    assert kind in str(caught.value)
    assert "own-secret" not in str(caught.value)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_secret_in_the_provenance_is_not_written(tmp_path: Path) -> None:
    """All bytes of the file are looked at."""
    with pytest.raises(SecretLeft, match="line 2 would hold a secret"):
        write_cassette(
            tmp_path / "a.yaml", [], {"origin": "my-own-secret-of-2026"}, secrets=["my-own-secret-of-2026"]
        )
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """Whichever step meets it, the old cassette stays, and no half one beside it."""
    path = recorded(tmp_path)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    where: object = os if fails == "fsync" else Path
    monkeypatch.setattr(where, fails, full)
    with pytest.raises(OSError, match="No space left on device"):
        write_cassette(path, [exchange(answered=b"[]")], {})

    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
