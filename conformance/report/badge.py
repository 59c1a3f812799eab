"""The end of a run as a badge: the JSON that https://shields.io/badges/endpoint-badge reads."""

import json

from conformance.report.summary import headline
from conformance.report.tally import Tally

__all__ = ["render_badge"]

_COLOURS = {0: "brightgreen", 1: "red", 5: "lightgrey"}


def render_badge(tally: Tally, exit_code: int) -> str:
    """Give the JSON of an endpoint badge."""
    badge = {
        "schemaVersion": 1,
        "label": "gemini-conformance",
        "message": headline(tally, exit_code),
        "color": _COLOURS.get(exit_code, "orange"),
    }
    return json.dumps(badge)
