"""Grounding with Google Search: steps of the tool, and citations inside the text.

The offsets of a citation count the bytes of the text in UTF-8, and the end is exclusive: so says the schema,
and so do the recordings; the samples that cut by characters are right for ASCII alone.
Source: https://ai.google.dev/gemini-api/docs/google-search
"""

import re
from collections.abc import Iterator
from typing import Any

from conformance.judge.requests import camel_names
from conformance.judge.tools import begins
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Call, Trace, is_placeholder

__all__ = [
    "annotations_are_named_in_snake_case",
    "citation_links_are_web_addresses",
    "citations_keep_characters_whole",
    "citations_lie_inside_the_text",
    "grounded_answers_show_the_search",
    "searching_needs_no_client",
    "web_sources_are_url_citations",
    "words_are_timed_in_seconds",
]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S")
_SECONDS = re.compile(r"\d+(?:\.\d+)?s")


def _tools(call: Call) -> set[str]:
    match call.asked:
        case {"tools": [*tools]}:
            return {str(tool.get("type")) for tool in tools if isinstance(tool, dict)}
    return set()


def _annotations(call: Call) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every annotation of an answer: its pointer in the interaction, itself, and its text."""
    for at, step in enumerate(call.steps):
        if step.get("type") != "model_output" or not isinstance(step.get("content"), list):
            continue
        for block_at, block in enumerate(step["content"]):
            match block:
                case {"type": "text", "text": str(text), "annotations": [*annotations]}:
                    for number, annotation in enumerate(annotations):
                        if isinstance(annotation, dict):
                            place = f"/steps/{at}/content/{block_at}/annotations/{number}"
                            yield place, annotation, text


def _is_whole(call: Call) -> bool:
    """Whether an answer has its end: a stream that broke may lack steps, or the text of its citations."""
    return call.stream is None or (call.stream.completed is not None and not call.stream.resumed)


def _only_searches(call: Call, *others: str) -> bool:
    """Whether a model can do nothing but search, other tools apart: no history, no agent that does more."""
    tools = _tools(call) - {*others}
    return tools == {"google_search"} and "agent" not in call.asked and begins(call)


def _spans(trace: Trace) -> Iterator[tuple[Call, str, int, int, bytes]]:
    """The spans of all annotations that tell one: call, pointer, start, end, text in UTF-8."""
    for call in trace.calls:
        if call.exchange.excerpt or not _is_whole(call):
            continue
        for place, annotation, text in _annotations(call):
            match annotation.get("start_index", 0), annotation.get("end_index"):
                case int(start), int(end) if not is_placeholder(text):
                    yield call, place, start, end, text.encode(errors="surrogatepass")


def citations_lie_inside_the_text(trace: Trace) -> Iterator[Verdict]:
    """A citation marks a part of its text: 0 <= start < end <= bytes of the text (IX-CITE-002)."""
    for call, place, start, end, text in _spans(trace):
        if 0 <= start < end <= len(text):
            yield kept(call)
        else:
            yield broken(call, place, f"it marks bytes {start} to {end} of a text of {len(text)} bytes")


def citations_keep_characters_whole(trace: Trace) -> Iterator[Verdict]:
    """The offsets of a citation count UTF-8 bytes, so they never fall inside a character (IX-CITE-003)."""
    for call, place, start, end, text in _spans(trace):
        inside = [at for at in (start, end) if 0 <= at < len(text) and text[at] & 0xC0 == 0x80]
        if inside:
            yield broken(
                call, place, f"byte {inside[0]} lies inside a character: the offsets count something else"
            )
        elif end <= len(text):
            yield kept(call)


def citation_links_are_web_addresses(trace: Trace) -> Iterator[Verdict]:
    """A url_citation has a url that people can open, with its scheme (IX-CITE-001)."""
    for call in trace.calls:
        for place, annotation, _ in _annotations(call):
            match annotation:
                case {"type": "url_citation", "url": str(url)} if is_placeholder(url):
                    continue
                case {"type": "url_citation", "url": str(url)} if _SCHEME.match(url):
                    yield kept(call)
                case {"type": "url_citation"} if "url" in annotation or not call.exchange.excerpt:
                    found = ascii(annotation.get("url", "absent"))
                    yield broken(call, place, f"the url of a citation is {found}")


def grounded_answers_show_the_search(trace: Trace) -> Iterator[Verdict]:
    """An answer that cites the web shows the search: a call and its result (IX-SEARCH-002).

    Judged for models, at the beginning of a conversation: later a model may cite what it found before. Some
    models search after they answer, so a stream that broke is not judged.
    """
    for call in trace.calls:
        if call.exchange.excerpt or not _is_whole(call):
            continue
        if not _only_searches(call, "function", "code_execution"):
            continue
        cited = [place for place, found, _ in _annotations(call) if found.get("type") == "url_citation"]
        shown = [step.get("type") for step in call.steps]
        missing = [name for name in ("google_search_call", "google_search_result") if name not in shown]
        if cited and missing:
            yield broken(call, cited[0], f"the web is cited, and no step is a {missing[0]}")
        elif cited:
            yield kept(call)


def searching_needs_no_client(trace: Trace) -> Iterator[Verdict]:
    """A search runs on the server: with no other tool, nothing is asked of the client (IX-SEARCH-006)."""
    for call in trace.calls:
        if not _only_searches(call) or call.interaction is None:
            continue
        if call.interaction.get("status") == "requires_action":
            yield broken(call, "/status", "google_search is the only tool, and the status is requires_action")
        elif "status" in call.interaction:
            yield kept(call)


def web_sources_are_url_citations(trace: Trace) -> Iterator[Verdict]:
    """What a search found is cited as url_citation (IX-SEARCH-007). Judged where search is the only tool."""
    for call in trace.calls:
        if not _only_searches(call):
            continue
        for place, annotation, _ in _annotations(call):
            match annotation.get("type"):
                case "url_citation":
                    yield kept(call)
                case "file_citation" | "place_citation" as kind:
                    yield broken(call, place, f"google_search is the only tool, and the citation is a {kind}")


def annotations_are_named_in_snake_case(trace: Trace) -> Iterator[Verdict]:
    """The members of an annotation have names in snake_case (IX-CITE-008)."""
    for call in trace.calls:
        for place, annotation, _ in _annotations(call):
            camel = camel_names(annotation)
            for name, snake in camel:
                yield broken(call, f"{place}/{name}", f"{name} is written {snake} here")
            if not camel:
                yield kept(call)


def words_are_timed_in_seconds(trace: Trace) -> Iterator[Verdict]:
    """A word of a transcript begins and ends at decimal seconds, in this order (IX-CITE-009)."""
    for call in trace.calls:
        for place, annotation, _ in _annotations(call):
            match annotation:
                case {"type": "word_info", "start_offset": str(start), "end_offset": str(end)}:
                    wrong = [found for found in (start, end) if not _SECONDS.fullmatch(found)]
                    if any(is_placeholder(found) for found in wrong):
                        continue
                    if wrong:
                        yield broken(call, place, f"{wrong[0]!r} is not of the form 0.300s")
                    elif float(start[:-1]) <= float(end[:-1]):
                        yield kept(call)
                    else:
                        yield broken(call, place, f"the word ends at {end}, before it begins at {start}")
