"""The function-call loop: the model asks, the client runs, the next request answers.

    ask     -> status requires_action, function_call{id, name, arguments} for each call
    answer  -> function_result{call_id, name, result} for each of them, in one input

Stored turns continue by `previous_interaction_id`; with `store: false` the whole history is sent again.
Source: https://ai.google.dev/gemini-api/docs/function-calling
"""

from collections.abc import Iterable, Iterator
from typing import Any

from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Call, Document, Trace, is_placeholder

__all__ = [
    "any_forces_a_call",
    "asking_for_functions_requires_action",
    "calls_name_declared_functions",
    "calls_respect_allowed_tools",
    "choices_lie_in_the_generation_config",
    "every_call_is_answered",
    "forced_calls_have_required_arguments",
    "history_is_sent_again",
    "none_forbids_calls",
    "parameters_describe_an_object",
    "results_answer_calls",
    "stored_calls_are_not_sent_again",
    "strange_results_are_refused",
    "thoughts_are_sent_back_unchanged",
]

_OURS_TO_RUN = frozenset({"thought", "model_output", "user_input", "function_result"}) | {
    f"{tool}_{part}"
    for tool in ("google_search", "code_execution", "url_context", "google_maps", "file_search")
    for part in ("call", "result")
}
_DEEP = 50
_LOUD = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "OBJECT", "ARRAY", "NULL"})


