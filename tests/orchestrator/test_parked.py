"""Runs that only a person, an event, a callback or a far time moves stay out of memory at a start, until then."""

from __future__ import annotations

from typing import Any

import pytest

from hms_orch_cli.saga.outcome import Verdict

from ..specs import step
from .house import House, Process, Services, content, event_id, ok, said, until

BOSS = {"name": "boss", "approval": {"prompt": "?"}}
HOUR = 3_600_000

PARKED: dict[str, dict[str, Any]] = {
    "approval": content(BOSS),
    "approval with a time": content({"name": "boss", "approval": {"prompt": "?", "ttlMs": HOUR}}),
    "event": content({"name": "paid", "await": {"event": "paid"}}),
    "callback": content(step("callback", timeoutMs=HOUR)),
    "hold": content(step("refused", onExhausted="hitl")),
    "undo by event": content(step("a", compensate={"event": True, "timeoutMs": HOUR}), step("refused")),
    "deadline": content(BOSS, deadlineMs=HOUR),
    "stuck": content(step("a"), step("refused")),
}


def behave(request: Any) -> Any:
    """A participant that takes its time, one that refuses, and one that cannot undo."""
    if request.step == "callback":
        return said(202)
    return said(422) if request.step == "refused" or request.op == "compensate" else ok()


@pytest.mark.parametrize("name", PARKED)
async def test_what_others_move_is_not_loaded(name: str) -> None:
    house = House(PARKED[name], services=Services(behave))
    house.publish("e1")
    await house.run()
    (row,) = house.rows()
    assert row.parked == 1
    calls = len(house.services.calls)
    process = house.up()
    await process.until_idle()
    assert process.orchestrator.runner.live == {}
    await process.stop()
    assert house.rows() == [row]
    assert len(house.services.calls) == calls
    house.prove()


async def test_what_is_in_line_for_a_lock_is_not_loaded_until_its_turn() -> None:
    house = House(content(BOSS, step("pay"), lock="data.account"))
    house.publish("e1", "e2", data={"account": 1})
    await house.run()
    assert house.states() == ["WAITING", "WAITING"]
    process = house.up()
    await process.until_idle()
    assert process.orchestrator.runner.live == {}
    (item,) = house.told("hitl.queued")
    await process.ask.decide(item["id"], "approve", "eve", "yes")
    await process.until_idle()
    assert [process.is_live(saga_id) for saga_id in house.ids()] == [False, True]
    await process.stop()
    assert house.states() == ["COMPLETED", "WAITING"]
    house.prove()


async def up_with_parked(definition: dict[str, Any]) -> tuple[House, Process]:
    """A run that is not in memory, and a process that has just started."""
    house = House(definition, services=Services(behave))
    house.publish("e1")
    await house.run()
    process = house.up()
    assert process.orchestrator.runner.live == {}
    return house, process


@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_a_decision_loads_it(decision: str) -> None:
    house, process = await up_with_parked(content(BOSS, step("pay")))
    (item,) = house.told("hitl.queued")
    await process.ask.decide(item["id"], decision, "eve", "so be it")
    await process.until_idle()
    assert process.orchestrator.runner.live == {}
    await process.stop()
    assert house.states() == ["COMPLETED" if decision == "approve" else "FAILED"]
    house.prove()


async def test_a_callback_loads_it() -> None:
    house, process = await up_with_parked(PARKED["callback"])
    assert await process.orchestrator.report(house.ids()[0], "callback", "call", Verdict.SUCCESS, ok({"n": 1}))
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"]
    house.prove()


@pytest.mark.parametrize("wish", ["cancel", "pause", "abandon"])
async def test_a_wish_loads_it(wish: str) -> None:
    house, process = await up_with_parked(content(step("pay", compensate=None), BOSS))
    (saga_id,) = house.ids()
    if wish == "abandon":
        await process.ask.abandon(saga_id, "eve", "no more")
    else:
        await getattr(process.ask, wish)(saga_id, "eve")
    await process.until_idle()
    assert process.is_live(saga_id) is (wish == "pause")
    await process.stop()
    assert house.states() == [{"cancel": "CANCELLED", "pause": "PAUSED", "abandon": "ABANDONED"}[wish]]
    house.prove()


TIMED = {
    "approval": content({"name": "boss", "approval": {"prompt": "?", "ttlMs": HOUR}}),
    "event": content({"name": "paid", "await": {"event": "paid", "timeoutMs": HOUR}}),
    "callback": content(step("callback", timeoutMs=HOUR, retry={"attempts": 1}, compensate=None)),
    "deadline": content(BOSS, deadlineMs=HOUR),
    "lock": content(BOSS, lock={"key": "1", "waitMs": HOUR}),
}


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("up", [True, False], ids=["rings", "rang while nobody was up"])
async def test_its_time_comes(name: str, up: bool) -> None:
    house = House(TIMED[name], services=Services(behave))
    house.publish("e1", "e2")
    await house.run()
    assert house.states() == ["WAITING"] * 2
    house.clock.forward(HOUR - 30 if up else HOUR + 1)
    process = house.up()
    if up:
        assert process.orchestrator.runner.live == {}
    await until(lambda: len(house.events("saga.failed")) == (1 if name == "lock" else 2))
    await process.until_idle()
    await process.stop()
    assert house.states() == ["WAITING" if name == "lock" else "FAILED", "FAILED"]
    house.prove()


async def test_one_alarm_after_the_other() -> None:
    house = House(content({"name": "paid", "await": {"event": "paid", "timeoutMs": HOUR}}))
    for number in range(5):
        house.publish(f"e{number}")
        await house.run()
        house.clock.forward(10)
    house.clock.forward(HOUR - 80)
    process = house.up()
    await until(lambda: len(house.events("saga.failed")) == 5)
    await process.stop()
    assert all((row.ended_at or 0) >= row.started_at + HOUR for row in house.rows())
    house.prove()


async def test_what_still_moves_is_loaded() -> None:
    house = House(content(step("pay"), retry={"backoffMs": HOUR, "jitter": 0}), services=Services(lambda r: said(500)))
    house.publish("e1")
    process = house.up()
    await until(lambda: "step.retrying" in house.kinds())
    await process.stop()
    assert house.rows()[0].parked == 0
    process = house.up()
    assert process.is_live(house.ids()[0])
    assert event_id(house.services.calls[0]) == "e1"
    await process.stop()
    house.prove()
