"""The order of events in a stream.

    stream  = C (U | S (U|D)* P)* F Z?   |   C? (U|S|D|P)* E Z?

    C interaction.created   U interaction.status_update   F interaction.completed   E error   Z [DONE]
    S step.start            D step.delta                  P step.stop

A resumed stream may begin anywhere, and what an excerpt leaves out proves nothing. Steps are told apart by
`index`; that they do not overlap was seen, never promised, so it is not judged.
Source: https://ai.google.dev/gemini-api/docs/streaming
"""

from collections.abc import Iterable, Iterator

from conformance.judge.requests import tells_nothing
from conformance.judge.stored import maker_of
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import UNREADABLE, Call, Document, Event, Stream, Trace, is_placeholder

__all__ = [
    "alt_sse_changes_nothing",
    "completed_leaves_steps_out",
    "completed_tells_an_end",
    "completed_tells_usage",
    "created_comes_first",
    "created_describes_the_interaction",
    "deltas_belong_to_an_open_step",
    "done_closes_the_stream",
    "each_step_has_its_own_index",
    "early_failures_have_a_status",
    "ids_are_equal",
    "indices_count_up",
    "legacy_events_are_gone",
    "places_to_resume_come_from_the_stream",
    "running_usage_grows",
    "started_steps_stop_once",
    "the_end_is_told",
]

_TERMINAL = ("interaction.completed", "error")
_FOUND_EARLY = frozenset(
    "parameter_unknown authentication permission_denied not_found model_not_found".split()
)
_LEGACY = {
    "interaction.start": "interaction.created",
    "interaction.complete": "interaction.completed",
    "content.start": "step.start",
    "content.delta": "step.delta",
    "content.stop": "step.stop",
}


def _from_the_start(trace: Trace) -> Iterator[Stream]:
    """The streams that were recorded from their first event on, and whole."""
    return (stream for stream in trace.streams if not stream.resumed and not stream.excerpt)


def created_comes_first(trace: Trace) -> Iterator[Verdict]:
    """A stream opens with `interaction.created`, unless it fails at once (IX-STREAM-004)."""
    for stream in _from_the_start(trace):
        match stream.payloads:
            case [Event(type="interaction.created") as first, *rest]:
                yield kept(first)
                for event in rest:
                    if event.type == "interaction.created":
                        yield broken(event, "/event_type", "interaction.created comes again")
            case [first, *_] if not stream.errors:
                yield broken(
                    first, "/event_type", f"the stream opens with {first.type}, not interaction.created"
                )


def created_describes_the_interaction(trace: Trace) -> Iterator[Verdict]:
    """`interaction.created` tells id, status in_progress, object, and model or agent (IX-STREAM-005)."""
    for stream in trace.streams:
        match stream.created:
            case Event(json={"interaction": dict(told)}) as event:
                missing = [key for key in ("id", "status", "object") if key not in told]
                if "model" not in told and "agent" not in told:
                    missing.append("model or agent")
                if missing and stream.excerpt:
                    continue
                if missing:
                    yield broken(event, "/interaction", f"it does not tell {', '.join(missing)}")
                elif told["status"] not in ("in_progress", "queued"):
                    yield broken(
                        event, "/interaction/status", f"it begins as {told['status']!r}, not in_progress"
                    )
                else:
                    yield kept(event)


def deltas_belong_to_an_open_step(trace: Trace) -> Iterator[Verdict]:
    """A `step.delta` names a step that has started and has not stopped (IX-STREAM-012)."""
    for stream in _from_the_start(trace):
        open_steps: set[int] = set()
        for event in stream.events:
            match event.json:
                case {"event_type": "step.start", "index": int(step)}:
                    open_steps.add(step)
                case {"event_type": "step.stop", "index": int(step)}:
                    open_steps.discard(step)
                case {"event_type": "step.delta", "index": int(step)} if step in open_steps:
                    yield kept(event)
                case {"event_type": "step.delta", "index": int(step)}:
                    others = ", ".join(map(str, sorted(open_steps))) or "none"
                    yield broken(event, "/index", f"step {step} is not open (open: {others})")


def started_steps_stop_once(trace: Trace) -> Iterator[Verdict]:
    """In a stream that completes, each started step stops exactly once, after its start (IX-STREAM-013)."""
    for stream in _from_the_start(trace):
        if stream.completed is None:
            continue
        for life in stream.steps.values():
            match life.starts, life.stops:
                case [start, *_], []:
                    yield broken(start, "/index", f"step {life.index} starts and never stops")
                case [start, *_], [stop] if stop.position > start.position:
                    yield kept(stop)
                case [_, *_], [stop]:
                    yield broken(stop, "/index", f"step {life.index} stops before it starts")
                case [_, *_], [_, again, *_]:
                    yield broken(again, "/index", f"step {life.index} stops {len(life.stops)} times")
                case [], [stop, *_]:
                    yield broken(stop, "/index", f"step {life.index} stops and never starts")


