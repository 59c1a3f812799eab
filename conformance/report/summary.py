"""The sum of a record in a few words: what a badge says, and the first line of a page."""

from collections import Counter

from conformance.judge.verdict import OUTCOMES
from conformance.report.tally import Tally

__all__ = ["headline", "subjects_of", "totals"]

_ENDINGS = {
    0: "conforms",
    1: "findings",
    2: "a file could not be read",
    3: "the harness failed",
    4: "the client could not be driven",
    5: "not enough evidence",
}


def totals(tally: Tally) -> dict[str, int]:
    """How many of the requirements that were judged ended with which outcome, worst first."""
    counts = Counter(tally.outcomes.values())
    return {name: counts[name] for name in OUTCOMES if counts[name]}


def headline(tally: Tally, exit_code: int) -> str:
    """How it ended, with the number of requirements that were broken and kept."""
    if tally.idle and exit_code == 0:
        return "nothing falls to this part of the run"
    counts = Counter(tally.outcomes.values())
    red = counts["fail"] + counts["error"] + counts["untestable"]
    told = [f"{red} broken" if red else "", f"{counts['warn']} warned" if counts["warn"] else ""]
    told += [f"{counts['pass']} kept"] if tally.judged else []
    return f"{_ENDINGS[exit_code]}: {', '.join(filter(None, told))}" if any(told) else _ENDINGS[exit_code]


def subjects_of(tally: Tally) -> str:
    """How many scenarios, cases, files or conversations ended well, of how many."""
    for noun, lines in (
        ("case", tally.cases),
        ("file", tally.files),
        ("scenario", tally.scenarios),
        ("conversation", tally.conversations),
    ):
        played = [line for line in lines if line["outcome"] not in ("not-applicable", "not-observed")]
        if played:
            good = sum(line["outcome"] in ("pass", "warn", "known") for line in played)
            return f"{good} of {len(played)} {noun}{'s' if len(played) > 1 else ''} without a red finding"
    return "nothing was played"
