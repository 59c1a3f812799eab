"""One generated conversation: held like a client holds it, and a scenario from the first call on.

    talk = Talk(target)
    call = talk.say({"model": "gemini-3.5-flash", "input": "Hello"}, bind={"turn1": "$.id"})
    talk.trace, talk.calls
    talk.scenario("found-1", title="…")        # the YAML that `gemini-conformance run` plays again

A call is a `ScenarioCall`: what it takes from earlier answers stands in it by name, so that it means the same
when it is played again against answers with other ids.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from conformance.scenario.play import bind_values, build_request
from conformance.scenario.scenario import Expectation, ScenarioCall, names_in, names_within
from conformance.scenario.target import Target
from conformance.wire.trace import Call, Trace

__all__ = ["NotBound", "Talk", "as_entry"]


class NotBound(LookupError):
    """A call takes something from an earlier answer that this did not have."""


class Talk:
    """A conversation with one endpoint.

    calls: what was sent, as a scenario has it. values: what was bound. trace: what was exchanged.
    """

    def __init__(self, target: Target, api_version: str = "v1beta") -> None:
        self.calls: list[ScenarioCall] = []
        self.values: dict[str, Any] = {}
        self._target = target
        self._version = api_version
        self.trace = Trace((), "fuzz")

    def send(self, call: ScenarioCall) -> Call:
        """Send a call and keep its answer; give it as the judge sees it.

        Raises:
            TargetUnreachable: there is no answer. The call is kept all the same.
            NotBound: it names what no answer had; it is not sent.
        """
        names = {*names_in(call.arguments), *names_in(call.query), *names_within(call.path or "")}
        if not names <= self.values.keys():
            raise NotBound(call.name)
        request = build_request(call, self.values, self._target, self._version)
        self.calls.append(call)
        answered = self._target.send(request)
        self.trace = self.trace.then(replace(answered, name=call.name))
        seen = self.trace.calls[-1]
        bind_values(call, seen, self.values)
        return seen

    def say(
        self,
        body: Mapping[str, Any],
        *,
        bind: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Call:
        """Send a create."""
        return self.send(
            ScenarioCall(self._name(), "interactions.create", body, bind=bind or {}, headers=headers or {})
        )

    def ask(self, operation: str, **arguments: Any) -> Call:
        """Send a get, a cancel or a delete; `id` is a bound name such as `<turn1>`, or any text."""
        return self.send(ScenarioCall(self._name(), f"interactions.{operation}", arguments))

    def bind(self, **paths: str) -> None:
        """Give names to more of the last answer, by JSONPath."""
        self._bind(replace(self.calls[-1], bind={**self.calls[-1].bind, **paths}))

    def bind_event(self, **paths: str) -> None:
        """Give names to more of the events of the last answer, by JSONPath into their list."""
        self._bind(replace(self.calls[-1], bind_events={**self.calls[-1].bind_events, **paths}))

    def _bind(self, call: ScenarioCall) -> None:
        self.calls[-1] = call
        bind_values(call, self.trace.calls[-1], self.values)

    @property
    def url(self) -> str:
        """Whom it is held with."""
        return self._target.url

    def _name(self) -> str:
        return f"call_{len(self.calls) + 1}"

    def again(self, calls: Sequence[ScenarioCall]) -> None:
        """Send calls of an earlier conversation, as long as the answers have what the next one takes."""
        for call in calls:
            with suppress(NotBound):
                self.send(call)
                continue
            return

    def scenario(
        self, *, title: str, source: str, exercises: Sequence[str], statuses: Mapping[int, int]
    ) -> dict[str, Any]:
        """Give the conversation as a scenario file holds it.

        statuses: what is expected of some calls; of all others what they were answered.
        """
        entries = [
            as_entry(call, statuses.get(number, self._status(number)))
            for number, call in enumerate(self.calls)
        ]
        return {"title": title, "source": source, "exercises": list(exercises), "calls": entries}

    def _status(self, number: int) -> int | None:
        return self.trace.calls[number].status if number < len(self.trace.calls) else None


def as_entry(call: ScenarioCall, status: int | None = None) -> dict[str, Any]:
    """Give a call as a scenario file has it; with what it expects of HTTP, where that is not 200."""
    return dict(_members(call, status))


def _members(call: ScenarioCall, status: int | None) -> Iterator[tuple[str, Any]]:
    yield "name", call.name
    yield "operation", call.operation
    for name in (
        "method",
        "path",
        "arguments",
        "body",
        "body_base64",
        "headers",
        "query",
        "bind",
        "bind_events",
    ):
        value = getattr(call, name)
        if value or (name == "arguments" and call.raw is None and call.path is None):
            yield name, dict(value) if isinstance(value, Mapping) else value
    if call.key != "good":
        yield "key", call.key
    if status not in (None, 200):
        yield "expect", {"http": status}
    elif call.expect != Expectation():
        yield "expect", {"http": call.expect.http}
