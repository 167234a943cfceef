"""Thousands of runs that could all move at once move one after another: what waits for the disk stays bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.ports.store import Append, Derived

from .house import House, Mains, Process, content

RUNS = 600
LIMIT = 40
MOST = LIMIT + 2 * 64
"""What is begun between two looks at the room there is: a page of events, whose runs may have two facts each."""

TURNS = 30
DAY = 86_400_000


class SlowDisk(Mains):
    """Mains whose every commit takes as long as many turns of the loop, in which all that can begin does."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self._loop = asyncio.get_running_loop()
        self.waiting: Callable[[], int] = lambda: 0
        self.most = 0

    def append(self, batch: Sequence[Append], derived: Derived | None = None) -> list[int | Exception]:
        """See `ports.EventStore.append`."""
        turned = threading.Event()
        self._loop.call_soon_threadsafe(self._turn, TURNS, turned)
        assert turned.wait(30)
        return super().append(batch, derived)

    def _turn(self, left: int, turned: threading.Event) -> None:
        self.most = max(self.most, self.waiting())
        if left:
            self._loop.call_soon(self._turn, left - 1, turned)
        else:
            turned.set()


def slow(house: House) -> tuple[Process, SlowDisk]:
    """A process over a slow disk, which begins little at a time."""
    disk = SlowDisk(house.store)
    process = house.up(mains=disk, begun=LIMIT)
    disk.waiting = lambda: process.journal.waiting
    return process, disk


async def parked(definition: dict[str, Any]) -> House:
    """A house in which so many runs wait."""
    house = House(definition)
    house.publish(*map(str, range(RUNS)))
    await house.run()
    assert house.states() == ["WAITING"] * RUNS
    return house


async def test_events_that_start_runs_which_call_nothing() -> None:
    house = House(content({"name": "boss", "approval": {"prompt": "?"}}))
    house.publish(*map(str, range(RUNS)))
    process, disk = slow(house)
    await process.until_idle()
    await process.stop()
    assert house.states() == ["WAITING"] * RUNS
    assert disk.most <= MOST


async def test_one_event_that_every_run_waits_for() -> None:
    house = await parked(content({"name": "paid", "await": {"event": "paid"}}))
    house.publish("paid", kind="paid")
    process, disk = slow(house)
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"] * RUNS
    assert disk.most <= MOST


@pytest.mark.parametrize("expires", ["continue", "compensate"])
async def test_a_time_that_comes_for_every_run(expires: str) -> None:
    house = await parked(
        content({"name": "boss", "approval": {"prompt": "?", "ttlMs": DAY, "onExpire": expires}}, hitlAfter=1000)
    )
    house.clock.forward(DAY)
    process, disk = slow(house)
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED" if expires == "continue" else "FAILED"] * RUNS
    assert disk.most <= MOST
