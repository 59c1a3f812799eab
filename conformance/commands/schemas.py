"""`gemini-conformance schemas`: the schemas, by name or as an OpenAPI document for other tools."""

import argparse
import json

from conformance.contract.openapi import openapi_document
from conformance.contract.store import contract
from conformance.contract.validation import nearest
from conformance.errors import UsageRefused
from conformance.report.record import our_version

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="such as interactions/event: print the schema"
    )
    parser.add_argument("--openapi", action="store_true", help="print an OpenAPI 3.2 document of all")


def run(options: argparse.Namespace) -> int:
    """Print the OpenAPI document, the schemas that were named, or the names of all."""
    store = contract()
    if options.openapi:
        print(json.dumps(openapi_document(our_version()), indent=2))
        return 0
    for name in options.names:
        if name not in store.names():
            raise UsageRefused(
                f"there is no schema {name}{nearest(name, store.names())}",
                "The list: gemini-conformance schemas",
            )
        print(json.dumps(store.file(name), indent=2, ensure_ascii=False))
    if not options.names:
        for name in store.names():
            print(f"{name:<50} {store.file(name).get('title', '')}")
    return 0
