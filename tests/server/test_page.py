"""The examples of the README's chapter on `serve` run as written, but for the port."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.server import ReferenceServer, serving

ROOT = Path(__file__).parent.parent.parent


def shown(language: str, server: ReferenceServer) -> list[str]:
    """The examples in one language, with the port of this server."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    chapter = page.partition("### An offline endpoint\n")[2].partition("\n### ")[0]
    found = re.findall(rf"^```{language}\n(.*?)^```", chapter, re.MULTILINE | re.DOTALL)
    return [example.replace("http://127.0.0.1:8000", server.url) for example in found]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_examples() -> None:
    """An answer; 503 once, then 200; a stream that ends after four events."""
    with serving() as server:
        starts, asks, faults = shown("sh", server)
        told = [
            subprocess.run(["sh", "-c", example], capture_output=True, text=True, check=False)
            for example in (asks, faults, faults)
        ]
    assert starts.startswith("gemini-conformance serve")
    assert "AI finds patterns" in told[0].stdout
    first, _, cut = told[1].stdout.partition("event: ")
    assert '"code":"service_unavailable"' in first
    assert "event: " + cut == "".join(part + "\n\n" for part in ("event: " + cut).split("\n\n")[:4])
    assert "Connection reset" in told[1].stderr
    assert told[2].stdout.startswith('{"id":')


def test_the_python_example() -> None:
    """With the SDK of the tests."""
    pytest.importorskip("google.genai", reason="google-genai is not installed")
    with serving() as server:
        [example] = shown("py", server)
        told = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", example], capture_output=True, text=True, check=True
        )
    assert told.stdout == "Hello! How can I help you today?\n"
