"""A record as JUnit XML: a suite for each subject, a test case for each requirement that was judged in it.

What CI systems read is the dialect of Jenkins (junit-10.xsd): `failure` for a red finding, `error` for a
fault of the harness, `skipped` with its reason for what was not applicable, not conclusive or is known. A
warning is told in `system-out` of a test case that passes, for JUnit has no word for it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from xml.etree import ElementTree as ET

from conformance.contract.registry import registry
from conformance.judge.verdict import OUTCOMES
from conformance.report.findings import place
from conformance.report.record import Line

__all__ = ["render_junit"]

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SUMMARIES = ("scenario", "file", "case", "conversation")
_RED = ("fail", "untestable")
_SKIPPED = ("inconclusive", "known", "not-applicable", "not-observed", "excluded")


@dataclass(slots=True)
class _Suite:
    """What was judged in one subject: its summary, and each requirement with the verdicts against it."""

    name: str
    summary: Line = field(default_factory=dict)
    judged: dict[str, list[Line]] = field(default_factory=dict)


def render_junit(lines: Iterable[Line]) -> str:
    """Give the document of a whole record."""
    suites: dict[str, _Suite] = {}
    faults: list[str] = []
    started = ""
    for line in lines:
        kind = line["type"]
        if kind == "header":
            started = datetime.fromisoformat(line["started"]).replace(tzinfo=None).isoformat("T", "seconds")
        elif kind == "fault":
            faults.append(line["message"])
        elif kind == "testee":
            faults += [*line["problems"], *line["crashes"]]
        elif kind in (*_SUMMARIES, "passes", "verdict"):
            _take(suites.setdefault(line["subject"], _Suite(line["subject"])), line)
    root = ET.Element("testsuites", name="gemini-conformance")
    for suite in suites.values():
        _add(root, suite, started)
    if faults:
        _add(root, _Suite("harness", {"outcome": "error", "problem": "\n".join(faults)}), started)
    _count(root, root.iter("testcase"), ("tests", "failures", "errors"))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _take(suite: _Suite, line: Line) -> None:
    match line["type"]:
        case "passes":
            for name in line["counts"]:
                suite.judged.setdefault(name, [])
        case "verdict":
            suite.judged.setdefault(line["requirement"], []).append(line)
        case _:
            suite.summary = line


def _add(root: ET.Element, suite: _Suite, started: str) -> None:
    element = ET.SubElement(root, "testsuite", name=_text(suite.name), timestamp=started)
    if "seconds" in suite.summary:
        element.set("time", f"{suite.summary['seconds']:.3f}")
    for name, verdicts in suite.judged.items():
        _tell(_test(element, suite, name), verdicts)
    problem = suite.summary.get("problem") or suite.summary.get("note")
    if problem:
        test = _test(element, suite, suite.summary.get("judges", "") if not suite.judged else "")
        text = "\n".join(filter(None, (problem, suite.summary.get("hint", ""))))
        _end(test, suite.summary["outcome"], problem, text)
    if not len(element):
        ET.SubElement(element, "testcase", classname=_text(suite.name), name="nothing was judged")
        ET.SubElement(element[0], "skipped", message="nothing in it concerns a requirement")
    _count(element, element.iter("testcase"), ("tests", "failures", "errors", "skipped"))


def _test(suite: ET.Element, of: _Suite, requirement: str) -> ET.Element:
    known = registry().get(requirement)
    name = f"{requirement} {known.name}" if known else requirement or "it is played as expected"
    return ET.SubElement(suite, "testcase", classname=_text(of.name), name=name)


def _tell(test: ET.Element, verdicts: list[Line]) -> None:
    """Tell the verdicts about one requirement: the worst decides, all are named."""
    if not verdicts:
        return
    worst = min(verdicts, key=lambda line: OUTCOMES.index(line["outcome"]))
    parts = [f"{place(line)}: {line['message']}" for line in verdicts]
    known = registry().get(worst["requirement"])
    if known is not None:
        parts += ["", f"expected: {known.says}", f"source: {known.source}"]
    if worst["bytes"]:
        parts += ["bytes:", worst["bytes"]]
    _end(test, worst["outcome"], worst["message"], "\n".join(parts))


def _end(test: ET.Element, outcome: str, message: str, text: str) -> None:
    if outcome in _SKIPPED:
        ET.SubElement(test, "skipped", message=_text(f"{outcome}: {message}"))
    elif outcome in (*_RED, "error"):
        tag = "error" if outcome == "error" else "failure"
        ET.SubElement(test, tag, type=outcome, message=_text(message)).text = _text(text)
    else:
        ET.SubElement(test, "system-out").text = _text(f"{outcome}: {text}")


def _count(element: ET.Element, tests: Iterable[ET.Element], names: tuple[str, ...]) -> None:
    tests = list(tests)
    tags = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    for name in names:
        found = [test for test in tests if name == "tests" or test.find(tags[name]) is not None]
        element.set(name, str(len(found)))


def _text(text: str) -> str:
    """Show what XML cannot hold: control characters, lone surrogates."""
    return _NOT_XML.sub(lambda match: ascii(match[0])[1:-1], text)
