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
    "ArgumentRule",
    "Cite",
    "Model",
    "Rule",
    "Rules",
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
    """A part of an answer which a source backs."""

    of: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Rule:
    """When the model says what."""

    name: str
    when: re.Pattern[str]
    text: str
    after: re.Pattern[str] | None = None
    sum: Mapping[str, int] | None = None
    tool: str | None = None
    queries: tuple[str, ...] = ()
    cites: tuple[Cite, ...] = ()
    thinks: str = ""


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
    )


def _rule(told: dict[str, Any]) -> Rule:
    return Rule(
        name=told["name"],
        when=re.compile(told["when"], re.IGNORECASE),
        text=told["text"],
        after=re.compile(told["after"], re.IGNORECASE) if "after" in told else None,
        sum=told.get("sum"),
        tool=told.get("tool"),
        queries=tuple(told.get("queries", ())),
        cites=tuple(Cite(**cite) for cite in told.get("cites", ())),
        thinks=told.get("thinks", ""),
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
