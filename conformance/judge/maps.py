"""Grounding with Google Maps: places, the citations of them, and the token of the widget.

Source: https://ai.google.dev/gemini-api/docs/maps-grounding
"""

from collections.abc import Iterator

from conformance.judge.tools import annotations_of, result_items, tools_of
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Trace

__all__ = [
    "citations_name_their_place",
    "places_tell_name_id_and_address",
    "widget_tokens_are_asked_for",
]

_STEP = "google_maps_result"


def places_tell_name_id_and_address(trace: Trace) -> Iterator[Verdict]:
    """A place tells its name, place_id and url (IX-MAPS-005)."""
    for call in trace.calls:
        for at, item in result_items(call, _STEP):
            places = item.get("places")
            for number, place in enumerate(places if isinstance(places, list) else ()):
                if not isinstance(place, dict):
                    continue
                missing = [name for name in ("name", "place_id", "url") if name not in place]
                if missing:
                    yield broken(call, f"{at}/places/{number}", f"the place has no {', '.join(missing)}")
                else:
                    yield kept(call)


def citations_name_their_place(trace: Trace) -> Iterator[Verdict]:
    """A place_citation tells the name and the url of its place, which an app has to show (IX-MAPS-006)."""
    for call in trace.calls:
        for at, citation in annotations_of(call, "place_citation"):
            missing = [name for name in ("name", "url") if not citation.get(name)]
            if missing:
                yield broken(call, at, f"the citation has no {', '.join(missing)}")
            else:
                yield kept(call)


def widget_tokens_are_asked_for(trace: Trace) -> Iterator[Verdict]:
    """A token for the widget comes only if `enable_widget` is true (IX-MAPS-007)."""
    for call in trace.calls:
        tools = tools_of(call, "google_maps")
        if not tools or any(tool.get("enable_widget") is True for tool in tools):
            continue
        for at, item in result_items(call, _STEP):
            if item.get("widget_context_token"):
                yield broken(
                    call, f"{at}/widget_context_token", "enable_widget is not true, and a token came"
                )
            else:
                yield kept(call)
