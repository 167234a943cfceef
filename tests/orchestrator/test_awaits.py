"""Steps that wait for an event: behind the triggering one, the first that matches, each once in a run."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from hms_orch_cli.orchestrator.gate import Gate
from hms_orch_cli.saga.event_types import DEPLOYED

from ..specs import group, step
from .house import TYPE, Doors, House, Mains, Services, content, ok, until

PAID = "payment.received"


def awaits(name: str = "paid", event: str = PAID, **keys: Any) -> dict[str, Any]:
    """A step that waits for an event; `match` and `timeoutMs` go into its `await`."""
    inner = {key: keys.pop(key) for key in ("match", "timeoutMs") if key in keys}
    return {"name": name, "await": {"event": event, **inner}, **keys}


ORDER = content(step("reserve"), awaits(match="event.data.order == data.order"), step("ship"))


def order(number: int) -> dict[str, Any]:
    """Data of the order, and of what is paid for it."""
    return {"order": number}


async def test_the_first_that_matches_goes_on_and_its_data_is_the_output() -> None:
    house = House(ORDER)
    process = house.up()
    await process.publish("e1", data=order(1))
    await process.until_idle()
    assert house.states() == ["WAITING"]
    (waiting,) = house.told("saga.step.waiting")
    assert waiting["eventType"] == PAID
    await process.publish("p0", kind=PAID, data=order(2))
    await process.until_idle()
    assert house.states() == ["WAITING"]
    await process.publish("p1", "p2", kind=PAID, data=order(1))
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"]
    heard = house.told("saga.step.succeeded")[1]
    assert house.store.read_all(heard["eventSeq"] - 1, 1)[0].id == "p1"
    assert orjson.loads(house.services.calls[-1].body or "")["context"]["paid"] == order(1)
    assert process.orchestrator.waits.listeners._by_type == {}
    house.prove()


async def test_what_is_redacted_of_an_event_stays_in_that_event() -> None:
    """The run keeps nothing of it, though its `match` may look at it."""
    paid = awaits(match="event.data.iban == 'DE0012'", redact=["iban"], output={"account": "response.iban"})
    house = House(content(paid, step("ship")))
    house.publish("e1")
    house.publish("p1", kind=PAID, data={"iban": "DE0012"})
    await house.run()
    assert house.states() == ["COMPLETED"]
    assert [e.id for e in house.store.scan() if e.data and "DE0012" in e.data and e.type != DEPLOYED] == ["p1"]
    assert orjson.loads(house.services.calls[-1].body or "")["context"]["paid"] == {"account": "[redacted]"}


async def test_an_event_before_the_step_began_counts_and_one_before_the_trigger_does_not() -> None:
    house = House(ORDER)
    house.publish("early", kind=PAID, data=order(1))
    house.publish("e1", data=order(1))
    house.publish("p1", kind=PAID, data=order(1))
    await house.run()
    assert house.states() == ["COMPLETED"]
    heard = house.told("saga.step.succeeded")[1]
    assert house.store.read_all(heard["eventSeq"] - 1, 1)[0].id == "p1"
    house.prove()


async def test_the_triggering_event_itself_is_none_that_it_waits_for() -> None:
    house = House(content(awaits(event=TYPE)))
    house.publish("e1")
    await house.run()
    assert house.states() == ["WAITING"]
    house.publish("e2")
    await house.run()
    assert house.states() == ["COMPLETED", "WAITING"], "the second one starts a run of its own as well"
    house.prove()


async def test_match_knows_data_context_and_the_candidate() -> None:
    behave = Services(lambda request: ok({"ticket": 9}))
    match = "event.data.ticket == context.reserve.ticket && event.source == 'tests' && data.order == 1"
    house = House(content(step("reserve"), awaits(match=match, output={"sum": "response.sum * 2"})), services=behave)
    house.publish("e1", data=order(1))
    house.publish("p1", kind=PAID, data={"ticket": 8, "sum": 1})
    house.publish("p2", kind=PAID, data={"ticket": 9, "sum": 21})
    await house.run()
    assert house.states() == ["COMPLETED"]
    assert house.told("saga.step.succeeded")[1]["output"] == {"sum": 42}


@pytest.mark.parametrize("up", [True, False], ids=["as it comes", "looking back"])
async def test_an_event_that_cannot_be_matched_is_counted_once_and_does_not_match(up: bool) -> None:
    house = House(ORDER)
    house.publish("e1", data=order(1))
    if up:
        process = house.up()
        await process.until_idle()
        await process.publish("p0", kind=PAID, data={"nothing": 1})
        await process.until_idle()
        await process.stop()
    else:
        house.publish("p0", kind=PAID, data={"nothing": 1})
        await house.run()
    await house.run()
    assert house.states() == ["WAITING"]
    (failed,) = house.told("saga.match.failed")
    assert failed["reason"].startswith("match: ")
    assert orjson.loads(house.store.mark("totals") or "{}")["counts"]["match_errors"] == {"shop.order.v1": 1}
    house.publish("p1", kind=PAID, data=order(1))
    await house.run()
    assert house.states() == ["COMPLETED"]
    assert len(house.told("saga.match.failed")) == 1
    house.prove()


@pytest.mark.parametrize("up", [True, False], ids=["as it comes", "looking back"])
async def test_two_steps_of_a_run_never_take_the_same_event(up: bool) -> None:
    house = House(content(group(awaits("one"), awaits("two"))))
    house.publish("e1")
    process = house.up() if up else None
    if process is not None:
        await process.until_idle()
        await process.publish("p1", kind=PAID)
        await process.until_idle()
        assert house.kinds()[-1] == "step.succeeded"
        await process.publish("p2", kind=PAID)
        await process.until_idle()
        await process.stop()
    else:
        house.publish("p1", kind=PAID)
        await house.run()
        assert house.states() == ["WAITING"]
        house.publish("p2", kind=PAID)
        await house.run()
    assert house.states() == ["COMPLETED"]
    taken = [data["eventSeq"] for data in house.told("saga.step.succeeded")]
    assert len(set(taken)) == 2
    house.prove()


async def test_two_steps_one_after_the_other_take_two_events() -> None:
    house = House(content(awaits("one"), awaits("two")))
    house.publish("e1")
    house.publish("p1", kind=PAID)
    await house.run()
    assert house.states() == ["WAITING"]
    house.publish("p2", kind=PAID)
    await house.run()
    assert house.states() == ["COMPLETED"]


async def test_past_its_time_the_step_fails_and_the_run_turns_back() -> None:
    house = House(content(step("reserve"), awaits(timeoutMs=15)))
    house.publish("e1")
    process = house.up()
    await until(lambda: "failed" in house.kinds())
    await process.until_idle()
    await process.stop()
    assert house.states() == ["FAILED"]
    assert house.rows()[0].reason == "paid: no payment.received within 15 ms"
    assert house.services.made("compensate") == ["reserve"]
    house.prove()


async def test_an_event_that_comes_when_the_time_is_over_is_late() -> None:
    """Nobody was up when it ran out: the event came in time by the log, and nobody heard it."""
    house = House(content(step("reserve"), awaits(timeoutMs=60_000)))
    house.publish("e1")
    await house.run()
    house.clock.forward(60_001)
    house.publish("p1", kind=PAID)
    await house.run()
    assert house.states() == ["FAILED"]
    house.prove()


@pytest.mark.parametrize("up", [True, False], ids=["it comes afterwards", "it came while nobody was up"])
async def test_a_run_that_waits_over_a_restart_gets_its_event(up: bool) -> None:
    house = House(ORDER)
    house.publish("e1", data=order(1))
    await house.run()
    if not up:
        house.publish("p1", kind=PAID, data=order(1))
    process = house.up()
    if up:
        assert not process.is_live(house.ids()[0]), "it is not loaded before"
        await process.publish("p0", kind=PAID, data=order(2))
        await process.publish("p1", kind=PAID, data=order(1))
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"]
    house.prove()


async def test_the_power_goes_out_at_every_append() -> None:
    for after in (False, True):
        dies_at, finished = 0, False
        while not finished:
            dies_at += 1
            assert dies_at < 100
            house = House(content(step("reserve"), group(awaits("one"), awaits("two")), awaits("three", event="x")))
            house.publish("e1")
            house.publish("p1", "p2", kind=PAID)
            house.publish("x1", "x2", kind="x")
            finished = await house.up(mains=Mains(house.store, dies_at, after=after)).until_dead_or_idle()
            await house.run()
            assert house.states() == ["COMPLETED"]
            taken = [data["eventSeq"] for data in house.told("saga.step.succeeded") if "eventSeq" in data]
            assert [house.store.read_all(seq - 1, 1)[0].id for seq in sorted(taken)] == ["p1", "p2", "x1"]
            house.prove()


async def test_the_end_of_another_saga_is_an_event_like_any_other() -> None:
    doors = Doors("other")
    waits = content(awaits(event="saga.completed", match='event.data.saga == "two"'), id="one", trigger="one.go")
    other = content(step("a"), id="two", trigger="two.go")
    house = House(waits, other, content(step("b"), id="three", trigger="two.go"), services=Services(doors))
    process = house.up()
    await process.publish("e1", kind="one.go")
    await process.until_idle()
    await process.publish("other", kind="two.go")
    await until(lambda: len(house.services.calls) == 2)
    doors.open()
    await process.until_idle()
    await process.stop()
    assert sorted(house.states()) == ["COMPLETED"] * 3
    heard = house.told("saga.step.succeeded")[-1]
    event = house.store.read_all(heard["eventSeq"] - 1, 1)[0]
    assert (event.type, orjson.loads(event.data or "")["saga"]) == ("saga.completed", "two")
    house.prove()


async def test_what_was_read_ahead_without_runs_is_read_again_once_somebody_listens_to_them() -> None:
    """A page of arrivals waits for room; meanwhile a run begins to wait for what another one has recorded before."""
    doors = Doors("first")
    waits = content(step("a"), awaits(event="saga.completed", match='event.data.saga == "two"'), id="one", trigger="go")
    house = House(waits, content(step("b"), id="two", trigger="go.two"), services=Services(doors))
    process = house.up()
    dispatcher = process.orchestrator._dispatcher
    assert dispatcher is not None
    await process.publish("first", kind="go")
    await process.publish("second", kind="go.two")
    await until(lambda: "completed" in house.kinds() and dispatcher.is_idle)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Gate, "has_room", False)  # as if others stood in line
        await process.publish("n1", kind="nobody.wants.it")
        await until(lambda: dispatcher._page)
        doors.open("first")
        await until(lambda: "step.waiting" in house.kinds())
    process.orchestrator.wake()
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"] * 2
    house.prove()


async def test_a_paused_run_takes_its_event_when_it_goes_on() -> None:
    house = House(content(awaits()))
    process = house.up()
    await process.publish("e1")
    await process.until_idle()
    await process.ask.pause(house.ids()[0], "eve")
    await process.publish("p1", kind=PAID)
    await process.until_idle()
    assert house.kinds()[-1] == "paused"
    await process.ask.resume(house.ids()[0], "eve")
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"]
    house.prove()


async def test_many_waiting_runs_are_found_by_their_type() -> None:
    house = House(ORDER)
    count = 150
    for number in range(count):
        house.publish(f"e{number}", data=order(number))
    await house.run()
    assert house.states() == ["WAITING"] * count
    process = house.up()
    assert process.orchestrator.runner.live == {}
    for number in range(count):
        await process.publish(f"p{number}", kind=PAID, data=order(number))
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"] * count
    assert process.orchestrator.waits.listeners._by_type == {}
    house.prove()


async def test_an_abandoned_run_that_is_redriven_at_once_waits_anew() -> None:
    """While its end is still on its way into the log."""
    house = House(content(awaits()))
    process = house.up()
    await process.publish("e1")
    await process.until_idle()
    saga_id = house.ids()[0]
    abandoned = asyncio.ensure_future(process.ask.abandon(saga_id, "eve", "no more"))
    redriven = asyncio.ensure_future(process.ask.redrive(saga_id, "eve"))
    await asyncio.gather(abandoned, redriven)
    await process.publish("p1", kind=PAID)
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"]
    assert house.kinds().count("step.waiting") == 2
    house.prove()
