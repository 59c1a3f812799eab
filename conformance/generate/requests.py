"""Bodies of POST /interactions that a right service takes, sent alone to an account without history.

    requests()                                   for models and agents, streamed or not
    requests(model="gemini-3.5-flash", stream=True)
    requests(history=False)                      without steps of a model, whose signatures are made up

They keep the schemas and what the documents say in prose: a model or an agent, functions that are declared
once, calls that are answered, settings that the model has. What they therefore never hold is listed, with
the reasons, in `conformance.generate.excluded`. Sources: https://ai.google.dev/api/interactions-api and the
guides beside it.
"""

import re
from collections.abc import Collection, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.contract.store import contract
from conformance.generate import values
from conformance.generate.choices import Choices, chosen
from conformance.generate.excluded import RETIRED_MODELS
from conformance.generate.goals import Goal, goals
from conformance.generate.schemas import Drawing
from conformance.generate.special import SPECIAL, user_content
from conformance.generate.topics import FUNCTIONS, SCHEMAS, TEXTS, TOPICS

__all__ = ["requests"]

_DEPTH = 7
_PROMPTS = st.text(min_size=1, max_size=20)
_LEVELS = ("minimal", "low", "medium", "high", "xhigh")
_NO_THOUGHTS = re.compile("gemma|tts|lyria|transcribe|omni")
_KINDS = {
    "drawing": re.compile("image|banana"),
    "speaking": re.compile("tts"),
    "music": re.compile("lyria"),
    "transcribing": re.compile("transcribe"),
    "film": re.compile("omni"),
    "research": re.compile("^deep-research"),
    "antigravity": re.compile("^antigravity"),
    "text": re.compile(""),
}
_REMEMBERING = frozenset({"text", "antigravity", "drawing", "film"})
_AGENTS = frozenset({"research", "antigravity"})
_MIX = ("text",) * 12 + tuple(
    """antigravity research antigravity drawing drawing speaking speaking transcribing transcribing
    music music film""".split()
)
_TOOLS = {
    "text": """function google_search code_execution url_context google_maps file_search computer_use
    mcp_server tool_search retrieval""".split(),
    "antigravity": "function google_search code_execution url_context mcp_server".split(),
    "research": "google_search url_context code_execution mcp_server file_search".split(),
    "drawing": ["google_search"],
}
_APART = {"google_search": {"file_search"}, "url_context": {"file_search"}}
_APART["file_search"] = {"google_search", "url_context"}
_SETTINGS = {  # the members of generation_config that only some models have
    "speech_config": {"speaking"},
    "transcription_config": {"transcribing"},
    "video_config": {"film"},
    "tool_choice": {"text"},
    "image_config": set[str](),
}
_OWN = {"speaking": "speech_config", "transcribing": "transcription_config", "film": "video_config"}
_SERVER_STEPS = """google_search code_execution url_context google_maps file_search retrieval processing
tool_search mcp_server_tool""".split()
_PLAIN_STEPS = ("model_output", "thought", "user_input", "tool_call")
_SHOWN_SETTINGS = (
    ("generation_config", ("text", "generation_config", "")),
    ("speech_config", ("speaking", "generation_config", "")),
    ("speaker_config", ("speaking", "generation_config", "")),
    ("transcription_config", ("transcribing", "generation_config", "")),
    ("video_config", ("film", "generation_config", "")),
    ("agent_config_deep_research", ("research", "agent_config", "deep_research")),
    ("agent_config_antigravity", ("antigravity", "agent_config", "antigravity")),
    ("agent_config_dynamic", ("antigravity", "agent_config", "dynamic")),
    ("environment_remote", ("antigravity", "environment", "")),
    ("response_format_text", ("text", "response_format", "text")),
    ("response_format_image", ("drawing", "response_format", "image")),
    ("response_format_audio", ("speaking", "response_format", "audio")),
    ("safety_setting", ("text", "safety_settings", "")),
)
_FORMATS = {"drawing": ("image", "text"), "speaking": ("audio",), "music": ("audio",)}


