"""Recording the cassette of a scenario.

    print(record_scenario(path, "embedded", targets))

What is recorded from our own server says so, and has an address that nobody can mistake for the service's.
Keys are redacted before anything is written. A cassette that would differ in times alone stays as it is.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.contract.places import PACKAGE, folder
from conformance.errors import CassetteBroken, ScenarioBroken, UsageRefused
from conformance.report.record import our_version
from conformance.scenario.play import play
from conformance.scenario.running import Targets, cassette_path
from conformance.scenario.scenario import is_ours, read_scenario
from conformance.wire.cassette import read_cassette, write_cassette
from conformance.wire.exchange import Exchange
from conformance.wire.redaction import redact, redact_text

__all__ = ["OWN_ADDRESS", "record_scenario", "refuse_the_package"]

OWN_ADDRESS = "http://reference-server.invalid"


def refuse_the_package(paths: Iterable[Path], folder_to: str | None) -> None:
    """See to it that the cassettes of an installed package are not overwritten.

    Raises:
        UsageRefused: one of the scenarios would write there.
    """
    ours = folder("cassettes")
    if folder_to is None and ours.is_relative_to(PACKAGE) and any(map(is_ours, paths)):
        raise UsageRefused(
            f"{ours} belongs to the installed package", "Give --to DIR, and run with --cassettes DIR."
        )


def record_scenario(path: Path, target: str, targets: Targets, *, folder_to: str | None = None) -> str:
    """Play a scenario and write its cassette; give a sentence that says what was written.

    Raises:
        UsageRefused: the cassette cannot be written there.
        ScenarioBroken: it could not be played to its end, so that the cassette would miss requests.
    """
    refuse_the_package([path], folder_to)
    to = cassette_path(path, folder_to)
    scenario = read_scenario(path)
    played = play(scenario, targets.find(target, path), api_version=targets.options.api_version)
    responses = [call.exchange.response for call in played.trace.calls]
    cut = next((response.cut for response in responses if response is not None and response.cut), "")
    key = targets.key(target, scenario.id)
    if played.stopped or cut:
        why = redact_text(played.stopped or cut, [key])
        raise ScenarioBroken(str(path), "", f"nothing was recorded: {why}")
    exchanges = [redact(_addressed(call.exchange, target), [key]) for call in played.trace.calls]
    unmet = redact_text("; ".join(f"{miss.call}: {miss.message}" for miss in played.misses), [key])
    if _same(to, exchanges):
        return f"{to}: {len(exchanges)} exchanges, unchanged"
    try:
        write_cassette(to, exchanges, _provenance(target, targets, scenario.id))
    except OSError as error:
        raise UsageRefused(
            f"{to} cannot be written: {error.strerror}", "Choose a folder with --to."
        ) from None
    return f"{to}: {len(exchanges)} exchanges recorded" + (f"; not as expected: {unmet}" if unmet else "")


def _addressed(exchange: Exchange, target: str) -> Exchange:
    """Give exchanges with our own server an address that does not change with its port."""
    if target != "embedded" or exchange.request is None:
        return exchange
    parts = urlsplit(exchange.request.url)
    url = OWN_ADDRESS + parts.path + (f"?{parts.query}" if parts.query else "")
    kept = tuple(pair for pair in exchange.request.headers or () if pair[0].lower() != "host")
    return replace(exchange, request=replace(exchange.request, url=url, headers=kept))


def _provenance(target: str, targets: Targets, scenario: str) -> dict[str, Any]:
    told: dict[str, Any] = {"recorder": f"gemini-conformance {our_version()}", "scenario": scenario}
    if target == "embedded":
        told["origin"] = "the reference server of this project, not the live service"
        told["seed"] = targets.options.seed
    else:
        told["origin"] = targets.url(target)
    return told


def _same(path: Path, exchanges: list[Exchange]) -> bool:
    """Whether a cassette holds these exchanges already; times do not count."""
    try:
        recorded, _ = read_cassette(path)
    except CassetteBroken:
        return False
    return [_timeless(exchange) for exchange in recorded] == [_timeless(exchange) for exchange in exchanges]


def _timeless(exchange: Exchange) -> tuple[Any, ...]:
    request, response = exchange.request, exchange.response
    return (
        (request.method, request.url, sorted(request.headers or ()), request.body) if request else None,
        (response.status, sorted(response.headers or ()), response.body) if response else None,
    )
