"""The judge: from a trace to a report, and nothing else.

    report = judge(Trace.of(exchanges))
    report.outcome, report.findings, report.drift

Pure: no I/O, no clock, no SDK. The same code judges recordings, live runs and clients under test.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from conformance.contract.registry import CheckRef, Requirement, registry
from conformance.contract.store import contract
from conformance.contract.validation import value_at
from conformance.errors import RequirementBroken
from conformance.judge.verdict import Outcome, Report, SeenDrift, Verdict, outcome_of
from conformance.wire.trace import ABSENT, Call, Document, Event, Trace, is_placeholder

__all__ = ["find_check", "judge"]

CheckFunction: TypeAlias = Callable[..., Iterator[Verdict]]

_ROOTS = {
    "request": "interactions/create_request",
    "interaction": "interactions/interaction",
    "event": "interactions/event",
    "step": "interactions/step",
}
_OUR_PATH = re.compile(r"/v\d\w*/(?:.*/)?interactions(?:[/:]|$)")


def judge(trace: Trace, *, closed: bool = False, parties: Collection[str] = ("server", "client")) -> Report:
    """Judge a conversation against every requirement that has checks.

    closed: what the contract does not know fails, for people who test their own emulator.
    parties: whose conduct is judged; a deliberately wrong request is nobody's fault when only "server" is.
    """
    report = Report(trace.name)
    trace = _ours(trace)
    for requirement, outcome, check in _plan():
        for verdict in check(trace):
            _sign(report, requirement, outcome, verdict, parties)
    for schema, place, value in _values(trace):
        excerpt = trace.calls[place.place.exchange].exchange.excerpt
        _judge_shape(report, schema, place, value, closed=closed, parties=parties, excerpt=excerpt)
    return report


def _ours(trace: Trace) -> Trace:
    """The conversation without what is not of this API: answers of other paths, and redirects.

    A cassette holds all that a program sent, so a tool server or another API may stand between our exchanges.
    A redirect is HTTP, and no answer yet.
    """
    if not any(map(_is_not_ours, trace.calls)):
        return trace
    return Trace(
        tuple(_without_answer(call) if _is_not_ours(call) else call for call in trace.calls), trace.name
    )


def _is_not_ours(call: Call) -> bool:
    if call.status is not None and (call.status < 200 or 300 <= call.status < 400):
        return True
    if call.operation is not None or call.exchange.request is None:
        return False
    try:
        path = urlsplit(call.exchange.request.url).path
    except ValueError:  # such as a bracket that never closes
        return False
    return _OUR_PATH.search(path) is None


def _without_answer(call: Call) -> Call:
    return replace(call, exchange=replace(call.exchange, response=None), answered=ABSENT, stream=None)


@cache
def _plan() -> tuple[tuple[Requirement, Outcome, CheckFunction], ...]:
    """Every check of every requirement, its arguments filled in, with the outcome when it is broken."""
    return tuple(
        (
            requirement,
            outcome_of(requirement),
            partial(find_check(check), **dict(check.arguments)) if check.arguments else find_check(check),
        )
        for requirement in registry().values()
        for check in requirement.checks
        if check.schema is None
    )


def _party(requirement: Requirement, verdict: Verdict) -> str:
    if requirement.party != "both":
        return requirement.party
    return "client" if verdict.place.side == "request" else "server"


def _sign(
    report: Report, requirement: Requirement, outcome: Outcome, verdict: Verdict, parties: Collection[str]
) -> None:
    party = _party(requirement, verdict)
    if party not in parties:
        return
    if verdict.outcome == "pass":
        report.passes[requirement.id] += 1
    else:
        report.findings.append(replace(verdict, outcome=outcome, requirement=requirement.id, party=party))


def find_check(check: CheckRef) -> CheckFunction:
    """Give the function of a check.

    Raises:
        RequirementBroken: there is no such function.
    """
    return _find_check(check.name)


@cache
def _find_check(name: str) -> CheckFunction:
    area, _, function = name.partition(".")
    try:
        found = getattr(import_module(f"conformance.judge.{area}"), function)
    except (ImportError, AttributeError):
        raise RequirementBroken("requirements", name, "there is no such check") from None
    return found  # type: ignore[no-any-return]  # the closing test compares the signatures


@cache
def _governing() -> Mapping[str, Requirement]:
    """The requirement that each schema belongs to."""
    found: dict[str, Requirement] = {}
    for requirement in registry().values():
        for check in requirement.checks:
            if check.schema is not None:
                if check.schema in found:
                    raise RequirementBroken(
                        f"{requirement.area}.yaml",
                        requirement.id,
                        f"the schema {check.schema} belongs to {found[check.schema].id} already",
                    )
                found[check.schema] = requirement
    return found


def _values(trace: Trace) -> Iterable[tuple[str, Document | Event, Any]]:
    """Every JSON value with the schema it has to match."""
    for document in trace.documents:
        if document.kind == "error":
            yield _envelope(document.json), document, document.json
        elif document.kind in _ROOTS:
            yield _ROOTS[document.kind], document, document.json


def _envelope(body: Any) -> str:
    match body:
        case {"error": {"code": int()}}:
            return "interactions/status_envelope"
    return "interactions/error_envelope"


def _judge_shape(
    report: Report,
    schema: str,
    subject: Document | Event,
    value: Any,
    *,
    closed: bool,
    parties: Collection[str],
    excerpt: bool,
) -> None:
    found = contract().validate(schema, value)
    report.branches |= found.branches
    side = "client" if subject.place.side == "request" else "server"
    if side not in parties:
        return
    governing = _governing()

    def owner(name: str) -> Requirement:
        requirement = governing.get(name)
        return (
            requirement
            if requirement is not None and requirement.party in ("both", side)
            else governing[root]
        )

    root = _root(schema, value)
    blamed: set[str] = set()

    def blame(name: str, pointer: str, message: str) -> None:
        requirement = owner(name)
        blamed.add(requirement.id)
        verdict = Verdict("fail", subject.place, pointer, message)
        _sign(report, requirement, outcome_of(requirement), verdict, parties)

    for problem in found.problems:
        if excerpt and problem.message.endswith("is missing"):
            continue
        if not is_placeholder(value_at(value, problem.pointer)):
            blame(problem.schema, problem.pointer, problem.message)
    for drift in found.drift:
        if is_placeholder(drift.name):
            continue
        if closed:
            blame(drift.schema, drift.pointer, drift.message)
        else:
            report.drift.append(
                SeenDrift(subject.place, drift.pointer, drift.kind, drift.name, drift.message, drift.schema)
            )
    for name in {owner(name).id for name in found.visited if name in governing} - blamed:
        report.passes[name] += 1


def _root(schema: str, value: Any) -> str:
    """The schema that answers for a document: for an event, that of its kind."""
    if schema == "interactions/event" and isinstance(value, dict):
        name = f"interactions/event_{str(value.get('event_type')).replace('.', '_')}"
        return name if name in _governing() else schema
    return schema
