"""Several records of one run, made into one: the parts that machines have shared, or what was run by halves.

    merge([Path("shard-1.ndjson"), Path("shard-2.ndjson")], Path("merged.ndjson"))

Read twice, line by line: first whether they belong together, then for good, so that large records cost no
memory. What each part says of the whole (its coverage, what is wrong with the list of known failures, how it
ended) is left out and said anew. The header tells what was merged, and `notes` what is missing in it.
"""

from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path

from conformance.errors import PathMissing, RecordBroken, RecordsDiffer, UsageRefused
from conformance.report.bookkeeping import Bookkeeping
from conformance.report.known import SUMMARIES
from conformance.report.reading import read_record
from conformance.report.record import Line, as_bytes, coverage_line, footer_line
from conformance.report.sameness import listed, unlike
from conformance.report.tally import Tally
from conformance.shards import Shard, read_shard
from conformance.wire.files import replacing

__all__ = ["merge", "notes"]

_MERGED = ("run", "client")
_NAMED = 5
_SAID_ANEW = ("list", "share", "known", "footer")


@dataclass(frozen=True, slots=True)
class _Part:
    """One of the records.

    subjects: with how often each stands in it. exit_code: None where the run was cut off.
    selected: how many items all parts have together, where it is told.
    """

    path: Path
    header: Line
    subjects: Counter[str]
    exit_code: int | None
    listed: Line | None
    selected: int | None

    @property
    def shard(self) -> Shard | None:
        told = self.header.get("shard")
        return read_shard(told) if told else None

    def told(self) -> Line:
        """What the header of the merged record says of it."""
        shard = {"shard": self.header["shard"]} if "shard" in self.header else {}
        return {"record": str(self.path), **shard, "exit_code": self.exit_code}


def merge(paths: Sequence[Path], out: Path) -> None:
    """Write one record out of several, whole or not at all.

    Raises:
        PathMissing, RecordBroken: one of them cannot be read, or the new one not be written.
        RecordsDiffer: they are not of one run, or one part is there twice.
        UsageRefused: the new one would take the place of one of them.
    """
    parts = [_read(path) for path in paths]
    _refuse(parts, out)
    parts.sort(key=lambda part: (part.shard.part if part.shard else 0, str(part.path)))
    try:
        with replacing(out) as file:
            file.writelines(map(as_bytes, _lines(parts)))
    except OSError as error:
        raise PathMissing(str(out), f"cannot be written: {error.strerror}") from None


def notes(header: Line) -> list[str]:
    """What is missing in a record that was merged: a sentence each."""
    parts: list[Line] = header.get("merged", [])
    told = [_cut_off(part) for part in parts if part["exit_code"] is None]
    if missing := _missing(parts):
        names = ", ".join(missing[:_NAMED]) + (
            f" and {len(missing) - _NAMED} more" if missing[_NAMED:] else ""
        )
        noun = f"shard {names} is" if len(missing) == 1 else f"shards {names} are"
        told.append(f"{noun} missing: what falls there was not judged")
    return told


def _cut_off(part: Line) -> str:
    shard = f" (shard {part['shard']})" if "shard" in part else ""
    return f"{part['record']}{shard} was cut off: the run was ended before its end; this is what it saw"


def _missing(parts: Sequence[Line]) -> list[str]:
    shards = [read_shard(part["shard"]) for part in parts if "shard" in part]
    if not shards:
        return []
    there = {shard.part for shard in shards}
    return [str(Shard(part, shards[0].parts)) for part in range(1, shards[0].parts + 1) if part not in there]


def _read(path: Path) -> _Part:
    lines = read_record(path)
    header = next(lines)
    if header["command"] not in _MERGED:
        problem = f"{path} is of `{header['command']}`, and records of {' and '.join(_MERGED)} can be merged"
        raise UsageRefused(problem, "Show it alone.")
    if "merged" in header:
        raise UsageRefused(f"{path} was merged before", "Merge the records of which it was made.")
    if "shard" in header:
        _refuse_shard(path, header["shard"])
    subjects: Counter[str] = Counter()
    ended, known, selected = None, None, None
    for line in lines:
        match line["type"]:
            case "footer":
                ended = line["exit_code"]
            case "list":
                known = line
            case "share":
                selected = line["selected"]
            case kind if kind in SUMMARIES:
                subjects[line["subject"]] += 1
    return _Part(path, header, subjects, ended, known, selected)


