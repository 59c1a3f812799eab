"""Real clients against the reference server: what they say must be what the server said.

    python -m tests.clients.run --client google-genai
    python -m tests.clients.run --client @google/genai --folder FOLDER

A script of this folder holds the conversations with the client, each with an API key of its own, and prints
a line of JSON for each. What the client sent is what the server received. A conversation that fails is a
finding (exit code 1), unless `known.yaml` knows it as the client's own fault and the bytes show it. Findings
too: an entry there whose fault is gone, and a conversation of the quickstart that was not held.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from packaging.specifiers import SpecifierSet

from conformance.server import Answer, ReferenceServer, serving
from conformance.wire.exchange import Request
from tests.server.questions import CLOCK, SEARCH
from tests.server.talking import Talk, calls_of, text_of

HERE = Path(__file__).parent
QUICKSTART = ("text", "stream", "turns", "search", "function")
CLIENTS = {
    "google-genai": [sys.executable, "google_genai.py"],
    "litellm": [sys.executable, "litellm_interactions.py"],
    "@google/genai": ["node", "google_genai.mjs", "@google/genai"],
    "@google/genai-2": ["node", "google_genai.mjs", "@google/genai-2"],
    "@ai-sdk/google": ["node", "ai_sdk_google.mjs", "@ai-sdk/google", "ai"],
    "@ai-sdk/google-3": ["node", "ai_sdk_google.mjs", "@ai-sdk/google-3", "ai-6"],
}
# litellm would fetch its price list from the network.
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a client that we know; the fields are explained in `known.yaml`."""

    client: str
    versions: str
    conversation: str
    reason: str
    bytes: list[str]

    def fits(self, told: dict[str, Any]) -> bool:
        """Whether it is about this conversation of this client."""
        same = (self.client, self.conversation) == (told["client"], told["conversation"])
        return same and told["version"] in SpecifierSet(self.versions)


def expected() -> dict[str, str]:
    """What the reference server says in each conversation, asked without a socket."""
    talk = Talk()
    short = text_of(talk.ask(input="Explain how AI works in a few words"))
    long = text_of(talk.ask(input="Explain how AI works in detail"))
    hello = text_of(talk.ask(input="Hello"))
    dogs = talk.ask(input="I have 2 dogs in my house.")["id"]
    paws = text_of(talk.ask(input="How many paws are in my house?", previous_interaction_id=dogs))
    spain = text_of(talk.ask(input="Who won the euro 2024?", tools=[SEARCH]))
    first = talk.ask(input="What's the temperature in London?", tools=[CLOCK])
    [call] = calls_of(first)
    told = [{"type": "text", "text": '{"temperature":"15C"}'}]
    result = {"type": "function_result", "name": call["name"], "call_id": call["id"], "result": told}
    warm = text_of(talk.ask(input=[result], tools=[CLOCK], previous_interaction_id=first["id"]))
    quickstart = {"text": short, "stream": long, "turns": paws, "search": spain, "function": warm}
    answered = dict.fromkeys(("get", "background", "agent", "retry"), hello)
    return {**quickstart, **answered, "resume": long, "delete": "404", "cancel": "cancelled"}


@contextmanager
def witnessed(server: ReferenceServer) -> Iterator[dict[str, str]]:
    """What goes over the wire, by the conversation that the API key names."""
    wire: dict[str, str] = defaultdict(str)
    answer = server.service.answer

    def listen(request: Request) -> Answer:
        got = answer(request)
        key = dict(request.headers or ()).get("x-goog-api-key", "").partition("#")[0]
        sent = f"{request.method} {request.url}\n{request.body.decode()}\n"
        wire[key.rpartition("-")[2]] += f"{sent}{got.status} {got.body.decode()}\n"
        return got

    with patch.object(server.service, "answer", listen):
        yield wire


def held(command: list[str], folder: Path, url: str) -> list[dict[str, Any]]:
    """Run a script; give its lines. What the client itself prints goes to stderr.

    Raises:
        CalledProcessError: the script crashed.
    """
    environment = {**os.environ, **OFFLINE, "CLIENT_BASE_URL": url, "CLIENT_API_KEY": "client"}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True
    )
    lines = done.stdout.splitlines()
    told = [line for line in lines if line.startswith('{"client"')]
    print(*(line for line in lines if line not in told), sep="\n", file=sys.stderr)  # noqa: T201
    return [json.loads(line) for line in told]


def not_held(lines: list[dict[str, Any]]) -> list[str]:
    """The conversations of the quickstart that are missing, of each client that a script speaks for."""
    done = {(told["client"], told["conversation"]) for told in lines}
    wanted = [(client, name) for client in sorted({client for client, _ in done}) for name in QUICKSTART]
    return [f"{client}: '{name}' was not held" for client, name in wanted if (client, name) not in done]


def outcome(told: dict[str, Any], says: str, faults: list[Fault], wire: dict[str, str]) -> tuple[str, str]:
    """Judge one conversation: pass, known or fail, and what there is to say."""
    well = told["ok"] and told["said"] == says
    known = [fault for fault in faults if fault.fits(told)]
    if well and known:
        return "fail", f"known.yaml: the fault is gone, delete the entry: {known[0].reason}"
    if well:
        return "pass", told["said"]
    for fault in known:
        if all(part in wire[fault.conversation] for part in fault.bytes):
            return "known", fault.reason
    return "fail", told.get("error") or f"said {told['said']!r}, expected {says!r}"


def prepared(command: list[str], folder: Path) -> Path:
    """Give the folder to run in; for Node, one with the packages installed."""
    if command[0] != "node":
        return HERE
    for path in [HERE / "package.json", *HERE.glob("*.mjs")]:
        shutil.copy(path, folder)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
    return folder


def main() -> int:
    """Hold the conversations with one client and print how they went."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--client", required=True, choices=CLIENTS)
    parser.add_argument("--folder", type=Path, help="where npm packages go; default: one that is deleted")
    options = parser.parse_args()
    faults = [Fault(**one) for one in yaml.safe_load((HERE / "known.yaml").read_text(encoding="utf-8"))]
    says, command = expected(), CLIENTS[options.client]
    with tempfile.TemporaryDirectory() as made, serving(seed=7) as server, witnessed(server) as wire:
        lines = held(command, prepared(command, options.folder or Path(made)), server.url)
    judged = [(told, *outcome(told, says[told["conversation"]], faults, wire)) for told in lines]
    missing = not_held(lines) if lines else [f"{options.client}: no conversation was held"]
    for told, how, what in judged:
        who = f"{told['client']:18} {told['version']:8} {told['conversation']:10}"
        print(f"{who} {how:6} {' '.join(what.split())[:200]}")  # noqa: T201
    failed = len(missing) + sum(how == "fail" for _, how, _ in judged)
    print(*missing, f"{len(lines)} conversations, {failed} failed", sep="\n")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
