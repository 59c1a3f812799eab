"""The model: what it says to a request, by the rules of `answers.yaml` and nothing else.

    reply = respond(asked)
    reply.text, reply.cites, reply.queries, reply.calls, reply.thinks

What goes over the wire of it, and in which form, is the business of `interaction`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from conformance.server.arguments import calls_for, value_for
from conformance.server.asked import Asked
from conformance.server.rules import Cite, Rule, rules

__all__ = ["Reply", "respond"]

_START = 80
_READ = 10_000
_NAMED = 1000
_WORDS = re.compile(r"[^\W\d_]+|\d+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model has to say.

    calls: the functions it calls, each with its arguments; it then says nothing.
    queries: what it searches for first.
    thinks: the summary of its thought.
    """

    text: str = ""
    cites: tuple[Cite, ...] = ()
    queries: tuple[str, ...] = ()
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    thinks: str = ""


@dataclass(frozen=True, slots=True)
class _Talk:
    """The conversation as the rules see it: user texts, the last one, and the results that came after it."""

    texts: list[str]
    question: str
    results: list[Mapping[str, Any]]
    calls: Mapping[str, Mapping[str, Any]]


def respond(asked: Asked) -> Reply:
    """Give what the model says."""
    talk = _talk(asked.steps)
    calls = _calls(asked, talk)
    if calls:
        names = " and ".join(dict.fromkeys(name for name, _ in calls))
        return Reply(calls=calls, thinks=rules().thinks_of_calls.format(names=names))
    if talk.results:
        return Reply(text=_of_results(talk), thinks=rules().thinks_of_results)
    structured = _schema_asked_for(asked.body)
    if structured is not None:
        text = json.dumps(value_for(structured, talk.question), ensure_ascii=False)
        return Reply(text=text, thinks="The answer has to follow the schema.")
    return _by_rule(asked, talk)


def _talk(steps: list[dict[str, Any]]) -> _Talk:
    texts: list[str] = []
    results: list[Mapping[str, Any]] = []
    calls: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        match step:
            case {"type": "user_input", "content": [*content]}:
                texts.append("\n".join(_texts(content))[:_READ])
                results = []
            case {"type": "function_result"}:
                results.append(step)
            case {"type": "function_call", "id": str(call)}:
                calls[call] = step
                results = []
    return _Talk(texts, texts[-1] if texts else "", results, calls)


def _texts(content: list[dict[str, Any]]) -> Iterator[str]:
    return (block["text"] for block in content if block.get("type") == "text")


def _by_rule(asked: Asked, talk: _Talk) -> Reply:
    for rule in rules().says:
        if rule.tool is not None and not asked.declares(rule.tool):
            continue
        found = rule.when.search(talk.question)
        if found is None:
            continue
        told = _told(rule, talk)
        if told is not None:
            return _filled(rule, {**told, **_groups(found)}, talk)
    return _filled(rules().fallback, {}, talk)


def _told(rule: Rule, talk: _Talk) -> dict[str, str] | None:
    """Give what `after` finds in the user texts so far; None when it finds nothing."""
    if rule.after is None:
        return {}
    found = [match for text in talk.texts for match in rule.after.finditer(text)]
    if not found:
        return None
    told = _groups(found[-1])
    for name, times in (rule.sum or {}).items():
        told[name] = str(sum(times * _number(match["count"]) for match in found))
    return told


def _groups(found: re.Match[str]) -> dict[str, str]:
    return {name: text for name, text in found.groupdict().items() if text is not None}


def _number(word: str) -> int:
    return int(word) if word.isdecimal() else rules().numbers[word.lower()]


def _filled(rule: Rule, told: dict[str, str], talk: _Talk) -> Reply:
    values = {"start": _start(talk.question), **told}
    return Reply(
        text=rule.text.format_map(values),
        cites=tuple(replace(cite, of=cite.of.format_map(values)) for cite in rule.cites),
        queries=tuple(query.format_map(values) for query in rule.queries),
        thinks=rule.thinks,
    )


def _start(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _START else f"{line[:_START].rstrip()}…"


def _calls(asked: Asked, talk: _Talk) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Choose the functions to call: those the question is about, or the first where one is forced."""
    if asked.mode == "none" or not asked.functions:
        return ()
    if talk.results and asked.mode != "any":
        return ()
    words = {word.lower() for word in _WORDS.findall(talk.question)}
    scores = {name: _score(told, words, talk.question) for name, told in asked.functions.items()}
    best = max(scores.values())
    if best == 0 and asked.mode != "any":
        return ()
    name = next(name for name, score in scores.items() if score == best)
    return tuple((name, arguments) for arguments in calls_for(asked.functions[name], talk.question))


def _score(declaration: Mapping[str, Any], words: set[str], question: str) -> int:
    """How much a question is about a function."""
    name = str(declaration["name"])
    if not (name.isalpha() and name.islower()) and re.search(rf"\b{re.escape(name)}\b", question):
        return _NAMED
    meant = {part.lower() for part in _PARTS.findall(name)} - rules().unhelpful
    meant |= {more for part in tuple(meant) for more in rules().means.get(part, ())}
    told = {part.lower() for part in _WORDS.findall(str(declaration.get("description", "")))}
    told = {word for word in told - rules().unhelpful if len(word) > 4}
    return 3 * len(meant & words) + len(told & words)


def _of_results(talk: _Talk) -> str:
    return " ".join(_of_result(result, talk) for result in talk.results)


def _of_result(result: Mapping[str, Any], talk: _Talk) -> str:
    call = talk.calls.get(result["call_id"], {})
    given = ", ".join(_plain(value) for value in (call.get("arguments") or {}).values())
    template = rules().failed if result.get("is_error") is True else rules().well
    return template.format(
        name=call.get("name") or result.get("name", "The function"),
        given=f" for {given}" if given else "",
        result=_plain(_told_by(result.get("result"))),
    )


def _told_by(result: Any) -> Any:
    """Give what a result says: an object, a text, or the texts of a list; JSON in a text counts as JSON."""
    match result:
        case str(text):
            return _read(text)
        case [*blocks]:
            told = [_read(block["text"]) if "text" in block else f"[{block.get('type')}]" for block in blocks]
            return told[0] if len(told) == 1 else told
        case {"content": [*blocks]} if all(isinstance(block, dict) for block in blocks):
            return _told_by(blocks)
    return result


def _read(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip()[:1] in ("{", "[", '"') else text
    except ValueError:
        return text


def _plain(value: Any) -> str:
    """Write a value as people would, `temperature 15C, condition Cloudy`."""
    match value:
        case dict():
            return ", ".join(f"{name} {_plain(told)}" for name, told in value.items())
        case list():
            return ", ".join(_plain(told) for told in value)
        case str():
            return value
    return json.dumps(value)


def _schema_asked_for(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the schema that the answer has to follow, when the request asks for JSON."""
    wanted = body.get("response_format")
    for told in wanted if isinstance(wanted, list) else [wanted]:
        match told:
            case {"type": "text", "mime_type": "application/json", "schema": dict(schema)}:
                return schema
    return None
