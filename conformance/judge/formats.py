"""The form that a request asks for, and whether the answer has it: JSON by a schema, pictures, sound, films.

Source: https://ai.google.dev/gemini-api/docs/structured-output
"""

import re
from collections.abc import Iterator
from typing import Any

from conformance.judge.functions import types_of
from conformance.judge.requests import refusal
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import UNREADABLE, Call, Document, Trace, is_placeholder, parse_json

__all__ = [
    "answers_fit_the_schema",
    "bit_rates_go_with_mp3_and_opus",
    "generated_images_can_be_opened",
    "image_config_is_not_sent",
    "media_arrive_as_asked",
    "pictures_are_asked_for_as_jpeg",
    "ratios_are_width_to_height",
    "research_takes_no_schema",
    "schemas_go_with_json",
    "schemas_use_known_types",
    "schemas_use_supported_keywords",
]

_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_ENFORCED = frozenset(
    """type properties required additionalProperties enum minimum maximum items prefixItems minItems maxItems
    anyOf""".split()
)
_IGNORED = frozenset(
    """minLength maxLength minProperties maxProperties uniqueItems contains minContains maxContains pattern
    const oneOf allOf not if then else patternProperties propertyNames dependentRequired dependentSchemas
    multipleOf exclusiveMinimum exclusiveMaximum unevaluatedItems unevaluatedProperties""".split()
)
_LEFT_OUT = re.compile(r"\.\.\.|[<\[(…*]")  # how recordings are shortened, where base64 has no such letter
_JSON = "application/json"


def _formats(trace: Trace, kind: str) -> Iterator[tuple[Call, str, dict[str, Any]]]:
    """The formats of one type that creates ask for, with their pointers; a request may list several."""
    for call in trace.calls:
        asked = call.asked.get("response_format") if isinstance(call.asked, dict) else None
        if call.operation != "create":
            continue
        for number, entry in enumerate(asked if isinstance(asked, list) else [asked]):
            if isinstance(entry, dict) and entry.get("type") == kind:
                yield (
                    call,
                    f"/response_format/{number}" if isinstance(asked, list) else "/response_format",
                    entry,
                )


def _schemas(trace: Trace) -> Iterator[tuple[Call, str, dict[str, Any]]]:
    """The JSON Schemas that creates ask for."""
    for call, place, entry in _formats(trace, "text"):
        if isinstance(entry.get("schema"), dict):
            yield call, f"{place}/schema", entry["schema"]


def _asked(call: Call) -> Document:
    """The request of a call as a subject."""
    return Document(call.asked, call.request_place, "request")


def answers_fit_the_schema(trace: Trace) -> Iterator[Verdict]:
    """The text of a completed turn is JSON that fits the schema asked for (IX-FORMAT-002).

    Keywords that the service ignores are ignored here too. An agent may not know schemas at all.
    """
    for call, _, entry in _formats(trace, "text"):
        told = call.interaction
        if entry.get("mime_type") != _JSON or not isinstance(entry.get("schema"), dict) or told is None:
            continue
        if told.get("status") != "completed" or "model" not in call.asked or call.exchange.excerpt:
            continue
        place, text = _last_text(call)
        if not text or is_placeholder(text):
            continue
        value = parse_json(text)
        if value is UNREADABLE:  # a text may be interrupted by a thought or a tool
            value = parse_json(call.text)
        fault = "" if value is UNREADABLE else _misfit(entry["schema"], value)
        if value is UNREADABLE:
            yield broken(call, place, f"the text is not JSON; it begins with {ascii(text[:40])}")
        elif fault:
            yield broken(call, place, fault)
        else:
            yield kept(call)


def _last_text(call: Call) -> tuple[str, str]:
    """The text of the last step that has some, with its pointer: what comes before it may be talk."""
    for number, step in reversed(list(enumerate(call.steps))):
        blocks = step.get("content")
        if step.get("type") != "model_output" or not isinstance(blocks, list):
            continue
        text = "".join(str(block.get("text", "")) for block in blocks if isinstance(block, dict))
        if text.strip():
            return f"/steps/{number}/content", text
    return "", ""


