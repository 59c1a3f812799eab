"""Recordings made by anyone: recognised by what is in them, and never an exception but one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.errors import PathMissing, RecordingUnreadable
from conformance.judge.judge import judge
from conformance.wire.recording import Recording, load, read_all, read_recording

INTERACTION = b'{"id":"v1_a","status":"completed","object":"interaction","model":"gemini-3.5-flash"}'
CREATED = b'{"interaction":{"id":"v1_a","status":"in_progress"},"event_type":"interaction.created"}'
COMPLETED = b'{"interaction":{"id":"v1_a","status":"completed"},"event_type":"interaction.completed"}'
REQUEST = b'{"model":"gemini-3.5-flash","input":"Good morning"}'
STREAM = b"event: interaction.created\ndata: " + CREATED + b"\n\n"
CASSETTE = {
    "version": 1,
    "interactions": [
        {
            "request": {"method": "POST", "uri": "https://example.com/v1beta/interactions", "body": None},
            "response": {"status": {"code": 200}, "headers": {}, "body": {"string": INTERACTION.decode()}},
        }
    ],
}
YAML_CASSETTE = """\
interactions:
- request: {method: POST, uri: 'https://example.com/v1/interactions', headers: {}, body: null}
  response:
    status: {code: 200, message: OK}
    headers: {}
    body: {string: '{"status":"completed"}'}
version: 1
"""
HTTPMOCK = """\
when:
  path: /v1beta/interactions
  method: POST
  query_param:
  - name: alt
    value: sse
  header:
  - name: accept
    value: text/event-stream
  body: '{"model":"gemini-3.5-flash","input":"Good morning","stream":true}'
then:
  status: 200
  header:
  - name: content-type
    value: text/event-stream
  body: |+
    event: interaction.created
    data: {"event_type":"interaction.created","interaction":{"id":"","status":"in_progress"}}

"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file, under a name that says nothing unless one is given."""

    def write(data: bytes | str, name: str = "recording") -> Path:
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return write


def unreadable(path: Path) -> str:
    """The problem of a file that cannot be read, which names the file, in one line."""
    with pytest.raises(RecordingUnreadable) as caught:
        read_recording(path)
    assert caught.value.file == str(path)
    assert str(caught.value) == f"{path}: {caught.value.problem}"
    assert "\n" not in caught.value.problem
    return caught.value.problem


@pytest.mark.parametrize("name", ["recording", "recording.json", "recording.yaml", "recording.sse", "a.txt"])
@pytest.mark.parametrize(
    ("data", "form"),
    [
        (INTERACTION, "JSON body"),
        (b"\xef\xbb\xbf \r\n" + INTERACTION, "JSON body"),
        (b'{"status":"incomplete","usage":{}}', "JSON body"),
        (b'{"error":{"message":"No.","code":"not_found"}}', "JSON body"),
        (b'[{"error":{"code":400,"message":"No.","status":"INVALID_ARGUMENT"}}]', "JSON body"),
        (REQUEST, "JSON request"),
        (b'{"agent":"deep-research-preview","input":[],"background":true}', "JSON request"),
        (b'{"type":"google_search_call","id":"call_1","arguments":{}}', "JSON step"),
        (b'{"type":"tool_call","id":"call_1"}', "JSON step"),
        (STREAM, "event stream"),
        (b"\xef\xbb\xbf\r\n: ping\n\n" + STREAM, "event stream"),
        (CREATED + b"\n" + COMPLETED, "JSON lines"),
        (CREATED, "JSON lines"),
        (b"[" + CREATED + b", " + COMPLETED + b"]", "JSON list of events"),
        (YAML_CASSETTE.encode(), "vcrpy cassette"),
        (json.dumps(CASSETTE).encode(), "vcrpy cassette"),
        (HTTPMOCK.encode(), "httpmock exchanges"),
        ((HTTPMOCK + "---\n" + HTTPMOCK).encode(), "httpmock exchanges"),
    ],
)
def test_a_form_is_recognised_by_its_content(write: Write, data: bytes, form: str, name: str) -> None:
    """The name of the file tells nothing."""
    recording = read_recording(write(data, name))

    assert (recording.form, recording.note) == (form, "")
    assert len(recording.exchanges) == len(recording.trace.calls) >= 1


