"""Wishes that come while what was before them is still on its way into the log: each meets the run as it is by then,
and none stops the orchestrator."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from hms_orch_cli.errors import NotAllowed, StoreFull, VersionConflict
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.ports.store import Append, Derived

from ..specs import step
from .house import Doors, House, Mains, Process, Services, content, event_id, ok, said, until


class SlowDisk(Mains):
    """From `slow` on each commit waits until the test lets it through."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.slow = False
        self.begun = 0
        self._let_through = threading.Semaphore(0)

    def append(self, batch: Sequence[Append], derived: Derived | None = None) -> list[int | Exception]:
        """See `ports.EventStore.append`."""
        if self.slow:
            self.begun += 1
            self._let_through.acquire()
        return super().append(batch, derived)

    def let_through(self, commits: int = 1) -> None:
        """So many commits may go on."""
        self._let_through.release(commits)


async def waiting() -> tuple[House, SlowDisk, Process, str]:
    """A run that waits for a person, over a disk that has just become slow."""
    house = House(content(step("a"), {"name": "ok", "approval": {"prompt": "go?"}}, step("b")))
    disk = SlowDisk(house.store)
    process = house.up(mains=disk)
    await process.publish("e1")
    await process.until_idle()
    await until(lambda: not process.journal.waiting and process.journal._derived is None)
    disk.slow = True
    return house, disk, process, house.ids()[0]


async def at_rest(disk: SlowDisk, process: Process) -> None:
    """The disk is quick again."""
    disk.slow = False
    disk.let_through(100)
    await process.until_idle()
    await process.stop()


async def test_a_run_whose_end_is_on_its_way_is_known_to_have_ended() -> None:
    house, disk, process, saga_id = await waiting()
    paused = asyncio.ensure_future(process.ask.pause(saga_id, "eve"))
    await until(lambda: disk.begun == 1)
    abandoned = asyncio.ensure_future(process.ask.abandon(saga_id, "eve", "no more"))
    disk.let_through()
    await paused
    await until(lambda: disk.begun == 2)
    assert house.kinds()[-1] == "paused"
    with pytest.raises(NotAllowed, match="ended already"):
        await process.ask.abandon(saga_id, "ann", "no more")
    await at_rest(disk, process)
    await abandoned
    assert house.states() == ["ABANDONED"]
    assert not process.is_live(saga_id)
    house.prove()


async def test_of_two_decisions_at_once_the_first_counts() -> None:
    house, disk, process, saga_id = await waiting()
    item = f"{saga_id}.1"
    first = asyncio.ensure_future(process.ask.decide(item, "approve", "eve", "yes"))
    await until(lambda: disk.begun == 1)
    with pytest.raises(NotAllowed, match="not open"):
        await process.ask.decide(item, "reject", "ann", "no")
    await at_rest(disk, process)
    await first
    with pytest.raises(NotAllowed, match="decided already: approve by eve"):
        await process.ask.decide(item, "reject", "ann", "no")
    assert house.states() == ["COMPLETED"]
    house.prove()


async def test_of_two_redrives_at_once_one_starts_the_run_anew() -> None:
    house = House(content(step("a"), step("b")))
    house.services.behave = lambda request: said(409) if request.step == "b" else ok()
    disk = SlowDisk(house.store)
    process = house.up(mains=disk)
    await process.publish("e1")
    await process.until_idle()
    await until(lambda: not process.journal.waiting and process.journal._derived is None)
    disk.slow = True
    house.services.behave = lambda request: ok()
    saga_id = house.ids()[0]
    first = asyncio.ensure_future(process.ask.redrive(saga_id, "eve"))
    await until(lambda: disk.begun == 1)
    with pytest.raises(NotAllowed, match="started anew already"):
        await process.ask.redrive(saga_id, "ann")
    await at_rest(disk, process)
    assert (await first).redrive_of == saga_id
    assert sorted(house.states()) == ["COMPLETED", "FAILED"]
    assert process.orchestrator.runner.live == {}
    house.prove()