def indices_count_up(trace: Trace) -> Iterator[Verdict]:
    """Steps are numbered 0, 1, 2 … in the order in which they start (IX-STREAM-014)."""
    for stream in _from_the_start(trace):
        for expected, event in enumerate(stream.named("step.start")):
            match event.json:
                case {"index": int(index)} if index == expected:
                    yield kept(event)
                case {"index": int(index)}:
                    yield broken(event, "/index", f"step {expected} in order of start is numbered {index}")


def each_step_has_its_own_index(trace: Trace) -> Iterator[Verdict]:
    """No two steps of a stream start under the same index, parallel calls included (IX-STREAM-064)."""
    for stream in trace.streams:
        for life in stream.steps.values():
            match life.starts:
                case [start]:
                    yield kept(start)
                case [_, again, *_]:
                    yield broken(again, "/index", f"{len(life.starts)} steps start under index {life.index}")


def the_end_is_told(trace: Trace) -> Iterator[Verdict]:
    """The last event is `interaction.completed`, or `error` when it failed (IX-STREAM-035).

    Judged for streams that begin with `interaction.created`, and for resumed ones whose request is known. A
    stream that ends inside an event was cut off, whatever it is; one event by itself is a sample. After an
    error a run may go on, as long as the last event tells its end.
    """
    for stream in trace.streams:
        if stream.excerpt or not stream.payloads:
            continue
        end = stream.payloads[-1]
        if end.json is UNREADABLE and end.frame is not None and end.frame.cut:
            yield broken(end, "", f"{stream.cut or 'the stream ends'} inside an event")
            continue
        if stream.created is None and not stream.resumed:
            continue
        call = trace.calls[stream.place.exchange]
        if stream.resumed and call.operation is None:
            continue
        if not stream.framed and len(stream.payloads) == 1 and call.exchange.request is None:
            continue
        ends = [event for event in stream.payloads if event.type in _TERMINAL]
        last = stream.payloads[-1]
        if not ends:
            why = stream.cut or "the stream ends"
            yield broken(
                last,
                "/event_type",
                f"{why} after {_named(last)} with neither interaction.completed nor error",
            )
        elif (end := stream.completed or ends[-1]) is not last:
            late = next(event for event in stream.payloads if event.position > end.position)
            yield broken(late, "/event_type", f"{_named(late)} follows {end.type}")
        else:
            yield kept(last)


def _named(event: Event) -> str:
    if event.json is UNREADABLE:
        return "an event that is not JSON"
    return event.type or "an event without event_type"


def done_closes_the_stream(trace: Trace) -> Iterator[Verdict]:
    """After `interaction.completed` comes one last frame, `data: [DONE]` (IX-STREAM-041)."""
    for stream in trace.streams:
        if not stream.framed or stream.excerpt or stream.completed is None:
            continue
        last = stream.events[-1]
        if last.is_done and sum(event.is_done for event in stream.events) == 1:
            yield kept(last)
        elif any(event.is_done for event in stream.events):
            yield broken(last, "", "[DONE] is not the last frame, or not the only one of its kind")
        else:
            yield broken(last, "", "the stream ends without [DONE]")


def completed_leaves_steps_out(trace: Trace) -> Iterator[Verdict]:
    """`interaction.completed` carries no steps: the events told them (IX-STREAM-036)."""
    for stream in trace.streams:
        for event in stream.named("interaction.completed"):
            match event.json:
                case {"interaction": {"steps": [_, *_] as steps}}:
                    yield broken(event, "/interaction/steps", f"it carries {len(steps)} steps")
                case {"interaction": {}}:
                    yield kept(event)


def completed_tells_usage(trace: Trace) -> Iterator[Verdict]:
    """`interaction.completed` of a foreground stream carries usage (IX-STREAM-037)."""
    for call in trace.calls:
        made = maker_of(trace, call) if call.operation == "get" else call
        asked = made.asked if made is not None else None
        if call.stream is None or (isinstance(asked, dict) and asked.get("background")):
            continue
        for event in call.stream.named("interaction.completed"):
            match event.json:
                case {"interaction": {"usage": {"total_tokens": _}}}:
                    yield kept(event)
                case {"interaction": {}} if not call.stream.excerpt:
                    yield broken(event, "/interaction", "it tells no usage.total_tokens")


