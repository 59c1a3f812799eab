"""Computer use: the model asks for actions on a screen, the client runs them and shows the screen.

An action is a function_call whose name the request does not declare; its answer is a function_result with an
image of the screen. That every call is answered is judged with functions.
Source: https://ai.google.dev/gemini-api/docs/computer-use
"""

import json
from collections.abc import Iterator
from typing import Any

from conformance.judge.tools import begins, steps_of, tools_of
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Call, Document, Trace, is_placeholder

__all__ = [
    "actions_tell_their_intent",
    "confirmed_actions_are_acknowledged",
    "coordinates_lie_on_the_grid",
    "excluded_functions_are_not_called",
    "results_show_the_screen",
]

_GRID = 1000
_DEEP = 20


def _actions(trace: Trace) -> Iterator[tuple[Call, str, dict[str, Any]]]:
    """The calls of predefined functions: call, pointer, step.

    Later in a conversation a function that is not declared again may be called; an action tells its intent.
    """
    for call in trace.calls:
        if not tools_of(call, "computer_use"):
            continue
        declared = [tool.get("name") for tool in tools_of(call, "function")]
        for at, step in steps_of(call, "function_call"):
            arguments = step.get("arguments")
            if step.get("name") in declared:
                continue
            if begins(call) or (isinstance(arguments, dict) and "intent" in arguments):
                yield call, at, step


def _answers(trace: Trace) -> Iterator[tuple[Call, Document, list[tuple[dict[str, Any], dict[str, Any]]]]]:
    """Requests that answer actions: call, request, and each result with the action that it answers."""
    actions = {
        step["id"]: (call.position, step)
        for call, _, step in _actions(trace)
        if isinstance(step.get("id"), str) and not is_placeholder(step["id"])
    }
    for call in trace.calls:
        match call.asked:
            case {"input": [*items]} if call.operation == "create":
                pairs = [
                    (item, action)
                    for item in items
                    if isinstance(item, dict) and item.get("type") == "function_result"
                    for position, action in _named(actions, item.get("call_id"))
                    if position < call.position
                ]
                if pairs:
                    yield call, Document(call.asked, call.request_place, "request"), pairs


def _named(
    actions: dict[str, tuple[int, dict[str, Any]]], name: object
) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(name, str) and name in actions:
        yield actions[name]


def _shows_the_screen(result: dict[str, Any]) -> bool:
    return _has_an_image(result.get("result"))


def _has_an_image(value: object) -> bool:
    return any(isinstance(part, dict) and part.get("type") == "image" for part in _parts(value))


def _acknowledges(result: dict[str, Any]) -> bool:
    """Whether the acknowledgement stands in a result, as a member or in the JSON text of a block."""
    return any("safety_acknowledgement" in part for part in _parts(result) if isinstance(part, (dict, str)))


def _parts(value: object, depth: int = 0) -> Iterator[object]:
    """A value and everything in it."""
    yield value
    if depth < _DEEP:
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for part in inside:
            yield from _parts(part, depth + 1)


def excluded_functions_are_not_called(trace: Trace) -> Iterator[Verdict]:
    """A predefined function that the request excludes is not called (IX-CU-002)."""
    for call, at, step in _actions(trace):
        excluded: list[Any] = []
        for tool in tools_of(call, "computer_use"):
            match tool:
                case {"excluded_predefined_functions": [*names]}:
                    excluded += names
        if step.get("name") in excluded:
            yield broken(call, f"{at}/name", f"{step['name']!r} is excluded, and it is called")
        elif excluded:
            yield kept(call)


def coordinates_lie_on_the_grid(trace: Trace) -> Iterator[Verdict]:
    """The coordinates of an action are integers on a grid of a thousand units (IX-CU-004)."""
    for call, at, step in _actions(trace):
        match step:
            case {"arguments": dict(arguments)}:
                told = {
                    name: value
                    for name, value in arguments.items()
                    if name in ("x", "y") or name.endswith(("_x", "_y"))
                }
            case _:
                continue
        wrong = [name for name, value in told.items() if type(value) is not int or not 0 <= value <= _GRID]
        for name in wrong:
            found = json.dumps(told[name])
            yield broken(call, f"{at}/arguments/{name}", f"{name} is {found}; expected an integer, 0 to 999")
        if told and not wrong:
            yield kept(call)


def actions_tell_their_intent(trace: Trace) -> Iterator[Verdict]:
    """An action tells in `intent` what it is for (IX-CU-005)."""
    for call, at, step in _actions(trace):
        match step.get("arguments"):
            case {"intent": str()}:
                yield kept(call)
            case dict():
                yield broken(call, f"{at}/arguments", f"the action {step.get('name')} tells no intent")


def results_show_the_screen(trace: Trace) -> Iterator[Verdict]:
    """The results of a turn's actions show the screen in an image (IX-CU-006).

    One image in the input will do. Not judged: a turn with a result that tells an error, or with an action
    that a person may have declined.
    """
    for call, request, pairs in _answers(trace):
        declined = any(_needs_consent(action) and not _acknowledges(result) for result, action in pairs)
        if declined or any(result.get("is_error") for result, _ in pairs):
            continue
        if _has_an_image(call.asked.get("input")):
            yield kept(request)
        else:
            names = ", ".join(str(action.get("name")) for _, action in pairs)
            yield broken(request, "/input", f"no result of {names} has an image of the screen")


def _needs_consent(action: dict[str, Any]) -> bool:
    match action.get("arguments"):
        case {"safety_decision": {"decision": "require_confirmation"}}:
            return True
    return False


def confirmed_actions_are_acknowledged(trace: Trace) -> Iterator[Verdict]:
    """The result of an action that a person had to confirm says so in `safety_acknowledgement` (IX-CU-009).

    Judged where the screen is shown, for then the action was run and not declined.
    """
    for _, request, pairs in _answers(trace):
        for result, action in pairs:
            if not _needs_consent(action) or not _shows_the_screen(result) or result.get("is_error"):
                continue
            if _acknowledges(result):
                yield kept(request)
            else:
                said = f"{action.get('name')} needed a person's consent; its result acknowledges none"
                yield broken(request, "/input", said)
