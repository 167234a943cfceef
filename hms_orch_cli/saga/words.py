"""What a participant says in its own words, for people to read."""

from __future__ import annotations

from typing import Any


def words_of(body: Any) -> str:
    """A problem's title and detail (RFC 9457), else the usual members of a JSON answer, else a text that is the whole
    answer; empty if it says nothing. Not bounded."""
    if isinstance(body, str):
        return body.strip()
    if not isinstance(body, dict):
        return ""
    title, detail = _text(body.get("title")), _text(body.get("detail"))
    if title or detail:
        return ": ".join(filter(None, (title, detail)))
    for name in ("message", "error", "summary"):
        member = body.get(name)
        words = _text(member.get("message")) if isinstance(member, dict) else _text(member)
        if words:
            return words
    return ""


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
