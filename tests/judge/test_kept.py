"""How often each right conversation keeps each requirement.

A check that falls silent finds nothing, and looks like one that is content. tests/golden/kept.yaml holds the
counts. After a change that is meant, write them again and read the difference:
CONFORMANCE_GOLDEN=write pytest tests/judge/test_kept.py
"""

import os
from pathlib import Path

import yaml

from conformance.judge.judge import judge
from tests.miniatures import CONVERSATIONS, conversation

GOLDEN = Path(__file__).parents[1] / "golden" / "kept.yaml"


def test_each_conversation_keeps_what_it_always_kept() -> None:
    """Nothing is judged less often than it was, or more often, unless somebody means it."""
    found = {name: dict(judge(conversation(name)).passes) for name in CONVERSATIONS}
    if os.environ.get("CONFORMANCE_GOLDEN") == "write":
        GOLDEN.write_text(yaml.safe_dump(found, width=110, default_flow_style=None), encoding="utf-8")
    told = yaml.safe_load(GOLDEN.read_text(encoding="utf-8"))

    assert sorted(found) == sorted(told)
    assert {name: kept for name, kept in found.items() if kept != told[name]} == {}
