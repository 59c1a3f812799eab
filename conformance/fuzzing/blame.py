"""What is to blame for a failure: the first thing without which it is gone.

    blamed(drawn, fails)        # "SSE-012"

Cuts are first moved out of characters and line ends, then left out; then one quirk after the other, until the
stream is plain; then its text. What was left out stays left out.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from conformance.fuzzing.answers import Drawn

__all__ = ["CUTS", "HANDED_OVER", "blamed"]

HANDED_OVER = "IX-SDK-009"
CUTS = "SSE-014"
_MARK, _CHARACTERS, _CRLF = "SSE-010", "SSE-012", "SSE-003"
_LINES, _UTF_8 = "SSE-021", "SSE-011"
_LINE_ENDS = dict.fromkeys(map(ord, "\u2028\u2029\u0085\v\f\x1c\x1d\x1e"), " ")


def blamed(drawn: Drawn, fails: Callable[[Drawn], bool]) -> str:
    """Give the requirement of the first thing without which a client does well.

    fails: whether the client fails on a plainer stream.
    """
    return next((requirement for requirement, plainer in _plainer(drawn) if not fails(plainer)), HANDED_OVER)


def _plainer(drawn: Drawn) -> Iterator[tuple[str, Drawn]]:
    """Give ever plainer streams, each with the requirement of what was left out."""
    body = drawn.payload
    for requirement, moves in ((_MARK, _in_mark), (_CHARACTERS, _in_character), (_CRLF, _in_crlf)):
        cuts = _moved(body, drawn.cuts, moves)
        if cuts != drawn.cuts:
            drawn = replace(drawn, cuts=cuts)
            yield requirement, drawn
    if drawn.cuts:
        drawn = replace(drawn, cuts=())
        yield CUTS, drawn
    for quirk in drawn.odd:
        drawn = drawn.without(quirk.name)
        yield quirk.requirement, drawn
    for requirement, plain in ((_LINES, _without_line_ends), (_UTF_8, _in_ascii)):
        told = json.loads(plain(json.dumps(drawn.told, ensure_ascii=False)))
        if told != list(drawn.told):
            drawn = replace(drawn, told=tuple(told))
            yield requirement, drawn


def _moved(body: bytes, cuts: tuple[int, ...], is_within: Callable[[bytes, int], bool]) -> tuple[int, ...]:
    """Move cuts on until they are within no such thing; what comes to the end is no cut."""
    moved = set()
    for cut in cuts:
        place = cut
        while place < len(body) and is_within(body, place):
            place += 1
        moved.add(place)
    return tuple(sorted(moved - {len(body)}))


def _in_mark(body: bytes, place: int) -> bool:
    return place < 3 and body.startswith(b"\xef\xbb\xbf")


def _in_character(body: bytes, place: int) -> bool:
    return body[place] & 0xC0 == 0x80


def _in_crlf(body: bytes, place: int) -> bool:
    return body[place - 1 : place + 1] == b"\r\n"


def _without_line_ends(text: str) -> str:
    return text.translate(_LINE_ENDS)


def _in_ascii(text: str) -> str:
    return "".join(char if char.isascii() else "x" for char in text)
