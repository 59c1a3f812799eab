"""The test control: how a test tells the server to misbehave, without an ordinary client ever meeting it.

A control is an object of JSON. It comes with the request it is for, in one of two ways:

    x-conformance-control: {"error": "service_unavailable", "times": 1}
    x-goog-api-key: any-key#{"error": "service_unavailable", "times": 1}

The second is for clients that cannot set headers; the account is what stands before the `#`, and real keys
have neither `#` nor `{`. (In a URL write `%23` for the `#`.) With both, the header wins, field by field.

Which requests
    on         operations it is for, a word or a list: create, get, cancel, delete; default: all
    skip       so many matching requests of the account are answered as usual first; default 0
    times      then it holds for so many, and no longer; default: for ever

What is answered
    error      a code of the documented table, or an HTTP status: 429, "service_unavailable", "safety"
    message    its words
    form       how it is told: "json" (default), "framed" (the same status, as an event), "front_end" (as a
               google.rpc.Status), "event" (an `error` event in a stream that began well), "status" (200, the
               interaction has failed and says so in `errors`)
    retry_after  the value of a Retry-After header, seconds or a date
    status     the interaction ends so: "failed", "incomplete", "budget_exceeded", "cancelled"

How it gets out (see `plans`)
    plan       "whole" (one write), "frame" (a write a frame), "byte", or "write" (the default, unpaced)
    cuts       offsets in the body at which to cut, instead of a plan
    pause_ms   a pause after each write; a client that reads nothing for a minute is let go even so
    confirm    wait until the peer has read each write
    lockstep   wait before each write for `POST /conformance/release`

How it breaks (see `faults`)
    fault      "reset", "half_close", "close", "stall", "no_last_chunk", "wrong_length", "no_done", "gzip",
               "trailing"
    after      so many frames go out before the fault, or before an error that is told as an event; default 1
    after_bytes  the same in bytes of the body
    by         of wrong_length: how many bytes more, or less, are announced; default 10

A control that makes no sense is refused with 400 and says why.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from conformance.server.faults import FAULTS, Fault
from conformance.server.plans import CUTS, Plan
from conformance.server.refusal import CODES, invalid

__all__ = ["HEADER", "Control", "control_of", "split_key"]

HEADER = "x-conformance-control"
_OPERATIONS = frozenset({"create", "get", "cancel", "delete"})
_FORMS = frozenset({"json", "framed", "front_end", "event", "status"})
_STATUSES = frozenset({"failed", "incomplete", "budget_exceeded", "cancelled"})
_MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class Control:
    """A control that makes sense.

    told: its text, by which the server counts how often it has held.
    code, http: the error to answer with; empty where none is asked for.
    """

    told: str
    on: frozenset[str] = _OPERATIONS
    skip: int = 0
    times: int = _MOST
    code: str = ""
    http: int = 0
    message: str = ""
    form: str = "json"
    retry_after: str = ""
    status: str = ""
    plan: Plan | None = None
    fault: Fault | None = None
    after: int = 1


def split_key(key: str) -> tuple[str, str]:
    """Split an API key into the key itself and the control that may follow it."""
    plain, mark, rest = key.partition("#{")
    return plain, mark[1:] + rest


def control_of(header: str | None, suffix: str) -> Control | None:
    """Read the control of a request; None when it has none.

    Raises:
        Refused: it makes no sense.
    """
    if not header and not suffix:
        return None
    told = {**_object(suffix), **_object(header or "")}
    reader = _Reader(told)
    code, http = reader.error()
    control = Control(
        told=json.dumps(told, sort_keys=True),
        on=reader.operations(),
        skip=reader.whole("skip", 0),
        times=reader.whole("times", _MOST),
        code=code,
        http=http,
        message=reader.text("message"),
        form=reader.word("form", _FORMS, "json"),
        retry_after=str(reader.take("retry_after", (int, str), "")),
        status=reader.word("status", _STATUSES, ""),
        after=reader.whole("after", 1),
        plan=reader.plan(),
        fault=reader.fault(),
    )
    reader.finish()
    return control


def _object(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise invalid(f"The conformance control is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise invalid("The conformance control is not a JSON object.")
    return value


class _Reader:
    """Takes the fields of a control one by one, and knows which were asked for."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told
        self._known: set[str] = set()

    def take(self, name: str, kinds: type | tuple[type, ...], default: Any) -> Any:
        self._known.add(name)
        value = self._told.get(name, default)
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise invalid(
                f"The conformance control has {name}: {json.dumps(value)[:60]}, which makes no sense."
            )
        return value

    def text(self, name: str) -> str:
        return str(self.take(name, str, ""))

    def whole(self, name: str, default: int, least: int = 0) -> int:
        value = int(self.take(name, int, default))
        if not least <= value <= _MOST:
            raise invalid(f"The conformance control has {name}: {value}, which is out of range.")
        return value

    def flag(self, name: str) -> bool:
        return bool(self.take(name, bool, False))

    def word(self, name: str, known: frozenset[str], default: str) -> str:
        word = str(self.take(name, str, default))
        if word not in known and word != default:
            raise invalid(f"The conformance control has {name}: '{word[:60]}'; known are {_listed(known)}.")
        return word

    def operations(self) -> frozenset[str]:
        told = self.take("on", (str, list), [])
        words = frozenset([told] if isinstance(told, str) else map(str, told))
        if not words <= _OPERATIONS:
            raise invalid(f"The conformance control has on: {told}; known are {_listed(_OPERATIONS)}.")
        return words or _OPERATIONS

    def error(self) -> tuple[str, int]:
        told = self.take("error", (int, str), "")
        if isinstance(told, int):
            code = next((code for code, status in CODES.items() if status == told), "")
            if not code and not 400 <= told <= 599:
                raise invalid(f"The conformance control has error: {told}, which is no status of an error.")
            return code or "unknown", told
        if told and told not in CODES:
            raise invalid(f"The conformance control has error: '{told[:60]}'; known are {_listed(CODES)}.")
        return told, CODES.get(told, 0)

    def plan(self) -> Plan | None:
        cuts = self.take("cuts", list, [])
        if not all(isinstance(cut, int) and 0 < cut <= _MOST for cut in cuts):
            raise invalid("The conformance control has cuts that are no offsets in a body.")
        plan = Plan(
            cut=self.word("plan", CUTS, "write"),
            at=tuple(sorted(set(cuts))),
            pause_s=self.whole("pause_ms", 0) / 1000,
            confirm=self.flag("confirm"),
            lockstep=self.flag("lockstep"),
        )
        return None if plan == Plan() else plan

    def fault(self) -> Fault | None:
        kind = self.word("fault", FAULTS, "")
        after_bytes = self.whole("after_bytes", -1, least=-1)
        by = self.whole("by", 10, least=-_MOST)
        return Fault(kind, self.whole("after", 1), after_bytes, by) if kind else None

    def finish(self) -> None:
        for name in self._told.keys() - self._known:
            close = get_close_matches(name, self._known, n=1)
            guess = f"; did you mean '{close[0]}'?" if close else "."
            raise invalid(f"The conformance control has an unknown field '{name[:60]}'{guess}")


def _listed(words: Any) -> str:
    return ", ".join(sorted(words))
