"""One scenario against one target, from the file to the lines of the record.

    lines = run_scenario(path, "embedded", Targets(options))

This is what a test item does. It raises nothing: a broken file, a target that nobody listens on and a fault
of our own are outcomes, with a sentence each.
"""

import ipaddress
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from conformance.contract.coverage import Coverage
from conformance.contract.places import folder
from conformance.contract.registry import registry
from conformance.errors import (
    CassetteBroken,
    CassetteMiss,
    ConformanceError,
    KeyMissing,
    ScenarioBroken,
    TargetUnreachable,
    UsageRefused,
)
from conformance.judge.judge import judge
from conformance.judge.verdict import Outcome, Report, Verdict
from conformance.report.record import Line, coverage_line, exchange_lines, kept_whole, report_lines
from conformance.scenario.play import Played, play
from conformance.scenario.scenario import SUFFIX, is_ours, read_scenario, scenario_id
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
    "is_loopback",
    "judge_played",
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
    """

    targets: tuple[str, ...] = ()
    api_version: str = "v1beta"
    seed: int = 7
    closed: bool = False
    timeout_s: float = 60.0
    key_env: str | None = None
    cassettes: str | None = None


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
    """The targets of a run: made when first needed, closed together."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._stack = ExitStack()
        self._urls: dict[str, str] = {}
        self._http: dict[str, HttpTarget] = {}

    def close(self) -> None:
        """Close every connection and the embedded server."""
        self._stack.close()
        self._http.clear()
        self._urls.clear()

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
            self._http[name] = self._stack.enter_context(
                HttpTarget(self.url(name), key=key, timeout_s=self.options.timeout_s)
            )
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


def run_scenario(path: Path, target: str, targets: Targets) -> list[Line]:
    """Play and judge one scenario; give the lines of the record, the summary first, without the key."""
    secrets = _secrets(target, targets)
    return [_redacted(line, secrets) for line in _lines(path, target, targets)]


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


def _lines(path: Path, target: str, targets: Targets) -> list[Line]:
    subject = subject_of(path, target)
    started = time.monotonic()
    try:
        scenario = read_scenario(path)
        if scenario.only and target not in scenario.only:
            told = f"it makes sense for {' and '.join(scenario.only)} alone"
            return [_summary(subject, target, path, "not-applicable", told)]
        found = targets.find(target, path)
        played = play(scenario, found, api_version=targets.options.api_version)
    except CassetteMiss as error:
        return [_summary(subject, target, path, "fail", str(error), hint=error.hint)]
    except TargetUnreachable as error:
        return [_summary(subject, target, path, "inconclusive", str(error), hint=error.hint, exit_code=5)]
    except (ScenarioBroken, CassetteBroken, KeyMissing, UsageRefused) as error:
        return [_summary(subject, target, path, "error", str(error), hint=error.hint, exit_code=2)]
    except ConformanceError as error:
        return [_summary(subject, target, path, "error", str(error), hint=error.hint, exit_code=3)]
    except Exception as error:  # noqa: BLE001 (whatever it is, the run goes on and says so)
        return [_our_fault(subject, target, path, error)]
    try:
        doubt = found.doubt if isinstance(found, CassetteTarget) else ""
        return _judged(subject, target, targets, played, time.monotonic() - started, doubt=doubt)
    except Exception as error:  # noqa: BLE001
        return [_our_fault(subject, target, path, error)]


def _our_fault(subject: str, target: str, path: Path, error: Exception) -> Line:
    problem = f"the harness failed: {type(error).__name__}: {error}"
    line = _summary(subject, target, path, "error", problem, exit_code=3)
    line["hint"] = (
        "This is our fault: please report it with the record of the run, which holds the traceback."
    )
    line["traceback"] = "".join(traceback.format_exception(error))
    return line


def _judged(
    subject: str, target: str, targets: Targets, played: Played, seconds: float, *, doubt: str = ""
) -> list[Line]:
    weak = target == "live" or played.unreachable
    report = judge_played(played, closed=targets.options.closed, own=target in OWN_TARGETS, weak=weak)
    if doubt:
        report.findings.append(Verdict("warn", Place(0, "response"), "", doubt, "", "server"))
    secrets = _secrets(target, targets)
    redactor = Redactor(secrets)
    exchanges = [redactor.exchange(call.exchange) for call in played.trace.calls]
    trace = Trace.of(exchanges, played.trace.name)
    summary = _summary(
        subject,
        target,
        played.scenario.file,
        report.outcome,
        played.stopped,
        exit_code=5 if played.unreachable else 0,
    )
    summary |= {
        "title": played.scenario.title,
        "requests": len(exchanges),
        "seconds": round(seconds, 4),
        "exercises": list(played.scenario.exercises),
    }
    return [
        summary,
        *exchange_lines(subject, exchanges, whole=kept_whole(report.findings)),
        *report_lines(subject, report, trace),
        coverage_line(subject, Coverage.of(report.branches)),
    ]


def judge_played(played: Played, *, closed: bool, own: bool, weak: bool = False) -> Report:
    """Judge what was played: by the requirements, and by what the scenario alone expects.

    own: against our own server or its cassette, where a missed expectation is a failure.
    weak: that something was not shown may not be the endpoint's doing.
    """
    report = judge(played.trace, closed=closed, parties=("server",))
    report.findings.extend(_cuts(played))
    report.findings.extend(_expectations(played, own=own))
    report.findings.extend(_unobserved(played, report, weak=weak))
    return report


def _cuts(played: Played) -> Iterator[Verdict]:
    """Find answers that ended before their end, which their bytes alone may not show."""
    for call in played.trace.calls:
        if call.exchange.response is not None and call.exchange.response.cut:
            message = f"the answer is not whole: {call.exchange.response.cut}"
            yield Verdict("fail", call.place, "", message, "", "server")


def _expectations(played: Played, *, own: bool) -> Iterator[Verdict]:
    for miss in played.misses:
        outcome: Outcome = "fail" if own else "inconclusive"
        yield Verdict(outcome, Place(miss.exchange, "response"), "", miss.message, "", "server")


def _unobserved(played: Played, report: Report, *, weak: bool) -> Iterator[Verdict]:
    """What the scenario is meant to show and did not; `weak` where that may not be the endpoint's doing."""
    outcomes = report.outcomes()
    last = Place(max(0, len(played.trace.calls) - 1), "response")
    for name in played.scenario.exercises:
        requirement = registry()[name]
        if name in outcomes or requirement.level != "must" or requirement.party == "client":
            continue
        outcome: Outcome = "inconclusive" if weak else "untestable"
        message = played.stopped or "nothing in this conversation showed it"
        yield Verdict(outcome, last, "", message, name, "server")


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
