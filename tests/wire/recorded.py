"""A recorded answer with the request that it answers, where that was kept beside it."""

from dataclasses import replace
from pathlib import Path

from conformance.wire.exchange import Exchange, Request
from conformance.wire.recording import read_recording
from conformance.wire.trace import Trace

__all__ = ["recorded"]


def recorded(path: Path, *, status: int | None = None) -> Trace:
    """Read `NAME.*`; attach the body of `NAME.request.json`, and the status where one is known."""
    asked = path.with_name(f"{path.name.split('.')[0]}.request.json")
    request = Request("POST", "/v1beta/interactions", None, asked.read_bytes()) if asked.exists() else None
    return Trace.of(
        [_whole(exchange, request, status) for exchange in read_recording(path).exchanges], path.name
    )


def _whole(exchange: Exchange, request: Request | None, status: int | None) -> Exchange:
    response = exchange.response
    if response is not None and response.status is None:
        response = replace(response, status=status)
    return replace(exchange, request=exchange.request or request, response=response)
