"""HAR archives, raw HTTP and gzip: the other forms in which people keep what crossed the wire."""

import base64
import gzip
import json
from pathlib import Path

import pytest

from conformance import judge
from conformance.errors import RecordingUnreadable
from conformance.wire.recording import Recording, read_recording
from tests.miniatures import conversation

ANSWER = json.dumps(
    {"id": "v1_a", "status": "completed", "object": "interaction", "model": "m", "steps": [], "usage": {}}
).encode()


def read(folder: Path, data: bytes, name: str = "file") -> Recording:
    path = folder / name
    path.write_bytes(data)
    return read_recording(path)


def har_of(name: str) -> bytes:
    """One of our right conversations as a browser would export it."""
    entries = []
    for call in conversation(name).calls:
        request, response = call.exchange.request, call.exchange.response
        assert request is not None
        assert response is not None
        entries.append(
            {
                "request": {
                    "method": request.method,
                    "url": request.url,
                    "headers": [{"name": key, "value": value} for key, value in request.headers or ()],
                    "postData": {"mimeType": "application/json", "text": request.body.decode()},
                },
                "response": {
                    "status": response.status,
                    "headers": [{"name": key, "value": value} for key, value in response.headers or ()],
                    "content": {"text": base64.b64encode(response.body).decode(), "encoding": "base64"},
                },
            }
        )
    elsewhere = {
        "request": {"method": "GET", "url": "https://example.com/logo.png", "headers": []},
        "response": {"status": 200, "headers": [], "content": {}},
    }
    return json.dumps({"log": {"version": "1.2", "entries": [elsewhere, *entries]}}).encode()


def test_a_har_archive_gives_the_exchanges_of_this_api(tmp_path: Path) -> None:
    """What a browser fetched from elsewhere is left out, and what is ours is judged with its requests."""
    recording = read(tmp_path, har_of("multi_turn_stored"))

    assert recording.form == "HAR archive"
    told = conversation("multi_turn_stored")
    assert [call.asked for call in recording.trace.calls] == [call.asked for call in told.calls]
    report = judge(recording.trace)
    assert not report.findings
    assert report.passes["IX-TURN-003"]


def test_a_har_entry_without_a_body_is_not_judged(tmp_path: Path) -> None:
    """A browser may leave a body out; nothing is known of it then."""
    entry = {
        "request": {"method": "POST", "url": "https://x.test/v1/interactions", "headers": []},
        "response": {"status": 0, "headers": [], "content": {}},
    }
    recording = read(tmp_path, json.dumps({"log": {"entries": [entry]}}).encode())

    assert not judge(recording.trace).findings
    assert recording.trace.calls[0].interaction is None


def test_a_broken_har_archive_is_named(tmp_path: Path) -> None:
    """An entry without a response is told, with the file."""
    with pytest.raises(RecordingUnreadable, match="not a HAR archive"):
        read(tmp_path, b'{"log": {"entries": [{"request": {}}]}}')


def test_what_curl_prints_with_its_head_is_read(tmp_path: Path) -> None:
    """Interim responses are passed over, and the header that tells of chunks which curl undid too."""
    text = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + ANSWER
    )
    recording = read(tmp_path, text)

    assert recording.form == "raw HTTP"
    assert recording.trace.calls[0].status == 200
    assert recording.trace.calls[0].answered["id"] == "v1_a"


def test_both_sides_of_a_connection_are_read(tmp_path: Path) -> None:
    """Requests and responses in turn, with chunks that are still there."""
    body = b'{"model":"m","input":"hi"}'
    request = (
        b"POST /v1beta/interactions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    response = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(ANSWER), ANSWER)
    )
    recording = read(tmp_path, request + b"\r\n" + response + b"\r\n" + request + response)

    assert [call.operation for call in recording.trace.calls] == ["create", "create"]
    assert all(call.answered["status"] == "completed" for call in recording.trace.calls)


def test_a_head_without_an_end_is_named(tmp_path: Path) -> None:
    """A dump that was cut in its head is unreadable, and says why."""
    with pytest.raises(RecordingUnreadable, match="no end: the file is cut off"):
        read(tmp_path, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")


def test_an_html_answer_in_a_dump_is_unreadable(tmp_path: Path) -> None:
    """A page for people is a finding, whatever it is wrapped in."""
    with pytest.raises(RecordingUnreadable, match="HTML"):
        read(
            tmp_path,
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html><body>no</body></html>",
        )


def test_every_form_may_be_gzipped(tmp_path: Path) -> None:
    """What is in a compressed file counts, not its name."""
    recording = read(tmp_path, gzip.compress(har_of("text")), "archive")

    assert recording.form == "HAR archive"


def test_a_gzip_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    """A compressed file without its end is unreadable."""
    with pytest.raises(RecordingUnreadable, match="cut off"):
        read(tmp_path, gzip.compress(har_of("text"))[:-20])


def test_a_gzip_file_that_unpacks_beyond_the_limit_is_not_unpacked(tmp_path: Path) -> None:
    """A small file may unpack to a very large one: it is named and not judged."""
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b" " * 3_000_000))

    assert "over the limit of 1 MB" in read_recording(path, largest_bytes=1024 * 1024).note
