"""The address book."""

from __future__ import annotations

from typing import NamedTuple


class Service(NamedTuple):
    """An entry of the address book: the base URL of a participant, and the `aud` of its tokens if not its name."""

    url: str
    audience: str | None = None
