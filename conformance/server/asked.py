"""A create request, understood: its shape checked, its parts put in their places.

    asked = understand(parse(body), account, memory)
    asked.model, asked.steps, asked.question

Everything that can be refused is refused here, before the first byte of a stream: first the shape, by the
schemas of the contract, then what no schema can say. The words of the refusals are ours, with a JSON pointer
where there is a place to point at.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from conformance.contract.store import contract
from conformance.contract.validation import Drift, Problem, nearest
from conformance.server.continuation import Continuation
from conformance.server.memory import Memory, Stored
from conformance.server.refusal import Refused, invalid
from conformance.server.rules import Model, agents, find_agent, find_model, models

__all__ = ["Asked", "parse", "understand"]

_TOOLS = frozenset(
    """function google_search code_execution url_context file_search google_maps computer_use mcp_server
    retrieval tool_search""".split()
)
_CONTENTS = frozenset({"text", "image", "audio", "video", "document"})
_STEPS = frozenset(
    """user_input model_output thought function_call function_result tool_call
    google_search_call google_search_result code_execution_call code_execution_result
    url_context_call url_context_result file_search_call file_search_result
    google_maps_call google_maps_result mcp_server_tool_call mcp_server_tool_result
    retrieval_call retrieval_result processing_call processing_result
    tool_search_call tool_search_result""".split()
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_MODES = frozenset({"auto", "any", "none", "validated"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for.

    body: the request as sent.
    model: the model or the agent; `name` is how the client wrote it.
    previous: the stored interaction that this one continues.
    turn: the input as steps.
    steps: all steps that the model sees, history first.
    functions: the declared functions that may be called, by name.
    hop: how many requests this one continues (see `continuation`).
    """

    body: Mapping[str, Any]
    model: Model
    name: str
    previous: Stored | None
    turn: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    functions: Mapping[str, Mapping[str, Any]]
    mode: str
    hop: int = 0

    @property
    def stream(self) -> bool:
        """Whether events are asked for."""
        return self.body.get("stream") is True

    @property
    def store(self) -> bool:
        """Whether the interaction is kept."""
        return self.body.get("store") is not False

    @property
    def background(self) -> bool:
        """Whether it runs in the background."""
        return self.body.get("background") is True

    @property
    def may_stop(self) -> bool:
        """Whether the answer may stop at the limit of one request: that of a model, in the foreground."""
        return not self.background and not self.model.agent

    @property
    def config(self) -> Mapping[str, Any]:
        """The generation config; empty where there is none."""
        config = self.body.get("generation_config")
        return config if isinstance(config, dict) else {}

    def declares(self, tool: str) -> bool:
        """Whether a tool of this type is declared."""
        return any(told.get("type") == tool for told in _declared(self.body))

    def declaration(self, tool: str) -> Mapping[str, Any]:
        """Give the declaration of a tool; empty where there is none."""
        return next((told for told in _declared(self.body) if told.get("type") == tool), {})


