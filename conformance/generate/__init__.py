"""Hypothesis strategies made from the contract: right requests, right and wrong values, whole streams."""

from conformance.generate.requests import requests
from conformance.generate.schemas import instances
from conformance.generate.streams import Streamed, events, interactions, streams
from conformance.generate.wrong import Wrong, wrong_instances

__all__ = [
    "Streamed",
    "Wrong",
    "events",
    "instances",
    "interactions",
    "requests",
    "streams",
    "wrong_instances",
]
