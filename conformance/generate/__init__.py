"""Hypothesis strategies made from the contract: right values, wrong values, whole streams."""

from conformance.generate.schemas import instances
from conformance.generate.streams import Streamed, streams
from conformance.generate.wrong import Wrong, wrong_instances

__all__ = ["Streamed", "Wrong", "instances", "streams", "wrong_instances"]
