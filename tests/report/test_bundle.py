"""Bundles: each shows again what it tells of, with nothing but its own folder."""

import ast
import base64
import gzip
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.cli import main
from conformance.contract.places import folder
from conformance.report import serve
from conformance.testees.case import read_cases
from conformance.testees.process import Delivered, Testee
from conformance.testees.stage import Stage
from conformance.wire.exchange import Request
from tests import badservers
from tests.badservers import Behaviour, listening

CONTROL = [sys.executable, "-m", "conformance.testees.control"]
WRONG = [sys.executable, "-m", "conformance.testees.wrong"]
GOLDEN = Path(__file__).parents[1] / "golden"
SCENARIOS = folder("scenarios") / "interactions"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "KEY"):
        monkeypatch.delenv(name, raising=False)


def bundled(client: str, case: str) -> Path:
    """Run one case against a wrong client, bundle its record; give the folder of the finding."""
    main(["client", "--only", case, "--record", "r.ndjson", "--", *WRONG, client])
    main(["report", "r.ndjson", "--bundle", "found"])
    (one,) = (path for path in Path("found").iterdir() if path.is_dir())
    return one


@dataclass
class Served:
    """The serve.py of a bundle while it runs by itself: its URL, and what it printed so far."""

    url: str
    process: "subprocess.Popen[str]"
    printed: list[str]


