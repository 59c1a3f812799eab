"""One scenario against one target, from the file to the lines of the record.

    lines = run_scenario(path, "embedded", Targets(options))

This is what a test item does. It raises nothing: a broken file, a target that nobody listens on and a fault
of our own are outcomes, with a sentence each.
"""

import ipaddress
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from conformance.contract.coverage import Coverage
from conformance.contract.places import folder
from conformance.errors import (
    CassetteBroken,
    CassetteMiss,
    ConformanceError,
    EndpointStrange,
    KeyMissing,
    NeedUnmet,
    ScenarioBroken,
    TargetUnreachable,
    UsageRefused,
)
from conformance.judge.verdict import Outcome, Report, Verdict, worst
from conformance.report.record import Line, coverage_line, exchange_lines, kept_whole, report_lines
from conformance.scenario.judging import Part, judge_played, judge_tried
from conformance.scenario.live.budget import LIVE, Budget, Purse
from conformance.scenario.live.clock import REAL, Clock
from conformance.scenario.live.forecast import Forecast, forecast_of
from conformance.scenario.live.manners import Polite
from conformance.scenario.live.tries import ENDING, Attempt, Tried, try_scenario
from conformance.scenario.needs import Asked, given
from conformance.scenario.play import Played, play
from conformance.scenario.scenario import SUFFIX, Scenario, is_ours, read_scenario, scenario_id
from conformance.scenario.target import CassetteTarget, HttpTarget, Target
from conformance.wire.redaction import Redactor, redact_text
from conformance.wire.trace import Place, Trace

__all__ = [
    "LIVE_URL",
    "OWN_TARGETS",
    "Options",
    "Targets",
    "cassette_path",
    "checked_target",
    "forecast_for",
    "is_loopback",
    "not_played",
    "run_scenario",
    "subject_of",
    "targets_of",
]

