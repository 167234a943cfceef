"""Text in the cells of a terminal: how wide it is, and where it may be broken."""

from __future__ import annotations

from unicodedata import combining, east_asian_width


def width(text: str) -> int:
    """The cells that `text` takes; it holds nothing that moves the cursor."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def broken(text: str, cells: int) -> list[str]:
    """`text` in pieces no wider than `cells` (of two at least), broken behind a blank or a slash where one is near."""
    lines: list[str] = []
    while width(text) > cells:
        end = _fitting(text, max(cells, 2))
        near = max(text.rfind(sign, end // 2, end) for sign in " /,")
        end = near + 1 if near >= 0 else end
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*lines, text]


def _fitting(text: str, cells: int) -> int:
    """How many characters fit."""
    for count in range(len(text)):
        cells -= width(text[count])
        if cells < 0:
            return count
    return len(text)
