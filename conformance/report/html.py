"""A record as one page that needs nothing else: no script, no font, no picture from anywhere."""

from collections.abc import Iterator
from html import escape

from conformance.report.findings import Told, findings, problems
from conformance.report.record import Line
from conformance.report.summary import headline, subjects_of, totals
from conformance.report.tally import Tally
from conformance.report.text import printable

__all__ = ["render_html"]

_STYLE = """
:root { color-scheme: light dark; --red: #b3261e; --amber: #8a5a00; --green: #1b6e2d; --line: #8884;
  --soft: #8881; }
@media (prefers-color-scheme: dark) { :root { --red: #ff8a80; --amber: #ffc46b; --green: #7bd88f } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin: 0 0 .5rem }
section { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0 }
pre { background: var(--soft); padding: .75rem; border-radius: .25rem; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere }
table { border-collapse: collapse } td, th { border-bottom: 1px solid var(--line); padding: .25rem .75rem;
  text-align: left }
.fail, .error, .untestable { color: var(--red) } .warn, .inconclusive { color: var(--amber) }
.pass { color: var(--green) }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render_html(header: Line, tally: Tally, exit_code: int, *, cut_off: bool = False) -> Iterator[str]:
    """Give the page in pieces."""
    head = _text(f"gemini-conformance: {headline(tally, exit_code)}")
    yield "<!doctype html>"
    yield f'<html lang="en"><head><meta charset="utf-8"><title>{head}</title>'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<style>{_STYLE}</style></head><body><h1>{head}</h1>"
    about = ", ".join(header.get("targets") or header.get("paths") or ())
    yield (
        f"<p><code>{_text(header['command'])}</code> of {_text(about)}, {_text(header['started'])}: "
        f"{_text(subjects_of(tally))}; version {_text(header['version'])}</p>"
    )
    if cut_off:
        yield "<p><strong>The run was cut off</strong>: this is what it saw until then.</p>"
    yield from _totals(tally)
    for told in findings(tally):
        yield from _finding(told)
    yield from _problems(tally)
    yield from _drift(tally)
    yield from _subjects(tally)
    yield "</body></html>"


def _totals(tally: Tally) -> Iterator[str]:
    yield "<table><tr><th>requirements judged</th><th></th></tr>"
    yield from (
        f"<tr><td>{_outcome(name)}</td><td>{count}</td></tr>" for name, count in totals(tally).items()
    )
    yield "</table>"


def _finding(told: Told) -> Iterator[str]:
    yield f"<section><h2>{_outcome(told.outcome)} {_text(told.title)}</h2>"
    yield f"<p><code>{_text(told.place)}</code>: {_text(told.message)}</p>"
    if told.requirement is not None:
        link = f'<a href="{_text(told.source)}" rel="noreferrer">source</a>'
        link = link if told.source.startswith("https://") else _text(told.source)
        yield f"<p>Expected: {_text(told.expected)} {link}</p>"
    if told.bytes:
        yield f"<pre>{_lines(told.bytes)}</pre>"
    if told.again:
        yield f"<p>To see it again:</p><pre>{_lines(told.again)}</pre>"
    if told.also:
        yield f"<p>Also at {_text(told.also)}.</p>"
    yield "</section>"


def _problems(tally: Tally) -> Iterator[str]:
    for found in problems(tally):
        yield f"<section><h2>{_outcome(found.outcome)} {_text(found.subject)}</h2>"
        yield f"<p>{_text(found.message)}</p>"
        yield f"<p>{_text(found.hint)}</p></section>" if found.hint else "</section>"


def _drift(tally: Tally) -> Iterator[str]:
    if tally.drift:
        yield "<details><summary>What the contract does not know; not a failure</summary><ul>"
        yield from (f"<li>{times}× {_text(message)}</li>" for message, times in tally.drift.most_common())
        yield "</ul></details>"


def _subjects(tally: Tally) -> Iterator[str]:
    lines = [*tally.scenarios, *tally.cases, *tally.files, *tally.conversations]
    yield f"<details><summary>Everything that was judged ({len(lines)})</summary><table>"
    for line in lines:
        cells = (_outcome(line["outcome"]), _text(line["subject"]), _text(line.get("title", "")))
        yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    yield "</table></details>"


def _outcome(word: str) -> str:
    return f'<span class="{_text(word)}">{_text(word)}</span>'


def _text(text: str) -> str:
    """Escape; what cannot be printed is shown."""
    return escape(printable(str(text)))


def _lines(text: str) -> str:
    return "\n".join(map(_text, text.splitlines()))
