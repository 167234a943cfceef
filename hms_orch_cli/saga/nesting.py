"""How deep JSON from outside may nest: what is read has to be written again, and lies deeper then."""

from __future__ import annotations

from typing import Any, Final

MAX_NESTING: Final = 100
"""Levels of lists and objects. A writer of JSON gives up at 255, and an answer comes to lie in events, in later
requests and in answers of the API."""


def is_too_deep(value: Any) -> bool:
    """Whether a value of JSON nests deeper than MAX_NESTING."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_NESTING):
        parts = (part for item in level for part in (item.values() if isinstance(item, dict) else item))
        level = [part for part in parts if isinstance(part, dict | list)]
        if not level:
            return False
    return True
