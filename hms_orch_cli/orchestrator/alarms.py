"""Wake-up times of many runs behind one timer of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heapify, heappop, heappush

from hms_orch_cli.ports.clock import Clock

PASSED_OVER = 1_024
"""Entries of alarms that were cleared, beyond as many as there are alarms, that may stand in the heap."""


class Alarms:
    """At most one alarm a run: setting it again replaces it. `ring(name)` is called when its time has come."""

    def __init__(self, clock: Clock, ring: Callable[[str], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._heap: list[tuple[int, str]] = []
        self._at: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0

    def set(self, name: str, at_ms: int) -> None:
        """Rings at `at_ms` (milliseconds since 1970)."""
        if self._at.get(name) == at_ms:
            return
        self._at[name] = at_ms
        heappush(self._heap, (at_ms, name))
        self._arm()

    def clear(self, name: str) -> None:
        """Rings no more; its entry in the heap is passed over when it comes up."""
        if self._at.pop(name, None) is not None and len(self._heap) > 2 * len(self._at) + PASSED_OVER:
            # Runs that end long before their deadline would otherwise leave an entry each until then.
            self._heap = [(at_ms, each) for each, at_ms in self._at.items()]
            heapify(self._heap)

    def stop(self) -> None:
        """Nothing rings any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._at.clear()
        self._heap.clear()

    def _arm(self) -> None:
        if not self._heap:
            return
        first = self._heap[0][0]
        if self._timer is not None:
            if self._timer_at <= first and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer_at = first
        delay = max(0, first - self._clock.now_ms()) / 1000
        self._timer = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._clock.now_ms()
        while self._heap and self._heap[0][0] <= now:
            at_ms, name = heappop(self._heap)
            if self._at.get(name) == at_ms:
                del self._at[name]
                self._ring(name)
        self._arm()
