"""Clients that are wrong in exactly one way each: what the cases are tried on.

    python -m conformance.testees.wrong splits-lines-per-chunk

A case that no wrong client fails has shown nothing. Each class is the control client with one decision made
wrongly; its docstring says which. To add one is to add a class to the module of its theme.
"""

from types import ModuleType

from conformance.testees.control import ControlClient
from conformance.testees.wrong import choices, delivery, errors, framing, requests, retries, strictness

__all__ = ["WRONG"]


def _name(of: type[ControlClient]) -> str:
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in of.__name__).strip("-")


def _clients_of(module: ModuleType) -> list[type[ControlClient]]:
    """Give the clients that a module defines; those with an underscore are parts of others."""
    return [
        found
        for name, found in vars(module).items()
        if isinstance(found, type) and issubclass(found, ControlClient)
        if found.__module__ == module.__name__ and not name.startswith("_")
    ]


WRONG: dict[str, type[ControlClient]] = {
    _name(client): client
    for module in (framing, errors, retries, requests, delivery, strictness, choices)
    for client in _clients_of(module)
}
"""Every wrong client by its name."""
