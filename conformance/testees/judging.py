"""What came of a case: what was delivered against what was sent, and what was sent against what was asked.

    for found in misses(act, delivered, ...):
        match found:
            case Miss(message, requirement): ...           # a breach
            case Loss(event_type, pointer): ...            # a member that the client does not hand on
    observed(act, delivered, closed=True)                  # what happened, in a few words

Pure: the same arguments give the same findings. Values are compared as a subset, since the client's own extra
members are fine. Members that a client leaves out are no breach but a table: a client may give its users less
than the API has. What they came for, the text, the arguments of a call and the bytes of media, is a breach.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from conformance.contract.registry import Requirement
from conformance.judge.verdict import Outcome, outcome_of
from conformance.testees.case import Case
from conformance.testees.comparing import difference, is_subset, lost, shown
from conformance.testees.process import Delivered
from conformance.testees.stage import Act, Seen
from conformance.wire.exchange import Request, header

__all__ = ["KEYS", "Loss", "Miss", "event_misses", "leaks", "misses", "observed", "outcome_for"]

KEYS = "IX-AUTH-003"
_REDIRECTS = "HTTP-026"
_MOST_MISSES = 20
_BLOCKS = frozenset("text image audio video document".split())
_EVENTS = frozenset("interaction.created interaction.status_update interaction.completed error".split())
_KNOWN = _EVENTS | frozenset("step.start step.delta step.stop".split())
_PATH = re.compile(r"/(?:v1|v1beta)/interactions(?:/(?P<id>[^/]+?)(?P<verb>/cancel)?)?/?")
_METHODS = {"create": "POST", "get": "GET", "cancel": "POST", "delete": "DELETE"}


@dataclass(frozen=True, slots=True)
class Miss:
    """One thing that is not as it must be; exchange and event say where it shows, harm what it does."""

    message: str
    requirement: str = ""
    exchange: int | None = None
    event: int | None = None
    side: str = "response"
    harm: str = ""


@dataclass(frozen=True, slots=True)
class Loss:
    """A member that was sent and that the client does not hand on; list places are `*` in the pointer."""

    event_type: str
    pointer: str


def outcome_for(requirement: Requirement, harm: str) -> Outcome:
    """The outcome of a miss: what loses data, lies or leaks fails, also where that is inferred."""
    if harm and requirement.level == "must" and requirement.confidence == "inferred":
        return "fail"
    return outcome_of(requirement)


def misses(
    act: Act,
    delivered: Delivered,
    *,
    told: str,
    log: str,
    closed: bool,
    capabilities: frozenset[str] = frozenset({"events"}),
) -> Iterator[Miss | Loss]:
    """Find what is wrong.

    told: everything that the driver said of the call, as text. log: what it printed meanwhile.
    closed: whether the client has closed the connection, where the case asks for that.
    capabilities: what the client declares; without `events` what it hands over is not compared.
    """
    if not act.case.silent and delivered.ending != "fault":
        yield from _expected(act, delivered, closed=closed, capabilities=capabilities)
    if delivered.ending not in ("fault", "unsupported"):
        yield from leaks(act, told, log)


def _expected(
    act: Act, delivered: Delivered, *, closed: bool, capabilities: frozenset[str]
) -> Iterator[Miss | Loss]:
    case = act.case
    match delivered.ending:
        case "hung" if case.expect.ending == "any" and len(delivered.events) >= case.expect.least > 0:
            pass  # what was to be seen has come; that a call ends is for other cases
        case "hung":
            yield Miss(f"the call never ended: {delivered.problem}")
        case "crashed":
            yield Miss(f"the client's program ended in mid-call: {delivered.problem}")
        case "unsupported":
            declared = ", ".join(sorted({f"interactions.{case.operation}", *case.needs}))
            reason = str(delivered.last.get("reason") or "")[:200]
            why = f": {ascii(reason)}" if reason else ", without a pointer to what it has no way to say"
            yield Miss(f"the driver declares {declared}, and says this call is unsupported{why}")
            return
        case "error" if _waited(case, act, delivered):
            number = len(delivered.events)
            message = f"event {number} was held back: the client waits for more before it hands it over"
            yield Miss(message, exchange=len(act.seen) - 1, event=number)
            return
        case _:
            yield from _ending(case, act, delivered)
            yield from _told(case, act, delivered, capabilities)
    if "events" in capabilities:
        yield from _handed_over(case, act, delivered)
    yield from _requests(case, act)
    if case.expect.closes and not closed:
        yield Miss("the client has left the call, and its connection stays open")


def _waited(case: Case, act: Act, delivered: Delivered) -> bool:
    """Whether a client gave up on an event that was sent, where the next is sent when it is seen."""
    sent = len(act.seen[-1].events) if act.seen else 0
    return case.lockstep and len(delivered.events) < sent and delivered.last.get("kind") == "timeout"


# What the client's user sees.


def _ending(case: Case, act: Act, delivered: Delivered) -> Iterator[Miss]:
    expect, last = case.expect, delivered.last
    if expect.ending == "error" and delivered.ending == "end":
        handed = [value for value in delivered.values if isinstance(value, dict)]
        if expect.error.get("event") and any(value.get("event_type") == "error" for value in handed):
            return
        message = f"the call failed, and the client tells a success{_shown_text(last)}"
        yield Miss(message, harm="false success")
    elif expect.ending == "end" and delivered.ending == "error":
        refused = act.seen and act.seen[-1].answer.status >= 400
        how = f"was answered with HTTP {act.seen[-1].answer.status}" if refused else "succeeded"
        message = ascii(str(last.get("message"))[:200])
        told = f"the call {how}, and the client tells an error of the kind {last.get('kind')}: {message}"
        yield Miss(told, side="request" if refused else "response")
    elif delivered.ending == "error" and _came_as_told(expect.error, act):
        yield from _error(expect.error, last)


def _came_as_told(error: Mapping[str, Any], act: Act) -> bool:
    """Whether our server has answered what is expected, and not refused a request that is wrong itself."""
    return bool(act.seen) and error.get("status") in (None, act.seen[-1].answer.status)


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


def _handed_over(case: Case, act: Act, delivered: Delivered) -> Iterator[Miss | Loss]:
    """Compare what the client handed over with what was sent, member by member."""
    expect = case.expect
    exchange = max(0, len(act.seen) - 1)
    sent = act.seen[-1].events if act.seen else []
    got = delivered.values
    if case.lockstep and len(got) < len(sent) and delivered.ending != "end":
        message = (
            f"event {len(got)} was held back: it was sent, and the next one is not sent before it is seen"
        )
        yield Miss(message, exchange=exchange, event=len(got))
        return
    if delivered.ending not in ("end", "error"):
        return
    match expect.events:
        case "sent":
            yield from event_misses(sent, got, exchange)
        case "known":
            yield from event_misses(_known(sent), _known(got), exchange)
        case "prefix":
            yield from event_misses(sent[: len(got)], got, exchange)
    if expect.events != "any" and len(got) < expect.least:
        yield Miss(f"{expect.least} events arrived before the end, and {len(got)} were handed over")
    if expect.value and delivered.ending == "end":
        yield from _value(act, delivered.last.get("value"), exchange)


def _value(act: Act, got: Any, exchange: int) -> Iterator[Miss | Loss]:
    sent = parse(act.seen[-1].sent) if act.seen else None
    if not isinstance(sent, dict):
        return
    pointers = lost(sent, got)
    if pointers is None:
        place, one, other = difference(sent, got)
        message = f"{place or 'it'} of the interaction is {shown(one)}, and the client gives {shown(other)}"
        yield Miss(message, exchange=exchange)
    else:
        yield from (Loss("interaction", pointer) for pointer in pointers)


def _told(case: Case, act: Act, delivered: Delivered, capabilities: frozenset[str]) -> Iterator[Miss]:
    """Compare what the conveniences of the client give."""
    expect, last = case.expect, delivered.last
    if delivered.ending != "end":
        return
    text = last.get("text")
    wanted = expect.output_text if "output_text" in capabilities else None
    wanted = expect.text if wanted is None else wanted
    if expect.no_null and "text" in capabilities and text is None:
        yield Miss(f"the text is {_text(str(wanted))}, and the client gives none")
    if wanted is not None and isinstance(text, str) and text != wanted:
        yield Miss(f"the text is {_text(wanted)}, and the client gives {_text(text)}")
    if expect.calls is not None and isinstance(last.get("calls"), list):
        yield from _calls(expect.calls, last["calls"])
    if expect.usage and isinstance(last.get("usage"), dict):
        yield from _usage(act, last["usage"])


def _text(text: str) -> str:
    return ascii(text) if len(text) <= 80 else f"{ascii(text[:60])}… of {len(text)} characters"


def _known(events: Sequence[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, dict) and event.get("event_type") in _KNOWN]


def _calls(expected: Sequence[Mapping[str, Any]], got: Sequence[Any]) -> Iterator[Miss]:
    if len(expected) != len(got):
        yield Miss(f"there are {len(expected)} function calls, and the client gives {len(got)}")
    for number, (one, other) in enumerate(zip(expected, got, strict=False)):
        if not is_subset(one, other):
            yield Miss(f"function call {number} is {shown(one)}, and the client gives {shown(other)}")


def _usage(act: Act, got: Mapping[str, Any]) -> Iterator[Miss]:
    final = next((event for event in reversed(act.seen[-1].events) if isinstance(event, dict)), None)
    body = parse(act.seen[-1].sent) if final is None else final.get("interaction")
    sent = body.get("usage") if isinstance(body, dict) else None
    if isinstance(sent, dict) and not is_subset(sent, got):
        yield Miss(f"the usage is {shown(sent)}, and the client gives {shown(got)}")


def parse(body: bytes) -> Any:
    """Read JSON; None where there is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def event_misses(sent: Sequence[Any], got: Sequence[Any], exchange: int = 0) -> Iterator[Miss | Loss]:
    """Compare events: lost, invented, out of order, changed; and those that lack members."""
    if len(sent) > 1 and not got:
        yield Miss(f"none of {len(sent)} events is handed over", exchange=exchange, event=0)
        return
    left = list(enumerate(got))
    missing: list[int] = []
    places: list[int] = []
    narrower: dict[Loss, None] = {}
    for number, event in enumerate(sent):
        found, pointers = _found(event, left)
        if found is None:
            missing.append(number)
            if len(missing) > _MOST_MISSES:
                break
        else:
            places.append(left.pop(found)[0])
            narrower.update(dict.fromkeys(Loss(_kind(event), pointer) for pointer in pointers))
    invented = dict(left)
    for number in missing[:_MOST_MISSES]:
        other = invented.pop(number, None)
        if other is None:
            message = f"event {number} of {len(sent)} is lost: {shown(sent[number])}"
        else:
            place, one, told = difference(sent[number], other)
            what = f"{place} of event {number}" if place else f"event {number}"
            message = f"{what} is {shown(one)}, and the client gives {shown(told)}"
        yield Miss(message, exchange=exchange, event=number)
    if len(missing) > _MOST_MISSES:
        yield Miss(f"more than {_MOST_MISSES} of {len(sent)} events are lost", exchange=exchange)
        return
    for number, other in list(invented.items())[:_MOST_MISSES]:
        yield Miss(f"nobody sent what is handed over as event {number}: {shown(other)}", exchange=exchange)
    if not missing and not invented and places != sorted(places):
        yield Miss(f"{len(sent)} events are handed over in another order", exchange=exchange)
    yield from narrower


