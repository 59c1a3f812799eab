"""Bundles: a folder for each finding, with what happened and what shows it again without this harness.

    write_bundle(Path("findings"), Path("run.ndjson"), header, tally)

A folder holds a README, the bytes that were exchanged, and a reproduction: for a client `serve.py`, which
sends the same bytes again, for an endpoint `request.sh` with the curl lines. Everything is written into a
folder beside and then renamed, so that nobody meets half a bundle; a folder that is no bundle is not touched.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conformance.errors import UsageRefused
from conformance.report import serve
from conformance.report.findings import Told, findings
from conformance.report.guide import Contents, guide, index
from conformance.report.reading import body_of, read_record
from conformance.report.record import Line
from conformance.report.shell import curl
from conformance.report.tally import Tally

__all__ = ["write_bundle"]

_MARK = "bundle.json"
_TOLD = ("error", "fail", "untestable", "warn")
_SCENARIO = "found.scenario.yaml"
_LONGEST_NAME = 60


@dataclass(slots=True)
class _Folder:
    """A folder while it is written: the exchanges of its subject that it wants, and what is there so far."""

    path: Path
    told: Told
    wanted: frozenset[int]
    contents: Contents

    def place(self, number: int) -> str:
        """Where the files of an exchange lie, below the folder."""
        return f"exchange-{number}/" if len(self.wanted) > 1 else ""


def write_bundle(target: Path, record: Path, header: Line, tally: Tally) -> int:
    """Write the bundle of a record; give the number of its findings.

    Raises:
        UsageRefused: the folder cannot be written, or holds something that is no bundle.
    """
    _refuse(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as error:
        raise _unwritable(target, error) from None
    try:
        count = _fill(made, record, header, tally)
        made.chmod(0o755)
        _replace(target, made)
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return count


_ADVICE = "Name a folder that does not exist yet; the bundle is written into it."


def _unwritable(target: Path, error: OSError) -> UsageRefused:
    problem = f"{target}: cannot be written: {error.strerror or error}"
    return UsageRefused(problem, "Make room there, or name another folder.")


def _refuse(target: Path) -> None:
    if target.is_dir() and any(target.iterdir()) and not (target / _MARK).is_file():
        raise UsageRefused(f"{target} is not empty and no bundle of ours", _ADVICE)
    if target.exists() and not target.is_dir():
        raise UsageRefused(f"{target} is a file", _ADVICE)


def _replace(target: Path, made: Path) -> None:
    """Put a folder into the place of another, which is there until then."""
    if not target.exists():
        made.rename(target)
        return
    old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
    target.rename(old / "bundle")
    try:
        made.rename(target)
    except OSError:
        (old / "bundle").rename(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _fill(made: Path, record: Path, header: Line, tally: Tally) -> int:
    folders = list(_folders(made, tally))
    of_subject: dict[str, list[_Folder]] = {}
    for folder in folders:
        folder.path.mkdir()
        of_subject.setdefault(folder.told.subject, []).append(folder)
    for line in read_record(record):
        for folder in of_subject.get(line.get("subject", ""), ()):
            _take(folder, line)
    for folder in folders:
        _finish(folder, header)
    text = index(header, [(folder.path.name, folder.told) for folder in folders])
    (made / "README.md").write_text(text, encoding="utf-8")
    mark = {"bundle": 1, "version": header["version"], "record": record.name, "findings": len(folders)}
    (made / _MARK).write_text(_json(mark), encoding="utf-8")
    return len(folders)


def _folders(made: Path, tally: Tally) -> Iterator[_Folder]:
    told_of = [told for told in findings(tally) if told.outcome in _TOLD]
    kept: dict[str, set[int]] = {}
    for subject, number in tally.requests:
        kept.setdefault(subject, set()).add(number)
    for number, told in enumerate(told_of, 1):
        name = f"{number:03}-{_requirement(told)}-{_slug(told.subject)}"
        wanted = frozenset(_wanted(told, kept.get(told.subject, set()), tally))
        yield _Folder(made / name, told, wanted, Contents())


def _requirement(told: Told) -> str:
    return (told.finding.requirements[0] or "scenario") if told.finding.requirements else "scenario"


def _slug(subject: str) -> str:
    """Make the name of a folder of a subject: of a scenario without its target, of a path the end."""
    name = subject.rpartition("[")[0] or subject
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[-_LONGEST_NAME:].strip("-.") or "subject"


def _wanted(told: Told, kept: set[int], tally: Tally) -> set[int]:
    """The exchanges that a reproduction needs: all of a client case, those that led up to it elsewhere."""
    if tally.cases:
        return kept
    places = {line["exchange"] for line in told.finding.places}
    if tally.files or tally.conversations:
        return kept & places
    return {number for number in kept if number <= max(places)}


def _take(folder: _Folder, line: Line) -> None:
    """Write what a line of the record holds for a folder."""
    contents = folder.contents
    match line["type"]:
        case "case" | "scenario" | "file" | "conversation":
            contents.summary = line
        case "exchange" if line["exchange"] in folder.wanted:
            number = line["exchange"]
            below = folder.path / folder.place(number)
            below.mkdir(exist_ok=True)
            contents.exchanges[number] = folder.place(number)
            _take_request(folder, below, line)
            _take_response(folder, below, line)


def _take_request(folder: _Folder, below: Path, line: Line) -> None:
    request, number = line["request"], line["exchange"]
    if request is None:
        return
    body = body_of(request)
    (below / "request.bin").write_bytes(body)
    (below / "request.json").write_text(_json(_without_body(request)), encoding="utf-8")
    _note_cut(folder, f"{folder.place(number)}request.bin", request, body)
    if request["url"].startswith(("http://", "https://")):
        file = f"{folder.place(number)}request.bin" if body else ""
        folder.contents.curls.append(curl({**request, "body": ""}, body=file).replace("curl ", "curl -i ", 1))


def _take_response(folder: _Folder, below: Path, line: Line) -> None:
    response, number = line["response"], line["exchange"]
    if response is None:
        return
    delivery = line.get("delivery", {})
    body = body_of({**response, **{key: delivery[key] for key in ("body_base64",) if key in delivery}})
    (below / "response.bin").write_bytes(body)
    (below / "response.json").write_text(_json(_without_body(response)), encoding="utf-8")
    _note_cut(folder, f"{folder.place(number)}response.bin", response, body)
    if delivery:
        told = {key: value for key, value in delivery.items() if key != "body_base64"}
        folder.contents.answers.append({"body": f"{folder.place(number)}response.bin", **told})


def _note_cut(folder: _Folder, name: str, part: Line, body: bytes) -> None:
    if len(body) < part.get("size", 0) and "body_base64" not in part:
        folder.contents.shortened[name] = part["size"]


def _without_body(part: Line) -> Line:
    return {key: value for key, value in part.items() if key not in ("body", "body_base64")}


def _finish(folder: _Folder, header: Line) -> None:
    contents, path = folder.contents, folder.path
    if contents.answers and len(contents.answers) == len(folder.wanted):
        (path / "serve.json").write_text(_json({"answers": contents.answers}), encoding="utf-8")
        shutil.copyfile(serve.__file__, path / "serve.py")
    if "call" in contents.summary:
        (path / "call.json").write_text(_json(contents.summary["call"]), encoding="utf-8")
    if "scenario" in contents.summary:
        text = yaml.safe_dump(contents.summary["scenario"], sort_keys=False, allow_unicode=True, width=110)
        (path / _SCENARIO).write_text(text, encoding="utf-8")
    if contents.curls and header["command"] in ("run", "fuzz", "proxy"):
        lines = [
            "#!/usr/bin/env bash",
            "# Sends the requests again; -i shows the status and the headers.",
            "",
        ]
        lines += ['cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1', *contents.curls, ""]
        (path / "request.sh").write_text("\n".join(lines), encoding="utf-8")
        (path / "request.sh").chmod(0o755)
    if folder.told.bytes:
        (path / "evidence.txt").write_text(folder.told.bytes + "\n", encoding="utf-8", errors="replace")
    contents.serves = (path / "serve.py").exists()
    contents.sends = (path / "request.sh").exists()
    (path / "README.md").write_text(guide(folder.told, contents, header), encoding="utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False) + "\n"
