"""From what the model says to what goes over the wire: the steps, the object, the events.

    made = make(asked, reply, identity)
    made.body                                              # the unary answer
    frames(made.id, made.body, empty_signature=False)      # the same as a stream

Key order, the partial steps of `step.start` and the fields of each event are those of the recordings
(research/wire.md, sections 1 to 4). Both forms are made from one list of steps, so they cannot differ.

Tokens are counted by one rule: every four characters of a text are one, and what is left over is one too.
A thought takes 16 and as many as the question. The input is the whole conversation that the model sees.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from conformance.server.answer import DONE, frame, to_json
from conformance.server.asked import Asked
from conformance.server.identity import Identity
from conformance.server.model import Reply

__all__ = ["Made", "count_tokens", "frames", "make"]

_THOUGHT_TOKENS = 16
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
    status = "incomplete" if budget.cut else "requires_action" if budget.reply.calls else "completed"
    body: dict[str, Any] = {"id": interaction_id} if interaction_id else {}
    body.update(
        status=status,
        usage=_usage(asked, budget),
        created=identity.time,
        updated=identity.time,
        service_tier=asked.body.get("service_tier", "standard"),
    )
    if steps:
        body["steps"] = steps
    body["object"] = "interaction"
    body["agent" if asked.model.agent else "model"] = asked.name
    return Made(interaction_id, first, body)


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
    kept = Reply(text, cites, reply.queries, (), reply.thinks)
    return _Budget(kept, thought, count_tokens(text), cut=True)


def _thought_tokens(asked: Asked) -> int:
    if not asked.model.thinks or asked.config.get("thinking_level") == "minimal":
        return 0
    match asked.turn[-1]:
        case {"type": "user_input", "content": [*content]}:
            return _THOUGHT_TOKENS + sum(count_tokens(block.get("text", "")) for block in content)
    return _THOUGHT_TOKENS


def _output_tokens(reply: Reply) -> int:
    calls = sum(count_tokens(name) + count_tokens(to_json(given).decode()) for name, given in reply.calls)
    return count_tokens(reply.text) + calls


def _usage(asked: Asked, budget: _Budget) -> dict[str, Any]:
    given = count_tokens(str(asked.body.get("system_instruction", "")))
    given += sum(count_tokens(text) for step in asked.steps for text in _texts(step))
    usage = {
        "total_tokens": given + budget.output + budget.thought,
        "total_input_tokens": given,
        "input_tokens_by_modality": [{"modality": "text", "tokens": given}],
        "total_cached_tokens": 0,
        "total_output_tokens": budget.output,
        "total_tool_use_tokens": 0,
        "total_thought_tokens": budget.thought,
    }
    if budget.reply.queries:
        usage["grounding_tool_count"] = [{"type": "google_search", "count": len(budget.reply.queries)}]
    return usage


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
        case {"type": "function_result", "result": result}:
            yield to_json(result).decode()


def _steps(asked: Asked, budget: _Budget, identity: Identity) -> list[dict[str, Any]]:
    if budget.silent:
        return []
    reply, model = budget.reply, asked.model
    thought = [_thought(asked, reply, identity)] if model.thinks else []
    search = _search_steps(reply, identity, signed=not model.search_after_output) if reply.queries else []
    said = _call_steps(reply, identity) if reply.calls else [_output_step(reply)]
    if model.search_after_output:
        return [*thought, *said, *search]
    return [*search, *thought, *said]


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


def _call_steps(reply: Reply, identity: Identity) -> list[dict[str, Any]]:
    return [
        {"id": identity.call(position), "type": "function_call", "name": name, "arguments": given}
        for position, (name, given) in enumerate(reply.calls)
    ]


def _output_step(reply: Reply) -> dict[str, Any]:
    block: dict[str, Any] = {"text": reply.text}
    if reply.cites:
        block["annotations"] = [_citation(reply.text, cite.of, cite.url, cite.title) for cite in reply.cites]
    return {"content": [{**block, "type": "text"}], "type": "model_output"}


def _citation(text: str, of: str, url: str, title: str) -> dict[str, Any]:
    """Mark a part of a text; the indices count bytes of UTF-8, the end is exclusive."""
    start = len(text[: text.index(of)].encode())
    return {
        "start_index": start,
        "end_index": start + len(of.encode()),
        "url": url,
        "title": title,
        "type": "url_citation",
    }


def frames(interaction_id: str, body: Mapping[str, Any], *, empty_signature: bool) -> Iterator[bytes]:
    """Give the frames that tell a finished interaction, the `[DONE]` frame last.

    `empty_signature`: a function_call starts with `"signature":""`, as from gemini-2.5-flash.
    """
    who = "agent" if "agent" in body else "model"
    created = {
        "id": interaction_id,
        "status": "in_progress",
        "object": "interaction",
        who: body[who],
    }
    yield frame({"interaction": created, "event_type": "interaction.created"})
    yield frame(
        {
            "interaction_id": interaction_id,
            "status": "in_progress",
            "event_type": "interaction.status_update",
        }
    )
    for index, step in enumerate(body.get("steps", ())):
        start = _start(step, empty_signature=empty_signature)
        yield frame({"index": index, "step": start, "event_type": "step.start"})
        for delta in _deltas(step):
            yield frame({"index": index, "delta": delta, "event_type": "step.delta"})
        yield frame({"index": index, "event_type": "step.stop"})
    completed = {
        "id": interaction_id,
        **{key: told for key, told in body.items() if key not in ("id", "steps")},
    }
    yield frame({"interaction": completed, "event_type": "interaction.completed"})
    yield DONE


def _start(step: Mapping[str, Any], *, empty_signature: bool) -> dict[str, Any]:
    """Give the part of a step that its `step.start` carries."""
    match step:
        case {"type": "function_call", "id": call, "name": name}:
            signature = {"signature": ""} if empty_signature else {}
            return {"id": call, **signature, "type": "function_call", "name": name, "arguments": {}}
        case {"type": "google_search_call", "id": call}:
            return {"id": call, "signature": "", "type": "google_search_call"}
        case {"type": "google_search_result", "call_id": call}:
            return {"call_id": call, "signature": "", "type": "google_search_result"}
    return {"type": step["type"]}


def _deltas(step: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    match step:
        case {"type": "thought", "signature": signature}:
            for content in step.get("summary", ()):
                yield {"content": content, "type": "thought_summary"}
            yield {"signature": signature, "type": "thought_signature"}
        case {"type": "model_output", "content": [*content]}:
            for block in content:
                yield from _text_deltas(block)
        case {"type": "function_call", "arguments": given}:
            for fragment in _fragments(to_json(given).decode()):
                yield {"arguments": fragment, "type": "arguments_delta"}
        case {"type": "google_search_call", "arguments": given}:
            yield {**_signed(step), "type": "google_search_call", "arguments": given}
        case {"type": "google_search_result", "result": result, "is_error": is_error}:
            yield {**_signed(step), "type": "google_search_result", "result": result, "is_error": is_error}


def _signed(step: Mapping[str, Any]) -> dict[str, Any]:
    return {"signature": step["signature"]} if "signature" in step else {}


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
