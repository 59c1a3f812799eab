r"""What a secret looks like, in whatever dress: what is redacted, and what `lint --secrets` looks for.

    for secret in spans(body, known): body[secret.start:secret.end]     # where it stands as it is
    for secret in find_secrets(data, known): secret.kind, secret.line   # also in gzip, base64, %41 and \u0041

Known by their form: API keys of Google, OAuth tokens and client secrets, bearer tokens, private keys, project
numbers and service accounts; known by their name: the values of headers and JSON members that carry
credentials or tell who asks. A value that stands for another (`REDACTED`, `$KEY`, `my-token`, `test-…`) is no
secret. `known` are values that are secret whatever they look like: those of at least `SHORTEST` characters.
"""

import base64
import re
import zlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from conformance.wire.coding import LARGEST_BYTES

__all__ = [
    "ALPHABETS",
    "KNOWN",
    "SECRET_HEADERS",
    "SHORTEST",
    "WRAPS",
    "Secret",
    "Span",
    "base64_runs",
    "decoded",
    "encoded",
    "find_secrets",
    "spans",
    "without_overlaps",
]

SHORTEST = 16
"""A known secret of fewer characters is no more than a word, and is not looked for in text."""
KNOWN = "key in use"

_PIECE = 1024 * 1024
_OVERLAP = 32 * 1024
"""Large bodies are looked at piece by piece; what is longer than the overlap is no secret."""

SECRET_HEADERS = frozenset(
    """x-goog-api-key x-api-key api-key authorization proxy-authorization x-auth-token cookie set-cookie
    x-goog-user-project x-goog-authenticated-user-email x-goog-authenticated-user-id x-goog-iap-jwt-assertion
    x-forwarded-user x-forwarded-email x-auth-request-user x-auth-request-email x-auth-request-access-token
    x-user-email x-user-id remote-user x-remote-user from""".split()
)
"""Headers that carry credentials, or tell who asks; their values never stay."""

_MEMBERS = frozenset(
    """api_key apikey access_token accesstoken refresh_token refreshtoken id_token idtoken client_secret
    clientsecret password private_key private_key_id""".split()
)
_ABOUT_USERS = frozenset(name for name in SECRET_HEADERS if "user" in name or "email" in name) - {
    "x-goog-user-project"
}
_NAMES = "|".join(sorted((SECRET_HEADERS | _MEMBERS) - {"from"}, key=len, reverse=True))

