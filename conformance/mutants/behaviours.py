"""Wrong behaviours that no operator can express: each is a server that is wrong in the one way it says.

    BEHAVIOURS["keeps-what-is-deleted"](seed=7).answer(request)

A mutant names one as `behaviour: keeps-what-is-deleted`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import quote, unquote

from conformance.server.answer import Answer, json_answer
from conformance.server.memory import Memory, Stored
from conformance.server.service import Service, operation_of
from conformance.wire.exchange import Request
from conformance.wire.sse import decode
from conformance.wire.trace import UNREADABLE, parse_json

__all__ = ["BEHAVIOURS", "Wrong"]

_STOP = b'"event_type":"step.stop"'


class Wrong(Protocol):
    """A server that is wrong."""

    def answer(self, request: Request) -> Answer:
        """Answer a request."""


class _KeepsAll(Memory):
    """Deletes nothing."""

    def forget(self, account: str, interaction_id: str) -> bool:
        return (account, interaction_id) in self._kept


class _KeepsNothing(Memory):
    """Stores nothing."""

    def keep(self, stored: Stored) -> None:  # noqa: ARG002  it is not kept
        return


class _OneChain(Memory):
    """Takes all interactions of an account for one conversation."""

    def chain(self, stored: Stored) -> Iterator[Stored]:
        return (kept for kept in reversed(self._kept.values()) if kept.account == stored.account)


class _NumbersAgain(Memory):
    """Gives every interaction of an account the same number, and so the same id."""

    def next_number(self, account: str) -> int:
        super().next_number(account)
        return 0


class _RepeatsTheMark(Service):
    """Resumes a stream with the marked event, not after it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._before: dict[str, str] = {}

    def answer(self, request: Request) -> Answer:
        url, at, mark = request.url.partition("last_event_id=")
        if at:
            before = self._before.get(unquote(mark), unquote(mark))
            return super().answer(replace(request, url=f"{url}{at}{quote(before, safe='')}"))
        answer = super().answer(request)
        told = [parse_json(frame.data or "") for frame in decode(answer.writes) if answer.chunked]
        ids = [str(event["event_id"]) for event in told if isinstance(event, dict) and "event_id" in event]
        self._before.update(zip(ids[1:], ids, strict=False))
        return answer


class _CancelsAnything(Service):
    """Cancels what has ended."""

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if operation_of(request) == "cancel" and answer.status == 400:
            told = parse_json(super().answer(_read(request)).body)
            return json_answer(200, {**told, "status": "cancelled"})
        return answer


class _IgnoresCancels(Service):
    """Answers a cancel as if it were a get."""

    def answer(self, request: Request) -> Answer:
        return super().answer(_read(request) if operation_of(request) == "cancel" else request)


def _read(request: Request) -> Request:
    """Give the get of what a cancel is for."""
    return replace(request, method="GET", url=request.url.removesuffix("/cancel"))


class _TellsTheTurnBefore(Service):
    """Begins the answer of a follow-up with the steps of the turn before."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._steps: dict[str, list[Any]] = {}

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        asked, told = parse_json(request.body), parse_json(answer.body)
        if operation_of(request) != "create" or answer.status != 200 or UNREADABLE in (asked, told):
            return answer
        steps = [*self._steps.get(asked.get("previous_interaction_id", ""), ()), *told["steps"]]
        self._steps[told.get("id", "")] = steps
        return json_answer(200, {**told, "steps": steps})


class _KeepsTheConfig(Service):
    """Tells the generation config of a turn, and that of the turn before where a follow-up has none."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._configs: dict[str, Any] = {}

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        asked, told = parse_json(request.body), parse_json(answer.body)
        if operation_of(request) != "create" or answer.status != 200 or UNREADABLE in (asked, told):
            return answer
        before = self._configs.get(asked.get("previous_interaction_id", ""))
        config = asked.get("generation_config", before)
        self._configs[told.get("id", "")] = config
        return json_answer(200, {**told, "generation_config": config}) if before and config else answer


class _CountsUsageDown(Service):
    """Tells the usage so far at the end of each step, less each time."""

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        writes, tokens = [], 100
        for write in answer.writes:
            told = write.replace(_STOP, b'"usage":{"total_tokens":%d},%b' % (tokens, _STOP))
            tokens -= told != write
            writes.append(told)
        return replace(answer, writes=tuple(writes))


def _with(memory: type[Memory]) -> Callable[[int], Service]:
    return lambda seed: Service(seed, memory())


BEHAVIOURS: dict[str, Callable[[int], Wrong]] = {
    "keeps-what-is-deleted": _with(_KeepsAll),
    "stores-nothing": _with(_KeepsNothing),
    "takes-all-for-one-chain": _with(_OneChain),
    "gives-an-id-again": _with(_NumbersAgain),
    "repeats-the-mark": _RepeatsTheMark,
    "cancels-anything": _CancelsAnything,
    "ignores-cancels": _IgnoresCancels,
    "tells-the-turn-before": _TellsTheTurnBefore,
    "keeps-the-config": _KeepsTheConfig,
    "counts-usage-down": _CountsUsageDown,
}
