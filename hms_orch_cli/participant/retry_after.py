"""Retry-After (RFC 9110, 10.2.3): seconds or a date. What is neither is no Retry-After."""

from __future__ import annotations

import time
from typing import Final

_LONGEST_MS: Final = 366 * 86_400_000
"""Far beyond what is honoured, and small enough for every clock that it is added to."""


def retry_after_ms(text: str, now: float | None = None) -> int | None:
    """Milliseconds to wait, 0 for a date that has passed, None for junk. `now` is seconds since 1970."""
    text = text.strip()
    if not text or len(text) > 64 or not text.isascii():
        return None
    if text.isdigit():
        return min(int(text) * 1_000, _LONGEST_MS)
    from email.utils import parsedate_to_datetime

    if not text[:3].isalpha():  # a date begins with its day; the parser would also read "-5" as one
        return None
    try:
        due = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    wait_ms = int((due - (time.time() if now is None else now)) * 1_000)
    return min(max(wait_ms, 0), _LONGEST_MS)
