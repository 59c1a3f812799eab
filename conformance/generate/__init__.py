"""Hypothesis strategies made from the contract: right values, wrong values, wrong requests, whole streams."""

from conformance.generate.schemas import instances
from conformance.generate.streams import Streamed, streams
from conformance.generate.ways import WAYS, Way, WrongRequest, wrong_requests
from conformance.generate.wrong import Wrong, wrong_instances

__all__ = [
    "WAYS",
    "Streamed",
    "Way",
    "Wrong",
    "WrongRequest",
    "instances",
    "streams",
    "wrong_instances",
    "wrong_requests",
]
