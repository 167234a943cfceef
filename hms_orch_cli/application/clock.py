"""The time of a process: the wall clock at its start, moved on by the monotonic clock."""

from __future__ import annotations

import time


class SystemClock:
    """Rises steadily whatever is done to the wall clock meanwhile, so no pause ends early and none is skipped."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return (self._offset_ns + time.monotonic_ns()) // 1_000_000
