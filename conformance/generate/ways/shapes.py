"""Ways against the shape of a body, read from `shapes.yaml`: one place of a right body is made wrong.

The file tells what is put into a right body, and where it is wrong then; what stands there is drawn. Whether
it is really wrong is told by the contract, at this place.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.contract.store import contract
from conformance.contract.validation import Validation, value_at
from conformance.generate import values
from conformance.generate.ways.right import document, right_bodies, written
from conformance.generate.ways.way import Way, WrongRequest

__all__ = ["shape_ways"]

_PROBE = "conformance_"
_REQUIREMENTS = {
    "retype": "IX-CREATE-043",
    "lack": "IX-CREATE-043",
    "exceed": "IX-CREATE-043",
    "word": "IX-CREATE-044",
    "member": "IX-CREATE-045",
}
_PROBES = st.text("abcdefghij_", min_size=1, max_size=6).map(lambda text: f"{_PROBE}{text}")
_OTHERS: SearchStrategy[Any] = (
    st.sampled_from([7, "x", True, 0.5, [], {}, ["x"], [7], {"x": 7}]) | values.ANYTHING
)


@cache
def shape_ways() -> tuple[Way, ...]:
    """Give the ways of `shapes.yaml`, in its order."""
    told = yaml.safe_load(Path(__file__).with_name("shapes.yaml").read_text(encoding="utf-8"))
    return tuple(map(_way, told))


def _way(told: Mapping[str, Any]) -> Way:
    does = told.get("does", "retype")

    def holds(request: WrongRequest) -> bool:
        return _is_wrong(request, does, told["at"])

    return Way(
        name=told["name"],
        says=told["says"],
        requirement=told.get("requirement", _REQUIREMENTS[does]),
        statuses=(400, 416) if does == "exceed" else (400,),
        draws=lambda: _requests(told, does),
        holds=holds,
    )


@st.composite
def _requests(draw: DrawFn, told: Mapping[str, Any], does: str) -> WrongRequest:
    right = draw(right_bodies())
    body = {name: item for name, item in right.items() if name not in told.get("drops", ())}
    body |= deepcopy(told.get("put", {}))
    parent, _, last = told["at"].rpartition("/")
    match does:
        case "member":
            value_at(body, told["at"])[draw(_PROBES)] = draw(values.ANYTHING)
        case "lack":
            del value_at(body, told["at"])[told["member"]]
        case _:
            there = value_at(body, parent)
            there[int(last) if isinstance(there, list) else last] = draw(_instead(told, does))
    return WrongRequest(told["name"], body=written(body))


def _instead(told: Mapping[str, Any], does: str) -> SearchStrategy[Any]:
    match does:
        case "word":
            return _PROBES
        case "exceed":
            return st.sampled_from(told["values"])
    return _OTHERS


def _is_wrong(request: WrongRequest, does: str, at: str) -> bool:
    """Whether the contract finds something of this kind, at this place."""
    try:
        body = document(request.body)
    except ValueError:
        return False
    return any(_places(contract().validate("interactions/create_request", body), body, does, at))


def _places(found: Validation, body: Any, does: str, at: str) -> Iterator[bool]:
    for problem in found.problems:
        missing = problem.message.endswith("is missing")
        there = problem.pointer == at and value_at(body, at) is not None
        yield there and does in ("retype", "exceed") and not _may_be_a_number(value_at(body, at))
        yield there and does == "lack" and missing
    for drift in found.drift:
        made_up = drift.name.startswith(_PROBE)
        yield (
            made_up
            and does == "word"
            and drift.kind != "field"
            and at in (drift.pointer, f"{drift.pointer}/type")
        )
        yield made_up and does == "member" and drift.kind == "field" and drift.pointer.startswith(f"{at}/")


def _may_be_a_number(value: Any) -> bool:
    """Whether a text has a number in it, which some readers take for one."""
    return isinstance(value, str) and value.strip().removeprefix("-").replace(".", "", 1).isdigit()
