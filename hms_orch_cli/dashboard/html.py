"""The one way for text from outside to get into a page."""

from __future__ import annotations

from html import escape

from hms_orch_cli.safe import safe


def text(value: str, limit: int = 500) -> str:
    """Text from outside, as HTML: nothing in it is markup, moves letters about or hides."""
    return escape(safe(value, limit))
