"""The service: from a request to an answer, without a socket.

    service = Service(seed=7)
    answer = service.answer(Request("POST", "/v1beta/interactions", headers, body))

Offered, on v1 and v1beta: create (unary or, with `"stream": true` in the body, a stream; `?alt=sse` is
accepted and changes nothing), get, delete, and cancel, which always finds nothing to cancel. Not offered yet,
and answered with 501 `unimplemented`: `background`, and resuming a stream after an event. Documented tools
other than functions and google_search are accepted and never used.

Checked in this order: the path, the key, the revision, the JSON, the shape, the sense. State is per API key.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from conformance.server.answer import Answer, event_stream, json_answer
from conformance.server.asked import parse, understand
from conformance.server.identity import Identity, account_of
from conformance.server.interaction import frames, make
from conformance.server.memory import Memory, Stored
from conformance.server.model import respond
from conformance.server.refusal import FrontEndRefused, Refused, invalid
from conformance.server.rules import find_model
from conformance.wire.exchange import Request

__all__ = ["Service"]

REVISION = "2026-05-20"

_PATH = re.compile(r"/(?:v1|v1beta)/interactions(?:/(?P<id>[^/]+)(?P<cancel>/cancel)?)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_log = logging.getLogger(__name__)


class Service:
    """A reference server's mind: deterministic, with all state in `memory`."""

    def __init__(self, seed: int = 0, memory: Memory | None = None) -> None:
        self.seed = seed
        self.memory = Memory() if memory is None else memory

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
        operation = _operation(request.method, path)
        headers = {name.lower(): value for name, value in reversed(request.headers or ())}
        account = account_of(_key(headers, query))
        _refuse_revision(headers.get("api-revision"))
        interaction_id = unquote(path["id"]) if path is not None and path["id"] else ""
        match operation:
            case "create":
                return self._create(request.body, account)
            case "get":
                return self._get(account, interaction_id, query)
            case "delete":
                return self._delete(account, interaction_id)
        return self._cancel(account, interaction_id)

    def _create(self, body: bytes, account: str) -> Answer:
        asked = understand(parse(body), account, self.memory)
        reply = respond(asked)
        identity = Identity(self.seed, account, self.memory.next_number(account))
        made = make(asked, reply, identity)
        if asked.stream:
            answer = event_stream(frames(made.id, made.body, empty_signature=asked.model.empty_signature))
        else:
            answer = json_answer(200, made.body)
        if asked.store:
            previous = asked.previous.id if asked.previous else None
            weight = len(body) + sum(map(len, answer.writes))
            self.memory.keep(Stored(account, made.id, made.first, previous, asked.turn, made.body, weight))
        return answer

    def _get(self, account: str, interaction_id: str, query: Mapping[str, list[str]]) -> Answer:
        stream = _flag(query, "stream")
        _flag(query, "include_input")
        if "last_event_id" in query:
            if not stream:
                raise invalid("'last_event_id' can only be used if 'stream' is true.")
            raise Refused(501, "unimplemented", "This server does not resume streams yet.")
        stored = self._stored(account, interaction_id)
        if stream:
            return event_stream(frames(stored.id, stored.body, empty_signature=_empty_signature(stored.body)))
        steps = [*stored.turn, *stored.body.get("steps", ())]
        return json_answer(200, _with_steps(stored.body, steps))

    def _delete(self, account: str, interaction_id: str) -> Answer:
        self._stored(account, interaction_id)
        self.memory.forget(account, interaction_id)
        return json_answer(200, {})

    def _cancel(self, account: str, interaction_id: str) -> Answer:
        self._stored(account, interaction_id)
        raise Refused(
            400,
            "failed_precondition",
            "Only a background interaction that is still running can be cancelled.",
        )

    def _stored(self, account: str, interaction_id: str) -> Stored:
        stored = self.memory.find(account, interaction_id)
        if stored is None:
            raise Refused(404, "not_found", f"Interaction '{interaction_id[:100]}' does not exist.")
        return stored


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise FrontEndRefused(404, "The address cannot be read.") from None


def _operation(method: str, path: re.Match[str] | None) -> str:
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


def _key(headers: Mapping[str, str], query: Mapping[str, list[str]]) -> str:
    """Find the API key. What the key is never appears in an answer."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token if scheme.lower() == "bearer" else ""
    key = (headers.get("x-goog-api-key") or bearer or query.get("key", [""])[0]).strip()
    if not key:
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


def _with_steps(body: Mapping[str, Any], steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Give a body with these steps, in the place that steps have on the wire."""
    whole: dict[str, Any] = {}
    for key, told in body.items():
        if key == "object":
            whole["steps"] = steps
        if key != "steps":
            whole[key] = told
    return whole