def requests(
    *,
    model: str | None = None,
    stream: bool | None = None,
    background: bool | None = None,
    history: bool = True,
    reach: Collection[str] = (),
) -> SearchStrategy[dict[str, Any]]:
    """Draw bodies of create requests; what is named is the same in all of them.

    model: the name of a model or of an agent.
    background: true or false; an agent that runs only in the background is not drawn with false.
    history: whether `input` may hold steps of the model. A service that checks whether it signed a thought
        itself is right to refuse such a request, for nobody but it can sign one.
    reach: places of schemas, such as "interactions/tool_retrieval", that requests are led to where they can
        be; none stands for all.
    """
    wanted = frozenset(reach)

    def request(choices: Choices) -> dict[str, Any]:
        return _Asking(choices, model, background, wanted).body(stream, history=history)

    return chosen(request, "requests()")


@cache
def _names(kind: str) -> tuple[str, ...]:
    """Give the models or agents of a kind, the one of the guides first."""
    listed = contract().schema("interactions/agent" if kind in _AGENTS else "interactions/model")
    names = [name for name in listed["x-open-enum"] if name not in RETIRED_MODELS and _kind(name) == kind]
    return tuple(sorted(names, key=lambda name: name != "gemini-3.5-flash"))


def _kind(name: str) -> str:
    return next(kind for kind, pattern in _KINDS.items() if pattern.search(name))


@dataclass(frozen=True, slots=True)
class _Shown:
    """Something that one request has to show, and what it takes to show it.

    kind: who can be asked for it; "" for anyone.
    part, name: the member of the request and what is in it: a tool, a content, a step.
    way: where to go in there.
    """

    kind: str = ""
    part: str = ""
    name: str = ""
    way: Goal = field(default_factory=dict)


_NOTHING = _Shown()
_GROUPS = ("settings", "tools", "input")


@cache
def _shown(group: str) -> tuple[_Shown, ...]:
    """Give one for every place and word of the tools, of the input, or of the settings."""
    parts = {f"interactions/{schema}": told for schema, told in _parts_of(group)}
    config = id(contract().schema("interactions/generation_config"))
    return tuple(
        _Shown(*parts[root], way) for root, way in goals(tuple(parts)) if way.get(config) not in _SETTINGS
    )


@cache
def _reaching(group: str, places: frozenset[str]) -> tuple[_Shown, ...]:
    """Give those of a group that lead to some places."""
    wanted = {id(contract().schema(place.partition("#")[0])) for place in places}
    return tuple(shown for shown in _shown(group) if wanted & shown.way.keys())


def _kinds_of(group: str, places: frozenset[str]) -> Iterator[str]:
    """Who can be asked for what leads to some places."""
    yield from (shown.kind for shown in _reaching(group, places))


def _parts_of(group: str) -> Iterator[tuple[str, tuple[str, str, str]]]:
    match group:
        case "tools":
            yield from ((f"tool_{kind}", ("text", "tools", kind)) for kind in _TOOLS["text"])
        case "input":
            yield from ((f"step_{kind}", ("", "turn", kind)) for kind in _PLAIN_STEPS)
            yield "step_function_call", ("text", "turn", "functions")
            yield "step_function_result", ("text", "turn", "functions")
            for tool in _SERVER_STEPS:
                yield from ((f"step_{tool}_{side}", ("", "turn", tool)) for side in ("call", "result"))
        case _:
            yield from _SHOWN_SETTINGS


