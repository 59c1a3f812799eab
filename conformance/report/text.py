"""The record of a run, for people: findings first, then drift, then one line of counts.

    print("\\n".join(render_findings(lines)))

A finding tells what happened, what the requirement says, where that is documented, the bytes that show it,
and how to see it again.
"""

import json
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from conformance.contract.registry import Requirement, registry
from conformance.judge.verdict import Outcome, worst
from conformance.report.record import Line

__all__ = [
    "counts_of",
    "curl",
    "outcomes_of",
    "render_drift",
    "render_findings",
    "render_lint",
    "render_requirement",
    "render_requirements",
    "render_run",
    "render_total",
    "to_json",
]

_SHOWN: tuple[Outcome, ...] = ("error", "fail", "untestable", "inconclusive", "warn", "known")


def outcomes_of(lines: Iterable[Line]) -> dict[str, Outcome]:
    """The worst outcome of each requirement that was judged."""
    found: dict[str, Outcome] = {}
    for line in lines:
        match line:
            case {"type": "passes", "counts": dict(counts)}:
                for requirement in counts:
                    found.setdefault(requirement, "pass")
            case {"type": "verdict", "requirement": str(requirement), "outcome": outcome} if requirement:
                found[requirement] = worst((outcome, found.get(requirement, "excluded")))
    return found


def counts_of(lines: Sequence[Line]) -> dict[str, int]:
    """How many requirements ended with which outcome, those not observed and excluded included."""
    outcomes = outcomes_of(lines)
    counts: Counter[str] = Counter(outcomes.values())
    for requirement in registry().values():
        if requirement.id not in outcomes:
            counts[_unjudged(requirement)] += 1
    return {name: times for name, times in counts.items() if times}


def _unjudged(requirement: Requirement) -> str:
    """What a requirement is that nothing in a run was about."""
    if requirement.checks:
        return "not-observed"
    return "excluded" if requirement.excluded else "pending"


def render_findings(lines: Sequence[Line], *, again: str = "") -> Iterator[str]:
    """Every finding, worst first; repetitions of one finding in one subject are counted, not repeated."""
    exchanges = {(line["subject"], line["exchange"]): line for line in lines if line["type"] == "exchange"}
    groups: dict[tuple[str, str, str], list[Line]] = defaultdict(list)
    for line in lines:
        if line["type"] == "verdict":
            groups[line["outcome"], line["requirement"], line["subject"]].append(line)
    for outcome in _SHOWN:
        for (found, _, _), verdicts in groups.items():
            if found == outcome:
                yield from _finding(verdicts, exchanges, again)
    if any(found in ("fail", "warn") for found, _, _ in groups):
        yield "is a verdict wrong? report its requirement with these bytes (see CONTRIBUTING.md); it is a fault of ours"


def _finding(verdicts: list[Line], exchanges: Mapping[tuple[str, int], Line], again: str) -> Iterator[str]:
    first = verdicts[0]
    requirement = registry().get(first["requirement"])
    name = first["requirement"] or "scenario"
    yield f"{first['outcome']} {name} {first['party']}  {_place(first)}: {_printable(first['message'])}"
    if requirement is not None:
        seen = " (observed, so it warns)" if requirement.confidence == "observed" else ""
        yield f"    expected  {requirement.says}{seen}"
        yield f"    source    {requirement.source}"
    if first["bytes"]:
        yield f"    bytes     {_printable(_one_line(first['bytes']))}"
    exchange = exchanges.get((first["subject"], first["exchange"]))
    if (
        exchange is not None
        and exchange["request"] is not None
        and exchange["request"]["url"].startswith("http")
    ):
        yield f"    again     {_printable(curl(exchange['request']))}"
    elif again:
        yield f"    again     {again} {shlex.quote(first['subject'])}"
    if len(verdicts) > 1:
        places = ", ".join(_short_place(line) for line in verdicts[1:4])
        more = f" and {len(verdicts) - 4} more" if len(verdicts) > 4 else ""
        yield f"    also at   {places}{more}"


