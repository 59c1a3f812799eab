"""Search in stored files: the names of stores, and citations of files.

Source: https://ai.google.dev/gemini-api/docs/file-search
"""

import re
from collections.abc import Iterator

from conformance.judge.tools import annotations_of, requests_with_tools, tools_of
from conformance.judge.verdict import Verdict, broken, kept
from conformance.wire.trace import Trace, is_placeholder

__all__ = ["citations_name_their_file", "store_names_have_their_form"]

_STORE = re.compile(r"fileSearchStores/[^/\s]+")


def store_names_have_their_form(trace: Trace) -> Iterator[Verdict]:
    """A store is named fileSearchStores/ID (IX-FILE-002)."""
    for call, request, tools in requests_with_tools(trace):
        for tool in tools_of(call, "file_search"):
            names = tool.get("file_search_store_names")
            at = f"/tools/{tools.index(tool)}/file_search_store_names"
            for number, name in enumerate(names if isinstance(names, list) else ()):
                if not isinstance(name, str) or is_placeholder(name):
                    continue
                if _STORE.fullmatch(name):
                    yield kept(request)
                else:
                    yield broken(
                        request, f"{at}/{number}", f"{name!r} is not of the form fileSearchStores/ID"
                    )


def citations_name_their_file(trace: Trace) -> Iterator[Verdict]:
    """A file_citation tells which file it means: file_name or document_uri (IX-FILE-005).

    A picture is cited by its media_id.
    """
    for call in trace.calls:
        for at, citation in annotations_of(call, "file_citation"):
            if any(citation.get(name) for name in ("file_name", "document_uri", "media_id")):
                yield kept(call)
            else:
                yield broken(call, at, "the citation tells neither file_name nor document_uri")
