"""What `requests()` never draws although the schemas have it, and why.

    excluded("interactions/create_model_request", "present", "cached_content")    "the service refuses it ..."

A right service has to take every drawn request, so what it may refuse is not drawn. Whoever adds a member to
the schemas gets it drawn; nothing has to be added here for it.
"""

from dataclasses import dataclass

from conformance.contract.coverage import Sort

__all__ = ["EXCLUDED", "RETIRED_MODELS", "Excluded", "excluded"]

RETIRED_MODELS = frozenset({"gemini-3-pro-image-preview"})
"""Models of old recordings, in whose place the documents list others."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """Points that no drawn request reaches.

    schema: the name of the schema file.
    sort, names: which of its points, as `contract.coverage` counts them; no names for all of the schema.
    """

    schema: str
    reason: str
    sort: Sort | None = None
    names: tuple[str, ...] = ()


_NOTHING_STORED = "it names something stored, and a fresh account has nothing"
_SUPERSEDED = "response_format took its place, and it is not to be sent (IX-REV-010)"
_NO_INPUT = "a request without input says nothing, and is refused (IX-CREATE-014)"
_BOTH = ("interactions/create_model_request", "interactions/create_agent_request")

EXCLUDED = (
    *(
        Excluded(schema, _NOTHING_STORED, "present", ("previous_interaction_id", "continuation_token"))
        for schema in _BOTH
    ),
    *(
        Excluded(schema, _SUPERSEDED, "present", ("response_mime_type", "response_modalities"))
        for schema in _BOTH
    ),
    *(Excluded(schema, _NO_INPUT, "absent", ("input",)) for schema in _BOTH),
    Excluded("interactions/modality", _SUPERSEDED),
    Excluded(
        "interactions/create_model_request",
        "a request names a model or an agent (IX-CREATE-040)",
        "absent",
        ("model",),
    ),
    Excluded(
        "interactions/create_model_request",
        "the service refuses it as an unknown parameter",
        "present",
        ("cached_content",),
    ),
    Excluded(
        "interactions/model",
        "the documents list its successor, gemini-3-pro-image",
        "values",
        tuple(sorted(RETIRED_MODELS)),
    ),
    Excluded("interactions/environment_remote", _NOTHING_STORED, "present", ("environment_id",)),
    Excluded(
        "interactions/generation_config",
        "image_config gave way to response_format (IX-FORMAT-009)",
        "present",
        ("image_config",),
    ),
    Excluded("interactions/image_config", "image_config gave way to response_format (IX-FORMAT-009)"),
    Excluded(
        "interactions/response_format", "not every model makes videos, and none for sure", "kinds", ("video",)
    ),
    Excluded("interactions/response_format_video", "not every model makes videos, and none for sure"),
    Excluded(
        "interactions/agent_config",
        "no documented agent takes the options of Code Mender",
        "kinds",
        ("code-mender",),
    ),
    *(
        Excluded(f"interactions/{name}", "no documented agent takes the options of Code Mender")
        for name in (
            "agent_config_code_mender",
            "code_mender_file",
            "code_mender_find_request",
            "code_mender_fix_request",
            "code_mender_session_config",
        )
    ),
    Excluded(
        "interactions/tool_file_search",
        "it needs a store (IX-FILE-001)",
        "absent",
        ("file_search_store_names",),
    ),
    Excluded(
        "interactions/tool_mcp_server",
        "it needs a name and an address (IX-MCP-001)",
        "absent",
        ("name", "url"),
    ),
    Excluded("interactions/tool_function", "a function without a name cannot be called", "absent", ("name",)),
)


def excluded(place: str, sort: Sort, name: str) -> str:
    """Give the reason why a point is never drawn; "" for one that is."""
    schema = place.partition("#")[0]
    for entry in EXCLUDED:
        if entry.schema == schema and (entry.sort is None or (entry.sort == sort and name in entry.names)):
            return entry.reason
    return ""
