"""What an answer will cost in tokens, roughly, and what it has cost.

    expected_tokens({"model": "gemini-3.5-flash", "input": "Hello"})     # 703
    told_tokens(exchange)                                                # ("v1_…", 161)

The rough numbers are those of real recordings: a plain answer takes 100 to 600 tokens with its thoughts,
one with a search or a server's tool some 600 to 2,000, an image 1,500 to 6,000.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from conformance.wire.exchange import Exchange
from conformance.wire.trace import Trace

__all__ = ["expected_tokens", "told_tokens"]

_ANSWER = 700
_TOOL = 1500
_MEDIUM_IN = 1500
_MEDIUM_OUT = 4000
_LETTERS = 3
_AGENT = 100_000
_AGENTS = re.compile("deep-research|antigravity")
_ID = re.compile(rb'"id"\s*:\s*"([\w-]+)"')


def expected_tokens(body: Mapping[str, Any], history: int = 0) -> int:
    """Give roughly what the answer to a create request costs, the request included.

    history: what the interactions have cost that it goes on from.
    """
    letters, media = _measured(body)
    total = letters // _LETTERS + media * _MEDIUM_IN + history + _ANSWER
    tools = body.get("tools")
    if isinstance(tools, list):
        total += _TOOL * sum(isinstance(tool, dict) and tool.get("type") != "function" for tool in tools)
    if _gives_media(body):
        total += _MEDIUM_OUT
    config = body.get("generation_config")
    if isinstance(config, dict) and config.get("thinking_level") == "high":
        total += _ANSWER
    return total + (_AGENT if _sets_an_agent_to_work(body) else 0)


def _sets_an_agent_to_work(body: Mapping[str, Any]) -> bool:
    """Whether an agent will take the request: it works in the background, with no model and no functions."""
    tools = body.get("tools")
    functions = isinstance(tools, list) and any(
        isinstance(tool, dict) and tool.get("type") == "function" for tool in tools
    )
    wrong = functions or any(name in body for name in ("model", "generation_config", "response_format"))
    return bool(_AGENTS.match(str(body.get("agent")))) and body.get("background") is True and not wrong


def _gives_media(body: Mapping[str, Any]) -> bool:
    told = json.dumps([body.get("response_format"), body.get("response_modalities"), body.get("model")])
    return any(
        word in told for word in ('"image"', '"audio"', '"video"', "-image", "-tts", "banana", "lyria")
    )


def _measured(value: Any) -> tuple[int, int]:
    """Count the letters of a value, and its media apart."""
    match value:
        case str():
            return len(value), 0
        case dict():
            pairs = [(0, 1) if _is_medium(key, item) else _measured(item) for key, item in value.items()]
            names = sum(map(len, map(str, value)))
            return names + sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
        case list():
            pairs = [_measured(item) for item in value]
            return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    return 4, 0


def _is_medium(key: str, value: Any) -> bool:
    return key in ("data", "uri") and isinstance(value, str)


def _begun(exchange: Exchange) -> dict[str, Any]:
    """Give the id that an answer tells which breaks off before it is JSON."""
    response = exchange.response
    found = _ID.search(response.body) if response is not None and response.cut else None
    return {"id": found[1].decode()} if found else {}


def told_tokens(exchange: Exchange) -> tuple[str, int | None]:
    """Give the id of the interaction in an answer, or nothing, and the tokens that it says it cost."""
    interaction = Trace.of([exchange]).calls[0].interaction or _begun(exchange)
    told, usage = interaction.get("id"), interaction.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    whole = isinstance(total, int) and not isinstance(total, bool) and total >= 0
    return (told if isinstance(told, str) else ""), (total if whole else None)
