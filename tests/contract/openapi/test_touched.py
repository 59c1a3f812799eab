"""A difference leads to the requirements, checks and scenarios that it touches."""

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.contract.openapi.differences import differences, our_contract
from conformance.contract.openapi.touched import exercising, touched_checks, touched_requirements
from tests.contract.openapi.documents import contract_of, ours_changed


@dataclass(frozen=True)
class Conversation:
    """A scenario, as far as it matters here."""

    id: str
    exercises: Sequence[str]


def touched(schema: str, member: str) -> tuple[list[str], list[str]]:
    content = ours_changed()
    del content["components"]["schemas"][schema]["properties"][member]
    (one,) = differences(our_contract(), contract_of(content))
    return [requirement.id for requirement in touched_requirements(one)], touched_checks(one)


def test_the_innermost_schema_with_a_requirement_governs() -> None:
    """Usage has one of its own, and so have its parts."""
    ids, checks = touched("modality_tokens", "tokens")

    assert ids[0] == "IX-USAGE-001"
    assert checks[0] == "schema:interactions/modality_tokens"
    assert "usage.the_totals_are_told" in checks


def test_a_schema_without_a_requirement_is_governed_from_outside() -> None:
    """As a wrong value there is blamed on what holds it."""
    ids, checks = touched("rag_ranking", "rank_service")

    assert ids
    assert checks[0].startswith("schema:interactions/")


def test_a_requirement_that_names_the_field_is_touched_too() -> None:
    """The form of tool_choice is one requirement; what its words do are others."""
    ids, checks = touched("generation_config", "tool_choice")

    assert ids[:3] == ["IX-FUNC-024", "IX-FUNC-025", "IX-FUNC-026"]
    assert "functions.any_forces_a_call" in checks


def test_a_word_that_english_has_too_counts_in_its_area() -> None:
    """That an interaction has `object` is a requirement; other sentences speak of JSON objects."""
    ids, _ = touched("interaction", "object")

    assert "IX-CREATE-011" in ids
    assert "IX-FUNC-004" not in ids


def test_scenarios_are_found_by_what_they_exercise() -> None:
    """In their order, each once."""
    scenarios = [Conversation("a", ["X-1"]), Conversation("b", ["X-2", "X-3"]), Conversation("c", ["X-3"])]

    assert exercising({"X-2", "X-3"}, scenarios) == ["b", "c"]
    assert exercising([], scenarios) == []
