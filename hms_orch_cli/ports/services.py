"""The address book."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """An entry of the address book: the base URL of a participant, and the `aud` of its tokens if not its name."""

    url: str
    audience: str | None = None
