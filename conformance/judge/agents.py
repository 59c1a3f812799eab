"""Agents: how a run is begun, where it works, and how it ends.

Deep Research runs in the background and takes no functions; Antigravity needs an environment.
Sources: https://ai.google.dev/gemini-api/docs/deep-research,
https://ai.google.dev/gemini-api/docs/antigravity-agent, https://ai.google.dev/gemini-api/docs/agent-environment
"""

from collections.abc import Iterator
from typing import Any

from conformance.judge.tools import tools_of
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Call, Document, Trace

__all__ = [
    "agents_are_not_models",
    "configs_fit_their_agent",
    "environments_are_told",
    "reports_are_told",
    "sources_keep_their_limits",
    "sources_tell_their_content",
    "wrong_runs_are_refused",
]

_RESEARCH, _ANTIGRAVITY = "deep-research", "antigravity"
_CONFIGS = frozenset({_RESEARCH, _ANTIGRAVITY, "code-mender"})
_INLINE_FILE, _INLINE_ALL = 1_000_000, 2_000_000


def _runs(trace: Trace) -> Iterator[tuple[Call, Document, dict[str, Any], str]]:
    """The creates for an agent: call, request, body, name of the agent."""
    for call in trace.calls:
        match call.asked:
            case {"agent": str(agent)} if call.operation == "create" and "model" not in call.asked:
                yield call, Document(call.asked, call.request_place, "request"), call.asked, agent


def _sources(trace: Trace) -> Iterator[tuple[Document, str, dict[str, Any]]]:
    """What requests place in an environment: request, pointer, source."""
    for call in trace.calls:
        match call.asked:
            case {"environment": {"sources": [*sources]}} if call.operation == "create":
                request = Document(call.asked, call.request_place, "request")
                for number, source in enumerate(sources):
                    if isinstance(source, dict):
                        yield request, f"/environment/sources/{number}", source


def agents_are_not_models(trace: Trace) -> Iterator[Verdict]:
    """A run names its agent in `agent`, not in `model` (IX-AGENT-001).

    Antigravity is not judged: a documented sample names it in `model`. That both stand in one request is
    judged with creates.
    """
    for _, request, _, _ in _runs(trace):
        yield kept(request)
    for call in trace.calls:
        match call.asked:
            case {"model": str(model)} if call.operation == "create" and model.startswith(_RESEARCH):
                if "agent" not in call.asked:
                    request = Document(call.asked, call.request_place, "request")
                    yield broken(request, "/model", f"{model!r} is an agent, not a model")


def configs_fit_their_agent(trace: Trace) -> Iterator[Verdict]:
    """The type of `agent_config` is that of the agent it is for (IX-AGENT-004)."""
    for _, request, asked, agent in _runs(trace):
        match asked.get("agent_config"):
            case {"type": str(kind)} if kind in _CONFIGS and agent.startswith((_RESEARCH, _ANTIGRAVITY)):
                if agent.startswith(kind):
                    yield kept(request)
                else:
                    yield broken(request, "/agent_config/type", f"{agent} was given the options of {kind}")


def wrong_runs_are_refused(trace: Trace, fault: str) -> Iterator[Verdict]:
    """A run that its agent cannot do is refused with 400 (IX-AGENT-002, IX-AGENT-007, IX-AGENT-010)."""
    for call, _, asked, agent in _runs(trace):
        if call.status is None or not _is_wrong(call, asked, agent, fault):
            continue
        if 400 <= call.status < 500:
            yield kept(call)
        elif call.status < 400:
            yield broken(call, "", f"{agent} was asked for with {fault}; the answer is HTTP {call.status}")


def _is_wrong(call: Call, asked: dict[str, Any], agent: str, fault: str) -> bool:
    match fault:
        case "no background":
            return agent.startswith(_RESEARCH) and asked.get("background", False) is False
        case "a function":
            return agent.startswith(_RESEARCH) and bool(tools_of(call, "function"))
        case "no environment":
            first = "previous_interaction_id" not in asked and "environment" not in asked
            return agent.startswith(_ANTIGRAVITY) and first
    raise ValueError(fault)


def reports_are_told(trace: Trace) -> Iterator[Verdict]:
    """A Deep Research run that is completed holds its report in a model_output (IX-AGENT-009)."""
    for call in trace.calls:
        if call.exchange.excerpt or (call.stream is not None and call.stream.resumed):
            continue
        match call.interaction:
            case {"agent": str(agent), "status": "completed"} if agent.startswith(_RESEARCH):
                if any(step.get("type") == "model_output" for step in call.steps):
                    yield kept(call)
                else:
                    yield broken(call, "/steps", "the run is completed, and no step is a model_output")


def environments_are_told(trace: Trace) -> Iterator[Verdict]:
    """The answer to a run with an environment tells its `environment_id` (IX-AGENT-011).

    Judged on unary answers to a run that has ended: the snapshots of a stream are not documented to tell it.
    """
    for call in trace.calls:
        match call.asked, call.interaction:
            case {"environment": _}, {"status": "completed" | "incomplete", **told}:
                if call.operation != "create" or call.stream is not None or call.exchange.excerpt:
                    continue
                if told.get("environment_id"):
                    yield kept(call)
                else:
                    yield broken(call, "", "the run had an environment, and no environment_id is told")


def sources_tell_their_content(trace: Trace) -> Iterator[Verdict]:
    """A source tells where it comes from: its address, or its content when it is inline (IX-AGENT-015)."""
    needed = {"repository": "source", "gcs": "source", "inline": "content"}
    for request, at, source in _sources(trace):
        match source.get("type"):
            case str(kind) if kind in needed:
                if needed[kind] in source:
                    yield kept(request)
                else:
                    yield broken(request, at, f"a source of type {kind} has no {needed[kind]}")


def sources_keep_their_limits(trace: Trace) -> Iterator[Verdict]:
    """Sources do not replace the root, and inline ones are small (IX-AGENT-016)."""
    sizes: dict[int, int] = {}
    for request, at, source in _sources(trace):
        content = source.get("content")
        size = len(content.encode(errors="surrogatepass")) if isinstance(content, str) else 0
        if source.get("encoding") == "base64":
            size = size * 3 // 4
        whole = sizes[request.place.exchange] = sizes.get(request.place.exchange, 0) + size
        if source.get("target") == "/":
            yield broken(request, f"{at}/target", "the target is the root of the environment")
        elif size > _INLINE_FILE or whole > _INLINE_ALL:
            yield broken(request, f"{at}/content", f"inline content of {size} bytes, {whole} in all")
        else:
            yield kept(request)
