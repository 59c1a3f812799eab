"""Recording the cassette of a scenario.

    print(record_scenario(path, "embedded", targets))

What is recorded from our own server says so, has an address that nobody can mistake for the service's, and
no times: the same server gives the same file. What is recorded is judged before it is written, and secrets
are redacted. A cassette that would differ in times alone stays as it is.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.contract.places import PACKAGE, folder
from conformance.errors import (
    CassetteBroken,
    NeedUnmet,
    RecordingHalf,
    RecordingWrong,
    ScenarioBroken,
    UsageRefused,
)
from conformance.judge.judge import judge
from conformance.report.record import our_version
from conformance.scenario.live.manners import Polite
from conformance.scenario.live.tries import try_scenario
from conformance.scenario.needs import given
from conformance.scenario.play import Played, play
from conformance.scenario.running import Targets, cassette_path
from conformance.scenario.scenario import is_ours, read_scenario
from conformance.wire.cassette import FORMAT, read_cassette, write_cassette
from conformance.wire.exchange import Arrival, Exchange, Response, header
from conformance.wire.files import writing_alone
from conformance.wire.redaction import Redactor, redact_text, shorten
from conformance.wire.sse import Decoder
from conformance.wire.trace import Trace

__all__ = [
    "KEY_VARIABLES",
    "OWN_ADDRESS",
    "Recording",
    "Wishes",
    "play_scenario",
    "record_scenario",
    "recorded",
    "refuse_half",
    "refuse_the_package",
    "writing_cassette",
]

OWN_ADDRESS = "http://reference-server.invalid"
KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
"""What these hold is in no recording, whether it was sent or not."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a cassette is to be made.

    folder_to: where it goes, if not to ours or beside the scenario.
    shorten: signatures and media become stubs.
    hide_ids: the ids of interactions are redacted.
    even_if_wrong: a recording that breaks the contract is written too, and says so.
    """

    folder_to: str | None = None
    shorten: bool = False
    hide_ids: bool = False
    even_if_wrong: bool = False


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


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded of a scenario, redacted, and not written yet.

    file: where its cassette goes.
    provenance: what the cassette will tell of itself.
    wrong: which requirements the server broke, each with what is wrong; `left` those that only redaction
        and shortening break, which are no fault of the server's.
    """

    file: Path
    played: Played
    exchanges: list[Exchange]
    provenance: dict[str, Any]
    wrong: list[str]
    left: list[str]
    secrets: list[str]
    timeless: bool

    @property
    def unmet(self) -> str:
        """What was not as the scenario expects, for people; empty when all was."""
        told = "; ".join(f"{miss.call}: {miss.message}" for miss in self.played.misses)
        return redact_text(told, self.secrets)

    def refuse_wrong(self, *, even_if_wrong: bool = False) -> None:
        """See to it that no wrong recording becomes a fixture unasked.

        Raises:
            RecordingWrong: what was answered breaks the contract.
            UsageRefused: shortened or redacted it would break the contract.
        """
        if self.wrong and not even_if_wrong:
            raise RecordingWrong(str(self.file), self.wrong)
        if self.left:
            raise UsageRefused(
                f"{self.file} is not written: shortened or redacted it would break {self.left[0]}"
            )

    def write(self) -> bool:
        """Write the cassette; tell whether it was any different.

        Raises:
            SecretLeft: what was recorded holds a secret that was not found before.
        """
        provenance = self.provenance | ({"findings": self.wrong} if self.wrong else {})
        if _same(self.file, self.exchanges, provenance, timeless=self.timeless):
            return False
        write_cassette(self.file, self.exchanges, provenance, secrets=self.secrets)
        return True