class _Asking:
    """Writes one request: who is asked, how it runs, with which tools, what is said."""

    def __init__(
        self, choices: Choices, model: str | None, background: bool | None, reach: frozenset[str]
    ) -> None:
        self._choices = choices
        self._reach = reach
        self._background = background
        kind = "" if model is None else _kind(model)
        self._setting_shown = self._show("settings", kind)
        mix = [kind for kind in _MIX if background is not False or kind != "research"]
        if model is not None:
            self._kind, self._name = _kind(model), model
        else:
            led = [kind for group in _GROUPS for kind in _kinds_of(group, reach) if kind in mix]
            unasked = choices.of(
                led or mix
            )  # chosen in any case, so that a simpler setting changes nothing else
            self._kind = self._setting_shown.kind or unasked
            names = _names(self._kind)
            self._name = names[choices.below(_MOST_NAMES) % len(names)]
        self._tool_shown = self._show("tools", self._kind)
        self._steps_shown = [self._show("input", self._kind)]
        self._drawing = self._toward(self._setting_shown)
        self._calls = 0
        self._tools: list[dict[str, Any]] = []

    def _toward(self, shown: _Shown) -> Drawing:
        return Drawing(self._choices, contract(), special=SPECIAL, toward=shown.way, most=3)

    def _show(self, group: str, kind: str) -> _Shown:
        """Choose what is shown of a group, some times nothing; nor what this kind cannot show."""
        possible = _reaching(group, self._reach) or _shown(group)
        led = bool(self._reach) and possible is not _shown(group)
        chosen = self._choices.maybe(possible, 1 if led else len(possible) // 3) or _NOTHING
        fits = chosen.kind in (kind, "") or not kind
        return chosen if fits and (chosen.kind != "research" or self._background is not False) else _NOTHING

    def body(self, stream: bool | None, *, history: bool) -> dict[str, Any]:
        """Give the whole body."""
        body: dict[str, Any] = {"agent" if self._kind in _AGENTS else "model": self._name}
        place = self._choices.below(len(TOPICS) * 6)
        prompt, kinds = TOPICS[place % len(TOPICS)]
        if place >= len(TOPICS) * 5:
            prompt = self._choices.draw(_PROMPTS)
        if len(kinds) > 1 and not self._choices.below(2):
            kinds = kinds[:1]
        told = self._choices.some(_MEMBERS, 3)
        if self._setting_shown.part and self._setting_shown.part not in told:
            told.append(self._setting_shown.part)
        if self._tool_shown.part:
            kinds = (self._tool_shown.name,)
        self._choose_tools(kinds)
        body["input"] = self._input(prompt, history=history)
        body.update(self._life(stream))
        if self._functions() and self._kind == "text" and "generation_config" not in told:
            told += ["generation_config"] * self._choices.below(2)
        if self._tools:
            body["tools"] = self._tools
        for name in told:
            made = self._setting(name)
            if made is not None:
                body[name] = made
        if self._kind == "antigravity" and "environment" not in body:
            body["environment"] = self._drawing.named("interactions/environment", _DEPTH)
        return body

    def _life(self, stream: bool | None) -> dict[str, Any]:
        """Draw how it runs."""
        found: dict[str, Any]
        streamed, background, store, reported = self._choices.of(_LIVES)
        if stream is not None:
            streamed = stream or None
        if self._kind == "research" or self._background:
            background = True
        elif self._background is False and background:
            background = False
        if background and store is False:
            store = None
        told = {"stream": streamed, "background": background, "store": store}
        found = {name: flag for name, flag in told.items() if flag is not None}
        if background and reported:
            found["webhook_config"] = self._drawing.named("interactions/webhook_config", _DEPTH)
        return found

    def _setting(self, name: str) -> Any:
        """Draw one of the members that may be left out; None for one that the asked one does not take."""
        match name:
            case "system_instruction":
                return self._choices.text(TEXTS, values.TEXTS)
            case "generation_config" if self._kind not in _AGENTS:
                return self._config()
            case "agent_config" if self._kind in _AGENTS:
                return self._agent_config()
            case "response_format":
                return self._format()
            case "safety_settings":
                return self._safety()
            case "service_tier":
                return self._drawing.plain("interactions/service_tier", _DEPTH)
            case "labels":
                return self._labels()
            case "environment" if self._kind == "text" and self._choices.one_in(3):
                return self._drawing.named("interactions/environment", _DEPTH)
        return None

    def _agent_config(self) -> Any:
        own = "deep_research" if self._kind == "research" else "antigravity"
        kind = (
            self._setting_shown.name
            if self._setting_shown.part == "agent_config"
            else self._choices.of((own, "dynamic"))
        )
        return self._drawing.plain(f"interactions/agent_config_{kind}", _DEPTH)

    def _labels(self) -> dict[str, str]:
        return {key: self._choices.of(_LABELS) for key in self._choices.some(_LABEL_KEYS, 3, least=1)}

    def _safety(self) -> list[dict[str, Any]]:
        """Draw settings, one for each kind of harm."""
        harms = contract().schema("interactions/safety_setting")["properties"]["type"]["x-open-enum"]
        return [
            {**self._drawing.plain("interactions/safety_setting", _DEPTH), "type": harm}
            for harm in self._choices.some(harms, 3, least=1)
        ]

    # what the model may use

    def _choose_tools(self, kinds: tuple[str, ...]) -> None:
        possible = _TOOLS.get(self._kind, [])
        chosen = [kind for kind in kinds if kind in possible]
        for kind in (self._choices.of(_TOOLS["text"]) for _ in range(self._choices.of(_MORE_TOOLS))):
            if kind in possible and kind not in chosen and not _APART.get(kind, set()).intersection(chosen):
                chosen.append(kind)
        for kind in chosen:
            drawing = self._toward(self._tool_shown if kind == self._tool_shown.name else _NOTHING)
            if kind == "function":
                for name in self._choices.some(FUNCTIONS, 3, least=1):
                    self._declare(drawing, name)
            else:
                self._tools.append(drawing.named(f"interactions/tool_{kind}", _DEPTH))

    def _declare(self, drawing: Drawing, name: str) -> None:
        function = drawing.plain("interactions/tool_function", _DEPTH)
        self._tools.append({**function, "name": name})

    def _functions(self) -> list[str]:
        return [tool["name"] for tool in self._tools if tool["type"] == "function"]

    # how it answers

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = self._drawing.plain("interactions/generation_config", _DEPTH)
        own = _OWN.get(self._kind)
        if own is not None and own not in config:
            member = contract().schema("interactions/generation_config")["properties"][own]
            config[own] = self._drawing.member("interactions/generation_config", own, member, _DEPTH)
        for name, kinds in _SETTINGS.items():
            if self._kind not in kinds:
                config.pop(name, None)
        if _NO_THOUGHTS.search(self._name):
            config.pop("thinking_level", None)
            config.pop("thinking_summaries", None)
        elif "thinking_level" in config:
            taken = _LEVELS[1:4] if self._name.startswith("gemini-3.1-pro") else _LEVELS
            config["thinking_level"] = self._choices.of(taken)
        if "tool_choice" in config or (self._functions() and self._choices.below(3)):
            config["tool_choice"] = self._tool_choice()
        return config

    def _tool_choice(self) -> Any:
        functions = self._functions()
        modes = ("auto", "none", "any", "validated") if functions else ("auto", "none")
        form = self._choices.of(("mode", "mode", "mode and tools", "mode", "tools", "mode in it", "", "none"))
        allowed: dict[str, Any] = {}
        if "mode" in form:
            allowed["mode"] = self._choices.of(modes)
        if form == "mode":
            return allowed["mode"]
        if "tools" in form and functions:
            allowed["tools"] = self._choices.some(functions, 3, least=1)
        return {} if form == "none" else {"allowed_tools": allowed}

    def _format(self) -> Any:
        """Draw one format, or a list of formats of different types."""
        kinds = self._choices.some(_FORMATS.get(self._kind, ("text",)), 2, least=1)
        if self._setting_shown.part == "response_format" and self._setting_shown.name not in kinds:
            kinds.append(self._setting_shown.name)
        entries = [self._entry(kind) for kind in kinds]
        return entries[0] if len(entries) == 1 and self._choices.one_in(2) else entries

    def _entry(self, kind: str) -> dict[str, Any]:
        if self._kind == "text" and self._choices.one_in(4):
            return deepcopy(dict(self._choices.of(SCHEMAS)))
        entry: dict[str, Any] = self._drawing.named(f"interactions/response_format_{kind}", _DEPTH)
        if self._kind != "text":
            entry.pop("schema", None)
        return entry

    # what is said

    def _input(self, prompt: str, *, history: bool) -> Any:
        text = {"type": "text", "text": prompt}
        history = history and self._kind in _REMEMBERING
        shown = [one for one in self._steps_shown if one.part] if history else []
        if shown:
            return self._conversation(text, shown)
        match self._choices.below(8 if history else 6):
            case 0 | 1:
                return prompt
            case 2:
                return text
            case 3:
                return user_content(self._drawing, _DEPTH) if self._choices.one_in(2) else [text]
            case 4:
                return [text, *self._contents()]
            case 5:
                return [self._said([text])]
        return self._conversation(text, [])

    def _contents(self) -> list[dict[str, Any]]:
        return [user_content(self._drawing, _DEPTH) for _ in range(1 + self._choices.below(2))]

    def _said(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        more = self._contents() if self._choices.one_in(3) else []
        return {"type": "user_input", "content": [*content, *more]}

    def _conversation(self, text: dict[str, Any], shown: list[_Shown]) -> list[dict[str, Any]]:
        """Draw turns that the client remembers, and what it says now: a text, or results of functions."""
        said = {"type": "user_input", "content": [{"type": "text", "text": TEXTS[0]}]}
        steps = [said if self._choices.below(5) < 4 else {"type": "user_input"}]
        more = [_Shown(name=self._choices.of(_TURN)) for _ in range(self._choices.below(2) + (not shown))]
        for one in [*shown, *more]:
            steps.extend(self._steps(one.name, self._toward(one)))
        if steps[-1]["type"] == "function_result" and self._choices.one_in(2):
            return steps
        return [*steps, self._said([text])]

    def _steps(self, kind: str, drawing: Drawing) -> list[dict[str, Any]]:
        match kind:
            case "functions":
                return self._answered_calls(drawing)
            case "server":
                return self._steps(self._choices.of(_SERVER_STEPS), drawing)
            case tool if tool in _SERVER_STEPS:
                found = self._fresh_id()
                call = drawing.plain(f"interactions/step_{tool}_call", _DEPTH)
                result = drawing.plain(f"interactions/step_{tool}_result", _DEPTH)
                return [{**call, "id": found}, {**result, "call_id": found}]
            case "tool_call":
                step = drawing.plain("interactions/step_tool_call", _DEPTH)
                return [{**step, "id": self._fresh_id()}]
        return [drawing.plain(f"interactions/step_{kind}", _DEPTH)]

    def _answered_calls(self, drawing: Drawing) -> list[dict[str, Any]]:
        """Draw calls, side by side, and the result of each."""
        if self._kind not in ("text", "antigravity"):
            return []
        if not self._functions():
            self._declare(drawing, self._choices.of(FUNCTIONS))
        functions = self._functions()
        calls, results = [], []
        for _ in range(1 + self._choices.below(2)):
            told = {"id": self._fresh_id(), "name": self._choices.of(functions)}
            calls.append({**drawing.plain("interactions/step_function_call", _DEPTH), **told})
            result = drawing.plain("interactions/step_function_result", _DEPTH)
            named = {"name": told["name"]} if "name" in result else {}
            results.append({**result, **named, "call_id": told["id"]})
        return [*calls, *results]

    def _fresh_id(self) -> str:
        self._calls += 1
        return f"call_{self._calls}"


_LIVES = tuple(
    product(
        (None, True, True, False), (None, None, None, False, True), (None, None, True, False), (False, True)
    )
)
_MOST_NAMES = 24
_MORE_TOOLS = (0, 0, 0, 1, 2)
_MEMBERS = """system_instruction generation_config response_format agent_config service_tier
safety_settings labels environment""".split()
_TURN = ("model_output", "thought", "functions", "server", "server", "tool_call")
_LABEL_KEYS = ("team", "größe", "cost-center_2")
_LABELS = ("blue", "", "zürich-1", "x" * 63)
