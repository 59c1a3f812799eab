"""llm-comply's tests of the Interactions API against the reference server, run as its README says.

    python -m tests.clients.rival

All nine must pass; the exit code is 1 otherwise.
"""

import subprocess
import sys

from conformance.server import serving

OPTIONS = "--format google-interactions -m gemini-2.5-flash --auth-header x-goog-api-key --no-bearer"
ALL = "Results: 9/9 passed"


def main() -> int:
    """Run its tests, show what it prints, and look at its last line."""
    with serving(seed=7) as server:
        command = ["llm-comply", "-u", server.url, "-k", "any-key", *OPTIONS.split()]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False)
    print(done.stdout)  # noqa: T201
    return 0 if done.returncode == 0 and ALL in done.stdout else 1


if __name__ == "__main__":
    sys.exit(main())
