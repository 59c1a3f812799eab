"""From the events of a stream to the interaction they add up to.

    fold(event.json for event in stream.events)["steps"]

The rules are those of the streaming guide (https://ai.google.dev/gemini-api/docs/streaming): text and
arguments join in order of arrival, a change of delta kind opens a new content block, annotations belong to
the text so far, other deltas fill the fields of their step. Malformed events are passed over: whoever wants
to know about them reads the verdicts.
"""

import json
from collections.abc import Iterable
from typing import Any

__all__ = ["fold"]

_MEDIA = frozenset({"image", "audio", "video", "document"})


def fold(events: Iterable[Any]) -> dict[str, Any]:
    """Give the interaction that the events describe, its steps in order of index.

    `status` is that of the last event that tells one; what only a unary answer has is absent.
    """
    interaction: dict[str, Any] = {}
    steps: dict[int, _Step] = {}
    for event in events:
        match event:
            case {"event_type": "interaction.created" | "interaction.completed", "interaction": dict(told)}:
                interaction.update(told)
            case {"event_type": "interaction.status_update", "status": str(status)}:
                interaction["status"] = status
            case {"event_type": "step.start", "index": int(index), "step": dict(step)}:
                steps.setdefault(index, _Step(step))
            case {"event_type": "step.delta", "index": int(index), "delta": dict(delta)}:
                if index in steps:
                    steps[index].add(delta)
    if steps:
        interaction["steps"] = [steps[index].whole() for index in sorted(steps)]
    return interaction


class _Step:
    """One step while its deltas arrive."""

    def __init__(self, start: dict[str, Any]) -> None:
        self._fields = dict(start)
        self._blocks: list[dict[str, Any]] = [dict(block) for block in _objects(start.get("content"))]
        self._text: list[str] | None = None
        self._arguments: list[str] = []

    def add(self, delta: dict[str, Any]) -> None:
        match delta:
            case {"type": "text", "text": str(text)}:
                self._open_text().append(text)
            case {"type": "text_annotation_delta", "annotations": [*annotations]}:
                self._open_text()
                self._blocks[-1]["annotations"] = [
                    *_objects(self._blocks[-1].get("annotations")),
                    *annotations,
                ]
            case {"type": str(kind)} if kind in _MEDIA:
                self._close_text()
                self._blocks.append(delta)
            case {"type": "arguments_delta", "arguments": str(fragment)}:
                self._arguments.append(fragment)
            case {"type": "thought_summary", "content": content}:
                self._fields["summary"] = [*_objects(self._fields.get("summary")), content]
            case {"type": "thought_signature", "signature": signature}:
                self._fields["signature"] = signature
            case _:
                self._fields.update(
                    (key, told)
                    for key, told in delta.items()
                    if key != "type" and (told != "" or key not in self._fields)
                )

    def _open_text(self) -> list[str]:
        """Give the pieces of the text block that is open, opening one where there is none."""
        if self._text is None:
            if not self._blocks or self._blocks[-1].get("type") != "text":
                self._blocks.append({"text": "", "type": "text"})
            self._text = [str(self._blocks[-1].get("text", ""))]
        return self._text

    def _close_text(self) -> None:
        if self._text is not None:
            self._blocks[-1]["text"] = "".join(self._text)
            self._text = None

    def whole(self) -> dict[str, Any]:
        """The step as a unary answer would show it."""
        self._close_text()
        step = dict(self._fields)
        if self._blocks:
            step["content"] = self._blocks
        if self._arguments:
            try:
                step["arguments"] = json.loads("".join(self._arguments))
            except (ValueError, RecursionError):
                step["arguments"] = "".join(self._arguments)
        return step


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
