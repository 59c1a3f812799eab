"""What the model says and which models there are, read from `answers.yaml` and `models.yaml`.

    rules().says, rules().fallback
    find_model("gemini-3.5-flash")

The two files explain their own format. They are read once, when first used.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "Action",
    "ArgumentRule",
    "Cite",
    "ComputerUse",
    "Model",
    "Pages",
    "Rule",
    "Rules",
    "Use",
    "agents",
    "find_agent",
    "find_model",
    "models",
    "rules",
]

_HERE = Path(__file__).parent
ALL_LEVELS = ("minimal", "low", "medium", "high", "xhigh")


@dataclass(frozen=True, slots=True)
class Cite:
    """A part of an answer which a source backs; `told` is the rest of the annotation, its type last."""

    of: str
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Use:
    """A use of a built-in tool: what its call step and its result step tell besides ids and signatures."""

    tool: str
    call: Mapping[str, Any]
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """When the model says what."""

    name: str
    when: re.Pattern[str]
    text: str
    after: re.Pattern[str] | None = None
    sum: Mapping[str, int] | None = None
    tools: frozenset[str] = frozenset()
    queries: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    pages: bool = False
    cites: tuple[Cite, ...] = ()
    parts: tuple[str, ...] = ()
    shows: bool = False
    thinks: str = ""


@dataclass(frozen=True, slots=True)
class Pages:
    """What the model makes of the addresses in a question."""

    find: re.Pattern[str]
    most: int
    statuses: tuple[tuple[re.Pattern[str], str], ...]
    read: str
    unread: str


@dataclass(frozen=True, slots=True)
class Action:
    """One action of computer use."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ComputerUse:
    """What the model does with a screen: the actions one after the other, and when it asks first."""

    actions: Mapping[str, tuple[Action, ...]]
    careful: re.Pattern[str]
    decision: Mapping[str, Any]
    done: str
    thinks: str


@dataclass(frozen=True, slots=True)
class ArgumentRule:
    """Where the value of a string property is found in the question."""

    named: re.Pattern[str]
    find: re.Pattern[str]
    each: bool = False
    otherwise: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything in `answers.yaml`."""

    says: tuple[Rule, ...]
    fallback: Rule
    unhelpful: frozenset[str]
    means: Mapping[str, frozenset[str]]
    arguments: tuple[ArgumentRule, ...]
    well: str
    failed: str
    thinks_of_calls: str
    thinks_of_results: str
    numbers: Mapping[str, int]
    searches_first: re.Pattern[str]
    pages: Pages
    computer_use: ComputerUse
    media: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model or an agent, and how it behaves; `models.yaml` explains the traits."""

    id: str
    agent: bool = False
    thinks: bool = True
    search_after_output: bool = False
    empty_signature: bool = False
    levels: tuple[str, ...] = ALL_LEVELS
    needs_background: bool = False
    queues: bool = True
    needs_environment: bool = False
    gives: str = "text"
    generic_mcp: bool = False


@cache
def rules() -> Rules:
    """Give the rules of the model."""
    file = _read("answers.yaml")
    return Rules(
        says=tuple(_rule(told) for told in file["says"]),
        fallback=_rule({"name": "fallback", "when": "", **file["fallback"]}),
        unhelpful=frozenset(file["calls"]["unhelpful"]),
        means={word: frozenset(more) for word, more in file["calls"]["means"].items()},
        arguments=tuple(
            ArgumentRule(
                named=re.compile(told["named"], re.IGNORECASE),
                find=re.compile(told["find"]),
                each=told.get("each", False),
                otherwise=told.get("otherwise"),
            )
            for told in file["arguments"]
        ),
        well=file["results"]["well"],
        failed=file["results"]["failed"],
        thinks_of_calls=file["calls"]["thinks"],
        thinks_of_results=file["results"]["thinks"],
        numbers=file["numbers"],
        searches_first=re.compile(file["calls"]["searches_first"], re.IGNORECASE),
        pages=_pages(file["pages"]),
        computer_use=_computer_use(file["computer_use"]),
        media=file["media"]["text"],
    )


def _rule(told: dict[str, Any]) -> Rule:
    uses = tuple(Use(use["tool"], use.get("call", {}), use.get("result", {})) for use in told.get("uses", ()))
    tools = {told["tool"]} if "tool" in told else set()
    tools |= {use.tool for use in uses}
    if "pages" in told:
        tools.add("url_context")
    return Rule(
        name=told["name"],
        when=re.compile(told["when"], re.IGNORECASE),
        text=told.get("text", ""),
        after=re.compile(told["after"], re.IGNORECASE) if "after" in told else None,
        sum=told.get("sum"),
        tools=frozenset(tools),
        queries=tuple(told.get("queries", ())),
        uses=uses,
        pages=told.get("pages", False),
        cites=tuple(_cite(cite) for cite in told.get("cites", ())),
        parts=tuple(told.get("parts", ())),
        shows=told.get("shows", False),
        thinks=told.get("thinks", ""),
    )


def _cite(told: dict[str, Any]) -> Cite:
    if "type" in told:
        return Cite(told["of"], {key: value for key, value in told.items() if key != "of"})
    return Cite(told["of"], {"url": told["url"], "title": told["title"], "type": "url_citation"})


def _pages(told: dict[str, Any]) -> Pages:
    statuses = tuple((re.compile(one["of"], re.IGNORECASE), one["status"]) for one in told["statuses"])
    return Pages(re.compile(told["find"]), told["most"], statuses, told["read"], told["unread"])


def _computer_use(told: dict[str, Any]) -> ComputerUse:
    return ComputerUse(
        actions={
            where: tuple(Action(action["name"], action["arguments"]) for action in actions)
            for where, actions in told["actions"].items()
        },
        careful=re.compile(told["careful"], re.IGNORECASE),
        decision=told["decision"],
        done=told["done"],
        thinks=told["thinks"],
    )


@cache
def models() -> Mapping[str, Model]:
    """Every model by its id."""
    file = _read("models.yaml")
    return {name: Model(id=name, **_traits(name, file["traits"])) for name in file["models"]}


@cache
def agents() -> Mapping[str, Model]:
    """Every agent by its id."""
    file = _read("models.yaml")
    return {name: Model(id=name, agent=True, **_traits(name, file["traits"])) for name in file["agents"]}


def find_model(name: str) -> Model | None:
    """Give a model by its id, which v1 also writes with `models/` before it."""
    return models().get(name.removeprefix("models/"))


def find_agent(name: str) -> Model | None:
    """Give an agent by its id, which may have `agents/` before it."""
    return agents().get(name.removeprefix("agents/"))


def _traits(name: str, told: list[dict[str, Any]]) -> dict[str, Any]:
    traits: dict[str, Any] = {}
    for entry in told:
        if re.search(entry["of"], name):
            traits.update({key: value for key, value in entry.items() if key != "of"})
    if "levels" in traits:
        traits["levels"] = tuple(traits["levels"])
    return traits


@cache
def _read(name: str) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = yaml.load((_HERE / name).read_text(encoding="utf-8"), loader)  # noqa: S506  safe ones
    return found