def _found(event: Any, left: Sequence[tuple[int, Any]]) -> tuple[int | None, list[str]]:
    """Find the first of some events that is this one, whole or with members missing."""
    for at, (_, other) in enumerate(left):
        pointers = lost(event, other)
        if pointers is not None:
            return at, pointers
    return None, []


def _kind(event: Any) -> str:
    return str(event.get("event_type")) if isinstance(event, dict) else ""


# What the server sees.


def _requests(case: Case, act: Act) -> Iterator[Miss]:
    seen, (least, most) = act.here, case.expect.requests
    if case.expect.once and sum(one.request.method == "POST" for one in seen) > 1:
        yield Miss("the create is sent again, and its work is done twice", side="request")
    if not least <= len(seen) <= most:
        wanted = _counted(least, "request") if least == most else f"{least} to {most} requests"
        yield Miss(
            f"{wanted} {'is' if most == 1 else 'are'} right here, and {len(seen)} arrived", side="request"
        )
    for number, one in enumerate(seen):
        if case.expect.once and one.request.method == "GET" and case.operation != "get":
            continue
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
        wanted = {**arguments, "stream": True} if case.stream else arguments
        for name in wanted.keys() - {"id"}:
            if query.get(name) != [_word(wanted[name])]:
                yield f"{name} is {wanted[name]!r} in the call, and {query.get(name)} in the request"


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _differences(wanted: Mapping[str, Any], sent: Any) -> Iterator[str]:
    if not isinstance(sent, dict):
        yield "the body of the request is no JSON object"
        return
    for name, value in wanted.items():
        if name not in sent:
            yield f"{name} was given to the call and is not in the request"
            continue
        same = _SAME.get(name, _as_it_is)
        one, other = same(value), same(sent[name])
        if not is_subset(one, other):
            if not isinstance(value, list) or not isinstance(sent[name], list):
                one, other = value, sent[name]
            place, one, other = difference({name: one}, {name: other})
            yield f"{place} is {shown(one)} in the call, and {shown(other)} in the request"