# A key begins where no letter of a key stands before it; the last letter of an escape is none of them. After
# + and / its length has to be right too: by chance its first letters stand in the base64 of an image.
_BEGINS = rb"(?:(?<![0-9A-Za-z_-])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
_FORMS: tuple[tuple[str, bytes, bytes], ...] = (
    # the kind, what is always in it (in lower case), the form
    ("API key", b"aiza", _BEGINS + rb"(?<![+/])(?P<secret>AIza[0-9A-Za-z_-]{35,200})"),
    ("API key", b"aiza", rb"(?<=[+/])(?P<secret>AIza[0-9A-Za-z_-]{35})(?![0-9A-Za-z_-])"),
    ("API key", b"aq.", _BEGINS + rb"(?P<secret>AQ\.[0-9A-Za-z_-]{30,})"),
    ("OAuth token", b"ya29.", _BEGINS + rb"(?P<secret>ya29\.[0-9A-Za-z._-]{20,})"),
    ("OAuth token", b"1//0", rb"(?<![0-9A-Za-z_-])(?P<secret>1//0[0-9A-Za-z_-]{30,})"),
    ("OAuth client secret", b"gocspx-", _BEGINS + rb"(?P<secret>GOCSPX-[0-9A-Za-z_-]{20,})"),
    (
        "bearer token",
        b"bearer",
        rb"(?i:bearer)(?:[ \t]|%20|\+|\\u0020)+\\*[\"']?(?P<secret>[0-9A-Za-z._~+/-]{16,}={0,2})",
    ),
    (
        "private key",
        b"private key",
        rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?P<secret>[^-]{16,20000})(?:-----END|\Z)",
    ),
    (
        "project number",
        b"project",
        (
            rb"(?i:\bproject(?:s/|s%2f|[_ ]?(?:number|id)?\\*[\"']?(?:[ \t]*[:=][ \t]*|[ \t]+)\\*[\"']?))"
            rb"(?P<secret>[1-9][0-9]{5,18})(?![0-9A-Za-z])"
        ),
    ),
    ("project", b"projects/", rb"\bprojects/(?P<secret>[a-z][a-z0-9-]{4,28}[a-z0-9])(?=/locations/)"),
    (
        "account",
        b"s/",
        (
            rb"\b(?:organizations|folders|users|accounts|billingAccounts)/"
            rb"(?P<secret>[1-9][0-9]{5,20}|[0-9A-F]{6}(?:-[0-9A-F]{6}){2})(?![0-9A-Za-z])"
        ),
    ),
    (
        "service account",
        b"gserviceaccount.com",
        rb"(?P<secret>[0-9A-Za-z][0-9A-Za-z.-]{0,80}@[0-9A-Za-z.-]{1,80}\.gserviceaccount\.com)",
    ),
)
_PATTERNS = tuple((kind, hint, re.compile(form)) for kind, hint, form in _FORMS)
_NAMED = re.compile(
    rb"(?i)(?<![\w-])(?P<name>" + _NAMES.encode() + rb")\\*[\"']?\s*"
    rb"(?:[:=,]\s*(?:\\*[\"']?value\\*[\"']?\s*:\s*)?|(?=value:)value:\s*)(?:[-\[(]\s*)?"
    rb"(?:(?P<quote>\\*[\"'])(?P<quoted>[^\"'\\\x00-\x1f]+)|(?P<plain>[^\s\"'\\,\]\[{}()&|][^\x00-\x1f\"'\\]*))"
)
_STEMS = tuple(b"key auth cookie user email token secret password jwt".split())
"""One of these is in each name; most bytes have none, and need no closer look."""
_KEY_IN_QUERY = re.compile(
    rb"(?i)(?<=[?&])(?:key|api_key|apikey|access_token|oauth_token)=(?P<secret>[^&#%\s\"'\\<>]+)"
)
_LEFT_OUT = re.compile(rb"(?i)redacted|\.\.\.|\xe2\x80\xa6|\*\*\*|xxxx|^(?:[$<{]|%\w+%$)")
_STAND_IN = re.compile(
    rb"(?i)(?:^|[^0-9a-z])(?:test|tests|fake|dummy|example|sample|placeholder|conformance|your|my)(?:$|[^0-9a-z])"
    rb"|^(?:bad|key)-|" + _LEFT_OUT.pattern[4:]
)


@dataclass(frozen=True, slots=True)
class Span:
    """A secret that stands as it is in some bytes, or in the encoding of a known one."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that was found: its kind, where, and as much of it as may be shown.

    line: from 1. within: what had to be undone to see it, outermost first, such as ("base64", "gzip").
    """

    kind: str
    line: int
    within: tuple[str, ...]
    shown: str

    def moved(self, lines: int) -> "Secret":
        """Give the same, so many lines further down."""
        return replace(self, line=self.line + lines)

    def __str__(self) -> str:
        dress = f" in {' in '.join(reversed(self.within))}" if self.within else ""
        return f"{self.kind}{dress}: {self.shown}"


def spans(data: bytes, known: Collection[str] = ()) -> list[Span]:
    """Give the places of all secrets that stand as they are, in order, without overlaps."""
    found: list[Span] = []
    for begin in range(0, max(len(data) - _OVERLAP, 1), _PIECE - _OVERLAP):
        piece = data[begin : begin + _PIECE] if len(data) > _PIECE else data
        inside = [*_known_spans(piece, known), *_formed_spans(piece)]
        found += (Span(span.kind, begin + span.start, begin + span.end) for span in inside)
    return without_overlaps(found)


def without_overlaps(found: list[Span]) -> list[Span]:
    """Put spans into their order; of those that overlap the first stays, and the longer one."""
    found.sort(key=lambda span: (span.start, -span.end))
    kept: list[Span] = []
    for span in found:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _formed_spans(data: bytes) -> Iterator[Span]:
    lower = data.lower()
    for kind, hint, pattern in _PATTERNS:
        if hint in lower:
            for match in pattern.finditer(data):
                if kind not in ("bearer token", "private key") or _looks_random(match["secret"]):
                    yield Span(kind, *match.span("secret"))
    if not _holds(lower, _STEMS):
        return
    for match in _NAMED.finditer(data):
        yield from _named(match)
    for match in _KEY_IN_QUERY.finditer(data) if b"=" in data else ():
        if _looks_random(match["secret"]):
            yield Span("key in a query", *match.span("secret"))


