"""JSON values by kind: texts, names, numbers, times, links, and anything at all.

Small, because a schema needs many of them, and not only ASCII, because clients cut and count characters.
Texts hold no lone surrogates, which no UTF-8 can carry; `HOSTILE` has them, escaped as JSON allows.
"""

from base64 import b64encode
from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = [
    "ANYTHING",
    "ANY_TEXTS",
    "BASE64",
    "FLAGS",
    "HOSTILE",
    "KNOWN_TEXTS",
    "NAMES",
    "OBJECTS",
    "TEXTS",
    "TIMES",
    "URIS",
    "arrays_of",
    "integers",
    "numbers",
    "of_another_type",
]

KNOWN_TEXTS = (
    "It is noon.",
    "",
    "Zürich, 5 °C",
    "東京",
    "naïve café",
    "👩\u200d🚀 🇨🇭",
    'a "quoted"\\ line\n',
    "\u2028é\u0301",
)
ANY_TEXTS: SearchStrategy[str] = st.text(max_size=8)
TEXTS: SearchStrategy[str] = st.sampled_from(KNOWN_TEXTS) | ANY_TEXTS
NAMES: SearchStrategy[str] = st.sampled_from(
    "city unit location query limit verbose ville größe 名前".split()
) | st.text("abcdefghij_", min_size=2, max_size=8)
FLAGS: SearchStrategy[bool] = st.booleans()
BASE64: SearchStrategy[str] = st.binary(max_size=12).map(lambda raw: b64encode(raw).decode())
TIMES: SearchStrategy[str] = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(  # noqa: DTZ001 (UTC is in the text)
    lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ")
)
URIS: SearchStrategy[str] = st.sampled_from(
    ["https://example.com/", "https://example.com/a?b=c%20d#e", "https://xn--zrich-kva.example/"]
)


def integers(low: float | None = None, high: float | None = None) -> SearchStrategy[int]:
    """Draw integers that every JSON reader keeps exactly."""
    least, most = -(2**53) + 1, 2**53 - 1
    return st.integers(least if low is None else int(low), most if high is None else int(high))


def numbers(low: float | None = None, high: float | None = None) -> SearchStrategy[int | float]:
    """Draw numbers, whole ones too."""
    return integers(low, high) | st.floats(low, high, allow_nan=False, allow_infinity=False)


def arrays_of(items: SearchStrategy[Any]) -> SearchStrategy[list[Any]]:
    """Draw short arrays."""
    return st.lists(items, max_size=3)


_SCALARS = st.none() | FLAGS | integers() | numbers() | TEXTS
ANYTHING: SearchStrategy[Any] = st.recursive(
    _SCALARS, lambda inner: arrays_of(inner) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=4
)
"""Any JSON value, small."""

OBJECTS: SearchStrategy[dict[str, Any]] = st.dictionaries(NAMES, ANYTHING, max_size=3)

_EDGES: list[Any] = [
    2**53 + 1,
    2**64,
    -(2**64),
    10**400,
    1.7e308,
    -0.0,
    5e-324,
    "\ud800",
    "\udfff\ud800",
    "\x00",
    "\ufeff",
]
_ODD_TEXTS = st.text(st.characters(), max_size=6)
HOSTILE: SearchStrategy[Any] = st.recursive(
    _SCALARS | _ODD_TEXTS | st.sampled_from(_EDGES),
    lambda inner: arrays_of(inner) | st.dictionaries(_ODD_TEXTS, inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value, with numbers beyond 2^53, lone surrogates and control characters."""

_SAMPLES: dict[str, list[Any]] = {
    "null": [None],
    "boolean": [True, False],
    "integer": [0, 7],
    "number": [0.5],
    "string": ["", "7"],
    "array": [[], [{}]],
    "object": [{}, {"type": "text"}],
}


def of_another_type(types: tuple[str, ...]) -> SearchStrategy[Any]:
    """Draw a value whose JSON type is none of `types`."""
    near = {"integer"} if "number" in types else set()
    return st.sampled_from(
        [value for name, values in _SAMPLES.items() if name not in near.union(types) for value in values]
    )
