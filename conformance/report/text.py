r"""The record of a run, for people: findings first, then drift, then one line of counts.

    print("\n".join(render_run(Tally.of(lines), verbose=False)))

A finding tells what happened, what the requirement says, where that is documented, the bytes that show it,
and how to see it again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from conformance.contract.registry import Requirement, registry
from conformance.report.findings import SHOWN, Told, findings, problems
from conformance.report.record import Line
from conformance.report.spending import render_spent
from conformance.report.tally import Tally

__all__ = [
    "printable",
    "render_areas",
    "render_client",
    "render_coverage",
    "render_drift",
    "render_findings",
    "render_lint",
    "render_proxy",
    "render_record",
    "render_requirement",
    "render_requirements",
    "render_run",
    "render_total",
]

_ALL: tuple[str, ...] = (*SHOWN, "known", "pass", "not-observed", "not-applicable", "pending", "excluded")
_SUBJECTS = 5
_DISPUTE = (
    "is a verdict wrong? report its requirement with these bytes (see CONTRIBUTING.md); it is a fault of ours"
)


def render_findings(tally: Tally) -> Iterator[str]:
    """Every finding, worst first; of what is found in many subjects the first few are shown in full.

    What is known is counted, and what is wrong with the list of it is told.
    """
    by_kind: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for told in findings(tally):
        by_kind[told.outcome, told.same].append(told)
    for same in by_kind.values():
        for told in same[:_SUBJECTS]:
            yield from _finding(told)
        if rest := same[_SUBJECTS:]:
            subjects = ", ".join(told.subject for told in rest[:3])
            more = f" and {len(rest) - 3} more" if len(rest) > 3 else ""
            yield f"    the same in {subjects}{more}"
    if any(outcome in ("fail", "warn") for outcome, _ in by_kind):
        yield _DISPUTE
    for line in tally.wrongly_known:
        yield f"fail {line['entry']}: {printable(line['message'])}"
        yield f"    hint      {line['hint']}"
    known = Counter[str]()
    for (outcome, _, _), finding in tally.findings.items():
        if outcome == "known":
            known[finding.first["entry"].rpartition(":")[0]] += finding.times
    for file, times in known.items():
        yield f"known: {times} (see {printable(file)})"


def _finding(told: Told) -> Iterator[str]:
    yield f"{told.outcome} {told.name} {told.party}  {told.place}: {printable(told.message)}"
    if told.requirement is not None:
        yield f"    expected  {told.expected}"
        yield f"    source    {told.source}"
    if told.bytes:
        yield f"    bytes     {printable(_one_line(told.bytes))}"
    if told.again:
        yield f"    again     {printable(told.again)}"
    if told.also:
        yield f"    also at   {told.also}"


def _one_line(text: str) -> str:
    return " | ".join(part for part in text.splitlines() if part)[:200]


def printable(text: str) -> str:
    """Leave out what a terminal would obey or choke on: control characters, lone surrogates."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def render_drift(tally: Tally) -> Iterator[str]:
    """What the contract does not know, each once with its count."""
    if tally.drift:
        yield f"drift: {_count(len(tally.drift), 'thing')} that the contract does not know; not a failure"
        for message, times in tally.drift.most_common():
            yield f"    {times}×  {printable(message)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def render_requirements(tally: Tally) -> Iterator[str]:
    """Every requirement that was judged, by area, with its outcome and how often it was kept."""
    area = ""
    for requirement in registry().values():
        if requirement.id not in tally.outcomes:
            continue
        if requirement.area != area:
            area = requirement.area
            yield area
        times = f"{tally.passes[requirement.id]}×" if tally.passes[requirement.id] else ""
        yield f"    {tally.outcomes[requirement.id]:<12} {requirement.id:<15} {times:>6}  {requirement.name}"


def render_areas(tally: Tally) -> Iterator[str]:
    """What was judged, one line an area: how many requirements ended how, of how many that have checks."""
    areas: dict[str, list[str]] = defaultdict(list)
    for requirement in registry().values():
        if (state := tally.state(requirement)) not in ("excluded", "pending", "not-applicable"):
            areas[requirement.area].append(state)
    unseen = [area for area, found in areas.items() if set(found) == {"not-observed"}]
    for area, found in areas.items():
        if area in unseen:
            continue
        counts = Counter(found)
        judged = len(found) - counts["not-observed"]
        told = ", ".join(f"{counts[name]} {name}" for name in _ALL if counts[name])
        yield f"    {area:<15} {judged:>3} of {len(found):>3} judged: {told}"
    if unseen:
        yield f"    nothing judged in {', '.join(unseen)}"


