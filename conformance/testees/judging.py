"""What came of a case: what was delivered against what was sent, and what was sent against what was asked.

    for miss in misses(case, act, delivered, ...):
        miss.requirement, miss.message

Pure: the same arguments give the same misses. Values are compared as a subset, since the client's own extra
members are fine.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from conformance.contract.registry import Requirement
from conformance.judge.verdict import Outcome, outcome_of
from conformance.testees.case import Case
from conformance.testees.process import Delivered
from conformance.testees.stage import Act, Seen

__all__ = ["KEYS", "Miss", "event_misses", "is_subset", "leaks", "misses", "outcome_for"]

KEYS = "IX-AUTH-003"
_EVENTS = frozenset("interaction.created interaction.status_update interaction.completed error".split())
_KNOWN = _EVENTS | frozenset("step.start step.delta step.stop".split())
_PATH = re.compile(r"/(?:v1|v1beta)/interactions(?:/(?P<id>[^/]+?)(?P<verb>/cancel)?)?/?")
_METHODS = {"create": "POST", "get": "GET", "cancel": "POST", "delete": "DELETE"}


@dataclass(frozen=True, slots=True)
class Miss:
    """One thing that is not as it must be; exchange and event say where it shows."""

    message: str
    requirement: str = ""
    exchange: int | None = None
    event: int | None = None
    side: str = "response"


def outcome_for(requirement: Requirement, harm: str) -> Outcome:
    """The outcome of a miss: what loses data, lies or leaks fails, also where that is inferred."""
    if harm and requirement.level == "must" and requirement.confidence == "inferred":
        return "fail"
    return outcome_of(requirement)


def misses(act: Act, delivered: Delivered, *, told: str, log: str, closed: bool) -> Iterator[Miss]:
    """Find what is wrong.

    told: everything that the driver said of the call, as text. log: what it printed meanwhile.
    closed: whether the client has closed the connection, where the case asks for that.
    """
    case = act.case
    match delivered.ending:
        case "hung":
            yield Miss(f"the call never ended: {delivered.problem}")
        case "crashed":
            yield Miss(f"the client's program ended in mid-call: {delivered.problem}")
        case "unsupported":
            reason = ascii(str(delivered.last.get("reason"))[:200])
            yield Miss(f"it declares {', '.join(sorted(case.needs))} and says it is unsupported: {reason}")
            return
        case "fault":
            return
        case _:
            yield from _ending(case, delivered)
            yield from _delivery(case, act, delivered)
    yield from _requests(case, act)
    yield from leaks(act, told, log)
    if case.expect.closes and not closed:
        yield Miss("the client has left the call, and its connection stays open")


# What the client's user sees.


def _ending(case: Case, delivered: Delivered) -> Iterator[Miss]:
    expect, last = case.expect, delivered.last
    if expect.ending == "error" and delivered.ending == "end":
        handed = [value for value in delivered.values if isinstance(value, dict)]
        if expect.error.get("event") and any(value.get("event_type") == "error" for value in handed):
            return
        yield Miss(f"the call failed, and the client tells a success{_shown_text(last)}")
    elif expect.ending == "end" and delivered.ending == "error":
        shown = ascii(str(last.get("message"))[:200])
        yield Miss(
            f"the call succeeded, and the client tells an error of the kind {last.get('kind')}: {shown}"
        )
    elif delivered.ending == "error" and expect.error:
        yield from _error(expect.error, last)


def _shown_text(last: Mapping[str, Any]) -> str:
    return f" with the text {ascii(last['text'][:60])}" if isinstance(last.get("text"), str) else ""


def _error(expected: Mapping[str, Any], last: Mapping[str, Any]) -> Iterator[Miss]:
    said = str(last.get("message"))
    for name in ("status", "code"):
        if name in expected and last.get(name) != expected[name] and str(expected[name]) not in said:
            yield Miss(
                f"the error has the {name} {expected[name]!r}, and the user is told {last.get(name)!r} "
                f"and {ascii(said[:100])}"
            )
    if "says" in expected and expected["says"] not in said:
        yield Miss(f"the server said {ascii(expected['says'])}, and the user is told {ascii(said[:100])}")
    if "kinds" in expected and last.get("kind") not in expected["kinds"]:
        wanted, told = " or ".join(expected["kinds"]), ascii(said[:100])
        yield Miss(f"an error of the kind {wanted} is told as one of the kind {last.get('kind')}: {told}")


def _delivery(case: Case, act: Act, delivered: Delivered) -> Iterator[Miss]:
    expect, last = case.expect, delivered.last
    exchange = max(0, len(act.seen) - 1)
    sent = act.seen[-1].events if act.seen else []
    got = delivered.values
    match expect.events:
        case "sent":
            yield from event_misses(sent, got, exchange)
        case "known":
            yield from event_misses(_known(sent), _known(got), exchange)
        case "prefix":
            yield from event_misses(sent[: len(got)], got, exchange)
    if expect.events != "any" and len(got) < expect.least:
        yield Miss(f"{expect.least} events arrived before the end, and {len(got)} were handed over")
    if delivered.ending != "end":
        return
    if expect.text is not None and isinstance(last.get("text"), str) and last["text"] != expect.text:
        yield Miss(f"the text is {ascii(expect.text[:80])}, and the client gives {ascii(last['text'][:80])}")
    if expect.calls is not None and isinstance(last.get("calls"), list):
        yield from _calls(expect.calls, last["calls"])
    if expect.usage and isinstance(last.get("usage"), dict):
        yield from _usage(act, last["usage"])


def _known(events: Sequence[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, dict) and event.get("event_type") in _KNOWN]


def _calls(expected: Sequence[Mapping[str, Any]], got: Sequence[Any]) -> Iterator[Miss]:
    if len(expected) != len(got):
        yield Miss(f"there are {len(expected)} function calls, and the client gives {len(got)}")
    for number, (one, other) in enumerate(zip(expected, got, strict=False)):
        if not is_subset(one, other):
            yield Miss(f"function call {number} is {_short(one)}, and the client gives {_short(other)}")


def _usage(act: Act, got: Mapping[str, Any]) -> Iterator[Miss]:
    final = next((event for event in reversed(act.seen[-1].events) if isinstance(event, dict)), None)
    body = parse(act.seen[-1].sent) if final is None else final.get("interaction")
    sent = body.get("usage") if isinstance(body, dict) else None
    if isinstance(sent, dict) and not is_subset(sent, got):
        yield Miss(f"the usage is {_short(sent)}, and the client gives {_short(got)}")


def parse(body: bytes) -> Any:
    """Read JSON; None where there is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def event_misses(sent: Sequence[Any], got: Sequence[Any], exchange: int = 0) -> Iterator[Miss]:
    """Compare events: lost, invented, out of order, changed."""
    if len(sent) == len(got) and all(map(is_subset, sent, got)):
        return
    left = list(enumerate(got))
    lost: list[int] = []
    places: list[int] = []
    for number, event in enumerate(sent):
        found = next((at for at, (_, other) in enumerate(left) if is_subset(event, other)), None)
        if found is None:
            lost.append(number)
        else:
            places.append(left.pop(found)[0])
    invented = dict(left)
    for number in lost:
        other = invented.pop(number, None)
        if other is None:
            message = f"event {number} of {len(sent)} is lost: {_short(sent[number])}"
        else:
            message = f"event {number} is {_short(sent[number])}, and the client gives {_short(other)}"
        yield Miss(message, exchange=exchange, event=number)
    for number, other in invented.items():
        yield Miss(f"nobody sent what is handed over as event {number}: {_short(other)}", exchange=exchange)
    if not lost and not invented and places != sorted(places):
        yield Miss(f"{len(sent)} events are handed over in another order", exchange=exchange)


