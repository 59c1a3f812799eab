"""The pages of a bundle: what happened, what was expected, how to see it again, how to object.

guide(told, contents, header), index(header, folders)
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.report.findings import Told, short_place
from conformance.report.markdown import code, fenced, plain
from conformance.report.record import Line

__all__ = ["Contents", "guide", "index"]


@dataclass(slots=True)
class Contents:
    """What lies in the folder of a finding.

    summary: the line of its scenario, case or file.
    exchanges: by number, where the files of each lie.
    answers: how each answer goes out again.
    curls: the command lines that send the requests again.
    shortened: files that hold the beginning alone, with the length of the whole.
    serves, sends: whether there is a `serve.py`, a `request.sh`.
    """

    summary: Line = field(default_factory=dict)
    exchanges: dict[int, str] = field(default_factory=dict)
    answers: list[Line] = field(default_factory=list)
    curls: list[str] = field(default_factory=list)
    shortened: dict[str, int] = field(default_factory=dict)
    serves: bool = False
    sends: bool = False


def guide(told: Told, contents: Contents, header: Line) -> str:
    """Write the README of one finding."""
    parts = [
        _happened(told, contents),
        _expected(told),
        _again(told, contents),
        _files(contents),
        _dispute(told, header),
    ]
    lines = [f"# {told.outcome}: {plain(told.title)}", ""]
    for part in parts:
        lines += [*part, ""]
    return "\n".join(lines).rstrip() + "\n"


def index(header: Line, folders: Sequence[tuple[str, Told]]) -> str:
    """Write the README of the bundle."""
    about = ", ".join(header.get("targets") or header.get("paths") or ())
    started = plain(header["started"])
    lines = [
        f"# Findings of gemini-conformance {plain(header['version'])}",
        "",
        f"`{header['command']}` of {plain(about)}, {started}. Each folder holds one finding:",
        "what happened, what was expected, the bytes, and how to see it again without gemini-conformance.",
        "",
    ]
    lines += [f"- {told.outcome} [{name}]({name}/README.md): {plain(told.message)}" for name, told in folders]
    return "\n".join(lines if folders else [*lines, "Nothing was found."]) + "\n"


def _happened(told: Told, contents: Contents) -> Iterator[str]:
    yield "## What happened"
    yield ""
    if contents.summary.get("title"):
        yield f"{plain(contents.summary['title'])} ({code(told.subject)})"
        yield ""
    for line in told.finding.places:
        call = f"call {code(line['call'])}, " if line["call"] else ""
        yield f"- {call}{plain(short_place(line))}: {plain(line['message'])}"
    if told.finding.times > len(told.finding.places):
        yield f"- and {told.finding.times - len(told.finding.places)} more of the same"
    if told.bytes:
        yield ""
        yield "The bytes that show it (their beginning):"
        yield ""
        yield from fenced(told.bytes)


def _expected(told: Told) -> Iterator[str]:
    yield "## What was expected"
    yield ""
    known = told.requirement
    if known is None:
        yield f"What the scenario asks for; requirements: {plain(told.name)}."
        return
    yield f"**{known.id}** {plain(known.name)}: {plain(told.expected)}"
    yield ""
    if known.why:
        yield f"Why: {plain(known.why)}"
        yield ""
    whom = "client and server" if known.party == "both" else f"the {known.party}"
    yield f"- level: {known.level}, for {whom}"
    yield f"- confidence: {known.confidence}"
    yield f"- source: {known.source}"


def _again(told: Told, contents: Contents) -> Iterator[str]:
    yield "## How to see it again"
    yield ""
    if contents.serves:
        yield from _call(contents)
        if told.finding.first["side"] == "request":
            yield "The fault lies in the request, so compare what `serve.py` prints of it with the call;"
            yield "the answer was made for the request that came."
            yield ""
    elif "call" in contents.summary:
        yield "The record does not hold the answers, so there is no server to try the call against."
        yield ""
    if contents.sends:
        yield from _requests(contents)
    if told.again and not contents.sends:
        yield "With gemini-conformance:"
        yield ""
        yield from fenced(told.again, "sh")
    elif not told.again and not contents.serves:
        yield "Run the same command again: no request led to it that could be sent by itself."


def _call(contents: Contents) -> Iterator[str]:
    """Tell how to make the call of a client case by hand."""
    yield "1. Start the server. It prints its URL, and every request that it receives:"
    yield ""
    yield from fenced("python3 serve.py", "sh")
    yield ""
    call = contents.summary.get("call")
    yield "2. Make the call with your client, with that URL as its base URL and `test-key` as its API key"
    if call is None:
        yield "   (the record does not tell which call)."
        return
    yield "   (`call.json` holds the same):"
    yield ""
    stream = ", streaming" if call["stream"] else ""
    yield f"   - operation: `{plain(call['operation'])}`{stream}; API version `{plain(call['api_version'])}`"
    yield f"   - time-out: {call['timeout_ms'] / 1000:g} s; retries: {_retries(call)}"
    if call.get("cancel"):
        yield f"   - the user leaves: `{json.dumps(call['cancel'])}`"
    yield "   - arguments, in the names of the API:"
    yield ""
    yield from fenced(json.dumps(call["arguments"], indent=2, ensure_ascii=False), "json")
    yield ""
    yield "3. Compare what the client tells with what was expected. Each request gets the next answer:"
    yield ""
    for number, answer in enumerate(contents.answers, 1):
        yield f"   - answer {number}: {plain(_answer(answer))}"
    yield "   - the last holds for all that follow; another key begins with the first again"
    yield ""


def _retries(call: Line) -> str:
    return "switched off" if call["retries"] == "off" else "as the client does by itself"


_ENDS = {
    "close": "then the connection is closed",
    "half_close": "then the server's side of the connection is closed",
    "reset": "then the connection is reset",
    "stall": "then nothing comes any more",
}


def _answer(answer: dict[str, Any]) -> str:
    pieces = "byte by byte" if answer["plan"] == "byte" else f"the body in {len(answer['cuts']) + 1} writes"
    pieces = "in one write" if answer["plan"] == "whole" else pieces
    told = [answer["head"].partition("\r\n")[0].strip(), pieces]
    if answer["pause_ms"]:
        told.append(f"a pause of {answer['pause_ms']} ms after each")
    return ", ".join([*told, *([_ENDS[answer["end"]]] if answer["end"] in _ENDS else [])])


def _requests(contents: Contents) -> Iterator[str]:
    key = "GEMINI_API_KEY" if "$GEMINI_API_KEY" in " ".join(contents.curls) else "KEY"
    yield f"The key comes from the variable `{key}`; it is in no file here:"
    yield ""
    yield from fenced(f"export {key}=…\n./request.sh", "sh")
    yield ""
    if len(contents.curls) > 1:
        yield "An id that an earlier answer gave must be put into the requests that name it: look for it in"
        yield "`exchange-0/response.bin`, and put that of the new answer into the later `request.bin`."
        yield ""
    if contents.summary.get("target") == "embedded":
        yield "The server was our own and is gone; start it with the port of the lines in `request.sh`:"
        yield ""
        yield from fenced("gemini-conformance serve --port PORT", "sh")
        yield ""
    if "scenario" in contents.summary:
        target = contents.summary["target"]
        command = ["gemini-conformance", "run", "found.scenario.yaml", "--target", target]
        yield "With gemini-conformance, which takes the ids from the answers:"
        yield ""
        yield from fenced(shlex.join(command), "sh")
    elif contents.summary.get("file"):
        file, target = contents.summary["file"], ["--target", contents.summary["target"]]
        ours = file.startswith("scenarios/")
        name = file.rpartition("/")[2].removesuffix(".scenario.yaml")
        words = [*target, "--", "-k", name] if ours else [file, *target]
        command = ["gemini-conformance", "run", *words]
        yield "With gemini-conformance:"
        yield ""
        yield from fenced(shlex.join(command), "sh")


def _files(contents: Contents) -> Iterator[str]:
    yield "## What lies here"
    yield ""
    for number, below in contents.exchanges.items():
        yield f"- `{below}request.json`, `{below}request.bin`, `{below}response.json`, `{below}response.bin`:"
        yield f"  exchange {number}, without credentials; `.bin` files are the bytes of the bodies"
    if "scenario" in contents.summary:
        yield "- `found.scenario.yaml`: the conversation as data, which `gemini-conformance run` plays"
    if contents.serves:
        yield "- `serve.py` with `serve.json`: sends the answers again, Python 3.8 or later"
    for name, size in contents.shortened.items():
        yield f"- `{name}` holds the beginning alone: the whole has {size} bytes"
    if not contents.exchanges:
        yield "No exchange was recorded for it: nothing was sent, or the file could not be read so far."


def _dispute(told: Told, header: Line) -> Iterator[str]:
    yield "## You think this is wrong?"
    yield ""
    yield "A verdict that turns a right client or endpoint red is a fault of ours. Open an issue with this"
    yield "folder and say which source contradicts the requirement. What we know of it:"
    yield ""
    names = [name for name in told.finding.requirements if name]
    yield from fenced(
        "\n".join(f"gemini-conformance requirements {name}" for name in names[:3])
        or "gemini-conformance requirements",
        "sh",
    )
    yield ""
    yield f"Judged by version {plain(header['version'])}, requirements {header['hashes']['requirements']}."