def parse(body: bytes) -> dict[str, Any]:
    """Read the body of a request.

    Raises:
        Refused: it is not JSON, or not an object.
    """
    try:
        value = json.loads(body.decode(), parse_constant=_no_constant, parse_float=_finite)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise invalid("The body has a text with half of a surrogate pair.") from None
    except UnicodeDecodeError as error:
        raise invalid(f"The body is not UTF-8: byte {error.start} begins no character.") from None
    except json.JSONDecodeError as error:
        raise invalid(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except ValueError as error:
        raise invalid(f"The body is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise invalid("The body is not a JSON object.")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {text[:20]} is out of range")
    return value


def understand(body: dict[str, Any], account: str, memory: Memory, seed: int = 0) -> Asked:
    """Check a create request and put its parts in their places.

    Raises:
        Refused: with the reason.
    """
    _refuse_turns(body)
    _refuse_strangers(body)
    _refuse_shape(body)
    model, name = _model(body)
    _refuse_combinations(body, model)
    previous = _previous(body, account, memory)
    turn = [] if _continues(body, previous) else _turn(body)
    history = (
        [step for stored in reversed(list(memory.chain(previous))) for step in _whole(stored)]
        if previous
        else []
    )
    steps = list(_unnested([*history, *turn]))
    _refuse_results(steps, has_history=bool(history))
    mode, functions = _choice(body)
    hop = _hop(body, previous, Continuation(seed, account, steps)) if "continuation_token" in body else 0
    return Asked(body, model, name, previous, turn, steps, functions, mode, hop)


def _refuse_turns(body: Mapping[str, Any]) -> None:
    items = body.get("input")
    for position, item in enumerate(items if isinstance(items, list) else [items]):
        if isinstance(item, dict) and "role" in item and "type" not in item:
            place = f"/input/{position}" if isinstance(items, list) else "/input"
            raise invalid(
                f"{place} is a turn of the older API, {{role, content}}. "
                "The steps schema takes steps, such as {type: user_input, content}."
            )


def _refuse_strangers(body: Mapping[str, Any]) -> None:
    """Refuse keys that do not go together; the schemas would only call the second one unknown."""
    if "model" in body and "agent" in body:
        raise invalid("Provide either a 'model' or an 'agent', not both.")
    if "agent" in body and "generation_config" in body:
        raise invalid("'generation_config' goes with a model; an agent takes 'agent_config'.")
    if "agent" not in body and "agent_config" in body:
        raise invalid("'agent_config' goes with an agent; a model takes 'generation_config'.")


def _refuse_shape(body: dict[str, Any]) -> None:
    found = contract().validate("interactions/create_request", body)
    for problem in [*found.problems, *_nested_results(body)]:
        raise invalid(f"The value is invalid for '{problem.pointer}': {problem.message}.")
    for drift in found.drift:
        _refuse_drift(drift, body)
    for pointer in _broken_media(body.get("input"), "/input"):
        raise invalid(f"The value is invalid for '{pointer}': expected a string, corrupt base64.")


def _broken_media(value: Any, pointer: str) -> Iterator[str]:
    """Give the places of media whose data are no base64, in the usual alphabet or in that for addresses."""
    match value:
        case {"type": "image" | "audio" | "document" | "video", "data": str(data)}:
            if not _BASE64.fullmatch(data):
                yield f"{pointer}/data"
        case {"type": "user_input", "content": inner}:
            yield from _broken_media(inner, f"{pointer}/content")
        case {"type": "function_result", "result": inner}:
            yield from _broken_media(inner, f"{pointer}/result")
        case list():
            for number, item in enumerate(value):
                yield from _broken_media(item, f"{pointer}/{number}")


def _nested_results(body: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the function results within a user_input, where the contract does not expect them."""
    items = body.get("input")
    for position, item in enumerate(items if isinstance(items, list) else []):
        content = item.get("content") if isinstance(item, dict) else None
        for number, block in enumerate(content if isinstance(content, list) else []):
            if isinstance(block, dict) and block.get("type") == "function_result":
                for problem in contract().validate("interactions/step_function_result", block).problems:
                    yield replace(problem, pointer=f"/input/{position}/content/{number}{problem.pointer}")


def _refuse_drift(drift: Drift, body: dict[str, Any]) -> None:
    """Refuse what the contract does not know, but for what `_model` and the documents know better."""
    parent = drift.pointer.rpartition("/")[0]
    match drift.kind:
        case "field" if parent:
            raise invalid(f"Unknown parameter '{drift.name}' at '{parent}'.")
        case "field":
            raise invalid(f"Unknown parameter '{drift.name}'.")
        case "value" if drift.pointer not in ("/model", "/agent"):
            raise invalid(f"The value '{drift.name}' is not supported for '{drift.pointer}'.")
        case "variant":
            known = _TOOLS if drift.pointer.startswith("/tools/") else _STEPS | _CONTENTS
            if _type_at(drift.pointer, body) not in known:
                raise invalid(
                    f"The value '{drift.name}' is not supported for '{drift.pointer}': "
                    f"expected one of {', '.join(sorted(known))}."
                )


def _type_at(pointer: str, body: Any) -> Any:
    """Give the `type` of the object that a pointer leads to, or of the one that holds the place."""
    here, last = body, body
    for part in pointer.split("/")[1:]:
        last = here
        here = here[int(part)] if isinstance(here, list) else here[part]
    return here.get("type") if isinstance(here, dict) else last.get("type")


def _model(body: Mapping[str, Any]) -> tuple[Model, str]:
    match body:
        case {"model": str(name)}:
            if (model := find_model(name)) is None:
                raise Refused(404, "model_not_found", _unknown("Model", name, models()))
            return model, name
        case {"agent": str(name)}:
            if (agent := find_agent(name)) is None:
                raise Refused(404, "not_found", _unknown("Agent", name, agents()))
            return agent, name
    raise invalid("Provide a 'model' or an 'agent'.")


def _unknown(kind: str, name: str, known: Mapping[str, Model]) -> str:
    guess = nearest(name, known)
    if not guess:
        guess = "; known are, among others, " + ", ".join(list(known)[:3])
    return f"{kind} '{name[:100]}' does not exist{guess}"


def _refuse_combinations(body: Mapping[str, Any], model: Model) -> None:
    if "cached_content" in body:
        raise invalid("Unknown parameter 'cached_content'.")
    _refuse_life(body, model)
    _refuse_tools(body, model)
    _refuse_formats(body, model)
    _refuse_labels(body)
    level = (body.get("generation_config") or {}).get("thinking_level")
    if level is not None and level not in model.levels:
        raise invalid(
            f"'{level}' is not a supported thinking level for this model. "
            f"Allowed values are: {', '.join(sorted(model.levels))}."
        )


def _refuse_life(body: Mapping[str, Any], model: Model) -> None:
    """Refuse ways to run that do not go together."""
    background = body.get("background") is True
    if background and body.get("store") is False:
        raise invalid("'background' needs a stored interaction: it cannot go with 'store': false.")
    if model.needs_background and not background:
        raise invalid(f"The agent '{model.id}' runs only in the background: set 'background' to true.")
    if "webhook_config" in body and not background:
        raise invalid("'webhook_config' reports on background interactions: set 'background' to true.")
    if model.needs_environment and not body.get("environment"):
        raise invalid(
            f"The agent '{model.id}' needs an 'environment': \"remote\", the id of one, or an object."
        )
    if "continuation_token" in body and (background or model.agent):
        raise invalid("'continuation_token' continues a model in the foreground.")


def _refuse_tools(body: Mapping[str, Any], model: Model) -> None:
    kinds = {str(tool.get("type")) for tool in _declared(body)}
    others = kinds & {"google_search", "url_context"}
    if "file_search" in kinds and others:
        raise invalid(f"The tool 'file_search' cannot be combined with '{min(others)}'.")
    if model.needs_background and "function" in kinds:
        raise invalid(f"The agent '{model.id}' takes no functions of its client.")
    for position, tool in enumerate(_declared(body)):
        if tool.get("type") == "mcp_server" and "-" in str(tool.get("name", "")):
            raise invalid(f"The name of an MCP server has no hyphen, at '/tools/{position}/name'.")


def _refuse_formats(body: Mapping[str, Any], model: Model) -> None:
    wanted = body.get("response_format")
    for told in wanted if isinstance(wanted, list) else [wanted]:
        if not isinstance(told, dict):
            continue
        if told.get("type") == "text" and "schema" in told and told.get("mime_type") != "application/json":
            raise invalid("A 'schema' in 'response_format' needs the mime_type application/json.")
        if "schema" in told and model.needs_background:
            raise invalid(f"The agent '{model.id}' gives no structured output.")
        if told.get("type") == "video":
            raise invalid("This server makes no videos.")


def _refuse_labels(body: Mapping[str, Any]) -> None:
    """Refuse labels of another form than documented: short, lower case, a letter first in the key."""
    for key, value in (body.get("labels") or {}).items():
        if not (key[:1].isalpha() and _is_label(key) and _is_label(value)):
            raise invalid(
                f"The label '{key[:100]}' is not allowed: it has at most 63 lower-case letters, digits, "
                "'_' and '-', and the key begins with a letter."
            )


def _is_label(text: str) -> bool:
    return len(text) <= 63 and all(
        letter in "_-" or ((letter.isalpha() or letter.isdigit()) and letter == letter.lower())
        for letter in text
    )


def _turn(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Put the input into steps, whichever of its forms it has."""
    if "input" not in body:
        raise invalid("Missing input.")
    match body["input"]:
        case str(text):
            turn = [{"content": [{"text": text, "type": "text"}], "type": "user_input"}]
        case {"type": str(kind)} as content:
            if kind not in _CONTENTS:
                raise invalid(f"'/input' is one step of type '{kind}': put it into a list.")
            turn = [{"content": [content], "type": "user_input"}]
        case [*items]:
            turn = _turn_of_list(items)
        case _:
            turn = []
    if not any(_says_something(step) for step in turn):
        raise invalid("Request has empty input.")
    return turn


def _turn_of_list(items: list[Any]) -> list[dict[str, Any]]:
    contents = [item for item in items if item.get("type") in _CONTENTS]
    if contents and len(contents) == len(items):
        return [{"content": contents, "type": "user_input"}]
    if contents:
        place = next(position for position, item in enumerate(items) if item in contents)
        raise invalid(f"'/input' mixes contents with steps: '/input/{place}' is a content.")
    return items


def _says_something(step: Mapping[str, Any]) -> bool:
    if step.get("type") != "user_input":
        return True
    content = step.get("content")
    return isinstance(content, list) and any(
        block.get("text", True) for block in content if isinstance(block, dict)
    )


def _previous(body: Mapping[str, Any], account: str, memory: Memory) -> Stored | None:
    name = body.get("previous_interaction_id")
    if name is None or name == "":
        return None
    stored = memory.find(account, name)
    if stored is None:
        raise Refused(
            404,
            "not_found",
            f"Interaction '{str(name)[:100]}' does not exist; only stored ones can be continued.",
        )
    if stored.run is not None and not stored.run.over:
        raise Refused(
            400,
            "failed_precondition",
            f"Interaction '{stored.id}' is still running; only its end can be continued.",
        )
    return stored


def _continues(body: Mapping[str, Any], previous: Stored | None) -> bool:
    """Whether the request goes on with the answer of another, and so needs no input."""
    return "continuation_token" in body and previous is not None and not body.get("input")


def _hop(body: Mapping[str, Any], previous: Stored | None, continuation: Continuation) -> int:
    token = body["continuation_token"]
    hop = continuation.read(token)
    if hop is None:
        raise invalid("The continuation_token was not issued by this server for this conversation.")
    if previous is not None and not body.get("input") and previous.body.get("continuation_token") != token:
        raise invalid(f"The continuation_token does not belong to the interaction '{previous.id}'.")
    return hop


def _whole(stored: Stored) -> Iterator[dict[str, Any]]:
    yield from stored.turn
    yield from stored.now().get("steps", ())


def _unnested(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Take function results out of the user_input that some clients wrap them in, which is answered live."""
    for step in steps:
        content = step.get("content")
        if step.get("type") == "user_input" and isinstance(content, list):
            results = [block for block in content if block.get("type") == "function_result"]
            yield from results
            rest = [block for block in content if block.get("type") != "function_result"]
            if rest or not results:
                yield {**step, "content": rest}
        else:
            yield step


def _refuse_results(steps: list[dict[str, Any]], *, has_history: bool) -> None:
    """Hold results against calls: each names an earlier call, and no call is left without one."""
    known: set[str] = set()
    waiting: dict[str, str] = {}
    for step in steps:
        match step:
            case {"type": "function_call", "id": str(call), "name": str(name)}:
                known.add(call)
                waiting[call] = name
            case {"type": "function_result", "call_id": str(call)}:
                _refuse_unknown_call(call, known, has_history=has_history)
                waiting.pop(call, None)
            case {"type": "function_result"}:
                raise invalid("Missing call_id in content of type function_result.")
            case {"type": "user_input"} if waiting:
                break
    if waiting:
        missing = ", ".join(f"{call} ({name})" for call, name in waiting.items())
        raise invalid(f"Every function call needs its function_result; missing: {missing}.")


def _refuse_unknown_call(call: str, known: set[str], *, has_history: bool) -> None:
    if call in known:
        return
    if not known and not has_history:
        raise invalid(
            f"The function_result for '{call}' answers no call: it needs a previous_interaction_id, "
            "or the history with the function_call in 'input'."
        )
    raise invalid(f"The call_id '{call}' is not that of a function_call in this conversation.")


def _choice(body: Mapping[str, Any]) -> tuple[str, dict[str, Mapping[str, Any]]]:
    """Give the mode of function calling and the functions that it allows."""
    functions = _functions(body)
    match (body.get("generation_config") or {}).get("tool_choice"):
        case str(mode):
            pass
        case {"allowed_tools": dict(allowed)}:
            mode = allowed.get("mode", "auto")
            names = allowed.get("tools")
            if names is not None:
                for name in names:
                    if name not in functions:
                        raise invalid(f"tool_choice allows '{name}', which is not a declared function.")
                functions = {name: functions[name] for name in names}
        case _:
            mode = "auto"
    if mode == "any" and not functions:
        raise invalid("tool_choice 'any' needs at least one declared function.")
    return (mode if mode in _MODES else "auto"), functions


def _functions(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    functions: dict[str, Mapping[str, Any]] = {}
    for position, tool in enumerate(_declared(body)):
        if tool.get("type") != "function":
            continue
        name = tool.get("name")
        if not name:
            raise invalid(f"Missing name of the function at '/tools/{position}'.")
        if name in functions:
            raise invalid(f"The function '{name}' is declared twice, again at '/tools/{position}'.")
        functions[name] = tool
    return functions


def _declared(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tools = body.get("tools")
    return tools if isinstance(tools, list) else []
