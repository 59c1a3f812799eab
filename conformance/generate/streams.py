"""Whole streams that are right: `C (U | S (U|D)* P)* F Z`, and what their events say of each other.

    streams()
    streamed.request, streamed.payloads, streamed.body()
    interactions()      # the same, told as one body
    events()            # one event of such a stream, or an error

One id and one model throughout, indices that count up, deltas that fit their steps, arguments and text cut
into fragments, citations on whole characters, results that name their calls, totals that add up. The letters
are those of `judge.stream`; nothing of the judge is used.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.generate import values
from conformance.generate.schemas import instances
from conformance.generate.tools import SERVER_TOOLS, uses
from conformance.wire.fold import fold

__all__ = ["Streamed", "events", "interactions", "streams"]

_CITATIONS = {  # what a tool found is cited so
    "google_search": "url_citation",
    "url_context": "url_citation",
    "google_maps": "place_citation",
    "file_search": "file_citation",
}
_PNG = "iVBORw0KGgo="
_REFUSED_WITH = {  # a request with both is refused
    "file_search": {"google_search", "url_context"},
    "google_search": {"file_search"},
    "url_context": {"file_search"},
}

_Step = tuple[dict[str, Any], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Streamed:
    """A request and the stream that answers it.

    payloads: the JSON of each event, in order; the closing `[DONE]` is not one of them.
    """

    request: dict[str, Any]
    payloads: tuple[dict[str, Any], ...]

    def body(self) -> bytes:
        """Give the bytes of the stream as the service frames them."""
        frames = [f"event: {event['event_type']}\ndata: {_compact(event)}\n\n" for event in self.payloads]
        return "".join([*frames, "event: done\ndata: [DONE]\n\n"]).encode()

    def interaction(self) -> dict[str, Any]:
        """Give what a unary answer to the same request says: the end, with all its steps."""
        steps = fold(self.payloads).get("steps", [])
        for step in steps:
            for block in step.get("content", ()):
                block.pop("rate", None)  # which only deltas have
        return {**self.payloads[-1]["interaction"], "steps": steps}


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def streams(
    *, most_steps: int = 4, first: Sequence[str] = (), stored: bool | None = None
) -> SearchStrategy[Streamed]:
    """Draw streams that a service may send; a call of a server tool and its result count as one step.

    first: what it begins with: thought, text, media, function_call, or a server tool, such as google_search.
    stored: whether the interaction has an id; either by default.
    """
    return _streams(most_steps, tuple(first), stored)


def interactions(*, most_steps: int = 4) -> SearchStrategy[dict[str, Any]]:
    """Draw bodies of interactions that have ended: usage adds up, results name their calls."""
    return streams(most_steps=most_steps).map(Streamed.interaction)


@st.composite
def events(draw: DrawFn) -> dict[str, Any]:
    """Draw single events, each right in the stream that it is from, or an error."""
    if draw(st.integers(0, 9)) == 9:
        error: dict[str, Any] = draw(instances("interactions/event_error"))
        return error
    return draw(st.sampled_from(draw(streams()).payloads))


@st.composite
def _streams(draw: DrawFn, most_steps: int, first: Sequence[str], stored: bool | None) -> Streamed:
    return _Writer(draw, stored).written(most_steps, first)


class _Writer:
    """Writes one stream: first its steps, then the events that tell them."""

    def __init__(self, draw: DrawFn, stored: bool | None) -> None:
        self._draw = draw
        self._ids = 0
        self._tools: dict[str, dict[str, Any]] = {}
        self._stored = draw(values.FLAGS) if stored is None else stored
        self._id = f"v1_{draw(st.integers(10**9, 10**10))}" if self._stored else ""
        self._model = draw(instances("interactions/model"))

    def written(self, most_steps: int, first: Sequence[str]) -> Streamed:
        steps: list[_Step] = []
        for kind in first:
            steps.extend(self._steps(kind))
        for _ in range(self._draw(st.integers(0, most_steps))):
            steps.extend(self._steps())
        events: list[dict[str, Any]] = [self._created()]
        for index, (shell, deltas) in enumerate(steps):
            events.extend(self._updates())
            events.append({"index": index, "step": shell, "event_type": "step.start"})
            for delta in deltas:
                events.append({"index": index, "delta": delta, "event_type": "step.delta"})
                events.extend(self._updates())
            events.append({"index": index, "event_type": "step.stop"})
        waits = any(shell["type"] == "function_call" for shell, _ in steps)
        events.append(self._completed("requires_action" if waits else "completed"))
        return Streamed(self._request(), tuple(events))

    def _request(self) -> dict[str, Any]:
        asked = self._draw(values.TEXTS.filter(bool))
        return {
            "model": self._model,
            "input": asked,
            "stream": True,
            "generation_config": {"thinking_summaries": "auto"},
            **({"tools": list(self._tools.values())} if self._tools else {}),
            **({} if self._stored else {"store": False}),
        }

    def _created(self) -> dict[str, Any]:
        told = {"id": self._id, "status": "in_progress", "object": "interaction", "model": self._model}
        return {"interaction": told, "event_type": "interaction.created"}

    def _updates(self) -> list[dict[str, Any]]:
        update = {
            "interaction_id": self._id,
            "status": "in_progress",
            "event_type": "interaction.status_update",
        }
        return [update] if self._draw(st.integers(0, 4)) == 4 else []

    def _completed(self, status: str) -> dict[str, Any]:
        created, updated = sorted([self._draw(values.TIMES), self._draw(values.TIMES)])
        told = {
            "id": self._id,
            "status": status,
            "object": "interaction",
            "model": self._model,
            "created": created,
            "updated": updated,
            "service_tier": "standard",
            "usage": self._usage(),
        }
        return {"interaction": told, "event_type": "interaction.completed"}

    def _usage(self) -> dict[str, Any]:
        asked, cached, said, thought, used = self._draw(st.tuples(*[st.integers(1, 10**6)] * 5))
        rows = [{"modality": "text", "tokens": asked}]
        return {
            "total_tokens": asked + said + thought + used,
            "total_input_tokens": asked,
            "total_cached_tokens": min(cached, asked),
            "total_output_tokens": said,
            "total_tool_use_tokens": used,
            "total_thought_tokens": thought,
            **({"input_tokens_by_modality": rows} if self._draw(values.FLAGS) else {}),
        }

    def _steps(self, kind: str = "") -> list[_Step]:
        """Draw the next steps: one, or a call of a server tool with its result."""
        kind = kind or self._draw(
            st.sampled_from(["thought", "text", "text", "media", "function_call", *SERVER_TOOLS])
        )
        match kind:
            case "thought":
                return [self._thought()]
            case "text":
                return [({"type": "model_output"}, self._text())]
            case "media":
                return [({"type": "model_output"}, [*self._text(), *self._media()])]
            case "function_call":
                return [self._function_call()]
        return self._server_tool(kind)

    def _thought(self) -> _Step:
        summaries = self._draw(values.arrays_of(values.TEXTS))
        deltas: list[dict[str, Any]] = [
            {"content": {"text": text, "type": "text"}, "type": "thought_summary"} for text in summaries
        ]
        deltas.append({"signature": self._draw(values.BASE64.filter(bool)), "type": "thought_signature"})
        return {"type": "thought"}, deltas

    def _text(self) -> list[dict[str, Any]]:
        """Draw a text in fragments, then what is marked in it."""
        text = self._draw(values.TEXTS)
        deltas: list[dict[str, Any]] = [{"text": part, "type": "text"} for part in self._cut(text)]
        kinds = [kind for tool, kind in _CITATIONS.items() if tool in self._tools]
        if text and kinds and self._draw(values.FLAGS):
            marks = [self._citation(text, kinds) for _ in range(self._draw(st.integers(0, 2)))]
            deltas.append({"annotations": marks, "type": "text_annotation_delta"})
        return deltas

    def _citation(self, text: str, kinds: list[str]) -> dict[str, Any]:
        """Draw a mark on some characters; its offsets count bytes of UTF-8."""
        start = self._draw(st.integers(0, len(text) - 1))
        end = self._draw(st.integers(start + 1, len(text)))
        kind = self._draw(st.sampled_from(kinds))
        mark = self._draw(instances(f"interactions/annotation_{kind}"))
        span = {"start_index": len(text[:start].encode()), "end_index": len(text[:end].encode())}
        source = (
            {"file_name": "handbook.pdf"} if kind == "file_citation" else {"url": self._draw(values.URIS)}
        )
        name = {"name": self._draw(values.TEXTS.filter(bool))} if kind == "place_citation" else {}
        return {**mark, **span, **source, **name}

    def _media(self) -> list[dict[str, Any]]:
        kind = self._draw(st.sampled_from("image audio video document".split()))
        media = self._draw(instances(f"interactions/delta_{kind}"))
        whole = {"mime_type": "image/png", "data": _PNG} if kind == "image" else {}
        place = {"uri": self._draw(values.URIS)} if "uri" in media else {}
        return [{**media, **whole, **place}]

    def _function_call(self) -> _Step:
        name = self._draw(values.NAMES)
        self._tools[f"function {name}"] = {"type": "function", "name": name, "parameters": {"type": "object"}}
        shell = {"id": self._fresh_id(), "name": name, "arguments": {}, "type": "function_call"}
        arguments = self._draw(values.OBJECTS)
        fragments = self._cut(json.dumps(arguments, ensure_ascii=self._draw(values.FLAGS)))
        return shell, [{"arguments": part, "type": "arguments_delta"} for part in fragments]

    def _server_tool(self, tool: str) -> list[_Step]:
        """Draw a call and its result, each told by one delta or by its start alone."""
        if self._tools.keys() & _REFUSED_WITH.get(tool, set()):
            return []
        use, found = self._draw(uses(tool)), self._fresh_id()
        if use.entry:
            self._tools[tool] = use.entry
        call = {"id": found, "type": f"{tool}_call"}
        result = {"call_id": found, "type": f"{tool}_result"}
        return [self._told(call, use.call), self._told(result, use.result)]

    def _told(self, shell: dict[str, Any], members: dict[str, Any]) -> _Step:
        match self._draw(st.sampled_from(["by a delta", "by a delta, signed", "by its start"])):
            case "by its start":
                return {**shell, **members}, []
            case "by a delta, signed" if "mcp" not in shell["type"]:
                signature = {"signature": self._draw(values.BASE64)}
                return {**shell, "signature": ""}, [{**signature, **members, "type": shell["type"]}]
        return shell, [{**members, "type": shell["type"]}]

    def _fresh_id(self) -> str:
        self._ids += 1
        return f"call_{self._ids}"

    def _cut(self, text: str) -> list[str]:
        """Cut a text into one to four parts, some of them empty."""
        cuts = sorted(self._draw(st.lists(st.integers(0, len(text)), max_size=3)))
        return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
