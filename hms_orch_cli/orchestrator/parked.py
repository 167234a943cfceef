"""Runs that are not in memory, for they wait for a time that is far: taken up when it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from hms_orch_cli.ports.clock import Clock
from hms_orch_cli.ports.store import DerivedTables, RunRow

LONGEST_TIMER_S: Final = 86_400.0
"""Seconds after which the alarm looks at the tables again, whatever they say."""


class Parked:
    """The alarm of the parked runs. `due` gives the rows of those whose time has come by a moment (ms since 1970),
    `take_up` brings a run into memory, `room` ends when more of them may move, `fail` hears of what goes wrong."""

    def __init__(
        self,
        tables: DerivedTables,
        clock: Clock,
        *,
        due: Callable[[int], Iterable[RunRow]],
        take_up: Callable[[str], None],
        room: Callable[[], Awaitable[None]],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._tables = tables
        self._clock = clock
        self._due = due
        self._take_up = take_up
        self._room = room
        self._fail = fail
        self._waking: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def is_waking(self) -> bool:
        """Whether some may be about to move."""
        return self._waking is not None

    def wake(self) -> None:
        """Takes up those whose time has come, and sets the alarm for the next."""
        self._waking = asyncio.get_running_loop().create_task(self._wake())
        self._waking.add_done_callback(self._woken)

    def stop(self) -> None:
        """None is taken up any more."""
        for each in (self._waking, self._alarm):
            if each is not None:
                each.cancel()

    async def _wake(self) -> None:
        now = self._clock.now_ms()
        for row in self._due(now):
            self._take_up(row.saga_id)
            await self._room()
        if (due_at := self._tables.next_due(now)) is not None:
            delay = min(max(due_at - now, 0) / 1000, LONGEST_TIMER_S)
            self._alarm = asyncio.get_running_loop().call_later(delay, self.wake)

    def _woken(self, waking: asyncio.Task[None]) -> None:
        self._waking = None
        if not waking.cancelled() and (error := waking.exception()) is not None:
            self._fail(error)
