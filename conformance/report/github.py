"""Findings as workflow commands of GitHub, which show them beside a run and in a pull request.

The commands and their escapes are those of
https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterator

from conformance.report.findings import Told, findings, problems
from conformance.report.summary import headline, subjects_of
from conformance.report.tally import Tally
from conformance.report.text import printable

__all__ = ["render_github"]

_LEVELS = {"warn": "warning", "inconclusive": "notice", "known": "notice"}


def render_github(tally: Tally, exit_code: int) -> Iterator[str]:
    """Give a command for each finding and each thing that could not be played, then one for the sum."""
    files = {line["subject"] for line in tally.files}
    for told in findings(tally):
        file = f"file={_property(told.subject)}," if told.subject in files else ""
        yield f"::{_level(told.outcome)} {file}title={_property(told.title)}::{_data(_message(told))}"
    for problem in problems(tally):
        text = "\n".join(filter(None, (f"{problem.subject}: {problem.message}", problem.hint)))
        yield f"::{_level(problem.outcome)} title=gemini-conformance::{_data(text)}"
    told_sum = f"{headline(tally, exit_code)}; {subjects_of(tally)}"
    yield f"::notice title=gemini-conformance::{_data(told_sum)}"


def _level(outcome: str) -> str:
    return _LEVELS.get(outcome, "error")


def _message(told: Told) -> str:
    parts = [f"{told.place}: {told.message}"]
    if told.requirement is not None:
        parts += [f"expected: {told.expected}", f"source: {told.source}"]
    return "\n".join([*parts, f"again: {told.again}"] if told.again else parts)


def _data(text: str) -> str:
    shown = "\n".join(map(printable, text.splitlines()))
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
