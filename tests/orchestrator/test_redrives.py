"""A second chance: a run that has undone nothing goes on, one that has is started anew in its place."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import orjson
import pytest

from hms_orch_cli.application.alone import Alone
from hms_orch_cli.errors import NotAllowed, StoreFailed
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.identity import redrive_id, round_of
from hms_orch_cli.saga.outcome import Answer, Verdict

from ..specs import step
from .house import CEL, SAGA, House, Mains, Services, content, ok, said, until

IN_PLACE = content(step("pay", compensate=None), step("ship"))
ANEW = content(step("pay"), step("ship"))


def refuses_ship(request: CallRequest) -> Answer:
    """The second step is refused."""
    return said(422) if (request.step, request.op) == ("ship", "call") else ok()


async def failed(definition: dict[str, object]) -> tuple[House, str]:
    """A run that has failed at its second step; everything works by now, and nobody is up."""
    house = House(definition, services=Services(refuses_ship))
    house.publish("e1")
    await house.run()
    assert house.states() == ["FAILED"]
    house.services.behave = lambda request: ok()
    house.services.calls.clear()
    return house, house.ids()[0]


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
async def test_what_has_undone_nothing_goes_on_where_it_failed(up: bool) -> None:
    house, saga_id = await failed(IN_PLACE)
    if up:
        process = house.up()
        redriven = await process.ask.redrive(saga_id, "eve", "repaired")
        await process.until_idle()
        await process.stop()
    else:
        redriven = house.ask(lambda people: people.redrive(saga_id, "eve", "repaired"))
        with pytest.raises(NotAllowed, match="RUNNING"):
            house.ask(lambda people: people.redrive(saga_id, "ann"))
        await house.run()
    assert redriven == (saga_id, None)
    assert house.states() == ["COMPLETED"]
    assert [(request.step, request.key) for request in house.services.calls] == [("ship", f"{saga_id}:ship:call:2")]
    with pytest.raises(NotAllowed, match="COMPLETED"):
        house.ask(lambda people: people.redrive(saga_id, "ann"))
    house.prove()


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
async def test_what_has_undone_something_is_started_anew(up: bool) -> None:
    house, saga_id = await failed(ANEW)
    if up:
        process = house.up()
        redriven = await process.ask.redrive(saga_id, "eve", "repaired")
        await process.until_idle()
        await process.stop()
    else:
        redriven = house.ask(lambda people: people.redrive(saga_id, "eve", "repaired"))
        await house.run()
    assert redriven.redrive_of == saga_id
    assert redriven.saga_id != saga_id
    states = {row.saga_id: row.state for row in house.rows()}
    assert states == {saga_id: "FAILED", redriven.saga_id: "COMPLETED"}
    (started,) = house.told("saga.started", redriven.saga_id)
    assert started["redriveOf"] == saga_id
    assert [(data["by"], data["actor"]) for data in house.told("saga.replaced")] == [(redriven.saga_id, "eve")]
    assert [request.key for request in house.services.calls] == [
        f"{redriven.saga_id}:{name}:call" for name in ("pay", "ship")
    ]
    with pytest.raises(NotAllowed, match=f"anew already, as {redriven.saga_id}"):
        house.ask(lambda people: people.redrive(saga_id, "ann"))
    house.prove()


async def test_what_was_started_anew_and_not_noted_is_not_started_twice() -> None:
    """The power went out between the two."""
    house, saga_id = await failed(ANEW)
    hands = Alone(house.store, lambda: CEL, house.clock.now_ms)
    run = hands.run(saga_id)
    hands.start_anew(run, redrive_id(run.state))
    await house.run()
    redriven = house.ask(lambda people: people.redrive(saga_id, "eve"))
    await house.run()
    assert sorted(house.states()) == ["COMPLETED", "FAILED"]
    assert len(house.told("saga.started", redriven.saga_id)) == 1
    assert len(house.told("saga.replaced")) == 1
    house.prove()


async def test_what_was_started_anew_and_failed_can_be_redriven_itself() -> None:
    house, saga_id = await failed(ANEW)
    house.services.behave = refuses_ship
    first = house.ask(lambda people: people.redrive(saga_id, "eve"))
    await house.run()
    house.services.behave = lambda request: ok()
    second = house.ask(lambda people: people.redrive(first.saga_id, "eve"))
    await house.run()
    assert len({saga_id, first.saga_id, second.saga_id}) == 3
    assert {row.saga_id: row.state for row in house.rows()}[second.saga_id] == "COMPLETED"
    house.prove()


@pytest.mark.parametrize("anew", [True, False], ids=["anew", "in place"])
async def test_another_revision_by_now_is_refused_unless_the_old_one_is_wanted(anew: bool) -> None:
    house, saga_id = await failed(ANEW if anew else IN_PLACE)
    house.deploy(content(step("other")))
    with pytest.raises(NotAllowed, match="has changed since"):
        house.ask(lambda people: people.redrive(saga_id, "eve"))
    house.undeploy(SAGA)
    with pytest.raises(NotAllowed, match="not deployed any more"):
        house.ask(lambda people: people.redrive(saga_id, "eve"))
    house.ask(lambda people: people.redrive(saga_id, "eve", keep_revision=True))
    await house.run()
    assert "COMPLETED" in house.states()
    assert {request.step for request in house.services.calls} == ({"pay", "ship"} if anew else {"ship"})
    house.prove()


async def test_what_was_abandoned_in_the_middle_goes_on() -> None:
    house = House(content(step("pay"), {"name": "boss", "approval": {"prompt": "?"}}, step("ship")))
    house.publish("e1")
    await house.run()
    house.ask(lambda people: people.abandon(house.ids()[0], "eve", "no more"))
    house.ask(lambda people: people.redrive(house.ids()[0], "eve", "after all"))
    await house.run()
    first, second = house.told("hitl.queued")
    assert first["id"] != second["id"]
    house.ask(lambda people: people.decide(second["id"], "approve", "eve", "yes"))
    await house.run()
    assert house.states() == ["COMPLETED"]
    assert house.services.made() == ["pay", "ship"]
    house.prove()


@pytest.mark.parametrize("anew", [True, False], ids=["anew", "in place"])
@pytest.mark.parametrize("after", [False, True])
async def test_the_power_goes_out_at_every_append_of_a_redrive(anew: bool, after: bool) -> None:
    """Asked for again, it is started once."""
    dies_at, finished = 0, False
    while not finished:
        dies_at += 1
        assert dies_at < 100
        house, saga_id = await failed(ANEW if anew else IN_PLACE)
        process = house.up(mains=Mains(house.store, dies_at, after=after))
        with suppress(StoreFailed):
            await process.ask.redrive(saga_id, "eve")
        finished = await process.until_dead_or_idle()
        if not house.told("saga.replaced") and not house.told("saga.redriven"):
            house.ask(lambda people, saga_id=saga_id: people.redrive(saga_id, "eve"))
        await house.run()
        assert sorted(house.states()) == (["COMPLETED", "FAILED"] if anew else ["COMPLETED"])
        assert len(house.told("saga.replaced")) == int(anew)
        house.prove()


async def test_a_late_answer_to_a_run_that_was_abandoned_does_not_touch_what_it_is_now() -> None:
    """The run is in line for its lock again, and its retry has an alarm: neither is lost to the answer of before."""
    loop = asyncio.get_running_loop()
    answers: list[asyncio.Future[Answer]] = []

    async def ask(request: CallRequest) -> Answer:
        answers.append(loop.create_future())
        return await answers[-1]

    house = House(content(step("pay"), lock='"one"'), services=Services(ask))
    process = house.up()
    await process.publish("e1")
    await until(lambda: len(answers) == 1)
    (first,) = house.ids()
    await process.ask.abandon(first, "eve", "it takes too long")
    await process.ask.redrive(first, "eve")
    await until(lambda: len(answers) == 2)
    await process.publish("e2")
    await until(lambda: house.events("saga.lock.queued"))
    answers[0].set_result(ok())
    for _ in range(20):
        await asyncio.sleep(0)
    assert process.orchestrator.holder('"one"') == first
    answers[1].set_result(ok())
    await until(lambda: len(answers) == 3)
    answers[2].set_result(ok())
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED", "COMPLETED"]
    house.prove()


async def test_a_second_callback_of_the_first_call_says_nothing_of_the_call_after_the_redrive() -> None:
    """Each call is told an address of its own, and what comes to the old one does not settle the new."""
    house = House(content(step("pay", compensate=None)), services=Services(lambda request: said(202)))
    house.publish("e1")
    process = house.up()
    addresses: list[str] = []

    async def asked() -> None:
        await until(lambda: len(house.services.calls) > len(addresses))
        addresses.append(orjson.loads(house.services.calls[-1].body or b"")["callback"])
        await until(lambda: house.told("saga.step.accepted")[len(addresses) - 1 :])

    async def report(address: str, verdict: Verdict) -> bool:
        saga_id, name, word = address.rpartition("/")[2].split(":", 2)
        op, number = round_of(word)
        return await process.orchestrator.report(saga_id, name, op, verdict, ok(), number)

    await asked()
    assert await report(addresses[0], Verdict.FAILED)
    await until(lambda: house.states() == ["FAILED"])
    await process.ask.redrive(house.ids()[0], "eve", "repaired")
    await asked()
    assert addresses[0] != addresses[1]
    for verdict in (Verdict.FAILED, Verdict.SUCCESS):
        assert await report(addresses[0], verdict)
        assert house.states() == ["WAITING"]
    assert await report(addresses[1], Verdict.SUCCESS)
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"]
    house.prove()
