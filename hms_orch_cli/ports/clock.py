"""The time."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The time. Rises monotonically while the process lives, whatever the wall clock does."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
