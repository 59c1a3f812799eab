"""OpenAPI documents of a few lines, in the letters of the published ones."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from conformance.contract.openapi.document import Document
from conformance.contract.openapi.export import openapi_document
from conformance.contract.openapi.normal_form import Contract


def small(reply: Any, *, create: Any = None, event: Any = None, **components: Any) -> dict[str, Any]:
    """A document whose create answers with `reply`."""
    contents: dict[str, Any] = {"application/json": {"schema": reply}}
    if event is not None:
        contents["text/event-stream"] = {"schema": event}
    request = {"type": "object", "properties": {"model": {}}} if create is None else create
    operation = {
        "requestBody": {"content": {"application/json": {"schema": request}}},
        "responses": {"200": {"content": contents}},
    }
    return {
        "openapi": "3.1.0",
        "paths": {"/{api_version}/interactions": {"post": operation}},
        "components": {"schemas": components},
    }


def contract_of(content: dict[str, Any], label: str = "document") -> Contract:
    return Contract(Document(label, content))


def ours_changed() -> dict[str, Any]:
    """Our own document, to be changed."""
    return deepcopy(openapi_document())


def written(folder: Path, content: Any) -> Path:
    path = folder / "document.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
