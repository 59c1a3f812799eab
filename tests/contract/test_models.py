"""The table of models: its form, and that the reference server knows all of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from conformance.contract import models as module
from conformance.contract.models import models
from conformance.contract.places import folder
from conformance.server import rules

TABLE: Any = yaml.safe_load(Path(module.__file__).with_name("models.yaml").read_bytes())


def test_it_has_the_form_of_its_schema() -> None:
    """Which is a schema itself."""
    schema = json.loads((folder("schemas") / "harness" / "models.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(TABLE)


def test_the_reference_server_knows_every_model() -> None:
    """Each once, so that a run against it can name any of them."""
    names = [model.id for model in models().rows]
    assert len(names) == len(set(names)) > 20
    assert set(names) <= set(rules.models())


def test_a_model_can_nothing_that_the_table_does_not_explain() -> None:
    """And each word is that of a model; no word is one for an account too."""
    can = {word for model in models().rows for word in model.can}
    assert can == set(models().words)
    assert can.isdisjoint(models().account)


def test_the_first_model_that_can_do_it_all_comes_first() -> None:
    """The order of the table decides, not the number of words."""
    assert models().able([])[0].id == "gemini-3.5-flash"
    assert models().able(["continuation"])[0].id == "gemini-4-argon"
    assert models().able(["image_output"])[0].id == "gemini-3.1-flash-image"
    assert models().able(["image_output", "google_maps"]) == []


@pytest.mark.parametrize("model", models().rows, ids=lambda model: model.id)
def test_the_cost_is_that_of_the_family(model: module.Model) -> None:
    """As the head of the table says; and prices are told as they are, input before output."""
    words = set(model.id.split("-"))
    family = 1 if "lite" in words else 2 if "flash" in words else 3
    assert model.cost == family
    assert model.dollars is None or 0 < model.dollars[0] < model.dollars[1]