def record_scenario(path: Path, target: str, targets: Targets, wishes: Wishes | None = None) -> str:
    """Play a scenario and write its cassette; give a sentence that says what was written.

    Raises:
        UsageRefused: the cassette cannot be written there, or not as wished.
        FileTaken: another process records it.
        NeedUnmet: the model or the account lacks what it needs.
        RecordingHalf, ScenarioBroken: it could not be played to its end; the cassette would miss requests.
        RecordingWrong: what was answered breaks the contract.
        SecretLeft: what was recorded holds a secret that was not found before.
    """
    wishes = wishes or Wishes()
    refuse_the_package([path], wishes.folder_to)
    to = cassette_path(path, wishes.folder_to)
    with writing_cassette(to):
        recording = recorded(play_scenario(path, target, targets), to, target, targets, wishes)
        refuse_half(recording.played, recording.secrets)
        recording.refuse_wrong(even_if_wrong=wishes.even_if_wrong)
        if not recording.write():
            return f"{to}: {len(recording.exchanges)} exchanges, unchanged"
    told = [f"{to}: {len(recording.exchanges)} exchanges recorded"]
    told += [f"not as expected: {recording.unmet}"] if recording.unmet else []
    told += [f"it breaks {'; '.join(recording.wrong)}"] if recording.wrong else []
    return "; ".join(told)


@contextmanager
def writing_cassette(to: Path) -> Iterator[None]:
    """Be the only one who records a cassette until the block ends.

    Raises:
        FileTaken: another process records it.
        UsageRefused: it cannot be written there.
    """
    try:
        with writing_alone(to):
            yield
    except OSError as error:
        raise UsageRefused(
            f"{to} cannot be written: {error.strerror}", "Choose a folder with --to."
        ) from None


def play_scenario(path: Path, target: str, targets: Targets) -> Played:
    """Play a scenario for a recording; raises what `play` and `Targets.find` raise.

    Another endpoint's model may take several tries to do what the scenario is about; what it stores is
    deleted.
    """
    scenario, version = read_scenario(path), targets.options.api_version
    if scenario.only and target not in scenario.only:
        raise NeedUnmet(f"it makes sense for {' and '.join(scenario.only)} alone")
    values = given(scenario, targets.options.asked(target))
    found = targets.find(target, path)
    if not isinstance(found, Polite):
        return play(scenario, found, api_version=version, given=values)
    try:
        tried = try_scenario(scenario, found, values, api_version=version, sleep=found.wait, firmly=False)
    finally:
        found.tidy()
    return tried.last.played


def recorded(played: Played, to: Path, target: str, targets: Targets, wishes: Wishes) -> Recording:
    """Make of what was played what is to be written, and judge both."""
    key = targets.key(target, played.scenario.id)
    secrets = [key, *(os.environ.get(name, "").strip() for name in KEY_VARIABLES)]
    wrong = _wrong(played.trace, key)
    made = _Made.of([_addressed(call.exchange, target) for call in played.trace.calls], secrets, wishes)
    return Recording(
        file=to,
        played=played,
        exchanges=made.exchanges,
        provenance=_provenance(target, targets, played) | made.provenance,
        wrong=wrong,
        left=[finding for finding in _wrong(Trace.of(made.exchanges), key) if finding not in wrong],
        secrets=secrets,
        timeless=target != "embedded",
    )


def refuse_half(played: Played, secrets: Sequence[str]) -> None:
    """See to it that a conversation which was not played to its end becomes no cassette.

    Raises:
        RecordingHalf: the endpoint, or what may be spent, came to an end before.
        ScenarioBroken: an answer had not what the next call needs.
    """
    responses = [call.exchange.response for call in played.trace.calls]
    cut = next((response.cut for response in responses if response is not None and response.cut), "")
    why = redact_text(played.stopped or cut, secrets)
    if cut or played.ended is not None:
        raise RecordingHalf(played.scenario.id, why)
    if why:
        raise ScenarioBroken(str(played.scenario.file), "", f"nothing was recorded: {why}")


def _wrong(trace: Trace, key: str) -> list[str]:
    """Tell which requirements a server breaks in a trace, each once, with what is wrong first."""
    told: dict[str, str] = {}
    for verdict in judge(trace, parties=("server",)).of("fail"):
        told.setdefault(verdict.requirement, f"{verdict.requirement}: {redact_text(verdict.message, [key])}")
    return list(told.values())


