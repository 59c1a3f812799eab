"""Interactions that run in the background: how they go on, end, are cancelled and are resumed.

    run = Run(whole, events, number)   # queued
    run.poll()                         # queued -> in_progress -> ... -> final
    run.body()                         # what GET shows now
    run.frames()[run.position(event_id) :]    # what a resumed stream tells

There is no clock in it. Every poll (a GET that is no stream) moves a run on by one: the first from `queued`
to `in_progress` (where Deep Research begins, as recorded), the second through half of its events, the third
to the end. A stream that is delivered moves it on event by event. So tests need not wait, and a client that
polls sees each status.

A cancellation lags by one: the cancel call itself still shows the old status, and the next poll, or the next
event of an open stream, brings `cancelled`, with the steps that were finished until then.

Each event carries an `event_id`, in the form that was recorded: base64 of a count of microseconds.
"""

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from conformance.server.answer import DONE, frame
from conformance.server.interaction import NOT_IN_STREAMS

__all__ = ["Run", "with_ids"]

_BEGUN = 2  # interaction.created and the first status_update
_EPOCH_US = 1_790_812_800_000_000
_WHILE_RUNNING = ("id", "status", "created", "updated", "service_tier", "environment_id", "labels")
_ALWAYS = ("webhook_config", "object", "model", "agent")


def with_ids(events: Sequence[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """Give events an `event_id` each; `number` is that of their interaction."""
    return [_with_id(event, number, position) for position, event in enumerate(events)]


def _with_id(event: dict[str, Any], number: int, position: int) -> dict[str, Any]:
    stamp = _EPOCH_US + number * 1_000_000 + position
    rest = {key: told for key, told in event.items() if key != "event_type"}
    event_id = base64.b64encode(str(stamp).encode()).decode()
    return {**rest, "event_id": event_id, "event_type": event["event_type"]}


class Run:
    """One background interaction.

    whole: the interaction as it will be in the end.
    reached: how many of its events have happened; 0 while it is queued.
    """

    def __init__(
        self, whole: dict[str, Any], events: Sequence[dict[str, Any]], number: int, *, queued: bool = True
    ) -> None:
        self.whole = whole
        self.events = with_ids(events, number)
        self.reached = 0 if queued else _BEGUN
        self.cancelling = False
        self._number = number

    @property
    def over(self) -> bool:
        """Whether it has come to its final status."""
        return self.reached == len(self.events)

    @property
    def status(self) -> str:
        """Where it stands."""
        if self.over:
            return str(self.whole["status"])
        return "in_progress" if self.reached else "queued"

    def poll(self) -> None:
        """Move on by one."""
        if self.cancelling and not self.over:
            self._end_cancelled()
        elif not self.reached:
            self.reached = _BEGUN
        elif self.reached < len(self.events) // 2:
            self.reached = len(self.events) // 2
        else:
            self.reached = len(self.events)

    def cancel(self) -> bool:
        """Ask it to stop; False when it is over already. Asked twice, it stops at once."""
        if self.over:
            return False
        if self.cancelling:
            self._end_cancelled()
        self.cancelling = True
        return True

    def body(self) -> dict[str, Any]:
        """Give what is known of it now: everything at the end, else the steps that are finished."""
        if self.over:
            return self.whole
        known = {key: self.whole[key] for key in _WHILE_RUNNING if key in self.whole}
        known["status"] = self.status
        steps = self._finished_steps()
        if steps:
            known["steps"] = steps
        return {**known, **{key: self.whole[key] for key in _ALWAYS if key in self.whole}}

    def position(self, event_id: str) -> int | None:
        """Give the place after an event; None when there is no such event."""
        places = (place for place, event in enumerate(self.events, 1) if event["event_id"] == event_id)
        return next(places, None)

    def frames(self) -> tuple[bytes, ...]:
        """Give all events as frames, the `[DONE]` frame last."""
        return (*map(frame, self.events), DONE)

    def follower(self, start: int) -> Callable[[int], tuple[bytes, ...] | None]:
        """Give what a stream of these frames from `start` on asks before each of its writes.

        It moves the run on; frames in its answer take the place of all that the stream has not written.
        """
        events = self.events

        def follow(write: int) -> tuple[bytes, ...] | None:
            if self.cancelling and not self.over:
                self.reached = max(self.reached, start + write)
                self._end_cancelled()
            if self.events is not events:
                return (*map(frame, self.events[start + write :]), DONE)
            self.reached = max(self.reached, min(start + write + 1, len(events)))
            return None

        return follow

    def _finished_steps(self) -> list[dict[str, Any]]:
        stops = sum(event["event_type"] == "step.stop" for event in self.events[: self.reached])
        return list(self.whole.get("steps", ()))[:stops]

    def _end_cancelled(self) -> None:
        happened = self.events[: max(self.reached, _BEGUN)]
        self.whole = {**self.body(), "status": "cancelled"}
        told = {key: value for key, value in self.whole.items() if key not in NOT_IN_STREAMS}
        ending = [*_stop_of_open_step(happened), {"interaction": told, "event_type": "interaction.completed"}]
        ended = [_with_id(event, self._number, len(happened) + n) for n, event in enumerate(ending)]
        self.events = [*happened, *ended]
        self.reached = len(self.events)


def _stop_of_open_step(events: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    last = events[-1]
    if last["event_type"] in ("step.start", "step.delta"):
        yield {"index": last["index"], "event_type": "step.stop"}
