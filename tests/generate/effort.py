"""How hard the property tests try: the same examples every time, more of them when asked.

CONFORMANCE_EXAMPLES=10000 pytest tests/generate
"""

import os

from hypothesis import HealthCheck, settings

__all__ = ["EXAMPLES", "examples"]

EXAMPLES = int(os.environ.get("CONFORMANCE_EXAMPLES", "100"))
"""How many values the tests of agreement and of robustness draw."""


def examples(number: int) -> settings:
    """Draw a number of examples, without a clock and without a memory of earlier runs."""
    return settings(
        max_examples=number,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
