"""The life of interactions: created, continued, answered, read, resumed, cancelled, deleted, in any order.

    machine = life_of(world, hunt)
    run_state_machine_as_test(machine, settings=…)

A hypothesis state machine against a small model of what the documents promise: which interactions are there,
which are gone or were never stored, which still run. Each call is held against the model, and the whole
conversation is judged at its end.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from conformance.errors import TargetUnreachable
from conformance.fuzzing.endpoint import Remark, World, refused, silent
from conformance.fuzzing.hunt import Hunt
from conformance.fuzzing.talk import NotBound, Talk
from conformance.wire.trace import Call

__all__ = ["STEPS", "life_of"]

STEPS = 8
"""How many calls a conversation has at most."""
_BUSY = frozenset({429, 500, 502, 503, 504})
_OVER = frozenset({"completed", "failed", "cancelled", "incomplete", "budget_exceeded"})

_TEXTS = st.sampled_from(
    [
        "Hello",
        "Tell me a joke.",
        "What is 2 + 2?",
        "My name is Ada.",
        "What is my name?",
        "Why is the sky blue?",
    ]
)
_WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}
_ASKING = st.sampled_from(["What is the weather in London?", "What is the weather in Paris and in Rome?"])


@dataclass(slots=True)
class Turn:
    """What the model knows of one interaction.

    name: what it is called in the conversation. waits: the calls that it asks for, as bound names with the
    name of the function. marks: the bound names of the marks of its events.
    """

    name: str
    stored: bool
    over: bool
    streamed: bool
    waits: tuple[tuple[str, str], ...] = ()
    deleted: bool = False
    marks: list[str] = field(default_factory=list)
    after: "Turn | None" = None

    @property
    def whole(self) -> bool:
        """Whether it and all turns before it are there."""
        return self.there and (self.after is None or self.after.whole)

    @property
    def there(self) -> bool:
        """Whether it can be read."""
        return self.stored and not self.deleted


def life_of(world: World, hunt: Hunt, model: str = "gemini-3.5-flash") -> type[RuleBasedStateMachine]:
    """Make the state machine of an endpoint; what it shows goes to the hunt."""

    class Life(_Life):
        pass

    Life.world, Life.hunt, Life.model = world, hunt, model
    return Life


class _Life(RuleBasedStateMachine):
    """One conversation. Rules draw indices, so that a turn is whatever is there when it is its turn."""

    world: World
    hunt: Hunt
    model: str

    def __init__(self) -> None:
        super().__init__()
        self.talk: Talk = self.world.talk()
        self.turns: list[Turn] = []
        self.remarks: list[Remark] = []
        self.gone = False

    def going(self) -> bool:
        """Whether the endpoint still answers."""
        return not self.gone

    def begun(self) -> bool:
        """Whether there is an interaction to do something with."""
        return bool(self.turns) and not self.gone

    # What a client does.

    @precondition(going)
    @rule(said=st.tuples(_TEXTS, st.booleans(), st.sampled_from([None, None, True, False])))
    def create(self, said: tuple[str, bool, bool | None]) -> None:
        """Begin a chain. One argument: hypothesis takes the rule with the fewest for the simplest."""
        text, stream, store = said
        self._say({"input": text, **_flags(stream=stream, store=store)})

    @precondition(going)
    @rule(text=_ASKING, stream=st.booleans())
    def ask_for_a_function(self, text: str, stream: bool) -> None:
        """Begin a chain that waits for its client."""
        self._say({"input": text, "tools": [_WEATHER], **_flags(stream=stream)})

    @precondition(going)
    @rule(text=_TEXTS, stream=st.booleans())
    def create_in_the_background(self, text: str, stream: bool) -> None:
        """Begin a run."""
        self._say({"input": text, "background": True, **_flags(stream=stream)})

    @precondition(begun)
    @rule(number=st.integers(0, 9), text=_TEXTS, stream=st.booleans(), store=st.sampled_from([None, False]))
    def go_on(self, number: int, text: str, stream: bool, store: bool | None) -> None:
        """Continue a turn, whether or not that can be done."""
        turn = self._turn(number)
        if turn.waits or not turn.over:  # the documents leave open what comes of it
            return
        body = {
            "input": text,
            "previous_interaction_id": f"<{turn.name}>",
            **_flags(stream=stream, store=store),
        }
        self._say(body, after=turn)

    @precondition(begun)
    @rule(number=st.integers(0, 9), stream=st.booleans())
    def answer_the_functions(self, number: int, stream: bool) -> None:
        """Give the results that a turn waits for."""
        turn = self._turn(number)
        if not turn.waits:
            return
        results = [
            {
                "type": "function_result",
                "name": function,
                "call_id": f"<{call}>",
                "result": [{"type": "text", "text": "15 degrees"}],
            }
            for call, function in turn.waits
        ]
        body = {
            "input": results,
            "tools": [_WEATHER],
            "previous_interaction_id": f"<{turn.name}>",
            **_flags(stream=stream),
        }
        self._say(body, after=turn)

    @precondition(begun)
    @rule(number=st.integers(0, 9), include_input=st.sampled_from([None, True, False]))
    def read(self, number: int, include_input: bool | None) -> None:
        """Read a turn."""
        turn = self._turn(number)
        more = {} if include_input is None else {"include_input": include_input}
        call = self._ask("get", turn, **more)
        if call is None:
            return
        if turn.there:
            self._due(call, "IX-GET-001", {200}, "it is stored")
        status = call.answered.get("status") if isinstance(call.answered, dict) else None
        turn.over = turn.over or status in _OVER

    @precondition(begun)
    @rule(number=st.integers(0, 9), mark=st.integers(0, 20))
    def follow(self, number: int, mark: int) -> None:
        """Read the events of a turn, from a mark on where there are marks."""
        turn = self._turn(number)
        more = {"last_event_id": f"<{turn.marks[mark % len(turn.marks)]}>"} if turn.marks else {}
        self._ask("get", turn, stream=True, **more)

    @precondition(begun)
    @rule(number=st.integers(0, 9))
    def cancel(self, number: int) -> None:
        """Cancel a turn, whether or not it still runs."""
        turn = self._turn(number)
        call = self._ask("cancel", turn)
        if call is not None and isinstance(call.answered, dict):
            turn.over = turn.over or call.answered.get("status") in _OVER

    @precondition(begun)
    @rule(number=st.integers(0, 9))
    def delete(self, number: int) -> None:
        """Delete a turn."""
        turn = self._turn(number)
        call = self._ask("delete", turn)
        if call is None:
            return
        if turn.there:
            self._due(call, "IX-DEL-002", {200, 204}, "it is stored")
        turn.deleted = turn.deleted or call.status in (200, 204)

    # What comes of it.

    def teardown(self) -> None:
        """Judge the conversation."""
        if self.talk.calls:
            self.hunt.saw(self.world.seen(self.talk, self.remarks))

    def _turn(self, number: int) -> Turn:
        return self.turns[-1 - number % len(self.turns)]

    def _ask(self, operation: str, turn: Turn, **more: Any) -> Call | None:
        """Send a call about a turn; what cannot be there is not found."""
        call = self._sent(lambda: self.talk.ask(operation, id=f"<{turn.name}>", **more))
        if call is None:
            return None
        if turn.deleted:
            self._due(call, "IX-DEL-001" if operation == "get" else "IX-DEL-003", {404}, "it was deleted")
        elif not turn.stored:
            self._due(call, "IX-STORE-002", {400, 404}, "it was never stored")
        return call

    def _say(self, body: dict[str, Any], after: Turn | None = None) -> None:
        """Send a create, and keep what it makes in mind."""
        name = f"turn_{len(self.talk.calls) + 1}"
        call = self._sent(lambda: self.talk.say({"model": self.model, **body}))
        if call is None:
            return
        if after is not None and not after.there:
            requirement = "IX-TURN-008" if after.deleted else "IX-TURN-007"
            gone = "was deleted" if after.deleted else "was never stored"
            self._due(call, requirement, {400, 404}, f"the turn before {gone}")
        elif (after is None or after.whole) and (remark := refused(call, len(self.talk.calls) - 1)):
            self.remarks.append(remark)
        told = call.interaction
        if call.status != 200 or told is None or not isinstance(told.get("id"), str) or not told["id"]:
            return
        self.talk.bind(**{name: "$.id"})
        turn = Turn(
            name, body.get("store") is not False, told.get("status") in _OVER, body.get("stream", False)
        )
        turn.waits = self._calls(call, name)
        turn.over = turn.over or bool(turn.waits)
        turn.marks = self._marks(call, name)
        turn.after = after
        self.turns.append(turn)

    def _calls(self, call: Call, name: str) -> tuple[tuple[str, str], ...]:
        """Bind the ids of the calls that an answer asks for."""
        found = []
        for position, step in enumerate(call.steps):
            if step.get("type") == "function_call" and isinstance(step.get("id"), str):
                bound = f"{name}_call_{position}"
                self.talk.bind(**{bound: f"$.steps[{position}].id"})
                found.append((bound, str(step.get("name"))))
        return tuple(found)

    def _marks(self, call: Call, name: str) -> list[str]:
        """Bind the marks of the events of a stream, the first few."""
        found = []
        events = call.stream.payloads if call.stream is not None else ()
        for number, event in enumerate(events[:4]):
            if isinstance(event.json, dict) and isinstance(event.json.get("event_id"), str):
                bound = f"{name}_event_{number}"
                self.talk.bind_event(**{bound: f"$[{number}].event_id"})
                found.append(bound)
        return found

    def _sent(self, send: Any) -> Call | None:
        try:
            call: Call = send()
        except TargetUnreachable as error:
            self.gone = True
            self.remarks.append(silent(self.talk, error))
            return None
        except NotBound:  # the answer told one thing as a stream and another as a whole
            return None
        return None if call.status in _BUSY else call

    def _due(self, call: Call, requirement: str, statuses: Collection[int], reason: str) -> None:
        """Hold the status of an answer against the model."""
        if call.status not in statuses:
            due = " or ".join(map(str, sorted(statuses)))
            told = f"{call.operation} is answered with HTTP {call.status}, where {reason}: expected {due}"
            self.remarks.append(Remark(len(self.talk.calls) - 1, told, min(statuses), requirement))


def _flags(**flags: bool | None) -> dict[str, bool]:
    """Give the flags that say something else than to leave them out."""
    return {name: told for name, told in flags.items() if told is not None and (told or name == "store")}
