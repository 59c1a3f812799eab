"""Streams made smaller by what they are made of: cuts, quirks, whole steps, updates, pieces of text.

    smaller(drawn, fails)

Hypothesis shrinks choices, one fault at a time, and may run out of time. What is left is taken apart here: a
stream stays right, and a cut stays where it was within its event.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import accumulate
from typing import Any

from conformance.fuzzing.answers import Drawn
from conformance.testees.cuts import fewest

__all__ = ["smaller"]

_SPARED = ("text", "text_annotation_delta", "thought_summary", "image", "audio", "video", "document")
"""Deltas without which a step is still right."""


def smaller(drawn: Drawn, fails: Callable[[Drawn], bool]) -> Drawn:
    """Leave out whatever can be spared; give the drawn stream itself where nothing can."""
    if drawn.cuts:
        if fails(replace(drawn, cuts=())):
            drawn = replace(drawn, cuts=())
        drawn = replace(drawn, cuts=fewest(drawn.cuts, lambda cuts: fails(replace(drawn, cuts=cuts))))
    found = True
    while found:
        plainer = next((one for one in _plainer(drawn) if fails(one)), None)
        found = plainer is not None
        drawn = plainer or drawn
    return drawn


def _plainer(drawn: Drawn) -> Iterator[Drawn]:
    """Give streams that lack one thing, those first that lack much."""
    told = drawn.told
    starts = [event for event in told if event["event_type"] == "step.start"]
    for start in reversed(starts):
        if not _is_answered(start, starts):
            gone = [number for number, event in enumerate(told) if event.get("index") == start["index"]]
            yield _without(drawn, gone)
    for quirk in drawn.odd:
        rest = tuple(one for one in drawn.quirks if one[0] != quirk.name)
        yield _recut(drawn, Drawn(told, rest), list(range(len(told))))
    for number, event in enumerate(told):
        update = event["event_type"] == "interaction.status_update"
        if update or (event["event_type"] == "step.delta" and event["delta"]["type"] in _SPARED):
            yield _without(drawn, [number])


def _is_answered(start: dict[str, Any], starts: Sequence[dict[str, Any]]) -> bool:
    """Whether a result names this step."""
    name = start["step"].get("id")
    return name is not None and any(other["step"].get("call_id") == name for other in starts)


def _without(drawn: Drawn, gone: Sequence[int]) -> Drawn:
    """Leave out events; what is left is numbered again, and ends as it must."""
    kept = [number for number in range(len(drawn.told)) if number not in gone]
    events = [deepcopy(drawn.told[number]) for number in kept]
    indices: dict[int, int] = {}
    for event in events:
        if "index" in event:
            event["index"] = indices.setdefault(event["index"], len(indices))
    calls = any(event.get("step", {}).get("type") == "function_call" for event in events)
    events[-1]["interaction"]["status"] = "requires_action" if calls else "completed"
    return _recut(drawn, Drawn(tuple(events), drawn.quirks), kept)


def _recut(drawn: Drawn, plainer: Drawn, kept: Sequence[int]) -> Drawn:
    """Cut a plainer stream where the other was cut: in the same event, as far from its end as before."""
    if not drawn.cuts:
        return plainer
    if drawn.is_new or plainer.is_new:
        return replace(plainer, cuts=tuple(cut for cut in drawn.cuts if cut < len(plainer.payload)))
    ends, new_ends = _ends(drawn), _ends(plainer)
    places = {number: at for at, number in enumerate([*kept, len(drawn.told)])}
    cuts = set()
    for cut in drawn.cuts:
        number = next(at for at, end in enumerate(ends) if cut <= end)
        if number in places:
            cuts.add(new_ends[places[number]] - (ends[number] - cut))
    return replace(plainer, cuts=tuple(sorted(cut for cut in cuts if 0 < cut < len(plainer.payload))))


def _ends(drawn: Drawn) -> list[int]:
    """Where each event ends in the body, and `[DONE]`."""
    return list(accumulate(map(len, drawn.framing.written(drawn.events))))
