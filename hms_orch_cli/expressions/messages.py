"""What the library says of a wrong expression, in one line for the person who wrote it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from hms_orch_cli.errors import ExpressionError

MAX_MESSAGE = 300
"""Characters of a message."""

FUNCTIONS = (
    *("size", "has", "all", "exists", "exists_one", "map", "filter", "contains", "startsWith", "endsWith", "matches"),
    *("int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration", "dyn", "type"),
    *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
    *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
)

_COMPLAINT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\((.*)\)'")
"""The checker's complaint that an operator or a function does not take these types."""

_NO_MEMBERS = re.compile(r"expression of type '(\w+).*' cannot be the operand of a select operation")
_UNEXPECTED = re.compile(
    r"(?:mismatched|extraneous) input '(.*?)' expecting"
    r"|no viable alternative at input '(.*)'"
    r"|token recognition error at: '(.*)"
)

_OTHER_TONGUES = {"=": "==", "and": "&&", "or": "||", "not": "!", "is": "==", "===": "=="}
"""What people write who come from elsewhere."""

_AT_RUN_TIME = (
    (re.compile(r'Key not found in map : (".*")', re.DOTALL), r"no such key \1"),
    (re.compile(r"Index error: index=(-?\d+) size=(\d+)"), r"no item \1 in a list of \2"),
    (re.compile(r"No matching overloads found : (.*)", re.DOTALL), None),
    (re.compile(r"Applying SELECT to non-message type"), "a member is read from a value that is no map"),
    (re.compile(r"Iteration budget exceeded"), "more than 10,000 iterations"),
    (re.compile(r"construction from null"), "a text holds half a character (an unpaired surrogate)"),
)


def compile_error(said: str, text: str, names: Sequence[str]) -> ExpressionError:
    """The first complaint of the compiler, with its place: a character of the whole `text`, counted from 1."""
    found = _COMPLAINT.search(said)
    if "recursion" in said:
        return ExpressionError("nested deeper than 32 levels", "Split the expression.")
    if found is None:
        return ExpressionError(_line(said))
    line, column, complaint = int(found[1]), int(found[2]), found[3].removesuffix(" [INVALID_ARGUMENT]")
    place = sum(len(part) + 1 for part in text.split("\n")[: line - 1]) + column if line > 0 else 0
    if undeclared := _UNDECLARED.search(complaint):
        return _unknown(undeclared[1], place, text, names)
    if overload := OVERLOAD.search(complaint):
        types = overload[2].replace("google.protobuf.", "").lower()
        return ExpressionError(_line(f"{_operator(overload[1])} cannot be used on ({types})"), column=place)
    if single := _NO_MEMBERS.search(complaint):
        return ExpressionError(f"a member is read from a value of type {single[1]}, which has none", column=place)
    if unexpected := _UNEXPECTED.search(complaint):
        return _misplaced((unexpected[1] or unexpected[2] or unexpected[3] or "").strip(), place)
    return ExpressionError(_line(complaint.removeprefix("Syntax error: ")), column=place)


def runtime_error(said: str, *, hide: bool) -> ExpressionError:
    """What the library says of an evaluation. `hide`: nothing of the values may be shown, one of them is a secret."""
    message = said.partition(": ")[2] or said
    if hide:
        return ExpressionError("cannot be evaluated; the reason is hidden, for the expression uses a secret")
    for pattern, text in _AT_RUN_TIME:
        if found := pattern.search(message):
            if text is None:
                name, _, types = found[1].partition("(")
                message = f"{_operator(name)} cannot be used on ({types or '…)'}"
            else:
                message = found.expand(text)
            break
    return ExpressionError(_line(message))


def _unknown(path: str, place: int, text: str, names: Sequence[str]) -> ExpressionError:
    """A name or a function that is not known. The compiler points behind the name, at the last dot or at the `(`."""
    head = path.partition(".")[0]
    start = text.rfind(head, 0, place + len(head)) + 1
    if text[place - 1 : place] == "(":
        start = text.rfind(head, 0, place - 1) + 1
        hint = _nearest(head, FUNCTIONS)
        return ExpressionError(_line(f"unknown function '{head}'"), hint, column=start or place)
    known = ", ".join(names)
    hint = _nearest(head, names) or f"Known here: {known}."
    return ExpressionError(_line(f"unknown name '{head}'"), hint, column=start or place)


def _nearest(word: str, known: Sequence[str]) -> str:
    close = get_close_matches(word[:80], known, 1)
    return f"Did you mean '{close[0]}'?" if close else ""


def _misplaced(word: str, place: int) -> ExpressionError:
    """A word that cannot stand where it stands."""
    if word == "<EOF>":
        return ExpressionError("the expression ends too early", column=place)
    if word.startswith(('"', "'")):
        return ExpressionError("a string is not closed", column=place)
    word = word.removesuffix("'").strip()
    instead = _OTHER_TONGUES.get(word)
    return ExpressionError(_line(f"unexpected '{word}'"), f"CEL writes '{instead}'." if instead else "", column=place)


def _operator(name: str) -> str:
    """`_==_` is how CEL calls `==`."""
    return f"'{name.replace('@', '').strip('_').replace('_', ' ') if '_' in name or '@' in name else name}'"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"
