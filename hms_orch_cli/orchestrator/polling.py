"""How often a participant that works on it is asked: at most every 100 ms, more slowly as it takes longer."""

from __future__ import annotations

from hms_orch_cli.saga.outcome import MAX_RETRY_AFTER_MS

SHORTEST_MS = 100
LONGEST_MS = 5_000
GROWTH = 1.5


def first_pause_ms(status: int) -> int:
    """The pause before the first question: a 425 asks for a moment, a 202 may be done at once."""
    return 500 if status == 425 else SHORTEST_MS


class Pace:
    """Pauses between questions; a participant's Retry-After takes the place of the next one."""

    def __init__(self, first_ms: int) -> None:
        self._next_ms: float = first_ms
        self._asked_for: int | None = None

    def heed(self, retry_after_ms: int | None) -> None:
        """Takes over what the participant asks for."""
        self._asked_for = retry_after_ms

    def next_pause_ms(self) -> int:
        """Milliseconds until the next question."""
        if self._asked_for is not None:
            pause, self._asked_for = self._asked_for, None
            return min(max(pause, SHORTEST_MS), MAX_RETRY_AFTER_MS)
        pause_ms = int(self._next_ms)
        self._next_ms = min(self._next_ms * GROWTH, LONGEST_MS)
        return pause_ms
