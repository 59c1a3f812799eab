"""Known failures: what fails today, is written down, and must go on failing for the same reason.

    known = Known.read("known.yaml")
    lines = known.applied(lines, version="3.4.0")     # the lines of one subject: a scenario, a case, a file
    known.write("known.yaml")

Nothing is skipped: the cases run, and a finding that an entry names (requirement, subject, and what the
message says without its values, see `fingerprint`) has the outcome "known", which is not red. It is enough to
see one subject at a time, in whatever process judged it; `bookkeeping` sees all of them and finds the entries
that are not needed. `schemas/harness/known.json` describes the file.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Self

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from conformance.contract.places import folder
from conformance.contract.registry import registry
from conformance.contract.validation import nearest
from conformance.errors import KnownBroken, PathMissing, UsageRefused
from conformance.judge.verdict import Outcome, worst
from conformance.report.fingerprint import fingerprint
from conformance.report.record import Line
from conformance.wire.files import write_atomically

__all__ = ["SUMMARIES", "Entry", "Known", "finding_of", "read_entry", "selects", "write_entry"]

SUMMARIES = ("scenario", "case", "file", "conversation")
"""The kinds of lines that tell how one subject ended."""

_HEAD = "# Known failures, as gemini-conformance --write-known writes them: comments are not kept.\n"
_TARGET = re.compile(r"\[[^][]*\]$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One known failure.

    requirement: its id; empty for an expectation of a scenario.
    cases: patterns of subjects. In one part between slashes `*` is anything; `**` is any number of parts.
    reason: what the message says without its values.
    url: where it is tracked. since, expires: when it was first seen, and the last day on which it holds.
    versions: for which versions of the testee, as PEP 440 writes it; empty for all.
    broad: why it selects more cases than is usual. place: file and line.
    """

    requirement: str
    cases: tuple[str, ...]
    reason: str
    url: str = ""
    since: date | None = None
    expires: date | None = None
    versions: str = ""
    broad: str = ""
    place: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What it has in common with its findings."""
        return self.requirement, self.reason

    def selects(self, subject: str) -> bool:
        """Whether it is about a subject."""
        return any(selects(pattern, subject) for pattern in self.cases)

    def holds_for(self, version: str) -> bool:
        """Whether it is about a version; one that nobody knows, or that is none, is outside every range."""
        if not self.versions:
            return True
        try:
            return SpecifierSet(self.versions).contains(Version(version), prereleases=True)
        except InvalidVersion:
            return False


def selects(pattern: str, subject: str) -> bool:
    """Whether a pattern is about a subject; one without a target, as in interactions/text, is about all."""
    name, found = subject.replace("\\", "/"), _compiled(pattern)
    return bool(found.fullmatch(name) or found.fullmatch(_TARGET.sub("", name)))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Only stars have a meaning: subjects hold brackets, as in interactions/text[embedded]."""
    *folders, last = pattern.split("/")
    told = "".join("(?:[^/]*/)*" if part == "**" else f"{_part(part)}/" for part in folders)
    return re.compile(told + (".*" if last == "**" else _part(last)), re.DOTALL)


def _part(text: str) -> str:
    return "[^/]*".join(map(re.escape, text.split("*")))


