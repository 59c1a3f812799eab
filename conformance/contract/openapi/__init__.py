"""The contract beside published OpenAPI documents: what differs, and the contract as such a document.

    document = read_openapi(Path("interactions.openapi.json"))
    found = differences(our_contract(), document)
    unexplained(found, document.label)

`document` reads a file and `normal_form` reduces it, `differences` compares two, `errata` explains what is
known, `touched` finds the requirements and scenarios concerned, `listing` shows it all; `export` writes our
schemas as OpenAPI 3.2.
"""

from conformance.contract.openapi.differences import Difference, differences, our_contract
from conformance.contract.openapi.errata import Erratum, errata, unexplained
from conformance.contract.openapi.export import openapi_document
from conformance.contract.openapi.listing import listed, rows
from conformance.contract.openapi.normal_form import Contract, read_openapi
from conformance.contract.openapi.touched import exercising, touched_checks, touched_requirements

__all__ = [
    "Contract",
    "Difference",
    "Erratum",
    "differences",
    "errata",
    "exercising",
    "listed",
    "openapi_document",
    "our_contract",
    "read_openapi",
    "rows",
    "touched_checks",
    "touched_requirements",
    "unexplained",
]
