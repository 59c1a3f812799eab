"""Hypothesis strategies made from the contract: right and wrong requests, values and streams."""

from conformance.generate.illegal import EDGES, Edge, Illegal, illegal_streams
from conformance.generate.requests import requests
from conformance.generate.schemas import instances
from conformance.generate.streams import Streamed, events, interactions, streams
from conformance.generate.ways import WAYS, Way, WrongRequest, wrong_requests
from conformance.generate.wrong import Wrong, wrong_instances

__all__ = [
    "EDGES",
    "WAYS",
    "Edge",
    "Illegal",
    "Streamed",
    "Way",
    "Wrong",
    "WrongRequest",
    "events",
    "illegal_streams",
    "instances",
    "interactions",
    "requests",
    "streams",
    "wrong_instances",
    "wrong_requests",
]