def ids_are_equal(trace: Trace) -> Iterator[Verdict]:
    """All events of a stream name the same interaction (IX-STREAM-040). An empty id names none."""
    for stream in trace.streams:
        first: str | None = None
        for event in stream.events:
            match event.json:
                case {"event_type": "interaction.status_update", "interaction_id": str(found)}:
                    pointer = "/interaction_id"
                case {"interaction": {"id": str(found)}}:
                    pointer = "/interaction/id"
                case _:
                    continue
            if is_placeholder(found) or not found:
                continue
            if first is None:
                first = found
            elif found == first:
                yield kept(event)
            else:
                yield broken(event, pointer, f"the interaction is {first!r} so far, here {found!r}")


def legacy_events_are_gone(trace: Trace) -> Iterator[Verdict]:
    """The event names of the schema before May 2026 are not sent (IX-STREAM-054)."""
    for stream in trace.streams:
        for event in stream.payloads:
            if event.type in _LEGACY:
                yield broken(event, "/event_type", f"{event.type} is now {_LEGACY[event.type]}")
            elif event.type is not None:
                yield kept(event)


def alt_sse_changes_nothing(trace: Trace) -> Iterator[Verdict]:
    """A stream is answered alike with and without `?alt=sse` (IX-STREAM-002).

    A refusal is judged where the same body was answered without it, and where it is not for another reason.
    """
    streamed = [call for call in trace.calls if call.operation == "create" and _asks_for_events(call)]
    for call in streamed:
        if call.query.get("alt") != ["sse"] or call.status is None or tells_nothing(call):
            continue
        if call.stream is not None and call.status == 200:
            yield kept(call)
        elif any(
            other.asked == call.asked and other.stream is not None and other.status == 200
            for other in streamed
        ):
            yield broken(call, "", f"with alt=sse the answer is HTTP {call.status}, without it a stream")


def _asks_for_events(call: Call) -> bool:
    return isinstance(call.asked, dict) and call.asked.get("stream") is True


def completed_tells_an_end(trace: Trace) -> Iterator[Verdict]:
    """`interaction.completed` tells how the run ended: it is not in progress any more (IX-STREAM-038)."""
    for stream in trace.streams:
        for event in stream.named("interaction.completed"):
            match event.json:
                case {"interaction": {"status": "in_progress" | "queued" as status}}:
                    yield broken(event, "/interaction/status", f"the run has ended, and is {status}")
                case {"interaction": {"status": str()}}:
                    yield kept(event)


def places_to_resume_come_from_the_stream(trace: Trace) -> Iterator[Verdict]:
    """A client resumes after an `event_id` that the stream told (IX-STREAM-047)."""
    for call in trace.calls:
        place = call.query.get("last_event_id", [""])[0]
        told = _event_ids(trace.earlier(call), call.id)
        if call.operation != "get" or not place or not told or is_placeholder(place):
            continue
        request = Document(call.asked, call.request_place, "request")
        if place in told:
            yield kept(request)
        else:
            yield broken(request, "", f"no event of the stream has the event_id {place!r}")


def _event_ids(calls: Iterable[Call], interaction: str | None) -> set[str]:
    """The event ids of the streams of one interaction; none when some of them are unknown."""
    streams = [
        call.stream
        for call in calls
        if call.stream is not None
        and call.interaction is not None
        and call.interaction.get("id") == interaction
    ]
    if any(stream.excerpt for stream in streams):
        return set()
    found = [
        event.json.get("event_id")
        for stream in streams
        for event in stream.payloads
        if isinstance(event.json, dict)
    ]
    return {told for told in found if isinstance(told, str) and told}


def running_usage_grows(trace: Trace) -> Iterator[Verdict]:
    """The usage so far, where `step.stop` tells it, never shrinks (IX-STREAM-049)."""
    for stream in trace.streams:
        before = 0
        for event in stream.named("step.stop"):
            match event.json:
                case {"usage": {"total_tokens": int(total)}} if total < before:
                    yield broken(event, "/usage/total_tokens", f"{total} tokens so far, after {before}")
                case {"usage": {"total_tokens": int(total)}}:
                    yield kept(event)
                    before = total


def early_failures_have_a_status(trace: Trace) -> Iterator[Verdict]:
    """What is wrong before a stream begins is refused by HTTP status (IX-STREAM-051).

    The body of the refusal may be JSON or one framed error event: both were recorded. `invalid_request`
    proves nothing, since an overload in mid-stream was called so too.
    """
    for call in trace.calls:
        if call.operation != "create" or call.status is None or not _asks_for_events(call):
            continue
        if call.status >= 400:
            yield kept(call)
        elif call.stream is not None and call.stream.payloads:
            match call.stream.payloads[0].json:
                case {"event_type": "error", "error": {"code": str(code)}} if code in _FOUND_EARLY:
                    first = call.stream.payloads[0]
                    yield broken(first, "/error/code", f"{code} comes first of all, with HTTP {call.status}")
