"""Clients that fail on what they do not know, or where they find less than they want."""

import re
from collections.abc import Callable
from typing import Any

from conformance.testees.control import ClientError, ControlClient
from conformance.testees.protocol import Message
from conformance.testees.wrong.delivery import steps_of


def _holds(value: Any, wrong: Callable[[str, Any], bool]) -> bool:
    """Whether a member anywhere within a value is such."""
    if isinstance(value, dict):
        return any(wrong(key, item) or _holds(item, wrong) for key, item in value.items())
    return isinstance(value, list) and any(_holds(item, wrong) for item in value)


class _Validating(ControlClient):
    """Looks at everything before it hands it over."""

    def check(self, value: Any) -> None:
        """Raise where something is not as this client wants it."""

    def hand_over(self, event: dict[str, Any]) -> None:
        self.check(event)
        super().hand_over(event)

    def unary(self, value: Any) -> Message:
        self.check(value)
        return super().unary(value)

    def refuse(self) -> None:
        """Fail as a validator does."""
        raise ClientError("parse", "validation failed: 1 error")


class KnowsItsCitations(_Validating):
    """Fails on an annotation of a kind that it does not know."""

    def check(self, value: Any) -> None:
        known = ("url_citation", "file_citation", "place_citation")
        if _holds(
            value,
            lambda key, item: key == "annotations" and any(one.get("type") not in known for one in item),
        ):
            self.refuse()


class KnowsItsWords(_Validating):
    """Fails on a word that no enumeration of it has."""

    names = frozenset("service_tier modality search_type language mime_type status resolution".split())

    def check(self, value: Any) -> None:
        if _holds(value, lambda key, item: key in self.names and str(item).startswith("new_")):
            self.refuse()


class KnowsItsMembers(_Validating):
    """Fails on a member that it does not know, wherever it stands."""

    def check(self, value: Any) -> None:
        if _holds(value, lambda key, _: key.startswith("new_")):
            self.refuse()


class KnowsItsSteps(_Validating):
    """Fails on a kind of step that the first version of the interface did not have."""

    newer = ("mcp_server", "retrieval", "processing", "tool_search", "google_maps", "file_search", "new_")

    def check(self, value: Any) -> None:
        if _holds(value, lambda key, item: key == "type" and str(item).startswith(self.newer)):
            self.refuse()


class WantsNumbers(_Validating):
    """Fails on an integer in quotation marks."""

    def check(self, value: Any) -> None:
        if _holds(value, lambda key, item: key.startswith("total_") and isinstance(item, str)):
            self.refuse()


class ChecksCallIds(_Validating):
    """Fails on the id of a call that has another form than usual."""

    def check(self, value: Any) -> None:
        usual = re.compile("[a-z0-9]{1,16}")
        for step in [value.get("step") or {}, *steps_of(value)]:
            if step.get("type") == "function_call" and not usual.fullmatch(str(step.get("id"))):
                self.refuse()


class WantsNoSignature(_Validating):
    """Fails on a function call that is signed."""

    def check(self, value: Any) -> None:
        for step in [value.get("step") or {}, *steps_of(value)]:
            if step.get("type") == "function_call" and "signature" in step:
                self.refuse()


class WantsSteps(_Validating):
    """Fails on an interaction that has no steps."""

    def unary(self, value: Any) -> Message:
        if not steps_of(value):
            self.refuse()
        return super().unary(value)


class ParsesFewLevels(_Validating):
    """Fails on what lies deeper than twenty levels."""

    def check(self, value: Any) -> None:
        if _depth(value) > 20:
            self.refuse()


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [
        inner
        for item in level
        if isinstance(item, dict | list)
        for inner in (item.values() if isinstance(item, dict) else item)
    ]:
        depth += 1
    return depth


class WantsText(_Validating):
    """Fails on an output that holds nothing."""

    def unary(self, value: Any) -> Message:
        if any(step["type"] == "model_output" and not step.get("content") for step in steps_of(value)):
            self.refuse()
        return super().unary(value)


class KnowsItsModels(_Validating):
    """Fails on a model that it does not know."""

    def check(self, value: Any) -> None:
        if _holds(value, lambda key, item: key == "model" and not str(item).startswith("gemini-3")):
            self.refuse()
