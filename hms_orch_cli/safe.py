"""Text from outside on its way to a terminal: what could move the cursor, hide or reorder is written out instead."""

from __future__ import annotations

import re
from typing import Final

_DANGEROUS: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: escape sequences of a terminal
    "\u00ad\u180e\u200b-\u200d\u2060-\u2065\ufeff\ufff9-\ufffb"  # soft hyphen, zero width, invisible
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # bidi: letters in another order than they are read
    "\u2028\u2029"  # separators that some programs take for a new line
    "\ufffe\uffff"  # no characters, and nothing that XML can carry
    "\ud800-\udfff"  # halves of a surrogate pair, which cannot be written out
    "\U000e0000-\U000e0fff"  # tags: an invisible alphabet
    "]"
)


def safe(text: str, limit: int | None = None) -> str:
    """`text` with every control, bidi and zero-width character written as `\\xNN`, `\\uNNNN` or `\\UNNNNNNNN`; a new
    line too, so that the result is one line. With `limit` at most so many characters, the last one `…` if cut."""
    if limit is not None:
        # Every character becomes at least one: what lies beyond the limit cannot come back into it.
        cut = _DANGEROUS.sub(_written, text[: limit + 1])
        return cut if len(cut) <= limit else cut[: max(limit - 1, 0)] + "…"[:limit]
    return _DANGEROUS.sub(_written, text)


def _written(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
