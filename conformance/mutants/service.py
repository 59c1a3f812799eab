"""A mutated server, and beside it the right one, which is asked the same.

    service = MutatedService(mutant.mutate, seed=7)
    with serving(answering=service) as server:
        ...                              # a client talks to server.url
    service.answered[3].right, service.answered[3].sent, service.crash

The right one never goes over a socket; what it would have answered is what a mutant is compared with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.mutants.behaviours import BEHAVIOURS, Wrong
from conformance.mutants.operators import mutated, mutated_request
from conformance.scenario.expectation import matches
from conformance.server.answer import Answer
from conformance.server.ledger import Ledger
from conformance.server.refusal import Refused
from conformance.server.service import Service, operation_of
from conformance.wire.exchange import Request
from conformance.wire.trace import parse_json

__all__ = ["Answered", "MutatedService"]

_FAULT = b"The reference server has a fault."


@dataclass(frozen=True, slots=True)
class Answered:
    """One request: what the right server answers to it, and what the mutant did."""

    request: Request
    right: Answer
    sent: Answer


class MutatedService:
    """What answers on a mutant's port.

    answered: every exchange, in order.
    crash: what the mutant's own code, or the server under it, raised; empty when nothing did.
    """

    def __init__(self, mutate: Mapping[str, Any], seed: int = 7, *, wrong: Wrong | None = None) -> None:
        self._right = Service(seed)
        self._wrong = wrong or _wrong(mutate, seed)
        self.ledger: Ledger = getattr(self._wrong, "ledger", None) or Ledger()
        self.answered: list[Answered] = []
        self.crash = ""

    def answer(self, request: Request) -> Answer:
        """Answer as the mutant does; one that raises has crashed, and says so with a 500."""
        right = self._right.answer(request)
        right = replace(right, writes=tuple(right.followed()), follow=None)
        try:
            sent = self._wrong.answer(request)
        except Exception as error:  # noqa: BLE001  whatever it is, it is the mutant's
            self.crash = f"{type(error).__name__}: {error}"
            sent = Refused(500, "api_error", "The mutant has crashed.").answer()
        if sent.status == 500 and _FAULT in sent.body:
            self.crash = self.crash or "the server under the mutant raised an error"
        self.answered.append(Answered(request, right, sent))
        return sent


def _wrong(mutate: Mapping[str, Any], seed: int) -> Wrong:
    """Make the wrong server that a mutant describes."""
    if "behaviour" in mutate:
        return BEHAVIOURS[mutate["behaviour"]](seed)
    return _Operated(mutate, seed)


class _Operated:
    """The right server with one operator before or behind it."""

    def __init__(self, mutate: Mapping[str, Any], seed: int) -> None:
        self._service = Service(seed)
        self._mutate = mutate
        self._when: Mapping[str, Any] = mutate.get("when", {})
        self._seen = 0
        self.ledger = self._service.ledger

    def answer(self, request: Request) -> Answer:
        number, self._seen = self._seen, self._seen + 1
        if not self._asked(request, number):
            return self._service.answer(request)
        if "request" in self._mutate:
            return self._service.answer(mutated_request(request, self._mutate["request"]))
        answer = self._service.answer(request)
        return mutated(answer, self._mutate) if self._answered(answer) else answer

    def _asked(self, request: Request, number: int) -> bool:
        """Tell whether the mutant is wrong about such a request."""
        when = self._when
        if "exchange" in when and number not in _list(when["exchange"]):
            return False
        if "operation" in when and operation_of(request) not in _list(when["operation"]):
            return False
        if "url" in when and when["url"] not in request.url:
            return False
        return "asks" not in when or matches(when["asks"], parse_json(request.body))

    def _answered(self, answer: Answer) -> bool:
        """Tell whether the mutant is wrong about such an answer."""
        return "status" not in self._when or answer.status in _list(self._when["status"])


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]
