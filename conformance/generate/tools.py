"""One use of a tool that the service runs by itself: how it is asked for, what its call and its result say.

    use = draw(uses("url_context"))
    use.entry, use.call, use.result

What the documents promise is always there (the code that was run, the page that was read); the schemas ask
for less, because recordings leave things out.
"""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.generate import values
from conformance.generate.schemas import instances

__all__ = ["SERVER_TOOLS", "Use", "uses"]

SERVER_TOOLS = (
    "google_search",
    "code_execution",
    "url_context",
    "google_maps",
    "file_search",
    "retrieval",
    "processing",
    "tool_search",
    "mcp_server_tool",
)
"""Each has the steps `<name>_call` and `<name>_result`."""


@dataclass(frozen=True, slots=True)
class Use:
    """What one use of a tool puts into a request and into an answer.

    entry: the entry in `tools`; empty for what cannot be asked for.
    call, result: the members of the two steps, without type and ids.
    """

    entry: dict[str, Any]
    call: dict[str, Any]
    result: dict[str, Any]


def uses(tool: str) -> SearchStrategy[Use]:
    """Draw a use of one of `SERVER_TOOLS`. Two uses of a tool have the same entry."""
    return _uses(tool)


@st.composite
def _uses(draw: DrawFn, tool: str) -> Use:
    match tool:
        case "google_search":
            found = draw(values.arrays_of(instances("interactions/google_search_result_item")))
            return Use({"type": tool}, _arguments(queries=draw(_QUERIES)), {"result": found})
        case "code_execution":
            run = _arguments(language="python", code=draw(values.TEXTS))
            return Use({"type": tool}, run, {"result": draw(values.TEXTS), "is_error": draw(values.FLAGS)})
        case "url_context":
            return _pages(draw(st.lists(values.URIS, min_size=1, max_size=3, unique=True)), draw(_FATES))
        case "google_maps":
            return Use(
                {"type": tool}, _arguments(queries=draw(_QUERIES)), {"result": [{"places": draw(_PLACES)}]}
            )
        case "file_search":
            return Use({"type": tool, "file_search_store_names": ["fileSearchStores/handbook"]}, {}, {})
        case "retrieval":
            return Use({"type": tool}, _arguments(queries=draw(_QUERIES)), {})
        case "tool_search":
            return Use({"type": tool}, _arguments(function_names=["get_time"]), {"result": []})
        case "mcp_server_tool":
            server = {"type": "mcp_server", "name": "weather", "url": "https://mcp.example.com/weather"}
            said = {"name": draw(values.NAMES), "server_name": "weather"}
            return Use(
                server, {**said, **_arguments(**draw(values.OBJECTS))}, {**said, "result": draw(values.TEXTS)}
            )
    return Use({}, {}, {})


def _arguments(**arguments: Any) -> dict[str, Any]:
    return {"arguments": arguments}


def _pages(links: list[str], fate: str) -> Use:
    found = [{"url": link, "status": fate} for link in links]
    return Use({"type": "url_context"}, _arguments(urls=links), {"result": found})


_QUERIES = st.lists(values.TEXTS, min_size=1, max_size=2)
_FATES = st.sampled_from(["success", "error", "paywall", "unsafe"])
_PLACES = values.arrays_of(
    st.fixed_dictionaries({"place_id": values.TEXTS, "name": values.TEXTS, "url": values.URIS})
)
