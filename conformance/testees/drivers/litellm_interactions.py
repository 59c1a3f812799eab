"""The driver of litellm: its `interactions`, asynchronous.

    python -m conformance.testees.drivers.litellm_interactions

litellm reads its prices from the network when it is imported, unless it is told not to. It always calls
/v1beta, has no retries for interactions, and takes any argument: those that its functions do not name never
reach the request, so that they are unsupported here.
"""

import inspect
import os
import sys
from importlib.metadata import version
from typing import Any

from conformance.testees.driver import Tell, drive, dumped, failed, kind_of
from conformance.testees.drivers import needed
from conformance.testees.protocol import Message

__all__ = ["main"]

_KINDS = {
    "Timeout": "timeout",
    "APITimeoutError": "timeout",
    "APIConnectionError": "transport",
    "HTTPStatusError": "api",
    "ValidationError": "parse",
}


def main() -> None:
    """Drive litellm."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    litellm = needed("litellm", "litellm")
    litellm.telemetry = False

    async def answer(call: Message, tell: Tell) -> Message:
        if call["api_version"] != "v1beta":
            return {"type": "unsupported", "reason": f"litellm calls /v1beta, never /{call['api_version']}"}
        try:
            return await _awaited(litellm.interactions, call, tell)
        except Exception as error:  # noqa: BLE001  whatever litellm raises is told
            return _error(error)

    ready = {
        "name": "litellm",
        "version": version("litellm"),
        "language": "python",
        "runtime": f"python {sys.version.split()[0]}",
        "source": "https://github.com/BerriAI/litellm",
        "operations": [f"interactions.{word}" for word in ("create", "get", "cancel", "delete")],
        "capabilities": "stream timeout headers events usage".split(),
        "max_in_flight": 8,
    }
    drive(ready, answer)


async def _awaited(api: Any, call: Message, tell: Tell) -> Message:
    operation = call["operation"].rpartition(".")[2]
    work = getattr(api, f"a{operation}")
    arguments = {**call["arguments"], **({"stream": True} if call["stream"] else {})}
    if "id" in arguments:
        arguments["interaction_id"] = arguments.pop("id")
    for name in arguments.keys() - inspect.signature(work).parameters.keys():
        return {
            "type": "unsupported",
            "pointer": f"/{name}",
            "reason": f"/{name}: litellm's {operation} does not name it",
        }
    if "model" in arguments:
        arguments["model"] = f"gemini/{arguments['model']}"
    got = await work(**arguments, **_settings(call))
    if not hasattr(got, "__aiter__"):
        return _end(got)
    async for event in got:
        tell(event)
    return {"type": "end"}


def _settings(call: Message) -> Message:
    settings = {
        "api_base": call["base_url"],
        "api_key": call["api_key"],
        "timeout": call["timeout_ms"] / 1000,
    }
    return {**settings, "extra_headers": call["headers"]} if call.get("headers") else settings


def _end(interaction: Any) -> Message:
    shown: Message = {"type": "end", **dumped(interaction)}
    usage = getattr(interaction, "usage", None)
    if usage is not None:
        shown["usage"] = dumped(usage)["value"]
    return shown


def _error(error: Exception) -> Message:
    kind, status = kind_of(error, _KINDS), getattr(error, "status_code", None)
    if kind == "other" and status is not None:
        kind = "api"
    return failed(error, kind, status=status, code=getattr(error, "code", None))


if __name__ == "__main__":
    main()
