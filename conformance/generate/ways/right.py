"""The right requests that are made wrong, and reading what came of them."""

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = ["MODELS", "document", "is_json", "right_bodies", "written"]

MODELS = ("gemini-3.5-flash", "gemini-3-flash-preview", "gemini-2.5-flash")

_WORDS = st.sampled_from(
    ["Hello", "Good morning", "What time is it?", "Zürich, 5 °C", "東京", 'a "quoted"\\ line\n']
)
_TEXT = st.fixed_dictionaries({"type": st.just("text"), "text": _WORDS})
_INPUTS = st.one_of(
    _WORDS,
    _TEXT,
    st.lists(_TEXT, min_size=1, max_size=2),
    st.lists(
        st.fixed_dictionaries(
            {"type": st.just("user_input"), "content": st.lists(_TEXT, min_size=1, max_size=2)}
        ),
        min_size=1,
        max_size=1,
    ),
)
_FUNCTION: dict[str, Any] = {
    "type": "function",
    "name": "get_time",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def right_bodies() -> SearchStrategy[dict[str, Any]]:
    """Draw small bodies of creates that a right endpoint answers."""
    return st.fixed_dictionaries(
        {"model": st.sampled_from(MODELS), "input": _INPUTS},
        optional={
            "stream": st.booleans(),
            "store": st.booleans(),
            "system_instruction": st.just("Be brief."),
            "tools": st.sampled_from([[_FUNCTION], [{"type": "google_search"}]]),
            "generation_config": st.fixed_dictionaries(
                {},
                optional={
                    "temperature": st.just(1),
                    "max_output_tokens": st.just(1000),
                    "thinking_level": st.just("low"),
                },
            ),
        },
    )


def written(body: Any) -> bytes:
    """Write a body as clients do."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def document(body: bytes) -> Any:
    """Read a body strictly.

    Raises:
        ValueError: it is not JSON in UTF-8.
    """
    return json.loads(body.decode(), parse_constant=_refused)


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def is_json(body: bytes) -> bool:
    """Whether a body is JSON in UTF-8, with or without a byte order mark."""
    try:
        document(body.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        return False
    return True
