"""Cassettes of every bad kind, as a user meets them: one sentence each, the right exit code, no traceback.

What can be read all the same is read: other recorders, other codings of the text, fields that nobody knows.
"""

import base64
import copy
import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.cli import main
from conformance.contract.places import folder
from conformance.errors import CassetteBroken, RecordingUnreadable
from conformance.server.replay import Cassettes
from conformance.wire.cassette import read_cassette
from conformance.wire.coding import LARGEST_BYTES
from conformance.wire.recording import read_recording

SOURCE = folder("cassettes") / "interactions" / "text.yaml"
TEXT = SOURCE.read_text(encoding="utf-8")
DATA: dict[str, Any] = yaml.safe_load(TEXT)
BODY: str = DATA["interactions"][0]["response"]["body"]["string"]
ALIASES = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{inner}: &{inner} [{', '.join([f'*{outer}'] * 10)}]\n"
    for outer, inner in zip("abcdefgh", "bcdefghi", strict=True)
)
OLD = """\
version: 1
interactions:
- request: {method: POST, uri: /v1beta/interactions, headers: {}, body: %s}
  response: {status: {code: 200}, headers: {}, body: {string: %s}}
"""


def changed(change: Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], object]) -> bytes:
    """The cassette as another recorder wrote it; what changes it gets all, the request, the response."""
    data = copy.deepcopy({"version": 1, "interactions": DATA["interactions"]})
    change(data, data["interactions"][0]["request"], data["interactions"][0]["response"])
    return yaml.safe_dump(data, sort_keys=False).encode()