def _as_steps(given: Any) -> list[Any]:
    """Give an input as steps: a text, a block, and blocks are what the user says.

    The result of a function is a step of its own, and the service takes it within what the user says too.
    """
    blocks = [{"type": "text", "text": given}] if isinstance(given, str) else _as_list(given)
    kinds = {str(block.get("type")) for block in blocks if isinstance(block, dict)}
    if kinds <= _BLOCKS:
        return [{"type": "user_input", "content": blocks}]
    return [step for block in blocks for step in _with_results_of_their_own(block)]


def _with_results_of_their_own(step: Any) -> Iterator[Any]:
    content = step.get("content") if isinstance(step, dict) and step.get("type") == "user_input" else None
    said = _as_list(content)
    results = [block for block in said if isinstance(block, dict) and block.get("type") == "function_result"]
    yield from results
    if not results or len(results) < len(said):
        yield {**step, "content": [block for block in said if block not in results]} if results else step


def _as_list(given: Any) -> list[Any]:
    """Give one of something as a list of it."""
    return given if isinstance(given, list) else [given]


def _as_it_is(given: Any) -> Any:
    return given


_SAME: Mapping[str, Callable[[Any], Any]] = {"input": _as_steps, "response_format": _as_list}
"""What may be written in several ways, and how to write it in one."""


