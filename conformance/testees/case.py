"""Client cases: what a server answers, which call is made, and what must come of it, as data.

    for case in read_cases():
        case.id, case.judges, case.replies, case.expect

One YAML file a family in the folder `cases`; its README shows a full case. `streams.yaml` there holds the
events that several cases send. Whatever can be wrong with a case is found here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from conformance.contract.places import folder
from conformance.contract.registry import registry
from conformance.errors import CaseBroken

__all__ = ["CASES", "Case", "Expectation", "Framing", "Reply", "case_files", "read_cases"]

CASES = Path(__file__).parent / "cases"
TIMEOUT_MS = 30_000
"""How long a call may take where the case does not say: a client that reads byte by byte takes its time."""
_STREAMS = "streams.yaml"
_CALL = {"model": "gemini-3.5-flash", "input": "Hello"}


@dataclass(frozen=True, slots=True)
class Framing:
    """How the events of a stream are written; by default as the service does.

    before, after: lines around the data line of each block.
    between: what stands between two blocks.
    event: the event line: "own", "none", or another name for all.
    spread: the payload goes over several data lines.
    space: what stands between `data:` and the payload; before `[DONE]`, which is no JSON, one letter of it.
    done: whether `[DONE]` follows.
    tail: what follows at the end.
    padding: so many letters follow in the text of each text delta.
    times: each text delta is sent so often.
    """

    line_end: str = "\n"
    mark: bool = False
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    between: str = ""
    event: str = "own"
    space: str = " "
    spread: bool = False
    done: bool = True
    tail: str = ""
    padding: int = 0
    times: int = 1

    def written(self, events: Iterable[Mapping[str, Any]]) -> list[bytes]:
        """Write events, one block each."""
        blocks = [self._block(told) for event in events for told in self._grown(event)]
        if self.done:
            blocks.append(["event: done", f"data:{self.space[:1]}[DONE]"])
        told = [self.between + self.line_end.join([*lines, "", ""]) for lines in blocks]
        if self.mark and told:
            told[0] = "\ufeff" + told[0]
        return [block.encode() for block in [*told, *([self.tail] if self.tail else [])]]

    def _grown(self, event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Make a text delta longer and send it more often, where that is asked for."""
        match event:
            case {"delta": {"type": "text", "text": str(text)} as delta}:
                return [{**event, "delta": {**delta, "text": text + "x" * self.padding}}] * self.times
        return [event]

    def _block(self, event: Mapping[str, Any]) -> list[str]:
        payload = json.dumps(event, ensure_ascii=False, indent=1 if self.spread else None)
        lines = [f"data:{self.space}{line}" for line in payload.split("\n")]
        names = {"own": [f"event: {event.get('event_type')}"], "none": []}
        return [*names.get(self.event, [f"event: {self.event}"]), *self.before, *lines, *self.after]


