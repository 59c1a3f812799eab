"""Drivers that behave badly, a few lines each, run as `python -c`."""

import sys

READY = """
import json, os, sys, time
def say(**message):
    print(json.dumps(message), flush=True)
def ready(**more):
    say(**{"type": "ready", "protocol": 1, "name": "bad", "version": "1", "language": "python",
           "operations": ["interactions.create"], "capabilities": ["stream"], "max_in_flight": 4, **more})
def calls():
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "stop":
            return
        if message["type"] == "call":
            yield message["id"]
"""


def program(body: str) -> list[str]:
    """Give the command of a driver with this body."""
    return [sys.executable, "-c", READY + body]
