"""A run that is paused begins nothing; the events of a definition that is paused wait in the log and meet it later."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from hms_orch_cli.errors import NotAllowed, NotFound, StoreFull
from hms_orch_cli.ports.store import Append, Derived

from ..specs import group, step
from .house import SAGA, Doors, House, Mains, Process, Services, content, event_id, ok, said, until

OTHER = "shop.other.v1"


# -- a run


async def test_what_is_in_flight_settles_and_nothing_begins() -> None:
    doors = Doors("e1")
    house = House(content(step("pay"), step("ship")), services=Services(doors))
    process = house.up()
    await process.publish("e1")
    await until(lambda: house.services.calls)
    (saga_id,) = house.ids()
    await process.ask.pause(saga_id, "eve", "look first")
    with pytest.raises(NotAllowed, match="paused already"):
        await process.ask.pause(saga_id, "eve")
    doors.open()
    await process.until_idle()
    assert house.states() == ["PAUSED"]
    assert house.steps() == [{"pay": "SUCCEEDED", "ship": "PENDING"}]
    await process.ask.resume(saga_id, "eve")
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"]
    with pytest.raises(NotAllowed, match="not paused"):
        house.ask(lambda people: people.resume(saga_id, "eve"))
    house.prove()


async def test_an_attempt_cut_off_by_a_crash_settles_in_a_paused_run_too() -> None:
    doors = Doors("e1")
    house = House(content(step("pay"), step("ship")), services=Services(doors))
    process = house.up()
    await process.publish("e1")
    await until(lambda: house.services.calls)
    await process.ask.pause(house.ids()[0], "eve")
    await process.crash()
    house.services.behave = lambda request: ok()
    await house.run()
    assert house.states() == ["PAUSED"]
    assert [(request.step, request.attempt) for request in house.services.calls] == [("pay", 1), ("pay", 1)]
    house.ask(lambda people: people.resume(house.ids()[0], "eve"))
    await house.run()
    assert house.states() == ["COMPLETED"]
    house.prove()


async def test_a_pause_holds_retries_undos_and_deadlines_back_over_a_restart() -> None:
    doors = Doors("e1", behave=lambda request: said(409) if request.step == "ship" else ok())
    house = House(content(step("pay"), step("ship"), deadlineMs=600_000), services=Services(doors))
    process = house.up()
    await process.publish("e1")
    await until(lambda: house.services.calls)
    await process.ask.pause(house.ids()[0], "eve")
    await process.stop()
    house.clock.forward(700_000)
    house.services.behave = lambda request: ok()
    await house.run()
    assert house.states() == ["PAUSED"]
    house.ask(lambda people: people.resume(house.ids()[0], "eve"))
    process = house.up()
    await until(lambda: "failed" in house.kinds())
    await process.stop()
    assert house.rows()[0].reason == "not done within 600000 ms"
    assert set(house.services.made("compensate")) == {"pay"}
    house.prove()


async def test_a_paused_run_can_be_cancelled() -> None:
    house = House(content(step("pay"), {"name": "boss", "approval": {"prompt": "?"}}))
    house.publish("e1")
    await house.run()
    house.ask(lambda people: people.pause(house.ids()[0], "eve"))
    house.ask(lambda people: people.cancel(house.ids()[0], "eve"))
    await house.run()
    assert house.states() == ["CANCELLED"]
    assert house.services.made("compensate") == ["pay"]
    house.prove()


async def test_a_branch_of_a_group_pauses_with_its_run() -> None:
    doors = Doors("e1")
    house = House(content(group(step("a"), step("b")), step("c")), services=Services(doors))
    process = house.up()
    await process.publish("e1")
    await until(lambda: len(house.services.calls) == 2)
    await process.ask.pause(house.ids()[0], "eve")
    doors.open()
    await process.until_idle()
    assert house.steps() == [{"a": "SUCCEEDED", "b": "SUCCEEDED", "c": "PENDING"}]
    await process.ask.cancel(house.ids()[0], "eve")
    await process.until_idle()
    await process.stop()
    assert house.states() == ["CANCELLED"]
    house.prove()


# -- a definition


def called(house: House) -> list[str]:
    """The events whose runs have called, in order."""
    return [event_id(request) for request in house.services.calls]


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
async def test_events_of_a_paused_definition_wait_and_others_go_on(up: bool) -> None:
    house = House(content(step("pay")), content(step("pay"), id=OTHER, trigger="other"))
    process: Process | None = None
    if up:
        process = house.up()
        await process.publish("e0")
        await process.until_idle()
        await process.ask.pause_definition(SAGA, "eve")
        await process.publish("e1", "e2")
        await process.publish("o1", kind="other")
        await process.until_idle()
    else:
        house.publish("e0")
        await house.run()
        house.ask(lambda people: people.pause_definition(SAGA, "eve"))
        with pytest.raises(NotAllowed, match="paused already"):
            house.ask(lambda people: people.pause_definition(SAGA, "eve"))
        house.publish("e1", "e2")
        house.publish("o1", kind="other")
        await house.run()
    assert called(house) == ["e0", "o1"]
    if process is not None:
        await process.ask.resume_definition(SAGA, "eve")
        await process.until_idle()
        await process.stop()
    else:
        house.ask(lambda people: people.resume_definition(SAGA, "eve"))
        with pytest.raises(NotAllowed, match="not paused"):
            house.ask(lambda people: people.resume_definition(SAGA, "eve"))
        await house.run()
    assert called(house) == ["e0", "o1", "e1", "e2"]
    house.publish("e3")
    await house.run()
    await house.run()
    assert called(house) == ["e0", "o1", "e1", "e2", "e3"]
    house.prove()


async def test_nobody_pauses_what_is_not_deployed() -> None:
    house = House(content(step("pay")))
    with pytest.raises(NotFound):
        house.ask(lambda people: people.pause_definition("nothing.v1", "eve"))
    house.undeploy()
    with pytest.raises(NotFound):
        house.ask(lambda people: people.pause_definition(SAGA, "eve"))


async def test_events_that_waited_meet_the_definition_of_their_position() -> None:
    """A new revision, an undeployment: each event meets what held when it came."""
    house = House(content(step("old")))
    house.ask(lambda people: people.pause_definition(SAGA, "eve"))
    house.publish("e1")
    house.deploy(content(step("new"), trigger=["order.placed", "order.changed"]))
    house.publish("e2", kind="order.changed")
    house.undeploy()
    house.publish("e3")
    await house.run()
    assert house.services.calls == []
    house.ask(lambda people: people.resume_definition(SAGA, "eve"))
    await house.run()
    assert [(event_id(request), request.step) for request in house.services.calls] == [("e1", "old"), ("e2", "new")]
    house.prove()


async def test_a_pause_lasts_over_restarts() -> None:
    house = House(content(step("pay")))
    process = house.up()
    await process.ask.pause_definition(SAGA, "eve")
    await process.publish("e1")
    await process.until_idle()
    await process.crash()
    await house.run()
    await house.run()
    house.publish("e2")
    await house.run()
    assert called(house) == []
    process = house.up()
    await process.ask.resume_definition(SAGA, "eve")
    await process.crash()
    await house.run()
    await house.run()
    assert called(house) == ["e1", "e2"]
    house.prove()


async def test_paused_again_while_it_catches_up_the_rest_waits_on() -> None:
    """The first run fills the house, so that the events that waited cannot all go at once."""
    doors = Doors("e0")
    house = House(content(step("pay")), services=Services(doors))
    house.ask(lambda people: people.pause_definition(SAGA, "eve"))
    house.publish(*[f"e{n}" for n in range(100)])
    await house.run(calls=1)
    house.ask(lambda people: people.resume_definition(SAGA, "eve"))
    process = house.up(calls=1)
    await until(lambda: house.services.calls)
    begun = len(house.ids())
    assert begun < 100
    await process.ask.pause_definition(SAGA, "eve")
    doors.open()
    await process.until_idle()
    assert len(house.ids()) == begun
    await process.crash()
    await house.run(calls=1)
    assert len(house.ids()) == begun
    house.ask(lambda people: people.resume_definition(SAGA, "eve"))
    await house.run(calls=1)
    assert house.states() == ["COMPLETED"] * 100
    assert Counter(event.data for event in house.events("saga.started")).most_common(1)[0][1] == 1
    assert sorted(set(called(house))) == sorted(f"e{n}" for n in range(100))
    house.prove()


def filtered(**keys: Any) -> dict[str, Any]:
    """A definition some of whose events cannot be told from its filter."""
    return content(step("pay"), filter="data.n % 2 == 0", **keys)


@pytest.mark.parametrize("after", [False, True])
async def test_the_power_goes_out_while_it_catches_up(after: bool) -> None:
    """Each event meets the definition once: one starts a run, one is refused, one passes."""
    dies_at, finished = 0, False
    while not finished:
        dies_at += 1
        assert dies_at < 100
        house = House(filtered())
        house.publish("a0", data={"n": 0})
        house.ask(lambda people: people.pause_definition(SAGA, "eve"))
        house.publish("a1", data={"n": 2})
        house.publish("a2", data={"n": 1})
        house.publish("a3", data={"nothing": 1})
        await house.run()
        assert house.ids() == []
        house.ask(lambda people: people.resume_definition(SAGA, "eve"))
        house.publish("a4", data={"n": 4})
        finished = await house.up(mains=Mains(house.store, dies_at, after=after)).until_dead_or_idle()
        await house.run()
        await house.run()
        assert house.states() == ["COMPLETED"] * 3
        assert len(house.events("saga.started")) == 3
        assert len(house.events("saga.filter.failed")) == 1
        house.prove()


async def test_pauses_in_quick_succession_over_crashes_lose_and_double_nothing() -> None:
    house = House(filtered())
    count = 0
    for _ in range(6):
        process = house.up(calls=2)
        for _ in range(4):
            toggled = [
                asyncio.ensure_future(process.ask.pause_definition(SAGA, "eve")),
                asyncio.ensure_future(process.publish(f"e{count}", data={"n": 2 * count})),
            ]
            await asyncio.gather(*toggled)
            await process.publish(f"f{count}", data={})
            await process.ask.resume_definition(SAGA, "eve")
            count += 1
        await process.crash()
    await house.run()
    assert house.states() == ["COMPLETED"] * count
    assert len(house.events("saga.filter.failed")) == count
    house.prove()


async def test_a_pause_that_finds_no_space_loses_no_event() -> None:
    """The event comes while the pause is on its way into the log, where it does not arrive."""
    house = House(content(step("pay")))
    mains = Mains(house.store)
    process = house.up(mains=mains)
    await process.until_idle()
    append = mains.append

    def full(batch: Sequence[Append], derived: Derived | None = None) -> list[int | Exception]:
        if any(member.stream.startswith("pause/") for member in batch):
            house.publish("e1")
            process.orchestrator.wake()
            dispatched = until(lambda: process.orchestrator.projection.dispatched == 2)
            asyncio.run_coroutine_threadsafe(dispatched, loop).result(30)
            raise StoreFull("full")
        return append(batch, derived)

    loop = asyncio.get_running_loop()
    mains.append = full  # type: ignore[method-assign]
    with pytest.raises(StoreFull):
        await process.ask.pause_definition(SAGA, "eve")
    await process.until_idle()
    await process.stop()
    await house.run()
    assert house.states() == ["COMPLETED"]
    house.prove()
