"""Steps that wait for a person: approved, rejected, or left until it is too late."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hms_orch_cli.errors import NotAllowed, NotFound

from ..specs import step
from .house import House, Mains, Process, content, until


def approval(**keys: Any) -> dict[str, Any]:
    """A step that asks; `ttlMs` and `onExpire` go into its `approval`."""
    inner = {key: keys.pop(key) for key in ("ttlMs", "onExpire") if key in keys}
    return {"name": "boss", "approval": {"prompt": "pay ${data.sum}?", **inner}, **keys}


def order(**keys: Any) -> dict[str, Any]:
    """A definition with an approval in the middle."""
    return content(step("reserve"), approval(**keys), step("ship"))


async def asked(**keys: Any) -> tuple[House, str]:
    """A run that waits for a person, and its item; nobody is up."""
    house = House(order(**keys))
    house.publish("e1", data={"sum": 7})
    await house.run()
    assert house.states() == ["WAITING"]
    (item,) = house.told("hitl.queued")
    assert (item["kind"], item["reason"], item["decisions"]) == ("approval", "pay 7?", ["approve", "reject"])
    return house, item["id"]


async def decide(house: House, up: bool, item: str, decision: str, **given: Any) -> Process:
    """A decision while an orchestrator is up, or before the next one starts; then until idle."""
    if not up:
        house.ask(lambda people: people.decide(item, decision, "eve", "so be it", **given))
        return await house.run()
    process = house.up()
    await process.ask.decide(item, decision, "eve", "so be it", **given)
    await process.until_idle()
    await process.stop()
    return process


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
async def test_approved_it_goes_on_with_who_said_so_as_the_output(up: bool) -> None:
    house, item = await asked()
    await decide(house, up, item, "approve")
    assert house.states() == ["COMPLETED"]
    context = orjson.loads(house.services.calls[-1].body or "")["context"]
    assert context["boss"] == {"decision": "approve", "actor": "eve", "note": "so be it"}
    assert [(d["decision"], d["actor"], d["note"]) for d in house.told("hitl.decided")] == [
        ("approve", "eve", "so be it")
    ]
    assert house.rows()[0].items is None
    house.prove()


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
async def test_rejected_the_run_turns_back(up: bool) -> None:
    house, item = await asked()
    await decide(house, up, item, "reject")
    assert house.states() == ["FAILED"]
    assert house.rows()[0].reason == "boss: rejected by eve: so be it"
    assert house.services.made() == ["reserve", "reserve"]
    house.prove()


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
async def test_the_output_is_mapped_from_what_the_person_gave(up: bool) -> None:
    house, item = await asked(output={"limit": "response.limit + data.sum"})
    with pytest.raises(NotAllowed, match="output limit"):
        house.ask(lambda people: people.decide(item, "approve", "eve", "yes"))
    with pytest.raises(NotAllowed, match="takes no output"):
        house.ask(lambda people: people.decide(item, "reject", "eve", "no", {"limit": 1}))
    await decide(house, up, item, "approve", output={"limit": 35})
    assert house.states() == ["COMPLETED"]
    assert orjson.loads(house.services.calls[-1].body or "")["context"]["boss"] == {"limit": 42}
    assert house.told("hitl.decided")[0]["output"] == {"limit": 35}
    house.prove()


@pytest.mark.parametrize(
    ("on_expire", "state", "boss"), [("compensate", "FAILED", None), ("continue", "COMPLETED", {"decision": "expired"})]
)
@pytest.mark.parametrize("up", [True, False], ids=["live", "nobody up"])
async def test_what_follows_if_nobody_decides(up: bool, on_expire: str, state: str, boss: Any) -> None:
    if up:
        house = House(order(ttlMs=15, onExpire=on_expire))
        process = house.up()
        await process.publish("e1", data={"sum": 7})
        await until(lambda: {"completed", "failed"} & set(house.kinds()))
        await process.until_idle()
        await process.stop()
    else:
        house, _ = await asked(ttlMs=60_000, onExpire=on_expire)
        house.clock.forward(60_001)
        await house.run()
    assert house.states() == [state]
    if boss:
        assert orjson.loads(house.services.calls[-1].body or "")["context"]["boss"] == boss
    else:
        assert "no decision within" in house.rows()[0].reason
    assert [data["reason"] for data in house.told("hitl.closed")]
    assert house.rows()[0].items is None
    house.prove()


async def test_after_its_time_a_decision_is_refused_though_nobody_was_up_to_see_it_pass() -> None:
    house, item = await asked(ttlMs=60_000)
    house.clock.forward(59_000)
    assert house.told("hitl.queued")[0]["expiresAt"]
    house.clock.forward(1_001)
    facts = house.kinds()
    with pytest.raises(NotAllowed, match="has expired"):
        house.ask(lambda people: people.decide(item, "approve", "eve", "late"))
    assert house.kinds() == facts
    process = house.up()
    with pytest.raises(NotAllowed):
        await process.ask.decide(item, "approve", "eve", "late")
    await process.until_idle()
    await process.stop()
    assert house.states() == ["FAILED"]
    house.prove()


async def test_after_its_time_a_decision_is_refused_by_an_orchestrator_whose_timer_has_not_rung() -> None:
    house, item = await asked(ttlMs=60_000)
    process = house.up()
    house.clock.forward(60_001)
    with pytest.raises(NotAllowed, match="has expired"):
        await process.ask.decide(item, "approve", "eve", "late")
    assert house.states() == ["WAITING"], "nobody has looked at the clock"
    await process.stop()
    house.prove()


async def test_a_second_decision_hears_of_the_first() -> None:
    house, item = await asked()
    await decide(house, False, item, "approve")
    with pytest.raises(NotAllowed, match="decided already: approve by eve"):
        house.ask(lambda people: people.decide(item, "approve", "ann", "me too"))
    with pytest.raises(NotFound):
        house.ask(lambda people: people.decide(f"{house.ids()[0]}.9", "approve", "ann", "which?"))
    with pytest.raises(NotFound):
        house.ask(lambda people: people.decide("nobody.1", "approve", "ann", "which?"))


async def test_a_cancel_closes_what_was_asked() -> None:
    house, item = await asked()
    house.ask(lambda people: people.cancel(house.ids()[0], "eve", "changed my mind"))
    await house.run()
    assert house.states() == ["CANCELLED"]
    assert [data["id"] for data in house.told("hitl.closed")] == [item]
    with pytest.raises(NotAllowed, match="is closed"):
        house.ask(lambda people: people.decide(item, "approve", "eve", "after all"))
    house.prove()


async def test_the_power_goes_out_at_every_append() -> None:
    for after in (False, True):
        dies_at, finished = 0, False
        while not finished:
            dies_at += 1
            assert dies_at < 100
            house = House(order())
            house.publish("e1", data={"sum": 7})
            finished = await house.up(mains=Mains(house.store, dies_at, after=after)).until_dead_or_idle()
            await house.run()
            (item,) = house.told("hitl.queued")
            house.ask(lambda people, item=item: people.decide(item["id"], "approve", "eve", "yes"))
            again = await house.up(mains=Mains(house.store, dies_at, after=after)).until_dead_or_idle()
            finished = finished and again
            await house.run()
            assert house.states() == ["COMPLETED"]
            assert len(house.told("hitl.decided")) == 1
            house.prove()
