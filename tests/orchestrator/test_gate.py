"""The bound on calls: never more than so many at a time, first come first served, the rest waits in the log."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from hms_orch_cli.orchestrator.gate import Gate
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.inputs import Cancel
from hms_orch_cli.saga.outcome import Answer

from ..specs import group, step
from .house import House, Services, content, ok, said, until

# -- by itself


def line(gate: Gate, *services: str) -> list[str]:
    """Stands in line for each; returns the list in which the admitted appear as `service+number`."""
    admitted: list[str] = []
    for number, service in enumerate(services):
        gate.wait(service, lambda name=f"{service}{number}": admitted.append(name))  # type: ignore[misc]
    return admitted


def test_places_are_bounded_in_total_and_for_each_service() -> None:
    gate = Gate(3, 2)
    assert [gate.enter(service) for service in "aaabbc"] == [True, True, False, True, False, False]
    assert gate.taken == 3


def test_a_place_goes_to_the_first_in_line_who_fits() -> None:
    gate = Gate(3, 2)
    for service in "aab":
        gate.enter(service)
    admitted = line(gate, "a", "b", "c")
    assert gate.in_line == 3
    gate.leave("b")
    assert admitted == ["b1"], "the first in line is for a, which is full"
    gate.leave("a")
    assert admitted == ["b1", "a0"]
    gate.leave("a")
    assert admitted == ["b1", "a0", "c2"]
    assert gate.in_line == 0


def test_a_busy_service_does_not_keep_the_others_waiting_for_ever() -> None:
    """Where the total is the bound, the order of the whole line counts, not the order of the services."""
    gate = Gate(1, 1)
    gate.enter("a")
    admitted = line(gate, "a", "b", "a", "c", "b")
    for service in "aabac":
        gate.leave(service)
    assert admitted == ["a0", "b1", "a2", "c3", "b4"]


def test_whoever_leaves_at_once_lets_the_next_in() -> None:
    gate = Gate(1, 1)
    gate.enter("a")
    order: list[int] = []
    for number in range(4):
        gate.wait("a", lambda n=number: (order.append(n), gate.leave("a")))  # type: ignore[misc]
    gate.leave("a")
    assert order == [0, 1, 2, 3]
    assert gate.taken == 0


def test_room_is_told_of_with_each_place_given_back() -> None:
    gate = Gate(2, 2)
    rooms: list[int] = []
    gate.on_room = lambda: rooms.append(gate.taken)
    gate.enter("a")
    gate.enter("a")
    assert not gate.has_room
    gate.leave("a")
    gate.leave("a")
    assert rooms == [1, 0] and gate.has_room


def test_a_long_line_lets_nothing_new_in() -> None:
    gate = Gate(3, 1)
    gate.enter("a")
    assert gate.has_room
    line(gate, "a", "a", "a")
    assert not gate.has_room


@pytest.mark.parametrize("seed", range(30))
def test_no_place_stays_free_while_somebody_in_line_fits(seed: int) -> None:
    rng = Random(seed)
    gate = Gate(rng.randint(1, 5), rng.randint(1, 3))
    inside: list[str] = []
    waiting: list[tuple[str, object]] = []
    for _ in range(300):
        if inside and rng.random() < 0.5:
            gate.leave(inside.pop(rng.randrange(len(inside))))
        else:
            service = rng.choice("abc")
            if gate.enter(service):
                inside.append(service)
            else:
                mark = (service, object())
                waiting.append(mark)
                gate.wait(service, lambda m=mark: (waiting.remove(m), inside.append(m[0])))  # type: ignore[misc]
        assert gate.taken == len(inside)
        for service, _ in waiting:
            assert not gate.enter(service), "a place was free all the time"


# -- in the orchestrator


@pytest.mark.parametrize(("calls", "per_service"), [(1, 1), (2, 1), (3, 2), (8, 3), (8, 8)])
async def test_never_more_calls_at_a_time_than_that(calls: int, per_service: int) -> None:
    steps = [step("a", call="one:/a"), group(step("b", call="two:/b"), step("c", call="one:/c")), step("d")]
    house = House(content(*steps))
    house.services.behave = lambda r: said(409) if r.step == "d" and r.op == "call" else pausing(r)
    house.publish(*[f"e{n}" for n in range(40)])
    await house.run(calls=calls, calls_per_service=per_service)
    assert house.services.most <= calls
    assert max(house.services.most_by_service.values()) <= per_service
    assert house.states() == ["FAILED"] * 40
    assert house.services.most == min(calls, 3 * per_service), "and the room there is, is used"
    house.prove()


async def pausing(request: CallRequest) -> Answer:
    """An answer after a few turns of the loop."""
    for _ in range(3):
        await asyncio.sleep(0)
    return ok()


async def test_polls_and_checks_take_places_too() -> None:
    def behave(request: CallRequest) -> Answer:
        if request.purpose != "send":
            return ok()
        return said(202, location="http://svc/jobs/1") if request.step == "a" else said(500)

    house = House(content(step("a"), step("b", check="svc:/b")), services=Services(behave))
    house.publish(*[f"e{n}" for n in range(30)])
    await house.run(calls=2)
    assert house.services.most <= 2
    assert house.states() == ["COMPLETED"] * 30


async def test_events_beyond_the_bound_wait_in_the_log() -> None:
    held = asyncio.Event()

    async def hold(request: CallRequest) -> Answer:
        await held.wait()
        return ok()

    house = House(content(step("a")), services=Services(hold))
    house.publish(*[f"e{n}" for n in range(500)])
    process = house.up(calls=4)
    await until(lambda: len(house.services.calls) == 4)
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(process.orchestrator.runner.live) <= 9, "four that call, a few in line"
    assert not process.orchestrator.is_idle
    held.set()
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"] * 500
    assert [row.event_id for row in house.rows()] == [f"e{n}" for n in range(500)]
    assert house.services.most == 4


async def test_a_run_that_ends_while_it_stands_in_line_leaves_its_place_to_the_next() -> None:
    held = asyncio.Event()

    async def hold(request: CallRequest) -> Answer:
        await held.wait()
        return ok()

    house = House(content(step("a")), services=Services(hold))
    house.publish("e1", "e2", "e3")
    process = house.up(calls=3, calls_per_service=1)
    await until(lambda: len(process.orchestrator.runner.live) == 3)
    second = sorted(process.orchestrator.runner.live)[1]
    await process.orchestrator.tell(process.orchestrator.run(second), Cancel("no"))
    held.set()
    await process.until_idle()
    assert process.orchestrator.gate.taken == 0
    await process.stop()
    assert house.states() == ["COMPLETED", "CANCELLED", "COMPLETED"]
    assert len(house.services.calls) == 2


async def test_a_slow_service_does_not_hold_up_the_others() -> None:
    held = asyncio.Event()

    async def hold(request: CallRequest) -> Answer:
        await held.wait()
        return ok()

    house = House(content(step("a", call="slow:/a")), content(step("b", call="fast:/b"), id="shop.fast.v1"))
    house.services.behave = lambda r: hold(r) if r.service == "slow" else ok()
    house.publish("e1", "e2", "e3")
    process = house.up(calls=8, calls_per_service=1)
    await until(lambda: house.services.made().count("b") == 3)
    held.set()
    await process.until_idle()
    await process.stop()
    assert house.states().count("COMPLETED") == 6


async def test_an_attempt_that_is_given_up_when_it_could_begin_again_gives_its_place_to_the_undo() -> None:
    """Cut off, and the run has turned back meanwhile: its undo needs the one place that there is."""
    house = House(content(step("pay")))
    house.publish("e1")
    process = house.up(calls=1)
    never: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    house.services.behave = lambda request: never
    await until(lambda: house.services.calls)
    (saga_id,) = process.orchestrator.runner.live
    await process.orchestrator.tell(process.orchestrator.run(saga_id), Cancel("ann"))
    process.mains.die()
    never.cancel()
    await process.stop()
    house.services.behave = lambda request: ok()
    await house.run(calls=1)
    assert house.states() == ["CANCELLED"]
    house.prove()
