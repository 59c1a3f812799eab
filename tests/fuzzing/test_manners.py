"""An endpoint that is not ours is asked no more, and no faster, than was agreed."""

import pytest

from conformance.errors import TargetUnreachable
from conformance.fuzzing.manners import Mannered, Spent
from conformance.wire.exchange import Exchange, Request, Response

REQUEST = Request("POST", "http://127.0.0.1/v1beta/interactions", (), b"{}")


class Clock:
    """A clock that moves on when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class Endpoint:
    """Answers with the statuses it was given, one after the other, and then with 200."""

    url = "https://endpoint.example"
    key = "k"

    def __init__(self, *statuses: int, after: str | None = None) -> None:
        self._statuses = list(statuses)
        self._headers = (("Retry-After", after),) if after else ()

    def send(self, request: Request) -> Exchange:
        status = self._statuses.pop(0) if self._statuses else 200
        if status == 0:
            raise TargetUnreachable(self.url, "refuses the connection: nothing listens there")
        return Exchange(request, Response(status, self._headers if status != 200 else (), b"{}"))


def mannered(endpoint: Endpoint, clock: Clock, **limits: float) -> Mannered:
    return Mannered(endpoint, sleep=clock.sleep, now=clock.now, **limits)  # type: ignore[arg-type]


def test_no_more_requests_than_agreed() -> None:
    """The one that would be too many is not sent."""
    target = mannered(Endpoint(), Clock(), requests=3)
    for _ in range(3):
        target.send(REQUEST)
    with pytest.raises(Spent, match="the budget of 3 requests is spent") as spent:
        target.send(REQUEST)
    assert spent.value.enough
    assert target.sent == 3


def test_no_faster_than_agreed() -> None:
    """Two a second: the third goes out a second after the first."""
    clock = Clock()
    target = mannered(Endpoint(), clock, rate=2)
    for _ in range(3):
        target.send(REQUEST)
    assert clock.time == pytest.approx(1.0)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_endpoint_is_asked_again_when_it_says(status: int) -> None:
    """And its refusal is no answer to the request."""
    clock = Clock()
    target = mannered(Endpoint(status, status, after="7"), clock)
    assert target.send(REQUEST).response.status == 200  # type: ignore[union-attr]
    assert clock.slept == [7.0, 7.0]
    assert target.sent == 3


def test_an_endpoint_that_stays_busy_ends_the_run() -> None:
    """Nothing was learnt of it, and the run says so."""
    clock = Clock()
    with pytest.raises(Spent, match="the endpoint answers HTTP 429 and takes no more") as spent:
        mannered(Endpoint(*[429] * 9), clock).send(REQUEST)
    assert not spent.value.enough
    assert clock.slept == [1.0, 2.0, 4.0, 8.0]


def test_nobody_waits_beyond_the_end() -> None:
    """An hour's pause is not taken when a minute is left."""
    clock = Clock()
    with pytest.raises(Spent):
        mannered(Endpoint(503, after="3600"), clock, until=60.0).send(REQUEST)
    assert clock.slept == []


def test_an_endpoint_that_is_gone_ends_the_run() -> None:
    """One lost request is a finding, three that nobody listens for are not."""
    target = mannered(Endpoint(0, 0, 0), Clock())
    for _ in range(2):
        with pytest.raises(TargetUnreachable):
            target.send(REQUEST)
    with pytest.raises(Spent, match="nothing listens there"):
        target.send(REQUEST)