def is_subset(sent: Any, got: Any) -> bool:
    """Whether everything that was sent is there, of the same type; more may be, and null is nothing."""
    if isinstance(sent, dict):
        return isinstance(got, dict) and all(
            is_subset(value, got.get(key)) for key, value in sent.items() if value is not None
        )
    if isinstance(sent, list):
        return isinstance(got, list) and len(sent) == len(got) and all(map(is_subset, sent, got))
    if isinstance(sent, bool) or isinstance(got, bool):
        return sent is got
    return bool(sent == got)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}…"


# What the server sees.


def _requests(case: Case, act: Act) -> Iterator[Miss]:
    seen, (least, most) = act.seen, case.expect.requests
    if not least <= len(seen) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        yield Miss(f"{wanted} requests are right here, and {len(seen)} arrived", side="request")
    for number, one in enumerate(seen):
        for message in _request(case, act, one):
            yield Miss(message, exchange=number, side="request")
    if case.expect.same:
        for number, one in enumerate(seen[1:], 1):
            if (one.request.method, one.asked) != (seen[0].request.method, seen[0].asked):
                yield Miss(
                    "a retry sends another body than the first attempt", exchange=number, side="request"
                )
    if case.expect.waits_s and len(seen) > 1:
        waited = seen[1].time_s - seen[0].time_s
        if waited < case.expect.waits_s - 0.05:
            wanted_s = case.expect.waits_s
            yield Miss(f"{wanted_s:g} s were asked for, and the next attempt came too early", exchange=1)


def _request(case: Case, act: Act, seen: Seen) -> Iterator[str]:
    path = _PATH.fullmatch(urlsplit(seen.request.url).path)
    arguments = act.arguments
    method = _METHODS[case.operation]
    right = path is not None and seen.request.method == method
    right = right and bool(path and path["verb"]) == (case.operation == "cancel")
    if not right or path is None or bool(path["id"]) != (case.operation != "create"):
        yield f"{seen.request.method} {seen.request.url[:100]} is no {case.operation}"
        return
    if path["id"] and unquote(path["id"]) != arguments.get("id"):
        yield f"the id is {arguments.get('id')!r}, and {unquote(path['id'])!r} is asked for"
    if case.expect.sends and case.operation == "create":
        wanted = {**arguments, "stream": True} if case.stream else arguments
        yield from _differences(wanted, seen.asked)
    elif case.expect.sends and case.operation == "get":
        from urllib.parse import parse_qs

        query = parse_qs(urlsplit(seen.request.url).query)
        for name in arguments.keys() - {"id"}:
            if query.get(name) != [str(arguments[name])]:
                yield f"{name} is {arguments[name]!r} in the call, and {query.get(name)} in the request"


def _differences(wanted: Mapping[str, Any], sent: Any) -> Iterator[str]:
    if not isinstance(sent, dict):
        yield "the body of the request is no JSON object"
        return
    for name, value in wanted.items():
        if name not in sent:
            yield f"{name} was given to the call and is not in the request"
        elif not is_subset(value, sent[name]):
            yield f"{name} is {_short(value)} in the call, and {_short(sent[name])} in the request"


def leaks(act: Act, told: str, log: str) -> Iterator[Miss]:
    """Find the key where it has no business."""
    for number, seen in enumerate(act.seen):
        if act.key in unquote(seen.request.url):
            yield Miss("the key stands in the URL, which logs and proxies keep", KEYS, number, side="request")
        elif act.key.encode() in seen.request.body:
            yield Miss("the key stands in the body of the request", KEYS, number, side="request")
    if act.key in told:
        yield Miss("the key stands in what the user of the client is told", KEYS)
    if act.key in log:
        yield Miss("the key stands in the log", KEYS)
