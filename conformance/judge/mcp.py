"""Tools of remote MCP servers, which the service calls by itself.

The live service was seen to show such calls as `tool_call` steps, which the contract does not know; they are
drift, and nothing here judges them.
Source: https://ai.google.dev/gemini-api/docs/function-calling
"""

from collections.abc import Iterator

from conformance.judge.tools import requests_with_tools, steps_of, tools_of
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Trace, is_placeholder

__all__ = ["calls_name_declared_servers", "server_names_have_no_hyphen"]


def server_names_have_no_hyphen(trace: Trace) -> Iterator[Verdict]:
    """The name of an MCP server has no hyphen (IX-MCP-003)."""
    for call, request, tools in requests_with_tools(trace):
        for tool in tools_of(call, "mcp_server"):
            match tool.get("name"):
                case str(name) if "-" in name:
                    at = f"/tools/{tools.index(tool)}/name"
                    yield broken(request, at, f"the name {name!r} has a hyphen")
                case str():
                    yield kept(request)


def calls_name_declared_servers(trace: Trace) -> Iterator[Verdict]:
    """An mcp_server_tool_call names a server that the request declares (IX-MCP-004).

    Not judged: agents, which may have servers of their own.
    """
    for call in trace.calls:
        names = [tool.get("name") for tool in tools_of(call, "mcp_server")]
        if not names or "agent" in call.asked:
            continue
        for at, step in steps_of(call, "mcp_server_tool_call"):
            match step.get("server_name"):
                case str(found) if is_placeholder(found):
                    continue
                case str(found) if found in names:
                    yield kept(call)
                case str(found):
                    told = ", ".join(map(repr, names))
                    yield broken(call, f"{at}/server_name", f"{found!r} is not declared (declared: {told})")
