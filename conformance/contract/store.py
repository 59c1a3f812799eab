"""The schema store: every JSON Schema by name, compiled when first used.

    found = contract().validate("interactions/event", {"event_type": "step.stop", "index": 0})
    found.problems, found.drift

A schema's name is its path below `schemas/` without the ending: `interactions/event`. Nothing is ever
fetched: the store holds what the folder holds.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from conformance.contract.places import folder
from conformance.contract.validation import Check, Validation, compile_schema, kinds_of
from conformance.errors import SchemaBroken

__all__ = ["BASE", "SchemaStore", "contract"]

BASE = "https://gemini-conformance.example/"


class SchemaStore:
    """The schemas of one folder. Its files are read when asked for, so that a start costs nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[str, dict[str, Any]] = {}
        self._checks: dict[str, Check] = {}
        self._resolved: dict[tuple[str, str], str] = {}
        self._kinds: dict[int, tuple[Any, dict[str, int]]] = {}

    def names(self) -> list[str]:
        """The names of all schemas, sorted."""
        return sorted(
            path.relative_to(self.root).with_suffix("").as_posix() for path in self.root.rglob("*.json")
        )

    def file(self, name: str) -> dict[str, Any]:
        """Read a schema file.

        Raises:
            SchemaBroken: the file is missing, is not JSON, or its `$id` is not the one its place demands.
        """
        if name not in self._files:
            self._files[name] = self._read(name)
        return self._files[name]

    def _read(self, name: str) -> dict[str, Any]:
        file = f"{name}.json"
        try:
            schema = json.loads((self.root / file).read_bytes())
        except FileNotFoundError:
            raise SchemaBroken(file, "", "there is no such schema") from None
        except ValueError as error:
            raise SchemaBroken(file, "", f"not JSON: {error}") from None
        expected = f"{BASE}{file}"
        match schema:
            case {"$id": str(found)} if found == expected:
                return dict(schema)
            case {"$id": found}:
                raise SchemaBroken(file, "/$id", f"expected {expected!r}, found {found!r}")
            case dict():
                raise SchemaBroken(file, "", "it has no `$id`, so that no other schema could refer to it")
        raise SchemaBroken(file, "", "a schema is an object here")

    def schema(self, name: str) -> Mapping[str, Any]:
        """Give the schema of a name such as `interactions/event` or `interactions/event#/$defs/unknown`."""
        file, _, fragment = name.partition("#")
        found: Any = self.file(file)
        for part in fragment.split("/")[1:]:
            try:
                found = found[part]
            except (KeyError, TypeError):
                raise SchemaBroken(f"{file}.json", f"#{fragment}", "the reference leads nowhere") from None
        if not isinstance(found, dict):
            raise SchemaBroken(f"{file}.json", f"#{fragment}", "the reference does not lead to a schema")
        return found

    def resolve(self, name: str, reference: str) -> str:
        """Give the name that a `$ref` in the schema `name` means.

        Raises:
            SchemaBroken: there is no such schema.
        """
        here = name.partition("#")[0]
        known = self._resolved.get((here, reference))
        if known is not None:
            return known
        file, _, fragment = reference.partition("#")
        target = here
        if file:
            relative = (self.root / here).parent / file
            target = Path(*relative.parts[len(self.root.parts) :]).with_suffix("").as_posix()
        full = f"{target}#{fragment}" if fragment else target
        try:
            self.schema(full)
        except SchemaBroken as error:
            raise SchemaBroken(
                f"{here}.json", "/$ref", f"{reference!r} does not resolve: {error.problem}"
            ) from None
        self._resolved[here, reference] = full
        return full

    def kinds(self, name: str, union: Mapping[str, Any]) -> Mapping[str, int]:
        """Give the known kinds of a union in the schema `name`, each with the number of its branch."""
        branches = union["oneOf"]
        known = self._kinds.get(id(branches))
        if known is None or known[0] is not branches:
            known = self._kinds[id(branches)] = (branches, kinds_of(self, name, union))
        return known[1]

    def check(self, name: str) -> Check:
        """Give the compiled schema of a name."""
        if name not in self._checks:
            self._checks[name] = compile_schema(self, name)
        return self._checks[name]

    def validate(self, name: str, value: Any) -> Validation:
        """Validate a JSON value; problems and drift come in the order of the value."""
        found = Validation()
        self.check(name)(value, None, found)
        return found


@cache
def contract() -> SchemaStore:
    """The schemas of this installation."""
    return SchemaStore(folder("schemas"))