@contextmanager
def served(found: Path, *options: str) -> Iterator[Served]:
    """Run the serve.py of a bundle, in an interpreter that sees nothing of ours."""
    command = [sys.executable, "-I", str(found / "serve.py"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = Served(process.stdout.readline().split()[1], process, [])
        reader = threading.Thread(target=lambda: server.printed.extend(process.stdout or ()), daemon=True)
        reader.start()
        try:
            yield server
            if "--once" in options:
                process.wait(20)
        finally:
            process.kill()
            reader.join(5)


def called(found: Path, command: list[str], url: str) -> Delivered:
    """Make the call of a bundle with a client."""
    call = json.loads((found / "call.json").read_text())
    with Testee(command) as client:
        limit_s = call["timeout_ms"] / 1000 + 20
        message = {"type": "call", "id": "again", "base_url": url, "api_key": f"test-{command[-1]}", **call}
        return client.ask(message, limit_s)


def shown(delivered: Delivered) -> dict[str, Any]:
    """What the user of the client got."""
    last = delivered.last
    kinds = [value.get("event_type") for value in delivered.values]
    return {
        "ending": delivered.ending,
        "kind": last.get("kind"),
        "status": last.get("status"),
        "events": kinds,
    }


TEXT = (
    "interaction.created interaction.status_update step.start step.delta step.stop "
    "step.start step.delta step.delta step.stop interaction.completed"
).split()


@pytest.mark.parametrize(
    ("client", "case", "wrong", "right"),
    [
        (
            "splits-lines-per-chunk",
            "framing/cut-within-a-field-name",
            {"ending": "error", "events": []},
            {"ending": "end", "events": TEXT},
        ),
        (
            "decodes-per-chunk",
            "framing/cut-within-four-bytes",
            {"ending": "end", "text": "Grüße, 世界! \ufffd\ufffd\ufffd\ufffd e\u0301 שלום"},
            {"ending": "end", "text": "Grüße, 世界! 🙂 e\u0301 שלום"},
        ),
        pytest.param(
            "swallows-errors",
            "errors/error-in-mid-stream",
            {"ending": "end", "events": TEXT[:5]},
            {"ending": "error", "kind": "api", "message": "It broke.", "events": [*TEXT[:5], "error"]},
            marks=pytest.mark.slow,
        ),
        (
            "never-retries",
            "retries/overloaded-once-while-streaming",
            {"ending": "error", "status": 503},
            {"ending": "end", "events": TEXT},
        ),
        (
            "takes-cuts-for-success",
            "errors/reset",
            {"ending": "end", "events": TEXT[:4]},
            {"ending": "error", "kind": "transport", "events": TEXT[:4]},
        ),
        (
            "takes-cuts-for-success",
            "errors/closed-within-an-event",
            {"ending": "end", "events": TEXT[:2]},
            {"ending": "error", "kind": "transport", "events": TEXT[:2]},
        ),
        pytest.param(
            "takes-short-bodies",
            "errors/short-body",
            {"ending": "end"},
            {"ending": "error", "kind": "transport"},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "holds-events-back",
            "delivery/first-event-is-not-held-back",
            {"ending": "error", "kind": "timeout", "events": []},
            {"ending": "error", "kind": "timeout", "events": TEXT[:5]},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_server_of_a_bundle_shows_the_fault_again(
    client: str, case: str, wrong: dict[str, Any], right: dict[str, Any]
) -> None:
    """The wrong client fails as it did and the control client is fine, on the same server."""
    found = bundled(client, case)
    with served(found) as server:
        again = called(found, [*WRONG, client], server.url)
        control = called(found, CONTROL, server.url)
    for delivered, expected in ((again, wrong), (control, right)):
        assert {**delivered.last, **shown(delivered)}.items() >= expected.items()


def test_a_server_that_is_asked_once_ends() -> None:
    """`--once`: the last answer is out, the exit code is 0, and the request was shown without its key."""
    found = bundled("never-retries", "retries/overloaded-once-while-streaming")
    with served(found, "--once") as server:
        called(found, CONTROL, server.url)
    assert server.process.returncode == 0
    text = "".join(server.printed)
    assert text.count("POST /v1beta/interactions HTTP/1.1") == 2
    assert '{"model": "gemini-3.5-flash", "input": "Hello", "stream": true}' in text
    assert "x-goog-api-key: (the key)" in text
    assert "test-conformance" not in text
    assert "answer 1 of 2: HTTP/1.1 503" in text


def test_a_short_key_is_no_part_of_other_words() -> None:
    """A key typed by hand is left out of what is shown, and nothing else is."""
    found = bundled("wants-a-space", "framing/no-space")
    head = "connection: keep-alive\r\nx-goog-api-key: k\r\ncontent-length: 2"
    with served(found) as server, closing(sent(server.url, head=head)) as peer:
        assert peer.recv(1)
    text = "".join(server.printed)
    assert "connection: keep-alive" in text
    assert "x-goog-api-key: (the key)" in text


def test_the_server_says_the_same_bytes_in_the_same_pieces() -> None:
    """Head, chunks and tail are those that the harness sent: read from the socket, without a client."""
    found = bundled("splits-lines-per-chunk", "framing/byte-by-byte-crlf")
    body = (found / "response.bin").read_bytes()
    with served(found, "--pause-ms", "0") as server, closing(sent(server.url)) as peer:
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            got += peer.recv(65536)
    head, _, rest = got.partition(b"\r\n\r\n")
    assert head == b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
    assert b"\r\ndata: {" in body
    assert rest == b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"


def sent(
    url: str, body: bytes = b"{}", head: str = "x-goog-api-key: k\r\ncontent-length: 2"
) -> socket.socket:
    """Open a connection and send a request."""
    host, port = url.removeprefix("http://").split(":")
    peer = socket.create_connection((host, int(port)), timeout=10)
    peer.sendall(f"POST / HTTP/1.1\r\n{head}\r\n\r\n".encode() + body)
    return peer


def test_a_reset_is_a_reset() -> None:
    """Not an end: the kernel says so, after everything that was sent before it."""
    found = bundled("takes-cuts-for-success", "errors/reset")
    got = b""
    with served(found) as server, closing(sent(server.url)) as peer:
        while got.count(b"event: ") < 4 or not got.endswith(b"\r\n"):
            got += peer.recv(65536)
        with pytest.raises(ConnectionResetError):
            peer.recv(65536)
    assert got.count(b"event: ") == 4


def test_the_server_reads_requests_of_every_kind() -> None:
    """Chunks, `Expect: 100-continue`, a key in the query or as a bearer; each key has its own turn."""
    found = bundled("never-retries", "retries/overloaded-once-while-streaming")
    with served(found) as server:
        for head, body in (
            ("authorization: Bearer a\r\ntransfer-encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n"),
            ("x-goog-api-key: b\r\ncontent-length: 2\r\nexpect: 100-continue", b"{}"),
        ):
            with closing(sent(server.url, body, head)) as peer:
                got = peer.recv(65536)
                got += peer.recv(65536) if got.startswith(b"HTTP/1.1 100") else b""
            assert b"HTTP/1.1 503" in got
        with closing(sent(server.url, b"", "authorization: Bearer a")) as peer:
            assert peer.recv(65536).startswith(b"HTTP/1.1 200")


def test_the_server_needs_nothing_but_an_old_python() -> None:
    """Python 3.8, no module that is not in its library."""
    tree = ast.parse(Path(serve.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))
    nodes = list(ast.walk(tree))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_a_gzipped_answer_goes_out_gzipped() -> None:
    """`response.bin` holds what went over the wire."""
    cases = [
        case for case in read_cases() if any(reply.control.get("fault") == "gzip" for reply in case.replies)
    ]
    stage = Stage()
    act = stage.open(cases[0], "k")
    stage.answer(Request("POST", "/v1beta/interactions", (("x-goog-api-key", "k"),), b"{}"))
    delivery = act.seen[0].delivery
    assert "Content-Encoding: gzip" in delivery["head"]
    assert gzip.decompress(base64.b64decode(delivery["body_base64"])) == act.seen[0].answer.body


def test_the_page_tells_everything() -> None:
    """What happened, expected, the call, the source, the command of the harness, how to object; no key."""
    found = bundled("takes-cuts-for-success", "errors/no-completed")
    assert found.name == "001-IX-STREAM-044-errors-no-completed"
    page = (found / "README.md").read_text()
    assert page.startswith("# fail: IX-STREAM-044 cut-streams-are-reported\n")
    for part in (
        "The stream ends well on the wire, without interaction.completed.",
        "the call failed, and the client tells a success",
        "A client reports a stream that closes before interaction.completed. (inferred, and it fails",
        "- level: must, for the client\n- confidence: inferred\n- source: https://",
        "python3 serve.py",
        "operation: `interactions.create`, streaming; API version `v1beta`",
        '  "input": "Hello"\n',
        f"gemini-conformance client --only errors/no-completed -- {sys.executable} -m conformance.",
        "Open an issue",
        "gemini-conformance requirements IX-STREAM-044",
    ):
        assert part in page
    assert "-of-a-case" not in "".join(path.read_text() for path in found.parent.rglob("*") if path.is_file())


def test_each_finding_of_a_subject_has_one_folder() -> None:
    """However often it was found; the folders are numbered worst first, and listed."""
    main(["report", str(GOLDEN / "run.ndjson"), "--bundle", "found"])
    names = sorted(path.name for path in Path("found").iterdir() if path.is_dir())
    subject = "interactions-text_streamed"
    assert names == [f"001-IX-STREAM-012-{subject}", f"002-IX-USAGE-001-{subject}"]
    index = Path("found/README.md").read_text()
    assert [name for name in names if f"]({name}/README.md): " in index] == names
    assert "and 2 more of the same" in Path("found", names[0], "README.md").read_text()


def endpoint(behaviour: Behaviour, scenario: str = "text") -> Path:
    """Run a scenario against a bad server, bundle its record; give the folder of the first finding."""
    with listening(behaviour) as server:
        path = str(SCENARIOS / f"{scenario}.scenario.yaml")
        main(
            [
                "run",
                path,
                "--target",
                server.url,
                "--timeout",
                "2",
                "--key-env",
                "KEY",
                "--record",
                "r.ndjson",
            ]
        )
    main(["report", "r.ndjson", "--bundle", "found"])
    return min(path for path in Path("found").iterdir() if path.is_dir())


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize(
    ("behaviour", "scenario", "told"),
    [
        (badservers.html_200, "text", "<!doctype html><title>Sign in</title>"),
        (badservers.html_502, "text", "HTTP/1.1 502 Bad Gateway"),
        (badservers.promises_more, "text", "curl: (18)"),
        (badservers.lacks_the_last_chunk, "text_streamed", "curl: (18)"),
        (badservers.answers_something_else, "text", '{"hello": "world"}'),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_request_of_a_bundle_shows_the_fault_again(
    monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour, scenario: str, told: str
) -> None:
    """The same body, byte for byte, with a key from the environment; curl shows what is wrong."""
    monkeypatch.setenv("KEY", "AQ.a-secret-of-ours")
    found = endpoint(behaviour, scenario)
    script = (found / "request.sh").read_text()
    port = re.search(r"127\.0\.0\.1:(\d+)", script)
    assert port is not None
    with listening(behaviour) as server:
        (found / "request.sh").write_text(script.replace(port[0], server.url.removeprefix("http://")))
        run = subprocess.run([found / "request.sh"], check=False, capture_output=True, text=True, timeout=30)
        (request,) = server.requests
    assert told in run.stdout + run.stderr
    assert request.body == (found / "request.bin").read_bytes() != b""
    assert ("x-goog-api-key", "AQ.a-secret-of-ours") in (request.headers or ())


def test_no_key_is_ever_in_a_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even when the server repeats it everywhere."""
    monkeypatch.setenv("KEY", "AQ.a-secret-of-ours")
    found = endpoint(badservers.echoes_the_key)
    files = [path for path in found.parent.rglob("*") if path.is_file()]
    assert len(files) > 6
    assert not any(b"AQ.a-secret-of-ours" in path.read_bytes() for path in files)


def test_a_recording_keeps_the_bytes_of_its_finding() -> None:
    """Of `lint`: the whole body, the place, and no request that would be sent to anyone."""
    body = (
        b'event: step.start\ndata: {"index":0,"step":{"type":"model_output"},"event_type":"step.start"}\n\n'
        * 3
    )
    Path("cut.sse").write_bytes(body)
    assert main(["lint", "cut.sse", "--record", "r.ndjson"]) == 1
    assert main(["report", "r.ndjson", "--bundle", "found"]) == 1
    folders = [path for path in Path("found").iterdir() if path.is_dir()]
    assert folders
    for found in folders:
        assert (found / "response.bin").read_bytes() == body
        assert not (found / "request.sh").exists()
        assert "gemini-conformance lint cut.sse" in (found / "README.md").read_text()


def test_only_a_bundle_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever else is in the way stays as it is: exit code 2, a sentence, and nothing left beside it."""
    record = str(GOLDEN / "run.ndjson")
    Path("mine").mkdir()
    Path("mine/letter.txt").write_text("dear")
    Path("file").write_text("dear")
    for name, said in (("mine", "mine is not empty and no bundle of ours"), ("file", "file is a file")):
        assert main(["report", record, "--bundle", name]) == 2
        assert said in capsys.readouterr().err
    assert [path.name for path in Path("mine").iterdir()] == ["letter.txt"]
    for _ in range(2):
        assert main(["report", record, "--bundle", "found"]) == 2  # which is that of the record
        Path("found", "001-IX-STREAM-012-interactions-text_streamed", "more").touch()
    assert main(["report", record, "--bundle", "found"]) == 2
    assert not list(Path("found").rglob("more"))
    assert sorted(path.name for path in Path().iterdir()) == ["file", "found", "mine"]


def test_an_empty_folder_becomes_a_bundle() -> None:
    """And a record without findings a bundle that says so."""
    Path("found").mkdir()
    assert (
        main(["lint", str(folder("cassettes") / "interactions" / "text.yaml"), "--record", "r.ndjson"]) == 0
    )
    assert main(["report", "r.ndjson", "--bundle", "found"]) == 0
    assert sorted(path.name for path in Path("found").iterdir()) == ["README.md", "bundle.json"]
    assert "Nothing was found." in Path("found/README.md").read_text()


def test_a_folder_that_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, a sentence, no traceback."""
    Path("file").write_text("dear")
    assert main(["report", str(GOLDEN / "run.ndjson"), "--bundle", "file/found"]) == 2
    assert "gemini-conformance: file/found: " in capsys.readouterr().err
