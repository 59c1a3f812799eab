"""What no schema says of the parts of a request: one source for a picture, an end after its beginning.

    Drawing(choices, contract(), special=SPECIAL)

Each entry draws what the schema says, and puts right what the documents say in words.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from conformance.generate.choices import Choices
from conformance.generate.schemas import Drawing, Special
from conformance.generate.topics import FUNCTIONS, MEDIA, PROPERTIES, TEXTS, WORDS
from conformance.generate.values import TEXTS as STRANGE

__all__ = ["SPECIAL", "user_content"]

_CONTENTS = ("text", "image", "audio", "document", "video")
_CODES = ("en-US", "de-CH", "ja-JP")
_HEADERS = ("X-Team", "Authorization")
_ENVIRONMENT = ("HOME_CITY", "API_KEY")
_NEEDED = {"repository": "source", "gcs": "source", "inline": "content"}
_WITH_BIT_RATE = frozenset({None, "audio/mp3", "audio/ogg_opus"})


def _parameters(choices: Choices) -> dict[str, Any]:
    """Draw a JSON Schema of an object, by keywords that the service takes."""
    names = choices.some(tuple(PROPERTIES), 3)
    schema: dict[str, Any] = {"type": "object"}
    if names:
        schema["properties"] = {name: deepcopy(dict(PROPERTIES[name])) for name in names}
        if choices.one_in(2):
            schema["required"] = names[:1]
    return schema


def user_content(drawing: Drawing, depth: int) -> dict[str, Any]:
    """Draw a block that a user sends: with something in it, and without marks of the service."""
    kind = drawing.choices.of(_CONTENTS)
    block: dict[str, Any] = drawing.named(f"interactions/content_{kind}", depth)
    block.pop("annotations", None)
    return block


def _words(words: tuple[Any, ...]) -> Special:
    return lambda drawing, _: drawing.choices.of(words)


def _many(words: tuple[str, ...]) -> Special:
    return lambda drawing, _: drawing.choices.some(words, 3, least=1)


def _by_name(words: tuple[str, ...]) -> Special:
    return lambda drawing, _: {key: drawing.choices.of(TEXTS[:2]) for key in drawing.choices.some(words, 2)}


def _text(drawing: Drawing, depth: int) -> dict[str, Any]:
    """A text; what is marked in it lies in it, counted in bytes."""
    block: dict[str, Any] = drawing.plain("interactions/content_text", depth)
    for mark in block.get("annotations", ()):
        if "start_index" in mark:
            mark["start_index"] = 0
        if "end_index" in mark:
            mark["end_index"] = len(block["text"].encode())
    return block


def _medium(kind: str) -> Special:
    """A medium by address, or with its bytes and their type."""

    def medium(drawing: Drawing, depth: int) -> dict[str, Any]:
        block: dict[str, Any] = drawing.plain(f"interactions/content_{kind}", depth)
        block.pop("data", None)
        if drawing.choices.one_in(2):
            block.pop("uri", None)
            block["mime_type"], block["data"] = MEDIA[kind]
            return block
        block.setdefault("uri", WORDS["*/uri"][0])
        if "mime_type" not in block and drawing.choices.one_in(2):
            block["mime_type"] = drawing.named(f"interactions/{kind}_mime_type", depth)
        return block

    return medium


def _source(drawing: Drawing, depth: int) -> dict[str, Any]:
    source: dict[str, Any] = drawing.plain("interactions/environment_source", depth)
    needed = _NEEDED.get(source.get("type", ""))
    if needed is not None and needed not in source:
        source[needed] = drawing.choices.of(WORDS[f"interactions/environment_source/{needed}"])
    return source


def _text_format(drawing: Drawing, depth: int) -> dict[str, Any]:
    told: dict[str, Any] = drawing.plain("interactions/response_format_text", depth)
    if "schema" in told:
        told["mime_type"] = "application/json"
    return told


def _audio_format(drawing: Drawing, depth: int) -> dict[str, Any]:
    told: dict[str, Any] = drawing.plain("interactions/response_format_audio", depth)
    if told.get("mime_type") not in _WITH_BIT_RATE:
        told.pop("bit_rate", None)
    return told


def _tool_search(drawing: Drawing, depth: int) -> dict[str, Any]:
    """Only a client that searches tells how its function looks."""
    tool: dict[str, Any] = drawing.plain("interactions/tool_tool_search", depth)
    if tool.get("execution") != "client":
        for name in ("name", "description", "parameters"):
            tool.pop(name, None)
    return tool


def _with(name: str, made: Mapping[str, Special]) -> Special:
    """A schema with some members that it does not ask for."""

    def whole(drawing: Drawing, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = drawing.plain(name, depth)
        for member, draw in made.items():
            if member not in found:
                found[member] = draw(drawing, depth)
        return found

    return whole


def _environment(drawing: Drawing, depth: int) -> Any:
    """A fresh one: no other is there yet."""
    if drawing.choices.below(3) == 0:
        return "remote"
    made: dict[str, Any] = drawing.plain("interactions/environment_remote", depth)
    made.pop("environment_id", None)
    return made


_schema: Callable[[Drawing, int], Any] = lambda drawing, _: _parameters(drawing.choices)  # noqa: E731
_function_name = _words(FUNCTIONS)

SPECIAL: Mapping[str, Special] = {
    **{place: _words(words) for place, words in WORDS.items()},
    "*/parameters": _schema,
    "*/description": lambda drawing, _: drawing.choices.text(TEXTS, STRANGE),
    "*/urls": _many(("https://example.com/one", "https://example.com/two")),
    "*/uris": _many(("https://example.com/hook", "https://example.org/hook")),
    "*/queries": _many(TEXTS),
    "*/language_codes": _many(_CODES),
    "*/language_hints": _many(_CODES),
    "*/timestamp_granularities": _many(("word",)),
    "*/stop_sequences": _many(("END", "\n\n", "。")),
    "*/function_names": _many(FUNCTIONS),
    "*/file_search_store_names": _many(("fileSearchStores/handbooks", "fileSearchStores/one-2")),
    "*/excluded_predefined_functions": _many(("drag_and_drop", "open_web_browser")),
    "*/headers": _by_name(_HEADERS),
    "interactions/allowed_tools/tools": _many(FUNCTIONS),
    "interactions/content_text": _text,
    **{f"interactions/content_{kind}": _medium(kind) for kind in MEDIA},
    "interactions/environment": _environment,
    "interactions/environment_source": _source,
    "interactions/response_format_text": _text_format,
    "interactions/response_format_text/schema": _schema,
    "interactions/response_format_audio": _audio_format,
    "interactions/step_function_call/name": _function_name,
    "interactions/tool_file_search": _with(
        "interactions/tool_file_search",
        {"file_search_store_names": _many(("fileSearchStores/handbooks", "fileSearchStores/one-2"))},
    ),
    "interactions/tool_function": _with("interactions/tool_function", {"name": _function_name}),
    "interactions/tool_function/name": _function_name,
    "interactions/tool_mcp_server": _with(
        "interactions/tool_mcp_server",
        {name: _words(WORDS[f"interactions/tool_mcp_server/{name}"]) for name in ("name", "url")},
    ),
    "interactions/tool_tool_search": _tool_search,
    "interactions/tool_tool_search/name": _words(("find_tools",)),
}
"""By the name of a schema, of a member of it, or of a member wherever it stands."""
