"""What the service keeps: reading, deleting, and what is not kept.

A get, a delete or a cancel is judged by what the same conversation tells of its interaction: which create
made it, whether it was stored, whether it is deleted. What the conversation does not tell is not judged.
Source: https://ai.google.dev/api/interactions-api
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from conformance.judge.requests import is_nobodys_id
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.exchange import header
from conformance.wire.trace import ABSENT, Call, Document, Trace, is_placeholder

__all__ = [
    "deleted_interactions_are_gone",
    "deletes_answer_with_nothing",
    "flags_are_booleans",
    "histories_hold_the_input",
    "missing_interactions_are_not_found",
    "reading_again_gives_the_same",
    "strange_interactions_are_not_there",
    "streams_are_read_on_request",
    "unsaid_storage_is_storage",
    "unstored_interactions_cannot_be_read",
]

_FINAL = frozenset({"completed", "failed", "cancelled", "incomplete", "budget_exceeded"})
_YES, _NO = frozenset({"true"}), frozenset({"false", ""})
_UNDOCUMENTED = frozenset({"1", "0", "t", "f", "yes", "no"})


def asks_for_a_stream(call: Call) -> bool:
    """Whether the query of a get has `stream=true`."""
    return call.query.get("stream", [""])[-1].lower() in _YES


def maker_of(trace: Trace, call: Call) -> Call | None:
    """The create that made the interaction which a later call of the same caller names in its path."""
    for made in trace.earlier(call):
        if (
            made.operation == "create"
            and made.interaction is not None
            and made.interaction.get("id") == call.id
        ):
            return made if isinstance(made.asked, dict) and same_caller(made, call) else None
    return None


def deleted_before(trace: Trace, call: Call) -> bool:
    """Whether the same caller deleted the interaction of a call before, and was told so."""
    return any(
        earlier.operation == "delete"
        and earlier.id == call.id
        and earlier.status in (200, 204)
        and same_caller(earlier, call)
        for earlier in trace.earlier(call)
    )


def same_caller(one: Call, other: Call) -> bool:
    """Whether two calls have the same host and key, as far as is known: a key sees its own interactions."""
    return all(
        first is None or second is None or first == second or is_placeholder(first) or is_placeholder(second)
        for first, second in zip(caller_of(one), caller_of(other), strict=True)
    )


def caller_of(call: Call) -> tuple[str | None, ...]:
    """The host and the credentials of a call, each None where it is not known."""
    request = call.exchange.request
    if request is None:
        return None, None, None, None
    return (
        urlsplit(request.url).netloc or None,
        header(request.headers, "x-goog-api-key"),
        header(request.headers, "authorization"),
        call.query.get("key", [None])[0],
    )


def _has_ended(told: dict[str, Any]) -> bool:
    return isinstance(told.get("status"), str) and told["status"] in _FINAL


def _reads(trace: Trace) -> Iterator[tuple[Call, Call]]:
    """Gets of what a create of the same conversation made, and nobody deleted: the get and the create."""
    for call in trace.calls:
        if call.operation == "get" and call.status is not None:
            made = maker_of(trace, call)
            if made is not None and not deleted_before(trace, call):
                yield call, made


def unsaid_storage_is_storage(trace: Trace) -> Iterator[Verdict]:
    """What a create without `store` made can be read by its id (IX-STORE-001).

    A stream that never completed and a run that failed may have left nothing.
    """
    for call, made in _reads(trace):
        if "store" in made.asked or (made.stream is not None and made.stream.completed is None):
            continue
        if made.interaction is not None and made.interaction.get("status") == "failed":
            continue
        if call.status == 200:
            yield kept(call)
        elif call.status == 404:
            yield broken(call, "", "the create left store out, and its interaction is answered with HTTP 404")


def unstored_interactions_cannot_be_read(trace: Trace) -> Iterator[Verdict]:
    """What a create with `store: false` made is not there to be read (IX-STORE-002)."""
    for call, made in _reads(trace):
        if made.stored is not False or call.status is None:
            continue
        if 400 <= call.status < 500:
            yield kept(call)
        elif call.status < 400:
            yield broken(call, "", "the create said store false, and its interaction can be read")


def deleted_interactions_are_gone(trace: Trace, operation: str) -> Iterator[Verdict]:
    """What was deleted cannot be read, deleted or cancelled (IX-DEL-001, IX-DEL-003, IX-CANCEL-002)."""
    for call in trace.calls:
        if call.operation != operation or call.status is None:
            continue
        if is_placeholder(call.id) or not deleted_before(trace, call):
            continue
        if 400 <= call.status < 500:
            yield kept(call)
        elif call.status < 400:
            yield broken(
                call, "", f"{call.id!r} was deleted, and the {operation} is answered HTTP {call.status}"
            )


def strange_interactions_are_not_there(trace: Trace, operation: str) -> Iterator[Verdict]:
    """An id that nobody has cannot be read, deleted or cancelled (IX-GET-005, IX-DEL-003, IX-CANCEL-002).

    Judged are ids that a scenario makes up. Any 4xx tells so; a service may not offer the operation at all.
    """
    for call in trace.calls:
        if call.operation != operation or call.status is None or not is_nobodys_id(call.id):
            continue
        if 400 <= call.status < 500:
            yield kept(call)
        elif call.status < 300:
            yield broken(
                call, "", f"nobody has {call.id!r}, and the {operation} is answered HTTP {call.status}"
            )


def deletes_answer_with_nothing(trace: Trace) -> Iterator[Verdict]:
    """The answer to a delete has an empty body or an empty object (IX-DEL-002)."""
    for call in trace.calls:
        if call.operation != "delete" or call.status is None or not 200 <= call.status < 300:
            continue
        if call.answered is ABSENT or call.answered == {}:
            yield kept(call)
        else:
            yield broken(call, "", "the answer to a delete holds something; expected nothing or {}")


def missing_interactions_are_not_found(trace: Trace) -> Iterator[Verdict]:
    """A get of what is not there is told so by the code not_found (IX-GET-005)."""
    for call in trace.calls:
        if call.operation != "get" or call.status != 404:
            continue
        match call.answered:
            case {"error": {"code": "not_found"}}:
                yield kept(call)
            case {"error": {"code": str(code)}} if not is_placeholder(code):
                yield broken(call, "/error/code", f"HTTP 404 has the code {code!r}, not not_found")


def histories_hold_the_input(trace: Trace) -> Iterator[Verdict]:
    """A finished interaction that is read has the input of the user among its steps (IX-GET-002)."""
    for call in trace.calls:
        if call.operation != "get" or call.stream is not None or call.interaction is None:
            continue
        if not _has_ended(call.interaction) or not call.steps or call.exchange.excerpt:
            continue
        if any(step.get("type") == "user_input" for step in call.steps):
            yield kept(call)
        elif not _begins_with_results(call, maker_of(trace, call)):
            yield broken(call, "/steps", "no step is a user_input")


def _begins_with_results(call: Call, made: Call | None) -> bool:
    """Whether what a get tells was asked for with the results of tools, and with nothing of a user's."""
    if made is None:
        return str(call.steps[0].get("type")).endswith("_result")
    given = made.asked.get("input")
    return isinstance(given, list) and all(
        isinstance(step, dict) and str(step.get("type")).endswith("_result") for step in given
    )


