"""The clients that are tried: each has a driver, an exact version, and a list of what it gets wrong."""

import json
import re
from pathlib import Path

import pytest

from conformance.report.known import Known
from conformance.testees.case import read_cases
from conformance.testees.drivers import NAMES

HERE = Path(__file__).parent
PINS = json.loads((HERE / "pins.json").read_text(encoding="utf-8"))
LISTS = sorted((HERE / "known").glob("*.yaml"))


def test_every_client_that_has_a_driver_is_tried() -> None:
    """In its newest version once, which is what stands in the matrix."""
    assert {one["testee"] for one in PINS} == {*NAMES} - {"control"}
    newest = [one["testee"] for one in PINS if one["newest"]]
    assert sorted(newest) == sorted({*newest}) == sorted({*NAMES} - {"control"})
    assert len({one["id"] for one in PINS}) == len(PINS)


def test_every_package_is_pinned() -> None:
    """What passes today passes tomorrow; the versions stand in this one file."""
    for one in PINS:
        for package in one["packages"]:
            assert re.fullmatch(r"(@?[^@=]+)(@|==)\d+\.\d+\.\d+", package)
            assert ("==" not in package) == one["testee"].startswith("@")


def test_every_list_is_that_of_a_client() -> None:
    """And every client has one."""
    assert {one["known"] for one in PINS} == {path.name for path in LISTS}


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_what_is_known_is_tracked_and_of_cases_that_there_are(path: Path) -> None:
    """Each entry says where, and names its cases one by one."""
    known = Known.read(path)
    names = {case.id for case in read_cases()}
    assert known.entries
    for entry in known.entries:
        assert entry.url.startswith("https://")
        assert {name for name in entry.cases if not name.startswith("conversations/")} <= names
