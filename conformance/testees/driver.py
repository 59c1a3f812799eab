"""What a driver in Python needs: read calls, answer them at the same time, stop when told.

    drive({"name": "mine", "version": "1"}, answer)

    async def answer(call: Message, tell: Tell) -> Message:
        tell({"event_type": "interaction.created", ...})       # an event, as the client handed it over
        return {"type": "end", "text": "Hello"}

Each call is a task of one event loop; one that is to be repeated makes its runs one after the other. A run
that raises is answered by `fault`, one that is cancelled by an error of the kind `cancelled`.
"""

import asyncio
import contextlib
import json
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from conformance.testees.protocol import PROTOCOL, Message, write_message

__all__ = ["Tell", "cancelled", "drive"]

Tell: TypeAlias = Callable[[Any], int]
_Answer: TypeAlias = Callable[[Message, Tell], Awaitable[Message]]


def cancelled(events: int) -> Message:
    """Give the message that ends a call which somebody wants no more."""
    return {"type": "error", "events": events, "kind": "cancelled", "message": "the call was cancelled"}


def drive(ready: Mapping[str, Any], answer: _Answer) -> None:
    """Speak the protocol on stdin and stdout until told to stop."""
    asyncio.run(_drive(ready, answer))


async def _drive(ready: Mapping[str, Any], answer: _Answer) -> None:
    loop = asyncio.get_running_loop()
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    threading.Thread(target=_listen, args=(loop, inbox), daemon=True).start()
    capabilities = [*ready.get("capabilities", ()), "repeat"]
    _say({"type": "ready", "protocol": PROTOCOL, **ready, "capabilities": capabilities})
    tasks: dict[str, asyncio.Task[None]] = {}
    while (message := await inbox.get()).get("type") != "stop":
        name = str(message.get("id"))
        match message.get("type"):
            case "call":
                tasks[name] = loop.create_task(_answer_all(message, answer))
                tasks[name].set_name(name)
                tasks[name].add_done_callback(lambda task: tasks.pop(task.get_name(), None))
            case "cancel" if name in tasks:
                tasks[name].cancel()
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


def _listen(loop: asyncio.AbstractEventLoop, inbox: "asyncio.Queue[Message]") -> None:
    """Read lines in a thread; the end of stdin is a stop."""
    with contextlib.suppress(RuntimeError):  # the loop is gone
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(inbox.put_nowait, json.loads(line))
        loop.call_soon_threadsafe(inbox.put_nowait, {"type": "stop"})


async def _answer_all(call: Message, answer: _Answer) -> None:
    """Make the runs of a call; once it is cancelled, those that are left end at once."""
    if "repeat" not in call:
        await _answer_one(call, answer, {"id": call["id"]})
        return
    task = asyncio.current_task()
    for run in range(1, call["repeat"] + 1):
        mark = {"id": call["id"], "run": run}
        if task is not None and task.cancelling():
            _say({**mark, **cancelled(0)})
        else:
            await _answer_one(call, answer, mark)


async def _answer_one(call: Message, answer: _Answer, mark: Message) -> None:
    """Make a call once, its messages marked."""
    start, told = time.monotonic(), 0

    def tell(value: Any) -> int:
        nonlocal told
        told += 1
        at_ms = round((time.monotonic() - start) * 1000, 1)
        _say({"type": "event", **mark, "seq": told, "value": value, "at_ms": at_ms})
        return told

    try:
        message = await answer(call, tell)
    except asyncio.CancelledError:
        message = cancelled(told)
    except Exception as error:  # noqa: BLE001  whatever it is, the harness is told
        shown = f"{type(error).__name__}: {error}"
        message = {"type": "fault", "message": shown, "traceback": traceback.format_exc()}
    _say({**mark, "events": told, **message})


def _say(message: Mapping[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(write_message(message))
        sys.stdout.buffer.flush()
