"""The model: what it says to a request, by the rules of `answers.yaml` and nothing else.

    reply = respond(asked)
    reply.text, reply.cites, reply.queries, reply.uses, reply.calls, reply.thinks

What goes over the wire of it, and in which form, is the business of `interaction`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.server.arguments import calls_for
from conformance.server.asked import Asked
from conformance.server.media import MEDIA, audio_block, image_block
from conformance.server.rules import Cite, Rule, Use, rules
from conformance.server.structured import text_following

__all__ = ["Reply", "respond"]

_START = 80
_READ = 10_000
_NAMED = 1000
_WORDS = re.compile(r"[^\W\d_]+|\d+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")
_MAKERS = {"image": image_block, "audio": audio_block}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model has to say.

    calls: the functions it calls, each with its arguments; it then says nothing.
    queries: what it searches for first.
    uses: what it does with the other built-in tools.
    media: pictures and sounds, as content.
    thinks: the summary of its thought.
    more: the answer goes on in the request that continues this one.
    """

    text: str = ""
    cites: tuple[Cite, ...] = ()
    queries: tuple[str, ...] = ()
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    thinks: str = ""
    uses: tuple[Use, ...] = ()
    media: tuple[dict[str, Any], ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class _Talk:
    """The conversation as the rules see it: user texts, the last one, and the results that came after it."""

    texts: list[str]
    question: str
    given: list[Mapping[str, Any]]
    results: list[Mapping[str, Any]]
    calls: Mapping[str, Mapping[str, Any]]


def respond(asked: Asked) -> Reply:
    """Give what the model says.

    Raises:
        Refused: it cannot answer in the form that is asked for.
    """
    talk = _talk(asked.steps)
    calls = _calls(asked, talk)
    if calls:
        names = " and ".join(dict.fromkeys(name for name, _ in calls))
        searched = asked.declares("google_search") and rules().searches_first.search(talk.question)
        queries = (_start(talk.question),) if searched and not talk.results else ()
        return Reply(queries=queries, calls=calls, thinks=rules().thinks_of_calls.format(names=names))
    formats = _formats(asked)
    structured = formats.get("text", {}).get("schema")
    if asked.declares("computer_use"):
        shown = _on_screen(asked, talk)
        if shown.calls or not isinstance(structured, dict):
            return shown
    if isinstance(structured, dict):
        return _structured(asked, talk, structured)
    if talk.results:
        return Reply(text=_of_results(talk), thinks=rules().thinks_of_results)
    media = tuple(make(formats[kind], talk.question) for kind, make in _MAKERS.items() if kind in formats)
    if media and "text" not in formats:
        return Reply(media=media, thinks="I make what was asked for.")
    reply = _by_rule(asked, talk)
    return replace(reply, media=(*reply.media, *media))


def _structured(asked: Asked, talk: _Talk, schema: Mapping[str, Any]) -> Reply:
    """Answer in JSON, after the tools that the question asks for."""
    text = text_following(schema, talk.question)
    thinks = "The answer has to follow the schema."
    if talk.results:
        return Reply(text=text, thinks=thinks)
    ruled = _by_rule(asked, talk)
    return Reply(text=text, queries=ruled.queries, uses=ruled.uses, thinks=thinks)


def _formats(asked: Asked) -> dict[str, Mapping[str, Any]]:
    """Give the forms of answer that are asked for, by type; without any, what the model gives."""
    wanted = asked.body.get("response_format")
    formats: dict[str, Mapping[str, Any]] = {
        told["type"]: told
        for told in (wanted if isinstance(wanted, list) else [wanted])
        if isinstance(told, dict) and told.get("type") in ("text", "image", "audio")
    }
    for kind in asked.body.get("response_modalities") or ():
        formats.setdefault(kind, {"type": kind})
    return formats or {asked.model.gives: {"type": asked.model.gives}}


def _talk(steps: list[dict[str, Any]]) -> _Talk:
    texts: list[str] = []
    given: list[Mapping[str, Any]] = []
    results: list[Mapping[str, Any]] = []
    calls: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        match step:
            case {"type": "user_input", "content": [*content]}:
                texts.append("\n".join(_texts(content))[:_READ])
                given = [block for block in content if block.get("type") in MEDIA]
                results = []
            case {"type": "function_result"}:
                results.append(step)
            case {"type": "function_call", "id": str(call)}:
                calls[call] = step
                results = []
    return _Talk(texts, texts[-1] if texts else "", given, results, calls)


def _texts(content: list[dict[str, Any]]) -> Iterator[str]:
    return (block["text"] for block in content if block.get("type") == "text")


def _by_rule(asked: Asked, talk: _Talk) -> Reply:
    for rule in rules().says:
        if rule.tools and not all(map(asked.declares, rule.tools)):
            continue
        found = rule.when.search(talk.question)
        if found is None:
            continue
        told = _told(rule, talk)
        if told is not None:
            return _filled(rule, {**told, **_groups(found)}, talk, asked)
    return _filled(rules().fallback, {}, talk, asked)


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


def _filled(rule: Rule, told: dict[str, str], talk: _Talk, asked: Asked) -> Reply:
    values = {"start": _start(talk.question), **told}
    if rule.uses:
        values |= _declared_values(asked, talk, values["start"])
    text, cites, uses = rule.text, rule.cites, rule.uses
    if rule.parts:
        text = rule.parts[asked.hop] if asked.may_stop else "".join(rule.parts)
    if rule.pages:
        text, cites, uses = _of_pages(talk.question)
        values = {}
    else:
        text = text.format_map(values)
    if talk.given:
        text = f"{text} {rules().media.format(list=_list_of(talk.given))}"
    return Reply(
        text=text,
        cites=tuple(Cite(_fill(cite.of, values), _fill(cite.told, values)) for cite in cites),
        queries=tuple(query.format(start=_start(talk.question)) for query in rule.queries),
        uses=tuple(Use(use.tool, _fill(use.call, values), _fill(use.result, values)) for use in uses),
        thinks=rule.thinks,
        media=(image_block({"mime_type": "image/png"}, talk.question),) if rule.shows else (),
        more=bool(rule.parts) and asked.may_stop and asked.hop < len(rule.parts) - 1,
    )


def _fill(told: Any, values: Mapping[str, str]) -> Any:
    """Fill the templates in a value; a field whose template is empty is left out."""
    match told:
        case str() if values:
            return told.format_map(values)
        case dict():
            filled = {key: _fill(value, values) for key, value in told.items()}
            return {key: value for key, value in filled.items() if value != "" or told[key] == ""}
        case list():
            return [_fill(value, values) for value in told]
    return told


def _declared_values(asked: Asked, talk: _Talk, start: str) -> dict[str, str]:
    """Give what the declarations of the tools bring into the answer."""
    stores = asked.declaration("file_search").get("file_search_store_names") or ["fileSearchStores/none"]
    remote = asked.declaration("mcp_server")
    names = [name for allowed in remote.get("allowed_tools") or () for name in allowed.get("tools") or ()]
    named = [name for name in names if name in talk.question]
    widget = asked.declaration("google_maps").get("enable_widget") is True
    return {
        "quoted": json.dumps(start, ensure_ascii=False),
        "store": stores[0],
        "server": str(remote.get("name", "server")),
        "function": str([*named, *names, "ask"][0]),
        "widget": "widgetcontent/reference-server" if widget else "",
    }


def _of_pages(question: str) -> tuple[str, tuple[Cite, ...], tuple[Use, ...]]:
    """Read the addresses in a question: what is said of them, with its sources, and the use of the tool."""
    pages = rules().pages
    urls = list(dict.fromkeys(pages.find.findall(question)))[: pages.most]
    said, cites, result = [], [], []
    for url in urls:
        status = next((status for of, status in pages.statuses if of.search(url)), "success")
        result.append({"url": url, "status": status})
        template = pages.read if status == "success" else pages.unread
        said.append(template.format(url=url, status=status))
        if status == "success":
            host = url.partition("//")[2].partition("/")[0]
            cites.append(Cite(said[-1], {"url": url, "title": host, "type": "url_citation"}))
    use = Use("url_context", {"arguments": {"urls": urls}}, {"result": result, "is_error": False})
    return " ".join(said), tuple(cites), (use,)


def _list_of(given: list[Mapping[str, Any]]) -> str:
    """Name what came with a question, `image (image/png)`."""
    return ", ".join(
        f"{block['type']} ({block['mime_type']})" if "mime_type" in block else str(block["type"])
        for block in given
    )


def _on_screen(asked: Asked, talk: _Talk) -> Reply:
    """Do the next action on the screen, or say that it is done. How far it is, the history tells."""
    plan = rules().computer_use
    tool = asked.declaration("computer_use")
    excluded = tool.get("excluded_predefined_functions") or ()
    every = plan.actions.get(tool.get("environment", "browser"), plan.actions["browser"])
    allowed = _allowed(asked)
    actions = [
        action
        for action in every
        if action.name not in excluded and (allowed is None or action.name in allowed)
    ]
    done = _actions_done(asked.steps)
    start = _start(talk.question)
    if done >= len(actions) or asked.mode == "none":
        return Reply(text=plan.done.format(start=start), thinks=plan.thinks)
    action = actions[done]
    arguments = _fill(action.arguments, {"start": start})
    if done == len(actions) - 1 and plan.careful.search(talk.question):
        arguments["safety_decision"] = dict(plan.decision)
    return Reply(calls=((action.name, arguments),), thinks=plan.thinks)


def _allowed(asked: Asked) -> Sequence[str] | None:
    """Give the names that `allowed_tools` limits all calls to; None where it does not."""
    match (asked.body.get("generation_config") or {}).get("tool_choice"):
        case {"allowed_tools": {"tools": [*names]}}:
            return names
    return None


def _actions_done(steps: list[dict[str, Any]]) -> int:
    """Count the results that came after the last question."""
    done = 0
    for step in steps:
        match step.get("type"):
            case "user_input":
                done = 0
            case "function_result":
                done += 1
    return done


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