def _holds(data: bytes, words: Iterable[bytes]) -> bool:
    for word in words:  # noqa: SIM110  a generator takes three times as long
        if word in data:
            return True
    return False


def _named(match: re.Match[bytes]) -> Iterator[Span]:
    """Tell whether the value that follows a name that carries secrets is one."""
    name = match["name"].decode().lower()
    group = "quoted" if match["quote"] else "plain"
    value = match[group].rstrip()
    start, _ = match.span(group)
    if name in ("cookie", "set-cookie"):
        if b"=" in value.strip(b"=") and not _LEFT_OUT.search(value):
            yield Span("cookie", start, start + len(value))
        return
    word = re.match(rb"(?:(?i:bearer|basic|digest|token)\s+)?(\S+)", value)
    if word is None:
        return
    told = word[1].rstrip(b",;") if group == "plain" else word[1]
    span = Span(_kind_of(name), start + word.start(1), start + word.start(1) + len(told))
    if name in _ABOUT_USERS or name == "x-goog-user-project":
        if len(told) >= 6 and re.search(rb"[0-9@]", told) and not _STAND_IN.search(told):
            yield span
    elif _looks_random(told):
        yield span


def _kind_of(name: str) -> str:
    if name in _ABOUT_USERS:
        return f"user in {name}"
    return f"value of {name}"


def _looks_random(value: bytes) -> bool:
    """Tell what a machine made from a word or a stand-in: by its length, its digits, its capitals."""
    if len(value) < SHORTEST or _STAND_IN.search(value):
        return False
    return re.search(rb"[0-9]|[a-z][A-Z]", value) is not None


def _known_spans(data: bytes, known: Collection[str]) -> Iterator[Span]:
    escaped = b"%" in data or b"\\" in data
    for secret in known:
        if len(secret) >= SHORTEST and (escaped or secret.encode() in data):
            for match in _in_any_escape(secret).finditer(data):
                yield Span(KNOWN, *match.span())


@lru_cache(maxsize=64)
def _in_any_escape(secret: str) -> re.Pattern[bytes]:
    r"""Match a text as it is, with `%41` or `\u0041` for any of its characters, and `\/` for a slash."""
    return re.compile(b"".join(map(_escapes_of, secret)))


def _escapes_of(character: str) -> bytes:
    r"""Match a character as it is, percent-encoded however often, or as `\u0041`."""
    data, units = character.encode(), character.encode("utf-16-be")
    plain = (rb"\\*" if character in '/"\\' else b"") + re.escape(data)
    percent = b"".join(b"%%(?:25)*%02x" % byte for byte in data)
    escaped = b"".join(rb"\\+u%02x%02x" % pair for pair in zip(units[::2], units[1::2], strict=True))
    return b"(?:%b|(?i:%b|%b)%b)" % (plain, percent, escaped, rb"|\+" if character == " " else b"")


# What is wrapped.

ALPHABETS = (b"+/", b"-_")
_WRAP = rb"[ \t]*(?:\\r)?(?:\\n|\r?\n)[ \t]*"
_RUNS = tuple(
    re.compile(rb"[0-9A-Za-z%b]{22,}(?:%b[0-9A-Za-z%b]{4,})*+" % (re.escape(two), _WRAP, re.escape(two)))
    for two in ALPHABETS
)
_PACKED_RUN = re.compile(rb"H4sI(?:%b|[0-9A-Za-z+/])*+" % _WRAP)
WRAPS = re.compile(_WRAP)
_DEEPEST = 4
_ESCAPES = re.compile(rb"\\+u00([0-9A-Fa-f]{2})|\\+([/\"])")
_GZIP = b"\x1f\x8b\x08"


