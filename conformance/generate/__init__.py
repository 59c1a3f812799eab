"""Hypothesis strategies made from the contract: right and wrong requests, right and wrong values, whole streams."""

from conformance.generate.requests import requests
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
    "requests",
    "streams",
    "wrong_instances",
    "wrong_requests",
]
