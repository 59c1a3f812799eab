"""One part of a run: the parts are disjoint, together whole, alike, and the same on every machine."""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.shards import Shard, read_shard

WEIGHTS = st.dictionaries(st.text(max_size=5), st.integers(1, 30), max_size=40)


@given(weights=WEIGHTS, parts=st.integers(1, 50), order=st.randoms())
def test_every_item_falls_to_exactly_one_part(weights: dict[str, int], parts: int, order: object) -> None:
    """In whatever order the items are found."""
    names = list(weights)
    order.shuffle(names)  # type: ignore[attr-defined]
    shuffled = {name: weights[name] for name in names}
    dealt = [Shard(part, parts).takes(weights) for part in range(1, parts + 1)]
    assert [Shard(part, parts).takes(shuffled) for part in range(1, parts + 1)] == dealt
    assert sorted(name for part in dealt for name in part) == sorted(weights)


@given(weights=WEIGHTS.filter(bool), parts=st.integers(1, 10))
def test_no_part_has_more_than_the_heaviest_item_too_much(weights: dict[str, int], parts: int) -> None:
    """Of the calls; of items that weigh the same, one at most."""
    loads = [sum(weights[name] for name in Shard(part, parts).takes(weights)) for part in range(1, parts + 1)]
    assert max(loads) - min(loads) <= max(weights.values())


def test_a_part_is_read_as_it_is_written() -> None:
    assert [str(read_shard(text)) for text in ("1/1", "2/5", "5/5")] == ["1/1", "2/5", "5/5"]


@pytest.mark.parametrize(
    "text", ["0/5", "6/5", "1/0", "a/b", "2", "2/", "/5", "-1/5", "2/5/6", " 2/5", "2/٥", ""]
)
def test_what_is_no_part_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"part"):
        read_shard(text)
