"""Work in the background: it begins at once, is looked at now and then, and ends.

    create -> queued | in_progress -> … -> completed | failed | cancelled | incomplete   (final)
                                        -> requires_action | requires_continuation       (paused)

Only answers in one piece tell how a status went on: a stream may still be open while others ask. A stream is
resumed by `last_event_id`; what a client then has must be the events of one uncut stream.
Source: https://ai.google.dev/gemini-api/docs/background-execution
"""

from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote

from conformance.judge.requests import refuses_the_key
from conformance.judge.stored import asks_for_a_stream, caller_of, deleted_before, maker_of, same_caller
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Call, Document, Event, Stream, Trace, is_placeholder

__all__ = [
    "background_answers_while_pending",
    "cancelled_has_two_ls",
    "cancels_answer_with_the_interaction",
    "cancels_have_a_path_of_their_own",
    "ended_interactions_cannot_be_cancelled",
    "event_ids_come_back_unchanged",
    "failed_runs_tell_errors",
    "final_statuses_stay",
    "finished_runs_tell_steps_and_usage",
    "marks_belong_to_streams",
    "required_actions_stay",
    "resumed_streams_lose_nothing",
    "resumed_streams_repeat_nothing",
    "running_interactions_can_be_cancelled",
    "running_interactions_can_be_followed",
    "runs_do_not_return_to_the_queue",
    "webhooks_need_the_background",
]

_PENDING = frozenset({"queued", "in_progress"})
_PAUSED = frozenset({"requires_action", "requires_continuation"})
_FINAL = frozenset({"completed", "failed", "cancelled", "incomplete", "budget_exceeded"})
_NOT_OFFERED = frozenset({404, 405, 501})


def _in_background(call: Call) -> bool:
    return isinstance(call.asked, dict) and call.asked.get("background") is True


def _runs(trace: Trace) -> Iterator[list[tuple[Call, str]]]:
    """What the answers in one piece tell of each interaction, in order: the call and the status.

    A create begins a run, also where a server that was started again gives the ids of before.
    """
    runs: dict[tuple[object, ...], list[tuple[Call, str]]] = {}
    for call in trace.calls:
        if call.operation is None or call.stream is not None:
            continue
        match call.interaction:
            case {"id": str(found), "status": str(status)} if found and not is_placeholder(found):
                run = (found, *caller_of(call))
                if call.operation == "create" and run in runs:
                    yield runs.pop(run)
                runs.setdefault(run, []).append((call, status))
    yield from runs.values()


def _last_told(trace: Trace, call: Call) -> str | None:
    """The status that the interaction of a call had when it was last told."""
    told = [
        (earlier.position, status)
        for run in _runs(trace)
        for earlier, status in run
        if earlier.position < call.position
        and (earlier.interaction or {}).get("id") == call.id
        and same_caller(earlier, call)
    ]
    return max(told)[1] if told else None


def background_answers_while_pending(trace: Trace) -> Iterator[Verdict]:
    """A create in the background answers while the run is pending (IX-BG-001).

    A run that failed or was cancelled at once is not judged.
    """
    for call in trace.calls:
        if call.operation != "create" or call.stream is not None or not _in_background(call):
            continue
        match call.interaction:
            case {"status": str(status)} if status in _PENDING:
                yield kept(call)
            case {"status": str(status)} if status in _PAUSED or status in ("completed", "incomplete"):
                yield broken(
                    call, "/status", f"the create answers with {status}, not with in_progress or queued"
                )


def final_statuses_stay(trace: Trace) -> Iterator[Verdict]:
    """A final status does not change any more (IX-BG-005)."""
    for run in _runs(trace):
        final = ""
        for call, status in run:
            if final and _alike(status, final):
                yield kept(call)
            elif final:
                yield broken(call, "/status", f"it was {final}, which is final, and is {status} now")
            elif status in _FINAL:
                final = status


def _alike(one: str, other: str) -> bool:
    """Whether two statuses say the same: incomplete took the place of budget_exceeded."""
    return one == other or {one, other} == {"incomplete", "budget_exceeded"}


