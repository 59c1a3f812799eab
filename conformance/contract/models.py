"""What models can do, and what an account must have: the table in `models.yaml`, which explains itself.

    models().find("gemini-3.5-flash").can
    models().able({"google_maps"})

Its form is `schemas/harness/models.json`. It is read once, when first used.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Model", "Models", "Thing", "models"]

_FILE = Path(__file__).with_name("models.yaml")


@dataclass(frozen=True, slots=True)
class Model:
    """One model.

    can: what it is documented to do, in words of the table.
    state: stable, preview or deprecated.
    cost: from 1 to 3, by family.
    dollars: for a million tokens of input and of output; None where no document was seen.
    source: the documents.
    """

    id: str
    can: frozenset[str]
    state: str
    cost: int
    dollars: tuple[float, float] | None
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Thing:
    """What an account must have: what it is called, and what stands for it at our own server."""

    name: str
    ours: str


@dataclass(frozen=True, slots=True)
class Models:
    """The table.

    words: what may be needed of a model, with what it means.
    account: what may be needed of an account, by the word for it.
    rows: the models, in the order in which they are chosen.
    """

    words: Mapping[str, str]
    account: Mapping[str, Thing]
    rows: tuple[Model, ...]

    def find(self, name: str) -> Model | None:
        """Give the model of that id, if the table knows it."""
        return next((model for model in self.rows if model.id == name), None)

    def able(self, words: Collection[str]) -> list[Model]:
        """Give the models that can do all of it, the first choice first."""
        return [model for model in self.rows if model.can.issuperset(words)]


@cache
def models() -> Models:
    """The table of this installation."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data = yaml.load(_FILE.read_bytes(), Loader=loader)  # noqa: S506 (both loaders are safe)
    rows = (
        Model(
            id=row["id"],
            can=frozenset(row["can"]),
            state=row["state"],
            cost=row["cost"],
            dollars=(row["dollars"]["input"], row["dollars"]["output"]) if "dollars" in row else None,
            source=tuple(row["source"]),
        )
        for row in data["models"]
    )
    account = {word: Thing(**thing) for word, thing in data["account"].items()}
    return Models(data["words"], account, tuple(rows))
