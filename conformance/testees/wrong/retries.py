"""Clients that try again what they should not, or not what they should."""

import asyncio
from typing import Any

import httpx2

from conformance.testees.control import ControlClient
from conformance.testees.protocol import Message


class RetriesRefusals(ControlClient):
    """Tries again whatever was refused."""

    def worth_another(self, status: int) -> bool:
        return status >= 400


class NeverRetries(ControlClient):
    """Gives up at the first overload."""

    attempts = 1


class RetriesForEver(ControlClient):
    """Never gives up."""

    attempts = 1000
    first_wait_s = 0.01

    def wait_s(self, number: int, response: httpx2.Response | None) -> float:  # noqa: ARG002  always the same
        return 0.01


class IgnoresRetryAfter(ControlClient):
    """Waits as it likes."""

    def advised_s(self, response: httpx2.Response | None) -> float | None:  # noqa: ARG002  it is not read
        return None


class AsksAgainInMidStream(ControlClient):
    """Makes the call again when a stream breaks, and hands the beginning over twice."""

    async def attempt(self) -> Message:
        for _ in range(2):
            try:
                return await super().attempt()
            except httpx2.TransportError:
                await asyncio.sleep(0.01)
        return await super().attempt()


class ChangesTheRetry(ControlClient):
    """Sends something else the second time."""

    sent = 0

    def body(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.sent += 1
        return arguments if self.sent == 1 else {**arguments, "store": False}
