"""What holds for every tool that the service runs by itself.

A requirement names the tool in its arguments, so that one check serves them all:

    checks: [{tools.server_tools_need_no_client: {tool: code_execution}}]

What only one tool has is judged in a module of its name.
Source: https://ai.google.dev/api/interactions-api
"""

from collections.abc import Iterator
from typing import Any

from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Call, Document, Trace

__all__ = [
    "server_tools_need_no_client",
    "steps_have_members",
    "tools_are_refused_together",
    "tools_are_turned_on_by_type",
    "tools_have_members",
]

_ON_THE_SERVER = frozenset(
    "google_search code_execution url_context file_search google_maps mcp_server retrieval".split()
)


def requests_with_tools(trace: Trace) -> Iterator[tuple[Call, Document, list[Any]]]:
    """The creates that bring a list of tools: call, request, tools as they were sent."""
    for call in trace.calls:
        match call.asked:
            case {"tools": [*tools]} if call.operation == "create":
                yield call, Document(call.asked, call.request_place, "request"), tools


def begins(call: Call) -> bool:
    """Whether a request begins a conversation: what came before may have had other tools."""
    match call.asked:
        case {"previous_interaction_id": str()} | {"continuation_token": str()}:
            return False
        case {"input": [*items]}:
            kinds = [str(item.get("type")) for item in items if isinstance(item, dict)]
            return not any(kind.endswith(("_call", "_result")) for kind in kinds)
    return True


def tools_of(call: Call, kind: str) -> list[dict[str, Any]]:
    """The tools of one type that a request brings."""
    match call.asked:
        case {"tools": [*tools]} if call.operation == "create":
            return [tool for tool in tools if isinstance(tool, dict) and tool.get("type") == kind]
    return []


def steps_of(call: Call, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The steps of one type in an answer that is whole, each with its pointer."""
    if call.exchange.excerpt or (
        call.stream is not None and (call.stream.resumed or not call.stream.completed)
    ):
        return
    for number, step in enumerate(call.steps):
        if step.get("type") == kind:
            yield f"/steps/{number}", step


def result_items(call: Call, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries of the results of one type that are objects, each with its pointer."""
    for at, step in steps_of(call, kind):
        match step:
            case {"result": [*items]}:
                for number, item in enumerate(items):
                    if isinstance(item, dict):
                        yield f"{at}/result/{number}", item


def annotations_of(call: Call, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The annotations of one type in an answer that is whole, each with its pointer."""
    for at, step in steps_of(call, "model_output"):
        blocks = step.get("content")
        for number, block in enumerate(blocks if isinstance(blocks, list) else ()):
            match block:
                case {"annotations": [*annotations]}:
                    for found, annotation in enumerate(annotations):
                        if isinstance(annotation, dict) and annotation.get("type") == kind:
                            yield f"{at}/content/{number}/annotations/{found}", annotation


def tools_are_turned_on_by_type(trace: Trace, tool: str) -> Iterator[Verdict]:
    """A tool is turned on by an entry of `tools` that names it in `type` (IX-CODE-001, IX-URL-001, …).

    Broken by the forms of other interfaces: the bare name, the name as a key, the name in camelCase.
    """
    head, *rest = tool.split("_")
    names = {tool, head + "".join(word.title() for word in rest), f"{tool}s"}
    for _, request, tools in requests_with_tools(trace):
        for number, entry in enumerate(tools):
            match entry:
                case {"type": str(kind)} if kind == tool:
                    yield kept(request)
                case {"type": str(kind)} if kind in names:
                    yield broken(request, f"/tools/{number}/type", f"{kind!r} is written {tool!r}")
                case {**members} if "type" not in members and names & members.keys():
                    (found, *_) = sorted(names & members.keys())
                    yield broken(request, f"/tools/{number}", f"{found} is a key; expected type {tool!r}")
                case str(word) if word in names:
                    yield broken(request, f"/tools/{number}", f"{word!r} stands alone; expected an object")


def tools_have_members(trace: Trace, tool: str, members: list[str]) -> Iterator[Verdict]:
    """The entry of a tool has the members without which it cannot work (IX-FILE-001, IX-MCP-001)."""
    for _, request, tools in requests_with_tools(trace):
        for number, entry in enumerate(tools):
            if not isinstance(entry, dict) or entry.get("type") != tool:
                continue
            missing = [name for name in members if entry.get(name) in (None, "", [])]
            if missing:
                yield broken(request, f"/tools/{number}", f"the tool {tool} has no {', '.join(missing)}")
            else:
                yield kept(request)


def steps_have_members(trace: Trace, step: str, members: list[str]) -> Iterator[Verdict]:
    """A step of the type has the members, a dot going one level down (IX-CODE-002, IX-URL-002, …).

    Below a member that is no object nothing is judged: its own shape is. A stream is judged by what it
    adds up to, where an empty text looks like an absent one, so `result` is judged in unary answers alone.
    """
    for call in trace.calls:
        asked = [name for name in members if name != "result" or call.stream is None]
        for at, found in steps_of(call, step):
            missing = [name for name in asked if _lacks(found, name)]
            if missing:
                yield broken(call, at, f"the {step} has no {', '.join(missing)}")
            else:
                yield kept(call)


def _lacks(step: dict[str, Any], member: str) -> bool:
    outer, _, inner = member.partition(".")
    if not inner:
        return outer not in step
    inside = step.get(outer)
    return isinstance(inside, dict) and inner not in inside


def server_tools_need_no_client(trace: Trace, tool: str) -> Iterator[Verdict]:
    """What runs on the server asks nothing of the client (IX-CODE-009, IX-FILE-014, IX-MCP-005).

    Judged where the request brings the tool, and neither it nor what came before has one that a client runs.
    """
    for call, _, tools in requests_with_tools(trace):
        kinds = {str(tool.get("type")) if isinstance(tool, dict) else "" for tool in tools}
        if tool not in kinds or not kinds <= _ON_THE_SERVER or "agent" in call.asked or not begins(call):
            continue
        match call.interaction:
            case {"status": "requires_action"}:
                yield broken(call, "/status", f"{tool} runs on the server, and the status is requires_action")
            case {"status": str()}:
                yield kept(call)


def tools_are_refused_together(trace: Trace, tool: str, others: list[str]) -> Iterator[Verdict]:
    """A request with a tool and another that excludes it is refused with a 4xx (IX-FILE-006)."""
    for call, _, _ in requests_with_tools(trace):
        found = [other for other in others if tools_of(call, other)]
        if not tools_of(call, tool) or not found or call.status is None or "agent" in call.asked:
            continue
        if 400 <= call.status < 500:
            yield kept(call)
        elif call.status < 400:
            yield broken(
                call, "", f"{tool} was asked for with {found[0]}, and the answer is HTTP {call.status}"
            )
