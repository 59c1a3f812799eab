"""What a scenario needs, and the values that stand for it in its requests.

    given(scenario)                                              # {"model": "gemini-3.5-flash"}
    given(scenario, Asked("gemini-3.8-flash", (("mcp_server", "https://example.com/mcp"),)))

A scenario names needs, not models: `<model>` is the first model of the table (`contract/models.yaml`) that
can do what is needed, or the one that was asked for. What an account must have, such as a file-search store,
has a stand-in at our own server, in cassettes and for clients; any other endpoint has to be told of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.contract.models import models
from conformance.errors import NeedUnmet, UsageRefused
from conformance.scenario.scenario import MODEL, Scenario, names_in

__all__ = ["Asked", "given", "read_have", "remark"]

_MOST = 4
"""Models that a sentence names."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was said of an endpoint of others: the model that is to be asked for, what the account has."""

    model: str | None = None
    have: tuple[tuple[str, str], ...] = ()


def given(
    scenario: Scenario, asked: Asked | None = None, *, recorded: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Give the values that stand for what a scenario needs, by name.

    asked: None stands for our own server, cassettes and clients.
    recorded: what a recording of it was made with.

    Raises:
        NeedUnmet: the model cannot do it, or the account is not known to have it.
    """
    values = dict(recorded or {})
    if MODEL not in values and _names_a_model(scenario):
        values[MODEL] = _model(scenario, asked.model if asked is not None else None)
    have = dict(asked.have) if asked is not None else {}
    for word, thing in models().account.items():
        if word in scenario.needs and word not in values:
            if asked is not None and word not in have:
                raise NeedUnmet(f"it needs {thing.name}: --have {word}=NAME")
            values[word] = have.get(word, thing.ours)
    return values


def _names_a_model(scenario: Scenario) -> bool:
    return MODEL not in scenario.given and any(
        MODEL in (*names_in(call.arguments), *names_in(call.query)) for call in scenario.calls
    )


def _model(scenario: Scenario, name: str | None) -> str:
    wanted = [need for need in scenario.needs if need in models().words]
    able = [model.id for model in models().able(wanted)]
    if name is None:
        if not able:
            raise NeedUnmet(f"no model of the table can do all of {', '.join(wanted)}: give one with --model")
        return able[0]
    row = models().find(name)
    if row is None or name in able:
        return name
    lacking = ", ".join(need for need in wanted if need not in row.can)
    raise NeedUnmet(f"{name} cannot {lacking} (models: {_named(able)})")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return (", ".join(names[:_MOST]) or "none") + more


def remark(name: str | None) -> Iterator[str]:
    """Tell what is to be known of a model that was asked for."""
    if name is not None and models().find(name) is None:
        yield (
            f"{name} is not in the table of models, and is taken as able to do everything "
            "(gemini-conformance list --models)"
        )


def read_have(text: str) -> tuple[str, str]:
    """Read what an account has, such as `file_search_store=fileSearchStores/mine`.

    Raises:
        UsageRefused: it is written otherwise, or nothing needs it.
    """
    name, equals, value = text.partition("=")
    known = ", ".join(models().account)
    if name not in models().account:
        raise UsageRefused(f"no scenario needs {name!r} of an account", f"What may be given: {known}.")
    if not equals or not value.strip():
        raise UsageRefused(f"--have {name} has no value", f"Write --have {name}=NAME.")
    return name, value.strip()