def runs_do_not_return_to_the_queue(trace: Trace) -> Iterator[Verdict]:
    """What is in progress is not queued again (IX-STATUS-001)."""
    for run in _runs(trace):
        for (_, before), (call, status) in pairwise(run):
            if before == "in_progress" and status == "queued":
                yield broken(call, "/status", "it was in progress, and is queued again")
            elif before in _PENDING:
                yield kept(call)


def required_actions_stay(trace: Trace) -> Iterator[Verdict]:
    """An interaction that requires action does not go on: the answer makes a new one (IX-STATUS-003)."""
    for run in _runs(trace):
        for (_, before), (call, status) in pairwise(run):
            if before != "requires_action":
                continue
            if status in _PENDING or status in ("completed", "incomplete"):
                yield broken(call, "/status", f"it required action, and is {status} now")
            else:
                yield kept(call)


def finished_runs_tell_steps_and_usage(trace: Trace) -> Iterator[Verdict]:
    """A completed interaction that is read has steps and usage (IX-BG-015)."""
    for call in trace.calls:
        if call.operation != "get" or call.stream is not None or call.exchange.excerpt:
            continue
        match call.interaction:
            case {"status": "completed", "steps": _, "usage": _}:
                yield kept(call)
            case {"status": "completed", **rest}:
                missing = [name for name in ("steps", "usage") if name not in rest]
                yield broken(call, "", f"it is completed and does not tell {' and '.join(missing)}")


def failed_runs_tell_errors(trace: Trace) -> Iterator[Verdict]:
    """An interaction that failed tells its errors (IX-BG-016)."""
    for call in trace.calls:
        if call.stream is not None or call.exchange.excerpt:
            continue
        match call.interaction:
            case {"status": "failed", "errors": [_, *_]}:
                yield kept(call)
            case {"status": "failed"}:
                yield broken(call, "", "the status is failed, and errors tells nothing")


def running_interactions_can_be_followed(trace: Trace) -> Iterator[Verdict]:
    """A run in the background can be followed by a get with `stream=true` (IX-BG-009)."""
    for call in trace.calls:
        if call.operation != "get" or not asks_for_a_stream(call) or "last_event_id" in call.query:
            continue
        made = maker_of(trace, call)
        if made is None or not _in_background(made) or deleted_before(trace, call):
            continue
        if call.stream is not None and call.status == 200:
            yield kept(call)
        elif (call.status == 400 and not refuses_the_key(call)) or call.status in _NOT_OFFERED:
            yield broken(call, "", f"a run in the background cannot be followed: HTTP {call.status}")


def _streams_of(trace: Trace, call: Call) -> Iterator[tuple[Call, Stream]]:
    """The streams of the same interaction before a call, the latest first."""
    for earlier in reversed(trace.earlier(call)):
        if earlier.stream is None:
            continue
        told = earlier.interaction or {}
        if (earlier.operation == "get" and earlier.id == call.id) or told.get("id") == call.id:
            yield earlier, earlier.stream


def _mark(call: Call) -> str:
    return call.query.get("last_event_id", [""])[-1]


def _event_id(event: Event) -> str | None:
    match event.json:
        case {"event_id": str(found)} if found and not is_placeholder(found):
            return found
    return None


def _seen(trace: Trace, call: Call) -> list[Event] | None:
    """All events up to the mark from which a call goes on; None when the conversation does not hold them."""
    seen: list[Event] = []
    mark = _mark(call)
    for earlier, stream in _streams_of(trace, call):
        ids = [_event_id(event) for event in stream.payloads]
        if mark not in ids:
            continue
        if stream.excerpt or ids.count(mark) > 1:
            return None
        seen[:0] = stream.payloads[: ids.index(mark) + 1]
        if not stream.resumed:
            return seen
        mark = _mark(earlier)
    return None


def _resumed(trace: Trace) -> Iterator[tuple[Call, Stream, list[Event]]]:
    """Streams that go on after a mark: the call, its stream, and the events up to the mark."""
    for call in trace.calls:
        if call.operation != "get" or call.stream is None or call.stream.excerpt:
            continue
        if call.stream.resumed and call.status == 200:
            seen = _seen(trace, call)
            if seen is not None:
                yield call, call.stream, seen


