"""The service: from a request to an answer, without a socket.

    service = Service(seed=7)
    answer = service.answer(Request("POST", "/v1beta/interactions", headers, body))

Offered, on v1 and v1beta: create (unary or, with `"stream": true` in the body, a stream; `?alt=sse` is
accepted and changes nothing; in the background with `"background": true`), get (a stream with
`?stream=true`, from an event on with `last_event_id`), cancel and delete. A background interaction moves on
when it is looked at: see `background`.

Checked in this order: the path, the key, the test control, the revision, the JSON, the shape, the sense.
State is per API key. What is stored is finished when it is stored, so a client that leaves in mid-stream
loses nothing.

For tests there are two more paths, which take the same key: `GET /conformance/deliveries` tells what became
of the planned deliveries of the account (see `plans`), and `POST /conformance/release?writes=N` lets writes
of a lock-step delivery through.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from conformance.server.answer import Answer, event_stream, json_answer, to_json
from conformance.server.asked import Asked, parse, understand
from conformance.server.background import Run
from conformance.server.control import HEADER, Control, control_of, split_key
from conformance.server.identity import Identity, account_of
from conformance.server.interaction import Made, events, frames, make, with_steps
from conformance.server.ledger import PATHS, Ledger
from conformance.server.memory import Memory, Stored
from conformance.server.misbehaving import controlled, ended, error_answer
from conformance.server.model import Reply, respond
from conformance.server.refusal import FrontEndRefused, Refused, invalid
from conformance.server.rules import find_model
from conformance.wire.exchange import Request

__all__ = ["Service", "key_of", "operation_of"]

REVISION = "2026-05-20"

_PATH = re.compile(r"/(?:v1|v1beta)/interactions(?:/(?P<id>[^/]+)(?P<cancel>/cancel)?)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_log = logging.getLogger(__name__)


class Service:
    """A reference server's mind: deterministic, with all state in `memory`; `ledger` is for tests."""

    def __init__(self, seed: int = 0, memory: Memory | None = None) -> None:
        self.seed = seed
        self.memory = Memory() if memory is None else memory
        self.ledger = Ledger()

    def answer(self, request: Request) -> Answer:
        """Answer a request, whatever it is; never raises."""
        try:
            return self._answer(request)
        except (Refused, FrontEndRefused) as refused:
            return refused.answer()
        except RecursionError:
            return invalid("The body is nested too deeply.").answer()
        except Exception:  # noqa: BLE001  whatever the fault, a client gets an answer
            _log.exception("the reference server failed to answer %s", request.method)
            return Refused(500, "api_error", "The reference server has a fault.").answer()

    def _answer(self, request: Request) -> Answer:
        url = _split(request.url)
        path = _PATH.fullmatch(url.path)
        query = parse_qs(url.query, keep_blank_values=True) if url.query else {}
        operation = _operation(request.method, url.path, path)
        headers = {name.lower(): value for name, value in reversed(request.headers or ())}
        key, suffix = split_key(key_of(headers, query))
        account = account_of(key)
        control = control_of(headers.get(HEADER), suffix)
        if control is not None and not self.ledger.holds(control, operation, account):
            control = None
        if control is not None and control.code and control.form in ("json", "framed", "front_end"):
            return controlled(error_answer(control), control, account)
        _refuse_revision(headers.get("api-revision"))
        interaction_id = unquote(path["id"]) if path is not None and path["id"] else ""
        match operation:
            case "create":
                answer = self._create(request.body, account, control)
            case "get":
                answer = self._get(account, interaction_id, query)
            case "delete":
                answer = self._delete(account, interaction_id)
            case "cancel":
                answer = self._cancel(account, interaction_id)
            case _:
                return self.ledger.answer(url.path, query, account)
        return answer if control is None else controlled(answer, control, account)

    def _create(self, body: bytes, account: str, control: Control | None) -> Answer:
        asked = self._understood(parse(body), account)
        reply = self._reply(asked)
        identity = Identity(self.seed, account, self.memory.next_number(account))
        made = self._made(asked, reply, identity)
        whole = made.body if control is None else ended(made.body, control)
        told = self._events(made.id, whole, empty_signature=asked.model.empty_signature)
        run = None
        if asked.background:
            run = Run(whole, list(told), identity.number, queued=asked.model.queues)
        tier = (("X-Gemini-Service-Tier", whole["service_tier"]),) if "service_tier" in asked.body else ()
        if run is not None:
            answer = _stream_of(run, 0) if asked.stream else json_answer(200, run.body())
        elif asked.stream:
            answer = event_stream(frames(told))
        else:
            answer = json_answer(200, whole)
        answer = replace(answer, headers=(*answer.headers, *tier)) if tier else answer
        if asked.store:
            previous = asked.previous.id if asked.previous else None
            weight = len(body) + sum(map(len, answer.writes))
            if run is not None:
                weight += 3 * len(to_json(whole))  # the events that are to come
            self.memory.keep(Stored(account, made.id, made.first, previous, asked.turn, whole, weight, run))
        return answer

    # From a request to what is said, in four steps: a server that is to say it otherwise changes one of them.

    def _understood(self, body: dict[str, Any], account: str) -> Asked:
        return understand(body, account, self.memory, self.seed)

    def _reply(self, asked: Asked) -> Reply:
        return respond(asked)

    def _made(self, asked: Asked, reply: Reply, identity: Identity) -> Made:
        return make(asked, reply, identity)

    def _events(
        self, interaction_id: str, body: dict[str, Any], *, empty_signature: bool
    ) -> Iterable[dict[str, Any]]:
        return events(interaction_id, body, empty_signature=empty_signature)

    def _get(self, account: str, interaction_id: str, query: Mapping[str, list[str]]) -> Answer:
        stream = _flag(query, "stream")
        _flag(query, "include_input")
        if "last_event_id" in query and not stream:
            raise invalid("'last_event_id' can only be used if 'stream' is true.")
        stored = self._stored(account, interaction_id)
        if stream:
            return self._resumed(stored, query.get("last_event_id", [""])[-1])
        if stored.run is not None:
            stored.run.poll()
        body = stored.now()
        return json_answer(200, with_steps(body, [*stored.turn, *body.get("steps", ())]))

    def _resumed(self, stored: Stored, last_event_id: str) -> Answer:
        run = stored.run
        if run is None:
            if last_event_id:
                raise invalid(
                    f"'{last_event_id[:100]}' is no event: only events of background streams have ids."
                )
            signs = _empty_signature(stored.body)
            return event_stream(frames(self._events(stored.id, stored.body, empty_signature=signs)))
        start = run.position(last_event_id) if last_event_id else 0
        if start is None:
            raise invalid(f"'{last_event_id[:100]}' is no event of this interaction.")
        return _stream_of(run, start)

    def _delete(self, account: str, interaction_id: str) -> Answer:
        self._stored(account, interaction_id)
        self.memory.forget(account, interaction_id)
        return json_answer(200, {})

    def _cancel(self, account: str, interaction_id: str) -> Answer:
        stored = self._stored(account, interaction_id)
        if stored.run is None or not stored.run.cancel():
            raise Refused(
                400,
                "failed_precondition",
                "Only a background interaction that is still running can be cancelled.",
            )
        return json_answer(200, {key: told for key, told in stored.now().items() if key != "steps"})

    def _stored(self, account: str, interaction_id: str) -> Stored:
        stored = self.memory.find(account, interaction_id)
        if stored is None:
            raise Refused(404, "not_found", f"Interaction '{interaction_id[:100]}' does not exist.")
        return stored


