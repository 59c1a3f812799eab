"""Ways against JSON itself: a right body whose letters or bytes are made wrong."""

import json
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import urlencode

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.generate.ways.right import document, is_json, right_bodies, written
from conformance.generate.ways.way import Way, WrongRequest

__all__ = ["letter_ways"]

_Spoils: TypeAlias = Callable[[DrawFn, dict[str, Any]], bytes]

_NO_JSON = "HTTP-023"
_BAD_BYTES = (b"\xff", b"\xc3\x28", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80")
_BAD_NUMBERS = (b"01", b"+1", b".5", b"1.", b"0x1", b"1e", b"--1")
_LARGE = 21 * 2**20
_DEEP = 100_000
_MARK = b"\xef\xbb\xbf"


def _with(body: dict[str, Any], member: str, value: bytes) -> bytes:
    """Write a body with the letters of one member as they are."""
    rest = written({name: item for name, item in body.items() if name != member})
    return rest[:-1] + b"," + written(member) + b":" + value + b"}"


def _cut(draw: DrawFn, body: dict[str, Any]) -> bytes:
    whole = written(body)
    return whole[: draw(st.integers(1, len(whole) - 1))]


def _comma(draw: DrawFn, body: dict[str, Any]) -> bytes:
    return draw(st.sampled_from([written(body)[:-1] + b",}", _with(body, "tools", b"[{},]")]))


def _comment(draw: DrawFn, body: dict[str, Any]) -> bytes:
    comment = draw(st.sampled_from([b"/* x */", b"// x\n", b"# x\n"]))
    return draw(st.sampled_from([comment + written(body), b"{" + comment + written(body)[1:]]))


def _quotes(draw: DrawFn, body: dict[str, Any]) -> bytes:
    del draw
    return written({"model": body["model"], "input": "Hello"}).replace(b'"', b"'")


def _no_number(draw: DrawFn, body: dict[str, Any]) -> bytes:
    word = draw(st.sampled_from([b"NaN", b"Infinity", b"-Infinity"]))
    return _with(body, "generation_config", b'{"temperature":' + word + b"}")


def _misspelt_number(draw: DrawFn, body: dict[str, Any]) -> bytes:
    return _with(body, "generation_config", b'{"temperature":' + draw(st.sampled_from(_BAD_NUMBERS)) + b"}")


def _two(draw: DrawFn, body: dict[str, Any]) -> bytes:
    return written(body) + draw(st.sampled_from([b"{}", b"\n" + written(body), b" x", b"}"]))


def _bad_bytes(draw: DrawFn, body: dict[str, Any]) -> bytes:
    return _with(body, "input", b'"Hello' + draw(st.sampled_from(_BAD_BYTES)) + b'"')


def _encoded(draw: DrawFn, body: dict[str, Any]) -> bytes:
    encoding = draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32", "latin-1"]))
    return written({**body, "input": "Z\u00fcrich"}).decode().encode(encoding, errors="replace")


def _empty(draw: DrawFn, body: dict[str, Any]) -> bytes:
    del body
    return draw(st.sampled_from([b"", b" ", b"\r\n"]))


def _control(draw: DrawFn, body: dict[str, Any]) -> bytes:
    letter = draw(st.sampled_from([b"\n", b"\t", b"\x00", b"\x1f"]))
    return _with(body, "input", b'"Hello' + letter + b'"')


def _escape(draw: DrawFn, body: dict[str, Any]) -> bytes:
    letters = draw(st.sampled_from([b"\\x41", b"\\u12", b"\\'", b"\\U0001F600", b"\\uzzzz"]))
    return _with(body, "input", b'"Hello' + letters + b'"')


def _form(draw: DrawFn, body: dict[str, Any]) -> bytes:
    del draw
    return urlencode({"model": body["model"], "input": "Hello"}).encode()


def _no_object(draw: DrawFn, body: dict[str, Any]) -> bytes:
    value = draw(st.sampled_from([[], 7, "x", True, 0.5, [body], json.dumps(body)]))
    return written(value)


def _nested(draw: DrawFn, body: dict[str, Any]) -> bytes:
    depth = draw(st.integers(2, 300))
    return _with(body, "input", b"[" * depth + b'"x"' + b"]" * depth)


def _deep(draw: DrawFn, body: dict[str, Any]) -> bytes:
    depth = draw(st.integers(_DEEP, 2 * _DEEP))
    return _with(body, "input", b"[" * depth + b"]" * depth)


def _large(draw: DrawFn, body: dict[str, Any]) -> bytes:
    size = draw(st.integers(_LARGE, _LARGE + 2**20))
    return _with(body, "input", b'"' + b"x" * size + b'"')


def _half(draw: DrawFn, body: dict[str, Any]) -> bytes:
    return _with(body, "input", draw(st.sampled_from([b'"\\ud800"', b'"x\\udfff"', b'"\\udc00\\ud83d"'])))


def _twice(draw: DrawFn, body: dict[str, Any]) -> bytes:
    name = draw(st.sampled_from(sorted(body)))
    return written(body)[:-1] + b"," + written(name) + b":" + written(body[name]) + b"}"


def _mark(draw: DrawFn, body: dict[str, Any]) -> bytes:
    del draw
    return _MARK + written(body)


def _beyond(draw: DrawFn, body: dict[str, Any]) -> bytes:
    number = draw(st.sampled_from([b"1e999", b"-1e400", b"9" * 400 + b".0"]))
    return _with(body, "generation_config", b'{"temperature":' + number + b"}")


def _document(request: WrongRequest) -> Any:
    return document(request.body.removeprefix(_MARK)) if is_json(request.body) else None


def _is_no_json(request: WrongRequest) -> bool:
    return not is_json(request.body)


def _holds_no_object(request: WrongRequest) -> bool:
    return not isinstance(_document(request), (dict, type(None)))


def _is_nested(request: WrongRequest) -> bool:
    match _document(request):
        case {"input": [[*_], *_]}:
            return True
    return False


def _is_deep(request: WrongRequest) -> bool:
    return request.body.count(b"[") >= _DEEP


def _is_large(request: WrongRequest) -> bool:
    return len(request.body) > 20 * 2**20


def _has_a_half(request: WrongRequest) -> bool:
    try:
        json.dumps(_document(request), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _says_twice(request: WrongRequest) -> bool:
    found: list[bool] = []

    def pairs(told: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(len({name for name, _ in told}) < len(told))
        return dict(told)

    try:
        json.loads(request.body.decode(), object_pairs_hook=pairs)
    except ValueError:
        return False
    return any(found)


def _is_marked(request: WrongRequest) -> bool:
    return request.body.startswith(_MARK) and is_json(request.body)


def _is_beyond(request: WrongRequest) -> bool:
    match _document(request):
        case {"generation_config": {"temperature": float(number)}}:
            return number in (float("inf"), float("-inf"))
    return False


def _way(
    name: str,
    says: str,
    spoils: _Spoils,
    holds: Callable[[WrongRequest], bool] = _is_no_json,
    *,
    requirement: str = _NO_JSON,
    statuses: tuple[int, ...] = (400,),
    **more: Any,
) -> Way:
    @st.composite
    def draws(draw: DrawFn) -> WrongRequest:
        return WrongRequest(name, body=spoils(draw, draw(right_bodies())))

    def strategy() -> SearchStrategy[WrongRequest]:
        return draws()

    return Way(name, says, requirement, statuses, strategy, holds, **more)


def letter_ways() -> tuple[Way, ...]:
    """Give the ways against JSON."""
    either = (400, 200)
    return (
        _way("truncated-json", "The body ends too early.", _cut),
        _way("comma-too-many", "A comma has nothing behind it.", _comma),
        _way("json-with-a-comment", "The body has a comment in it.", _comment),
        _way("single-quotes", "Texts stand in single quotes.", _quotes),
        _way("no-number", "NaN or Infinity stands for a number.", _no_number),
        _way("misspelt-number", "A number is not written as JSON writes it.", _misspelt_number),
        _way("more-than-one-value", "Something comes after the value.", _two),
        _way("bytes-no-utf-8", "The body has bytes that are no UTF-8.", _bad_bytes),
        _way("another-encoding", "The body is text in another encoding than UTF-8.", _encoded),
        _way("empty-body", "The body is empty.", _empty),
        _way("bare-control-character", "A text has a control character that is not escaped.", _control),
        _way("unknown-escape", "A text has an escape that JSON does not have.", _escape),
        _way("form-for-a-body", "The body is that of a form.", _form),
        _way(
            "no-object",
            "The body is JSON, and no object.",
            _no_object,
            _holds_no_object,
            requirement="IX-CREATE-043",
        ),
        _way(
            "nested-lists", "The input is a list of lists.", _nested, _is_nested, requirement="IX-CREATE-043"
        ),
        _way(
            "nested-without-end",
            "The input is nested deeper than readers follow.",
            _deep,
            _is_deep,
            statuses=(400, 413),
            costly=True,
        ),
        _way(
            "body-too-large",
            "The body is larger than inline data may be.",
            _large,
            _is_large,
            requirement="IX-INPUT-011",
            statuses=(413, 400, 200),
            tolerated="Pages name two limits, 20 and 100 MB.",
            costly=True,
        ),
        _way(
            "half-a-character",
            "A text has half of a surrogate pair.",
            _half,
            _has_a_half,
            statuses=either,
            tolerated="RFC 8259 allows the letters, and says that what comes of them cannot be foretold.",
        ),
        _way(
            "member-told-twice",
            "An object tells a member twice.",
            _twice,
            _says_twice,
            statuses=either,
            tolerated="RFC 8259 leaves it to the reader; many take the last.",
        ),
        _way(
            "byte-order-mark",
            "The body begins with a byte order mark.",
            _mark,
            _is_marked,
            statuses=either,
            tolerated="RFC 8259 lets readers ignore it.",
        ),
        _way(
            "number-beyond-all-range",
            "A number is larger than a double holds.",
            _beyond,
            _is_beyond,
            statuses=(400, 416, 200),
            tolerated="RFC 8259 leaves the range of numbers to the reader.",
        ),
    )