def resumed_streams_repeat_nothing(trace: Trace) -> Iterator[Verdict]:
    """A resumed stream begins after the marked event and repeats none before it (IX-BG-010)."""
    for call, stream, seen in _resumed(trace):
        ids = {_event_id(event) for event in seen} - {None}
        started = {
            event.json.get("index") for event in seen if event.type == "step.start" and _indexed(event)
        }
        again = False
        for event in stream.payloads:
            if _event_id(event) in ids:
                again = True
                yield broken(event, "/event_id", f"{_event_id(event)!r} came before, up to the mark")
            elif event.type == "step.start" and _indexed(event) and event.json["index"] in started:
                again = True
                yield broken(event, "/index", f"step {event.json['index']} had started before the mark")
        if not again:
            yield kept(call)


def _due(trace: Trace, call: Call) -> list[str]:
    """The events that follow the mark in a whole stream before; none where there is no such stream."""
    for _, stream in _streams_of(trace, call):
        ids = [found for event in stream.payloads if (found := _event_id(event)) is not None]
        if _mark(call) in ids and stream.completed is not None and not stream.excerpt:
            return ids[ids.index(_mark(call)) + 1 :]
    return []


def _indexed(event: Event) -> bool:
    return isinstance(event.json, dict) and isinstance(event.json.get("index"), int)


def resumed_streams_lose_nothing(trace: Trace) -> Iterator[Verdict]:
    """A resumed stream goes on where the mark was: its deltas belong to a step that is open (IX-BG-010)."""
    for call, stream, seen in _resumed(trace):
        open_steps: set[int] = set()
        lost = False
        told = {_event_id(event) for event in stream.payloads}
        for name in _due(trace, call) if stream.completed is not None else ():
            if name not in told:
                lost = True
                yield broken(call, "", f"the event {name!r} came after the mark before, and is lost")
        for event in (*seen, *stream.payloads):
            match event.json:
                case {"event_type": "step.start", "index": int(step)}:
                    open_steps.add(step)
                case {"event_type": "step.delta", "index": int(step)} if step not in open_steps:
                    lost = True
                    yield broken(event, "/index", f"step {step} is not open; its start was lost")
                case {"event_type": "step.stop", "index": int(step)}:
                    open_steps.discard(step)
        if not lost:
            yield kept(call)


def marks_belong_to_streams(trace: Trace) -> Iterator[Verdict]:
    """`last_event_id` without `stream=true` is refused or without effect (IX-BG-011)."""
    for call in trace.calls:
        if call.operation != "get" or "last_event_id" not in call.query or asks_for_a_stream(call):
            continue
        if call.stream is not None:
            yield broken(call, "", "last_event_id came without stream=true, and the answer is a stream")
        elif call.status in (200, 400):
            yield kept(call)


def event_ids_come_back_unchanged(trace: Trace) -> Iterator[Verdict]:
    """An event id is percent-encoded in a query, so that the server reads what it gave (HTTP-028)."""
    for call in trace.calls:
        mark = _mark(call)
        if call.operation != "get" or not mark:
            continue
        events = [event for _, stream in _streams_of(trace, call) for event in stream.payloads]
        known = {_event_id(event) for event in events}
        request = Document(None, call.request_place, "json")
        if mark in known:
            yield kept(request)
        elif mark.replace(" ", "+") in known:
            yield broken(request, "", f"last_event_id arrives as {mark!r}: its plus signs are not encoded")
        elif unquote(mark) in known:
            yield broken(request, "", f"last_event_id arrives as {mark!r}: it is encoded twice")


def cancels_have_a_path_of_their_own(trace: Trace) -> Iterator[Verdict]:
    """A cancel is a POST to `/interactions/{id}/cancel` (IX-CANCEL-001)."""
    for call in trace.calls:
        request = Document(None, call.request_place, "json")
        if call.operation == "cancel":
            yield kept(request)
        elif call.operation is None and call.id is not None and call.id.endswith((":cancel", "/cancel")):
            yield broken(request, "", f"the path ends in {call.id!r}; here it ends in /cancel")


