"""One run at a time for each value of a lock's key, first come first served by the event that triggered it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hms_orch_cli.errors import NoteMissing, NotFound
from hms_orch_cli.orchestrator.locks import Locks
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.outcome import Answer

from ..lock_story import Held, lock_story
from ..specs import step
from .house import Doors, House, Mains, Process, Services, content, event_id, ok, said, until

ACCOUNT = {"account": 7}
KEY = "7"


def locked(*steps: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """A definition with a lock for each account."""
    return content(*(steps or (step("pay"),)), **{"lock": "data.account", **keys})


CHANGES = locked(id="shop.change.v1", trigger="order.changed")


def story(house: House) -> list[Held]:
    """See `lock_story`."""
    return lock_story(house.store.scan())


def served(house: House) -> list[str]:
    """Ids of the events whose runs got a lock, in order."""
    event_of = {row.saga_id: row.event_id for row in house.rows()}
    return [event_of[held.saga_id] for held in story(house)]


def let_go(process: Process) -> None:
    """Nothing of locks and waits is left in memory."""
    waits = process.orchestrator.waits
    locks = waits.locks
    assert (locks._holders, locks._lines, locks._keys, waits.listeners._by_type) == ({}, {}, {}, {})
    assert process.orchestrator.runner.live == {}


async def test_first_come_first_served_over_all_definitions() -> None:
    house = House(locked(), CHANGES)
    for number in range(3):
        house.publish(f"placed{number}", data=ACCOUNT)
        house.publish(f"changed{number}", kind="order.changed", data=ACCOUNT)
    process = await house.run()
    assert served(house) == ["placed0", "changed0", "placed1", "changed1", "placed2", "changed2"]
    assert house.services.most == 1
    assert house.states() == ["COMPLETED"] * 6
    assert [data["holder"] for data in house.told("saga.lock.queued")] == [house.ids()[0]] * 5
    let_go(process)
    house.prove()


async def test_the_line_is_that_of_the_events_whenever_a_run_came_to_stand_in_it() -> None:
    """The events of a definition that was paused are older than those that came meanwhile."""
    doors = Doors("e1")
    house = House(locked(), CHANGES, services=Services(doors))
    process = house.up()
    await process.ask.pause_definition("shop.change.v1", "eve")
    await process.publish("e1", data=ACCOUNT)
    await process.publish("e2", kind="order.changed", data=ACCOUNT)
    await process.publish("e3", data=ACCOUNT)
    await until(lambda: len(house.events("saga.lock.queued")) == 1)
    await process.ask.resume_definition("shop.change.v1", "eve")
    await until(lambda: len(house.events("saga.lock.queued")) == 2)
    doors.open()
    await process.until_idle()
    await process.stop()
    assert served(house) == ["e1", "e2", "e3"]
    house.prove()


async def test_the_line_is_the_same_after_a_crash() -> None:
    house = House(locked(), CHANGES, services=Services(Doors("e1")))
    process = house.up()
    await process.publish("e1", "e2", data=ACCOUNT)
    await process.publish("e3", kind="order.changed", data=ACCOUNT)
    await process.publish("e4", data=ACCOUNT)
    await until(lambda: len(house.events("saga.lock.queued")) == 3)
    await process.crash()
    house.services.behave = lambda request: ok()
    await house.run()
    assert served(house) == ["e1", "e2", "e3", "e4"]
    assert house.states() == ["COMPLETED"] * 4
    house.prove()


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (5, "5", True),
        (5, 5, False),
        (5, 5.0, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ([1, 2], [2, 1], True),
        (True, "true", True),
    ],
)
async def test_keys_compare_as_canonical_json(first: object, second: object, together: bool) -> None:
    doors = Doors("e1", "e2")
    house = House(locked(), services=Services(doors))
    process = house.up()
    await process.publish("e1", data={"account": first})
    await process.publish("e2", data={"account": second})
    await until(lambda: len(house.services.calls) == 2 or house.events("saga.lock.queued"))
    assert len(house.services.calls) == (2 if together else 1)
    doors.open()
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"] * 2


@pytest.mark.parametrize(
    ("conflict", "states", "kinds"),
    [
        ("wait", ["COMPLETED", "COMPLETED"], ["started", "lock.queued", "lock.acquired"]),
        ("abort", ["COMPLETED", "FAILED"], ["started", "compensating", "failed"]),
        ("skip", ["COMPLETED"], ["skipped"]),
    ],
)
async def test_what_follows_if_somebody_holds_it(conflict: str, states: list[str], kinds: list[str]) -> None:
    doors = Doors("e1")
    house = House(locked(lock={"key": "data.account", "onConflict": conflict}), services=Services(doors))
    process = house.up()
    await process.publish("e1", "e2", data=ACCOUNT)
    await until(lambda: len({each.stream for each in house.events()}) == 2)
    doors.open()
    await process.until_idle()
    await process.stop()
    assert house.states() == states
    second = next(each.stream for each in house.events() if each.stream != house.events()[0].stream)
    assert [e.type.removeprefix("saga.") for e in house.events() if e.stream == second][:3] == kinds
    if conflict == "abort":
        assert house.rows()[1].reason == f"lock 7 is held by run {house.ids()[0]}"
        assert {event_id(request) for request in house.services.calls} == {"e1"}
        assert process.orchestrator.projection.questions.in_a_row == {}, "says nothing about the definition"
    let_go(process)
    house.prove()


async def test_a_wait_that_lasts_too_long_fails_with_nothing_called() -> None:
    doors = Doors("e1")
    house = House(locked(lock={"key": "data.account", "waitMs": 20}, hitlAfter=1), services=Services(doors))
    process = house.up()
    await process.publish("e1", "e2", data=ACCOUNT)
    await until(lambda: "failed" in house.kinds())
    doors.open()
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED", "FAILED"]
    assert "for lock 7" in house.rows()[1].reason
    assert {event_id(request) for request in house.services.calls} == {"e1"}
    assert [data["cause"] for data in house.told("saga.failed")] == ["lock"]
    assert process.orchestrator.projection.questions.open == {}, "not counted as a failure of the definition"
    house.prove()


@pytest.mark.parametrize(("key", "reason"), [("data.account", "null"), ("data.nothing", "nothing")])
async def test_a_key_without_a_value_fails_the_run(key: str, reason: str) -> None:
    house = House(locked(lock=key))
    house.publish("e1", data={"account": None})
    process = await house.run()
    assert house.states() == ["FAILED"]
    assert house.rows()[0].reason.startswith("lock: ")
    assert reason in house.rows()[0].reason
    assert [data["cause"] for data in house.told("saga.failed")] == ["key"]
    assert house.services.calls == []
    let_go(process)
    house.prove()


def refuses_to_undo(request: CallRequest) -> Answer:
    """Of the first event the second step is refused, and so is the undo of the first step."""
    if event_id(request) != "e1" or (request.step, request.op) == ("pay", "call"):
        return ok()
    return said(422)


TWO = locked(step("pay"), step("ship"))


async def stuck_and_in_line() -> House:
    """A run that is stuck with its lock, and one that waits for it; nobody is up."""
    house = House(TWO, services=Services(refuses_to_undo))
    house.publish("e1", "e2", data=ACCOUNT)
    await house.run()
    assert house.states() == ["STUCK", "WAITING"]
    assert house.rows()[1].reason == "waits for lock 7"
    house.prove()
    return house


async def test_it_is_held_through_the_undo_and_while_stuck_and_handed_over_at_the_end() -> None:
    house = await stuck_and_in_line()
    (item,) = house.told("hitl.queued")
    process = house.up()
    await process.ask.decide(item["id"], "undone", "eve", "by hand")
    await process.until_idle()
    await process.stop()
    assert house.states() == ["FAILED", "COMPLETED"]
    first, second = story(house)
    assert (first.saga_id, second.saga_id) == tuple(house.ids())
    assert first.until is not None
    assert first.until < second.since
    let_go(process)
    house.prove()


@pytest.mark.parametrize("up", [True, False])
async def test_a_person_can_take_it_away(up: bool) -> None:
    house = await stuck_and_in_line()
    if up:
        process = house.up()
        with pytest.raises(NotFound):
            await process.ask.release('"7"', "eve", "a text is another key")
        await process.ask.release(KEY, "eve", "it is stuck")
        await process.until_idle()
        await process.stop()
    else:
        with pytest.raises(NoteMissing, match="note"):
            house.ask(lambda people: people.release(KEY, "eve", " "))
        house.ask(lambda people: people.release(KEY, "eve", "it is stuck"))
        with pytest.raises(NotFound):
            house.ask(lambda people: people.release(KEY, "eve", "nobody holds it now"))
        await house.run()
    assert house.states() == ["STUCK", "COMPLETED"]
    assert [(data["key"], data["actor"]) for data in house.told("saga.lock.released")] == [(KEY, "eve")]
    assert [held.saga_id for held in story(house)] == house.ids()
    house.prove()


async def test_fences_rise_over_all_keys_and_restarts() -> None:
    house = House(locked())
    for number in range(6):
        house.publish(f"e{number}", data={"account": number % 2})
        await house.run()
    fences = [int(request.headers["HMS-Fence"]) for request in house.services.calls]
    assert fences == sorted(set(fences))
    assert fences == [held.fence for held in story(house)]
    house.prove()


async def test_a_cancelled_run_leaves_the_line() -> None:
    doors = Doors("e1")
    house = House(locked(), services=Services(doors))
    process = house.up()
    await process.publish("e1", "e2", "e3", data=ACCOUNT)
    await until(lambda: len(house.events("saga.lock.queued")) == 2)
    in_line = [each.stream.removeprefix("run/") for each in house.events("saga.lock.queued")]
    assert (await process.ask.cancel(in_line[0], "eve")).status.value == "CANCELLED"
    doors.open()
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED", "CANCELLED", "COMPLETED"]
    assert served(house) == ["e1", "e3"]
    let_go(process)
    house.prove()


async def test_a_run_cancelled_in_the_moment_of_its_grant_hands_it_on() -> None:
    doors = Doors("e1")
    house = House(locked(), services=Services(doors))
    process = house.up()
    await process.publish("e1", "e2", "e3", data=ACCOUNT)
    await until(lambda: len(house.events("saga.lock.queued")) == 2)
    locks = process.orchestrator.waits.locks
    grant, cancelled = locks._on_grant, []

    def cancel_first(saga_id: str, fence: int) -> None:
        if not cancelled:
            cancelled.append(asyncio.ensure_future(process.ask.cancel(saga_id, "eve")))
        grant(saga_id, fence)
        assert not process.orchestrator.is_idle, "somebody is about to move"

    locks._on_grant = cancel_first
    doors.open()
    await process.until_idle()
    await cancelled[0]
    await process.stop()
    assert house.states() == ["COMPLETED", "CANCELLED", "COMPLETED"]
    assert served(house) == ["e1", "e3"]
    let_go(process)
    house.prove()


async def test_a_stop_in_the_moment_of_a_grant_leaves_it_to_the_next_start() -> None:
    doors = Doors("e1")
    house = House(locked(), services=Services(doors))
    process = house.up()
    await process.publish("e1", "e2", data=ACCOUNT)
    await until(lambda: len(house.events("saga.lock.queued")) == 1)
    locks = process.orchestrator.waits.locks
    grant, stopping = locks._on_grant, []

    def stop_then_grant(saga_id: str, fence: int) -> None:
        stopping.append(asyncio.ensure_future(process.stop()))
        grant(saga_id, fence)

    locks._on_grant = stop_then_grant
    doors.open()
    await until(lambda: stopping)
    await stopping[0]
    assert len(story(house)) == 1
    house.prove()
    await house.run()
    assert house.states() == ["COMPLETED"] * 2
    assert served(house) == ["e1", "e2"]
    house.prove()


async def test_a_run_that_would_rather_be_skipped_fails_if_it_finds_the_lock_taken_later() -> None:
    """At a redrive: that the run exists is on record, so it cannot be skipped any more."""
    doors = Doors("e2", behave=lambda request: said(409) if event_id(request) == "e1" else ok())
    house = House(locked(lock={"key": "data.account", "onConflict": "skip"}), services=Services(doors))
    process = house.up()
    await process.publish("e1", data=ACCOUNT)
    await process.until_idle()
    await process.publish("e2", data=ACCOUNT)
    await until(lambda: len(house.services.calls) == 2)
    (failed,) = [each.stream.removeprefix("run/") for each in house.events("saga.failed")]
    await process.ask.redrive(failed, "eve")
    doors.open()
    await process.until_idle()
    await process.stop()
    assert house.states() == ["FAILED", "COMPLETED"]
    assert [data["cause"] for data in house.told("saga.failed")] == ["step", "lock"]
    assert len(house.services.calls) == 2
    let_go(process)
    house.prove()


async def test_what_is_redriven_into_a_line_waits_and_keeps_nobody_up() -> None:
    """Its attempt is granted, but it begins only once the lock is its own."""
    house = House(TWO, services=Services(lambda r: said(409) if event_id(r) == "e0" else refuses_to_undo(r)))
    house.publish("e0", "e1", data=ACCOUNT)
    await house.run()
    assert house.states() == ["FAILED", "STUCK"]
    house.ask(lambda people: people.redrive(house.ids()[0], "eve"))
    house.services.behave = lambda request: ok()
    process = await house.run()
    assert house.states() == ["WAITING", "STUCK"]
    assert house.rows()[0].parked
    (item,) = house.told("hitl.queued")
    house.ask(lambda people: people.decide(item["id"], "retry", "eve", "it works again"))
    process = await house.run()
    assert house.states() == ["COMPLETED", "FAILED"]
    let_go(process)
    house.prove()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("behave", [lambda request: ok(), refuses_to_undo], ids=["fine", "stuck"])
async def test_the_power_goes_out_at_every_append(behave: Any, after: bool) -> None:
    """Never two holders, and nobody waits for ever."""
    dies_at, finished = 0, False
    while not finished:
        dies_at += 1
        assert dies_at < 200
        house = House(TWO, CHANGES, services=Services(behave))
        house.publish("e1", data=ACCOUNT)
        house.publish("e2", kind="order.changed", data=ACCOUNT)
        house.publish("e3", data=ACCOUNT)
        finished = await house.up(mains=Mains(house.store, dies_at, after=after)).until_dead_or_idle()
        await house.run()
        if behave is refuses_to_undo:
            assert house.states() == ["STUCK", "WAITING", "WAITING"]
            (item,) = house.told("hitl.queued")
            house.ask(lambda people, item=item: people.decide(item["id"], "abandon", "eve", "as it is"))
            await house.run()
        assert house.states() == ["ABANDONED" if behave is refuses_to_undo else "COMPLETED", "COMPLETED", "COMPLETED"]
        assert served(house) == ["e1", "e2", "e3"]
        assert house.services.most == 1
        assert all(held.until is not None for held in story(house))
        house.prove()
    assert dies_at > 5


def test_who_asks_twice_stands_in_line_once() -> None:
    """As a redriven run does that would not wait for its lock, and has something to undo under it."""
    granted: list[str] = []
    locks = Locks(lambda saga_id, fence: granted.append(saga_id))
    assert [locks.ask("k", 1, "a"), locks.ask("k", 2, "b"), locks.ask("k", 2, "b")] == [1, 0, 0]
    locks.leave("a")
    locks.leave("b")
    assert (granted, locks.holder("k")) == (["b"], "")


def test_the_first_in_line_is_the_one_whose_event_came_first_whatever_the_lock() -> None:
    locks = Locks(lambda saga_id, fence: None)
    assert locks.first_in_line() is None
    for seq, (key, saga_id) in enumerate([("a", "holder-a"), ("b", "holder-b"), ("b", "second"), ("a", "third")]):
        locks.ask(key, seq, saga_id)
    assert locks.first_in_line() == "second"
    locks.leave("second")
    assert locks.first_in_line() == "third"
