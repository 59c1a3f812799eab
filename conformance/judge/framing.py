"""How JSON and events are put into HTTP: content types, frames, encodings.

Judged only where the recording kept the bytes. Sources: the streaming guide, RFC 8259, and the WHATWG
standard for server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

from collections.abc import Iterator

from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.exchange import header
from conformance.wire.trace import UNREADABLE, Call, Event, Trace, is_placeholder

__all__ = [
    "bodies_are_json",
    "each_event_is_one_data_line",
    "frames_are_named_for_their_event",
    "payloads_are_events",
    "stream_true_answers_with_events",
    "streams_are_declared_as_streams",
    "unary_answers_are_declared_as_json",
    "unary_is_the_default",
]

_UNNAMED = "message"  # what the standard calls a frame without an event line


def stream_true_answers_with_events(trace: Trace) -> Iterator[Verdict]:
    """A create with `stream: true` that succeeds is answered with events (IX-STREAM-001)."""
    for call in trace.calls:
        match call.asked:
            case {"stream": True} if call.operation == "create" and call.status == 200:
                if call.stream is not None:
                    yield kept(call)
                elif _has_a_body(call):
                    yield broken(
                        call, "", f"stream is true, and the answer is {call.content_type or 'no stream'}"
                    )


def _has_a_body(call: Call) -> bool:
    """Whether something of the body is known: browsers leave the body of a stream out of their archives."""
    response = call.exchange.response
    return response is not None and (call.exchange.witnessed or bool(response.body.strip()))


def unary_is_the_default(trace: Trace) -> Iterator[Verdict]:
    """A create that does not ask for a stream gets none (IX-CREATE-018).

    With `alt=sse` in the query nothing is said of a request without `stream`, so that is not judged.
    """
    for call in trace.calls:
        if "alt" in call.query:
            continue
        match call.asked:
            case {"stream": told} if told is not None and told is not False:
                continue
            case dict() if call.operation == "create" and call.status == 200:
                if call.stream is None:
                    yield kept(call)
                else:
                    yield broken(call, "", "a stream was not asked for, and the answer is one")


def streams_are_declared_as_streams(trace: Trace) -> Iterator[Verdict]:
    """A stream has the content type text/event-stream (SSE-022)."""
    for call in trace.calls:
        if call.stream is None or not call.stream.framed or not _tells_a_type(call):
            continue
        if call.content_type == "text/event-stream":
            yield kept(call)
        else:
            yield broken(call, "", f"the content type of a stream is {call.content_type or 'absent'}")


def _tells_a_type(call: Call) -> bool:
    """Whether the content type is known: recordings filter headers, so an absent one may have been sent."""
    return call.content_type is not None or (call.headers is not None and call.exchange.witnessed)


def unary_answers_are_declared_as_json(trace: Trace) -> Iterator[Verdict]:
    """A unary answer has the content type application/json (HTTP-012)."""
    for call in trace.calls:
        if call.stream is not None or call.status != 200 or call.operation is None or not _tells_a_type(call):
            continue
        if not isinstance(call.answered, dict):
            continue
        charset = header(call.headers, "content-type") or ""
        if call.content_type != "application/json":
            yield broken(call, "", f"the content type of an interaction is {call.content_type or 'absent'}")
        elif "charset=" in charset.lower() and "utf-8" not in charset.lower():
            yield broken(call, "", f"the content type is {charset!r}; JSON is UTF-8")
        else:
            yield kept(call)


def bodies_are_json(trace: Trace) -> Iterator[Verdict]:
    """What is neither a stream nor empty is JSON in UTF-8 (HTTP-013)."""
    for call in trace.calls:
        if call.stream is None and call.operation is not None and call.exchange.response is not None:
            if call.answered is UNREADABLE and (call.exchange.excerpt or _is_redacted(call)):
                continue
            if call.answered is UNREADABLE:
                start = ascii(call.exchange.response.body[:40].decode(errors="replace"))
                kind = call.content_type or "unknown content type"
                yield broken(call, "", f"the body is not JSON ({kind}); it begins with {start}")
            elif isinstance(call.answered, dict):
                yield kept(call)


def _is_redacted(call: Call) -> bool:
    response = call.exchange.response
    return response is not None and is_placeholder(response.body.decode(errors="replace").strip())


def payloads_are_events(trace: Trace) -> Iterator[Verdict]:
    """The data of a frame is JSON, `[DONE]` apart (IX-STREAM-053). The schema judges what the JSON says."""
    for stream in trace.streams:
        for event in stream.payloads:
            if event.json is not UNREADABLE:
                yield kept(event)
            elif stream.excerpt or (event.frame is not None and is_placeholder(event.frame.data)):
                continue
            elif event.frame is None or not event.frame.cut:
                yield broken(event, "", f"the data is not JSON: {_data(event)}")


def _data(event: Event) -> str:
    return ascii((event.frame.data or "")[:60]) if event.frame is not None else "a line of the recording"


def frames_are_named_for_their_event(trace: Trace) -> Iterator[Verdict]:
    """The `event:` line of a frame repeats the `event_type` of its payload (IX-STREAM-003)."""
    for stream in trace.streams:
        if not stream.framed:
            continue
        for event in stream.payloads:
            if event.type is None or event.frame is None:
                continue
            if event.frame.event == event.type:
                yield kept(event)
            elif event.frame.event == _UNNAMED:
                said = f"the frame has no event line; the event is {event.type!r}"
                yield broken(event, "/event_type", said)
            else:
                yield broken(
                    event,
                    "/event_type",
                    f"the frame is called {event.frame.event!r}, the event {event.type!r}",
                )


def each_event_is_one_data_line(trace: Trace) -> Iterator[Verdict]:
    """An event is one `data:` line (IX-STREAM-055). Several are valid, and clients must join them."""
    for stream in trace.streams:
        for event in stream.payloads:
            if event.frame is not None and event.frame.lines == 1:
                yield kept(event)
            elif event.frame is not None:
                yield broken(event, "", f"the payload is spread over {event.frame.lines} data lines")
