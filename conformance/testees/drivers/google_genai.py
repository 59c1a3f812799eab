"""The driver of google-genai, Google's SDK for Python: `client.interactions`, asynchronous unless --sync.

    python -m conformance.testees.drivers.google_genai [--sync]

Each call has a client of its own, since the key is the client's. The clients stay open for a while, as those
of a program do: that a stream which is left closes its connection is the work of the SDK.
"""

import re
import ssl
import sys
from collections import deque
from importlib.metadata import version
from typing import Any

from conformance.testees.driver import Tell, cancelled, drive, dumped, failed, in_thread, kind_of
from conformance.testees.drivers import needed
from conformance.testees.protocol import Message

__all__ = ["main"]

_KEPT = 32
_KINDS = {
    "APITimeoutError": "timeout",
    "APIStatusError": "api",
    "APIResponseValidationError": "parse",
    "APIConnectionError": "transport",
    "APIError": "api",
}
_NO_RETRIES = {"attempts": 1, "http_status_codes": [599]}
"""Version 2 tries again whatever `attempts` says, unless no status is worth it; nobody sends this one."""
_STRANGE = re.compile(r"unexpected keyword argument(?:\(s\):|) '?(\w+)")


def main() -> None:
    """Drive the SDK."""
    genai = needed("google.genai", "google-genai")
    needed("google.genai.interactions", "google-genai>=2")  # which it would import within the first call
    sync = "--sync" in sys.argv[1:]
    trust = {"verify": ssl.create_default_context()}  # made once: three of them are most of a client
    both = {**trust, "ssl": trust["verify"]}  # the SDK asks for it under both names
    kept: deque[Any] = deque(maxlen=_KEPT)

    async def answer(call: Message, tell: Tell) -> Message:
        try:
            options = {**_http_options(call), "client_args": trust, "async_client_args": both}
            client = genai.Client(api_key=call["api_key"], http_options=options)
            kept.append(client)
            if sync:
                return await in_thread(lambda: _told(client.interactions, call, tell))
            return await _awaited(client.aio.interactions, call, tell)
        except Exception as error:  # noqa: BLE001  whatever the SDK raises is told
            return _error(error)

    ready = {
        "name": "google-genai (sync)" if sync else "google-genai",
        "version": version("google-genai"),
        "language": "python",
        "runtime": f"python {sys.version.split()[0]}",
        "source": "https://github.com/googleapis/python-genai",
        "operations": [f"interactions.{word}" for word in ("create", "get", "cancel", "delete")],
        "capabilities": "stream cancel timeout headers retries resume events text output_text usage".split(),
        "max_in_flight": 8,
    }
    drive(ready, answer)


def _http_options(call: Message) -> Message:
    options = {"base_url": call["base_url"], "api_version": call["api_version"]}
    if call.get("headers"):
        options["headers"] = call["headers"]
    if call["retries"] == "off":
        options["retry_options"] = _NO_RETRIES
    return options


def _asked(api: Any, call: Message) -> Any:
    """Make the call: what it gives is awaited, or read."""
    arguments = {**call["arguments"], "timeout": call["timeout_ms"] / 1000}
    if call["stream"]:
        arguments["stream"] = True
    operation = call["operation"].rpartition(".")[2]
    named = [arguments.pop("id")] if operation != "create" else []
    return getattr(api, operation)(*named, **arguments)


async def _awaited(api: Any, call: Message, tell: Tell) -> Message:
    got = await _asked(api, call)
    if not hasattr(got, "__aiter__"):
        return _end(got)
    if not _enough(call, 0):
        async for event in got:
            if _enough(call, tell(_known(event))):
                break
        else:
            return {"type": "end"}
    await got.close()
    return cancelled(call["cancel"]["after_events"])


def _told(api: Any, call: Message, tell: Tell) -> Message:
    got = _asked(api, call)
    if not hasattr(got, "__next__"):
        return _end(got)
    if not _enough(call, 0):
        for event in got:
            if _enough(call, tell(_known(event))):
                break
        else:
            return {"type": "end"}
    got.close()
    return cancelled(call["cancel"]["after_events"])


def _enough(call: Message, events: int) -> bool:
    return "cancel" in call and events >= call["cancel"]["after_events"]


def _known(event: Any) -> Any:
    """Give what came of an event whose kind the SDK does not know: version 2 has it under `raw`."""
    return event.raw if getattr(event, "is_unknown", False) else event


def _end(interaction: Any) -> Message:
    """Tell what a call without a stream gave, with the conveniences of the object."""
    shown: Message = {"type": "end", **dumped(interaction)}
    if hasattr(interaction, "steps"):
        shown["text"] = getattr(interaction, "output_text", None)
    if getattr(interaction, "usage", None) is not None:
        shown["usage"] = dumped(interaction.usage)["value"]
    return shown


def _error(error: Exception) -> Message:
    strange = _STRANGE.search(str(error)) if isinstance(error, TypeError) else None
    if strange is not None:
        return {"type": "unsupported", "reason": f"/{strange[1]}: {error}", "pointer": f"/{strange[1]}"}
    kind = kind_of(error, _KINDS)
    sent = getattr(error, "request", None) is not None or kind != "other"
    body = getattr(error, "body", None)
    told = body.get("error") if isinstance(body, dict) else None
    code = told.get("code") if isinstance(told, dict) else None
    return failed(error, kind if sent else "client", status=getattr(error, "status_code", None), code=code)


if __name__ == "__main__":
    main()
