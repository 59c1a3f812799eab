"""What drawn requests cost, beside those of schemathesis's own engine from the same schema.

    python -m tests.generate.bench [--examples 2000] [--repeats 3] [--seeds 3]

schemathesis is no dependency of ours: `nox -s bench` installs it; without it the comparison is left out, and
said to be. Both run under `hypothesis.given` in this process, in turns; a figure is the best of some repeats.
Its engine is given the create request of our exported OpenAPI document, and is timed without the rest of a
test case. A request is right when a client may send it: the schemas, the judge of clients, and our reference
server agree; unknown members and words, which the schemas let pass as drift, are refused. How many examples it
takes to reach every point is the most of several seeds. A figure that misses its aim is marked, and the exit
code is 1.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy

from conformance import judge
from conformance.contract.coverage import Coverage, Sort, points
from conformance.contract.openapi import openapi_document
from conformance.contract.store import contract
from conformance.generate import requests
from conformance.generate.excluded import excluded
from conformance.server.service import Service
from conformance.wire.exchange import Exchange, Request, Response
from conformance.wire.trace import Trace
from tests.server.bench import told

NAME = "interactions/create_request"
URL = "https://generativelanguage.googleapis.com/v1beta/interactions"
HEADERS = (("content-type", "application/json"), ("x-goog-api-key", "test-key"))
FASTER = 1.5
MEMBERS = 15
MOST = 3000


@dataclass(frozen=True, slots=True)
class Drawn:
    """Some values of a strategy, and how many it gave a second."""

    values: list[Any]
    rate: float

    @property
    def members(self) -> float:
        """How many members of objects a value has in the mean."""
        return sum(map(members, self.values)) / len(self.values)

    @property
    def right(self) -> float:
        """How many in a hundred a client may send."""
        return 100 * sum(map(is_right, self.values)) / len(self.values)


def drawn(strategy: SearchStrategy[Any], number: int, first: int) -> Drawn:
    """Draw so many values."""
    values: list[Any] = []
    collect = _collecting(strategy, number, first, values.append)
    begun = time.perf_counter()
    collect()
    return Drawn(values, len(values) / (time.perf_counter() - begun))


def _collecting(
    strategy: SearchStrategy[Any], number: int, first: int, take: Callable[[Any], None]
) -> Callable[[], None]:
    effort = settings(
        max_examples=number, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )

    @seed(first)
    @effort
    @given(strategy)
    def collect(value: Any) -> None:
        take(value)

    return collect


def members(value: Any) -> int:
    """Count the members of all objects in a value."""
    match value:
        case dict():
            return len(value) + sum(map(members, value.values()))
        case list():
            return sum(map(members, value))
    return 0


def is_right(body: Any) -> bool:
    """Whether a client may send a body: by the schemas, by the judge of clients, by the reference server."""
    found = contract().validate(NAME, body)
    if found.problems or found.drift:
        return False
    request = Request("POST", URL, HEADERS, json.dumps(body).encode())
    answer = Service(seed=7).answer(request)
    if answer.status != 200:
        return False
    exchange = Exchange(request, Response(answer.status, answer.headers, b"".join(answer.writes)))
    return not judge(Trace.of([exchange]), parties=("client",)).findings


def needed(strategy: SearchStrategy[Any], first: int) -> tuple[float, int]:
    """Give how many examples reach every point that a right request has, and how many they leave.

    Infinite where `MOST` do not reach them all.
    """
    left: set[tuple[str, Sort, str]] = {
        (place, sort, name)
        for place, sorts in points((NAME,)).items()
        for sort, names in sorts.items()
        for name in names
        if not excluded(place, sort, name)
    }
    count, last = 0, float("inf")

    def take(body: Any) -> None:
        nonlocal count, last
        count += 1
        if not left:
            return
        coverage = Coverage.of(contract().validate(NAME, body).branches, (NAME,))
        for place, sorts in coverage.seen.items():
            for sort, names in sorts.items():
                left.difference_update((place, sort, name) for name in names)
        if not left:
            last = count

    _collecting(strategy, MOST, first, take)()
    return last, len(left)


def theirs() -> SearchStrategy[Any] | None:
    """Give schemathesis's strategy of the same body; None where it is not installed."""
    if find_spec("schemathesis") is None:
        return None
    import schemathesis
    from schemathesis import GenerationMode

    schema = schemathesis.openapi.from_dict(openapi_document())
    operation = schema["/interactions"]["POST"]
    config = operation.schema.config.generation_for(operation=operation)
    (body,) = operation.body
    strategy: SearchStrategy[Any] = body.get_strategy(operation, config, GenerationMode.POSITIVE)
    return strategy.map(lambda found: getattr(found, "value", found))


def main() -> int:
    """Measure and print; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rival = theirs()
    ours, others = [], []
    for repeat in range(options.repeats):
        ours.append(drawn(requests(), options.examples, repeat))
        if rival is not None:
            others.append(drawn(rival, options.examples // 4, repeat))
    best = max(ours, key=lambda found: found.rate)
    other = max(others, key=lambda found: found.rate, default=None)
    if other is None:
        print(f"schemathesis is not installed: {best.rate:.0f} requests a second, compared with nothing")  # noqa: T201
    met = [
        other is None or told("requests", best.rate, "1/s", FASTER * other.rate, least=True),
        told("members of a request, in the mean", best.members, "", MEMBERS, least=True),
        told("right before filtering", best.right, "%", 98, least=True),
    ]
    reached = [needed(requests(), first) for first in range(options.seeds)]
    met.append(told("requests until every point is reached", max(reached)[0], "", MOST))
    if other is None or rival is None:
        return 0 if all(met) else 1
    count, left = needed(rival, 0)
    print(f"schemathesis: requests                {other.rate:9.2f} 1/s")  # noqa: T201
    print(f"schemathesis: members of a request    {other.members:9.2f}")  # noqa: T201
    print(f"schemathesis: right before filtering  {other.right:9.2f} %")  # noqa: T201
    print(f"schemathesis: requests until all      {count:9.0f}, {left} points left after {MOST}")  # noqa: T201
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