@dataclass(frozen=True, slots=True)
class _Made:
    """The exchanges as they are written, and what was done to them."""

    exchanges: list[Exchange]
    provenance: dict[str, Any]

    @classmethod
    def of(cls, exchanges: Sequence[Exchange], secrets: Sequence[str], wishes: Wishes) -> "_Made":
        """Redact, and shorten where that is wished."""
        redactor = Redactor(secrets, ids=wishes.hide_ids)
        made, count = [], 0
        for exchange in exchanges:
            whole, stubs = shorten(exchange) if wishes.shorten else (exchange, 0)
            made.append(redactor.exchange(whole))
            count += stubs
        told: dict[str, Any] = {"redacted": {kind: n for kind, n in sorted(redactor.redacted.items()) if n}}
        return cls(made, told | ({"shortened": count} if count else {}))


def _addressed(exchange: Exchange, target: str) -> Exchange:
    """Give exchanges with our own server an address that does not change with its port, and no times."""
    if target != "embedded" or exchange.request is None or exchange.response is None:
        return exchange
    parts = urlsplit(exchange.request.url)
    url = OWN_ADDRESS + parts.path + (f"?{parts.query}" if parts.query else "")
    kept = tuple(pair for pair in exchange.request.headers or () if pair[0].lower() != "host")
    response = replace(exchange.response, arrivals=_as_written(exchange.response))
    return replace(exchange, request=replace(exchange.request, url=url, headers=kept), response=response)


def _as_written(response: Response) -> tuple[Arrival, ...]:
    """Give the pieces in which our server writes, a stream frame by frame; how TCP joins them is chance."""
    sizes = [len(response.body)]
    if "event-stream" in (header(response.headers, "content-type") or ""):
        sizes = [len(frame.raw) for frame in Decoder().feed(response.body)]
        sizes += [len(response.body) - sum(sizes)]
    return tuple(Arrival(end, 0.0) for end, size in zip(accumulate(sizes), sizes, strict=True) if size)


def _provenance(target: str, targets: Targets, played: Played) -> dict[str, Any]:
    told: dict[str, Any] = {
        "recorder": f"gemini-conformance {our_version()}",
        "scenario": played.scenario.id,
    }
    if target == "embedded":
        told["origin"] = "the reference server of this project, not the live service"
        told["seed"] = targets.options.seed
    else:
        told["origin"] = targets.url(target)
        if played.given:
            told["given"] = dict(played.given)
        told["recorded"] = datetime.now(UTC).isoformat(timespec="seconds")
    asked = [call.asked for call in played.trace.calls if isinstance(call.asked, dict)]
    named = [body.get(member) for body in asked for member in ("model", "agent")]
    told["models"] = list(dict.fromkeys(name for name in named if isinstance(name, str)))
    told["api_version"] = targets.options.api_version
    sent = [call.exchange.request for call in played.trace.calls]
    revisions = [header(request.headers, "api-revision") for request in sent if request is not None]
    told["revisions"] = list(dict.fromkeys(filter(None, revisions)))
    return told


_OF_THE_MOMENT = frozenset({"recorder", "recorded", "sha256", "format", "edited"})


def _same(path: Path, exchanges: list[Exchange], provenance: dict[str, Any], *, timeless: bool) -> bool:
    """Whether a cassette holds these exchanges already, and tells the same of them."""
    try:
        recorded, told = read_cassette(path)
    except CassetteBroken:
        return False
    if told.get("edited") or told.get("format") != FORMAT:
        return False
    old, new = (
        {key: value for key, value in one.items() if key not in _OF_THE_MOMENT} for one in (told, provenance)
    )
    return old == new and [_known(one, timeless=timeless) for one in recorded] == [
        _known(one, timeless=timeless) for one in exchanges
    ]


def _known(exchange: Exchange, *, timeless: bool) -> tuple[Any, ...]:
    request, response = exchange.request, exchange.response
    arrivals = () if timeless or response is None else tuple(response.arrivals)
    return (
        (request.method, request.url, sorted(request.headers or ()), request.body) if request else None,
        (response.status, sorted(response.headers or ()), response.body) if response else None,
        arrivals,
    )
