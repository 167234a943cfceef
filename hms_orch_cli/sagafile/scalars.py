"""What a plain YAML scalar means: the core schema of YAML 1.2.

So `on`, `no`, `12:30:45`, `2026-01-01` and `1_000` are texts. Numbers are JSON's: a whole number written `3.0` or
`3e0` is 3, for canonical JSON writes both alike, and one revision has one meaning. `010` is refused, for it reads as
10 in YAML 1.2, as 8 in YAML 1.1, and may be meant as the text "010".
"""

from __future__ import annotations

import re
from typing import Final

MAX_INTEGER: Final = 2**53 - 1
"""Beyond it JSON readers disagree (RFC 8785 refuses it)."""

_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_REAL: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_ENDLESS: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]+(?:\.|[eE]|$)")


class BadNumber(Exception):
    """A number that cannot be carried; the message says why, `fix` what to write."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def plain_value(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar. Raises BadNumber."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _ENDLESS.fullmatch(text):
        raise BadNumber(f"{text} is no number in JSON", "Put it in quotes if it is a text.")
    if _WHOLE.fullmatch(text):
        return _whole(text)
    if _REAL.fullmatch(text):
        return _real(text)
    return text


def _whole(text: str) -> int:
    _refuse_leading_zero(text)
    too_large = BadNumber("a whole number beyond 2^53 loses digits in JSON", "Put it in quotes.")
    # Checked by length first: int() of thousands of digits takes long, and Python refuses it.
    if len(text) > 20:
        raise too_large
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    value = int(text[2:] if base != 10 else text, base)
    if abs(value) > MAX_INTEGER:
        raise too_large
    return value


def _real(text: str) -> int | float:
    _refuse_leading_zero(text)
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise BadNumber("the number is too large for JSON", "Put it in quotes if it is a text.")
    return int(value) if value.is_integer() and abs(value) <= MAX_INTEGER else value


def _refuse_leading_zero(text: str) -> None:
    if _LEADING_ZERO.match(text):
        raise BadNumber(
            f"{text[:20]} starts with a zero, which some read as octal",
            "Drop the zero, or put it in quotes if it is a text.",
        )
