"""Continuation: the token of an answer that stopped at the limit of one request, and goes on in the next.

    continuation = Continuation(seed, account, steps)
    token = continuation.token(hop=1)
    continuation.read(token)              # 1; None when the token is of another conversation

The protocol (google-genai 3.4, October 2026): the answer has the status `requires_continuation` and a
`continuation_token`. The next request repeats the body with the token; where interactions are stored it names
the one that issued the token in `previous_interaction_id` and has no `input`, else it repeats the `input`.
Which answers stop is a rule in `answers.yaml` (`parts`).

The token holds the number of the hop and a digest of the seed, the account and the last question, so nothing
needs to be kept for a client that stores nothing.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Continuation"]

_DIGEST_BYTES = 23


@dataclass(frozen=True, slots=True)
class Continuation:
    """The answers to one conversation, as far as tokens are concerned."""

    seed: int
    account: str
    steps: Sequence[Mapping[str, Any]]

    def token(self, hop: int) -> str:
        """Give the token with which request number `hop` continues, from 1."""
        return base64.b64encode(bytes((hop,)) + self._digest(hop)).decode()

    def read(self, token: str) -> int | None:
        """Give the hop of a token that is ours."""
        try:
            told = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(told) != _DIGEST_BYTES + 1 or told[0] == 0 or told[1:] != self._digest(told[0]):
            return None
        return told[0]

    def _digest(self, hop: int) -> bytes:
        question = next(
            (str(step.get("content")) for step in reversed(self.steps) if step.get("type") == "user_input"),
            "",
        )
        told = f"{self.seed}\n{self.account}\n{hop}\n{question}"
        return hashlib.blake2b(told.encode(), digest_size=_DIGEST_BYTES).digest()
