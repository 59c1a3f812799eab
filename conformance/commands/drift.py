"""`gemini-conformance drift`: how our contract differs from a published one."""

import argparse
import json
from pathlib import Path

from conformance.commands.shared import scenario_files
from conformance.contract.openapi import differences, listed, our_contract, read_openapi, rows, unexplained
from conformance.scenario.scenario import read_scenario

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the options of the command."""
    parser.add_argument("document", metavar="OPENAPI.json", help="an OpenAPI document in JSON")
    parser.add_argument(
        "--against", metavar="OTHER", help="another one to compare it with; default: our contract"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="show the explained differences too")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="what is printed; default: text"
    )


def run(options: argparse.Namespace) -> int:
    """Print what differs; what no erratum explains is a finding."""
    document = read_openapi(Path(options.document))
    ours = read_openapi(Path(options.against)) if options.against else our_contract()
    label = "" if options.against else document.label
    found = differences(ours, document)
    scenarios = [read_scenario(file) for file in scenario_files([])]
    if options.format == "json":
        print(json.dumps(rows(found, label, scenarios), indent=2))
    else:
        print("\n".join(listed(found, label, scenarios, verbose=options.verbose)))
    return 1 if unexplained(found, label) else 0
