"""What a way to be wrong is, and a request that is wrong in this way."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis.strategies import SearchStrategy

__all__ = ["PREVIOUS", "Way", "WrongRequest"]

PREVIOUS = "{previous}"
"""Stands in path, query or body for the id of the interaction that was created last before."""


@dataclass(frozen=True, slots=True)
class WrongRequest:
    """A request that a right endpoint refuses.

    way: the name of the way in which it is wrong.
    path: after the version, such as `/interactions/ID/cancel`.
    query, headers: more of them, besides those that every request has.
    key: which API key goes with it: "good", "bad" or "none".
    follows: what has to be sent before it, in order: the body of a create, or `{"delete": "{previous}"}`.
    """

    way: str
    method: str = "POST"
    path: str = "/interactions"
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    key: str = "good"
    body: bytes = b""
    follows: tuple[dict[str, Any], ...] = ()

    def addressed(self, previous: str) -> "WrongRequest":
        """Give the request with an id in the place of `{previous}`."""
        return replace(
            self,
            path=self.path.replace(PREVIOUS, previous),
            query=tuple((name, told.replace(PREVIOUS, previous)) for name, told in self.query),
            body=self.body.replace(PREVIOUS.encode(), previous.encode()),
        )


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a request can be wrong.

    says: what is wrong, in one sentence.
    requirement: the id of the fact that such a request is refused, or told of.
    statuses: the HTTP statuses that are right.
    draws: gives the strategy of such requests, and `holds` tells whether a request is really wrong so: what
        was made smaller may be right by now.
    tolerated: why an answer is right as well; such a way shows no more than that an endpoint stands it.
    unseen: why the judge cannot tell it from an exchange alone, so that only who drew the request knows.
    costly: its requests are large, or slow to read: a few will do.
    """

    name: str
    says: str
    requirement: str
    statuses: tuple[int, ...]
    draws: Callable[[], SearchStrategy[WrongRequest]]
    holds: Callable[[WrongRequest], bool]
    tolerated: str = ""
    unseen: str = ""
    costly: bool = False