@dataclass(frozen=True, slots=True)
class Known:
    """A list of known failures; without arguments one that knows nothing."""

    file: str = ""
    subject: str = ""
    entries: tuple[Entry, ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a list.

        Raises:
            PathMissing: there is no such file, or it cannot be opened.
            KnownBroken: it is no list of known failures; the message names the line.
        """
        try:
            data, root = _parsed(str(path), Path(path).read_bytes())
        except OSError as error:
            raise PathMissing(str(path), (error.strerror or "cannot be opened").lower()) from None
        _refuse_what_breaks_the_schema(str(path), data, root)
        entries = tuple(
            _entry(told, str(path), _line(root, ["failures", number]))
            for number, told in enumerate(data["failures"])
        )
        return cls(str(path), data.get("subject", ""), entries)

    def applied(self, lines: Sequence[Line], version: str = "") -> list[Line]:
        """Give the lines of one subject, with what is known marked, and its outcome without that."""
        told = [self._marked(line, version) for line in lines]
        before, after = _worst(lines), _worst(told)
        return [
            line | {"outcome": after} if line["type"] in SUMMARIES and line["outcome"] == before else line
            for line in told
        ]

    def text(self) -> str:
        """The list as it is written: entries by requirement and reason, cases by name."""
        ordered = sorted(self.entries, key=lambda one: (one.key, one.versions, one.cases))
        told = {
            "version": 1,
            **({"subject": self.subject} if self.subject else {}),
            "failures": [_written(entry) for entry in ordered],
        }
        return _HEAD + yaml.dump(told, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)

    def write(self, path: str | Path) -> None:
        """Write the list, whole or not at all.

        Raises:
            PathMissing: there is no such folder.
            UsageRefused: the file cannot be written.
        """
        if not Path(path).absolute().parent.is_dir():
            raise PathMissing(str(path), "cannot be written: there is no such folder")
        try:
            write_atomically(Path(path), self.text().encode())
        except OSError as error:
            raise UsageRefused(
                f"{path} cannot be written: {error.strerror}", "Make room there, or name another file."
            ) from None

    def _marked(self, line: Line, version: str) -> Line:
        found = finding_of(line)
        if found is None:
            return line
        for number, entry in enumerate(self.entries):
            if entry.key == found and entry.selects(line["subject"]) and entry.holds_for(version):
                return line | {"outcome": "known", "known": number, "entry": entry.place, "url": entry.url}
        return line


def finding_of(line: Line) -> tuple[str, str] | None:
    """What an entry would have to say of a line; None for lines of which there is nothing to know."""
    if line["type"] == "verdict" and line["outcome"] in ("fail", "warn", "untestable", "known"):
        return line["requirement"], fingerprint(line["message"])
    return None


def _worst(lines: Iterable[Line]) -> Outcome:
    """The outcome that the verdicts of one subject add up to; passes are no worse than what is known."""
    return worst(line["outcome"] for line in lines if line["type"] == "verdict")


# The file.


def _parsed(file: str, text: bytes) -> tuple[Any, yaml.Node | None]:
    """Read YAML: its data, dates as text, and its nodes, which know their lines."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        root = loader.get_single_node()
        data = None if root is None else _without_dates(loader.construct_document(root))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise KnownBroken(file, where, f"not YAML: {problem}") from None
    finally:
        loader.dispose()
    return data, root


def _without_dates(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_dates(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_dates(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def _line(node: yaml.Node | None, path: Iterable[str | int]) -> int:
    """The line on which the value at a path begins, from 1."""
    for step in path:
        if isinstance(node, yaml.SequenceNode):
            node = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), node)
    return node.start_mark.line + 1 if node is not None else 1


def _refuse_what_breaks_the_schema(file: str, data: Any, root: yaml.Node | None) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    schema = json.loads((folder("schemas") / "harness" / "known.json").read_bytes())
    problem = best_match(Draft202012Validator(schema).iter_errors(data))
    if problem is not None:
        where = "/".join(map(str, problem.absolute_path))
        place = f"line {_line(root, problem.absolute_path)}" + (f" ({where})" if where else "")
        raise KnownBroken(file, place, problem.message[:200])


def _entry(told: Line, file: str, line: int) -> Entry:
    requirement = told["requirement"]
    if requirement and requirement not in registry():
        problem = f"there is no requirement {requirement}{nearest(requirement, registry())}"
        raise KnownBroken(file, f"line {line}", problem)
    try:
        SpecifierSet(told.get("versions", ""))
        return read_entry({**told, "place": f"{file}:{line}"})
    except (InvalidSpecifier, ValueError) as error:
        raise KnownBroken(file, f"line {line}", str(error)) from None


def read_entry(told: Line) -> Entry:
    """Make an entry of what stands in a list or a record.

    Raises:
        ValueError: one of its days is none.
    """
    days = {name: date.fromisoformat(told[name]) for name in ("since", "expires") if name in told}
    return Entry(
        told["requirement"],
        tuple(told["cases"]),
        fingerprint(told["reason"]),
        url=told["url"].strip(),
        since=days.get("since"),
        expires=days.get("expires"),
        versions=told.get("versions", ""),
        broad=told.get("broad", "").strip(),
        place=told["place"],
    )


def write_entry(entry: Entry) -> Line:
    """Give an entry for a record; what is empty is left out."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in _written(entry).items()
    }


class _Plain(yaml.SafeDumper):
    """Writes every date where it stands, instead of a reference to the first one."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (PyYAML calls it with one)
        return True


def _written(entry: Entry) -> dict[str, Any]:
    """An entry for the file; what is empty is left out, except a url, which is to be filled in."""
    told: dict[str, Any] = {
        "requirement": entry.requirement,
        "cases": sorted(set(entry.cases)),
        "reason": entry.reason,
        "url": entry.url,
    }
    more = {"since": entry.since, "expires": entry.expires, "versions": entry.versions, "broad": entry.broad}
    return told | {name: value for name, value in more.items() if value}