def running_interactions_can_be_cancelled(trace: Trace) -> Iterator[Verdict]:
    """A run in the background that is still going on can be cancelled (IX-CANCEL-001)."""
    for call in trace.calls:
        if call.operation != "cancel" or call.status is None or deleted_before(trace, call):
            continue
        made = maker_of(trace, call)
        if made is None or not _in_background(made) or _last_told(trace, call) not in _PENDING:
            continue
        if call.status < 300:
            yield kept(call)
        elif call.status in _NOT_OFFERED:
            yield broken(
                call, "", f"it runs in the background, and the cancel is answered HTTP {call.status}"
            )


def ended_interactions_cannot_be_cancelled(trace: Trace) -> Iterator[Verdict]:
    """What has ended, or never ran in the background, cannot be cancelled (IX-CANCEL-002).

    To cancel twice is not judged, and neither is an answer that tells the same end again: nothing was done.
    """
    for call in trace.calls:
        if call.operation != "cancel" or call.status is None:
            continue
        told, made = _last_told(trace, call), maker_of(trace, call)
        foreground = made is not None and not _in_background(made) and told in _PAUSED
        if told == "cancelled" or not (foreground or told in _FINAL):
            continue
        if 400 <= call.status < 500:
            yield kept(call)
        elif call.status < 300 and call.interaction is not None and call.interaction.get("status") != told:
            yield broken(call, "", f"it was {told}, and the cancel is answered HTTP {call.status}")


def cancels_answer_with_the_interaction(trace: Trace) -> Iterator[Verdict]:
    """A cancel answers with the interaction, which is cancelled or about to be (IX-CANCEL-003).

    A run may end by itself before it is cancelled, so an answer that tells another end is not judged.
    """
    for call in trace.calls:
        if call.operation != "cancel" or call.status != 200:
            continue
        match call.interaction:
            case None:
                yield broken(call, "", "the answer to a cancel is no interaction")
            case {"id": str(found)} if found != call.id and not (
                is_placeholder(found) or is_placeholder(call.id)
            ):
                yield broken(call, "/id", f"{call.id!r} was cancelled, {found!r} is answered")
            case {"status": str(status)} if status in _FINAL - {"cancelled"}:
                continue
            case {"status": str(status)} if status in _PAUSED:
                yield broken(call, "/status", f"the cancel succeeds, and the status is {status}")
            case _:
                yield kept(call)


def cancelled_has_two_ls(trace: Trace) -> Iterator[Verdict]:
    """The status of what was cancelled is spelled `cancelled` (IX-CANCEL-004)."""
    for call in trace.calls:
        for subject, at, status in _statuses(call):
            if status == "canceled":
                yield broken(subject, at, "the status is 'canceled'; it is spelled cancelled")
            elif status == "cancelled":
                yield kept(subject)


def _statuses(call: Call) -> Iterator[tuple[Call | Event, str, str]]:
    """Give every status that an answer tells, with its place."""
    match call.interaction:
        case {"status": str(status)} if call.stream is None:
            yield call, "/status", status
    for event in call.stream.payloads if call.stream is not None else ():
        match event.json:
            case {"event_type": "interaction.status_update", "status": str(status)}:
                yield event, "/status", status
            case {"event_type": "interaction.completed", "interaction": {"status": str(status)}}:
                yield event, "/interaction/status", status


def webhooks_need_the_background(trace: Trace) -> Iterator[Verdict]:
    """`webhook_config` goes with `background: true` (IX-HOOK-001).

    A create in the foreground that the service accepts with it is not judged.
    """
    for call in trace.calls:
        match call.asked:
            case {"webhook_config": dict()} if call.operation == "create":
                request = Document(call.asked, call.request_place, "request")
                if _in_background(call):
                    yield kept(request)
                elif call.status in (400, 422):
                    yield broken(
                        request, "/webhook_config", "it is sent without background true, and refused"
                    )
