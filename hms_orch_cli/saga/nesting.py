"""How deep JSON from outside may nest: what is read has to be written again, and lies deeper then."""

from __future__ import annotations

from typing import Any, Final

MAX_NESTING: Final = 100
"""Levels of lists and objects. A writer of JSON gives up at 255, and an answer comes to lie in events, in later
requests and in answers of the API."""

_NESTS: Final = (dict, list)


def is_too_deep(value: Any) -> bool:
    """Whether a value of JSON nests deeper than MAX_NESTING."""
    level = [value] if isinstance(value, _NESTS) else []
    for _ in range(MAX_NESTING):
        level = [
            part
            for item in level
            for part in (item.values() if isinstance(item, dict) else item)
            if isinstance(part, _NESTS)
        ]
        if not level:
            return False
    return True
