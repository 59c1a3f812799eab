"""Clients that try again what they should not, or not what they should."""

import asyncio
from typing import Any

import httpx2

from conformance.testees.control import ClientError, ControlClient
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


class ReadsNoDates(ControlClient):
    """Obeys Retry-After in seconds alone."""

    def advised_s(self, response: httpx2.Response | None) -> float | None:
        told = response.headers.get("retry-after", "") if response is not None else ""
        return float(told) if told.isdecimal() else None


class GivesUpAfterTwo(ControlClient):
    """Tries twice."""

    attempts = 2


class DecidesByWords(ControlClient):
    """Looks into the message of an error for whether to try again."""

    words = ""

    async def error_of(self, response: httpx2.Response) -> ClientError:
        error = await super().error_of(response)
        self.words = str(error)
        return error

    def worth_another(self, status: int) -> bool:
        del status
        return "try again" in self.words


class FailsOnStrangeAdvice(ControlClient):
    """Fails on a Retry-After that it cannot read."""

    def advised_s(self, response: httpx2.Response | None) -> float | None:
        told = response.headers.get("retry-after") if response is not None else None
        if told is not None and super().advised_s(response) is None:
            raise ClientError("other", f"could not convert string to float: {told!r}")
        return super().advised_s(response)


class RetriesCreatesAlone(ControlClient):
    """Tries a create again, and nothing else."""

    def worth_another(self, status: int) -> bool:
        return self.call["operation"] == "interactions.create" and super().worth_another(status)


class TriesFailedStreamsAgain(ControlClient):
    """Makes the call again when an error event says that the service is overloaded."""

    async def attempt(self) -> Message:
        try:
            return await super().attempt()
        except ClientError as error:
            if error.code != "service_unavailable":
                raise
        return await super().attempt()
