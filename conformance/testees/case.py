"""Client cases: what a server answers, which call is made, and what must come of it, as data.

    for case in read_cases():
        case.id, case.judges, case.replies, case.expect

One YAML file a family in the folder `cases`; its README shows a full case. `streams.yaml` there holds the
events that several cases send. Whatever can be wrong with a case is found here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from conformance.contract.places import folder
from conformance.contract.registry import registry
from conformance.errors import CaseBroken
from conformance.testees.framing import Event, Framing, events_of, interaction_of

__all__ = ["CASES", "Case", "Expectation", "Reply", "case_files", "read_cases"]

CASES = Path(__file__).parent / "cases"
TIMEOUT_MS = 30_000
"""How long a call may take if the case does not say; twice that bit by bit, four times where much is sent."""
_STREAMS = "streams.yaml"
_PLAIN = Framing()
_CALL = {"model": "gemini-3.5-flash", "input": "Hello"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What our server answers to one request; with nothing of this, what the reference server answers.

    redirect: "here" or "elsewhere": to the same address at our origin, or at that of another host.
    events: the events of a stream.
    body: the text of the answer.
    control: the test control: how the answer breaks, and how its bytes get out (see `server.control`).
    cut_in: texts within which the body is cut, at every place between two of their bytes.
    cut_at: offsets at which the body is cut as well.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    redirect: str = ""
    events: tuple[Event, ...] | None = None
    framing: Framing = _PLAIN
    body: str | None = None
    control: Mapping[str, Any] = field(default_factory=dict)
    cut_in: tuple[str, ...] = ()
    cut_at: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come of a call; None where nothing is expected.

    ending: end, error, or any.
    events: sent (all, in order), known (those that the contract knows), prefix (the first, in order), any.
    value: that the interaction which a call without a stream gives is the one that was sent.
    error: status, code, says, kinds.
    text, calls: what the convenience of the client gives. usage: that it is the one that was sent.
    output_text: the text of a client that has the output_text of the API, which ends with the last tool.
    no_null: that the text is a text also where it is empty.
    requests: how many, from and to. same: that all have the same body.
    once: that the create is sent once; gets that follow it are the client's choice.
    waits_s: how long at least before the second request.
    closes: that the connection of the call is closed.
    sends: that the request holds the arguments of the call.
    """

    ending: str = "end"
    events: str = "any"
    least: int = 0
    value: bool = False
    error: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    output_text: str | None = None
    calls: tuple[Mapping[str, Any], ...] | None = None
    usage: bool = False
    no_null: bool = False
    requests: tuple[int, int] = (1, 1)
    same: bool = False
    once: bool = False
    waits_s: float = 0.0
    closes: bool = False
    sends: bool = True

    def is_blind(self, given: Mapping[str, Any], capabilities: frozenset[str]) -> bool:
        """Whether nothing is left to judge of a client that hands over no events of the API.

        given: the message that ended the call, whose conveniences are still compared.
        """
        if "events" in capabilities:
            return False
        if self.events == "any" and not self.least and not self.value:
            return False
        told = {name for name in ("text", "calls", "usage") if given.get(name) is not None}
        plain = replace(
            self,
            events="any",
            least=0,
            value=False,
            ending="end" if self.ending == "any" else self.ending,
            text=self.text if "text" in told else None,
            output_text=self.output_text if "text" in told and "output_text" in capabilities else None,
            calls=self.calls if "calls" in told else None,
            usage=self.usage and "usage" in told,
            sends=True,
        )
        return plain == Expectation()


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    judges: the requirement that it is about.
    harm: "data loss", "false success" or "leak" where a client that fails it does one of these.
    catches: wrong clients that fail it; where it is silent, clients of ours that do otherwise.
    silent: the documents do not say what is right: what happens is told and gives no verdict.
    observe: what is told of it besides the ending and the number of requests.
    lockstep: each event is sent when the one before it was handed over.
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
    silent: bool = False
    observe: tuple[str, ...] = ()
    lockstep: bool = False
    prepare: Mapping[str, Any] | None = None
    timeout_ms: int = TIMEOUT_MS
    retries: str = "off"
    cancel: Mapping[str, int] | None = None
    cuts: int = 0

    @property
    def family(self) -> str:
        """The file that it stands in."""
        return self.id.partition("/")[0]

    @property
    def uncut(self) -> "Case":
        """The same, cut within no text; itself if it never was. At offsets it stays: such bodies are long."""
        if not any(reply.cut_in for reply in self.replies):
            return self
        return replace(self, replies=tuple(replace(one, cut_in=()) for one in self.replies))

    @property
    def turn(self) -> tuple[float, int]:
        """Sort by this to save time: first who waits, then who is cut, and last what keeps a client busy."""
        stalls = any(
            reply.control.get("fault") == "stall" or (reply.control.get("lockstep") and not self.lockstep)
            for reply in self.replies
        )
        waits_s = self.timeout_ms / 1000 if stalls else self.expect.waits_s
        return (-waits_s if waits_s else -_is_cut(self.replies) / 1000, max(map(_size, self.replies)))


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
    replies = tuple(_reply(path, name, told, streams) for told in entry.get("replies", [{}]))
    needs = {
        *entry.get("needs", ()),
        *(["stream"] if stream else []),
        *(["cancel"] if "cancel" in call else []),
        *(["events"] if call.get("lockstep") else []),
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
        arguments=_arguments(operation, call.get("arguments", {})),
        replies=replies,
        expect=expect,
        harm=entry.get("harm", ""),
        silent=entry.get("silent", False),
        observe=tuple(entry.get("observe", ())),
        lockstep=call.get("lockstep", False),
        prepare=entry.get("prepare"),
        timeout_ms=call.get("timeout_ms", _patience(replies) * TIMEOUT_MS),
        retries=call.get("retries", "off"),
        cancel=call.get("cancel"),
        cuts=entry.get("cuts", {}).get("calls", 0),
    )


