"""What the tests of the reference server share: a client of a few lines.

`Talk` asks a service without a socket; `connect` opens one.
"""

import json
import socket
from typing import Any

from conformance.server import Answer, ReferenceServer, Service
from conformance.wire.exchange import Headers, Request
from conformance.wire.sse import Decoder

KEY: Headers = (("x-goog-api-key", "a-key"),)
PATH = "/v1beta/interactions"


class Talk:
    """Asks one service, as one account."""

    def __init__(self, seed: int = 7, key: str = "a-key", service: Service | None = None) -> None:
        self.service = service or Service(seed)
        self.headers: Headers = (("x-goog-api-key", key),)

    def send(self, method: str, path: str, body: bytes = b"", headers: Headers | None = None) -> Answer:
        """Send any request."""
        return self.service.answer(Request(method, path, self.headers if headers is None else headers, body))

    def create(self, **body: Any) -> Answer:
        """Create an interaction; the model is gemini-3.5-flash unless the body names one or an agent."""
        if "agent" not in body:
            body = {"model": "gemini-3.5-flash", **body}
        return self.send("POST", PATH, json.dumps(body).encode())

    def ask(self, **body: Any) -> dict[str, Any]:
        """Create an interaction that must be answered, and read it."""
        answer = self.create(**body)
        assert answer.status == 200, answer.body
        return dict(json.loads(answer.body))

    def events(self, **body: Any) -> list[dict[str, Any]]:
        """Create a stream and read its events, without the `[DONE]` frame."""
        return events_of(self.create(**body, stream=True).body)

    def refusal(self, **body: Any) -> tuple[int, str, str]:
        """Create an interaction that must be refused: status, code, message."""
        return refusal_of(self.create(**body))


def events_of(body: bytes) -> list[dict[str, Any]]:
    """Read the events of a stream, without the `[DONE]` frame."""
    frames = [*Decoder().feed(body)]
    return [json.loads(frame.data) for frame in frames if frame.data not in (None, "[DONE]")]


def refusal_of(answer: Answer) -> tuple[int, str, str]:
    """Read an error in the envelope of the Interactions API."""
    error = json.loads(answer.body)["error"]
    assert list(error) == ["message", "code"]
    return answer.status, error["code"], error["message"]


def json_of(answer: Answer) -> dict[str, Any]:
    """Read an answer that is an object."""
    assert answer.status == 200, answer.body
    return dict(json.loads(answer.body))


def text_of(interaction: dict[str, Any]) -> str:
    """Join the text of an interaction."""
    steps = interaction.get("steps", [])
    blocks = (b for step in steps if step["type"] == "model_output" for b in step["content"])
    return "".join(block.get("text", "") for block in blocks)


def calls_of(interaction: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the function calls of an interaction."""
    return [step for step in interaction["steps"] if step["type"] == "function_call"]


def request_bytes(body: bytes, *more: str) -> bytes:
    """Write a create request."""
    head = ["POST /v1beta/interactions HTTP/1.1", "Host: here", "x-goog-api-key: a-key", *more]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


def read_until(peer: socket.socket, end: bytes) -> bytes:
    """Read from a socket up to some bytes, or to its end."""
    got = b""
    while end not in got:
        more = peer.recv(65536)
        if not more:
            break
        got += more
    return got


def connect(server: ReferenceServer) -> socket.socket:
    """Open a connection to a server."""
    return socket.create_connection((server.host, server.port), timeout=5)
