"""Values on their way into CEL and out of it. Outside there are JSON values only.

Out of CEL: numbers, texts, booleans and null as they are; bytes as base64, timestamps as RFC 3339, durations as
seconds (`"1.5s"`): what the protobuf JSON mapping does, which CEL refers to. Maps come out sorted by key: CEL maps
have no order, and the same request has to be the same bytes at every attempt.
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.expressions.lexer import Members

MAX_DEPTH = 512
"""The library recurses in C: data of 100,000 levels ends the process."""

_INTEGERS = range(-(2**63), 2**64)


def frame(needs: Mapping[str, Members], names: Mapping[str, Any]) -> dict[str, Any]:
    """What an evaluation is given: of each name that it uses the members that it uses, for the library converts all
    of what it gets. Raises ExpressionError for a missing name and for values that CEL cannot take."""
    given: dict[str, Any] = {}
    for name, members in needs.items():
        try:
            value = names[name]
        except KeyError:
            raise ExpressionError(f"'{name}' has no value here") from None
        if members is not None and (type(value) is dict or isinstance(value, Mapping)):
            value = {member: value[member] for member in members if member in value}
        _admit(name, value)
        given[name] = value
    return given


def _admit(name: str, value: Any) -> None:
    """Lets JSON values pass. The library cuts texts at a NUL, which would make "a\\0b" equal to "a"."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ExpressionError(f"'{name}' is nested deeper than {MAX_DEPTH} levels")
        deeper: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is str:
                if "\0" in item:
                    raise ExpressionError(f"'{name}' holds a NUL character, which CEL cannot compare")
            elif kind is dict:
                deeper.extend(item)
                deeper.extend(item.values())
            elif kind is list:
                deeper.extend(item)
            elif kind is int:
                if item not in _INTEGERS:
                    raise ExpressionError(f"'{name}' holds a whole number outside 64 bits")
            elif kind is not float and kind is not bool and item is not None:
                raise ExpressionError(f"'{name}' holds a {kind.__name__}, which is no JSON value")
        level = deeper


def to_json(value: Any) -> Any:
    """A value of the library as plain JSON values. Raises ExpressionError for one that JSON does not have."""
    kind = type(value)
    if kind is str or kind is bool or kind is int or value is None:
        return value
    if kind is float:
        if not math.isfinite(value):
            raise ExpressionError("the result is not a finite number, which JSON cannot say")
        return value
    if kind is dict:
        return _map(value)
    if kind is list:
        return [to_json(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return _seconds(value)
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode("ascii")
    raise ExpressionError("the result is a type, not a value")


def to_text(value: Any) -> str:
    """How a value stands inside a text: a string as it is, all else as compact JSON (`true`, `null`, `[1,2]`)."""
    return value if type(value) is str else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _map(value: dict[Any, Any]) -> dict[str, Any]:
    """JSON keys are texts: those of other types become what JSON would write."""
    written = {key if type(key) is str else to_text(key): item for key, item in value.items()}
    if len(written) < len(value):
        raise ExpressionError("the result is a map with the same key twice: a number beside its text")
    return {key: to_json(written[key]) for key in sorted(written)}


def _seconds(value: timedelta) -> str:
    micros = value // timedelta(microseconds=1)
    whole, fraction = divmod(abs(micros), 1_000_000)
    sign = "-" if micros < 0 else ""
    return f"{sign}{whole}" + (f".{fraction:06}".rstrip("0") if fraction else "") + "s"
