"""A record in every form: byte for byte from records that are fixed, and safe whatever a server said.

tests/golden holds each record and what it becomes. After a change that is meant, write the pages again and
read the difference: CONFORMANCE_GOLDEN=write pytest tests/report
"""

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from conformance.cli import main
from conformance.report.github import render_github
from conformance.report.html import render_html
from conformance.report.junit import render_junit
from conformance.report.markdown import render_markdown
from conformance.report.record import Line
from conformance.report.tally import Tally

GOLDEN = Path(__file__).parents[1] / "golden"
NASTY = "</pre><script>alert(1)</script> ``` [x](javascript:1) \x1b[31m ]]> 100% ::error::no\r\n, a:b \ud800"


@pytest.mark.parametrize("name", ["run", "lint", "client"])
@pytest.mark.parametrize(
    ("form", "suffix"),
    [
        ("markdown", "md"),
        ("junit", "junit.xml"),
        ("github", "github.txt"),
        ("badge", "badge.json"),
        ("html", "html"),
    ],
)
def test_a_record_reads_as_it_always_did(
    name: str, form: str, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In every form; the exit code is that of the record."""
    record = GOLDEN / f"{name}.ndjson"
    footer = json.loads(record.read_text().splitlines()[-1])
    assert main(["report", str(record), "--format", form]) == footer["exit_code"]
    path, text = GOLDEN / f"{name}.{suffix}", capsys.readouterr().out
    if os.environ.get("CONFORMANCE_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_bytes() == text.encode()


def nasty() -> tuple[Line, list[Line], Tally]:
    """A record whose server says what is dangerous somewhere."""
    lines = [json.loads(line) for line in (GOLDEN / "run.ndjson").read_text().splitlines()]
    for line in lines:
        for name in ("message", "bytes", "problem", "hint", "call"):
            if name in line:
                line[name] = NASTY
        if line["type"] == "drift":
            line["message"] = NASTY
    header, *rest = lines
    return header, lines, Tally.of(rest)


class Page(HTMLParser):
    """The tags of a page, with what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attributes if name in ("src", "href")]


def test_a_page_runs_nothing_and_loads_nothing() -> None:
    """Whatever a server said is text; links lead to the sources alone; a policy forbids the rest."""
    header, _, tally = nasty()
    text = "\n".join(render_html(header, tally, 1))
    page = Page()
    page.feed(text)
    assert not {"script", "img", "link", "iframe"}.intersection(page.tags)
    assert all(link.startswith("https://ai.google.dev/") for link in page.links)
    assert "Content-Security-Policy" in text
    assert "prefers-color-scheme: dark" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\x1b" not in text


def test_workflow_commands_cannot_be_forged() -> None:
    """One command a line, each begun by us; line ends and percent signs are escaped as GitHub documents."""
    _, _, tally = nasty()
    lines = list(render_github(tally, 1))
    assert all(re.match(r"::(error|warning|notice) (file=[^,:]+,)?title=[^,:]+::", line) for line in lines)
    assert not [line for line in lines if "\n" in line or "\r" in line or "\x1b" in line]
    assert any("100%25 ::error::no%0A, a:b" in line for line in lines)


def test_workflow_commands_escape_their_properties() -> None:
    """A colon and a comma end a property; a file that was judged is named."""
    lines = [
        {**line, "subject": "a:b,c%.sse"} if "subject" in line else line
        for line in map(json.loads, (GOLDEN / "lint.ndjson").read_text().splitlines())
    ]
    (first, *_) = render_github(Tally.of(lines), 1)
    assert first.startswith("::error file=a%3Ab%2Cc%25.sse,title=IX-STREAM-035 the-end-is-told::a:b,c%25.")


def test_a_fence_holds_whatever_is_in_it() -> None:
    """The fence is longer than any in the bytes; outside of fences nothing is markup."""
    header, _, tally = nasty()
    text = "\n".join(render_markdown(header, tally, 1))
    outside = re.sub(r"^(`{3,})[a-z]*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    outside = re.sub(r"(`+) .*? \1(?!`)", "", outside)
    assert "````" in text
    assert "<script>" not in outside.replace("\\<", "")
    assert "\x1b" not in text
    assert not re.search(r"(?<!\\)\[x\]", outside)


CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"skipped", "error", "failure", "system-out"},
}
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "testcase": {"name", "classname"},
    "skipped": {"message"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "system-out": set(),
}


@pytest.mark.parametrize("name", ["run", "lint", "client"])
def test_the_xml_has_the_shape_that_ci_reads(name: str) -> None:
    """Elements, attributes and counts as in junit-10.xsd, the schema of Jenkins."""
    root = ET.fromstring((GOLDEN / f"{name}.junit.xml").read_bytes())
    for element in root.iter():
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        assert set(element.keys()) <= ATTRIBUTES[element.tag]
    for suite in [root, *root.iter("testsuite")]:
        for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(suite.get(attribute, "")) == len(list(suite.iter(tag)))


def test_the_xml_holds_whatever_a_server_said() -> None:
    """Control characters and lone surrogates are shown; it can be parsed."""
    _, lines, _ = nasty()
    root = ET.fromstring(render_junit(lines))
    failure = next(root.iter("failure"))
    assert "\\x1b[31m ]]>" in failure.get("message", "")
    assert "\\ud800" in (failure.text or "")


def test_a_test_case_is_a_requirement_in_a_subject() -> None:
    """Kept, broken, warned, inconclusive, not applicable with its reason: each as CI knows it."""
    cases = {
        (case.get("classname"), case.get("name", "").split(" ")[0]): [child.tag for child in case]
        for name in ("run", "client")
        for case in ET.fromstring((GOLDEN / f"{name}.junit.xml").read_bytes()).iter("testcase")
    }
    subject = "interactions/text_streamed[http://127.0.0.1:8000]"
    assert cases[subject, "IX-STREAM-003"] == []
    assert cases[subject, "IX-STREAM-012"] == ["failure"]
    assert cases[subject, "IX-USAGE-001"] == ["system-out"]
    assert cases[subject, "it"] == ["skipped"]
    assert cases["mine[embedded]", "it"] == ["error"]
    root = ET.fromstring((GOLDEN / "client.junit.xml").read_bytes())
    reasons = [case.get("message") for case in root.iter("skipped")]
    assert reasons == ["not-applicable: the client does not declare resume"]


@pytest.mark.parametrize(("name", "colour"), [("run", "orange"), ("lint", "red"), ("client", "red")])
def test_a_badge_is_one_of_shields_io(name: str, colour: str) -> None:
    """The members of an endpoint badge."""
    badge = json.loads((GOLDEN / f"{name}.badge.json").read_bytes())
    assert badge.keys() == {"schemaVersion", "label", "message", "color"}
    assert (badge["schemaVersion"], badge["color"]) == (1, colour)
