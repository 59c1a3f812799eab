"""Ways against the call itself, read from `calls.yaml`: key, method, path, query and headers."""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from conformance.generate.ways.right import right_bodies, written
from conformance.generate.ways.way import Way, WrongRequest

__all__ = ["call_ways"]

_DRAWN = re.compile("<x>")
_WORDS = st.text("abcdefghij", min_size=1, max_size=6)


@cache
def call_ways() -> tuple[Way, ...]:
    """Give the ways of `calls.yaml`, in its order."""
    told = yaml.safe_load(Path(__file__).with_name("calls.yaml").read_text(encoding="utf-8"))
    return tuple(map(_way, told))


def _way(told: Mapping[str, Any]) -> Way:
    return Way(
        name=told["name"],
        says=told["says"],
        requirement=told["requirement"],
        statuses=tuple(told["statuses"]),
        draws=lambda: _requests(told),
        holds=_holding(told),
        tolerated=told.get("tolerated", ""),
        unseen=told.get("unseen", ""),
    )


def _choices(told: Mapping[str, Any], member: str, usual: Any) -> list[Any]:
    found = told.get(member, usual)
    return found if isinstance(found, list) else [found]


@st.composite
def _requests(draw: DrawFn, told: Mapping[str, Any]) -> WrongRequest:
    def chosen(member: str, usual: Any) -> Any:
        return draw(st.sampled_from(_choices(told, member, usual)))

    return WrongRequest(
        way=told["name"],
        method=chosen("method", "POST"),
        path=_DRAWN.sub(lambda _: draw(_WORDS), chosen("path", "/interactions")),
        query=tuple(chosen("query", {}).items()),
        headers=tuple(chosen("headers", {}).items()),
        key=told.get("key", "good"),
        body=written(draw(right_bodies())) if told.get("body") else b"",
        follows=tuple(deepcopy(told.get("follows", ()))),
    )


def _holding(told: Mapping[str, Any]) -> Callable[[WrongRequest], bool]:
    """A call is wrong by its members alone, as long as they are among those of the file."""
    paths = [
        re.compile("[a-z]+".join(map(re.escape, path.split("<x>"))))
        for path in _choices(told, "path", "/interactions")
    ]

    def holds(request: WrongRequest) -> bool:
        return (
            request.method in _choices(told, "method", "POST")
            and any(path.fullmatch(request.path) for path in paths)
            and dict(request.query) in _choices(told, "query", {})
            and dict(request.headers) in _choices(told, "headers", {})
            and request.key == told.get("key", "good")
            and list(request.follows) == list(told.get("follows", ()))
        )

    return holds
