"""How the bytes of an answer went out, for the record: enough to send them again, byte for byte.

    delivery_of(answer, body)

Plan, pauses and fault are those of the test control (`server.control`); head, cuts, tail and end are what
came of them: the head with its status line, the offsets in the body between two writes, what followed the
body, and what happened to the connection.
"""

import base64
from dataclasses import replace
from itertools import accumulate
from typing import Any

from conformance.server.answer import Answer
from conformance.server.faults import scripted
from conformance.server.plans import Plan, pieces_of

__all__ = ["delivery_of"]


def delivery_of(answer: Answer, body: bytes) -> dict[str, Any]:
    """Describe a delivery; `body` is what the record keeps, and what went out is told where it differs."""
    told = answer.delivery
    plan, fault = (told.plan, told.fault) if told is not None else (Plan(), None)
    script = scripted(replace(answer, follow=None), fault, close=False, bodiless=False)
    pieces = list(pieces_of(script.writes, plan))
    by_byte = plan.cut == "byte" and not plan.at
    line = {
        "plan": "write" if plan.at else plan.cut,
        "pause_ms": round(plan.pause_s * 1000),
        "confirm": plan.confirm,
        "fault": fault.kind if fault is not None else "",
        "head": script.head.decode("latin-1"),
        "chunked": script.chunked,
        "cuts": [] if by_byte else list(accumulate(map(len, pieces)))[:-1],
        "tail": script.last.decode("latin-1"),
        "end": script.end,
    }
    sent = b"".join(pieces)
    return line if sent == body else {**line, "body_base64": base64.b64encode(sent).decode()}
