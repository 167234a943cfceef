"""`compensate: event`: the undo is announced in the log, and the participant acknowledges it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from hms_orch_cli.errors import StoreFailed
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.outcome import Answer, Verdict, Wire

from ..specs import group, step
from .house import House, Mains, Process, Services, content, ok, said, until


def behave(request: CallRequest) -> Answer:
    """The last step is refused."""
    return said(409) if (request.step, request.op) == ("mail", "call") else ok({"parcel": 9})


def order(*before: dict[str, Any], **undo: Any) -> House:
    """A run whose middle step is undone by an event."""
    by_event = {"event": True, **undo}
    return House(content(*before, step("ship", compensate=by_event), step("mail")), services=Services(behave))


async def acknowledge(process: Process, saga_id: str, step_name: str = "ship") -> bool:
    """The participant says that it is done."""
    return await process.orchestrator.report(saga_id, step_name, "compensate", Verdict.SUCCESS, Answer(Wire.ANSWERED))


async def test_it_is_announced_with_the_steps_own_output_and_acknowledged() -> None:
    house = order(step("pay"))
    process = house.up()
    await process.publish("e1")
    await process.until_idle()
    (saga_id,) = house.ids()
    (announced,) = house.told("saga.compensate")
    assert announced["mode"] == "event"
    assert announced["key"] == f"{saga_id}:ship:compensate"
    assert announced["step"] == {"name": "ship", "context": {"parcel": 9}}
    assert house.services.made("compensate") == []
    assert await acknowledge(process, saga_id)
    await process.until_idle()
    assert await acknowledge(process, saga_id), "a second one is answered as the first"
    await process.stop()
    assert house.states() == ["FAILED"]
    assert house.services.made("compensate") == ["pay"]
    assert len(house.events("saga.step.compensated")) == 2
    house.prove()


async def test_an_acknowledgement_before_it_is_asked_for_changes_nothing() -> None:
    house = order({"name": "boss", "approval": {"prompt": "?"}})
    house.publish("e1")
    await house.run()
    process = house.up()
    assert not await acknowledge(process, house.ids()[0])
    await process.stop()
    assert house.states() == ["WAITING"]


@pytest.mark.parametrize("up", [True, False], ids=["live", "after a restart"])
async def test_it_is_acknowledged_after_a_restart_too(up: bool) -> None:
    house = order()
    house.publish("e1")
    if not up:
        await house.run()
        assert house.rows()[0].parked == 1
    process = house.up()
    await process.until_idle()
    assert len(house.told("saga.compensate")) == 1, "a restart does not ask again"
    assert await acknowledge(process, house.ids()[0])
    await process.until_idle()
    await process.stop()
    assert house.states() == ["FAILED"]
    house.prove()


async def test_unheard_it_is_asked_again_with_the_same_key_and_then_a_person() -> None:
    house = order(timeoutMs=5, retry={"attempts": 4})
    house.publish("e1")
    process = house.up()
    await until(lambda: "stuck" in house.kinds())
    await process.until_idle()
    asked = house.told("saga.compensate")
    assert [data["attempt"] for data in asked] == [1, 2, 3, 4]
    assert len({data["key"] for data in asked}) == 1
    (item,) = house.told("hitl.queued")
    assert item["kind"] == "undo"
    await process.ask.decide(item["id"], "undone", "eve", "by hand")
    await process.until_idle()
    await process.stop()
    assert house.states() == ["FAILED"]
    house.prove()


async def test_it_goes_beside_the_undo_of_the_other_branch() -> None:
    branches = group(step("pay"), step("ship", compensate="event"))
    house = House(content(branches, step("mail")), services=Services(behave))
    process = house.up()
    await process.publish("e1")
    await process.until_idle()
    assert house.services.made("compensate") == ["pay"]
    assert await acknowledge(process, house.ids()[0])
    await process.until_idle()
    await process.stop()
    assert house.states() == ["FAILED"]
    house.prove()


@pytest.mark.parametrize("after", [False, True])
async def test_the_power_goes_out_at_every_append(after: bool) -> None:
    dies_at, finished = 0, False
    while not finished:
        dies_at += 1
        assert dies_at < 100
        house = order(step("pay"))
        house.publish("e1")
        finished = await house.up(mains=Mains(house.store, dies_at, after=after)).until_dead_or_idle()
        await house.run()
        announced = {data["key"] for data in house.told("saga.compensate") if data["mode"] == "event"}
        assert announced == {f"{house.ids()[0]}:ship:compensate"}
        process = house.up(mains=Mains(house.store, dies_at, after=after))
        with suppress(StoreFailed):
            assert await acknowledge(process, house.ids()[0])
        finished = await process.until_dead_or_idle() and finished
        process = house.up()
        await process.until_idle()
        assert await acknowledge(process, house.ids()[0])
        await process.until_idle()
        await process.stop()
        assert house.states() == ["FAILED"]
        undone = [data["step"]["name"] for data in house.told("saga.step.compensated")]
        assert sorted(undone) == sorted({"pay", "ship", *undone}), "each once"
        house.prove()
