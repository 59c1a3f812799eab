r"""A text that fits a regular expression, found by reading the expression.

    text_for(r"^[A-Z]{3}-\d{2,4}$")     # "AAA-00"

Read is what patterns in schemas use: literals, classes, the usual escapes, groups, alternatives, repetitions
and anchors at the ends. Of each choice the first is taken, of each repetition the least. For an expression
that says more (looks around, refers back, has anchors in the middle) there is None. The text is never
compared with the pattern: a pattern comes from a client, and comparing can take for ever.
"""

__all__ = ["text_for"]

_LONGEST = 10_000
_DEEPEST = 50
_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_RANGES = {"d": ["09"], "w": ["az", "AZ", "09", "__", "éé"], "s": ["  ", "\t\r"]}
_CONTROLS = {"a": "\a", "n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_TRIED = "aA0 -_.,:;/@#!~é"


def text_for(pattern: str, least: int = 0) -> str | None:
    """Give the plainest text that fits a pattern, of at least so many characters where the pattern allows it.

    None: this module does not understand the pattern, or the text would be longer than 10,000 characters.
    """
    plain = _Reader(pattern)
    text = plain.alternatives(0)
    if len(text) < least:
        plain = _Reader(pattern, min(least, _LONGEST) - len(text))
        text = plain.alternatives(0)
    understood = plain.understood and plain.ended and len(text) < _LONGEST
    return text if understood else None


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str, missing: int = 0) -> None:
        self._pattern = pattern
        self._at = 0
        self._missing = missing
        self._negated_class = False
        self.understood = True

    @property
    def ended(self) -> bool:
        """Whether the whole pattern was read."""
        return self._at >= len(self._pattern)

    def _peek(self, ahead: int = 0) -> str:
        return self._pattern[self._at + ahead : self._at + ahead + 1]

    def _take(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1 : self._at]

    def _takes(self, text: str) -> bool:
        if self._pattern.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def alternatives(self, depth: int) -> str:
        first = self._sequence(depth)
        while self._takes("|"):
            self._sequence(depth)
        return first

    def _sequence(self, depth: int) -> str:
        made: list[str] = []
        size = 0
        while (here := self._peek()) and here not in "|)":
            atom = self._atom(depth)
            text = atom * min(self._times(), _LONGEST // (len(atom) or 1))
            size += len(text)
            if size <= _LONGEST:
                made.append(text)
        return "".join(made)

    def _atom(self, depth: int) -> str:
        match self._take():
            case "(":
                return self._group(depth)
            case "[":
                return self._set()
            case "\\":
                return self._escape()
            case ".":
                return "a"
            case "^":
                self.understood &= self._at == 1
                return ""
            case "$":
                alone = not self._pattern[self._at :].strip(")")
                self.understood &= alone or (depth == 0 and self._peek() == "|")
                return ""
            case literal:
                return literal

    def _group(self, depth: int) -> str:
        if self._takes("?"):
            if self._takes("P<") or (self._peek() == "<" and self._peek(1) not in ("=", "!")):
                while self._take() not in (">", ""):
                    pass
            else:
                self.understood &= self._takes(":")
        if depth >= _DEEPEST:
            self.understood = False
            return ""
        text = self.alternatives(depth + 1)
        self.understood &= self._takes(")")
        return text

    def _escape(self) -> str:
        letter = self._take()
        if letter in ("b", "B", "A", "Z", "z") or letter.isdecimal():
            self.understood = False
            return ""
        if letter in ("x", "u"):
            size = 2 if letter == "x" else 4
            digits = self._pattern[self._at : self._at + size]
            self._at += size
            return _character(digits)
        if letter in ("p", "P") and self._takes("{"):
            kind = ""
            while (more := self._take()) not in ("}", ""):
                kind += more
            return "A" if kind in ("Lu", "Uppercase") else "0" if kind.startswith("N") else "a"
        return _CLASSES.get(letter) or _CONTROLS.get(letter, letter)

    def _set(self) -> str:
        negated = self._takes("^")
        self._negated_class = False
        members: list[str] = []
        while self._peek() and (self._peek() != "]" or not members):
            if self._peek() == "\\" and self._peek(1) in _RANGES:
                self._take()
                members += _RANGES[self._take()]
                continue
            low = self._member()
            if self._peek() == "-" and self._peek(1) not in ("]", ""):
                self._take()
                members.append(low + self._member())
            else:
                members.append(low + low)
        self.understood &= self._take() == "]"
        if not negated:
            return members[0][0] if members[0:1] and members[0] else ""
        free = (one for one in _TRIED if not any(_holds(member, one) for member in members))
        self.understood &= not self._negated_class
        return next(free, "")

    def _member(self) -> str:
        letter = self._take()
        if letter != "\\":
            return letter
        self._negated_class |= self._peek() in _CLASSES
        return self._escape()

    def _times(self) -> int:
        """Read a repetition, if there is one, and give how often it is taken."""
        least, most = 1, 1
        match self._peek():
            case "*":
                self._take()
                least, most = 0, _LONGEST
            case "?":
                self._take()
                least, most = 0, 1
            case "+":
                self._take()
                least, most = 1, _LONGEST
            case "{":
                least, most = self._bounds()
        if self._pattern[self._at - 1 : self._at] in ("*", "?", "+", "}"):
            self._takes("?")
            self.understood &= self._peek() not in ("*", "?", "+", "{")
        more = min(self._missing, most - least)
        self._missing -= more
        return least + more

    def _bounds(self) -> tuple[int, int]:
        inner, closed, rest = self._pattern[self._at + 1 :].partition("}")
        low, comma, high = inner.partition(",")
        if not closed or not low.isdecimal() or len(inner) > 12 or (high and not high.isdecimal()):
            return 1, 1
        self._at = len(self._pattern) - len(rest)
        least = int(low)
        return least, max(least, int(high or _LONGEST) if comma else least)


def _holds(member: str, one: str) -> bool:
    """Whether a range, written as its two ends, holds a character."""
    return member[:1] <= one <= member[1:2]


def _character(digits: str) -> str:
    try:
        return chr(int(digits, 16))
    except ValueError:
        return ""
