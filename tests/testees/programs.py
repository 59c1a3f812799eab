"""Drivers that behave badly, a few lines each, run as `python -c`; and what is left of them."""

import sys
import time
from pathlib import Path

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


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be forgotten does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def gone(pid: int) -> bool:
    """Whether a process ends soon: killing it takes a moment."""
    end = time.monotonic() + 3
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not alive(pid)


def left_over(mark: str) -> list[int]:
    """The processes with a variable MARK of this value in their environment."""
    wanted = f"MARK={mark}".encode()
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal() and alive(int(place.name)):
            try:
                environment = (place / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted in environment:
                found.append(int(place.name))
    return found
