"""What a client sends with a create, as far as one request tells.

Source: https://ai.google.dev/api/interactions-api
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from conformance.contract.models import models
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.exchange import header
from conformance.wire.trace import ABSENT, UNREADABLE, Call, Document, Trace, is_placeholder

__all__ = [
    "bodies_are_json_objects",
    "creates_are_posts_to_the_collection",
    "creates_name_a_model_or_an_agent",
    "empty_inputs_are_refused",
    "ids_are_used_unchanged",
    "labels_keep_their_rules",
    "lists_hold_contents_or_steps",
    "media_data_are_plain_base64",
    "media_have_one_source",
    "media_sections_run_forwards",
    "names_are_snake_case",
    "old_turns_are_not_sent",
    "output_only_members_are_not_sent",
    "plain_requests_are_taken",
    "settings_go_with_their_kind",
    "strange_members_are_refused",
    "strange_models_are_not_found",
    "words_are_spelt_as_documented",
]

_OUTPUT_ONLY = ("id", "status", "created", "updated", "environment_id", "usage", "steps", "object")
_CONTENTS = frozenset({"text", "image", "audio", "video", "document"})
_TURNS = frozenset({"user_input", "model_output", "thought"})
_MEDIA = frozenset({"image", "audio", "video", "document"})
_ELSEWHERE = frozenset({"contents", "messages", "prompt", "max_tokens", "tool_choice"})
_COLLECTION = re.compile(r"/v1(?:beta)?/interactions(?:/[^/:]+)?/?$")
_PROBE = "conformance_"  # how a scenario names a member that no service has
_NOBODYS_MODEL = re.compile(r"(?:models/)?(?:gemini-0-|no-such-).*")
_NOBODYS_ID = re.compile(r"nobody_knows|no_such")
_OWN_FAULT = frozenset({500, 501})  # what a gateway answers under load, such as 502 or 503, tells nothing
_WANTS = re.compile(r"\b(?:required|missing|must|expected|cannot)\b", re.IGNORECASE)
_TEXT_MODEL = re.compile(r"gemini-(?:2\.5|3(?:\.\d+)?)-(?:flash|pro)(?:-lite)?(?:-preview)?")


def _requests(trace: Trace) -> Iterator[tuple[Document, dict[str, Any]]]:
    for call in trace.calls:
        if call.operation == "create" and isinstance(call.asked, dict):
            yield Document(call.asked, call.request_place, "request"), call.asked


def bodies_are_json_objects(trace: Trace) -> Iterator[Verdict]:
    """A create sends a JSON object and says so in its content type (IX-CREATE-002)."""
    for call in trace.calls:
        if call.operation != "create" or call.exchange.request is None or call.asked is ABSENT:
            continue
        request = Document(call.asked, call.request_place, "request")
        declared = header(call.exchange.request.headers, "content-type")
        if is_encoded(call):
            continue
        if call.asked is UNREADABLE:
            yield broken(request, "", "the body is not JSON")
        elif not isinstance(call.asked, dict):
            yield broken(request, "", f"the body is a JSON {type(call.asked).__name__}, not an object")
        elif declared is not None and declared.split(";")[0].strip().lower() != "application/json":
            yield broken(request, "", f"the content type is {declared!r}, not application/json")
        else:
            yield kept(request)


def is_encoded(call: Call) -> bool:
    """Whether the body of the request is compressed, or left out by the recording."""
    request = call.exchange.request
    if request is None:
        return False
    return header(request.headers, "content-encoding") is not None or is_placeholder(
        request.body.decode(errors="replace")
    )


def camel_names(names: Iterable[str]) -> list[tuple[str, str]]:
    """Give the names that are written in camel case, each with its spelling in snake_case."""
    return [
        (name, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
        for name in names
        if re.search(r"[a-z][A-Z]", name)
    ]


def names_are_snake_case(trace: Trace) -> Iterator[Verdict]:
    """The members of a request have names in snake_case (IX-CREATE-008)."""
    for request, asked in _requests(trace):
        camel = camel_names(asked)
        for name, snake in camel:
            yield broken(request, f"/{name}", f"{name} is written {snake} here")
        if not camel:
            yield kept(request)


def output_only_members_are_not_sent(trace: Trace) -> Iterator[Verdict]:
    """Members that only the server gives are not sent (IX-CREATE-039)."""
    for request, asked in _requests(trace):
        sent = [name for name in _OUTPUT_ONLY if name in asked]
        for name in sent:
            yield broken(request, f"/{name}", f"{name} is for the server to give")
        if not sent:
            yield kept(request)


def old_turns_are_not_sent(trace: Trace) -> Iterator[Verdict]:
    """The input has no turns of the schema before May 2026, `{role, content}` (IX-INPUT-009)."""
    for request, asked in _requests(trace):
        if not isinstance(asked.get("input"), list):
            continue
        old = [
            number
            for number, item in enumerate(asked["input"])
            if isinstance(item, dict) and "role" in item and "type" not in item
        ]
        for number in old:
            yield broken(request, f"/input/{number}", "a turn with role and content is a user_input step now")
        if not old:
            yield kept(request)


def lists_hold_contents_or_steps(trace: Trace) -> Iterator[Verdict]:
    """A list as input holds contents or steps, not both (IX-INPUT-004). Unknown kinds may be either."""
    for request, asked in _requests(trace):
        match asked.get("input"):
            case [_, *_] as items:
                kinds = [str(item.get("type")) for item in items if isinstance(item, dict)]
                contents = [kind for kind in kinds if kind in _CONTENTS]
                steps = [kind for kind in kinds if kind in _TURNS or kind.endswith(("_call", "_result"))]
                if contents and steps:
                    yield broken(
                        request, "/input", f"{contents[0]} content and {steps[0]} steps stand in one list"
                    )
                else:
                    yield kept(request)


def creates_are_posts_to_the_collection(trace: Trace) -> Iterator[Verdict]:
    """A new interaction is a POST to the path that ends in /interactions (IX-CREATE-001)."""
    for call in trace.calls:
        sent = call.exchange.request
        match call.asked:
            case {"input": _, "model": _} | {"input": _, "agent": _} if sent is not None:
                path = _path(sent.url)
            case _:
                continue
        if not _COLLECTION.search(path):
            continue
        request = Document(call.asked, call.request_place, "request")
        if not path.rstrip("/").endswith("/interactions"):
            yield broken(request, "", f"a new interaction is sent to {path}")
        elif sent.method.upper() != "POST":
            yield broken(request, "", f"a new interaction is sent with {sent.method}, not POST")
        else:
            yield kept(request)


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # such as a bracket that never closes
        return ""


def creates_name_a_model_or_an_agent(trace: Trace) -> Iterator[Verdict]:
    """A create names a model or an agent, and never both (IX-CREATE-040). A null is no name."""
    for request, asked in _requests(trace):
        named = [name for name in ("model", "agent") if asked.get(name) is not None]
        if len(named) == 1:
            yield kept(request)
        elif not named and "continuation_token" in asked:
            continue  # what goes on is named by the token
        else:
            yield broken(request, "", f"it names {' and '.join(named) or 'neither model nor agent'}")


def settings_go_with_their_kind(trace: Trace) -> Iterator[Verdict]:
    """generation_config and cached_content go with a model, agent_config with an agent (IX-CREATE-041)."""
    for request, asked in _requests(trace):
        if ("model" in asked) == ("agent" in asked):
            continue
        kind, other = ("agent", "model") if "agent" in asked else ("model", "agent")
        foreign = ("agent_config",) if kind == "model" else ("generation_config", "cached_content")
        sent = [name for name in foreign if name in asked]
        for name in sent:
            yield broken(request, f"/{name}", f"{name} goes with {other}, and the request names {kind}")
        if not sent:
            yield kept(request)


def labels_keep_their_rules(trace: Trace) -> Iterator[Verdict]:
    """Labels have at most 63 characters, in lower case, and keys begin with a letter (IX-CREATE-030)."""
    for request, asked in _requests(trace):
        labels = asked.get("labels")
        for key, value in labels.items() if isinstance(labels, dict) else ():
            place = f"/labels/{key.replace('~', '~0').replace('/', '~1')}"
            wrong = _label_fault(key) or (_label_fault(value) if isinstance(value, str) else "")
            if not key[:1].isalpha():
                yield broken(request, place, f"the key {ascii(key)} does not begin with a letter")
            elif wrong:
                yield broken(request, place, wrong)
            else:
                yield kept(request)


def _label_fault(text: str) -> str:
    if len(text) > 63:
        return f"{ascii(text[:20])} … has {len(text)} characters; 63 are allowed"
    for letter in text:
        kind = unicodedata.category(letter)
        if letter not in "_-" and (kind[0] not in "LMN" or kind in ("Lu", "Lt")):
            return f"{ascii(letter)} in {ascii(text)} is no lower case letter, digit, _ or -"
    return ""


def words_are_spelt_as_documented(trace: Trace, members: list[str], words: list[str]) -> Iterator[Verdict]:
    """A documented word has its documented letters (IX-THINK-001 and others). Unknown words are drift.

    members: where the words stand, such as `generation_config.thinking_level`; lists are walked through.
    """
    for request, asked in _requests(trace):
        for member in members:
            for place, found in _values_at(asked, member.split(".")):
                meant = _meant(found, words)
                if found in words:
                    yield kept(request)
                elif meant:
                    yield broken(request, place, f"{found} is written {meant} here")


def _values_at(value: Any, path: list[str], place: str = "") -> Iterator[tuple[str, str]]:
    """The strings at a path of members, with their pointers."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _values_at(item, path, f"{place}/{number}")
    elif not path:
        if isinstance(value, str):
            yield place, value
    elif isinstance(value, dict) and path[0] in value:
        yield from _values_at(value[path[0]], path[1:], f"{place}/{path[0]}")