def _refuse_shard(path: Path, told: str) -> None:
    try:
        read_shard(told)
    except ArgumentTypeError as error:
        raise RecordBroken(str(path), 1, str(error)) from None


def _refuse(parts: Sequence[_Part], out: Path) -> None:
    """Refuse what does not belong together, naming the first two records and the fact."""
    if any(out.exists() and out.samefile(part.path) for part in parts):
        hint = "Name another file with --record FILE."
        raise UsageRefused(f"{out} is one of the records that are to be merged", hint)
    for first, second in combinations(parts, 2):
        if problem := _apart(first, second):
            raise RecordsDiffer(str(first.path), str(second.path), problem)


def _apart(first: _Part, second: _Part) -> str:
    one, other = first.shard, second.shard
    if (one is None) != (other is None):
        return f"the one is shard {one or other}, and the other is no shard"
    if one is not None and other is not None:
        if one.parts != other.parts:
            return f"the one is shard {one}, and the other is shard {other}"
        if one == other:
            return f"both are shard {one}"
    # What was selected by hand need not be the same: that is how it was shared.
    told = (first.header, second.header) if one else ({**first.header, "selection": None}, second.header)
    begun = first.subjects and second.subjects  # the list comes after the header
    if problem := unlike(*told) or (listed(first.listed, second.listed) if begun else ""):
        return problem
    if first.selected is not None is not second.selected and first.selected != second.selected:
        return f"the one has a share of {first.selected} and the other of {second.selected}"
    twice = first.subjects.keys() & second.subjects.keys()
    return f"both hold {min(twice)}" if twice else ""


def _lines(parts: Sequence[_Part]) -> Iterator[Line]:
    """Give the lines of the new record; only sums are kept meanwhile."""
    header = _header(parts)
    yield header
    whole = not notes(header)
    tally = Tally(parties=tuple(header["parties"]))
    book = _book(parts, whole=whole)
    if book is not None:
        yield book.line()
    for part in parts:
        for line in read_record(part.path):
            if line["type"] == "header" or line["type"] in _SAID_ANEW:
                continue
            if line["type"] != "exchange":
                tally.add(line)
            if book is not None:
                book.take(line)
            if line["type"] != "coverage":
                yield line
    for line in book.problems() if book is not None else ():
        tally.add(line)
        yield line
    yield coverage_line("", tally.coverage)
    yield footer_line(_exit_code(parts, tally, whole=whole), tally.counts())


def _header(parts: Sequence[_Part]) -> Line:
    """Give what the headers have in common; the merged run began with the first part."""
    headers = [part.header for part in parts]
    header = {name: value for name, value in headers[0].items() if name not in ("shard", "resumed")}
    header["started"] = min((told["started"] for told in headers), key=datetime.fromisoformat)
    header["python"] = ", ".join(sorted({told["python"] for told in headers}))
    if any(told.get("selection") != header.get("selection") for told in headers):
        del header["selection"]
    return {**header, "merged": [part.told() for part in parts]}


def _book(parts: Sequence[_Part], *, whole: bool) -> Bookkeeping | None:
    """Judge the list of known failures that the parts have in common, as of the day of the last of them."""
    lists = [part.listed for part in parts if part.listed is not None]
    if not lists:
        return None
    today = max(datetime.fromisoformat(part.header["started"]).date() for part in parts)
    return Bookkeeping.of_line(lists[0], today, shared=not whole)


def _exit_code(parts: Sequence[_Part], tally: Tally, *, whole: bool) -> int:
    """Give the exit code of the whole run; what was cut off is a finding, what is missing no evidence."""
    code = tally.exit_code(strict=parts[0].header.get("strict", False))
    if any(part.exit_code is None for part in parts):
        return code if code in (2, 3, 4) else 1
    return 5 if code == 0 and not whole else code
