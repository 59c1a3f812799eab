"""The bundled drivers of clients that people use, by name.

    command_of("google-genai")        # the command that starts its driver

Each is a small program that speaks the driver protocol and calls the client as its own documentation does.
It judges nothing, has no code for any case, and hands over what the client's user sees, faults included. The
client itself is not bundled: one in Python is taken from the environment of the harness, one of npm from the
folder in which the driver is started.
"""

import shlex
import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from conformance.errors import DriverUnknown

__all__ = ["NAMES", "command_of", "needed"]

_FOLDER = Path(__file__).parent
_PYTHON = {
    "google-genai": ["conformance.testees.drivers.google_genai"],
    "google-genai-sync": ["conformance.testees.drivers.google_genai", "--sync"],
    "litellm": ["conformance.testees.drivers.litellm_interactions"],
    "control": ["conformance.testees.control"],
}
_NODE = {"@google/genai": "google_genai.mjs", "@ai-sdk/google": "ai_sdk_google.mjs"}

NAMES = (*_PYTHON, *_NODE)


def command_of(name: str) -> list[str]:
    """Give the command that starts a driver.

    Raises:
        DriverUnknown: there is none of this name.
    """
    if name in _PYTHON:
        return [sys.executable, "-m", *_PYTHON[name]]
    if name in _NODE:
        return ["node", "--expose-gc", str(_FOLDER / _NODE[name])]
    raise DriverUnknown(name, NAMES, next(iter(get_close_matches(name, NAMES, 1, 0.5)), ""))


def needed(module: str, package: str) -> Any:
    """Import the client that a driver drives, or end the program with what there is to do."""
    try:
        return import_module(module)
    except ImportError as error:
        sys.exit(
            f"{package} cannot be imported ({error}); "
            f"install it beside gemini-conformance: pip install {shlex.quote(package)}"
        )
