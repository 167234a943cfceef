"""Alarms of many runs behind one timer."""

from __future__ import annotations

import asyncio

from hms_orch_cli.orchestrator.alarms import PASSED_OVER, Alarms


class StillClock:
    """A clock that is set by hand."""

    now = 0

    def now_ms(self) -> int:
        """See `ports.Clock`."""
        return self.now


async def test_an_alarm_rings_once_and_only_at_its_latest_time() -> None:
    rung: list[str] = []
    clock = StillClock()
    alarms = Alarms(clock, rung.append)
    alarms.set("a", 10)
    alarms.set("a", 20)
    alarms.set("b", 15)
    alarms.set("c", 15)
    alarms.clear("c")
    clock.now = 15
    alarms._fire()
    assert rung == ["b"]
    clock.now = 20
    alarms._fire()
    alarms._fire()
    assert rung == ["b", "a"]
    alarms.stop()


async def test_what_is_cleared_long_before_its_time_does_not_pile_up() -> None:
    """A run with a deadline of a day that takes a second leaves nothing behind."""
    alarms = Alarms(StillClock(), lambda name: None)
    alarms.set("stays", 1)
    for number in range(10 * PASSED_OVER):
        alarms.set(f"run {number}", 86_400_000)
        alarms.clear(f"run {number}")
    assert len(alarms._heap) <= PASSED_OVER + 4
    assert min(alarms._heap) == (1, "stays")
    alarms.stop()
    await asyncio.sleep(0)
