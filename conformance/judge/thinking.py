"""Thoughts: when they are summarised, that they are signed, and what they cost.

Whether a model thinks at all is its own affair; what a thought step holds is not. Sending thoughts back is
judged in `turns` and `functions`, their deltas in `deltas`.
Source: https://ai.google.dev/gemini-api/docs/thinking
"""

from collections.abc import Iterator
from typing import Any

from conformance.judge.functions import input_steps, same_step
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Call, Document, Trace, is_placeholder

__all__ = [
    "budgets_are_not_sent",
    "damaged_thoughts_are_named",
    "summaries_are_asked_for",
    "thought_tokens_are_counted",
    "thoughts_are_signed",
    "thoughts_count_against_the_limit",
]

_BUDGETS = ("thinking_budget", "thinkingBudget", "thinking_config", "thinkingConfig", "include_thoughts")
_ABOUT_SIGNATURES = ("missing_thought_signature", "invalid_request")


def _of_models(trace: Trace) -> Iterator[tuple[Call, dict[str, Any], dict[str, Any]]]:
    """The answered creates of models: call, generation_config, interaction."""
    for call in trace.calls:
        match call.asked, call.interaction:
            case {"agent": _}, _:
                continue
            case {"model": str()} as asked, dict(told) if call.operation == "create":
                config = asked.get("generation_config")
                yield call, config if isinstance(config, dict) else {}, told


def _thoughts(call: Call) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((number, step) for number, step in enumerate(call.steps) if step.get("type") == "thought")


def summaries_are_asked_for(trace: Trace) -> Iterator[Verdict]:
    """A thought has no summary in words unless `thinking_summaries` asks for one (IX-THINK-003).

    A model that draws may show its drafts, which nobody asks for.
    """
    for call, config, _ in _of_models(trace):
        if config.get("thinking_summaries", "none") != "none":
            continue
        for number, step in _thoughts(call):
            summary = step.get("summary")
            blocks = summary if isinstance(summary, list) else []
            if any(isinstance(block, dict) and block.get("type") == "text" for block in blocks):
                yield broken(
                    call, f"/steps/{number}/summary", "no summary was asked for, and the thought has one"
                )
            else:
                yield kept(call)


def thoughts_are_signed(trace: Trace) -> Iterator[Verdict]:
    """A thought of a turn that ended normally has a signature (IX-THINK-005)."""
    for call, _, told in _of_models(trace):
        cut = call.exchange.excerpt or (call.stream is not None and call.stream.resumed)
        if told.get("status") not in ("completed", "requires_action") or cut:
            continue
        for number, step in _thoughts(call):
            match step.get("signature"):
                case str(signature) if signature:
                    yield kept(call)
                case None | "":
                    yield broken(call, f"/steps/{number}", "the thought has no signature")


def thought_tokens_are_counted(trace: Trace) -> Iterator[Verdict]:
    """Usage of a turn with thoughts tells total_thought_tokens (IX-THINK-009).

    A thought may cost nothing; where the total leaves nothing for it, the member may be left out.
    """
    for call, _, told in _of_models(trace):
        match told:
            case {"usage": dict(usage)} if any(_thoughts(call)) and not call.exchange.excerpt:
                if "total_thought_tokens" in usage:
                    yield kept(call)
                elif not _adds_up_without_thoughts(usage):
                    yield broken(call, "/usage", "the turn has thoughts, and usage no total_thought_tokens")


def _adds_up_without_thoughts(usage: dict[str, Any]) -> bool:
    parts = [usage.get(f"total_{part}_tokens", 0) for part in ("input", "output", "tool_use")]
    total = usage.get("total_tokens")
    return all(isinstance(part, int) for part in parts) and sum(parts) == total


def thoughts_count_against_the_limit(trace: Trace) -> Iterator[Verdict]:
    """Thoughts and output stay within max_output_tokens, or the turn is incomplete (IX-THINK-010)."""
    for call, config, told in _of_models(trace):
        match config, told:
            case (
                {"max_output_tokens": int(limit)},
                {
                    "status": str(status),
                    "usage": {"total_output_tokens": int(output), "total_thought_tokens": int(own)},
                },
            ) if output <= limit:
                if status == "completed" and output + own > limit:
                    taken = f"{output} output and {own} thought tokens"
                    yield broken(call, "/status", f"completed after {taken} of at most {limit}")
                else:
                    yield kept(call)


def damaged_thoughts_are_named(trace: Trace) -> Iterator[Verdict]:
    """A refusal of thoughts that came back damaged says so by its code (IX-THINK-013)."""
    for call in trace.calls:
        match call.answered:
            case {"error": {"code": str(code)}} if call.status == 400 and _has_damaged_thoughts(trace, call):
                if code in _ABOUT_SIGNATURES:
                    yield kept(call)
                else:
                    wanted = " or ".join(_ABOUT_SIGNATURES)
                    yield broken(
                        call, "/error/code", f"a damaged signature is refused as {code}, not {wanted}"
                    )


def _has_damaged_thoughts(trace: Trace, call: Call) -> bool:
    """Whether a request sends thoughts, and one of them is like none that this conversation received."""
    sent = [step for step in input_steps(call) if step.get("type") == "thought"]
    received = [step for before in trace.earlier(call) for _, step in _thoughts(before)]
    if not received or any(is_placeholder(step.get("signature")) for step in [*sent, *received]):
        return False
    return any(not any(same_step(step, other) for step in received) for other in sent)


def budgets_are_not_sent(trace: Trace) -> Iterator[Verdict]:
    """How much a model thinks is a level here; budgets belong to generateContent (IX-THINK-016)."""
    for call in trace.calls:
        match call.asked:
            case {"generation_config": dict(config)} if call.operation == "create":
                request = Document(call.asked, call.request_place, "request")
                sent = [name for name in _BUDGETS if name in config]
                for name in sent:
                    yield broken(
                        request, f"/generation_config/{name}", f"{name} is not a setting of this interface"
                    )
                if not sent:
                    yield kept(request)