def ours(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The cassette with something changed, and with its provenance."""
    data = copy.deepcopy(DATA)
    change(data)
    return yaml.safe_dump(data, sort_keys=False).encode()


def _as_httpx_was_recorded(_: Any, request: dict[str, Any], response: dict[str, Any]) -> None:
    """As vcrpy 4.1 to 5.1 wrote it; bodies were unpacked, and the header that told of it stayed."""
    headers = {**response["headers"], "Content-Encoding": ["gzip"]}
    response.clear()
    response |= {"content": BODY, "headers": headers, "http_version": "HTTP/1.1", "status_code": 200}


def _packed(_: Any, request: dict[str, Any], response: dict[str, Any]) -> None:
    response["headers"]["content-encoding"] = ["gzip"]
    response["body"]["string"] = gzip.compress(BODY.encode(), mtime=0)


def _unknown_fields(whole: dict[str, Any], request: dict[str, Any], response: dict[str, Any]) -> None:
    for level in (whole, whole["interactions"][0], request, response, response["body"], response["status"]):
        level["x-new"] = {"a": [1, None]}


def _parsed(_: Any, request: dict[str, Any], response: dict[str, Any]) -> None:
    """As Pydantic AI records: JSON is YAML."""
    request["parsed_body"] = json.loads(request.pop("body"))
    response["parsed_body"] = json.loads(response.pop("body")["string"])


READ: dict[str, bytes] = {
    "as it is": TEXT.encode(),
    "with line ends of Windows": TEXT.replace("\n", "\r\n").encode(),
    "with a mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "in UTF-16": TEXT.encode("utf-16"),
    "in UTF-32": TEXT.encode("utf-32"),
    "gzipped": gzip.compress(TEXT.encode()),
    "as JSON": json.dumps(DATA).encode(),
    "as JSON in lines": json.dumps(DATA, indent=1).encode(),
    "of format 1": ours(lambda data: (data["provenance"].pop("sha256"), data["provenance"].update(format=1))),
    "with a provenance that is a text": ours(lambda data: data.update(provenance="by hand")),
    "with an unknown tag of vcrpy": TEXT.encode() + b"x: !!python/tuple [1, 2]\n",
    "with no version": changed(lambda whole, *_: whole.pop("version")),
    "with version '1'": changed(lambda whole, *_: whole.update(version="1")),
    "with unknown fields": changed(_unknown_fields),
    "of vcrpy 4 with httpx": changed(_as_httpx_was_recorded),
    "of vcrpy 6 with httpx": changed(lambda _, __, response: response["status"].update(message="OK")),
    "of aiohttp": changed(lambda _, __, response: response.update(url="http://anywhere.example/")),
    "of Pydantic AI": changed(_parsed),
    "packed": changed(_packed),
    "with bytes": changed(
        lambda _, request, response: (
            request.update(body=request["body"].encode()),
            response["body"].update(string=BODY.encode()),
        )
    ),
    "with headers as texts": changed(
        lambda _, __, response: response.update(
            headers={name: values[0] for name, values in response["headers"].items()}
        )
    ),
    "with headers as rows": changed(
        lambda _, __, response: response.update(
            headers=[[name, values[0].encode()] for name, values in response["headers"].items()]
        )
    ),
    "with a body in memory": changed(lambda *_: None)
    .replace(
        b"body: '{",
        b"body: !!python/object/new:_io.BytesIO\n        state: !!python/tuple ['{",
        1,
    )
    .replace(b"words\"}'\n", b"words\"}', 0, null]\n", 1),
}

BROKEN: dict[str, tuple[bytes, str]] = {
    "of another version": (
        ours(lambda data: data.update(version=2)),
        "a cassette of version 2; version 1 alone can be read",
    ),
    "of a newer format": (
        ours(lambda data: data["provenance"].update(format=99)),
        "a cassette of a newer gemini-conformance, in format 99; this one reads format 2",
    ),
    "of the time before versions": (
        b"- request: {method: GET}\n  response: {}\n",
        "a cassette of vcrpy before 1.0",
    ),
    "of that time, cut off": (b"- request: {method: GET", "not YAML from line 2 on: "),
    "empty": (b"", "the file is empty"),
    "blank": (b" \n\n", "the file is empty"),
    "gzip that is cut off": (gzip.compress(TEXT.encode())[:200], "the compressed data is cut off"),
    "of no coding": (TEXT.replace("few", "f\u00e9w").encode("latin-1"), "not UTF-8 at byte 849"),
    "with a tab": (TEXT.replace("  ", "\t").encode(), "not YAML from line 2 on: found character that cannot"),
    "twice": (
        TEXT.encode() + b"---\n" + TEXT.encode(),
        "not YAML from line 50 on: but found another document",
    ),
    "with an alias of itself": (b"version: 1\ninteractions: &a [*a]\n", "the alias *a stands within itself"),
    "with a body that holds itself": (
        (OLD % ("'{}'", "{}")).replace("- request: {", "- request: &a {b: *a, ").encode(),
        "the alias *a stands within itself",
    ),
    "that unfolds without end": (
        f"{ALIASES}{OLD % ('*i', '*i')}".encode(),
        "not YAML: its aliases unfold to more than 64 MB",
    ),
    "with long texts that unfold": (
        f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 700)}]\n{OLD % ('a', 'b')}".encode(),
        "not YAML: its aliases unfold to more than 64 MB",
    ),
    "of a million values": (
        b"version: 1\ninteractions: []\nx: [" + b"1," * 1_000_000 + b"]\n",
        "not YAML: it has more than 1,000,000 values, over the limit",
    ),
    "nested without end": (
        b"version: 1\ninteractions: " + b"[" * 5000,
        "not YAML: nested too deeply to be read",
    ),
    "with a mapping of interactions": (b"version: 1\ninteractions: {a: 1}\n", "interactions"),
    "with no interactions": (b"version: 1\ninteractions:\n", "interactions"),
    "with half an interaction": (
        changed(lambda whole, *_: whole["interactions"][0].pop("response")),
        "interaction 0 has no request or no response: the file is cut off",
    ),
    "with arrivals that are a text": (
        ours(lambda data: data.update(arrivals="soon")),
        "its arrivals are no list: the file was edited",
    ),
    "with endings that are a number": (
        ours(lambda data: data.update(endings=5)),
        "its endings are no list: the file was edited",
    ),
    "with arrivals that go back": (
        ours(lambda data: data.update(arrivals=[[[50, 1.0], [20, 2.0]]])),
        "its arrivals have [20, 2.0], not [end in bytes, milliseconds]",
    ),
    "with arrivals at no time": (
        ours(lambda data: data.update(arrivals=[[[5, float("nan")]]])),
        "its arrivals have [5, nan], not [end in bytes, milliseconds]",
    ),
    "with a status in words": (
        changed(lambda _, __, response: response.update(status="200 OK")),
        "its status is '200 OK', not a number such as 200",
    ),
    "with a status that is none": (
        changed(lambda _, __, response: response.update(status={"code": 10**30})),
        f"its status is '{10**30}', not a number such as 200",
    ),
    "with a response that is a text": (
        changed(lambda whole, *_: whole["interactions"][0].update(response="x")),
        "its response is no mapping",
    ),
    "with no body": (
        changed(lambda _, __, response: response.pop("body")),
        "its response has no body",
    ),
    "with a body of another recorder": (
        changed(lambda _, __, response: response.update(body={"base64_string": "eA=="})),
        "the body of its response has base64_string and no string",
    ),
    "with headers that are a text": (
        changed(lambda _, __, response: response.update(headers="a: b")),
        "its headers are no mapping of names to values",
    ),
    "with no uri": (
        changed(lambda _, request, __: request.pop("uri")),
        "its request has no method or no uri",
    ),
    "with a uri that is none": (
        changed(lambda _, request, __: request.update(uri=None)),
        "the method and the uri of its request are no texts",
    ),
    "with a body in brotli": (
        changed(
            lambda _, __, response: response.update(
                headers={"content-encoding": ["br"]}, body={"string": b"\x0b\x02\x80{}\x03"}
            )
        ),
        "is in the coding br, which is not read: record it with decode_compressed_response=True",
    ),
    "with half of a packed body": (
        changed(
            lambda _, __, response: response.update(
                headers={"content-encoding": ["gzip"]}, body={"string": gzip.compress(BODY.encode())[:90]}
            )
        ),
        "the body of its response is gzip that cannot be unpacked",
    ),
    "with a tag that runs a command": (
        TEXT.encode() + b"x: !!python/object/apply:os.system ['touch pwned']\n",
        "not YAML from line 50 on: could not determine a constructor for the tag",
    ),
    "with a tag that starts a program": (
        TEXT.encode() + b"x: !!python/object/new:subprocess.Popen [[touch, pwned]]\n",
        "not YAML from line 50 on: could not determine a constructor for the tag",
    ),
    "with a tag of somebody's own": (
        TEXT.encode() + b"x: !mine 1\n",
        "could not determine a constructor for the tag '!mine'",
    ),
}
# What might be anything: lint leaves it alone, and nothing is judged.
STRANGE: dict[str, bytes] = {
    "noise": b"\xcb\x0f\x00\x01\xfe" + bytes(range(256)) * 8,
    "zeros": b"\0" * 500,
    "another text": b"Hello, this is my list.\n",
    "a number": b"5\n",
    "a date that is none": b"2020-13-45\n",
    "an address that cannot be read": changed(
        lambda _, request, __: request.update(uri="http://[::1/v1beta/interactions")
    ),
    "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
}


@pytest.fixture
def tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the cassette of a scenario lies, in an empty folder; at the end nothing has been run there."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(folder("scenarios") / "interactions" / "text.scenario.yaml", "text.scenario.yaml")
    Path("tapes").mkdir()
    yield Path("tapes/text.yaml")
    assert not Path("pwned").exists()


RUN = ["run", "text.scenario.yaml", "--target", "cassettes", "--cassettes", "tapes"]


@pytest.mark.parametrize("kind", READ)
def test_what_is_readable_is_read(kind: str, tape: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Played, linted and served, it is the conversation that was recorded."""
    tape.write_bytes(READ[kind])

    assert main(RUN) == 0, capsys.readouterr()
    assert main(["lint", "tapes"]) == 0, capsys.readouterr()
    (served,) = Cassettes(Path("tapes")).recorded
    (exchange,), _ = read_cassette(tape)

    assert exchange.response is not None
    assert json.loads(exchange.response.body) == json.loads(BODY)
    assert served.answer.status == 200


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_told_in_a_sentence(
    kind: str, tape: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file and what is wrong in it, and what to do next; 2 for whoever plays it, 1 for lint."""
    data, sentence = BROKEN[kind]
    tape.write_bytes(data)

    assert main(RUN) == 2
    told, notes = capsys.readouterr()
    assert f"error text[cassettes]: {tape}: " in told
    assert sentence in told
    assert "    hint      Record it with `gemini-conformance record`; --cassettes DIR" in told
    assert main(["lint", "tapes"]) == 1
    linted, more = capsys.readouterr()
    assert f"fail {tape}: " in linted
    assert sentence in linted
    assert main(["serve", "--cassettes", "tapes"]) == 2
    _, served = capsys.readouterr()
    assert f"gemini-conformance: {tape}: " in served
    assert sentence in served
    for text in (told, notes, linted, more, served):
        assert "Traceback" not in text
        assert "harness failed" not in text


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_cassette_at_all_is_named(
    kind: str, tape: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lint does not know what it is: nothing is judged, which is too little evidence."""
    tape.write_bytes(STRANGE[kind])

    assert main(RUN) == 2
    assert f"error text[cassettes]: {tape}: not a cassette: " in capsys.readouterr().out
    assert main(["lint", "tapes"]) == 5
    assert f"{tape}: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "twentieth",
    [
        number if number in (1, 9, 19) else pytest.param(number, marks=pytest.mark.slow)
        for number in range(20)
    ],
)
def test_half_a_cassette_is_never_green(
    twentieth: int, tape: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it is cut: lint tells it from the first line on that says whose it is."""
    raw = TEXT.encode()
    end = len(raw) * twentieth // 20
    for cut in (end, end + 7, raw.index(b"recorder:") + 40 + twentieth * 10):
        tape.write_bytes(raw[:cut])
        assert main(RUN) == 2
        assert f"error text[cassettes]: {tape}: " in capsys.readouterr().out
        assert main(["lint", "tapes"]) == (1 if cut >= 42 or cut == 0 else 5)
        assert "Traceback" not in "".join(capsys.readouterr())


def test_a_cassette_that_was_edited_says_so_beside_a_miss(
    tape: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The scenario may be as it was."""
    tape.write_text(TEXT.replace("few words", "two words", 1))
    assert main(RUN) == 1
    told = capsys.readouterr().out
    assert "which differs in /input" in told
    assert "its hash tells that it was edited" in told


def test_keys_of_two_kinds_are_an_edit(tape: Path) -> None:
    """We never write such a thing; that they cannot be put into one order is no fault of ours."""
    tape.write_bytes(ours(lambda data: data["interactions"][0]["response"]["headers"].update({5: ["x"]})))
    assert read_cassette(tape)[1]["edited"] is True
    assert "its hash tells" in read_recording(tape).doubt


def test_what_is_no_file_is_not_waited_for(tape: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, a pipe that nobody writes, a link that leads to itself."""
    told = {}
    for name in ("folder", "pipe", "link"):
        if name == "folder":
            tape.mkdir()
        elif name == "pipe":
            os.mkfifo(tape)
        else:
            tape.symlink_to(tape.name)
        with pytest.raises(CassetteBroken) as caught:
            read_cassette(tape)
        told[name] = str(caught.value).removeprefix(f"{tape}: ")
        assert main(RUN) == 2
        assert f"error text[cassettes]: {tape}: " in capsys.readouterr().out
        tape.rmdir() if name == "folder" else tape.unlink()
    assert told == {
        "folder": "not a cassette: a folder",
        "pipe": "not a cassette: no file",
        "link": "cannot be read: Too many levels of symbolic links",
    }


def test_a_cassette_that_may_not_be_read_is_named(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the system says."""
    tape.write_text(TEXT)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CassetteBroken, match=r"text\.yaml: cannot be read: Permission denied"):
        read_cassette(tape)


def test_a_cassette_over_the_limit_is_not_read(tape: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """200 MB, which take no room on the disk; and few bytes that unpack to many."""
    with tape.open("wb") as file:
        file.write(TEXT.encode())
        file.truncate(200 * 1024 * 1024)
    assert main(RUN) == 2
    assert f"{tape}: not a cassette: it is over the limit of 64 MB" in capsys.readouterr().out
    assert main(["lint", "tapes"]) == 5
    assert f"{tape}: 200 MB, over the limit of 64 MB: not judged" in capsys.readouterr().out
    tape.write_bytes(gzip.compress(b"# " + b"x" * LARGEST_BYTES, 1))
    with pytest.raises(CassetteBroken, match="it is over the limit of 64 MB"):
        read_cassette(tape)


def test_headers_that_nobody_kept_are_unknown(tape: Path) -> None:
    """That is another thing than none at all."""
    tape.write_bytes(changed(lambda _, request, response: (request.pop("headers"), response.pop("headers"))))
    ((exchange,), _) = read_cassette(tape)
    assert exchange.request is not None
    assert exchange.response is not None
    assert (exchange.request.headers, exchange.response.headers) == (None, None)


@pytest.mark.slow
def test_a_broken_cassette_is_recorded_again(tape: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As its hint says."""
    for data in (b"", b"\0\0", base64.b85encode(os.urandom(300)), TEXT.encode()[:700]):
        tape.write_bytes(data)
        assert main(["record", "text.scenario.yaml", "--to", "tapes"]) == 0
        assert "1 exchanges recorded" in capsys.readouterr().out
        assert main(RUN) == 0
    assert [one.name for one in Path("tapes").iterdir()] == ["text.yaml"]


def test_a_broken_cassette_is_an_error_for_programs_too(tape: Path) -> None:
    """`load` raises it."""
    tape.write_bytes(TEXT.encode()[:700])
    with pytest.raises(RecordingUnreadable) as caught:
        read_recording(tape)
    assert caught.value.exit_code == 1
    assert caught.value.hint