def _function_calls(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [step for step in steps if step.get("type") == "function_call"]


def _ids(steps: Iterable[dict[str, Any]], member: str = "id") -> list[str]:
    """The ids of some steps, without those that are no strings: their shape is judged elsewhere."""
    return [found for step in steps if isinstance(found := step.get(member), str)]


def input_steps(call: Call) -> list[dict[str, Any]]:
    """The steps of a request's input; results that a client nests in a user_input count too."""
    match call.asked:
        case {"input": [*items]}:
            found = [item for item in items if isinstance(item, dict)]
        case _:
            return []
    nested = [
        block
        for item in found
        if item.get("type") == "user_input" and isinstance(item.get("content"), list)
        for block in item["content"]
        if isinstance(block, dict) and block.get("type") == "function_result"
    ]
    return found + nested


def _results(call: Call) -> list[dict[str, Any]]:
    return [step for step in input_steps(call) if step.get("type") == "function_result"]


def _declared(call: Call) -> dict[str, dict[str, Any]]:
    """The functions that a request declares, by name."""
    match call.asked:
        case {"tools": [*tools]}:
            return {
                tool["name"]: tool
                for tool in tools
                if isinstance(tool, dict)
                and tool.get("type") == "function"
                and isinstance(tool.get("name"), str)
            }
    return {}


def _other_tools(call: Call) -> set[str]:
    match call.asked:
        case {"tools": [*tools]}:
            return {str(tool.get("type")) for tool in tools if isinstance(tool, dict)} - {"function"}
    return set()


def _choice(call: Call) -> tuple[str | None, list[str] | None]:
    """The mode of `tool_choice` and the names it allows, each None where nothing is said."""
    match call.asked:
        case {"generation_config": {"tool_choice": str(mode)}}:
            return mode, None
        case {"generation_config": {"tool_choice": {"allowed_tools": dict(allowed)}}}:
            told, names = allowed.get("mode"), allowed.get("tools")
            return (
                told if isinstance(told, str) else None,
                [str(name) for name in names] if isinstance(names, list) else None,
            )
    return None, None


def _answered(trace: Trace) -> Iterator[Call]:
    """The creates whose request is known and whose answer is a whole, finished interaction."""
    for call in trace.calls:
        if call.operation != "create" or not isinstance(call.asked, dict) or call.interaction is None:
            continue
        if call.interaction.get("status") in ("completed", "requires_action") and not call.exchange.excerpt:
            yield call


def asking_for_functions_requires_action(trace: Trace) -> Iterator[Verdict]:
    """A stored turn that asks for functions ends as requires_action, and no other does (IX-FUNC-003).

    Unstored streams were seen to end as completed with calls pending, so they are not judged; an agent, or a
    step of a kind that the service does not run itself, may ask for something else than a function. Where the
    request is unknown, so is whether the turn was stored: some servers give an id all the same.
    """
    for call in trace.calls:
        told = call.interaction
        if told is None or call.exchange.excerpt or not told.get("id") or call.stored is False:
            continue
        if call.operation == "cancel" or (call.stream is not None and call.stream.resumed):
            continue
        answered = _ids((step for step in call.steps if step.get("type") == "function_result"), "call_id")
        pending = [step for step in _function_calls(call.steps) if step.get("id") not in answered]
        match told.get("status"):
            case "requires_action" if pending:
                yield kept(call)
            case "requires_action" if "agent" in told or any(
                str(step.get("type")) not in _OURS_TO_RUN for step in call.steps
            ):
                continue
            case "requires_action":
                yield broken(call, "/status", "the status is requires_action, and no step is a function_call")
            case "completed" if pending and (call.stored or call.operation == "get"):
                names = ", ".join(str(step.get("name")) for step in pending)
                yield broken(call, "/status", f"the status is completed while {names} waits for a result")


def calls_name_declared_functions(trace: Trace) -> Iterator[Verdict]:
    """A function_call names a function that the request declares (IX-FUNC-005)."""
    for call in _answered(trace):
        declared = _declared(call)
        if not declared or _other_tools(call) & {"computer_use", "mcp_server", "tool_search"}:
            continue
        for number, step in enumerate(call.steps):
            match step:
                case {"type": "function_call", "name": str(name)} if name in declared:
                    yield kept(call)
                case {"type": "function_call", "name": str(name)}:
                    place, told = f"/steps/{number}/name", ", ".join(map(repr, declared))
                    yield broken(call, place, f"{name!r} is not declared (declared: {told})")


def forced_calls_have_required_arguments(trace: Trace) -> Iterator[Verdict]:
    """When a call is forced or validated, its arguments have what the declaration requires (IX-FUNC-006)."""
    for call in _answered(trace):
        if _choice(call)[0] not in ("any", "validated"):
            continue
        declared = _declared(call)
        for number, step in enumerate(call.steps):
            match step, declared.get(str(step.get("name"))):
                case {"type": "function_call", "arguments": dict(given)}, {
                    "parameters": {"required": [*required]}
                }:
                    missing = [name for name in required if isinstance(name, str) and name not in given]
                    if missing:
                        place = f"/steps/{number}/arguments"
                        yield broken(call, place, f"{step['name']} is called without {', '.join(missing)}")
                    else:
                        yield kept(call)


def any_forces_a_call(trace: Trace) -> Iterator[Verdict]:
    """`tool_choice: any` makes the model call a function (IX-FUNC-025)."""
    for call in _answered(trace):
        if _choice(call)[0] == "any" and _declared(call) and not _results(call):
            if _function_calls(call.steps):
                yield kept(call)
            else:
                yield broken(call, "/steps", "tool_choice is any, and no step is a function_call")


def none_forbids_calls(trace: Trace) -> Iterator[Verdict]:
    """`tool_choice: none` keeps the model from calling functions (IX-FUNC-026)."""
    for call in _answered(trace):
        if _choice(call)[0] == "none":
            calls = [number for number, step in enumerate(call.steps) if step.get("type") == "function_call"]
            if calls:
                yield broken(call, f"/steps/{calls[0]}", "tool_choice is none, and a function is called")
            else:
                yield kept(call)


def calls_respect_allowed_tools(trace: Trace) -> Iterator[Verdict]:
    """`allowed_tools` limits which functions are called (IX-FUNC-027).

    With computer_use the model calls predefined functions too, of which no page says that they are limited.
    """
    for call in _answered(trace):
        _, allowed = _choice(call)
        if allowed is None or "computer_use" in _other_tools(call):
            continue
        for number, step in enumerate(call.steps):
            match step:
                case {"type": "function_call", "name": str(name)} if name in allowed:
                    yield kept(call)
                case {"type": "function_call", "name": str(name)}:
                    named = ", ".join(map(repr, allowed))
                    yield broken(call, f"/steps/{number}/name", f"{name!r} is not among {named}")


def is_whole(call: Call) -> bool:
    """Whether an answer tells all steps of a turn that has ended: no excerpt, no cut or resumed stream."""
    told = call.interaction
    if told is None or call.exchange.excerpt or told.get("status") in ("in_progress", "queued"):
        return False
    if call.stream is not None:
        return call.stream.completed is not None and not call.stream.resumed
    return isinstance(told.get("steps"), list)


def _steps_before(trace: Trace, call: Call) -> list[dict[str, Any]] | None:
    """The steps that a request can answer; None when its history is not in the trace, or not whole."""
    match call.asked:
        case {"previous_interaction_id": str(previous)}:
            before = trace.answering(previous, before=call.position)
            return before.steps if before is not None and is_whole(before) else None
        case {"input": [*_]}:
            return input_steps(call)
    return None


def _answers(trace: Trace) -> Iterator[tuple[Call, Document, list[dict[str, Any]], list[dict[str, Any]]]]:
    """Requests that bring function results: call, request, results, and the steps they can answer."""
    for call in trace.calls:
        if call.operation != "create" or not _results(call):
            continue
        before = _steps_before(trace, call)
        if before is None or any(is_placeholder(step.get("id")) for step in _calls(before)):
            continue
        yield call, Document(call.asked, call.request_place, "request"), _results(call), before


def _calls(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps that can be answered: function calls, and calls of kinds that are not known yet."""
    return [step for step in steps if str(step.get("type")).endswith("_call")]


def results_answer_calls(trace: Trace) -> Iterator[Verdict]:
    """The call_id of a function_result is the id of the function_call that it answers (IX-FUNC-008)."""
    for _, request, results, before in _answers(trace):
        ids = _ids(_calls(before))
        for result in results:
            found = result.get("call_id")
            if is_placeholder(found):
                continue
            if found in ids:
                yield kept(request)
            else:
                known = ", ".join(sorted(ids)) or "none"
                yield broken(request, "/input", f"call_id {found!r} answers no call (calls: {known})")


def every_call_is_answered(trace: Trace) -> Iterator[Verdict]:
    """Each function_call of the turn before is answered exactly once (IX-FUNC-018).

    Calls that the history itself answers are done with. Servers may count their ids anew in each turn, so a
    history sent whole is compared by how often an id is called and answered.
    """
    for call, request, results, before in _answers(trace):
        answered = [result.get("call_id") for result in results]
        if any(is_placeholder(found) for found in answered):
            continue
        stored = "previous_interaction_id" in call.asked
        done = _ids((step for step in before if step.get("type") == "function_result" and stored), "call_id")
        asked = [step for step in _function_calls(before) if step.get("id") not in done]
        ids = _ids(asked)
        for step in {step["id"]: step for step in asked if isinstance(step.get("id"), str)}.values():
            times = answered.count(step["id"])
            if times == ids.count(step["id"]):
                yield kept(request)
            else:
                said = "is not answered" if times == 0 else f"is answered {times} times"
                yield broken(request, "/input", f"the call {step['id']!r} of {step.get('name')} {said}")


def stored_calls_are_not_sent_again(trace: Trace) -> Iterator[Verdict]:
    """With `previous_interaction_id` the input holds results, and not the calls again (IX-FUNC-015)."""
    for call, request, _, before in _answers(trace):
        if "previous_interaction_id" not in call.asked:
            continue
        sent = _ids(_function_calls(input_steps(call)))
        again = [found for found in _ids(_function_calls(before)) if found in sent]
        if again:
            yield broken(request, "/input", f"the stored call {again[0]!r} is sent again")
        else:
            yield kept(request)


def _stateless_answers(trace: Trace) -> Iterator[tuple[Document, list[dict[str, Any]], list[dict[str, Any]]]]:
    """Unstored requests with results: the request, its input steps, and the steps of the turn they answer."""
    for call in trace.calls:
        if call.stored is not False or not _results(call) or "previous_interaction_id" in call.asked:
            continue
        wanted = set(_ids(_results(call), "call_id"))
        before = turn_before(
            [
                earlier
                for earlier in reversed(trace.earlier(call))
                if wanted.intersection(_ids(_function_calls(earlier.steps))) and is_whole(earlier)
            ],
            input_steps(call),
        )
        if before is not None:
            yield Document(call.asked, call.request_place, "request"), input_steps(call), before.steps


def turn_before(candidates: list[Call], sent: list[Any]) -> Call | None:
    """The turn that a request without stored state goes on from; None when several could be, and none fits.

    The same question may be asked twice, and a program may talk to several users at a time.
    """
    steps = [step for step in sent if isinstance(step, dict)]
    for call in candidates:
        if all(any(same_step(step, other) for other in steps) for step in call.steps):
            return call
    return candidates[0] if len(candidates) == 1 else None


def history_is_sent_again(trace: Trace) -> Iterator[Verdict]:
    """Without stored state a result follows the user's input and all steps of the model (IX-FUNC-016)."""
    for request, sent, received in _stateless_answers(trace):
        kinds = [step.get("type") for step in sent]
        missing = [
            step
            for step in received
            if step.get("type") in ("function_call", "model_output")
            and not is_redacted(step)
            and not any(same_step(step, other) for other in sent)
        ]
        if missing:
            kind = missing[0].get("type")
            yield broken(request, "/input", f"a {kind} step of the turn before is not sent again as it came")
        elif "user_input" not in kinds:
            yield broken(request, "/input", "the history has no user_input")
        else:
            yield kept(request)


def same_step(received: dict[str, Any], sent: dict[str, Any]) -> bool:
    """Whether a step came back as it was.

    An empty signature says nothing and may be left out. Texts are compared joined and without their
    annotations: a stream does not tell how to cut them into blocks.
    """
    return all(
        _gist(sent.get(key)) == _gist(value)
        for key, value in received.items()
        if not (key == "signature" and value == "")
    )


def _gist(value: Any) -> Any:
    """Blocks of content as their joined text and whatever is no text; any other value as it is."""
    if not isinstance(value, list) or not value or not all(isinstance(block, dict) for block in value):
        return value
    texts = [str(block.get("text", "")) for block in value if block.get("type") == "text"]
    return "".join(texts), [block for block in value if block.get("type") != "text"]


def is_redacted(value: Any, depth: int = 0) -> bool:
    """Whether some string in a value stands for something that the recording leaves out."""
    if depth > _DEEP:
        return False
    match value:
        case dict():
            return any(is_redacted(inner, depth + 1) for inner in value.values())
        case list():
            return any(is_redacted(inner, depth + 1) for inner in value)
    return is_placeholder(value)


def thoughts_are_sent_back_unchanged(trace: Trace) -> Iterator[Verdict]:
    """Without stored state the thoughts of the turn before are sent back as they came (IX-FUNC-017).

    A thought without a signature proves nothing to the service, and may be left out.
    """
    for request, sent, received in _stateless_answers(trace):
        for step in received:
            if step.get("type") != "thought" or is_redacted(step) or not step.get("signature"):
                continue
            if any(other.get("type") == "thought" and same_step(step, other) for other in sent):
                yield kept(request)
            else:
                yield broken(request, "/input", "a thought of the turn before is missing or changed")


def parameters_describe_an_object(trace: Trace) -> Iterator[Verdict]:
    """Parameters are a JSON Schema of type object, its types in lower case (IX-FUNC-002)."""
    for call in trace.calls:
        if call.operation != "create":
            continue
        request = Document(call.asked, call.request_place, "request")
        for name, tool in _declared(call).items():
            match tool.get("parameters"):
                case {"type": [*kinds]} if "object" in kinds:
                    continue
                case {"type": kind} as schema if kind != "object":
                    yield broken(request, "/tools", f"the parameters of {name} are of type {ascii(kind)}")
                case {"type": "object"} as schema:
                    loud = sorted(found for _, found in types_of(schema) if found in _LOUD)
                    if loud:
                        yield broken(
                            request, "/tools", f"{name}: {loud[0]} is written {loud[0].lower()} here"
                        )
                    else:
                        yield kept(request)


def types_of(schema: Any, place: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every type that a JSON Schema names, with its pointer; properties called "type" are none."""
    if not isinstance(schema, dict) or depth > 100:
        return
    declared = schema.get("type")
    for kind in declared if isinstance(declared, list) else [declared]:
        if isinstance(kind, str):
            yield f"{place}/type", kind
    for key in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(key), dict):
            for name, inner in schema[key].items():
                yield from types_of(inner, f"{place}/{key}/{name}", depth + 1)
    for key in ("items", "additionalProperties", "anyOf", "oneOf", "allOf", "prefixItems"):
        inner = schema.get(key)
        for number, one in enumerate(inner) if isinstance(inner, list) else [("", inner)]:
            yield from types_of(one, f"{place}/{key}/{number}".rstrip("/"), depth + 1)


def strange_results_are_refused(trace: Trace) -> Iterator[Verdict]:
    """A function_result whose call_id belongs to no call is refused (IX-FUNC-009)."""
    for call, _, results, before in _answers(trace):
        known = {*_ids(_calls(before))}
        strange = [found for found in _ids(results, "call_id") if found not in known]
        if not strange or call.status is None or any(is_placeholder(found) for found in strange):
            continue
        if 400 <= call.status < 500:
            yield kept(call)
        elif call.status < 400:
            yield broken(call, "", f"{strange[0]!r} answers no call, and the answer is HTTP {call.status}")


def choices_lie_in_the_generation_config(trace: Trace) -> Iterator[Verdict]:
    """tool_choice is a member of generation_config, not of the request itself (IX-FUNC-023)."""
    for call in trace.calls:
        if call.operation != "create":
            continue
        request = Document(call.asked, call.request_place, "request")
        match call.asked:
            case {"tool_choice": _}:
                yield broken(request, "/tool_choice", "tool_choice stands outside generation_config")
            case {"generation_config": {"tool_choice": _}}:
                yield kept(request)