def _stream_of(run: Run, start: int) -> Answer:
    """Stream a run from an event on, moving it on as the events go out."""
    return replace(event_stream(run.frames()[start:]), follow=run.follower(start))


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise FrontEndRefused(404, "The address cannot be read.") from None


def operation_of(request: Request) -> str:
    """Give the operation that a request is for; empty where there is none."""
    path = urlsplit(request.url).path
    try:
        return _operation(request.method, path, _PATH.fullmatch(path))
    except FrontEndRefused:
        return ""


def _operation(method: str, address: str, path: re.Match[str] | None) -> str:
    if (method, address) in PATHS:
        return "ledger"
    if path is not None:
        match method, path["id"], path["cancel"]:
            case "POST", None, None:
                return "create"
            case "POST", str(), str():
                return "cancel"
            case "GET", str(), None:
                return "get"
            case "DELETE", str(), None:
                return "delete"
    raise FrontEndRefused(404, "There is nothing at this path for this method.")


def key_of(headers: Mapping[str, str], query: Mapping[str, list[str]], *, needed: bool = True) -> str:
    """Find the API key. What the key is never appears in an answer."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token if scheme.lower() == "bearer" else ""
    key = (headers.get("x-goog-api-key") or bearer or query.get("key", [""])[0]).strip()
    if not key and needed:
        raise FrontEndRefused(
            403, "The request has no API key: send it in x-goog-api-key, as a bearer token, or as ?key=."
        )
    if key.startswith("bad-"):
        raise FrontEndRefused(400, "API key not valid. Please pass a valid API key.", bad_key=True)
    return key


def _refuse_revision(revision: str | None) -> None:
    """Refuse the revisions that had another schema; newer ones than ours are taken for ours."""
    if revision is None:
        return
    if _DATE.fullmatch(revision) is None:
        raise invalid("Api-Revision is not a date such as 2026-05-20.")
    if revision < REVISION:
        raise invalid(
            f"Api-Revision {revision} had the legacy schema, which is gone: send {REVISION} or no header, "
            "and expect 'steps' where there were 'outputs'."
        )


def _empty_signature(body: Mapping[str, Any]) -> bool:
    model = find_model(str(body.get("model", "")))
    return model is not None and model.empty_signature


def _flag(query: Mapping[str, list[str]], name: str) -> bool:
    match query.get(name, ["false"])[-1].lower():
        case "true":
            return True
        case "false":
            return False
    raise invalid(f"The value is invalid for '{name}': expected true or false.")
