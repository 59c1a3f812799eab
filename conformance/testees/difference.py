"""What a client delivered against what it delivered before, when it was asked the same.

    difference([uncut, uncut_again], delivered)     # "/events/5/delta/text is ..., and ... without a cut"

A client may make something up for each call, such as an id or a time: what the first deliveries do not agree
on is not compared.
"""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.testees.program import Delivered

__all__ = ["difference", "how_it_ends"]

_MARKS = frozenset({"type", "id", "run", "events"})


def difference(uncut: Sequence["Delivered"], delivered: "Delivered") -> str:
    """Say where a delivery is not as some others are; what these do not agree on is not compared."""
    if {one.ending for one in uncut} == {"end"} and delivered.ending != "end":
        return f"{how_it_ends(delivered)} after {len(delivered.events)} of {len(uncut[0].events)} events"
    return next(_differences([_told(one) for one in uncut], _told(delivered), ""), "")


def how_it_ends(delivered: "Delivered") -> str:
    """Say how a call ended, as a part of a sentence."""
    last = delivered.last
    match delivered.ending:
        case "error":
            said = ascii(str(last.get("message"))[:120])
            return f"the client tells an error of the kind {last.get('kind')}, {said}"
        case "unsupported" | "fault":
            return (
                f"the driver says {delivered.ending}: {str(last.get('reason') or last.get('message'))[:120]}"
            )
        case "crashed":
            return f"the client's program ends ({delivered.problem})"
        case "hung":
            return f"the call does not end ({delivered.problem})"
    return "the call ends well"


def _told(delivered: "Delivered") -> dict[str, Any]:
    last = {name: value for name, value in delivered.last.items() if name not in _MARKS}
    return {"events": delivered.values, **last}


def _differences(same: Sequence[Any], value: Any, path: str) -> Iterator[str]:
    """Compare a value with others that stand for the same thing; each difference, the first one first."""
    told = (*same, value)
    if all(isinstance(one, dict) for one in told):
        known = set[str]().union(*same)
        for name in same[0]:
            if all(name in one for one in told):
                yield from _differences([one[name] for one in same], value[name], f"{path}/{name}")
            elif all(name in one for one in same):
                yield f"{path}/{name} is missing"
        yield from (f"{path}/{name} is there, and not without a cut" for name in value if name not in known)
    elif all(isinstance(one, list) for one in told) and len({len(one) for one in same}) == 1:
        for number in range(min(len(same[0]), len(value))):
            yield from _differences([one[number] for one in same], value[number], f"{path}/{number}")
        if len(same[0]) != len(value):
            yield f"{path} has {len(value)} members, and {len(same[0])} without a cut"
    elif len({_written(one) for one in same}) == 1 and _written(value) != _written(same[0]):
        yield f"{path} is {_written(value)[:80]}, and {_written(same[0])[:80]} without a cut"


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
