"""A run that was cut off, as far as it went: what of it stands, so that only the rest is played.

    begun = read_begun(path)
    begun.exit_code, begun.done, begun.lines()

The lines of a subject are written together, and a kill can come between them: a subject is whole when a line
that is not its own follows. So the last one in a record that was cut off is played again. What a run says at
its end (its coverage, its faults, what is wrong with the list of known failures) is said anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from conformance.errors import RecordsDiffer
from conformance.report.reading import read_record
from conformance.report.record import Line
from conformance.report.sameness import listed, unlike

__all__ = ["Begun", "read_begun"]

_SAID_ANEW = ("list", "share", "known", "fault")


@dataclass(frozen=True, slots=True)
class Begun:
    """A record, read once.

    done: the subjects that are whole. listed: the line of the list of known failures.
    exit_code: how the run ended; None where it was cut off.
    keep: the number of lines, the header among them, up to which subjects are whole.
    """

    path: Path
    header: Line
    done: frozenset[str]
    listed: Line | None
    exit_code: int | None
    keep: int

    def lines(self) -> Iterator[Line]:
        """Give the lines of what is whole."""
        for line in islice(read_record(self.path), 1, self.keep):
            summed = line["type"] == "coverage" and not line["subject"]
            if line["type"] not in _SAID_ANEW and not summed:
                yield line

    def check(self, header: Line, known: Line | None) -> None:
        """Refuse to go on with other options.

        Raises:
            RecordsDiffer: the header of the run that is to go on says something else.
        """
        problem = unlike(self.header, header, "shard")
        if not problem and self.keep > 1:  # the list comes after the header
            problem = listed(self.listed, known)
        if problem:
            raise RecordsDiffer(str(self.path), "this call", problem)


def read_begun(path: Path) -> Begun:
    """Read how far a run came.

    Raises:
        PathMissing, RecordBroken: there is no such record.
    """
    lines = read_record(path)
    header = next(lines)
    known, ended, last = None, None, ""
    done: set[str] = set()
    number, first = 1, 1
    for number, line in enumerate(lines, 2):
        if line["type"] == "list":
            known = line
        if line["type"] == "footer":
            ended = line["exit_code"]
        subject = line.get("subject", "")
        if subject != last:
            done.add(last)
            last, first = subject, number
    return Begun(path, header, frozenset(done - {"", last}), known, ended, first - 1 if last else number)
