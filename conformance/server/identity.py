"""Ids, signatures and times of an interaction, all made from the seed.

    mine = Identity(seed=7, account=account_of("key"), number=3)
    mine.id(first=mine.own), mine.call(0), mine.signature("thought"), mine.time

Forms as recorded: an interaction's id is `v1_` and the unpadded base64url of two length-prefixed names, that
of the first turn of its chain and its own; a call's is eight lower-case letters and digits; a signature is
padded base64. The clock starts at a fixed instant and goes on by a second an interaction.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["Identity", "account_of"]

_START = datetime(2026, 10, 1, tzinfo=UTC)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_NAME_BYTES = 17
_SIGNATURE_BYTES = 96


def account_of(key: str) -> str:
    """Give the account that an API key belongs to: a digest, so that no key is kept or shown."""
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an interaction is: the `number`-th that its account made on a server with this seed."""

    seed: int
    account: str
    number: int

    @property
    def own(self) -> str:
        """Its own name within its id, 23 characters."""
        return base64.urlsafe_b64encode(self._bytes("name", _NAME_BYTES)).decode().rstrip("=")

    def id(self, first: str) -> str:
        """Give its id in a chain whose first turn has the name `first`."""
        names = b"".join(
            bytes((tag, len(name))) + name.encode() for tag, name in ((10, first), (18, self.own))
        )
        return "v1_" + base64.urlsafe_b64encode(names).decode().rstrip("=")

    def call(self, position: int) -> str:
        """Give the id of its call at a position."""
        return "".join(_ALPHABET[byte % 36] for byte in self._bytes(f"call {position}", 8))

    def signature(self, of: str) -> str:
        """Give the signature of one of its steps."""
        return base64.b64encode(self._bytes(f"signature {of}", _SIGNATURE_BYTES)).decode()

    @property
    def time(self) -> str:
        """When it was made: RFC 3339, whole seconds."""
        return (_START + timedelta(seconds=self.number)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _bytes(self, purpose: str, size: int) -> bytes:
        told = f"{self.seed}\n{self.account}\n{self.number}\n{purpose}"
        return hashlib.shake_256(told.encode()).digest(size)