def leaks(act: Act, told: str, log: str) -> Iterator[Miss]:
    """Find the key where it has no business."""
    for seen in act.seen:
        if seen.elsewhere and act.key in _whole(seen.request):
            message = (
                f"the key follows a redirect to another host, {seen.request.method} {seen.request.url[:60]}"
            )
            yield Miss(message, _REDIRECTS, 0)
    for number, seen in enumerate(act.here):
        if act.key in unquote(seen.request.url):
            yield Miss("the key stands in the URL, which logs and proxies keep", KEYS, number, side="request")
        elif act.key.encode() in seen.request.body:
            yield Miss("the key stands in the body of the request", KEYS, number, side="request")
    if act.key in told:
        yield Miss("the key stands in what the user of the client is told", KEYS)
    if act.key in log:
        yield Miss("the key stands in the log", KEYS)


def _whole(request: Request) -> str:
    headers = " ".join(f"{name}: {value}" for name, value in request.headers or ())
    return f"{unquote(request.url)} {headers} {request.body.decode(errors='replace')}"


# What happened.


def observed(
    act: Act, delivered: Delivered, *, closed: bool, capabilities: frozenset[str] = frozenset({"events"})
) -> str:
    """Say in a few words what happened, the same for all clients that do the same.

    Only events of the API are counted: what else a client streams has another number.
    """
    last = delivered.last
    words = [delivered.ending]
    if delivered.ending == "error":
        words += [str(last[name]) for name in ("kind", "status") if last.get(name) is not None]
    told = [" ".join(words), _counted(len(act.seen), "request")]
    if act.case.stream and "events" in capabilities:
        told.append(_counted(len(delivered.events), "event"))
    told += [_observed(word, act, delivered, closed=closed) for word in act.case.observe]
    return ", ".join(told)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _observed(word: str, act: Act, delivered: Delivered, *, closed: bool) -> str:
    last = delivered.last
    match word.split():
        case ["text"]:
            return f"text {_text(last['text'])}" if isinstance(last.get("text"), str) else "no text"
        case ["tokens"]:
            usage = last.get("usage")
            return f"total_tokens {usage.get('total_tokens')}" if isinstance(usage, dict) else "no usage"
        case ["connection"]:
            return "connection closed" if closed else "connection kept"
        case ["methods"]:
            return " then ".join(seen.request.method for seen in act.seen)
        case ["query"]:
            return f"query {urlsplit(act.seen[0].request.url).query if act.seen else ''}"
        case ["wait"]:
            return _wait(act)
        case ["header", name]:
            value = header(act.seen[0].request.headers, name) if act.seen else None
            return f"no {name}" if value is None else f"{name} {value}"
    raise ValueError(word)


def _wait(act: Act) -> str:
    if len(act.seen) < 2:
        return "no second attempt"
    waited = act.seen[1].time_s - act.seen[0].time_s
    for limit_s, words in ((0.05, "at once"), (1, "within 1 s"), (5, "after 1 to 5 s")):
        if waited < limit_s:
            return f"again {words}"
    return "again after more than 5 s"