def _misfit(schema: dict[str, Any], value: Any) -> str:
    """Why a value does not fit a schema; "" when it does, or when the schema itself is none."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError, best_match
    from referencing.exceptions import Unresolvable

    try:
        enforced = _enforced(schema)
        Draft202012Validator.check_schema(enforced)
        fault = best_match(Draft202012Validator(enforced).iter_errors(value))
    except (SchemaError, Unresolvable, RecursionError):
        return ""
    where = "".join(f"/{part}" for part in fault.absolute_path) if fault is not None else ""
    return (
        f"{where or 'the whole'} does not fit the schema: {_plain(fault.message)}"
        if fault is not None
        else ""
    )


def _plain(text: str) -> str:
    return text[:120].encode("ascii", "backslashreplace").decode()


def _enforced(schema: Any) -> Any:
    """A schema reduced to what the documents promise to enforce."""
    if not isinstance(schema, dict):
        return schema
    if schema.get("nullable") is True:
        return {"anyOf": [_enforced({**schema, "nullable": None}), {"type": "null"}]}
    kept_keys: dict[str, Any] = {}
    for key, told in schema.items():
        if key in ("properties", "$defs", "definitions") and isinstance(told, dict):
            kept_keys[key] = {name: _enforced(inner) for name, inner in told.items()}
        elif key in ("items", "additionalProperties"):
            kept_keys[key] = _enforced(told)
        elif key in ("anyOf", "prefixItems") and isinstance(told, list):
            kept_keys[key] = [_enforced(inner) for inner in told]
        elif key in _ENFORCED or (key == "$ref" and str(told).startswith("#")):
            kept_keys[key] = told
    return kept_keys


def schemas_use_known_types(trace: Trace) -> Iterator[Verdict]:
    """A schema names the seven types of JSON Schema, in lower case (IX-FORMAT-004)."""
    for call, place, schema in _schemas(trace):
        unknown = [(where, kind) for where, kind in types_of(schema) if kind not in _TYPES]
        for where, kind in unknown:
            yield broken(_asked(call), f"{place}{where}", f"{ascii(kind)} is not a type of JSON Schema")
        if not unknown:
            yield kept(_asked(call))


def schemas_use_supported_keywords(trace: Trace) -> Iterator[Verdict]:
    """A schema says nothing by keywords that the service ignores (IX-FORMAT-005)."""
    for call, place, schema in _schemas(trace):
        ignored = sorted(set(_keywords(schema)) & _IGNORED)
        if ignored:
            yield broken(_asked(call), place, f"{', '.join(ignored)} is not enforced")
        else:
            yield kept(_asked(call))


def _keywords(schema: Any, depth: int = 0) -> Iterator[str]:
    """Every keyword of a schema and of those inside it; the names of properties are none."""
    if not isinstance(schema, dict) or depth > 100:
        return
    yield from schema
    for key, told in schema.items():
        if key in ("properties", "$defs", "definitions") and isinstance(told, dict):
            inner = list(told.values())
        elif key in ("items", "additionalProperties", "anyOf", "prefixItems"):
            inner = told if isinstance(told, list) else [told]
        else:
            continue
        for one in inner:
            yield from _keywords(one, depth + 1)


def schemas_go_with_json(trace: Trace) -> Iterator[Verdict]:
    """A text format has a schema only with application/json (IX-FORMAT-021)."""
    for call, place, entry in _formats(trace, "text"):
        match entry:
            case {"schema": _, "mime_type": str(kind)} if kind != _JSON:
                yield broken(
                    _asked(call), f"{place}/schema", f"the schema is for {_JSON}, and {kind} is asked for"
                )
            case {"mime_type": str()}:
                yield kept(_asked(call))


def image_config_is_not_sent(trace: Trace) -> Iterator[Verdict]:
    """The form of pictures is asked for in response_format, not in image_config (IX-FORMAT-009)."""
    for call in trace.calls:
        match call.asked:
            case {"generation_config": {"image_config": _}} if call.operation == "create":
                place = "/generation_config/image_config"
                yield broken(_asked(call), place, "image_config gave way to response_format")
    for call, _, _ in _formats(trace, "image"):
        yield kept(_asked(call))


def ratios_are_width_to_height(trace: Trace) -> Iterator[Verdict]:
    """An aspect_ratio is two numbers with a colon between them (IX-FORMAT-011).

    Unknown ratios are drift, and so are words.
    """
    for kind in ("image", "video"):
        for call, place, entry in _formats(trace, kind):
            match entry.get("aspect_ratio"):
                case str(ratio) if re.fullmatch(r"[1-9]\d*:[1-9]\d*", ratio):
                    yield kept(_asked(call))
                case str(ratio) if re.search(r"\d", ratio):
                    yield broken(
                        _asked(call), f"{place}/aspect_ratio", f"{ascii(ratio)} is not of the form 16:9"
                    )


def pictures_are_asked_for_as_jpeg(trace: Trace) -> Iterator[Verdict]:
    """A picture is asked for as image/jpeg (IX-FORMAT-012)."""
    for call, place, entry in _formats(trace, "image"):
        match entry.get("mime_type"):
            case "image/jpeg":
                yield kept(_asked(call))
            case str(kind):
                yield broken(
                    _asked(call), f"{place}/mime_type", f"{kind} is asked for; image/jpeg is offered"
                )


def bit_rates_go_with_mp3_and_opus(trace: Trace) -> Iterator[Verdict]:
    """Sound has a bit_rate only as MP3 or Opus (IX-FORMAT-013)."""
    for call, place, entry in _formats(trace, "audio"):
        match entry:
            case {
                "bit_rate": _,
                "mime_type": "audio/l16" | "audio/wav" | "audio/alaw" | "audio/mulaw" as kind,
            }:
                yield broken(_asked(call), f"{place}/bit_rate", f"{kind} has no bit_rate")
            case {"mime_type": str()}:
                yield kept(_asked(call))


def _generated(call: Call, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The blocks of one kind in an answer, with their pointers."""
    for at, step in enumerate(call.steps):
        if step.get("type") == "model_output" and isinstance(step.get("content"), list):
            for number, block in enumerate(step["content"]):
                if isinstance(block, dict) and block.get("type") == kind:
                    yield f"/steps/{at}/content/{number}", block


