"""Ways against what the members of a body say together, read from `rules.yaml`.

The file tells what makes a right body wrong, and in `is`, as a JSON Schema, what is wrong with it then.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from jsonschema import Draft202012Validator

from conformance.generate import values
from conformance.generate.ways.right import document, right_bodies, written
from conformance.generate.ways.way import Way, WrongRequest

__all__ = ["rule_ways"]

_LETTERS = st.text("abcdefghij_", min_size=1, max_size=6)


@cache
def rule_ways() -> tuple[Way, ...]:
    """Give the ways of `rules.yaml`, in its order."""
    told = yaml.safe_load(Path(__file__).with_name("rules.yaml").read_text(encoding="utf-8"))
    return tuple(map(_way, told))


def _way(told: Mapping[str, Any]) -> Way:
    return Way(
        name=told["name"],
        says=told["says"],
        requirement=told["requirement"],
        statuses=tuple(told.get("statuses", (400,))),
        draws=lambda: _requests(told),
        holds=_holding(told),
        tolerated=told.get("tolerated", ""),
        unseen=told.get("unseen", ""),
    )


@st.composite
def _requests(draw: DrawFn, told: Mapping[str, Any]) -> WrongRequest:
    right = draw(right_bodies())
    body = {name: item for name, item in right.items() if name not in told.get("drops", ())}
    if "puts" in told:
        body |= deepcopy(draw(st.sampled_from(told["puts"])))
    if "any_of" in told:
        name = draw(st.sampled_from(told["any_of"]))
        body[f"{name}{draw(_LETTERS)}" if name.endswith("_") else name] = draw(values.ANYTHING)
    return WrongRequest(told["name"], body=written(body), follows=tuple(deepcopy(told.get("follows", ()))))


def _holding(told: Mapping[str, Any]) -> Callable[[WrongRequest], bool]:
    wrong = Draft202012Validator(told["is"])

    def holds(request: WrongRequest) -> bool:
        try:
            body = document(request.body)
        except ValueError:
            return False
        follows = list(request.follows) == list(told.get("follows", ()))
        return isinstance(body, dict) and follows and bool(wrong.is_valid(body))

    return holds
