"""From what the model says to what goes over the wire: the steps, the object, the events.

    made = make(asked, reply, identity)
    made.body                                              # the unary answer
    frames(events(made.id, made.body, empty_signature=False))      # the same as a stream

Key order, the partial steps of `step.start` and the fields of each event are those of the recordings
(research/wire.md, sections 1 to 4). Both forms are made from one list of steps, so they cannot differ.

Tokens are counted by one rule: every four characters of a text are one, and what is left over is one too. A
thought takes 16, or as its level says, and as many as the question. The input is the whole conversation that
the model sees; of media it counts `media.count_media`. A picture that is made takes 1120, a sound 25. What
built-in tools were told and told in turn counts as tool use, but for google_search, recorded with none.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus

from conformance.server.answer import DONE, frame, to_json
from conformance.server.asked import Asked
from conformance.server.continuation import Continuation
from conformance.server.identity import Identity
from conformance.server.media import MEDIA, count_media
from conformance.server.model import Reply
from conformance.server.rules import Cite, Use

__all__ = ["NOT_IN_STREAMS", "Made", "count_tokens", "events", "frames", "make", "with_steps"]

NOT_IN_STREAMS = frozenset({"id", "steps", "labels", "webhook_config", "errors"})
"""What an object has and `interaction.completed` has not, or, as the id, not in this place."""

_MEDIA_MADE = {"image": 1120, "audio": 25}
_THOUGHT_TOKENS = {"low": 8, "medium": 16, "high": 32, "xhigh": 64}
_ONLY_IN_OBJECTS = frozenset({"id", "call_id", "search_type"})
_PIECES = (18, 71, 34, 97, 53)
_FRAGMENT = 12
_SUGGESTIONS = (
    "<style>\n.container {{\n  align-items: center;\n  border-radius: 8px;\n}}\n</style>\n"
    '<div class="container">\n  <div class="carousel">\n{chips}\n  </div>\n</div>'
)
_CHIP = (
    '<a class="chip" href="https://www.google.com/search?q={quoted}'
    '&client=app-vertex-grounding&safesearch=active">{query}</a>'
)


@dataclass(frozen=True, slots=True)
class Made:
    """A finished interaction.

    id: empty where it is not stored.
    first: the name of the first turn of its chain.
    body: the unary answer.
    """

    id: str
    first: str
    body: dict[str, Any]


def make(asked: Asked, reply: Reply, identity: Identity) -> Made:
    """Make the interaction that a reply amounts to."""
    first = asked.previous.first if asked.previous else identity.own
    interaction_id = identity.id(first) if asked.store else ""
    budget = _spend(asked, reply)
    steps = _steps(asked, budget, identity)
    body: dict[str, Any] = {"id": interaction_id} if interaction_id else {}
    body.update(
        status=_status(budget),
        usage=_usage(asked, budget),
        created=identity.time,
        updated=identity.time,
        service_tier=asked.body.get("service_tier", "standard"),
    )
    if reply.more and not budget.cut:
        continuation = Continuation(identity.seed, identity.account, asked.steps)
        body["continuation_token"] = continuation.token(asked.hop + 1)
    body.update(_given_back(asked, identity))
    if steps:
        body["steps"] = steps
    body["object"] = "interaction"
    body["agent" if asked.model.agent else "model"] = asked.name
    return Made(interaction_id, first, body)


def _status(budget: "_Budget") -> str:
    if budget.cut:
        return "incomplete"
    if budget.reply.more:
        return "requires_continuation"
    return "requires_action" if budget.reply.calls else "completed"


def _given_back(asked: Asked, identity: Identity) -> Iterator[tuple[str, Any]]:
    """Give what an answer repeats of its request."""
    for name in ("labels", "webhook_config"):
        if name in asked.body:
            yield name, asked.body[name]
    match asked.body.get("environment"):
        case None | "":
            return
        case str(name) if name != "remote":
            yield "environment_id", name
        case {"environment_id": str(name)} if name:
            yield "environment_id", name
        case _:
            yield "environment_id", f"env_{identity.call(99)}"


def with_steps(body: Mapping[str, Any], steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Give a body with these steps, in the place that steps have on the wire."""
    whole: dict[str, Any] = {}
    for key, told in body.items():
        if key == "object":
            whole["steps"] = steps
        if key != "steps":
            whole[key] = told
    return whole


