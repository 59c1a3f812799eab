"""The list of known differences is complete in both directions."""

import os
from pathlib import Path
from typing import get_args

import pytest

from conformance.contract.openapi.differences import Difference, DifferenceKind, differences, our_contract
from conformance.contract.openapi.errata import (
    Because,
    Erratum,
    errata,
    explained,
    unexplained,
    unused,
)
from conformance.contract.openapi.normal_form import read_openapi
from tests.contract.openapi.documents import contract_of, ours_changed

EVIDENCE = os.environ.get("CONFORMANCE_EVIDENCE")
NEWEST = ["interactions.v1beta.2026-09-12", "interactions.sdk-3.4.0-derived"]
needs_evidence = pytest.mark.skipif(EVIDENCE is None, reason="CONFORMANCE_EVIDENCE is not set")


def document(name: str) -> list[Difference]:
    return differences(our_contract(), read_openapi(Path(str(EVIDENCE)) / "openapi" / f"{name}.json"))


@needs_evidence
@pytest.mark.parametrize("name", NEWEST)
def test_every_difference_from_a_newest_document_is_explained(name: str) -> None:
    """What is not explained is fixed in our schemas, or becomes an erratum with its evidence."""
    assert [one.message for one in unexplained(document(name), name)] == []


@needs_evidence
@pytest.mark.parametrize("name", NEWEST)
def test_every_erratum_still_explains_something(name: str) -> None:
    """One that matches nothing is deleted, so that it cannot hide what comes later."""
    assert unused(document(name), name) == []


@needs_evidence
@pytest.mark.parametrize("erratum", errata(), ids=lambda erratum: erratum.where[0])
def test_the_evidence_of_an_erratum_is_there(erratum: Erratum) -> None:
    """A file of the evidence folder, with a section or not, or an address."""
    for item in erratum.evidence.split("; "):
        if not item.startswith("https://"):
            assert (Path(str(EVIDENCE)) / item.split(" section")[0]).exists(), item


def test_an_erratum_is_complete() -> None:
    """Every row has a known kind and class, a sentence, and evidence."""
    for erratum in errata():
        assert erratum.kind in get_args(DifferenceKind), erratum
        assert erratum.only in {"ours", "document"}, erratum
        assert erratum.because in get_args(Because), erratum
        assert erratum.reason.endswith("."), erratum
        assert erratum.evidence, erratum
        assert set(erratum.documents) <= set(NEWEST), erratum


def test_no_two_errata_are_about_the_same() -> None:
    """Else one of them could rot unseen."""
    rows = [
        (where, one.kind, one.only, name) for one in errata() for where in one.where for name in one.documents
    ]

    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("name", [*NEWEST, "interactions.v1beta.2027-01-01"])
def test_a_new_field_is_not_explained_and_a_known_one_is(name: str) -> None:
    """Also for a document that nobody has seen yet: what is known of the newest ones is known of it."""
    content = ours_changed()
    members = content["components"]["schemas"]["interaction"]["properties"]
    members["brand_new"] = {"type": "string"}
    del members["object"]

    found = differences(our_contract(), contract_of(content, name))

    assert [one.message for one in unexplained(found, name)] == [
        f"interaction.brand_new: only {name} declares the field"
    ]
    assert [erratum.because for _, erratum in explained(found, name) if erratum] == ["recorded"]


def test_an_erratum_of_one_document_says_nothing_of_the_other() -> None:
    """September lacks the token of a continuation; were it missing in the newer one, that would be news."""
    content = ours_changed()
    del content["components"]["schemas"]["interaction"]["properties"]["continuation_token"]
    september, newer = (
        unexplained(differences(our_contract(), contract_of(content, name)), name) for name in NEWEST
    )

    assert september == []
    assert [one.where for one in newer] == ["interaction.continuation_token"]


def test_an_erratum_holds_for_the_side_it_names() -> None:
    """Ours has `interaction.object` and a document has not; the reverse is another matter."""
    ours, theirs = (
        Difference("interaction.object", "field", only, (), "interaction", "object") for only in ("ours", "x")
    )

    assert unexplained([ours, theirs], NEWEST[0]) == [theirs]


def test_a_star_stands_for_anything_and_nothing_else_does() -> None:
    """Brackets and dots of a place are letters."""
    row = Erratum(("a[b].c*",), "field", "ours", (), "newer", "", "")

    def explains(where: str) -> bool:
        return row.explains(Difference(where, "field", "ours", (), "", ""))

    assert explains("a[b].c") is explains("a[b].cd.e") is True
    assert explains("ab.c") is explains("a[b]xc") is explains("xa[b].c") is False


def test_what_no_difference_is_about_is_told() -> None:
    """With nothing different, every place of every erratum is out of use."""
    places = [where for one in errata() if NEWEST[0] in one.documents for where in one.where]

    assert unused([], NEWEST[0]) == places