async def test_of_two_pauses_of_a_definition_at_once_one_is_refused_and_the_other_holds() -> None:
    house, disk, process, _ = await waiting()
    first = asyncio.ensure_future(process.ask.pause_definition("shop.order.v1", "eve"))
    await until(lambda: disk.begun == 1)
    with pytest.raises(NotAllowed, match="paused already"):
        await process.ask.pause_definition("shop.order.v1", "ann")
    disk.slow = False
    disk.let_through(100)
    await first
    await process.publish("e2")
    await process.until_idle()
    assert len(house.ids()) == 1
    resumed = [asyncio.ensure_future(process.ask.resume_definition("shop.order.v1", each)) for each in ("eve", "ann")]
    done = await asyncio.gather(*resumed, return_exceptions=True)
    assert [type(each) for each in done] == [type(None), VersionConflict]
    await process.until_idle()
    await process.stop()
    assert len(house.ids()) == 2
    house.prove()


async def test_a_definition_paused_and_resumed_between_two_events_loses_none() -> None:
    doors = Doors()
    house = House(content(step("a")), services=Services(doors))
    process = house.up()
    for number in range(5):
        published = asyncio.ensure_future(process.publish(f"e{number}"))
        await process.ask.pause_definition("shop.order.v1", "eve")
        await process.ask.resume_definition("shop.order.v1", "eve")
        await published
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"] * 5
    assert sorted(event_id(request) for request in house.services.calls) == [f"e{n}" for n in range(5)]
    house.prove()


@pytest.mark.parametrize("crash", [True, False])
async def test_an_event_that_passes_between_a_resumption_in_the_log_and_in_memory_is_not_lost(crash: bool) -> None:
    house = House(content(step("a")))
    process = house.up()
    await process.ask.pause_definition("shop.order.v1", "eve")
    append, heard = process.journal.append, asyncio.Event()

    def slow(stream: str, *rest: Any) -> Any:
        appended = append(stream, *rest)

        async def late() -> int:
            seq = await appended
            await heard.wait()
            return seq

        return late() if stream.startswith("pause/") else appended

    process.journal.append = slow  # type: ignore[method-assign]
    resumed = asyncio.ensure_future(process.ask.resume_definition("shop.order.v1", "eve"))
    await until(lambda: any(e.stream.startswith("pause/") and e.version == 2 for e in house.store.scan()))
    await process.publish("e1")
    await process.until_idle()
    assert house.ids() == []
    if crash:
        process.orchestrator.projection.flush()
        await until(lambda: house.store.mark("dispatched") == str(house.store.last_seq()))
        await process.crash()
        resumed.cancel()
    else:
        heard.set()
        await resumed
        await process.until_idle()
        await process.stop()
    await house.run()
    assert house.states() == ["COMPLETED"]
    house.prove()


async def test_a_decision_that_finds_no_space_stops_it_as_a_run_does() -> None:
    """What is in memory is ahead of the log from then on."""
    house = House(content(step("a"), hitlAfter=1))
    house.services.behave = lambda request: said(409)
    mains = Mains(house.store)
    process = house.up(mains=mains)
    await process.publish("e1")
    await process.until_idle()
    (item,) = process.orchestrator.projection.questions.open

    def full(batch: Sequence[Append], derived: Derived | None = None) -> list[int | Exception]:
        if any(member.stream.startswith("hitl/") for member in batch):
            raise StoreFull("full")
        return house.store.append(batch, derived)

    mains.append = full  # type: ignore[method-assign]
    with pytest.raises(StoreFull):
        await process.ask.decide(item, "done", "eve", "seen")
    with pytest.raises(StoreFull):
        await process.until_idle()
    await process.crash()
    again = await house.run()
    assert list(again.orchestrator.projection.questions.open) == [item]
    house.prove()
