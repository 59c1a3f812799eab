"""One emulator against the list of what it is known to get wrong.

    python -m tests.emulators aimock [OPTIONS OF gemini-conformance run]

The exit code is that of the run: 1 if anything else is wrong, or something of the list is right by now.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.emulators.emulator import HERE, started

HAD = ("file_search_store=fileSearchStores/handbooks", "mcp_server=https://example.com/mcp")
"""What scenarios need of an account; neither of them asks whether it is there."""
NAMES = [one["name"] for one in json.loads((HERE / "pins.json").read_text(encoding="utf-8"))]


def main() -> int:
    """Start it, play the scenarios against it, and end it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=NAMES)
    options, rest = parser.parse_known_args()
    known = ["--known", str(HERE / "known" / f"{options.name}.yaml")]
    with tempfile.TemporaryDirectory() as folder, started(options.name, Path(folder)) as emulator:
        command = [sys.executable, "-P", "-m", "conformance.cli", "run", "--target", emulator.url]
        command += ["--key-env", "EMULATOR_KEY", *([] if "--known" in rest else known), *rest]
        command += [word for thing in HAD for word in ("--have", thing)]
        return subprocess.run(
            command, env=os.environ | {"EMULATOR_KEY": emulator.key}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