def test_the_bytes_of_a_body_are_kept(write: Write) -> None:
    """A bare body has no status, no headers and no request: what is not told is not guessed."""
    (exchange,) = read_recording(write(INTERACTION)).exchanges

    assert exchange.request is None
    assert exchange.response is not None
    assert (exchange.response.body, exchange.response.status, exchange.response.headers) == (
        INTERACTION,
        None,
        None,
    )


def test_a_request_is_a_creation_without_an_answer(write: Write) -> None:
    """What the client sent is judged, and nobody answered."""
    (call,) = read_recording(write(REQUEST)).trace.calls

    assert (call.operation, call.asked, call.status) == ("create", json.loads(REQUEST), None)


def test_an_httpmock_exchange_is_read_whole(write: Write) -> None:
    """Address with its query, headers, status and the stream."""
    (call,) = read_recording(write(HTTPMOCK)).trace.calls

    assert call.exchange.request is not None
    assert call.exchange.request.url == "/v1beta/interactions?alt=sse"
    assert call.exchange.request.headers == (("accept", "text/event-stream"),)
    assert (call.operation, call.status, call.content_type) == ("create", 200, "text/event-stream")
    assert call.stream is not None
    assert [event.type for event in call.stream.events] == ["interaction.created"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"outputs":[],"id":"v1_a","object":"interaction","status":"completed"}',
        b'{"id":"v1_a","object":"interaction","role":"agent","status":"in_progress"}',
        b'event: content.delta\ndata: {"event_type":"content.delta"}\n\n',
        b'{"event_type":"interaction.start"}\n{"event_type":"content.start"}\n',
        YAML_CASSETTE.replace('"status"', '"outputs":[],"status"').encode(),
    ],
)
def test_the_old_schema_is_named(write: Write, data: bytes) -> None:
    """The service dropped it; judging it would find nothing but that."""
    assert "old `outputs` schema" in read_recording(write(data)).note


@pytest.mark.parametrize(
    "data",
    [
        b'{"candidates":[]}',
        b'{"contents":[]}',
        b'[{"candidates":[]}]',
        b'data: {"candidates":[]}\r\n\r\n',
        YAML_CASSETTE.replace(
            "v1/interactions", "v1beta/models/gemini-3.5-flash:streamGenerateContent"
        ).encode(),
        HTTPMOCK.replace("v1beta/interactions", "v1beta/models/gemini-3.5-flash:countTokens").encode(),
    ],
)
def test_generate_content_is_named(write: Write, data: bytes) -> None:
    """It is ours, and nothing is claimed about it yet."""
    assert read_recording(write(data)).note == "a generateContent recording: not judged yet"


@pytest.mark.parametrize(
    "data",
    [
        b"Good morning",
        b"5",
        b"key: value",
        b"{}",
        b"[1, 2]",
        b'{"name":"fileSearchStores/a","displayName":"a"}',
        b'{"status":400,"code":"invalid_request","message":"No."}\n{"status":404}\n',
        b"version: '3'\nservices: {}\n",
        YAML_CASSETTE.replace("v1/interactions", "v1/chat").encode(),
        b'{"version":1,"interactions":[]}',
    ],
)
def test_what_is_not_ours_is_named_and_left_alone(write: Write, data: bytes) -> None:
    """A folder may hold anything."""
    recording = read_recording(write(data))

    assert recording.note == "not recognised as a recording of this API: not judged"
    assert recording.exchanges == ()


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\0\0", '{"status":"completed"}'.encode("utf-16-le")])
def test_a_binary_file_is_named(write: Write, data: bytes) -> None:
    """No text of ours holds a NUL."""
    assert read_recording(write(data)).note == "a binary file: not judged"


