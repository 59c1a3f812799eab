"""Known failures: what a list makes of the lines of a run, and what is wrong with the list."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conformance.contract.places import folder
from conformance.errors import KnownBroken, PathMissing, UsageRefused
from conformance.report.bookkeeping import MOST_CASES, Bookkeeping
from conformance.report.known import Entry, Known, selects
from conformance.report.record import Line
from conformance.report.tally import Tally
from conformance.report.text import render_findings

LOST = 'event 3 of 10 is lost: {"index": 1}'
TODAY = date(2026, 3, 1)


def case(
    subject: str, *verdicts: Line, outcome: str = "", kept: str = "SSE-001", problem: str = ""
) -> list[Line]:
    """The lines of one client case."""
    worst = min(
        (line["outcome"] for line in verdicts),
        key=["fail", "untestable", "inconclusive", "warn"].index,
        default="pass",
    )
    line = {
        "type": "case",
        "subject": subject,
        "title": "One.",
        "judges": "SSE-007",
        "silent": False,
        "outcome": outcome or worst,
        "problem": problem,
        "hint": "",
        "ending": "end",
        "observed": "end, 1 request",
        "exit_code": 0,
        "requests": 1,
        "seconds": 0.1,
    }
    passes = {"type": "passes", "subject": subject, "counts": {kept: 1}}
    return [line, passes, *({**verdict, "subject": subject} for verdict in verdicts)]


def verdict(message: str = LOST, requirement: str = "SSE-007", outcome: str = "fail") -> Line:
    """A finding, of no subject yet."""
    return {
        "type": "verdict",
        "requirement": requirement,
        "outcome": outcome,
        "party": "client",
        "call": "",
        "exchange": 0,
        "side": "response",
        "event": None,
        "pointer": "",
        "message": message,
        "bytes": "",
    }


def entry(**more: Any) -> dict[str, Any]:
    """A good entry, changed."""
    good = {
        "requirement": "SSE-007",
        "cases": ["framing/no-space"],
        "reason": "event # of # is lost: …",
        "url": "https://issues.example/1",
    }
    return {name: value for name, value in {**good, **more}.items() if value is not None}


def known(tmp_path: Path, *entries: dict[str, Any], **more: Any) -> Known:
    """A list, as it is read from a file."""
    path = tmp_path / "known.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "failures": list(entries), **more}, sort_keys=False))
    return Known.read(path)


def booked(known: Known, lines: Sequence[Line], **more: Any) -> Bookkeeping:
    """The bookkeeping of a run, its lines marked as a run marks them."""
    book = Bookkeeping(known, TODAY, **more)
    for subject in {line["subject"]: None for line in lines}:
        for line in known.applied([one for one in lines if one["subject"] == subject], book.version):
            book.take(line)
    return book


def told(book: Bookkeeping) -> list[str]:
    """What is wrong with the list."""
    return [line["message"] for line in book.problems()]


def test_what_is_known_is_not_red(tmp_path: Path) -> None:
    """The verdict says by which entry; the case is as good as the rest of its verdicts."""
    lines = known(tmp_path, entry()).applied(
        case("framing/no-space", verdict(), verdict("event 4 of 9 is lost: {"))
    )
    assert [line["outcome"] for line in lines if "outcome" in line] == ["known", "known", "known"]
    assert [line["known"] for line in lines[2:]] == [0, 0]
    assert lines[2]["entry"] == f"{tmp_path}/known.yaml:3"
    assert lines[2]["url"] == "https://issues.example/1"
    assert Tally.of(lines).exit_code(strict=True) == 0
    assert Tally.of(lines).outcomes == {"SSE-001": "pass", "SSE-007": "known"}


def test_what_was_marked_may_be_marked_again(tmp_path: Path) -> None:
    """An item marks its lines, and so may whoever collects them; the books are the same."""
    list_, lines = (
        known(tmp_path, entry()),
        case("framing/no-space", verdict(), verdict("slow", outcome="warn")),
    )
    once = list_.applied(lines)
    assert list_.applied(once) == once != lines
    assert told(booked(list_, once)) == told(booked(list_, lines)) == []


def test_marked_lines_are_lines_of_a_record(tmp_path: Path) -> None:
    """Verdicts with an entry, and what is wrong with one."""
    schema = Draft202012Validator(json.loads((folder("schemas") / "harness" / "record.json").read_bytes()))
    list_ = known(tmp_path, entry(), entry(requirement="", url=""))
    lines = list_.applied(case("framing/no-space", verdict()))
    lines += booked(list_, lines).problems()
    assert [line["type"] for line in lines] == ["case", "passes", "verdict", "known", "known"]
    assert [error.message for line in lines for error in schema.iter_errors(line)] == []
    assert not schema.is_valid({**lines[2], "known": 0} | {"entry": 5})
    assert not schema.is_valid({**lines[3], "outcome": "pass"})


@pytest.mark.parametrize(
    "other",
    [
        entry(requirement="SSE-001"),
        entry(cases=["framing/space", "framing/*/no-space", "no-space"]),
        entry(reason="event # is …, and the client gives …"),
        entry(requirement=""),
    ],
)
def test_what_is_not_quite_known_is_red(tmp_path: Path, other: dict[str, Any]) -> None:
    """Requirement, case and reason must all be those of the entry."""
    lines = case("framing/no-space", verdict())
    assert known(tmp_path, other).applied(lines) == lines


def test_the_rest_of_a_case_is_judged_as_ever(tmp_path: Path) -> None:
    """One finding is known, another one is not."""
    lines = known(tmp_path, entry()).applied(case("framing/no-space", verdict(), verdict("the call hung")))
    assert [line["outcome"] for line in lines if "outcome" in line] == ["fail", "known", "fail"]
    lines = known(tmp_path, entry()).applied(
        case("framing/no-space", verdict(), verdict("slow", outcome="warn"))
    )
    assert [line["outcome"] for line in lines if "outcome" in line] == ["warn", "known", "warn"]


def test_warnings_and_expectations_can_be_known(tmp_path: Path) -> None:
    """An expectation of a scenario has no requirement: its message alone counts. A doubt is not known."""
    expectation = entry(requirement="", reason="expected the status 'completed'")
    lines = [verdict("expected the status 'failed'", "", "untestable"), verdict(outcome="warn")]
    doubt = verdict("a cut that nobody saw", outcome="inconclusive")
    list_ = known(tmp_path, expectation, entry(), entry(reason="a cut that nobody saw"))
    found = list_.applied(case("framing/no-space", *lines, doubt))
    assert [line["outcome"] for line in found[2:]] == ["known", "known", "inconclusive"]


def test_a_case_that_could_not_be_played_stays_red(tmp_path: Path) -> None:
    """No verdict tells why, so there is nothing to know."""
    lines = case("framing/no-space", outcome="untestable", problem="the driver failed: x")[:1]
    assert known(tmp_path, entry()).applied(lines) == lines


def test_a_list_is_for_some_versions(tmp_path: Path) -> None:
    """For others, and for a client that tells none, an entry says nothing and is not missed."""
    list_ = known(tmp_path, entry(versions=">=2.0,<3", url=""))
    failed, passed = case("framing/no-space", verdict()), case("framing/no-space")
    for version in ("2.0", "2.9.1", "2.5.0rc1", "2.5.0-beta.1"):
        assert list_.applied(failed, version)[0]["outcome"] == "known"
        assert len(told(booked(list_, passed, version=version))) == 2
    for version in ("3.0", "1.9", "", "unknown"):
        assert list_.applied(failed, version) == failed
        assert told(booked(list_, passed, version=version)) == []
        assert booked(list_, passed, version=version).rewritten() == list_


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("framing/no-space", "framing/no-space", True),
        ("framing/no-space", "framing/no-space-2", False),
        ("framing/*", "framing/no-space", True),
        ("framing/*", "framing/deep/er", False),
        ("*", "framing/no-space", False),
        ("framing/no-*", "framing/no-", True),
        ("**", "framing/no-space", True),
        ("**", "/tmp/[x]/a.json", True),
        ("framing/**", "framing/deep/er", True),
        ("**/er", "framing/deep/er", True),
        ("**/er", "er", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "a/xb", False),
        ("i/text[embedded]", "i/text[embedded]", True),
        ("i/text[embedded]", "i/texte", False),
        ("i/text[*]", "i/text[cassettes]", True),
        ("i/text", "i/text[embedded]", True),
        ("i/t*t", "i/text[http://127.0.0.1:8000]", True),
        ("i/text", "i/text_streamed[embedded]", False),
        ("a.json", "axjson", False),
        ("folder/a.json", "folder\\a.json", True),
    ],
)
def test_a_star_is_within_a_part_and_two_are_any_number(
    pattern: str, subject: str, *, expected: bool
) -> None:
    """Nothing else has a meaning; a scenario without a target is meant against all."""
    assert selects(pattern, subject) is expected


@given(st.text(max_size=30))
def test_without_stars_a_pattern_is_a_name(name: str) -> None:
    """Whatever stands in it."""
    name = name.replace("*", "").replace("\\", "")
    assert selects(name, name)
    assert not selects(name, f"{name}x")


def test_an_entry_that_is_not_needed_is_red(tmp_path: Path) -> None:
    """Its case passes: pattern by pattern, and one of its cases is enough for a pattern with stars."""
    lines = case("framing/no-space", verdict()) + case("framing/other") + case("errors/one")
    list_ = known(tmp_path, entry(cases=["framing/*", "framing/other", "errors/one", "**"]))
    book = booked(list_, lines)
    assert told(book) == [
        "SSE-007 in framing/other is known, and fails no more",
        "SSE-007 in errors/one is known, and fails no more",
    ]
    line, _ = book.problems()
    assert (line["entry"], line["outcome"]) == (f"{tmp_path}/known.yaml:3", "fail")
    assert line["hint"]
    assert Tally.of([*list_.applied(lines[:3]), line]).exit_code(strict=False) == 1


def test_what_was_not_played_proves_nothing(tmp_path: Path) -> None:
    """Left out, not played to its end, or in doubt: an entry is not missed."""
    for lines in (
        case("framing/no-space", outcome="not-applicable", problem="the client does not declare stream")[:1],
        case("framing/no-space", outcome="untestable", problem="the driver failed")[:1],
        case("framing/no-space", outcome="not-observed")[:1],
        case("framing/no-space", verdict("a cut that nobody saw", outcome="inconclusive")),
    ):
        book = booked(known(tmp_path, entry()), lines)
        assert told(book) == []
        assert book.rewritten() == book.known


def test_an_endpoint_without_the_api_proves_nothing_of_a_list(tmp_path: Path) -> None:
    """Its first answer is told and nothing else is judged, so that no entry is stale by it."""
    lines = case("framing/no-space", verdict("it has no Interactions API", "", "inconclusive"))
    assert told(booked(known(tmp_path, entry()), [{**lines[0], "exit_code": 5}, *lines[1:]])) == []
    assert told(booked(known(tmp_path, entry()), lines)) == [
        "SSE-007 in framing/no-space is known, and fails no more"
    ]


def test_an_entry_of_no_case_is_red_in_a_whole_run(tmp_path: Path) -> None:
    """Whoever selects cases has not selected the others."""
    list_ = known(tmp_path, entry(cases=["framing/no-spice"]))
    problem = "SSE-007 is known in framing/no-spice, which is the name of no case"
    assert told(booked(list_, case("framing/no-space"))) == [problem]
    assert told(booked(list_, case("framing/no-space"), partial=True)) == []
    assert booked(list_, case("framing/no-space"), partial=True).rewritten() == list_
    assert booked(list_, case("framing/no-space")).rewritten().entries == ()


def test_another_reason_is_red_and_told(tmp_path: Path) -> None:
    """The finding stays red, and the entry says what it waited for."""
    book = booked(known(tmp_path, entry()), case("framing/no-space", verdict("the call hung for 13 s")))
    (message,) = told(book)
    assert message.startswith("SSE-007 in framing/no-space fails for another reason: 'the call hung for # s'")
    assert message.endswith(" instead of 'event # of # is lost: …'")


def test_another_reason_that_is_known_too_is_no_reason(tmp_path: Path) -> None:
    """Two entries for two faults; when one is mended, its own entry is the one that is not needed."""
    list_ = known(tmp_path, entry(), entry(reason="the call hung for 1 s"))
    assert told(booked(list_, case("framing/no-space", verdict(), verdict("the call hung for 2 s")))) == []
    assert told(booked(list_, case("framing/no-space", verdict("the call hung for 2 s")))) == [
        "SSE-007 in framing/no-space is known, and fails no more"
    ]


def test_an_entry_expires_after_its_day(tmp_path: Path) -> None:
    """On the day itself it holds; afterwards it is told with its date."""
    lines = case("framing/no-space", verdict())
    assert told(booked(known(tmp_path, entry(expires=TODAY)), lines)) == []
    book = booked(known(tmp_path, entry(expires=date(2026, 2, 28))), lines)
    assert told(book) == ["SSE-007 was to be known until 2026-02-28"]


def test_an_entry_without_a_url_is_red(tmp_path: Path) -> None:
    """What nobody tracks nobody mends."""
    book = booked(known(tmp_path, entry(url=" ")), case("framing/no-space", verdict()))
    assert told(book) == ["SSE-007 has no url that tells where it is tracked"]


def test_what_is_listed_twice_is_red(tmp_path: Path) -> None:
    """The second entry is told, with the place of the first; for other versions it is another one."""
    lines = case("framing/no-space", verdict()) + case("framing/two", verdict())
    book = booked(known(tmp_path, entry(), entry(cases=["framing/*"]), entry(cases=["framing/two"])), lines)
    assert (
        told(book)
        == [
            f"SSE-007 in framing/no-space is known by {tmp_path}/known.yaml:3 too",
            f"SSE-007 in framing/two is known by {tmp_path}/known.yaml:8 too",
        ]
        or len(told(book)) == 2
    )
    book = booked(known(tmp_path, entry(cases=["framing/no-space"]), entry(cases=["framing/*"])), lines[3:])
    book.take(case("framing/no-space")[0])
    assert told(book) == ["SSE-007 in framing/no-space is known, and fails no more"]
    split = known(tmp_path, entry(versions="<2"), entry(versions=">=2"))
    assert told(booked(split, case("framing/no-space", verdict()), version="2.1")) == []


def test_many_cases_need_a_reason(tmp_path: Path) -> None:
    """Twenty do not; whether they fail or not, they are covered."""
    lines = [line for number in range(MOST_CASES + 1) for line in case(f"framing/{number}", verdict())]
    assert told(booked(known(tmp_path, entry(cases=["framing/*"])), lines[: MOST_CASES * 3])) == []
    assert told(booked(known(tmp_path, entry(cases=["framing/*"])), lines)) == [
        "SSE-007 is known in 21 cases"
    ]
    broad = entry(cases=["framing/*"], broad="The parser is one for all.")
    assert told(booked(known(tmp_path, broad), lines)) == []


def test_the_order_of_lines_does_not_count(tmp_path: Path) -> None:
    """They come from several processes."""
    lines = case("framing/no-space", verdict()) + case("framing/other") + case("x/y", verdict("z"))
    list_ = known(tmp_path, entry(cases=["**"]), entry(cases=["framing/other"]))
    assert told(booked(list_, lines)) == told(booked(list_, lines[::-1])) != []


# Writing the list.


def test_a_list_that_is_written_makes_the_run_known(tmp_path: Path) -> None:
    """What is red, and what warns where that is red too; red until its url is filled in."""
    lines = (
        case("framing/no-space", verdict(), verdict("slow", outcome="warn"))
        + case("framing/two", verdict("event 1 of 2 is lost: {}"))
        + case("i/text[http://127.0.0.1:4711]", verdict("no status", "", "untestable"))
        + case("i/text[https://proxy.example]", verdict("no status", "", "fail"))
        + case("i/text[embedded]", verdict("no status", "", "fail"))
    )
    path = tmp_path / "written.yaml"
    booked(Known(), lines).rewritten().write(path)
    assert yaml.safe_load(path.read_text())["failures"] == [
        {
            "requirement": "",
            "cases": ["i/text", "i/text[embedded]"],
            "reason": "no status",
            "url": "",
            "since": TODAY,
        },
        {
            "requirement": "SSE-007",
            "cases": ["framing/no-space", "framing/two"],
            "reason": "event # of # is lost: …",
            "url": "",
            "since": TODAY,
        },
    ]
    assert path.read_text().count(f"since: {TODAY}\n") == 2
    again = booked(Known.read(path), lines)
    assert [message.partition(" has ")[2] for message in told(again)] == [
        "no url that tells where it is tracked"
    ] * 2
    assert [entry.reason for entry in booked(Known(), lines).rewritten(strict=True).entries][2:] == ["slow"]


def test_what_people_wrote_survives(tmp_path: Path) -> None:
    """In what is still needed; another case of the same failure joins it, and what is mended goes."""
    written = entry(
        cases=["framing/no-space", "framing/mended"],
        since=date(2025, 1, 2),
        expires=date(2027, 1, 2),
        versions=">=2",
        broad="Why not.",
    )
    mended = entry(cases=["errors/one"], url="https://issues.example/2")
    old = known(tmp_path, entry(cases=["x/y"], versions="<2"), mended, written, subject="@google/genai")
    lines = case("framing/no-space", verdict()) + case("framing/mended") + case("errors/one")
    lines += case("framing/new", verdict())
    path = tmp_path / "known.yaml"
    booked(old, lines, version="2.1").rewritten().write(path)
    head, _, rest = path.read_text().partition("\n")
    assert "comments are not kept" in head
    data = yaml.safe_load(rest)
    assert (data["version"], data["subject"]) == (1, "@google/genai")
    assert data["failures"] == [
        entry(cases=["x/y"], versions="<2"),
        {**written, "cases": ["framing/new", "framing/no-space"]},
    ]


def test_what_is_listed_twice_is_written_once(tmp_path: Path) -> None:
    """The first entry stays; of the other one what only it says."""
    lines = case("framing/no-space", verdict()) + case("framing/two", verdict())
    old = known(
        tmp_path, entry(), entry(cases=["framing/no-space", "framing/two"], url="https://issues.example/2")
    )
    new = booked(old, lines).rewritten()
    assert [(one.cases, one.url[-1]) for one in new.entries] == [
        (("framing/no-space",), "1"),
        (("framing/two",), "2"),
    ]
    assert told(booked(new, lines)) == []


def test_a_list_is_written_in_one_order_and_as_it_was_read(tmp_path: Path) -> None:
    """Whatever the order of the entries; reading it back gives the same."""
    one, two = entry(cases=["b", "a"]), entry(reason="event 5 of 6 is gone")
    first, second = known(tmp_path, one, two).text(), known(tmp_path, two, one).text()
    assert first == second
    (tmp_path / "again.yaml").write_text(first)
    assert Known.read(tmp_path / "again.yaml").text() == first


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["framing/a", "framing/b", "i/c[embedded]"]),
            st.sampled_from(["SSE-007", "SSE-001", ""]),
            st.text(min_size=1).filter(lambda text: text.strip()),
            st.sampled_from(["fail", "warn", "inconclusive"]),
        )
    )
)
def test_every_list_that_is_written_can_be_read_and_is_right(tmp_path_factory: Any, found: Any) -> None:
    """Whatever the messages hold: afterwards nothing is red but the missing urls."""
    lines: list[Line] = []
    for subject in {one[0]: None for one in found}:
        lines += case(subject, *(verdict(one[2], one[1], one[3]) for one in found if one[0] == subject))
    path = tmp_path_factory.mktemp("known") / "known.yaml"
    booked(Known(), lines).rewritten(strict=True).write(path)
    again = Known.read(path)
    book = booked(again, lines)
    assert all(message.endswith("has no url that tells where it is tracked") for message in told(book))
    assert book.rewritten(strict=True) == again


def test_a_list_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """What cannot be written leaves nothing behind."""
    with pytest.raises(PathMissing, match="cannot be written"):
        Known().write(tmp_path / "none" / "known.yaml")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageRefused, match="cannot be written"):
        Known().write(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


# Reading it.


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[", ": not YAML: "),
        ("a: b: c", "line 1: not YAML: mapping values are not allowed"),
        ("- 1", "line 1: [1] is not of type 'object'"),
        ("", "line 1: None is not of type 'object'"),
        ("\xff\x00", "not YAML: "),
        ("version: 1\nfailures:\n- since: 2026-13-01\n", "not YAML: month must be in 1..12"),
        ("failures: &a [*a]\nversion: 1", "not YAML: "),
        ("version: 2\nfailures: []\n", "line 1 (version): 1 was expected"),
        ("version: 1\n", "line 1: 'failures' is a required property"),
        ("version: 1\nfailures:\n- {}\n", "line 3 (failures/0): "),
    ],
)
def test_a_file_that_is_no_list_is_told(tmp_path: Path, text: str, problem: str) -> None:
    """With the line."""
    path = tmp_path / "known.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(KnownBroken) as error:
        Known.read(path)
    assert str(error.value).startswith(f"{path}")
    assert problem in str(error.value)
    assert (error.value.exit_code, "--write-known" in error.value.hint) == (2, True)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"requirement": "SSE-0007"}, "line 8: there is no requirement SSE-0007; did you mean 'SSE-007'?"),
        ({"versions": "2.x"}, "line 8: Invalid specifier: '2.x'"),
        ({"expires": "2026-02-31"}, "line 8: day is out of range for month"),
        ({"expires": "soon"}, "line 13 (failures/1/expires): 'soon' does not match"),
        ({"cases": []}, "line 9 (failures/1/cases): [] should be non-empty"),
        ({"cases": "framing/*"}, "line 9 (failures/1/cases): 'framing/*' is not of type 'array'"),
        ({"reason": None}, "line 8 (failures/1): 'reason' is a required property"),
        (
            {"until": "x"},
            "line 8 (failures/1): Additional properties are not allowed ('until' was unexpected)",
        ),
    ],
)
def test_a_broken_entry_is_told(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    """With its line, and what was perhaps meant."""
    with pytest.raises(KnownBroken) as error:
        known(tmp_path, entry(), entry(**change))
    assert str(error.value).startswith(f"{tmp_path}/known.yaml {problem}")


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    """As any path that is missing."""
    with pytest.raises(PathMissing, match="no such file"):
        Known.read(tmp_path / "known.yaml")


def test_a_list_keeps_the_place_of_each_entry() -> None:
    """By default there is none, and nothing is known."""
    assert Known().applied(case("a/b", verdict())) == case("a/b", verdict())
    assert Entry("", ("a",), "b").place == ""


def test_known_failures_are_told_in_one_line_and_problems_in_red(tmp_path: Path) -> None:
    """What is known is counted with its list; the entry that is wrong is told with file, line and advice."""
    list_ = known(tmp_path, entry(), entry(cases=["framing/other"]))
    lines = list_.applied(case("framing/no-space", verdict(), verdict())) + case("framing/other")
    tally = Tally.of([*lines, *booked(list_, lines).problems()])
    assert list(render_findings(tally)) == [
        f"fail {tmp_path}/known.yaml:8: SSE-007 in framing/other is known, and fails no more",
        "    hint      Delete it from the list, or have it written again with --write-known.",
        f"known: 2 (see {tmp_path}/known.yaml)",
    ]


def test_the_readme_shows_a_list_that_is_one(tmp_path: Path) -> None:
    """Its example is read as any list, and knows what it says."""
    page = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (shown,) = [block for block in page.split("```yaml\n")[1:] if block.startswith("version: 1\nfailures:")]
    (tmp_path / "known.yaml").write_text(shown.partition("```")[0], encoding="utf-8")
    list_ = Known.read(tmp_path / "known.yaml")
    assert list_.applied(case("framing/no-space", verdict()), "2.4")[0]["outcome"] == "known"
