"""The same answer in other words, as a model gives it when it is asked again.

reworded(reply, asked, rng)     # another text, other queries; sources, tools and calls stay
recut(events, rng)              # the same text in other deltas

No word of the vocabulary is one that a scenario of ours waits for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from random import Random
from typing import Any

from conformance.server.asked import Asked
from conformance.server.model import Reply
from conformance.server.refusal import Refused
from conformance.server.rules import Cite, Use
from conformance.server.structured import text_following

__all__ = ["prose", "recut", "reworded"]

_WORDS = """
    almost amber between briefly calm clearly distant evenly fällt forest gently glass however inner jetzt
    kettle lantern leicht likewise marble meadow mostly narrow nebenbei often orchard overall paper perhaps
    pillar quietly rather river sagt slowly softly stone thus tönt under violet wandert weather-worn window
    yonder zudem – ☂ 見る 🙂
""".split()
_CUT = {"text": "text", "arguments_delta": "arguments"}


def prose(rng: Random, words: int) -> str:
    """Give a sentence of so many words that mean nothing."""
    told = " ".join(rng.choice(_WORDS) for _ in range(max(1, words)))
    return f"{told[0].upper()}{told[1:]}."


def reworded(reply: Reply, asked: Asked, rng: Random) -> Reply:
    """Say the same otherwise: what is cited stays cited, and JSON that was asked for stays JSON."""
    queries = tuple(prose(rng, rng.randint(1, 5)) for _ in range(rng.randint(1, 3)))
    reply = replace(
        reply,
        thinks=prose(rng, rng.randint(3, 12)),
        queries=queries if reply.queries else (),
        uses=tuple(_used(use, rng) for use in reply.uses),
        calls=tuple((name, _embellished(name, given, asked, rng)) for name, given in reply.calls),
    )
    schema = _schema(asked)
    if schema is not None:
        return replace(reply, text=_following(schema, reply.text, rng))
    if not reply.text:
        return reply
    parts = [prose(rng, rng.randint(2, 9)) for _ in range(rng.randint(len(reply.cites) + 1, 8))]
    cited = rng.sample(parts, len(reply.cites))
    cites = tuple(Cite(part, cite.told) for part, cite in zip(cited, reply.cites, strict=True))
    return replace(reply, text=rng.choice([" ", "\n\n"]).join(parts), cites=cites)


def _schema(asked: Asked) -> Mapping[str, Any] | None:
    wanted = asked.body.get("response_format")
    for told in wanted if isinstance(wanted, list) else [wanted]:
        match told:
            case {"type": "text", "schema": dict(schema)}:
                return schema
    return None


def _following(schema: Mapping[str, Any], text: str, rng: Random) -> str:
    """Give another value of a schema, with more or less space; the one at hand where there is none."""
    try:
        text = text_following(schema, prose(rng, 6))
    except Refused:
        return text
    return json.dumps(json.loads(text), indent=rng.choice([None, 1, 2]), ensure_ascii=rng.random() < 0.5)


def _used(use: Use, rng: Random) -> Use:
    """Use a built-in tool with other words."""
    call, result = json.loads(json.dumps(use.call)), json.loads(json.dumps(use.result))
    match use.tool, call, result:
        case "code_execution", {"arguments": {"code": str(code)}}, _:
            call["arguments"]["code"] = f"# {prose(rng, 3)}\n{code}"
            if result.get("is_error") is not True:
                result["result"] = f"{prose(rng, 2)}\n"
        case "google_maps", {"arguments": {"queries": _}}, _:
            call["arguments"]["queries"] = [prose(rng, 2) for _ in range(rng.randint(1, 2))]
        case "mcp_server", {"arguments": _}, {"result": _}:
            call["arguments"] = {"query": prose(rng, 4)}
            result["result"] = [{"type": "text", "text": prose(rng, 5)}]
    return replace(use, call=call, result=result)


def _embellished(name: str, given: dict[str, Any], asked: Asked, rng: Random) -> dict[str, Any]:
    """Write an argument that may be any text more fully now and then, as in `London, UK`."""
    parameters = asked.functions.get(name, {}).get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    free = [
        key
        for key, value in given.items()
        if isinstance(value, str) and {*(properties or {}).get(key, {"?": 0})} <= {"type", "description"}
    ]
    if not free or rng.random() > 0.1:
        return given
    key = rng.choice(free)
    return {**given, key: f"{given[key]}, {rng.choice(_WORDS)}"}


def recut(events: Iterable[dict[str, Any]], rng: Random) -> Iterator[dict[str, Any]]:
    """Cut texts and arguments into other deltas than they come in."""
    for (kind, index), group in groupby(events, key=_kind):
        if kind not in _CUT:
            yield from group
            continue
        told = [event["delta"] for event in group]
        member = _CUT[kind]
        for part in _cut("".join(delta[member] for delta in told), rng):
            yield {"index": index, "delta": {member: part, "type": kind}, "event_type": "step.delta"}


def _kind(event: dict[str, Any]) -> tuple[str, Any]:
    """Tell apart what may be joined: deltas of one kind, of one step."""
    delta = event.get("delta", {})
    return delta.get("type", "") if delta.get("type") in _CUT else f"{id(event)}", event.get("index")


def _cut(text: str, rng: Random) -> list[str]:
    """Cut a text into one to nine parts; some may be empty."""
    cuts = sorted(rng.randint(0, len(text)) for _ in range(rng.randint(0, 8)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