def base64_runs(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Give where base64 may stand, and the last two letters of its alphabet; lines that are wrapped together.

    A long run comes in pieces that overlap, so that a large body takes no more memory than it has.
    """
    for two, runs in zip(ALPHABETS, _RUNS, strict=True):
        for match in runs.finditer(data):
            start, end = match.span()
            if two == b"-_" and data.find(b"-", start, end) < 0 and data.find(b"_", start, end) < 0:
                continue  # the other alphabet had it
            for begin in range(start, max(end - _OVERLAP, start + 1), _PIECE - _OVERLAP):
                yield begin, min(begin + _PIECE, end), two


def decoded(text: bytes, two: bytes) -> bytes:
    """Decode base64 whose end may be cut off: what is missing is taken for zeros."""
    standard = text.translate(bytes.maketrans(two, b"+/"))
    return base64.b64decode(standard + b"A" * (-len(standard) % 4))


def encoded(data: bytes, two: bytes) -> bytes:
    """Undo `decoded`, but for what it added at the end."""
    return base64.b64encode(data, altchars=two)


def find_secrets(data: bytes, known: Collection[str] = ()) -> list[Secret]:
    """Find all secrets in a file, or in whatever bytes; what is packed or encoded in them is looked into."""
    search = _Search(known)
    search.look(data, (), None)
    return sorted(search.found.values(), key=lambda secret: secret.line)


class _Search:
    """A search through bytes and what they wrap; each secret is told once a line, in its plainest form."""

    def __init__(self, known: Collection[str]) -> None:
        self.found: dict[tuple[int, bytes], Secret] = {}
        self._known = known
        self._seen: set[bytes] = set()

    def look(self, data: bytes, within: tuple[str, ...], line: int | None) -> None:
        """Look at some bytes, and at what they wrap; `line` where they stand, None for the file itself."""
        ends = [] if line else [match.start() for match in re.finditer(rb"\n", data)]
        for span in spans(data, self._known):
            value = data[span.start : span.end]
            shown = _shown(value.strip())
            at = line or bisect_left(ends, span.start) + 1
            if span.kind == KNOWN:  # whatever dress it wore, it is the same
                value = KNOWN.encode() + b"%d" % at
            if not (within and value in self._seen):
                self._seen.add(value)
                self.found.setdefault((at, value), Secret(span.kind, at, within, shown))
        if len(within) >= _DEEPEST:
            return
        for name, inner, start in _layers(data, within):
            self.look(inner, (*within, name), line or bisect_left(ends, start) + 1)


def _layers(data: bytes, within: tuple[str, ...]) -> Iterator[tuple[str, bytes, int]]:
    """Undo each coding that the bytes may be in: what it is called, what is in it, its place."""
    if data.startswith(_GZIP):
        with suppress(zlib.error):  # what is cut off is looked at as far as it goes
            yield "gzip", zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(data, LARGEST_BYTES), 0
        return
    for name, mark, undo in _UNDONE:
        if within[-1:] != (name,):
            yield from ((name, undo(line), start) for start, line in _lines_with(mark, data))
    for match in _PACKED_RUN.finditer(data):  # as a whole, however long: a piece of it cannot be unpacked
        yield "base64", decoded(WRAPS.sub(b"", match[0]), b"+/"), match.start()
    for start, end, two in base64_runs(data):
        text = WRAPS.sub(b"", data[start:end])
        for offset in range(4):  # letters that do not belong to it may stand before it
            yield "base64", decoded(text[offset:], two), start


def _lines_with(mark: re.Pattern[bytes], data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give each line in which a mark stands, and where it begins."""
    end = 0
    for match in mark.finditer(data):
        if match.start() >= end:
            start = data.rfind(b"\n", 0, match.start()) + 1
            end = data.find(b"\n", match.start()) + 1 or len(data)
            yield start, data[start:end]


def _unescaped(text: bytes) -> bytes:
    return _ESCAPES.sub(lambda match: bytes([int(match[1], 16)]) if match[1] else match[2], text)


_UNDONE = (
    ("percent-encoding", re.compile(rb"%[0-9A-Fa-f]{2}"), unquote_to_bytes),
    ("escapes", _ESCAPES, _unescaped),
)


def _shown(value: bytes) -> str:
    """Show as much as tells which one it is: four characters at most, and the length."""
    begin = value[: min(4, len(value) // 4)].decode(errors="replace")
    return f"{begin!a}… ({len(value)} characters)"
