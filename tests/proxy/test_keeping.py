"""What passed, in files: cassettes that stock vcrpy plays, archives that others read, no key in either."""

import gzip
import json
import time
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import vcr

from conformance.errors import UsageRefused
from conformance.proxy.keeping import Keeper
from conformance.proxy.passed import Passed, Told, exchange_of
from conformance.wire.cassette import read_cassette
from conformance.wire.exchange import LEFT, Request, header
from conformance.wire.har import exchanges_of_har
from tests.proxy.alongside import HELLO, KEY

URL = "https://here.invalid/v1beta/interactions"
ANSWER = b'{"status": "completed", "key": "%b"}' % KEY.encode()


def passed(number: int = 0) -> Passed:
    """An exchange whose answer is gzipped, in three pieces, and quotes the key."""
    headers = (("content-type", "application/json"), ("x-goog-api-key", KEY))
    body = json.dumps({**HELLO, "input": f"{number} é {KEY}"}, ensure_ascii=False).encode()
    packed = gzip.compress(ANSWER)
    pieces = [(packed[:5], 0.1), (packed[5:12], 0.2), (packed[12:], 0.3)]
    told = (
        ("Content-Type", "application/json"),
        ("Content-Encoding", "gzip"),
        ("Content-Length", str(len(packed))),
    )
    return Passed(
        number,
        1_764_000_000.5,
        0.4,
        Request("POST", f"{URL}?key={KEY}", headers, body),
        Told(200, told, pieces),
    )


def keep(keeper: Keeper, *all_passed: Passed) -> None:
    """Keep what has passed, in one conversation."""
    for one in all_passed:
        keeper.add("conversation-1", one, exchange_of(one))
    keeper.save(hurry=True)


def test_a_cassette_holds_what_passed_in_the_order_of_arrival(tmp_path: Path) -> None:
    """Unpacked, with headers that fit, the arrivals, where it comes from, and no key."""
    file = tmp_path / "a" / "b.yaml"
    keep(Keeper(cassette=file, upstream="https://here.invalid"), passed(1), passed(0))
    exchanges, provenance = read_cassette(file)
    assert KEY not in file.read_text()
    assert provenance["origin"] == "https://here.invalid"
    assert [json.loads(one.request.body)["input"][:3] for one in exchanges if one.request] == ["0 é", "1 é"]
    response = exchanges[0].response
    assert response is not None
    assert response.body == ANSWER.replace(KEY.encode(), b"REDACTED")
    assert header(response.headers, "content-encoding") is None
    assert [arrival.time_s for arrival in response.arrivals] == [0.1, 0.2, 0.3]


def test_stock_vcrpy_plays_it(tmp_path: Path) -> None:
    """A client that unpacks what says that it is packed reads the answer."""
    file = tmp_path / "cassette.yaml"
    keep(Keeper(cassette=file, upstream="https://here.invalid"), passed())
    with (
        vcr.use_cassette(str(file), record_mode="none", match_on=["method", "host", "path"]),
        httpx2.Client() as client,
    ):
        assert client.post(URL, json=HELLO).json()["status"] == "completed"


def test_a_client_that_left_is_not_the_servers_fault_when_the_cassette_is_read(tmp_path: Path) -> None:
    """The recording says why it is not whole."""
    file = tmp_path / "cassette.yaml"
    keep(Keeper(cassette=file, upstream="https://here.invalid"), replace(passed(), unfinished=LEFT))
    (exchange,), _ = read_cassette(file)
    assert exchange.excerpt
    assert exchange.response is not None
    assert exchange.response.cut == LEFT


def test_each_conversation_has_its_cassette(tmp_path: Path) -> None:
    """In the folder, named as it is in the report."""
    keeper = Keeper(folder=tmp_path / "new", upstream="https://here.invalid")
    for number in range(4):
        one = passed(number)
        keeper.add(f"conversation-{number % 2 + 1}", one, exchange_of(one))
    keeper.save(hurry=True)
    files = sorted((tmp_path / "new").iterdir())
    assert [file.name for file in files] == ["conversation-1.yaml", "conversation-2.yaml"]
    assert [len(read_cassette(file)[0]) for file in files] == [2, 2]


def test_a_har_archive_gives_back_what_passed(tmp_path: Path) -> None:
    """Also a request that nobody answered; without a key."""
    file = tmp_path / "all.har"
    bare = replace(passed(1), told=None, trouble="refuses the connection")
    binary = replace(passed(2), told=Told(200, (), [(b"\xff\x00", 0.1)], cut="the connection was reset"))
    keep(Keeper(har=file, upstream="https://here.invalid"), passed(0), bare, binary)
    archive = json.loads(file.read_text())
    first, second, third = exchanges_of_har(archive)
    assert KEY not in file.read_text()
    assert first.response is not None
    assert first.response.body == ANSWER.replace(KEY.encode(), b"REDACTED")
    assert second.response is None
    assert third.response is not None
    assert third.response.body == b"\xff\x00"
    entry = archive["log"]["entries"][0]
    assert entry["startedDateTime"] == "2025-11-24T16:00:00.500+00:00"
    assert (entry["time"], entry["timings"]) == (400.0, {"send": 0, "wait": 100.0, "receive": 300.0})
    assert entry["request"]["queryString"] == [{"name": "key", "value": "REDACTED"}]
    assert archive["log"]["entries"][2]["comment"] == "the connection was reset"


def test_little_time_goes_into_writing(tmp_path: Path) -> None:
    """The first exchange is there at once; of many that follow the files are written now and then."""
    file = tmp_path / "cassette.yaml"
    keeper = Keeper(cassette=file, upstream="https://here.invalid")
    keeper.add("conversation-1", passed(), exchange_of(passed()))
    keeper.save()
    assert len(read_cassette(file)[0]) == 1
    written = file.stat().st_mtime_ns
    for number in range(1, 100):
        keeper.add("conversation-1", passed(number), exchange_of(passed(number)))
        keeper.save()
    assert file.stat().st_mtime_ns == written
    time.sleep(0.25)
    keeper.save()
    assert len(read_cassette(file)[0]) == 100


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything passes."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "below.yaml"):
        with pytest.raises(UsageRefused, match="cannot be written"):
            Keeper(cassette=path, upstream="https://here.invalid")


def test_a_disk_that_fills_up_leaves_the_old_file_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was whole stays whole."""
    file = tmp_path / "cassette.yaml"
    keeper = Keeper(cassette=file, upstream="https://here.invalid")
    keep(keeper, passed(0))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("conformance.wire.cassette.write_atomically", full)
    keep(keeper, passed(1))
    assert keeper.problem == f"{file} could not be written: No space left on device"
    assert len(read_cassette(file)[0]) == 1
