"""What a driver in Python needs: read calls, answer them at the same time, stop when told.

    drive({"name": "mine", "version": "1"}, answer)

    async def answer(call: Message, tell: Tell) -> Message:
        tell({"event_type": "interaction.created", ...})       # an event, as the client handed it over
        return {"type": "end", "text": "Hello"}

Each call is a task of one event loop; what blocks runs `in_thread`; one that is to be repeated makes its runs
one after the other. A run that raises is answered by `fault`, one that is cancelled by an error of the kind
`cancelled`. What the client raised is told as an error
by `failed`, its objects as JSON by `dumped`. Messages go to the descriptor that CONFORMANCE_FD names, if it
does, so that whatever a client prints on stdout is a log.
"""

import asyncio
import contextlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, BinaryIO, TypeAlias

from conformance.testees.protocol import PROTOCOL, Message, write_message

__all__ = ["Tell", "cancelled", "drive", "dumped", "failed", "in_thread", "kind_of"]

Tell: TypeAlias = Callable[[Any], int]
_Answer: TypeAlias = Callable[[Message, Tell], Awaitable[Message]]
_Say: TypeAlias = Callable[[Mapping[str, Any]], None]

_KINDS = {
    "TimeoutError": "timeout",
    "TimeoutException": "timeout",
    "TransportError": "transport",
    "ConnectionError": "transport",
    "JSONDecodeError": "parse",
    "UnicodeDecodeError": "parse",
}
"""What an exception is, by the name of its class or of one above it: HTTPX's come from several packages."""


def cancelled(events: int) -> Message:
    """Give the message that ends a call which somebody wants no more."""
    return {"type": "error", "events": events, "kind": "cancelled", "message": "the call was cancelled"}


def dumped(value: Any) -> Message:
    """Give a client's object as its user would dump it, with the name of its type.

    A pydantic model gives what it has, under the names of the API; what was never set stays out.
    """
    if not hasattr(value, "model_dump"):
        return {"value": value}
    shown = value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {"value": shown, "native": type(value).__name__}


def failed(
    error: BaseException, kind: str, *, status: int | None = None, code: str | int | None = None
) -> Message:
    """Give the message of an error that the client's user sees."""
    causes = [f"{type(cause).__name__}: {cause}" for cause in _chain(error)][1:]
    shown = {"type": "error", "kind": kind, "message": str(error) or type(error).__name__}
    return {**shown, "native": type(error).__name__, "status": status, "code": code, "cause": causes}


def kind_of(error: BaseException, kinds: Mapping[str, str]) -> str:
    """Say what an exception is by its class, or by that of what it comes from; "other" for all else.

    kinds: the client's own classes, by name.
    """
    names = (parent.__name__ for one in _chain(error) for parent in type(one).__mro__)
    known = {**_KINDS, **kinds}
    return next((known[name] for name in names if name in known), "other")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__


async def in_thread(work: Callable[[], Message]) -> Message:
    """Run what blocks in a thread of its own, for which nobody waits once its call is cancelled."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Message] = loop.create_future()

    def finish(give: Callable[[Any], None], what: Any) -> None:
        if not done.done():
            give(what)

    def run() -> None:
        try:
            give, what = done.set_result, work()
        except Exception as error:  # noqa: BLE001  it is raised where it is awaited
            give, what = done.set_exception, error  # type: ignore[assignment]
        with contextlib.suppress(RuntimeError):  # the loop is gone
            loop.call_soon_threadsafe(finish, give, what)

    threading.Thread(target=run, daemon=True).start()
    return await done


def drive(ready: Mapping[str, Any], answer: _Answer) -> None:
    """Speak the protocol on stdin, and stdout or CONFORMANCE_FD, until told to stop."""
    told = os.environ.get("CONFORMANCE_FD")
    asyncio.run(_drive(ready, answer, _saying(os.fdopen(int(told), "wb") if told else sys.stdout.buffer)))


async def _drive(ready: Mapping[str, Any], answer: _Answer, say: _Say) -> None:
    loop = asyncio.get_running_loop()
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    threading.Thread(target=_listen, args=(loop, inbox), daemon=True).start()
    capabilities = [*ready.get("capabilities", ()), "repeat"]
    say({"type": "ready", "protocol": PROTOCOL, **ready, "capabilities": capabilities})
    tasks: dict[str, asyncio.Task[None]] = {}
    while (message := await inbox.get()).get("type") != "stop":
        name = str(message.get("id"))
        match message.get("type"):
            case "call":
                tasks[name] = loop.create_task(_answer_all(message, answer, say))
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


async def _answer_all(call: Message, answer: _Answer, say: _Say) -> None:
    """Make the runs of a call; once it is cancelled, those that are left end at once."""
    if "repeat" not in call:
        await _answer_one(call, answer, say, {"id": call["id"]})
        return
    task = asyncio.current_task()
    for run in range(1, call["repeat"] + 1):
        mark = {"id": call["id"], "run": run}
        if task is not None and task.cancelling():
            say({**mark, **cancelled(0)})
        else:
            await _answer_one(call, answer, say, mark)


async def _answer_one(call: Message, answer: _Answer, say: _Say, mark: Message) -> None:
    """Make a call once, its messages marked."""
    start, told, over, lock = time.monotonic(), 0, False, threading.Lock()

    def tell(value: Any) -> int:
        nonlocal told
        shown = dumped(value)
        at_ms = round((time.monotonic() - start) * 1000, 1)
        with lock:
            if over:
                raise RuntimeError("the call is over")
            told += 1
            say({"type": "event", **mark, "seq": told, **shown, "at_ms": at_ms})
        return told

    try:
        message = await answer(call, tell)
    except asyncio.CancelledError:
        message = cancelled(told)
    except Exception as error:  # noqa: BLE001  whatever it is, the harness is told
        shown = f"{type(error).__name__}: {error}"
        message = {"type": "fault", "message": shown, "traceback": traceback.format_exc()}
    with lock:
        over = True
    say({**mark, "events": told, **message})


def _saying(out: BinaryIO) -> _Say:
    """Give what writes messages, from any thread."""
    lock = threading.Lock()

    def say(message: Mapping[str, Any]) -> None:
        with lock, contextlib.suppress(BrokenPipeError):
            out.write(write_message(message))
            out.flush()

    return say