@dataclass(frozen=True, slots=True)
class Reply:
    """What our server answers to one request; with nothing of this, what the reference server answers.

    events: the events of a stream.
    body: the text of the answer.
    control: the test control: how the answer breaks, and how its bytes get out (see `server.control`).
    cut_in: texts within which the body is cut, at every place between two of their bytes.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] | None = None
    framing: Framing = Framing()
    body: str | None = None
    control: Mapping[str, Any] = field(default_factory=dict)
    cut_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come of a call; None where nothing is expected.

    ending: end, error, or any.
    events: sent (all, in order), known (those that the contract knows), prefix (the first, in order), any.
    error: status, code, says, kinds.
    text, calls: what the convenience of the client gives. usage: that it is the one that was sent.
    requests: how many, from and to. same: that all have the same body.
    waits_s: how long at least before the second request.
    closes: that the connection of the call is closed.
    sends: that the request holds the arguments of the call.
    """

    ending: str = "end"
    events: str = "any"
    least: int = 0
    error: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    calls: tuple[Mapping[str, Any], ...] | None = None
    usage: bool = False
    requests: tuple[int, int] = (1, 1)
    same: bool = False
    waits_s: float = 0.0
    closes: bool = False
    sends: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    judges: the requirement that it is about.
    harm: "data loss", "false success" or "leak" where a client that fails it does one of these.
    catches: wrong clients that fail it.
    needs: the capabilities without which it makes no sense.
    prepare: the body of a create that is made for it beforehand; `<id>` and `<event N>` are its.
    cuts: so many calls more are made, the answer to each cut at random (see `cutting`).
    """

    id: str
    title: str
    judges: str
    catches: tuple[str, ...]
    needs: frozenset[str]
    operation: str
    stream: bool
    arguments: Mapping[str, Any]
    replies: tuple[Reply, ...]
    expect: Expectation
    harm: str = ""
    prepare: Mapping[str, Any] | None = None
    timeout_ms: int = TIMEOUT_MS
    retries: str = "off"
    cancel: Mapping[str, int] | None = None
    cuts: int = 0

    @property
    def family(self) -> str:
        """The file that it stands in."""
        return self.id.partition("/")[0]


def case_files(place: Path = CASES) -> list[Path]:
    """Give the files of cases in a folder."""
    return [path for path in sorted(place.glob("*.yaml")) if path.name != _STREAMS]


@cache
def read_cases(place: Path = CASES) -> tuple[Case, ...]:
    """Read every case below a folder, in the order of files and lines.

    Raises:
        CaseBroken: a file is not YAML or breaks the schema, or a case names what does not exist.
    """
    streams = _parsed(place / _STREAMS)["streams"] if (place / _STREAMS).exists() else {}
    cases: dict[str, Case] = {}
    for path in case_files(place):
        for case in _cases(path, streams):
            if case.id in cases:
                raise CaseBroken(str(path), case.id, "two cases have this name")
            cases[case.id] = case
    return tuple(cases.values())


def _parsed(path: Path) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506  both loaders are safe
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise CaseBroken(str(path), "", f"not YAML: {str(error).splitlines()[0]}") from None
    from jsonschema.exceptions import best_match

    problem = best_match(_validator().iter_errors(data))
    if problem is not None:
        at = "/".join(map(str, problem.absolute_path))
        raise CaseBroken(str(path), at, problem.message[:200])
    return data


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(
        json.loads((folder("schemas") / "harness" / "client_cases.json").read_bytes())
    )


def _cases(path: Path, streams: Mapping[str, Any]) -> Iterator[Case]:
    for entry in _parsed(path)["cases"]:
        name = f"{path.stem}/{entry['name']}"
        requirement = registry().get(entry["judges"])
        if requirement is None:
            raise CaseBroken(str(path), name, f"there is no requirement {entry['judges']}")
        if requirement.party == "server":
            raise CaseBroken(str(path), name, f"{entry['judges']} is about servers")
        if "cuts" in entry and any("events" not in told for told in entry.get("replies", [{}])):
            raise CaseBroken(str(path), name, "random cuts need replies that have events")
        yield _case(path, name, entry, streams)


def _case(path: Path, name: str, entry: Mapping[str, Any], streams: Mapping[str, Any]) -> Case:
    call = entry.get("call", {})
    stream = call.get("stream", False)
    operation = call.get("operation", "create")
    expect = _expectation(entry.get("expect", {}))
    needs = {
        *entry.get("needs", ()),
        *(["stream"] if stream else []),
        *(["cancel"] if "cancel" in call else []),
    }
    if call.get("retries") == "default":
        needs.add("retries")
    return Case(
        id=name,
        title=entry["title"],
        judges=entry["judges"],
        catches=tuple(entry.get("catches", ())),
        needs=frozenset(needs),
        operation=operation,
        stream=stream,
        arguments={**(_CALL if operation == "create" else {}), **call.get("arguments", {})},
        replies=tuple(_reply(path, name, told, streams) for told in entry.get("replies", [{}])),
        expect=expect,
        harm=entry.get("harm", ""),
        prepare=entry.get("prepare"),
        timeout_ms=call.get("timeout_ms", TIMEOUT_MS),
        retries=call.get("retries", "off"),
        cancel=call.get("cancel"),
        cuts=entry.get("cuts", {}).get("calls", 0),
    )


def _reply(path: Path, name: str, told: Mapping[str, Any], streams: Mapping[str, Any]) -> Reply:
    events = told.get("events")
    if isinstance(events, str):
        if events not in streams:
            raise CaseBroken(str(path), name, f"streams.yaml has no stream {events!r}")
        events = streams[events]
    body = told.get("body")
    if "json" in told:
        body = json.dumps(told["json"], ensure_ascii=False)
    content_type = {"content-type": "application/json"} if "json" in told else {}
    framing: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in told.get("framing", {}).items()
    }
    return Reply(
        status=told.get("status", 200),
        headers={**content_type, **told.get("headers", {})},
        events=None if events is None else tuple(events[: told.get("first", len(events))]),
        framing=Framing(**framing),
        body=body,
        control=told.get("control", {}),
        cut_in=tuple(told.get("cut_in", ())),
    )


def _expectation(told: Mapping[str, Any]) -> Expectation:
    rest = dict(told)
    requests = rest.pop("requests", 1)
    if "calls" in rest:
        rest["calls"] = tuple(rest["calls"])
    if "error" in rest:
        rest.setdefault("ending", "error")
    return Expectation(
        **rest, requests=(requests, requests) if isinstance(requests, int) else tuple(requests)
    )
