"""Reports for people, byte for byte, from records that are fixed.

tests/golden holds each record and what it prints. After a change that is meant, write the pages again and
read the difference: CONFORMANCE_GOLDEN=write pytest tests/report
"""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from conformance.contract.places import folder
from conformance.contract.registry import registry
from conformance.report.record import Line
from conformance.report.shell import curl
from conformance.report.tally import Tally
from conformance.report.text import render_client, render_lint, render_run, render_total

GOLDEN = Path(__file__).parents[1] / "golden"


def lines_of(name: str) -> list[Line]:
    """Read a fixed record."""
    return [json.loads(line) for line in (GOLDEN / f"{name}.ndjson").read_text().splitlines()]


def same_as_kept(name: str, page: Sequence[str]) -> bool:
    """Compare a page with the one that is kept."""
    path, text = GOLDEN / f"{name}.txt", "".join(f"{line}\n" for line in page)
    if os.environ.get("CONFORMANCE_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    return path.read_bytes() == text.encode()


def test_a_run_reads_as_it_always_did() -> None:
    """Findings worst first, what could not be played, drift, scenarios; the counts are not fixed."""
    page = [*render_run(Tally.of(lines_of("run")), verbose=False)]
    assert same_as_kept("run", page[: page.index("requirements") + 1])


def test_a_lint_reads_as_it_always_did() -> None:
    """Findings, files that cannot be read, notes; the total is not fixed."""
    *page, total = render_lint(Tally.of(lines_of("lint")), verbose=False)
    assert same_as_kept("lint", page)
    assert total.endswith(" · 2 of 4 files judged")


def silent(subject: str, observed: str) -> Line:
    """The line of a case about which the documents are silent."""
    told = {"subject": subject, "title": "T", "outcome": "pass", "problem": "", "observed": observed}
    return {"type": "case", "silent": True, **told}


def test_what_a_client_does_and_leaves_out_is_counted_and_with_verbose_told() -> None:
    """Where the documents say nothing, and where a member does not arrive: neither is a failure."""
    loss = {"type": "loss", "subject": "a/x", "event_type": "step.delta", "pointers": ["/index", "/event_id"]}
    tally = Tally.of([silent("a/x", "end, 1 request"), silent("a/yy", "hung"), loss, loss])
    brief = [*render_client(tally, verbose=False)]
    assert (
        "choices: in 2 cases the documents do not say what is right (-v shows what this client does)" in brief
    )
    assert "left out: 2 members of step.delta; not a failure (-v shows which)" in brief
    full = [*render_client(tally, verbose=True)]
    assert "    a/x   end, 1 request" in full
    assert "    2×  step.delta /index" in full


def test_counts_are_those_of_the_whole() -> None:
    """The total names every requirement once; an area tells how many of its own were judged."""
    lines = lines_of("run")
    total = render_total(Tally.of(lines), subjects="1 of 5 scenarios · seed 7")
    whole, *parts = (int(number) for number in re.findall(r"\d+(?= [a-z])", total.split(" · ")[0]))
    assert whole == sum(parts) == len(registry())
    assert " 1 fail, 1 warn, 2 pass, " in total
    areas = [line for line in render_run(Tally.of(lines), verbose=False) if " judged: " in line]
    assert any(re.fullmatch(r" +stream +2 of +\d+ judged: 1 fail, 1 pass, .*", line) for line in areas)


@pytest.mark.parametrize("name", ["run", "lint", "client"])
def test_the_fixed_records_are_records(name: str) -> None:
    """They keep the schema, so that the pages show what can happen."""
    schema = json.loads((folder("schemas") / "harness" / "record.json").read_bytes())
    validator = Draft202012Validator(schema)
    assert [error.message for line in lines_of(name) for error in validator.iter_errors(line)] == []


def test_a_line_of_another_shape_is_no_record() -> None:
    """A member too many, one too few, and a kind that nobody knows are refused."""
    schema = json.loads((folder("schemas") / "harness" / "record.json").read_bytes())
    validator = Draft202012Validator(schema)
    footer = lines_of("run")[-1]
    assert validator.is_valid(footer)
    assert not validator.is_valid({**footer, "more": 1})
    assert not validator.is_valid({"type": "footer"})
    assert not validator.is_valid({**footer, "type": "shoe"})


def test_a_terminal_obeys_nothing_that_a_server_said() -> None:
    """Control characters are shown, not sent."""
    page = "\n".join(render_run(Tally.of(lines_of("run")), verbose=True))
    assert "\x1b" not in page
    assert r"\x1b[31m" in page


def test_the_worst_outcome_of_a_requirement_counts() -> None:
    """Kept nine times and broken once is broken."""
    outcomes = Tally.of(lines_of("run")).outcomes
    assert outcomes["IX-STREAM-012"] == "fail"
    assert outcomes["IX-USAGE-001"] == "warn"
    assert outcomes["IX-STREAM-003"] == "pass"
    assert "" not in outcomes


@pytest.mark.parametrize(
    "body",
    ['{"a": "it\'s"}', "two\nlines\t", "@file", "€ 🙂", "$HOME `id` \\n 'x'", "\x00\x7f".strip("\x00")],
)
def test_a_curl_line_sends_the_same_bytes(body: str) -> None:
    """Whatever is in the body: quotes, line ends, what a shell or curl would take for its own."""
    request = {"method": "POST", "url": "http://127.0.0.1:1/x?a=b&c", "headers": [["a", "b c"]], "body": body}
    shown = subprocess.run(
        ["bash", "-c", curl(request).replace("curl ", "printf '%s\\n' ", 1)], capture_output=True, check=True
    )
    *_, url, option, header, data_option, rest = shown.stdout.split(b"\n", 8)
    assert (url, option, header, data_option) == (
        b"http://127.0.0.1:1/x?a=b&c",
        b"-H",
        b"a: b c",
        b"--data-raw",
    )
    assert rest == body.encode() + b"\n"


def test_a_curl_line_gives_the_key_of_the_service_to_the_service_alone() -> None:
    """Elsewhere a variable that nobody has set by chance."""
    request = {"method": "GET", "url": "", "headers": [["x-goog-api-key", "REDACTED"]], "body": ""}
    ours = curl({**request, "url": "https://generativelanguage.googleapis.com/v1/interactions/x"})
    other = curl({**request, "url": "https://googleapis.com.example/v1/interactions/x"})
    assert '"x-goog-api-key: $GEMINI_API_KEY"' in ours
    assert "GEMINI_API_KEY" not in other
