"""The reference server: behaves as the documents say, with a rule in data for everything the model says.

    with serving(seed=7) as server:
        server.url                         # "http://127.0.0.1:PORT"

    Service(seed=7).answer(request)        # the same without a socket

    serving(cassettes=Path("cassettes"))   # recordings instead, to clients in any language

Read on in this order: `service` (what is offered), `asked` (what is refused), `model` with `answers.yaml`
(what is said), `interaction` (in which form), `background` (how it goes on), `connection` (how it gets out).
What tests can ask for, in a header or behind the API key, is in `control`: errors on demand (`misbehaving`),
delivery plans (`plans`) and faults (`faults`). `replay` serves cassettes.

Deterministic: the same requests with the same key and seed give the same bytes. It never imports the judge,
so that both cannot be wrong together.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.server.answer import Answer
    from conformance.server.connection import Limits
    from conformance.server.replay import Cassettes
    from conformance.server.running import ReferenceServer, serve, serving
    from conformance.server.service import Service

__all__ = ["Answer", "Cassettes", "Limits", "ReferenceServer", "Service", "serve", "serving"]

_HOMES = {
    "Answer": "answer",
    "Cassettes": "replay",
    "Limits": "connection",
    "ReferenceServer": "running",
    "Service": "service",
    "serve": "running",
    "serving": "running",
}


def __getattr__(name: str) -> Any:
    """Import late: the plugin names this package in every run of pytest, and asyncio is not free."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
