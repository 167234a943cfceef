"""`onExhausted: hitl`: a failed step is held, and a person is asked before anything is undone."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.outcome import Answer

from ..specs import group, step
from .house import House, Mains, Services, content, ok, said, until

HELD = (step("pay"), step("ship", onExhausted="hitl"), step("mail"))


def refuses_ship(request: CallRequest) -> Answer:
    """The second step is refused."""
    return said(422) if (request.step, request.op) == ("ship", "call") else ok()


def doubts_ship(request: CallRequest) -> Answer:
    """The second step is never certain."""
    return said(500) if (request.step, request.op) == ("ship", "call") else ok()


async def held(behave: Any = refuses_ship, *steps: dict[str, Any], **keys: Any) -> tuple[House, str]:
    """A run that is held at its second step, and its item; nobody is up."""
    house = House(content(*(steps or HELD), **keys), services=Services(behave))
    house.publish("e1")
    await house.run()
    assert house.states() == ["WAITING"]
    (item,) = house.told("hitl.queued")
    assert (item["kind"], item["step"]["name"]) == ("hold", "ship")
    assert "compensate" not in house.kinds()
    return house, item["id"]


async def decided(house: House, up: bool, item: str, decision: str, **given: Any) -> None:
    """A decision while an orchestrator is up, or before the next one starts; everything works by then."""
    house.services.behave = lambda request: ok()
    if not up:
        house.ask(lambda people: people.decide(item, decision, "eve", "so be it", **given))
        await house.run()
    else:
        process = house.up()
        await process.ask.decide(item, decision, "eve", "so be it", **given)
        await process.until_idle()
        await process.stop()
    house.prove()


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
@pytest.mark.parametrize(("behave", "round_"), [(refuses_ship, ":2"), (doubts_ship, "")], ids=["refused", "unknown"])
async def test_retry_calls_again_with_a_key_of_a_new_round_after_a_definite_no(
    up: bool, behave: Any, round_: str
) -> None:
    house, item = await held(behave)
    await decided(house, up, item, "retry")
    assert house.states() == ["COMPLETED"]
    keys = [request.key for request in house.services.calls if request.step == "ship"]
    assert keys[-1] == f"{house.ids()[0]}:ship:call{round_}"


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
async def test_done_takes_what_the_person_gives_as_the_answer(up: bool) -> None:
    house, item = await held()
    await decided(house, up, item, "done", output={"parcel": 9})
    assert house.states() == ["COMPLETED"]
    assert orjson.loads(house.services.calls[-1].body or "")["context"]["ship"] == {"parcel": 9}
    assert house.services.made() == ["pay", "ship", "mail"]


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
async def test_skip_goes_on_without_it(up: bool) -> None:
    house, item = await held()
    await decided(house, up, item, "skip")
    assert house.states() == ["COMPLETED"]
    assert house.steps() == [{"pay": "SUCCEEDED", "ship": "SKIPPED", "mail": "SUCCEEDED"}]


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
@pytest.mark.parametrize(
    ("behave", "undone"), [(refuses_ship, ["pay"]), (doubts_ship, ["ship", "pay"])], ids=["refused", "unknown"]
)
async def test_compensate_turns_back(up: bool, behave: Any, undone: list[str]) -> None:
    house, item = await held(behave)
    await decided(house, up, item, "compensate")
    assert house.states() == ["FAILED"]
    assert house.services.made("compensate") == undone


async def test_who_is_held_again_is_asked_again() -> None:
    house, item = await held()
    house.ask(lambda people: people.decide(item, "retry", "eve", "once more"))
    await house.run()
    assert house.states() == ["WAITING"]
    assert [data["id"] for data in house.told("hitl.queued")] == [item, f"{house.ids()[0]}.2"]
    house.prove()


async def test_a_sibling_goes_on_beside_a_held_step() -> None:
    house, item = await held(refuses_ship, group(step("pay"), step("ship", onExhausted="hitl")), step("mail"))
    assert house.steps() == [{"pay": "SUCCEEDED", "ship": "WAITING", "mail": "PENDING"}]
    await decided(house, True, item, "skip")
    assert house.states() == ["COMPLETED"]


async def test_a_deadline_ends_the_hold() -> None:
    house = House(content(*HELD, deadlineMs=60_000), services=Services(refuses_ship))
    house.publish("e1")
    await house.run()
    house.clock.forward(60_001)
    process = house.up()
    await until(lambda: "failed" in house.kinds())
    await process.stop()
    assert house.states() == ["FAILED"]
    assert [data["reason"] for data in house.told("hitl.closed")] == ["the run turned back"]
    assert house.services.made("compensate") == ["pay"]
    house.prove()


async def test_the_power_goes_out_at_every_append() -> None:
    for after in (False, True):
        dies_at, finished = 0, False
        while not finished:
            dies_at += 1
            assert dies_at < 100
            house = House(content(*HELD), services=Services(refuses_ship))
            house.publish("e1")
            first = await house.up(mains=Mains(house.store, dies_at, after=after)).until_dead_or_idle()
            await house.run()
            (item,) = [data for data in house.told("hitl.queued") if data["kind"] == "hold"]
            house.services.behave = lambda request: ok()
            house.ask(lambda people, item=item: people.decide(item["id"], "retry", "eve", "again"))
            second = await house.up(mains=Mains(house.store, dies_at, after=after)).until_dead_or_idle()
            finished = first and second
            await house.run()
            assert house.states() == ["COMPLETED"]
            assert len(house.told("hitl.queued")) == 1
            house.prove()
