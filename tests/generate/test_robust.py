"""The judge never stumbles: whatever JSON comes, in whatever place, it gives a report."""

import json
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import judge
from conformance.contract.store import contract
from conformance.generate.values import HOSTILE
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.trace import Trace
from tests.generate.effort import EXAMPLES, examples
from tests.generate.test_agreement import places
from tests.miniatures import CONVERSATIONS, patched

_URL = "https://generativelanguage.googleapis.com/v1beta/interactions"
_EVENTS = list(
    contract().file("interactions/event")["$defs"]["unknown"]["properties"]["event_type"]["not"]["enum"]
)


def _exchange(
    asked: bytes, answered: bytes, *, status: int = 200, kind: str = "application/json"
) -> Exchange:
    request = Request("POST", _URL, (("content-type", "application/json"),), asked)
    return Exchange(request, Response(status, (("content-type", kind),), answered), witnessed=True)


def _frames(payloads: list[Any]) -> bytes:
    return "".join(f"event: any\ndata: {json.dumps(payload)}\n\n" for payload in payloads).encode()


def _judged(*exchanges: Exchange) -> None:
    for closed in (False, True):
        judge(Trace.of(exchanges), closed=closed)


@examples(EXAMPLES)
@given(HOSTILE, HOSTILE, st.sampled_from([200, 400, 500]))
def test_any_body_is_judged(asked: Any, answered: Any, status: int) -> None:
    """Arbitrary JSON as request and as answer, whatever the status."""
    _judged(_exchange(json.dumps(asked).encode(), json.dumps(answered).encode(), status=status))


_EVENT = HOSTILE | st.fixed_dictionaries(
    {"event_type": st.sampled_from(_EVENTS)},
    optional={
        key: HOSTILE
        | st.integers(0, 2)
        | st.fixed_dictionaries({"type": st.sampled_from(["text", "thought"])})
        for key in ("index", "step", "delta", "interaction", "interaction_id", "status", "error", "event_id")
    },
)


@examples(EXAMPLES)
@given(HOSTILE, st.lists(_EVENT, max_size=6))
def test_any_events_are_judged(asked: Any, payloads: list[Any]) -> None:
    """Arbitrary JSON as the data of events, some of it under the known names."""
    _judged(_exchange(json.dumps(asked).encode(), _frames(payloads), kind="text/event-stream"))


@examples(50)
@given(
    st.binary(max_size=200),
    st.binary(max_size=200),
    st.sampled_from(["application/json", "text/event-stream"]),
)
def test_any_bytes_are_judged(asked: bytes, answered: bytes, kind: str) -> None:
    """What is not even JSON, nor UTF-8."""
    _judged(_exchange(asked, answered, kind=kind))


@cache
def _documents(name: str) -> list[dict[str, Any]]:
    return patched(name, [])


def _written(exchange: dict[str, Any]) -> Exchange:
    """An exchange as bytes; JSON escapes what UTF-8 cannot carry."""
    request, response = exchange["request"], exchange["response"]
    match response:
        case {"events": [*payloads]}:
            body = _frames([payload for payload in payloads if payload != "[DONE]"]) + b"data: [DONE]\n\n"
        case {"body": told}:
            body = json.dumps(told).encode()
        case _:
            body = str(response.get("raw", "")).encode()
    asked = json.dumps(request["body"]).encode() if "body" in request else b""
    return Exchange(
        Request(request["method"], request["url"], tuple(request["headers"].items()), asked),
        Response(response["status"], tuple(response["headers"].items()), body),
    )


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_disturbed_conversation_is_judged(name: str) -> None:
    """A right conversation with arbitrary JSON in up to three places of its bodies and events."""

    @examples(max(20, EXAMPLES // 10))
    @given(st.data())
    def judged(data: st.DataObject) -> None:
        exchanges = deepcopy(_documents(name))
        for _ in range(data.draw(st.integers(1, 3))):
            bodies = [
                place
                for exchange in exchanges
                for side, key in (("request", "body"), ("response", "body"), ("response", "events"))
                if key in exchange[side]
                for place in [(exchange[side], key), *places(exchange[side][key])]
            ]
            container, key = data.draw(st.sampled_from(bodies))
            container[key] = data.draw(HOSTILE)
        _judged(*[_written(exchange) for exchange in exchanges])

    judged()


_DEEP = [("[", "]"), ('{"a":', "}"), ('{"steps":[{"content":[', "]}]}")]


@pytest.mark.parametrize("depth", [100, 300, 500, 900, 940, 970, 980, 990, 1_000, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), _DEEP)
def test_deep_nesting_is_judged(opening: str, closing: str, depth: int) -> None:
    """Nesting around and beyond what Python's parser takes, wherever values are compared, joined or shown."""
    deep = f"{opening * depth}1{closing * depth}".replace("[1]", "[]")
    call = f'{{"type":"function_call","id":"c1","name":"f","arguments":{deep}}}'
    thought = f'{{"type":"thought","signature":{deep},"summary":{deep}}}'
    told = f'"id":"v1_a","object":{deep},"status":"requires_action","steps":[{thought},{call}],"usage":{deep}'
    ask = f'{{"model":"m","input":{deep},"store":false,"tools":{deep}}}'
    result = f'{{"type":"function_result","call_id":"c1","result":{deep}}}'
    again = f'{{"model":{deep},"store":false,"input":[{{"type":"user_input"}},{thought},{call},{result}]}}'
    events = [
        f'{{"event_type":"step.start","index":0,"step":{{"type":"function_call","arguments":{deep}}}}}',
        f'{{"event_type":"step.delta","index":0,"delta":{{"type":"arguments_delta","arguments":{json.dumps(deep)}}}}}',
        '{"event_type":"step.stop","index":0}',
        f'{{"event_type":{deep},"index":{deep}}}',
        f'{{"event_type":"interaction.completed","interaction":{{"id":"v1_a","status":{deep},"model":{deep}}}}}',
    ]
    stream = "".join(f"data: {event}\n\n" for event in events)
    _judged(
        _exchange(ask.encode(), f"{{{told}}}".encode()),
        _exchange(again.encode(), f"{{{told}}}".encode()),
        _exchange(again.encode(), stream.encode(), kind="text/event-stream"),
        _exchange(deep.encode(), f'{{"error":{{"code":{deep},"message":{deep}}}}}'.encode(), status=400),
    )


@pytest.mark.parametrize(
    "number", ["1" * 5_000, "-" + "9" * 400, "1e999", "-1e999", "1E400", "0.1e-999", "9007199254740993"]
)
def test_numbers_beyond_every_type_are_judged(number: str) -> None:
    """Integers too long to read, and floats that overflow to infinity."""
    rows = f'[{{"tokens":{number}}}]'
    usage = f'{{"total_tokens":{number},"total_input_tokens":{number},"input_tokens_by_modality":{rows}}}'
    body = f'{{"id":"v1_a","status":"completed","object":{number},"steps":[],"usage":{usage}}}'
    event = f'data: {{"event_type":"step.start","index":{number},"step":{{"type":"thought"}}}}\n\n'
    _judged(
        _exchange(b'{"model":"m","input":"a"}', body.encode()),
        _exchange(f'{{"model":"m","input":{number}}}'.encode(), event.encode(), kind="text/event-stream"),
    )