def count_tokens(text: str) -> int:
    """Count the tokens of a text by the rule at the top."""
    return (len(text) + 3) // 4


@dataclass(frozen=True, slots=True)
class _Budget:
    """What is left of a reply within max_output_tokens, thought tokens counted first.

    silent: nothing is left, not even the thought; as recorded, the answer then has no steps.
    """

    reply: Reply
    thought: int
    output: int
    cut: bool = False
    silent: bool = False


def _spend(asked: Asked, reply: Reply) -> _Budget:
    thought = _thought_tokens(asked)
    output = _output_tokens(reply)
    limit = asked.config.get("max_output_tokens")
    if not limit or thought + output <= limit:
        return _Budget(reply, thought, output)
    left = limit - thought
    if left <= 0 or reply.calls:
        return _Budget(Reply(queries=()), min(thought, limit), 0, cut=True, silent=True)
    text = reply.text[: left * 4]
    cites = tuple(cite for cite in reply.cites if cite.of in text)
    kept = replace(reply, text=text, cites=cites, media=())
    return _Budget(kept, thought, count_tokens(text), cut=True)


def _thought_tokens(asked: Asked) -> int:
    level = asked.config.get("thinking_level")
    if not asked.model.thinks or level == "minimal":
        return 0
    own = _THOUGHT_TOKENS.get(str(level), _THOUGHT_TOKENS["medium"])
    match asked.turn[-1] if asked.turn else None:
        case {"type": "user_input", "content": [*content]}:
            return own + sum(count_tokens(block.get("text", "")) for block in content)
    return own


def _output_tokens(reply: Reply) -> int:
    calls = sum(count_tokens(name) + count_tokens(to_json(given).decode()) for name, given in reply.calls)
    return count_tokens(reply.text) + calls + sum(_MEDIA_MADE[block["type"]] for block in reply.media)


def _usage(asked: Asked, budget: _Budget) -> dict[str, Any]:
    reply = budget.reply
    given = _input_tokens(asked)
    tools = sum(_tool_tokens(use) for use in reply.uses)
    usage: dict[str, Any] = {
        "total_tokens": sum(given.values()) + budget.output + budget.thought + tools,
        "total_input_tokens": sum(given.values()),
        "input_tokens_by_modality": _by_modality(given),
        "total_cached_tokens": 0,
        "total_output_tokens": budget.output,
    }
    if reply.media:
        made = {"text": count_tokens(reply.text)}
        for block in reply.media:
            made[block["type"]] = made.get(block["type"], 0) + _MEDIA_MADE[block["type"]]
        usage["output_tokens_by_modality"] = _by_modality({kind: told for kind, told in made.items() if told})
    usage["total_tool_use_tokens"] = tools
    if tools:
        usage["tool_use_tokens_by_modality"] = _by_modality({"text": tools})
    usage["total_thought_tokens"] = budget.thought
    counts = {"google_search": len(reply.queries)} if reply.queries else {}
    maps = sum(use.tool == "google_maps" for use in reply.uses)
    counts |= {"google_maps": maps} if maps else {}
    if counts:
        usage["grounding_tool_count"] = [{"type": kind, "count": count} for kind, count in counts.items()]
    return usage


def _input_tokens(asked: Asked) -> dict[str, int]:
    """Count what the model reads, by modality, text first."""
    given = {"text": count_tokens(str(asked.body.get("system_instruction", "")))}
    for step in asked.steps:
        given["text"] += sum(count_tokens(text) for text in _texts(step))
        for block in _media(step):
            kind = str(block["type"])
            given[kind] = given.get(kind, 0) + count_media(block)
    return given


def _by_modality(tokens: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"modality": kind, "tokens": count} for kind, count in tokens.items()]


def _tool_tokens(use: Use) -> int:
    return count_tokens(to_json(use.call).decode()) + count_tokens(to_json(use.result).decode())


