"""An OpenAPI file as places that refer to each other.

    document = read_document(Path("interactions.openapi.json"))
    document.object(document.root, "paths")

Whatever is wrong with a file is found here, and told with the JSON pointer of the place: it is not JSON, a
reference leads nowhere, something is not what stands at such a place. Nothing is ever fetched.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

from conformance.errors import OpenapiUnusable, PathMissing

__all__ = ["DEEPEST", "Document", "Place", "Values", "read_document"]

LARGEST = 64 * 2**20  # bytes of a document; the published ones have 0.4 * 2**20
DEEPEST = 100  # references and unions that one value may go through
LONGEST = 10_000  # characters of a JSON pointer into a document


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """An object of a document where it stands. `name` is that of a component, empty inside one."""

    schema: Mapping[str, Any]
    pointer: str
    name: str = ""


Values: TypeAlias = tuple[Place, ...]


class Document:
    """One OpenAPI document. `label` is what to call it in a listing."""

    def __init__(self, label: str, content: Mapping[str, Any], file: str = "") -> None:
        self.label = label
        self.root = Place(content, "")
        self._file = file or label

    def refuse(self, pointer: str, problem: str) -> OpenapiUnusable:
        """Make the error for a place of this document."""
        return OpenapiUnusable(self._file, pointer, problem)

    def parts(self, place: Place, *keywords: str) -> Iterator[Place]:
        """Give the schemas under some keywords, each a schema or a list of them."""
        for keyword in keywords:
            match place.schema.get(keyword):
                case None:
                    pass
                case list(parts):
                    yield from (self.place(place, keyword, number) for number in range(len(parts)))
                case _:
                    yield self.place(place, keyword)

    def place(self, place: Place, *keys: str | int) -> Place:
        """Give the object that stands below another; references are left as they are."""
        found: Any = place.schema
        for key in keys:
            found = found[key]
        pointer = place.pointer + "".join(
            f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys
        )
        if len(pointer) > LONGEST:
            raise self.refuse(f"{pointer[:60]}…", "nested too deeply to be a description of an API")
        if found is not True and not isinstance(found, dict):
            raise self.refuse(pointer, "expected an object")
        return Place({} if found is True else found, pointer)

    def object(self, place: Place, key: str) -> Place:
        """Give an object of the document, references followed; one that is absent is empty."""
        if key not in place.schema:
            return Place({}, f"{place.pointer}/{key}")
        return self.follow(self.place(place, key))

    def follow(self, place: Place) -> Place:
        """Follow references until something else stands there."""
        for _ in range(DEEPEST):
            if "$ref" not in place.schema:
                return place
            place = self.refer(place)
        raise self.refuse(place.pointer, "the reference leads back to itself")

    def refer(self, place: Place) -> Place:
        """Give the object that a reference leads to."""
        reference, where = place.schema["$ref"], f"{place.pointer}/$ref"
        if not isinstance(reference, str):
            raise self.refuse(where, "a reference is a string")
        if not reference.startswith("#"):
            raise self.refuse(where, f"{reference!r} leads out of the document; bundle it into one file")
        found: Any = self.root.schema
        parts = [unquote(part).replace("~1", "/").replace("~0", "~") for part in reference[1:].split("/")[1:]]
        for part in parts:
            try:
                found = found[int(part)] if isinstance(found, list) else found[part]
            except (KeyError, IndexError, ValueError, TypeError):
                raise self.refuse(where, f"{reference!r} leads nowhere") from None
        if found is not True and not isinstance(found, dict):
            raise self.refuse(where, f"{reference!r} does not lead to an object")
        component = parts[-1] if parts[:-1] == ["components", "schemas"] else ""
        return Place({} if found is True else found, reference[1:], component)

    def names(self, values: Values) -> Iterator[str]:
        """Give the components that stand at a place, the one that is referred to first."""
        for place in values:
            for _ in range(DEEPEST):
                if place.name:
                    yield place.name
                if "$ref" not in place.schema:
                    break
                place = self.refer(place)  # noqa: PLW2901 (following a chain)


def read_document(path: Path, label: str = "") -> Document:
    """Read an OpenAPI 3 file in JSON.

    label: what to call it, by default the name of the file without its ending.

    Raises:
        PathMissing: there is no such file.
        OpenapiUnusable: it is not JSON, not OpenAPI 3, too large, or nested too deeply.
    """

    def refuse(problem: str) -> OpenapiUnusable:
        return OpenapiUnusable(str(path), "", problem)

    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise PathMissing(str(path), (error.strerror or "cannot be read").lower()) from None
    if len(content) > LARGEST:
        raise refuse(f"more than {LARGEST // 2**20} MiB")
    try:
        document = json.loads(content)
    except RecursionError:
        raise refuse("nested too deeply to be a description of an API") from None
    except ValueError as error:
        raise refuse(f"not JSON: {error}") from None
    match document:
        case {"openapi": str(version)} if version.startswith("3."):
            return Document(label or path.name.removesuffix(".json"), document, str(path))
        case {"openapi": version} | {"swagger": version}:
            raise refuse(f"it is of version {version!r}; expected OpenAPI 3")
    raise refuse("it has no member `openapi`, so it is not an OpenAPI document")