def render_total(tally: Tally, *, subjects: str) -> str:
    """One line of counts, always with the whole they are part of."""
    counts = tally.counts()
    told = ", ".join(f"{counts[name]} {name}" for name in _ALL if counts.get(name))
    return f"{sum(counts.values())} requirements: {told} · {subjects}"


def render_coverage(tally: Tally, *, verbose: bool) -> Iterator[str]:
    """How much of the schemas was shown; with `verbose` schema by schema, and what never was."""
    if tally.coverage.count:
        total, *rest = tally.coverage.text().splitlines()
        yield f"schemas: {total} shown"
        yield from (f"    {line}" for line in rest if verbose)


def render_record(header: Line, tally: Tally, exit_code: int, *, verbose: bool = False) -> Iterator[str]:
    """What the command that wrote a record prints."""
    match header["command"]:
        case "lint":
            yield from render_lint(tally, verbose=verbose)
            return
        case "proxy":
            yield from render_proxy(tally, verbose=verbose)
            return
        case "fuzz" if not tally.testees:
            yield from render_fuzz(tally, exit_code, verbose=verbose)
            return
        case "client" | "fuzz":
            yield from render_client(tally, verbose=verbose)
            played, noun, name = tally.cases, "case", f" · {header['targets'][0]}"
            little = "not enough evidence"
        case _:
            yield from render_run(tally, verbose=verbose)
            played, noun, name = tally.scenarios, "scenario", ""
            little = "no scenario was selected: not enough evidence" if not played else "not enough evidence"
    played = [line for line in played if line["outcome"] != "not-applicable"]
    good = sum(line["outcome"] in ("pass", "warn", "known") for line in played)
    shard = f" · shard {header['shard']}" if "shard" in header else ""
    shard += ", to which nothing falls" if tally.idle else ""
    subjects = f"{good} of {len(played)} {noun}s{name} · seed {header['seed']}{shard}"
    total = render_total(tally, subjects=subjects)
    yield total if exit_code != 5 else f"{total} · {little}"


def render_run(tally: Tally, *, verbose: bool) -> Iterator[str]:
    """A run of scenarios: findings, what could not be played, drift, scenarios, requirements."""
    yield from render_findings(tally)
    yield from _problems(tally)
    yield from render_drift(tally)
    yield "scenarios"
    by_scenario: dict[str, list[str]] = defaultdict(list)
    for line in sorted(tally.scenarios, key=lambda line: str(line["subject"])):
        name = line["subject"].rpartition("[")[0]
        if line["outcome"] != "not-applicable":
            by_scenario[name].append(f"{line['outcome']} ({line['target']})")
    width = max((len(name) for name in by_scenario), default=0)
    for name, outcomes in sorted(by_scenario.items()):
        yield f"    {name:<{width}}  {', '.join(outcomes)}"
    yield from _not_run(tally)
    if tally.judged:
        yield "requirements"
        yield from render_requirements(tally) if verbose else render_areas(tally)
        yield from render_coverage(tally, verbose=verbose)
    yield from map(printable, render_spent(tally))