def _media(step: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give the pictures, sounds and documents of a step."""
    blocks = step.get("result") if step.get("type") == "function_result" else step.get("content")
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, dict) and block.get("type") in MEDIA:
            yield block


def _texts(step: Mapping[str, Any]) -> Iterator[str]:
    """Give the texts of a step that a model reads."""
    match step:
        case {"content": [*content]}:
            yield from (
                block["text"]
                for block in content
                if isinstance(block, dict) and isinstance(block.get("text"), str)
            )
        case {"type": "function_call", "arguments": given}:
            yield to_json(given).decode()
        case {"type": "function_result", "result": str(result)}:
            yield result
        case {"type": "function_result", "result": [*blocks]} if any(_media(step)):
            yield from (block["text"] for block in blocks if isinstance(block.get("text"), str))
        case {"type": "function_result", "result": result}:
            yield to_json(result).decode()


def _steps(asked: Asked, budget: _Budget, identity: Identity) -> list[dict[str, Any]]:
    if budget.silent:
        return []
    reply, model = budget.reply, asked.model
    thought = [_thought(asked, reply, identity)] if model.thinks else []
    search = _search_steps(reply, identity, signed=not model.search_after_output) if reply.queries else []
    first = 1 if reply.queries else 0
    used = [
        step
        for position, use in enumerate(reply.uses, first)
        for step in _use_steps(use, position, identity, generic=model.generic_mcp)
    ]
    first += len(reply.uses)
    said = _call_steps(reply, identity, first) if reply.calls else [_output_step(reply)]
    if model.search_after_output:
        return [*thought, *used, *said, *search]
    if used and used[0]["type"] == "tool_call":
        before = {"content": [{"text": "I ask the server.", "type": "text"}], "type": "model_output"}
        return [*search, *used, before, *thought, *said]
    return [*search, *thought, *used, *said]


def _use_steps(use: Use, position: int, identity: Identity, *, generic: bool) -> list[dict[str, Any]]:
    """Give the call and the result of a built-in tool; a program is signed as the thought that wrote it."""
    call_id = identity.call(position)
    if use.tool == "mcp_server":
        if generic:
            return [{"id": call_id, "signature": identity.signature(f"tool {position}"), "type": "tool_call"}]
        return [
            {"id": call_id, "type": "mcp_server_tool_call", **use.call},
            {"call_id": call_id, "type": "mcp_server_tool_result", **use.result},
        ]
    call: dict[str, Any] = {"id": call_id, "signature": identity.signature(f"call {position}")}
    result: dict[str, Any] = {"call_id": call_id, "signature": identity.signature(f"result {position}")}
    if use.tool == "code_execution":
        call["signature"] = identity.signature("thought")
        del result["signature"]
    return [
        {**call, "type": f"{use.tool}_call", **use.call},
        {**result, "type": f"{use.tool}_result", **use.result},
    ]


def _thought(asked: Asked, reply: Reply, identity: Identity) -> dict[str, Any]:
    thought: dict[str, Any] = {"signature": identity.signature("thought")}
    if asked.config.get("thinking_summaries") == "auto":
        thought["summary"] = [{"text": reply.thinks, "type": "text"}]
    return {**thought, "type": "thought"}


def _search_steps(reply: Reply, identity: Identity, *, signed: bool) -> list[dict[str, Any]]:
    call_id = identity.call(0)
    call: dict[str, Any] = {"id": call_id}
    result: dict[str, Any] = {"call_id": call_id}
    if signed:
        call["signature"] = identity.signature("search")
        result["signature"] = identity.signature("result")
    chips = "\n".join(_CHIP.format(quoted=quote_plus(query), query=_html(query)) for query in reply.queries)
    call.update(
        type="google_search_call", arguments={"queries": list(reply.queries)}, search_type="web_search"
    )
    result.update(
        type="google_search_result",
        result=[{"search_suggestions": _SUGGESTIONS.format(chips=chips)}],
        is_error=False,
    )
    return [call, result]


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _call_steps(reply: Reply, identity: Identity, first: int) -> list[dict[str, Any]]:
    return [
        {"id": identity.call(position), "type": "function_call", "name": name, "arguments": given}
        for position, (name, given) in enumerate(reply.calls, first)
    ]


def _output_step(reply: Reply) -> dict[str, Any]:
    block: dict[str, Any] = {"text": reply.text}
    if reply.cites:
        block["annotations"] = [_citation(reply.text, cite) for cite in reply.cites]
    text = [{**block, "type": "text"}] if reply.text or not reply.media else []
    return {"content": [*text, *reply.media], "type": "model_output"}


def _citation(text: str, cite: Cite) -> dict[str, Any]:
    """Mark a part of a text; the indices count bytes of UTF-8, the end is exclusive."""
    start = len(text[: text.index(cite.of)].encode())
    return {"start_index": start, "end_index": start + len(cite.of.encode()), **cite.told}


def frames(told: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Give events as frames, the `[DONE]` frame last."""
    yield from map(frame, told)
    yield DONE


def events(
    interaction_id: str, body: Mapping[str, Any], *, empty_signature: bool
) -> Iterator[dict[str, Any]]:
    """Give the events that tell a finished interaction.

    `empty_signature`: a function_call starts with `"signature":""`, as from gemini-2.5-flash.
    """
    who = "agent" if "agent" in body else "model"
    created = {
        "id": interaction_id,
        "status": "in_progress",
        "object": "interaction",
        who: body[who],
    }
    yield {"interaction": created, "event_type": "interaction.created"}
    yield {
        "interaction_id": interaction_id,
        "status": "in_progress",
        "event_type": "interaction.status_update",
    }
    for index, step in enumerate(body.get("steps", ())):
        start = _start(step, empty_signature=empty_signature)
        yield {"index": index, "step": start, "event_type": "step.start"}
        for delta in _deltas(step):
            yield {"index": index, "delta": delta, "event_type": "step.delta"}
        yield {"index": index, "event_type": "step.stop"}
    completed = {
        "id": interaction_id,
        **{key: told for key, told in body.items() if key not in NOT_IN_STREAMS},
    }
    yield {"interaction": completed, "event_type": "interaction.completed"}


def _start(step: Mapping[str, Any], *, empty_signature: bool) -> dict[str, Any]:
    """Give the part of a step that its `step.start` carries."""
    match step:
        case {"type": "function_call", "id": call, "name": name}:
            signature = {"signature": ""} if empty_signature else {}
            return {"id": call, **signature, "type": "function_call", "name": name, "arguments": {}}
        case {"type": "mcp_server_tool_call", "id": call, "name": name, "server_name": server}:
            return {
                "id": call,
                "type": "mcp_server_tool_call",
                "name": name,
                "server_name": server,
                "arguments": {},
            }
        case {"type": "mcp_server_tool_result", "call_id": call}:
            return {"call_id": call, "type": "mcp_server_tool_result"}
        case {"type": str(kind), "id": call}:
            return {"id": call, "signature": "", "type": kind}
        case {"type": str(kind), "call_id": call}:
            return {"call_id": call, "signature": "", "type": kind}
    return {"type": step["type"]}


def _deltas(step: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    match step:
        case {"type": "thought", "signature": signature}:
            for content in step.get("summary", ()):
                yield {"content": content, "type": "thought_summary"}
            yield {"signature": signature, "type": "thought_signature"}
        case {"type": "model_output", "content": [*content]}:
            for block in content:
                yield from _text_deltas(block) if block["type"] == "text" else (block,)
        case {"type": "function_call", "arguments": given}:
            for fragment in _fragments(to_json(given).decode()):
                yield {"arguments": fragment, "type": "arguments_delta"}
        case _:
            yield {key: told for key, told in step.items() if key not in _ONLY_IN_OBJECTS}


def _text_deltas(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Cut a text anywhere, as the service does, but always at the same places; annotations come last."""
    text, at, turn = block["text"], 0, 0
    while at < len(text) or turn == 0:
        size = _PIECES[turn % len(_PIECES)]
        yield {"text": text[at : at + size], "type": "text"}
        at, turn = at + size, turn + 1
    if "annotations" in block:
        yield {"annotations": block["annotations"], "type": "text_annotation_delta"}


def _fragments(text: str) -> Iterator[str]:
    """Cut the JSON of arguments in two where it is long enough to be worth it, anywhere in it."""
    if len(text) <= _FRAGMENT:
        yield text
        return
    half = len(text) // 2
    yield text[:half]
    yield text[half:]
