"""A mutant as a server for whoever asks, in whatever order.

    service = Beside(standing(mutant.mutate))
    with serving(answering=service) as server:
        ...
    service.asked, service.met

A mutant that is wrong at the n-th request of its scenario alone would be right to tools that ask in another
order, so it is wrong at every request here, as far as its operator applies: it *stands*.
"""

from collections.abc import Mapping
from typing import Any

from conformance.mutants.difference import touched
from conformance.mutants.service import MutatedService
from conformance.server import Answer
from conformance.wire.exchange import Request

__all__ = ["SEED", "Beside", "standing"]

SEED = 7
"""Of the servers, of schemathesis, and of the order of the mutants."""


class Beside:
    """A mutant, and how much of what is wrong with it was met.

    asked, met: the requests, and those whose answer was not the right one.
    crashes: how often its own code could not take a request; then it answers as the right server.
    """

    def __init__(self, mutate: Mapping[str, Any]) -> None:
        self._service = MutatedService(mutate, SEED)
        self.ledger = self._service.ledger
        self.asked = self.met = self.crashes = 0

    def answer(self, request: Request) -> Answer:
        """Answer as the mutant does."""
        sent = self._service.answer(request)
        one = self._service.answered.pop()
        self.asked += 1
        if self._service.crash:
            self.crashes, self._service.crash = self.crashes + 1, ""
            return one.right
        self.met += bool(touched([one]))
        return sent


def standing(mutate: Mapping[str, Any]) -> dict[str, Any]:
    """Let a mutant be wrong at any request, not only at the n-th."""
    when = {key: value for key, value in mutate.get("when", {}).items() if key != "exchange"}
    return (
        {**mutate, "when": when} if when else {key: value for key, value in mutate.items() if key != "when"}
    )
