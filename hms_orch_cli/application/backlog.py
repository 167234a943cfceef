"""How much may wait: events that are in the log and have not met the definitions yet, because the runs fall behind.

They wait on the disk, so memory does not grow; but whoever publishes has to hear of it before the disk is full of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hms_orch_cli.errors import Overloaded
from hms_orch_cli.ports.clock import Clock
from hms_orch_cli.ports.store import LogReader

REFUSED_MS: Final = 200
"""For so long after a refusal it is not counted anew."""


class Backlog:
    """The events that wait, at most `limit`. `dispatched` is the position up to which the definitions were met."""

    def __init__(self, reader: LogReader, dispatched: Callable[[], int], clock: Clock, limit: int) -> None:
        self._reader = reader
        self._dispatched = dispatched
        self._clock = clock
        self._limit = limit
        self._most = limit
        """no more than so many wait; counted only when it could be over the limit"""
        self._refusing_until = 0

    def take(self, count: int) -> None:
        """Makes room for so many events, or raises Overloaded."""
        if self._most + count > self._limit:
            now = self._clock.now_ms()
            if now >= self._refusing_until:
                self._most = self._reader.arrivals(self._dispatched(), self._limit)
            if self._most + count > self._limit and self._most > 0:
                self._refusing_until = max(self._refusing_until, now + REFUSED_MS)
                raise Overloaded(
                    f"{self._most} events wait for their runs already", "try again when the runs have caught up"
                )
        self._most += count
