"""Serves the answers of this folder again on loopback: the same bytes, cut and broken at the same places.

    python3 serve.py            until ctrl-C
    python3 serve.py --once     until the last answer is out

Python 3.8 or later and its standard library are all that it needs. `serve.json` beside it says how each
answer went out. Requests are answered in turn, whatever they ask for; the last answer holds for all that
follow. The turns of each key are counted by themselves, so a new key begins anew.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

HERE = Path(__file__).resolve().parent
LIMIT_S = 60.0
SETTLE_S = 0.2
UNHURRIED_S = 4.0
KEY = re.compile(r"(?i)^(?:x-goog-api-key: *|authorization: *bearer +)(\S+)", re.MULTILINE)
KEY_IN_URL = re.compile(r"[?&]key=([^&# ]+)")
Peer = socket.socket


class Turns:
    """Which answer comes next, by key; `over` is set when the last one is out."""

    def __init__(self, answers: List[Dict[str, Any]]) -> None:
        self.answers = answers
        self.over = threading.Event()
        self.last_s = 0.0
        self._lock = threading.Lock()
        self._given: Dict[str, int] = {}

    def next(self, key: str) -> int:
        """Give the number of the next answer."""
        with self._lock:
            number = self._given.get(key, 0)
            self._given[key] = number + 1
            self.last_s = time.monotonic()
            return min(number, len(self.answers) - 1)

    def done(self, number: int) -> None:
        """Take note that an answer is out."""
        self.last_s = time.monotonic()
        if number == len(self.answers) - 1:
            self.over.set()


def read_request(peer: Peer, before: bytes) -> Optional[Tuple[str, bytes, bytes]]:
    """Give head and body of a request, and what came after it; None when the client has left."""
    got = before
    while b"\r\n\r\n" not in got:
        more = peer.recv(65536)
        if not more:
            return None
        got += more
    first, _, got = got.partition(b"\r\n\r\n")
    head = first.decode("latin-1")
    if re.search(r"(?im)^expect: *100-continue", head):
        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if re.search(r"(?im)^transfer-encoding:.*chunked", head):
        return read_chunks(peer, head, got)
    length = re.search(r"(?im)^content-length: *(\d+)", head)
    wanted = int(length.group(1)) if length else 0
    while len(got) < wanted:
        more = peer.recv(65536)
        if not more:
            return None
        got += more
    return head, got[:wanted], got[wanted:]


def read_chunks(peer: Peer, head: str, got: bytes) -> Optional[Tuple[str, bytes, bytes]]:
    """Read the body of a request that comes in chunks."""
    body = b""
    while True:
        size, end, rest = got.partition(b"\r\n")
        length = int(size.split(b";")[0], 16) if end else -1
        if end and len(rest) >= length + 2:
            body, got = body + rest[:length], rest[length + 2 :]
            if length == 0:
                return head, body, got
            continue
        more = peer.recv(65536)
        if not more:
            return None
        got += more


def writes_of(answer: Dict[str, Any]) -> Iterator[bytes]:
    """Give what goes to the socket, write by write."""
    body = (HERE / answer["body"]).read_bytes()
    inner = range(1, len(body)) if answer["plan"] == "byte" else answer["cuts"]
    places = [0] + sorted({cut for cut in inner if 0 < cut < len(body)}) + [len(body)]
    pieces = [body[start:end] for start, end in zip(places, places[1:]) if end > start]
    if answer["chunked"]:
        pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    head, tail = answer["head"].encode("latin-1"), answer["tail"].encode("latin-1")
    if answer["plan"] == "whole":
        yield head + b"".join(pieces) + tail
        return
    yield head
    for piece in pieces:
        yield piece
    if tail:
        yield tail


def deliver(peer: Peer, answer: Dict[str, Any], pause_s: Optional[float]) -> bool:
    """Send an answer and end as it ended; say whether the connection lives on."""
    writes = list(writes_of(answer))
    if pause_s is None:
        apart = min(0.01, UNHURRIED_S / len(writes)) if answer["confirm"] else 0.0
        pause_s = max(apart, answer["pause_ms"] / 1000)
    out = 0
    try:
        for data in writes:
            peer.sendall(data)
            out += 1
            time.sleep(pause_s)
    except OSError:
        say("    the client has left after {} of {} writes".format(out, len(writes)))
        return False
    end = answer["end"]
    say("    {} writes, then {}".format(len(writes), ENDS[end]))
    if end == "keep":
        return True
    time.sleep(SETTLE_S)  # the client reads what was sent before it meets the end
    if end == "reset":
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    if end != "stall":
        peer.shutdown(socket.SHUT_WR)
    await_leave(peer, 5.0 if end == "close" else LIMIT_S)
    return False


ENDS = {
    "keep": "the connection stays open",
    "close": "the connection is closed",
    "half_close": "this side of the connection is closed",
    "reset": "the connection is reset",
    "stall": "nothing any more",
}


def await_leave(peer: Peer, limit_s: float) -> None:
    """Wait until the client closes its side."""
    peer.settimeout(limit_s)
    try:
        while peer.recv(65536):
            pass
    except OSError:
        return


def key_of(head: str) -> str:
    """Find the key of a request."""
    found = KEY.search(head) or KEY_IN_URL.search(head.split("\r\n", maxsplit=1)[0])
    return found.group(1) if found else ""


def show(head: str, body: bytes, key: str) -> None:
    """Print a request without its key."""
    text = head + ("\r\n\r\n" + body[:4000].decode("utf-8", "replace") if body else "")
    if key:
        # A short one, such as "k", is part of other words.
        whole = re.escape(key) if len(key) > 7 else rf"(?<!\w){re.escape(key)}(?!\w)"
        text = re.sub(whole, "(the key)", text)
    for line in text.splitlines():
        say("    " + "".join(char if char.isprintable() else "?" for char in line))


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def converse(peer: Peer, turns: Turns, pause_s: Optional[float]) -> None:
    """Answer the requests of one connection."""
    rest = b""
    with peer:
        peer.settimeout(LIMIT_S)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                request = read_request(peer, rest)
            except (OSError, ValueError):
                return
            if request is None:
                return
            head, body, rest = request
            key = key_of(head)
            number = turns.next(key)
            answer = turns.answers[number]
            say("request:")
            show(head, body, key)
            say("answer {} of {}: {}".format(number + 1, len(turns.answers), answer["head"].split("\r\n")[0]))
            lives = deliver(peer, answer, pause_s)
            turns.done(number)
            if not lives:
                return


def accept(listener: socket.socket, turns: Turns, pause_s: Optional[float]) -> None:
    """Give each connection a thread."""
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=converse, args=(peer, turns, pause_s), daemon=True).start()


def main() -> int:
    """Serve until it is over."""
    parser = argparse.ArgumentParser(description="Serve the answers of this folder again, byte for byte.")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--once", action="store_true", help="end when the last answer is out")
    parser.add_argument("--pause-ms", type=float, help="pause after each write; default: as it was")
    options = parser.parse_args()
    turns = Turns(json.loads((HERE / "serve.json").read_text(encoding="utf-8"))["answers"])
    pause_s = None if options.pause_ms is None else options.pause_ms / 1000
    with socket.create_server(("127.0.0.1", options.port)) as listener:
        say("URL http://127.0.0.1:{}".format(listener.getsockname()[1]))
        say("key test-key, or any other; a new key begins with the first answer again")
        threading.Thread(target=accept, args=(listener, turns, pause_s), daemon=True).start()
        try:
            while not (options.once and over(turns)):
                time.sleep(0.05)
            time.sleep(SETTLE_S)
        except KeyboardInterrupt:
            say("interrupted")
    return 0


def over(turns: Turns) -> bool:
    """Whether the last answer is out, or nobody has asked for it in half a minute."""
    return turns.over.is_set() or (turns.last_s > 0 and time.monotonic() - turns.last_s > LIMIT_S / 2)


if __name__ == "__main__":
    sys.exit(main())
