"""YAML that somebody else wrote: read safely, within limits, and told in one line where it is none.

    value = load_yaml(text_of(data))

No tag runs anything. What would take more memory than its size promises is refused before it is read.
"""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conformance.wire.coding import LARGEST_BYTES

__all__ = ["load_yaml", "load_yaml_documents", "text_of", "yaml_problem"]

_DEEPEST = 200
_MOST = 1_000_000  # values; each takes about a kilobyte of memory while it is read
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def load_yaml(text: str) -> Any:
    """Read YAML as vcrpy does: safely, with the few Python tags that its cassettes may hold.

    Raises:
        YAMLError: it is not YAML, holds a value that Python has not, or is nested without end.
    """
    import yaml

    with _faults_of_yaml(text):
        try:
            return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        except yaml.constructor.ConstructorError:
            from vcr.serializers import yamlserializer  # it imports what opens a socket, and few need it

            return yamlserializer.deserialize(text)


def load_yaml_documents(text: str) -> list[Any]:
    """Read all documents of a YAML text, safely; raises what `load_yaml` raises."""
    import yaml

    with _faults_of_yaml(text):
        return list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def text_of(data: bytes) -> str:
    """Give the text of a file: UTF-8, or what its byte order mark tells, as shells of Windows write.

    Raises:
        ValueError: it is something else.
    """
    coding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(coding)
    except UnicodeDecodeError as error:
        raise ValueError(f"not {coding.removesuffix('-sig').upper()} at byte {error.start}") from None


def yaml_problem(error: Exception) -> str:
    """Say in one line what is wrong with YAML, and from which line on."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f"not YAML from line {mark.line + 1} on: {getattr(error, 'problem', '')}"
    return f"not YAML: {str(error).splitlines()[0]}"


@contextmanager
def _faults_of_yaml(text: str) -> Iterator[None]:
    """Turn what PyYAML lets through into a YAMLError: a 13th month, `!!bool x`, what kills Python."""
    import yaml

    _refuse_monsters(text)
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise yaml.YAMLError(f"{type(error).__name__}: {error}") from None


def _refuse_monsters(text: str) -> None:
    """Refuse YAML that would be too deep, too much, or too much once its aliases are unfolded."""
    import yaml

    weights: dict[str, int] = {}  # how many characters lie behind an anchor
    within: list[tuple[str | None, int]] = [(None, 0)]
    unfolded = count = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        weight, count = 1, count + 1
        if isinstance(event, yaml.CollectionStartEvent):
            within.append((event.anchor, 0))
            if len(within) > _DEEPEST:
                raise yaml.YAMLError("nested too deeply to be read")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, weight = within.pop()
            if anchor is not None:
                weights[anchor] = weight
        elif isinstance(event, yaml.ScalarEvent):
            weight += len(event.value)
            if event.anchor is not None:
                weights[event.anchor] = weight
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in within):
                raise yaml.YAMLError(f"the alias *{event.anchor} stands within itself")
            weight = weights.get(event.anchor or "", 1)
            unfolded += weight
        within[-1] = (within[-1][0], within[-1][1] + weight)
        if unfolded > LARGEST_BYTES:
            raise yaml.YAMLError(f"its aliases unfold to more than {LARGEST_BYTES // 1024 // 1024} MB")
        if count > _MOST:
            raise yaml.YAMLError(f"it has more than {_MOST:,} values, over the limit")
