"""The contract as an OpenAPI 3.2 document, for tools that read nothing else.

    json.dumps(openapi_document(), indent=2)

Every file of `schemas/interactions/` is a component of its name; its annotations, such as `x-open-enum`, stay
as extensions. OpenAPI 3.2 can say what older versions cannot: `itemSchema` is the schema of one event.
"""

from collections.abc import Mapping
from typing import Any

from conformance.contract.store import SchemaStore, contract

__all__ = ["openapi_document"]

_FOLDER = "interactions/"
_COMPONENTS = "#/components/schemas/"
_LEFT_OUT = ("$schema", "$id")


def openapi_document(version: str = "0", store: SchemaStore | None = None) -> dict[str, Any]:
    """Give the create, get, cancel and delete of interactions as an OpenAPI 3.2 document.

    version: of the document; the caller's, since the contract does not know how it was installed.
    """
    store = store or contract()
    names = [name.removeprefix(_FOLDER) for name in store.names() if name.startswith(_FOLDER)]
    return {
        "openapi": "3.2.0",
        "info": {
            "title": "Gemini Interactions API, as gemini-conformance judges it",
            "version": version,
            "description": "Written from the published documents and recordings; recordings win. Unofficial.",
        },
        "servers": [
            {
                "url": "https://generativelanguage.googleapis.com/{api_version}",
                "variables": {"api_version": {"default": "v1beta", "enum": ["v1beta", "v1"]}},
            }
        ],
        "security": [{"api_key": []}],
        "paths": _paths(),
        "components": {
            "schemas": {name: _component(store, name) for name in names},
            "parameters": {
                "id": {
                    "name": "id",
                    "in": "path",
                    "required": True,
                    "description": "The id of a stored interaction.",
                    "schema": {"type": "string"},
                }
            },
            "responses": _responses(),
            "securitySchemes": {
                "api_key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-goog-api-key",
                    "description": "An API key of the Gemini API.",
                }
            },
        },
    }


def _paths() -> dict[str, Any]:
    whole = {"$ref": "#/components/responses/interaction"}
    either = {"$ref": "#/components/responses/interaction_or_stream"}
    failed = {name: {"$ref": "#/components/responses/error"} for name in ("4XX", "5XX")}
    one = {"$ref": "#/components/parameters/id"}
    return {
        "/interactions": {
            "post": {
                "operationId": "create_interaction",
                "summary": "Runs one turn of a model or an agent.",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": f"{_COMPONENTS}create_request"}}},
                },
                "responses": {"200": either, **failed},
            }
        },
        "/interactions/{id}": {
            "parameters": [one],
            "get": {
                "operationId": "get_interaction",
                "summary": "Gives a stored interaction, or the rest of its stream.",
                "parameters": [
                    _query("stream", "boolean", "True asks for server-sent events."),
                    _query("last_event_id", "string", "Resume after this event; only with `stream`."),
                    _query("include_input", "boolean", "Asks for the input too.", deprecated=True),
                ],
                "responses": {"200": either, **failed},
            },
            "delete": {
                "operationId": "delete_interaction",
                "summary": "Deletes a stored interaction.",
                "responses": {"200": {"description": "It is gone."}, **failed},
            },
        },
        "/interactions/{id}/cancel": {
            "parameters": [one],
            "post": {
                "operationId": "cancel_interaction",
                "summary": "Stops an interaction that runs in the background.",
                "responses": {"200": whole, **failed},
            },
        },
    }


def _query(name: str, kind: str, description: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": kind}, **more}


def _responses() -> dict[str, Any]:
    whole = {"schema": {"$ref": f"{_COMPONENTS}interaction"}}
    event = {"contentMediaType": "application/json", "contentSchema": {"$ref": f"{_COMPONENTS}event"}}
    frame = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "event": {"description": "The event's type once more.", "type": "string"},
            "data": {
                "description": "The event as JSON; in the last frame the word `[DONE]`.",
                "type": "string",
                "anyOf": [event, {"const": "[DONE]"}],
            },
        },
    }
    envelopes = [{"$ref": f"{_COMPONENTS}{name}"} for name in ("error_envelope", "status_envelope")]
    return {
        "interaction": {"description": "The interaction.", "content": {"application/json": whole}},
        "interaction_or_stream": {
            "description": "The interaction, or its events when a stream was asked for.",
            "content": {"application/json": whole, "text/event-stream": {"itemSchema": frame}},
        },
        "error": {
            "description": "What went wrong: as the service tells it, or as the front end before it does.",
            "content": {"application/json": {"schema": {"anyOf": envelopes}}},
        },
    }


def _component(store: SchemaStore, name: str) -> dict[str, Any]:
    schema = {key: value for key, value in store.file(f"{_FOLDER}{name}").items() if key not in _LEFT_OUT}
    return dict(_converted(store, name, schema))


def _converted(store: SchemaStore, name: str, schema: Any) -> Any:
    """Turn a schema of a file into one of a component: references, and discriminators with their mapping."""
    match schema:
        case list():
            return [_converted(store, name, item) for item in schema]
        case dict():
            found = {key: _converted(store, name, item) for key, item in schema.items()}
            if isinstance(schema.get("$ref"), str):
                found["$ref"] = _target(name, schema["$ref"])
            if "oneOf" in schema and "discriminator" in schema:
                found["discriminator"] = _discriminator(store, name, schema)
            return found
    return schema


def _discriminator(store: SchemaStore, name: str, union: Mapping[str, Any]) -> dict[str, Any]:
    tag = union["discriminator"]["propertyName"]
    mapping: dict[str, str] = {}
    rest: dict[str, str] = {}
    for branch in union["oneOf"]:
        target = _target(name, branch["$ref"])
        members = store.schema(store.resolve(f"{_FOLDER}{name}", branch["$ref"]))["properties"]
        if "const" in members[tag]:
            mapping[members[tag]["const"]] = target
        else:
            rest["defaultMapping"] = target
    return {"propertyName": tag, "mapping": mapping, **rest}


def _target(name: str, reference: str) -> str:
    file, _, fragment = reference.partition("#")
    return f"{_COMPONENTS}{file.removesuffix('.json') or name}{fragment}"
