"""A run that several machines share: which part of it falls to one of them.

    read_shard("2/5").takes({"interactions/text[embedded]": 1, "interactions/turns[embedded]": 3})

Each machine plays one part, and nobody tells it what the others play: the same names and weights are always
dealt in the same way, whatever their order, so that the parts are disjoint and together whole. The heaviest
go first, each to the part that has least, which keeps the parts alike.
"""

import argparse
import heapq
import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Shard", "read_shard"]

_FORM = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a run, from 1, of so many."""

    part: int
    parts: int

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    def takes(self, weights: Mapping[str, int]) -> frozenset[str]:
        """Give the names that fall to this part. Weights, here calls to be made, are 1 at least."""
        loads = [(0, part) for part in range(1, min(self.parts, len(weights)) + 1)]
        mine = []
        for name, weight in sorted(weights.items(), key=lambda one: (-one[1], one[0])):
            load, part = loads[0]
            heapq.heapreplace(loads, (load + weight, part))
            if part == self.part:
                mine.append(name)
        return frozenset(mine)


def read_shard(text: str) -> Shard:
    """Read "2/5".

    Raises:
        argparse.ArgumentTypeError: it is no such thing, or there is no such part.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no part of a run; the second of five is 2/5")
    shard = Shard(int(found[1]), int(found[2]))
    if not 1 <= shard.part <= shard.parts:
        raise argparse.ArgumentTypeError(f"there is no part {shard}; the parts are 1/N to N/N")
    return shard
