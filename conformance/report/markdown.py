"""A record as a short page for a pull request."""

import re
from collections.abc import Iterator

from conformance.report.findings import Told, findings, problems
from conformance.report.record import Line
from conformance.report.summary import headline, subjects_of, totals
from conformance.report.tally import Tally

__all__ = ["code", "fenced", "plain", "render_markdown"]

_MOST = 50
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!@&])")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def render_markdown(header: Line, tally: Tally, exit_code: int, *, cut_off: bool = False) -> Iterator[str]:
    """Give the page line by line: totals, findings, what could not be played, drift."""
    about = ", ".join(header.get("targets") or header.get("paths") or ())
    yield f"## gemini-conformance: {headline(tally, exit_code)}"
    yield ""
    version = f"version {plain(header['version'])}"
    yield f"`{header['command']}` of {plain(about)} · {subjects_of(tally)} · {version}"
    if cut_off:
        yield ""
        yield "**The run was cut off**: this is what it saw until then."
    yield from _totals(tally)
    found = list(findings(tally))
    for told in found[:_MOST]:
        yield from _finding(told)
    if len(found) > _MOST:
        yield f"\n… and {len(found) - _MOST} more findings, which the record holds."
    for problem in problems(tally):
        hint = f" {plain(problem.hint)}" if problem.hint else ""
        yield f"\n**{problem.outcome}** {code(problem.subject)}: {plain(problem.message)}.{hint}"
    if tally.drift:
        yield "\n<details><summary>What the contract does not know; not a failure</summary>\n"
        yield from (f"- {times}× {plain(message)}" for message, times in tally.drift.most_common(_MOST))
        yield "\n</details>"


def _totals(tally: Tally) -> Iterator[str]:
    counts = totals(tally)
    if not counts:
        return
    yield ""
    yield f"| {' | '.join(counts)} |"
    yield f"|{'--:|' * len(counts)}"
    yield f"| {' | '.join(map(str, counts.values()))} |"


def _finding(told: Told) -> Iterator[str]:
    yield ""
    yield f"### {told.outcome}: {plain(told.title)}"
    yield ""
    yield f"{code(told.place)}: {plain(told.message)}"
    if told.requirement is not None:
        yield ""
        yield f"Expected: {plain(told.expected)} ([source]({told.source}))"
    if told.bytes:
        yield ""
        yield from fenced(told.bytes)
    if told.again:
        yield ""
        yield "To see it again:"
        yield from fenced(told.again, "sh")
    if told.also:
        yield f"\nAlso at {plain(told.also)}."


def plain(text: str) -> str:
    """Give a text that Markdown shows as it is, on one line."""
    shown = _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], text)
    return _SPECIAL.sub(r"\\\1", shown)


def code(text: str) -> str:
    """Give a text as a span of code, whatever backticks are in it."""
    shown = _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], text)
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    return f"{ticks} {shown} {ticks}" if "`" in shown else f"{ticks}{shown}{ticks}"


def fenced(text: str, language: str = "") -> Iterator[str]:
    """Give a text as a block of code, whatever fences are in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    yield f"{fence}{language}"
    for line in text.splitlines():
        yield _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], line)
    yield fence