@pytest.mark.parametrize("form", ["json", "yaml", "sse"])
def test_what_a_shell_of_windows_wrote_is_read(write: Write, form: str) -> None:
    """UTF-16 with its mark, as `>` gives there, is the same recording."""
    text = "data: [DONE]\n\n" if form == "sse" else whole(form)
    plain, wide = read_recording(write(text)), read_recording(write(text.encode("utf-16")))
    assert wide.form
    assert (wide.form, wide.exchanges) == (plain.form, plain.exchanges)


def test_a_file_over_the_limit_is_named(write: Write) -> None:
    """It is not read at all."""
    path = write(b" " * (1024 * 1024 + 1))

    assert read_recording(path, largest_bytes=1024 * 1024).note == "1 MB, over the limit of 1 MB: not judged"


def whole(kind: str) -> str:
    """One whole recording of a kind."""
    return {"json": json.dumps(CASSETTE, indent=1), "yaml": YAML_CASSETTE, "httpmock": HTTPMOCK}[kind]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the file is empty"),
        (b" \r\n\t", "the file is empty"),
        (b"\n<!DOCTYPE html><title>Sign in</title>", "an HTML page, not an answer of the API"),
        (b"\xef\xbb\xbf<HTML>", "an HTML page, not an answer of the API"),
        (INTERACTION[:-9], "not JSON from line 1 column 66 on: Unterminated string starting at"),
        (b'{"status":"completed",\n"steps":[', "not JSON from line 2 column 10 on: Expecting value"),
        (b'{"status":"completed","steps":["\xe9"]}', "not UTF-8 at byte 32"),
        (b'{"status":"completed","usage":NaN}', "not JSON: NaN is no value of JSON"),
        (
            b'{"status":"completed","usage":' + b"9" * 5000 + b"}",
            "not JSON: Exceeds the limit (4300 digits) for integer string conversion",
        ),
        (b'{"steps":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "nested too deeply to be read"),
        (b"[" * 10_000, "nested too deeply to be read"),
        (CREATED + b"\n" + COMPLETED[:-5], "line 2 is not JSON: the file is cut off or edited"),
        (CREATED + b"\n[1]\n", "line 2 is not JSON: the file is cut off or edited"),
        (CREATED + b'\n{"a":"\xe9"}\n', "line 2 is not JSON: the file is cut off or edited"),
        (whole("yaml").partition("  response")[0], "interaction 0 has no request or no response: "),
        (whole("yaml").partition("    headers")[0], "interaction 0 is not as vcrpy writes it: "),
        (whole("yaml").partition("code: 200")[0], "not YAML from line 5 on: did not find expected"),
        (b"version: 1\n", "a cassette without interactions: the file is cut off"),
        (b"version: 1\ninteractions:\n", "a cassette without interactions: the file is cut off"),
        (whole("yaml").encode("latin-1") + b"# \xe9", "not UTF-8 at byte "),
        (whole("yaml").replace("200", "2026-13-45"), "not YAML: ValueError: month must be in 1..12"),
        (b"interactions: " + b"[" * 100_000, "not YAML: nested too deeply to be read"),
        (
            whole("json").replace('"uri"', '"url"'),
            "interaction 0 is not as vcrpy writes it: its request has no",
        ),
        (whole("httpmock").partition("then")[0], "exchange 0 has no `when` or no `then`: "),
        (HTTPMOCK + "---\n" + HTTPMOCK[:44], "exchange 1 has no `when` or no `then`: "),
        (whole("httpmock").replace("name: alt", "nam: alt"), "exchange 0 is not as httpmock writes it: "),
        (b"when: !!python/object/apply:os.getcwd []\n", "not YAML from line 1 on: could not determine"),
    ],
)
def test_what_cannot_be_read_to_its_end_is_an_error(write: Write, data: bytes | str, problem: str) -> None:
    """One sentence with the file tells what is wrong, whatever it is."""
    assert unreadable(write(data)).startswith(problem)


