"""How much may wait for its runs, and that whoever publishes more is told so."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from hms_orch_cli.application.backlog import REFUSED_MS, Backlog
from hms_orch_cli.errors import Overloaded
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.ports.store import Append
from hms_orch_cli.saga.outcome import Answer, Wire
from tests.dashboard.house import FakeParticipants, event, open_house
from tests.event_store.making import event as stored


class World:
    """A store, how far it was dispatched, and a clock that stands still."""

    def __init__(self, limit: int) -> None:
        self.store = MemoryStore()
        self.dispatched = 0
        self.now = 1_000
        self.names = itertools.count()
        self.backlog = Backlog(self.store, lambda: self.dispatched, self, limit)

    def now_ms(self) -> int:
        return self.now

    def publish(self, count: int) -> None:
        """As the office does."""
        self.backlog.take(count)
        for _ in range(count):
            name = str(next(self.names))
            self.store.append([Append(f"event/{name}", [stored(name)], 0)])


def test_up_to_the_limit_events_are_taken_and_then_refused() -> None:
    world = World(5)
    world.publish(3)
    world.publish(2)
    with pytest.raises(Overloaded, match="5 events wait"):
        world.publish(1)
    assert world.store.last_seq() == 5


def test_when_the_runs_have_caught_up_events_are_taken_again() -> None:
    world = World(5)
    world.publish(5)
    with pytest.raises(Overloaded):
        world.publish(1)
    world.dispatched = 4
    world.now += REFUSED_MS
    world.publish(4)
    with pytest.raises(Overloaded):
        world.publish(1)


def test_a_refusal_holds_for_a_moment_so_that_refusing_costs_nothing() -> None:
    world = World(2)
    world.publish(2)
    with pytest.raises(Overloaded):
        world.publish(1)
    world.dispatched = 2
    with pytest.raises(Overloaded):
        world.publish(1)
    world.now += REFUSED_MS
    world.publish(2)


def test_a_batch_larger_than_the_limit_is_taken_when_nothing_waits() -> None:
    world = World(2)
    world.publish(9)
    with pytest.raises(Overloaded):
        world.publish(1)


def test_what_runs_record_does_not_count() -> None:
    world = World(3)
    world.publish(1)
    for n in range(50):
        world.store.append([Append(f"run/{n}", [stored(str(n))], 0)])
    world.publish(2)
    with pytest.raises(Overloaded, match="3 events"):
        world.publish(1)


def test_what_waits_since_before_the_start_counts() -> None:
    world = World(3)
    for n in range(3):
        world.store.append([Append(f"event/old-{n}", [stored(f"old-{n}")], 0)])
    with pytest.raises(Overloaded):
        world.publish(1)


class Held(FakeParticipants):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()

    async def call(self, request: Any) -> Answer:
        await self.free.wait()
        return Answer(Wire.ANSWERED, 200, {})


async def test_when_runs_fall_behind_publishers_are_told_to_come_back() -> None:
    held = Held()
    async with open_house(participants=held, backlog=20) as house:
        await house.deploy()
        statuses = [(await house.publish(event(n))).status_code for n in range(60)]
        refused = await house.publish(event(999))
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert set(statuses) == {202, 429} and statuses.index(429) >= 20
        taken = statuses.count(202)
        held.free.set()
        await house.settle()
        assert len((await house.client.get("/v1/sagas?state=completed")).json()["sagas"]) == taken
