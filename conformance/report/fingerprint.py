r"""What a message says without its values, by which a known failure is known again.

    fingerprint('event 3 of 10 is lost: {"index": 1}') == "event # of # is lost: …"

`…` stands for quoted text, JSON, addresses; `#` for every word with a digit in it: numbers, times, versions,
most ids, pointers such as /0/type. A list of either is one of them. The other words stay, and so does what a
member is called, so that one which is missing and one of the wrong type are two reasons. What was made of a
message once is not changed again: a list of known failures may hold the message itself.
"""

import re

__all__ = ["fingerprint"]

_TEXT, _NUMBER = "…", "#"
_OPENS = re.compile(r"""(?<![^\s(:=,])(?<!member )["']|[\[{]""")
"""A quote at the beginning of a word (the one in "client's" begins none), or JSON."""
_ADDRESS = re.compile(r"(?<![\w+.-])[A-Za-z][\w+.-]*://\S+")
_WORD_WITH_DIGIT = re.compile(r"(?<![\w/%@~+.-])[\w/%@~+.-]*\d(?:[\w/%@~+.:=&?-]*[\w/%@~+=&-])?")
_LIST = re.compile(rf"([{_TEXT}{_NUMBER}])(?:, \1)+")


def fingerprint(message: str) -> str:
    """Give what a message says, without its values."""
    parts, at = [], 0
    while found := _OPENS.search(message, at):
        parts += [message[at : found.start()], _TEXT]
        at = _end(message, found.start())
    text = " ".join("".join([*parts, message[at:]]).split())
    text = _WORD_WITH_DIGIT.sub(_NUMBER, _ADDRESS.sub(_TEXT, text))
    return _LIST.sub(r"\1", text)


def _end(message: str, at: int) -> int:
    """Where a value ends that begins at `at`: closed, cut short with an ellipsis, or with the message."""
    depth, quote = 0, ""
    while at < len(message):
        char = message[at]
        at += 1
        if char == _TEXT:
            return at + (message[at : at + 1] in {'"', "'", "]", "}"})
        if quote:
            at += char == "\\"
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            depth += (char in "[{") - (char in "]}")
        if not quote and depth <= 0:
            return at
    return at
