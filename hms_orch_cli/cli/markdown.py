"""Text from outside in Markdown that somebody else's page renders: it stays text, mentions nobody and links nowhere."""

from __future__ import annotations

import re

from hms_orch_cli.safe import safe


def code(text: str) -> str:
    """`text` as a code span, whatever is in it. Nothing in a code span is markup but the backquotes that end it, so
    there are more of them around it than anywhere in it."""
    shown = safe(text) or " "
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
