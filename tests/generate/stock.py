"""The schemas under a stock validator: jsonschema with a registry of our own files."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from conformance.contract.store import contract

__all__ = ["NAMES", "accepts", "stock"]

NAMES = [name for name in contract().names() if name.startswith("interactions/")]


@cache
def _registry() -> Registry[Any]:
    files = [contract().file(name) for name in NAMES]
    resources: list[tuple[str, Resource[Any]]] = [
        (file["$id"], DRAFT202012.create_resource(file)) for file in files
    ]
    return Registry[Any]().with_resources(resources).crawl()


@cache
def stock(name: str) -> Draft202012Validator:
    """Give jsonschema's validator of a schema."""
    return Draft202012Validator(contract().file(name), registry=_registry())


def accepts(name: str, value: Any) -> bool:
    """Whether jsonschema accepts a value."""
    return bool(stock(name).is_valid(value))