def _arguments(operation: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Give the arguments of a call; a create that names no model is told by an empty one."""
    arguments = {**(_CALL if operation == "create" else {}), **told}
    return {name: value for name, value in arguments.items() if (name, value) != ("model", "")}


def _patience(replies: Iterable[Reply]) -> int:
    """Say how often a right client may need the usual time."""
    if any(_size(reply) > 500_000 for reply in replies):
        return 4
    return 2 if _is_cut(replies) else 1


def _size(reply: Reply) -> int:
    """How busy a reply keeps a client: an event as much as a thousand letters."""
    return reply.framing.padding + 1000 * reply.framing.times


def _is_cut(replies: Iterable[Reply]) -> bool:
    """Whether many parts are sent, each when the one before it was read, which takes its time."""
    return any(reply.cut_in or reply.cut_at or reply.control.get("confirm") for reply in replies)


def _reply(path: Path, name: str, told: Mapping[str, Any], streams: Mapping[str, Any]) -> Reply:
    events = _events(path, name, told, streams)
    body = told.get("body")
    if "interaction" in told:
        body = json.dumps(interaction_of(told["interaction"]), ensure_ascii=False)
    elif "json" in told:
        body = json.dumps(told["json"], ensure_ascii=False)
    is_json = "json" in told or "interaction" in told
    framing: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in told.get("framing", {}).items()
    }
    return Reply(
        status=told.get("status", 200),
        headers={**({"content-type": "application/json"} if is_json else {}), **told.get("headers", {})},
        redirect=told.get("redirect", ""),
        events=None if events is None else tuple(events[: told.get("first", len(events))]),
        framing=Framing(**framing),
        body=body,
        control=told.get("control", {}),
        cut_in=tuple(told.get("cut_in", ())),
        cut_at=tuple(told.get("cut_at", ())),
    )


def _events(
    path: Path, name: str, told: Mapping[str, Any], streams: Mapping[str, Any]
) -> Sequence[Event] | None:
    """Give the events of a reply: spelled out, by the name of their stream, or made of steps."""
    events = told.get("events")
    if isinstance(events, str):
        if events not in streams:
            raise CaseBroken(str(path), name, f"streams.yaml has no stream {events!r}")
        events = streams[events]
    if "steps" in told:
        events = events_of(told["steps"], **told.get("ends", {}))
    elif isinstance(events, Mapping):
        events = events_of(events["steps"], **events.get("ends", {}))
    return events


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