def streams_are_read_on_request(trace: Trace) -> Iterator[Verdict]:
    """A get with `stream=true` is answered with events, and one without it is not (IX-GET-003)."""
    for call in trace.calls:
        if call.operation != "get" or call.status != 200 or {"alt", "last_event_id"} & call.query.keys():
            continue
        wanted = asks_for_a_stream(call)
        if (call.stream is not None) == wanted:
            yield kept(call)
        elif wanted:
            yield broken(call, "", f"stream is true, and the answer is {call.content_type or 'no stream'}")
        elif call.query.get("stream", ["false"])[-1].lower() in _NO:
            yield broken(call, "", "a stream was not asked for, and the answer is one")


def flags_are_booleans(trace: Trace, flag: str) -> Iterator[Verdict]:
    """A flag in the query of a get is true or false (IX-GET-003, IX-GET-004)."""
    for call in trace.calls:
        for told in call.query.get(flag, ()) if call.operation == "get" else ():
            request = Document(None, call.request_place, "json")
            if told.lower() in _YES | _NO:
                yield kept(request)
            elif told.lower() not in _UNDOCUMENTED:
                yield broken(request, "", f"{flag} is {told!r} in the query; expected true or false")


def reading_again_gives_the_same(trace: Trace) -> Iterator[Verdict]:
    """A finished interaction that is read again has not changed (IX-GET-006)."""
    first: dict[tuple[object, ...], Call] = {}
    for call in trace.calls:
        if call.operation != "get" or call.stream is not None or call.interaction is None:
            continue
        if not _has_ended(call.interaction) or is_placeholder(call.id):
            continue
        asked = (call.id, tuple(call.query.get("include_input", ())))
        before = first.setdefault(asked, call)
        if before is call:
            continue
        differing = [
            name for name, found in _gist(before).items() if not _alike(found, _gist(call).get(name))
        ]
        if differing:
            yield broken(call, f"/{differing[0]}", f"{', '.join(differing)} differ from the get before")
        else:
            yield kept(call)


def _gist(call: Call) -> dict[str, Any]:
    """What shows that an interaction changed: no signatures and ids, which recordings redact one by one."""
    told = call.interaction or {}
    usage = told.get("usage")
    return {
        "status": told.get("status"),
        "created": told.get("created"),
        "usage": usage.get("total_tokens") if isinstance(usage, dict) else None,
        "steps": (len(call.steps), call.text),
    }


def _alike(one: object, other: object) -> bool:
    return one == other or is_placeholder(one) or is_placeholder(other)
