"""Hypothesis strategies made from the contract: right requests, right and wrong values, whole streams."""

from conformance.generate.illegal import EDGES, Edge, Illegal, illegal_streams
from conformance.generate.requests import requests
from conformance.generate.schemas import instances
from conformance.generate.streams import Streamed, streams
from conformance.generate.wrong import Wrong, wrong_instances

__all__ = [
    "EDGES",
    "Edge",
    "Illegal",
    "Streamed",
    "Wrong",
    "illegal_streams",
    "instances",
    "requests",
    "streams",
    "wrong_instances",
]
