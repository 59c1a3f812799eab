"""What an interaction cost: tokens that are told, named and added up as documented.

Source: https://ai.google.dev/gemini-api/docs/tokens
"""

from collections.abc import Iterator
from typing import Any

from conformance.judge.verdict import Subject, Verdict, broken, kept
from conformance.wire.trace import Trace

__all__ = [
    "cached_tokens_are_input",
    "input_adds_up_by_modality",
    "modalities_are_lower_case",
    "other_totals_are_told",
    "other_vocabularies_are_absent",
    "the_total_adds_up",
    "the_totals_are_told",
    "usage_comes_at_the_end",
]

_MAIN = ("total_input_tokens", "total_output_tokens", "total_tokens")
_PARTS = ("total_input_tokens", "total_output_tokens", "total_thought_tokens", "total_tool_use_tokens")
_REST = ("total_thought_tokens", "total_cached_tokens", "total_tool_use_tokens")
_MODALITIES = frozenset({"text", "image", "audio", "video", "document"})
_ELSEWHERE = frozenset(
    """prompt_tokens completion_tokens input_tokens output_tokens promptTokenCount candidatesTokenCount
    totalTokenCount prompt_token_count candidates_token_count total_token_count""".split()
)


def _usages(trace: Trace) -> Iterator[tuple[Subject, str, dict[str, Any]]]:
    """The usage of each finished interaction, with its place."""
    for call in trace.calls:
        if call.exchange.excerpt:
            continue
        if call.stream is not None:
            for event in call.stream.named("interaction.completed"):
                match event.json:
                    case {"interaction": {"usage": dict(usage)}}:
                        yield event, "/interaction/usage", usage
        elif call.interaction is not None:
            match call.interaction:
                case {"status": "in_progress" | "queued"}:
                    continue
                case {"usage": dict(usage)}:
                    yield call, "/usage", usage


def _number(usage: dict[str, Any], key: str) -> int:
    value = usage.get(key, 0)
    return value if isinstance(value, int) else 0


def _told(subject: Subject, at: str, usage: dict[str, Any], names: tuple[str, ...]) -> Verdict:
    missing = [name for name in names if name not in usage]
    return broken(subject, at, f"it does not tell {', '.join(missing)}") if missing else kept(subject)


def the_totals_are_told(trace: Trace) -> Iterator[Verdict]:
    """Usage tells the tokens of input and output and their total (IX-USAGE-001)."""
    for subject, at, usage in _usages(trace):
        yield _told(subject, at, usage, _MAIN)


def other_totals_are_told(trace: Trace) -> Iterator[Verdict]:
    """Usage tells thought, cached and tool tokens, zero when unused (IX-USAGE-002)."""
    for subject, at, usage in _usages(trace):
        yield _told(subject, at, usage, _REST)


def the_total_adds_up(trace: Trace) -> Iterator[Verdict]:
    """The total is input + output + thought + tool use (IX-USAGE-003). Judged where all of them are told."""
    for subject, at, usage in _usages(trace):
        if not all(isinstance(usage.get(name), int) for name in ("total_tokens", *_PARTS)):
            continue
        parts = [_number(usage, name) for name in _PARTS]
        if sum(parts) == usage["total_tokens"]:
            yield kept(subject)
        else:
            terms = " + ".join(map(str, parts))
            yield broken(
                subject, f"{at}/total_tokens", f"{terms} is {sum(parts)}, not {usage['total_tokens']}"
            )


def input_adds_up_by_modality(trace: Trace) -> Iterator[Verdict]:
    """The input tokens by modality add up to the input tokens (IX-USAGE-006)."""
    for subject, at, usage in _usages(trace):
        match usage:
            case {"total_input_tokens": int(total), "input_tokens_by_modality": [_, *_] as rows}:
                parts = [_number(row, "tokens") for row in rows if isinstance(row, dict)]
                if sum(parts) == total:
                    yield kept(subject)
                else:
                    place = f"{at}/input_tokens_by_modality"
                    yield broken(subject, place, f"the modalities add up to {sum(parts)}, not {total}")


def other_vocabularies_are_absent(trace: Trace) -> Iterator[Verdict]:
    """Usage has no names of other interfaces, such as prompt_tokens (IX-USAGE-008)."""
    for subject, at, usage in _usages(trace):
        foreign = sorted(_ELSEWHERE & usage.keys())
        for name in foreign:
            yield broken(subject, f"{at}/{name}", f"{name} is not a name of this interface")
        if not foreign:
            yield kept(subject)


def cached_tokens_are_input(trace: Trace) -> Iterator[Verdict]:
    """Cached tokens are a part of the input tokens (IX-USAGE-009)."""
    for subject, at, usage in _usages(trace):
        match usage:
            case {"total_cached_tokens": int(cached), "total_input_tokens": int(total)}:
                if cached <= total:
                    yield kept(subject)
                else:
                    place = f"{at}/total_cached_tokens"
                    yield broken(subject, place, f"{cached} cached tokens of {total} input tokens")


def modalities_are_lower_case(trace: Trace) -> Iterator[Verdict]:
    """A modality is written in lower case, such as text (IX-USAGE-005). Unknown ones are drift."""
    for subject, at, usage in _usages(trace):
        for name, rows in usage.items():
            if not name.endswith("_by_modality") or not isinstance(rows, list):
                continue
            for number, row in enumerate(rows):
                match row:
                    case {"modality": str(found)} if found in _MODALITIES:
                        yield kept(subject)
                    case {"modality": str(found)} if found.lower() in _MODALITIES:
                        place = f"{at}/{name}/{number}/modality"
                        yield broken(subject, place, f"{found} is written {found.lower()} here")


def usage_comes_at_the_end(trace: Trace) -> Iterator[Verdict]:
    """No event before the end tells usage, save step.stop and status updates (IX-USAGE-010)."""
    for stream in trace.streams:
        for event in stream.payloads:
            match event.json:
                case {"event_type": "interaction.created", "interaction": {"usage": _}}:
                    yield broken(event, "/interaction/usage", "usage is told before there is any")
                case {"event_type": "step.start" | "step.delta", "usage": _}:
                    yield broken(event, "/usage", f"usage is told in a {event.type}")
                case {"event_type": "interaction.completed", "interaction": {"usage": _}}:
                    yield kept(event)
