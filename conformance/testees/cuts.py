"""Where to cut a body, and which cuts of many it takes to make a client fail.

    drawn = draw_cuts(body, Random("7/text/3"))
    fewest(drawn, fails)
    shown_cut(body, 812)

A cut is an offset in the body: what is before it is read before what is after it is sent. Cuts are drawn
anywhere, and at the places where parsers go wrong: within characters, line ends, blank lines, field names,
escapes, marks and comments. The same generator gives the same cuts. `cutting` drives clients with them.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random

__all__ = ["draw_cuts", "fewest", "risky_places", "shown_cut"]

_LINE = rb"(?:\A(?:\xef\xbb\xbf)?|(?<=[\r\n]))"
_PLACES = (
    rb"[\xc2-\xf4][\x80-\xbf]+",
    rb"\A\xef\xbb\xbf",
    rb"\r\n",
    rb"(?:\r\n){2,}|\n{2,}|\r{2,}",
    _LINE + rb"[a-z]+: ?",
    _LINE + rb":[^\r\n]*",
    rb"\\(?:u[0-9a-fA-F]{4}|.)",
    rb"\[DONE\]",
)
"""What is cut within, and right after."""
_SHOWN = 24
_MANY = 40


def draw_cuts(body: bytes, rng: Random) -> tuple[int, ...]:
    """Draw the cuts of one delivery.

    A few, a few at risky places, byte by byte for a while, wherever a place is of one kind, or many.
    """
    last = len(body) - 1
    if last < 1:
        return ()
    kinds = risky_places(body) or ((rng.randint(1, last),),)
    way = rng.random()
    if way < 0.3:
        cuts = {rng.randint(1, last) for _ in range(rng.randint(1, 4))}
    elif way < 0.65:
        cuts = {rng.choice(rng.choice(kinds)) for _ in range(rng.randint(1, 10))}
    elif way < 0.8:
        first = rng.choice(rng.choice(kinds)) if rng.random() < 0.7 else rng.randint(1, last)
        cuts = set(range(first, min(first + rng.randint(3, 16), last + 1)))
    elif way < 0.9:
        places = rng.choice(kinds)
        cuts = set(places if len(places) <= _MANY else rng.sample(places, _MANY))
    else:
        cuts = {rng.randint(1, last) for _ in range(rng.randint(_MANY // 2, _MANY))}
    return tuple(sorted(cuts))


@lru_cache(maxsize=64)
def risky_places(body: bytes) -> tuple[tuple[int, ...], ...]:
    """Give the places of each kind at which parsers go wrong; a kind that has none is left out."""
    found = []
    for pattern in _PLACES:
        spans = [match.span() for match in re.finditer(pattern, body)]
        places = {place for start, end in spans for place in range(start + 1, end + 1)} - {0, len(body)}
        if places:
            found.append(tuple(sorted(places)))
    return tuple(found)


def fewest(cuts: Sequence[int], fails: Callable[[tuple[int, ...]], bool]) -> tuple[int, ...]:
    """Leave out cuts while the rest fails: delta debugging, as Zeller and Hildebrandt describe it.

    None of the cuts that are left can be spared: without any one of them it does not fail.
    """
    left, parts = tuple(cuts), 2
    while len(left) > 1:
        size = -(-len(left) // parts)
        chunks = [left[start : start + size] for start in range(0, len(left), size)]
        rests = [left[:start] + left[start + size :] for start in range(0, len(left), size)]
        tried = chunks if parts == 2 else [*chunks, *rests]
        found = next((one for one in tried if fails(one)), None)
        if found is not None:
            parts = 2 if len(found) <= size else max(parts - 1, 2)
            left = found
        elif parts >= len(left):
            break
        else:
            parts = min(2 * parts, len(left))
    return left


def shown_cut(body: bytes, cut: int) -> str:
    """Show the bytes around a cut, which stands there as `|`."""
    return f"{_printable(body[max(0, cut - _SHOWN) : cut])}|{_printable(body[cut : cut + _SHOWN])}"


def _printable(data: bytes) -> str:
    """Write bytes as ASCII: what is not printable, and the bar, as Python escapes it."""
    return repr(data)[2:-1].replace("|", "\\x7c")