@pytest.mark.parametrize("before", [b'{"steps":', b'{"event_type":"a","b":', b'[{"event_type":"a","b":'])
def test_nesting_near_the_limit_is_no_exception(write: Write, before: bytes) -> None:
    """Where reading just succeeds, writing again may not: the file is then too deep as well."""
    after = b"}]" if before.startswith(b"[") else b"}"
    for depth in range(900, 1000):
        (found,) = read_all([str(write(before + b"[" * depth + b"]" * depth + after))])

        if isinstance(found, Recording):
            judge(found.trace)


@pytest.mark.parametrize("where", ["http://[a/v1/interactions", "5", "\\ud800"])
def test_an_odd_address_is_no_operation(write: Write, where: str) -> None:
    """It is not ours, and no exception."""
    value = json.loads(json.dumps(CASSETTE).replace("https://example.com/v1beta/interactions", where))

    assert read_recording(write(json.dumps(value))).note.startswith("not recognised")


def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    """So is a link that leads nowhere, met in a folder."""
    (tmp_path / "nowhere").symlink_to(tmp_path / "none")

    (found,) = read_all([str(tmp_path)])

    assert isinstance(found, RecordingUnreadable)
    assert found.problem == "cannot be read: No such file or directory"


def test_an_error_does_not_end_the_reading(write: Write, tmp_path: Path) -> None:
    """The file is named, and the next one is read."""
    write(b"", "a.json")
    write(INTERACTION, "b.json")

    first, second = read_all([str(tmp_path)])

    assert isinstance(first, RecordingUnreadable)
    assert isinstance(second, Recording)


def test_folders_are_walked_in_order_without_hidden_files(tmp_path: Path) -> None:
    """Sorted by path, so that two runs tell the same; a dot hides files and folders."""
    for name in ("b.json", "a/c.json", "a/b.json", ".git/a.json", "a/.hidden.json", "c.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(INTERACTION)

    found = [recording.file for recording in read_all([str(tmp_path)]) if isinstance(recording, Recording)]

    assert found == [str(tmp_path / name) for name in ("a/b.json", "a/c.json", "b.json", "c.json")]


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """Nothing is read before."""
    with pytest.raises(PathMissing):
        list(read_all([str(tmp_path / "none")]))


def test_load_gives_what_can_be_judged(write: Write, tmp_path: Path) -> None:
    """What has a note is left out, and what cannot be read raises."""
    write(INTERACTION, "a.json")
    write(b"{}", "b.json")

    assert [trace.name for trace in load(tmp_path)] == [str(tmp_path / "a.json")]

    write(b"{", "c.json")
    with pytest.raises(RecordingUnreadable):
        list(load(tmp_path))


@pytest.mark.parametrize(
    ("name", "excerpt"),
    [("a.excerpt.json", True), ("a.trimmed.sse", True), ("a.prefix.jsonl", True), ("excerpt.json", False)],
)
def test_a_name_may_say_that_a_recording_is_an_excerpt(write: Write, name: str, excerpt: bool) -> None:
    """What is missing from it proves nothing; the caller may say so too."""
    path = write(STREAM, name)

    assert [exchange.excerpt for exchange in read_recording(path).exchanges] == [excerpt]
    assert [exchange.excerpt for exchange in read_recording(path, excerpt=True).exchanges] == [True]


# Files that begin like a recording, with something wrong further on.
_BEGINNINGS = st.sampled_from(
    [
        b"",
        b"{",
        b"[",
        b'{"status":"a","steps":',
        CREATED + b"\n",
        b"data: ",
        STREAM,
        b"interactions:\n- ",
        b"when: ",
    ]
    + [whole(kind).encode() for kind in ("json", "yaml", "httpmock")]
)
files = st.builds(
    lambda start, end, rest: start[: len(start) - end] + rest,
    _BEGINNINGS,
    st.integers(0, 300),
    st.binary(max_size=30),
)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.one_of(st.binary(max_size=60), files))
def test_no_file_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Any bytes give a recording or the one error, and judging what is recognised gives a report."""
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    (found,) = read_all([str(path)])

    if isinstance(found, Recording):
        assert judge(found.trace).outcome != "error"
    else:
        assert "\n" not in found.problem