def _meant(found: str, words: Collection[str]) -> str:
    """The word that differs in case alone, or by the prefix of an older interface; "" for none."""
    lower = found.lower()
    for word in words:
        if lower == word.lower() or (lower != found and lower.endswith(f"_{word}")):
            return word
    return ""


def _media(asked: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The media that a user sends, with their pointers: the history of the model is not the user's."""
    given = asked.get("input")
    if isinstance(given, dict):
        yield from _media_among([given], "/input", single=True)
    if isinstance(given, list):
        yield from _media_among(given, "/input")
        for number, step in enumerate(given):
            match step:
                case {"type": "user_input", "content": [*blocks]}:
                    yield from _media_among(blocks, f"/input/{number}/content")
                case {"type": "function_result", "result": [*blocks]}:
                    yield from _media_among(blocks, f"/input/{number}/result")


def _media_among(
    blocks: list[Any], place: str, *, single: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, block in enumerate(blocks):
        match block:
            case {"type": str(kind)} if kind in _MEDIA:
                yield place if single else f"{place}/{number}", block


def media_have_one_source(trace: Trace) -> Iterator[Verdict]:
    """A media block has its bytes in data, with their mime_type, or their place in uri (IX-INPUT-006)."""
    for request, asked in _requests(trace):
        for place, block in _media(asked):
            sources = [name for name in ("data", "uri") if name in block]
            if len(sources) != 1:
                found = " and ".join(sources) or "neither data nor uri"
                yield broken(request, place, f"the {block['type']} has {found}")
            elif sources == ["data"] and "mime_type" not in block:
                yield broken(request, place, f"the {block['type']} has data and no mime_type")
            else:
                yield kept(request)


def media_data_are_plain_base64(trace: Trace) -> Iterator[Verdict]:
    """The data of a media block are base64 alone: no line breaks, no data: prefix (IX-INPUT-007)."""
    for request, asked in _requests(trace):
        for place, block in _media(asked):
            match block.get("data"):
                case str(data) if not is_placeholder(data):
                    if re.fullmatch(r"[A-Za-z0-9+/_-]*={0,2}", data):
                        yield kept(request)
                    else:
                        yield broken(request, f"{place}/data", f"the data begin with {ascii(data[:24])}")


def media_sections_run_forwards(trace: Trace) -> Iterator[Verdict]:
    """A section of media ends after it begins; pages count from 1 (IX-INPUT-014)."""
    for request, asked in _requests(trace):
        for place, block in _media(asked):
            processing = block.get("processing")
            start: float | None
            end: float | None
            match processing:
                case {"start_offset": str(begins), "end_offset": str(ends)}:
                    start, end = _seconds(begins), _seconds(ends)
                case {"page_options": {"start_page": int(first), "end_page": int(last)}}:
                    start, end = first, last + 1  # the last page is read too
                case {"page_options": {"start_page": int(first)}}:
                    start, end = first, first + 1
                case _:
                    continue
            if start is None or end is None:
                continue
            pages = isinstance(processing, dict) and "page_options" in processing
            if int(pages) <= start < end:
                yield kept(request)
            else:
                yield broken(
                    request, f"{place}/processing", f"{_section(start, end, pages=pages)} is no section"
                )


def _seconds(text: str) -> float | None:
    return float(text[:-1]) if re.fullmatch(r"-?\d+(?:\.\d+)?s", text) else None


def _section(start: float, end: float, *, pages: bool) -> str:
    return f"pages {start:g} to {end - 1:g}" if pages else f"{start:g} s to {end:g} s"


def ids_are_used_unchanged(trace: Trace) -> Iterator[Verdict]:
    """A get, cancel or delete has the id as it was answered, as a segment of its path (IX-CREATE-037).

    An id that resembles none of this conversation comes from elsewhere and is not judged.
    """
    for call in trace.calls:
        if call.operation not in ("get", "cancel", "delete") or not call.id or is_placeholder(call.id):
            continue
        known = answered_ids(trace.earlier(call))
        request = Document(call.asked, call.request_place, "request")
        changed = altered(call.id, known)
        if call.id in known:
            yield kept(request)
        elif changed:
            yield broken(request, "", f"{changed!r} was answered, {call.id!r} is asked for")


def answered_ids(calls: Collection[Call]) -> list[str]:
    """The ids that answers told, without placeholders."""
    found = [call.interaction.get("id") for call in calls if call.interaction is not None]
    return [told for told in found if isinstance(told, str) and told and not is_placeholder(told)]


def altered(found: str, known: Collection[str]) -> str:
    """The known id that was cut, prolonged or changed in case to give this one; "" for none.

    A number at the end makes another id, as in `turn-1` and `turn-12`.
    """
    for told in known:
        shorter, longer = sorted((found, told), key=len)
        rest = longer.replace(shorter, "")
        is_part = len(shorter) >= 8 and len(told) >= 20 and shorter in longer and not rest.isdigit()
        if found != told and (is_part or found.casefold() == told.casefold()):
            return told
    return ""


def plain_requests_are_taken(trace: Trace, form: str) -> Iterator[Verdict]:
    """A create with nothing but the named members is not refused as wrong (IX-CREATE-003 and its neighbours).

    Judged for the text models of the guides, without a header that asks for an old revision, and where the
    refusal says that the request wants something else.
    """
    for call in trace.calls:
        sent, status = call.exchange.request, call.status
        if call.operation != "create" or sent is None or status is None or not _is_plain(call.asked, form):
            continue
        if sent.headers is None or header(sent.headers, "api-revision") not in (None, "2026-05-20"):
            continue
        match status, call.answered:
            case 200, _:
                yield kept(call)
            case ((400 | 422), {"error": {"code": "invalid_request", "message": str(said)}}):
                if _WANTS.search(said):
                    yield broken(call, "/error/message", f"{form} is refused: {ascii(said[:80])}")


def _answers_with_text(name: str) -> bool:
    """By the table of models; one that it does not know is judged by its name."""
    name = name.removeprefix("models/")
    known = models().find(name)
    return "text" in known.can if known is not None else _TEXT_MODEL.fullmatch(name) is not None


def _is_plain(asked: Any, form: str) -> bool:
    """Whether a request has one of the plain forms, and no member beside them."""
    if not isinstance(asked, dict) or not _answers_with_text(str(asked.get("model"))):
        return False
    unstored = {"store": False, "stream": True} if form == "an unstored stream" else {}
    if {key: told for key, told in asked.items() if key not in ("model", "input")} != unstored:
        return False
    given = asked.get("input")
    match form:
        case "a model with a text" | "an unstored stream":
            return isinstance(given, str) and 0 < len(given) < 10_000
        case "one text block":
            return _is_text(given)
        case "a list of text blocks":
            return isinstance(given, list) and 0 < len(given) < 100 and all(map(_is_text, given))
    raise ValueError(form)


def _is_text(block: Any) -> bool:
    match block:
        case {"type": "text", "text": str(text), **rest} if not rest:
            return 0 < len(text) < 10_000
    return False


def tells_nothing(call: Call) -> bool:
    """Whether an answer says nothing of its request: overload and limits come and go, and so does a key."""
    status = call.status or 0
    return status >= 500 or status in (408, 409, 429) or refuses_the_key(call)


def refuses_the_key(call: Call) -> bool:
    """Whether the front end takes the key no more, which it tells as HTTP 400."""
    match call.answered[0] if isinstance(call.answered, list) and call.answered else call.answered:
        case {"error": {"details": [*details]}}:
            return any(isinstance(told, dict) and told.get("reason") == "API_KEY_INVALID" for told in details)
    return False


def refusal(call: Call, fault: str, statuses: Collection[int]) -> Iterator[Verdict]:
    """Judge how a wrong request was answered; others, such as for a bad key or overload, say nothing."""
    if call.status in statuses:
        yield kept(call)
    elif call.status is not None and call.status < 400:
        yield broken(call, "", f"the request has {fault}, and the answer is HTTP {call.status}")
    elif call.status in _OWN_FAULT:
        yield broken(call, "", f"the request has {fault}; HTTP {call.status} blames the server")


def empty_inputs_are_refused(trace: Trace) -> Iterator[Verdict]:
    """An empty text as input is refused (IX-CREATE-007)."""
    for call in trace.calls:
        match call.asked:
            case {"input": ""} if call.operation == "create" and "continuation_token" not in call.asked:
                yield from refusal(call, "an empty input", (400,))


def strange_members_are_refused(trace: Trace) -> Iterator[Verdict]:
    """A member that the interface does not have is refused, not ignored (IX-CREATE-009).

    A name that we do not know may be new, so only names of other interfaces are judged, and those that a
    scenario makes up.
    """
    for call in trace.calls:
        if call.operation != "create" or not isinstance(call.asked, dict):
            continue
        strange = [name for name in call.asked if name in _ELSEWHERE or name.startswith(_PROBE)]
        if strange:
            yield from refusal(call, f"an unknown member, {strange[0]!r}", (400,))


def is_nobodys_id(name: str | None) -> bool:
    """Whether an id was made up so that no interaction has it."""
    return name is not None and _NOBODYS_ID.search(name) is not None


def strange_models_are_not_found(trace: Trace) -> Iterator[Verdict]:
    """A model that does not exist is answered with 404 (IX-CREATE-034).

    Which models exist is not known here: judged are names that none will ever have.
    """
    for call in trace.calls:
        match call.asked, call.answered:
            case {"model": str(name), "input": _}, _ if not _NOBODYS_MODEL.fullmatch(name):
                continue
            case {"model": str(name), "input": _}, {"error": {"code": "invalid_request"}} if (
                call.status == 400
            ):
                yield broken(call, "/error/code", f"there is no model {name}; expected HTTP 404, not 400")
            case {"model": str(name), "input": _}, _ if call.operation == "create":
                yield from refusal(call, f"the unknown model {name}", (404,))
