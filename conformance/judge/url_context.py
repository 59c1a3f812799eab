"""Pages that the service reads: how each fared, and what it costs.

Source: https://ai.google.dev/gemini-api/docs/url-context
"""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from conformance.judge.tools import result_items
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Trace, is_placeholder

__all__ = [
    "at_most_twenty_pages_are_read",
    "failed_pages_do_not_fail_the_turn",
    "private_addresses_are_not_read",
    "read_pages_cost_tool_tokens",
    "results_name_their_page",
]

_MOST = 20
_STEP = "url_context_result"


def results_name_their_page(trace: Trace) -> Iterator[Verdict]:
    """Each entry of a url_context_result names the page in `url` (IX-URL-003)."""
    for call in trace.calls:
        for at, item in result_items(call, _STEP):
            if "url" in item:
                yield kept(call)
            else:
                yield broken(call, at, "the entry does not name its page in url")


def at_most_twenty_pages_are_read(trace: Trace) -> Iterator[Verdict]:
    """One request reads twenty pages at most (IX-URL-005)."""
    for call in trace.calls:
        items = list(result_items(call, _STEP))
        pages = {item["url"] for _, item in items if isinstance(item.get("url"), str)}
        if len(pages) > _MOST:
            yield broken(call, items[-1][0], f"{len(pages)} pages were handled; {_MOST} is the most")
        elif items:
            yield kept(call)


def private_addresses_are_not_read(trace: Trace) -> Iterator[Verdict]:
    """A local or private address is never read (IX-URL-007)."""
    for call in trace.calls:
        for at, item in result_items(call, _STEP):
            match item:
                case {"url": str(url), "status": "success"} if _is_private(url):
                    yield broken(call, f"{at}/status", f"{url!r} is a private address, and it was read")
                case {"url": str(url), "status": str()} if _is_private(url):
                    yield kept(call)


def _is_private(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # such as a bracket that never closes
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def read_pages_cost_tool_tokens(trace: Trace) -> Iterator[Verdict]:
    """The tokens of a page that was read are counted as those of tools (IX-URL-009)."""
    for call in trace.calls:
        read = [at for at, item in result_items(call, _STEP) if item.get("status") == "success"]
        match call.interaction:
            case {"usage": {"total_tool_use_tokens": int(tokens)}} if read and tokens <= 0:
                yield broken(
                    call,
                    "/usage/total_tool_use_tokens",
                    f"a page was read, for {tokens} tool tokens",
                )
            case {"usage": {"total_tool_use_tokens": int()}} if read:
                yield kept(call)


def failed_pages_do_not_fail_the_turn(trace: Trace) -> Iterator[Verdict]:
    """A page that cannot be read leaves the turn whole; its entry tells the status (IX-URL-011)."""
    for call in trace.calls:
        failed = [
            item["status"]
            for _, item in result_items(call, _STEP)
            if isinstance(item.get("status"), str) and not is_placeholder(item["status"])
        ]
        failed = [status for status in failed if status != "success"]
        match call.interaction:
            case {"status": "failed"} if failed:
                yield broken(call, "/status", f"a page has the status {failed[0]!r}, and the turn failed")
            case {"status": str()} if failed:
                yield kept(call)
