"""Drives a wrong client: `python -m conformance.testees.wrong NAME`."""

import sys

from conformance.testees.control import main
from conformance.testees.wrong import WRONG

if len(sys.argv) != 2 or sys.argv[1] not in WRONG:
    sys.exit(f"usage: python -m conformance.testees.wrong NAME, one of {', '.join(WRONG)}")
main(WRONG[sys.argv[1]], sys.argv[1])