def media_arrive_as_asked(trace: Trace) -> Iterator[Verdict]:
    """Media arrive as data when delivery is inline, and by address when it is uri (IX-FORMAT-014)."""
    for kind in ("image", "audio", "video"):
        for call, _, entry in _formats(trace, kind):
            wanted = {"inline": "data", "uri": "uri"}.get(str(entry.get("delivery")))
            for place, block in _generated(call, kind) if wanted else ():
                if wanted in block:
                    yield kept(call)
                elif not call.exchange.excerpt:
                    yield broken(
                        call, place, f"delivery is {entry['delivery']}, and the {kind} has no {wanted}"
                    )


def generated_images_can_be_opened(trace: Trace) -> Iterator[Verdict]:
    """A generated image has a mime_type, and its bytes in base64 or an address (IX-FORMAT-017)."""
    for call in trace.calls:
        if call.exchange.excerpt or (call.stream is not None and call.stream.resumed):
            continue
        for place, block in _generated(call, "image"):
            match block:
                case {"data": str(data)} if is_placeholder(data) or _LEFT_OUT.search(data):
                    continue
                case {"mime_type": str(), "data": str(data)} if _is_base64(data):
                    yield kept(call)
                case {"mime_type": str(), "data": str(data)}:
                    yield broken(
                        call, f"{place}/data", f"the data begin with {ascii(data[:24])}, which is no base64"
                    )
                case {"data": str()}:
                    yield broken(call, place, "the image has no mime_type")
                case {"mime_type": _} if "data" not in block and "uri" not in block:
                    yield broken(call, place, "the image has neither data nor uri")


def _is_base64(data: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9+/_-]+={0,2}", data) is not None


def research_takes_no_schema(trace: Trace) -> Iterator[Verdict]:
    """Deep Research refuses to answer by a schema (IX-FORMAT-018)."""
    for call, _, _ in _schemas(trace):
        match call.asked:
            case {"agent": str(agent)} if agent.removeprefix("agents/").startswith("deep-research"):
                yield from refusal(call, "a schema for Deep Research", (400,))