LIVE_URL: Final = "https://generativelanguage.googleapis.com"
OWN_TARGETS: Final = ("cassettes", "embedded")


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked to do.

    targets: "embedded", "cassettes", "live", or URLs; none stands for the default.
    timeout_s: how long one exchange may take.
    key_env: the environment variable that holds the key for a URL; keys are never sent anywhere unasked.
    cassettes: the folder of the cassettes, when it is not ours.
    budget: what may be spent where a target is not our own; there is one for the live service, if none is
    given.
    dry_run: nothing is sent; told is what would be.
    model, have: the model that `live` and URLs are asked for, and what the account has there.
    """

    targets: tuple[str, ...] = ()
    api_version: str = "v1beta"
    seed: int = 7
    closed: bool = False
    timeout_s: float = 60.0
    key_env: str | None = None
    cassettes: str | None = None
    budget: Budget | None = None
    dry_run: bool = False

    @property
    def limits(self) -> Budget:
        """What may be spent on endpoints that are not our own."""
        if self.budget is None:
            return LIVE if "live" in self.targets else Budget()
        return self.budget

    model: str | None = None
    have: tuple[tuple[str, str], ...] = ()

    def asked(self, target: str) -> Asked | None:
        """What was said of the needs of scenarios; None for our own targets, which need not be told."""
        return None if target in OWN_TARGETS else Asked(self.model, self.have)


def targets_of(scenario: Path, options: Options) -> tuple[str, ...]:
    """Give the targets of a scenario: those asked for, or its cassette and the embedded server.

    Whoever names no target and has recorded no cassette of a scenario of their own is not asked for one.
    """
    if options.targets:
        return options.targets
    recorded = options.cassettes is not None or is_ours(scenario) or cassette_path(scenario).exists()
    return OWN_TARGETS if recorded else ("embedded",)


def cassette_path(scenario: Path, cassettes: str | None = None) -> Path:
    """Where the cassette of a scenario lies.

    In the folder `cassettes`, under the scenario's id (with `_` for each `..`, so that it stays below); when
    none is given, in ours, or beside a scenario that is not ours.
    """
    name = Path(f"{scenario_id(scenario)}.yaml")
    if cassettes is not None:
        return Path(cassettes, *("_" if part == ".." else part for part in name.parts if part != name.anchor))
    if is_ours(scenario):
        return folder("cassettes") / name
    return scenario.with_name(scenario.name.removesuffix(SUFFIX) + ".cassette.yaml")


class Targets:
    """The targets of a run: made when first needed, closed together. All spend from one purse.

    tell: what is called with a sentence about what people wait for.
    """

    def __init__(
        self, options: Options, clock: Clock = REAL, tell: Callable[[str], None] | None = None
    ) -> None:
        self.options = options
        self.clock = clock
        self.tell = tell
        self.purse = Purse(options.limits, clock)
        self._stack = ExitStack()
        self._urls: dict[str, str] = {}
        self._http: dict[str, HttpTarget | Polite] = {}

    def close(self) -> None:
        """Close every connection and the embedded server."""
        self._stack.close()
        self._http.clear()
        self._urls.clear()

    def closing_lines(self) -> list[Line]:
        """What was spent on endpoints that are not our own, if anything was."""
        if not self.purse.requests:
            return []
        keys = [target.key for target in self._http.values() if isinstance(target, Polite)]
        left = [redact_text(name, keys) for name in self.purse.left]
        return [{"type": "spent", **self.purse.to_json(), "left": left}]

    def find(self, name: str, scenario: Path) -> Target:
        """Give the target of that name for a scenario.

        Raises:
            KeyMissing, UsageRefused: it cannot be used as asked.
            CassetteBroken: the scenario has no cassette.
        """
        if name == "cassettes":
            return CassetteTarget(cassette_path(scenario, self.options.cassettes))
        key = self.key(name, scenario_id(scenario))
        if name not in self._http:
            http = self._stack.enter_context(
                HttpTarget(self.url(name), key=key, timeout_s=self.options.timeout_s)
            )
            self._http[name] = http if name == "embedded" else Polite(http, self.purse, tell=self.tell)
        target = self._http[name]
        target.key = key
        return target

    def key(self, name: str, scenario: str) -> str:
        """Give the key for a target; each scenario has its own embedded one, so that none meets another."""
        if name == "embedded":
            return f"key-of-{quote(scenario).replace('-', '%2D').replace('/', '-')}"
        if self.options.key_env is not None:
            key = os.environ.get(self.options.key_env, "").strip()
            if not key:
                raise UsageRefused(f"the environment variable {self.options.key_env} holds no key")
            return _sendable(key)
        if name == "live":
            key = (os.environ.get("GOOGLE_API_KEY") or os.environ.get("GEMINI_API_KEY") or "").strip()
            if not key:
                raise KeyMissing
            return _sendable(key)
        return "conformance-test-key"

    def url(self, name: str) -> str:
        """Give the base address of a target that is reached over HTTP."""
        if name == "embedded":
            if name not in self._urls:
                from conformance.server import serving

                self._urls[name] = self._stack.enter_context(serving(seed=self.options.seed)).url
            return self._urls[name]
        return checked_url(os.environ.get("GOOGLE_GEMINI_BASE_URL") or LIVE_URL if name == "live" else name)


def checked_target(name: str, options: Options) -> None:
    """Refuse a target that cannot work, before anything is sent.

    Raises:
        UsageRefused: it is no target.
        KeyMissing: the live service needs a key.
    """
    if name not in OWN_TARGETS:
        targets = Targets(options)
        targets.url(name)
        targets.key(name, "")


def _sendable(key: str) -> str:
    if not key.isascii() or not key.isprintable():
        raise UsageRefused(
            "the API key holds characters that no header can carry", "Copy it again: keys are plain ASCII."
        )
    return key


def checked_url(url: str) -> str:
    """Give a target's URL without a slash at its end.

    Raises:
        UsageRefused: it is no URL, holds more than an address, or keys would cross a network in the clear.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageRefused(
            f"{url!r} is no target",
            "Targets are embedded, cassettes, live, or a URL such as http://127.0.0.1:8000.",
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageRefused(
            "a target is an address alone, without a name, a query or a fragment",
            "Put the key into an environment variable and name it with --key-env.",
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise UsageRefused(
            f"{url} is not HTTPS", "The key would cross the network in the clear; use https://."
        )
    return url.rstrip("/")


def _split(url: str) -> SplitResult | None:
    with suppress(ValueError):
        parts = urlsplit(url)
        _ = parts.port
        return parts if url.isprintable() and " " not in url else None
    return None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def subject_of(path: Path, target: str) -> str:
    """Give the name under which a scenario against a target stands in the record."""
    return f"{scenario_id(path)}[{target}]"


def run_scenario(path: Path, target: str, targets: Targets, forecast: Forecast | None = None) -> list[Line]:
    """Play and judge one scenario; give the lines of the record, the summary first, without the key.

    forecast: what has to be left of the budget before it is begun.
    """
    secrets = _secrets(target, targets)
    return [_redacted(line, secrets) for line in _lines(path, target, targets, forecast)]


def _secrets(target: str, targets: Targets) -> list[str]:
    """Give the key that must not be shown, if there is one."""
    if target not in OWN_TARGETS:
        with suppress(ConformanceError):
            return [targets.key(target, "")]
    return []


_PROSE = ("problem", "hint", "traceback", "message", "bytes", "pointer", "name")


def _redacted(line: Line, secrets: list[str]) -> Line:
    """Take a secret out of whatever a line quotes; its exchanges have been redacted before."""
    quoted = {key: redact_text(line[key], secrets) for key in _PROSE if isinstance(line.get(key), str)}
    return line | quoted


def _lines(path: Path, target: str, targets: Targets, forecast: Forecast | None) -> list[Line]:
    subject = subject_of(path, target)
    started, tried = targets.clock.now(), None
    try:
        scenario = read_scenario(path)
        if scenario.only and target not in scenario.only:
            told = f"it makes sense for {' and '.join(scenario.only)} alone"
            return [_summary(subject, target, path, "not-applicable", told)]
        found = targets.find(target, path)
        recorded = found.given if isinstance(found, CassetteTarget) else None
        values = given(scenario, targets.options.asked(target), recorded=recorded)
        if forecast is not None:
            targets.purse.afford(requests=forecast.requests, tokens=forecast.tokens // 2)
        tried = _tried(scenario, found, targets, values)
        if isinstance(found, Polite):
            found.meet(call.exchange for call in tried.last.played.trace.calls)
    except NeedUnmet as error:
        return [_summary(subject, target, path, "not-applicable", str(error))]
    except CassetteMiss as error:
        return [_summary(subject, target, path, "fail", str(error), hint=error.hint)]
    except (TargetUnreachable, *ENDING) as error:
        if isinstance(error, EndpointStrange) and tried is not None:
            return _strange(subject, target, targets, tried.last.played, error)
        code = error.exit_code
        outcome: Outcome = "fail" if code == 1 else "inconclusive"
        return [_summary(subject, target, path, outcome, str(error), hint=error.hint, exit_code=code)]
    except (ScenarioBroken, CassetteBroken, KeyMissing, UsageRefused) as error:
        return [_summary(subject, target, path, "error", str(error), hint=error.hint, exit_code=2)]
    except ConformanceError as error:
        return [_summary(subject, target, path, "error", str(error), hint=error.hint, exit_code=3)]
    except Exception as error:  # noqa: BLE001 (whatever it is, the run goes on and says so)
        return [_our_fault(subject, target, path, error)]
    try:
        doubt = found.doubt if isinstance(found, CassetteTarget) else ""
        return _judged(subject, target, targets, tried, targets.clock.now() - started, doubt=doubt)
    except Exception as error:  # noqa: BLE001
        return [_our_fault(subject, target, path, error)]


def _tried(scenario: Scenario, target: Target, targets: Targets, values: Mapping[str, str]) -> Tried:
    """Play a scenario: once against our own server or its cassette, with patience and tidily elsewhere."""
    version = targets.options.api_version
    if not isinstance(target, Polite):
        return Tried([Attempt(play(scenario, target, api_version=version, given=values), Report(), "", ())])
    closed = targets.options.closed
    try:
        return try_scenario(scenario, target, values, api_version=version, sleep=target.wait, closed=closed)
    finally:
        target.tidy()


def _strange(
    subject: str, target: str, targets: Targets, played: Played, error: EndpointStrange
) -> list[Line]:
    """Give the lines of the first conversation with an endpoint that is not this API: one finding."""
    outcome: Outcome = "fail" if error.exit_code == 1 else "inconclusive"
    verdict = Verdict(outcome, Place(0, "response"), "", str(error), "", "server")
    summary = _summary(subject, target, played.scenario.file, outcome, "", exit_code=error.exit_code)
    summary |= {"requests": len(played.trace.calls)}
    part = Part(played, Report(findings=[verdict]))
    return [summary, *_part_lines(subject, part, Redactor(_secrets(target, targets)))]


def forecast_for(path: Path, target: str, options: Options) -> Forecast | str:
    """Tell what a scenario would cost at a target, or why it would not be sent there.

    Raises:
        ScenarioBroken: it is none.
    """
    scenario = read_scenario(path)
    if scenario.only and target not in scenario.only:
        return f"it makes sense for {' and '.join(scenario.only)} alone"
    try:
        values = given(scenario, options.asked(target))
    except NeedUnmet as error:
        return str(error)
    cassette = cassette_path(path, options.cassettes)
    return forecast_of(scenario, values, cassette, api_version=options.api_version)


def not_played(path: Path, target: str, why: str, forecast: Forecast | None) -> Line:
    """Give the line of a scenario that was left out."""
    line = _summary(subject_of(path, target), target, path, "not-applicable", why)
    return line | ({"forecast": forecast.to_json()} if forecast is not None else {})


def _our_fault(subject: str, target: str, path: Path, error: Exception) -> Line:
    problem = f"the harness failed: {type(error).__name__}: {error}"
    line = _summary(subject, target, path, "error", problem, exit_code=3)
    line["hint"] = (
        "This is our fault: please report it with the record of the run, which holds the traceback."
    )
    line["traceback"] = "".join(traceback.format_exception(error))
    return line


def _judged(
    subject: str, target: str, targets: Targets, tried: Tried, seconds: float, *, doubt: str = ""
) -> list[Line]:
    closed = targets.options.closed
    played = tried.last.played
    if target in OWN_TARGETS:
        parts = [Part(played, judge_played(played, closed=closed, own=True))]
    else:
        parts = judge_tried(tried, closed=closed, weak=target == "live")
    if doubt:
        parts[-1].report.findings.append(Verdict("warn", Place(0, "response"), "", doubt, "", "server"))
    file = played.scenario.file
    outcome = worst(part.report.outcome for part in parts)
    code = played.ended.exit_code if played.ended is not None else 0
    summary = _summary(subject, target, file, outcome, played.stopped, exit_code=code)
    summary |= {
        "title": played.scenario.title,
        "requests": sum(len(attempt.played.trace.calls) for attempt in tried.attempts),
        "seconds": round(seconds, 4),
        "exercises": list(played.scenario.exercises),
    }
    if len(tried.attempts) > 1:
        summary["tries"] = len(tried.attempts)
    redactor = Redactor(_secrets(target, targets))
    lines, at = [summary], 0
    for part in parts:
        lines += (_moved(line, at) for line in _part_lines(subject, part, redactor))
        at += len(part.played.trace.calls)
    return lines


def _part_lines(subject: str, part: Part, redactor: Redactor) -> Iterator[Line]:
    exchanges = [redactor.exchange(call.exchange) for call in part.played.trace.calls]
    yield from exchange_lines(subject, exchanges, whole=kept_whole(part.report.findings))
    yield from report_lines(subject, part.report, Trace.of(exchanges, part.played.trace.name))
    yield coverage_line(subject, Coverage.of(part.report.branches))


def _moved(line: Line, by: int) -> Line:
    """Give a line whose exchanges are counted on from those of earlier attempts."""
    return line | {"exchange": line["exchange"] + by} if by and "exchange" in line else line


def _summary(
    subject: str,
    target: str,
    path: Path,
    outcome: Outcome,
    problem: str,
    *,
    hint: str = "",
    exit_code: int = 0,
) -> Line:
    return {
        "type": "scenario",
        "subject": subject,
        "file": f"scenarios/{scenario_id(path)}{SUFFIX}" if is_ours(path) else str(path),
        "target": target,
        "outcome": outcome,
        "problem": problem,
        "hint": hint,
        "exit_code": exit_code,
        "requests": 0,
        "seconds": 0.0,
    }
