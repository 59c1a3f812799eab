"""Named ways in which a request can be wrong, and requests that are wrong so.

    wrong_requests(["no-input", "truncated-json"])
    WAYS[request.way].requirement, WAYS[request.way].statuses

Each way starts from a right request (`right`) and takes one step aside: against its shape (`shapes`),
against what its members say together (`rules`), against JSON (`letters`), or as a call (`calls`). Most are
data: a new one is an entry of a YAML file. All choices are hypothesis's, so that what is found is made small;
ask `holds` of the way whether the small one is still wrong.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.generate.ways.calls import call_ways
from conformance.generate.ways.letters import letter_ways
from conformance.generate.ways.rules import rule_ways
from conformance.generate.ways.shapes import shape_ways
from conformance.generate.ways.way import PREVIOUS, Way, WrongRequest

__all__ = ["PREVIOUS", "WAYS", "Way", "WrongRequest", "wrong_requests"]

WAYS: Mapping[str, Way] = MappingProxyType(
    {way.name: way for way in (*rule_ways(), *shape_ways(), *letter_ways(), *call_ways())}
)
"""Every way by its name."""


def wrong_requests(names: Collection[str] | None = None) -> SearchStrategy[WrongRequest]:
    """Draw requests that are wrong in one of the named ways, or in any that is not costly.

    Raises:
        KeyError: there is no such way.
    """
    chosen = (
        [way for way in WAYS.values() if not way.costly] if names is None else [WAYS[name] for name in names]
    )
    return st.sampled_from(chosen).flatmap(lambda way: way.draws().filter(way.holds))