def _place(line: Line) -> str:
    call = f"/{line['call']}" if line["call"] else ""
    return f"{line['subject']}{call} {_short_place(line)}".rstrip()


def _short_place(line: Line) -> str:
    parts = []
    if line["exchange"]:
        parts.append(f"exchange {line['exchange']}")
    if line["side"] == "request":
        parts.append("request")
    if line["event"] is not None:
        parts.append(f"event {line['event']}")
    if line["pointer"]:
        parts.append(line["pointer"])
    return " ".join(parts) or "response"


def _one_line(text: str) -> str:
    return " | ".join(part for part in text.splitlines() if part)[:200]


def _printable(text: str) -> str:
    """Leave out what a terminal would obey or choke on: control characters, lone surrogates."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def curl(request: Mapping[str, Any]) -> str:
    """The command line that sends a recorded request again.

    The key comes from the environment; that of the service is not sent to anyone else.
    """
    parts = ["curl", "-sS", "-N", "-X", request["method"], _quoted(request["url"])]
    service = (urlsplit(request["url"]).hostname or "").endswith(".googleapis.com")
    key = '"x-goog-api-key: $GEMINI_API_KEY"' if service else '"x-goog-api-key: ${KEY:-test}"'
    for name, value in request["headers"]:
        if name.lower() in ("host", "content-length", "accept-encoding", "connection"):
            continue
        if name.lower() == "x-goog-api-key":
            parts += ["-H", key]
        else:
            parts += ["-H", _quoted(f"{name}: {value}")]
    if request["body"]:
        parts += ["--data-raw", _quoted(request["body"])]
    return " ".join(parts)


def _quoted(text: str) -> str:
    """Quote for a shell; what cannot be printed, such as a line end, as bash and zsh escape it."""
    if text.isprintable():
        return shlex.quote(text)
    data = text.encode(errors="replace")
    return "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in data) + "'"


def render_drift(lines: Sequence[Line]) -> Iterator[str]:
    """What the contract does not know, each once with its count."""
    seen: Counter[str] = Counter()
    for line in lines:
        if line["type"] == "drift":
            seen[f"{line['schema'].removeprefix('interactions/')}: {line['message']}"] += 1
    if seen:
        yield f"drift: {len(seen)} things that the contract does not know; not a failure"
        for message, times in seen.most_common():
            yield f"    {times}×  {_printable(message)}"


def render_requirements(lines: Sequence[Line]) -> Iterator[str]:
    """Every requirement that was judged, by area, with its outcome and how often it was kept."""
    outcomes = outcomes_of(lines)
    passes: Counter[str] = Counter()
    for line in lines:
        if line["type"] == "passes":
            passes.update(line["counts"])
    area = ""
    for requirement in registry().values():
        if requirement.id not in outcomes:
            continue
        if requirement.area != area:
            area = requirement.area
            yield f"{area}"
        times = f"{passes[requirement.id]}×" if passes[requirement.id] else ""
        yield f"    {outcomes[requirement.id]:<12} {requirement.id:<15} {times:>6}  {requirement.name}"


def render_total(lines: Sequence[Line], *, subjects: str) -> str:
    """One line of counts, always with the whole they are part of."""
    counts = counts_of(lines)
    order = (
        "fail",
        "untestable",
        "inconclusive",
        "warn",
        "known",
        "pass",
        "not-observed",
        "pending",
        "excluded",
    )
    told = ", ".join(f"{counts[name]} {name}" for name in order if counts.get(name))
    return f"{sum(counts.values())} requirements: {told} · {subjects}"


def render_areas(lines: Sequence[Line]) -> Iterator[str]:
    """What was judged, one line an area: how many requirements ended how, of how many that have checks."""
    outcomes = outcomes_of(lines)
    areas: dict[str, list[str]] = defaultdict(list)
    for requirement in registry().values():
        if requirement.checks:
            areas[requirement.area].append(outcomes.get(requirement.id, "not-observed"))
    for area, found in areas.items():
        counts = Counter(found)
        judged = len(found) - counts["not-observed"]
        told = ", ".join(
            f"{counts[name]} {name}" for name in (*_SHOWN, "pass", "not-observed") if counts[name]
        )
        yield f"    {area:<12} {judged:>3} of {len(found):>3} judged: {told}"


def render_run(lines: Sequence[Line], *, verbose: bool) -> Iterator[str]:
    """A run of scenarios: findings, what could not be played, drift, scenarios, requirements."""
    yield from render_findings(lines)
    yield from _problems(lines, "scenario")
    yield from render_drift(lines)
    yield "scenarios"
    by_scenario: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        if line["type"] == "scenario":
            name = line["subject"].rpartition("[")[0]
            by_scenario[name].append(f"{line['outcome']} ({line['target']})")
    width = max((len(name) for name in by_scenario), default=0)
    for name, outcomes in sorted(by_scenario.items()):
        yield f"    {name:<{width}}  {', '.join(outcomes)}"
    yield "requirements"
    yield from render_requirements(lines) if verbose else render_areas(lines)


def _problems(lines: Sequence[Line], kind: str) -> Iterator[str]:
    """What could not be played or read: a sentence each, the same sentence once."""
    seen: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for line in lines:
        if line["type"] == kind and line["problem"]:
            seen[line["outcome"], line["problem"], line["hint"]].append(line["subject"])
        elif line["type"] == "fault":
            seen["error", line["message"], ""].append("pytest")
    for (outcome, problem, hint), subjects in seen.items():
        more = f" and {len(subjects) - 1} more" if len(subjects) > 1 else ""
        named = f"{subjects[0]}{more}: " if kind == "scenario" or more or subjects[0] not in problem else ""
        yield f"{outcome} {named}{_printable(problem)}"
        if hint:
            yield f"    hint      {hint}"


def render_lint(lines: Sequence[Line], *, verbose: bool) -> Iterator[str]:
    """A lint: findings, files that cannot be read or are not judged, drift, counts."""
    yield from render_findings(lines, again="gemini-conformance lint")
    yield from _problems(lines, "file")
    files = [line for line in lines if line["type"] == "file"]
    for line in files:
        if line["note"]:
            yield f"note {line['subject']}: {line['note']}"
        elif verbose and not line["problem"]:
            yield f"{line['outcome']} {line['subject']} ({line['form']})"
    yield from render_drift(lines)
    if verbose:
        yield from render_requirements(lines)
    judged = sum(not line["note"] and not line["problem"] for line in files)
    total = render_total(lines, subjects=f"{judged} of {len(files)} files judged")
    yield total if judged else f"{total} · nothing was judged"


def render_requirement(requirement: Requirement) -> Iterator[str]:
    """One requirement, explained."""
    yield f"{requirement.id} {requirement.name}"
    yield f"    {requirement.says}"
    if requirement.why:
        yield f"    why       {requirement.why}"
    yield f"    level     {requirement.level}, for the {requirement.party}; {requirement.confidence}"
    yield f"    source    {requirement.source}"
    if requirement.conflict:
        yield f"    conflict  {requirement.conflict}"
    for check in requirement.checks:
        told = ", ".join(f"{key}={value!r}" for key, value in check.arguments)
        yield f"    check     {check.name}" + (f" ({told})" if told else "")
    if requirement.excluded:
        yield f"    excluded  {requirement.excluded}"
    if requirement.pending:
        yield f"    pending   {requirement.pending}"


def to_json(lines: Sequence[Line], exit_code: int) -> str:
    """The run as one JSON document: the lines of its record."""
    return json.dumps({"exit_code": exit_code, "lines": list(lines)}, indent=2)
