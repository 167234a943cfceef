"""Expected against actual: values member by member, lists line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Final

import orjson

SHOWN: Final = 200
"""Characters of a value that are shown."""


def differences(expected: Any, actual: Any, where: str = "") -> Iterator[str]:
    """What is not as expected, one line for each value. Of maps only the members that are named are looked at, of lists
    every item; null is also what is not there."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for key, wanted in expected.items():
            yield from differences(wanted, actual.get(key), f"{where}.{key}" if where else str(key))
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for place, (wanted, found) in enumerate(zip(expected, actual, strict=True)):
            yield from differences(wanted, found, f"{where}[{place}]")
    elif not same(expected, actual):
        yield f"{where + ': ' if where else ''}expected {shown(expected)}, but it is {shown(actual)}"


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: true is not 1, but 1.0 is."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def shown(value: Any) -> str:
    """A value in a message."""
    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def compared(expected: Sequence[str], actual: Sequence[str]) -> tuple[str, ...]:
    """Both as one list of lines: `-` what was expected, `+` what is there instead, a blank before what is in both."""
    lines: list[str] = []
    for tag, first, end, other, other_end in SequenceMatcher(None, expected, actual, autojunk=False).get_opcodes():
        if tag == "equal":
            lines += [f"  {line}" for line in expected[first:end]]
        else:
            lines += [f"- {line}" for line in expected[first:end]] + [f"+ {line}" for line in actual[other:other_end]]
    return tuple(lines)


def filled_in(expected: Any, names: Mapping[str, str]) -> Any:
    """What is expected, with the names (such as `${saga.id}`) in its texts replaced."""
    if isinstance(expected, str):
        if "${" in expected:
            for name, value in names.items():
                expected = expected.replace(name, value)
        return expected
    if isinstance(expected, Mapping):
        return {key: filled_in(part, names) for key, part in expected.items()}
    if isinstance(expected, list):
        return [filled_in(part, names) for part in expected]
    return expected