def _not_run(tally: Tally) -> Iterator[str]:
    """What was not played, and why: the same sentence once a target."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in tally.scenarios:
        if line["outcome"] == "not-applicable":
            found[line["target"], line["problem"]].append(line["subject"].rpartition("[")[0])
    for (target, problem), names in found.items():
        yield f"not run ({target}): {', '.join(names)}: {printable(problem)}"


def render_fuzz(tally: Tally, exit_code: int, *, verbose: bool) -> Iterator[str]:
    """Fuzzing: findings, what was judged and reached, and how much was done."""
    yield from render_findings(tally)
    yield from _problems(tally)
    if tally.judged:
        yield "requirements"
        yield from render_requirements(tally) if verbose else render_areas(tally)
        yield from render_coverage(tally, verbose=verbose)
    for line in tally.fuzzed:
        yield from line["problems"]
    done = sum(line["examples"] for line in tally.fuzzed)
    exchanges = sum(line["exchanges"] for line in tally.fuzzed)
    seconds = max((line["seconds"] for line in tally.fuzzed), default=0)
    rate = f", {exchanges / seconds:.0f}/s" if seconds else ""
    found = len(tally.scenarios)
    told = f"{found} found" if found else "nothing was found"
    total = render_total(tally, subjects=f"{done} conversations, {exchanges} exchanges{rate} · {told}")
    yield total if exit_code != 5 else f"{total} · not enough evidence"


def _problems(tally: Tally) -> Iterator[str]:
    """What could not be played or read: a sentence each."""
    for problem in problems(tally):
        yield f"{problem.outcome} {problem.subject}: {printable(problem.message)}"
        if problem.hint:
            yield f"    hint      {problem.hint}"


def render_lint(tally: Tally, *, verbose: bool) -> Iterator[str]:
    """A lint: findings, files that cannot be read or are not judged, drift, counts."""
    yield from render_findings(tally)
    yield from _problems(tally)
    for line in tally.files:
        if line["note"]:
            yield f"note {line['subject']}: {line['note']}"
        elif verbose and not line["problem"]:
            yield f"{line['outcome']} {line['subject']} ({line['form']})"
    yield from render_drift(tally)
    if verbose:
        yield from render_requirements(tally)
    yield from render_coverage(tally, verbose=verbose)
    judged = sum(not line["note"] and not line["problem"] for line in tally.files)
    total = render_total(tally, subjects=f"{judged} of {_count(len(tally.files), 'file')} judged")
    yield total if judged else f"{total} · nothing was judged"


def render_proxy(tally: Tally, *, verbose: bool) -> Iterator[str]:
    """What passed a proxy: findings, what was not answered, drift, what was judged, counts."""
    yield from render_findings(tally)
    yield from _problems(tally)
    yield from render_drift(tally)
    if tally.judged:
        yield "requirements"
        yield from render_requirements(tally) if verbose else render_areas(tally)
        yield from render_coverage(tally, verbose=verbose)
    exchanges = _count(sum(line["exchanges"] for line in tally.conversations), "exchange")
    conversations = _count(len(tally.conversations), "conversation")
    total = render_total(tally, subjects=f"{exchanges} in {conversations}")
    yield total if tally.judged else f"{total} · nothing was judged"


def render_client(tally: Tally, *, verbose: bool) -> Iterator[str]:
    """A run of client cases: findings, what could not be played, the driver, the cases, requirements."""
    yield from render_findings(tally)
    yield from _problems(tally)
    yield from render_drift(tally)
    yield "cases"
    yield from _cases_in_full(tally) if verbose else _families(tally)
    yield from _silent(tally, verbose=verbose)
    yield from _losses(tally, verbose=verbose)
    if tally.judged:
        yield "requirements"
        yield from render_requirements(tally) if verbose else render_areas(tally)
    skipped = Counter(line["problem"] for line in tally.cases if line["outcome"] == "not-applicable")
    for problem, times in skipped.most_common():
        yield f"{_count(times, 'case')} left out: {printable(problem)}"


def _cases_in_full(tally: Tally) -> Iterator[str]:
    width = max((len(line["subject"]) for line in tally.cases), default=0)
    for line in tally.cases:
        yield f"    {line['outcome']:<14} {line['subject']:<{width}}  {line['title']}"


def _silent(tally: Tally, *, verbose: bool) -> Iterator[str]:
    """Where the documents do not say what is right: with `verbose` what the client does."""
    told = [line for line in tally.cases if line.get("silent") and line["observed"]]
    if told:
        more = "" if verbose else " (-v shows what this client does)"
        yield f"choices: in {_count(len(told), 'case')} the documents do not say what is right{more}"
        if verbose:
            width = max(len(line["subject"]) for line in told)
            yield from (f"    {line['subject']:<{width}}  {printable(line['observed'])}" for line in told)


def _losses(tally: Tally, *, verbose: bool) -> Iterator[str]:
    """What the client does not hand on: with `verbose` each member."""
    if tally.losses:
        kinds = ", ".join(sorted({kind for kind, _ in tally.losses}))
        more = "" if verbose else " (-v shows which)"
        yield f"left out: {_count(len(tally.losses), 'member')} of {kinds}; not a failure{more}"
        if verbose:
            yield from (f"    {times}×  {kind} {name}" for (kind, name), times in tally.losses.most_common())


def _families(tally: Tally) -> Iterator[str]:
    families: dict[str, Counter[str]] = defaultdict(Counter)
    for line in tally.cases:
        families[line["subject"].partition("/")[0]][line["outcome"]] += 1
    for family, counts in families.items():
        told = ", ".join(f"{counts[name]} {name}" for name in _ALL if counts[name])
        yield f"    {family:<15} {counts.total():>3}: {told}"


def render_requirement(requirement: Requirement) -> Iterator[str]:
    """One requirement, explained."""
    yield f"{requirement.id} {requirement.name}"
    yield f"    {requirement.says}"
    if requirement.why:
        yield f"    why       {requirement.why}"
    yield f"    level     {requirement.level}, for {_whom(requirement)}; {requirement.confidence}"
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


def _whom(requirement: Requirement) -> str:
    return "client and server" if requirement.party == "both" else f"the {requirement.party}"
