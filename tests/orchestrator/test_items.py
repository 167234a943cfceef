"""What a person is asked of an undo that fails, and of a definition: asked once, closed by itself, decided once."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hms_orch_cli.application.overview import items_json
from hms_orch_cli.errors import NotAllowed
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.outcome import Answer

from ..specs import step
from .house import SAGA, House, Mains, Services, content, ok, said, until

TWO = (step("pay"), step("ship"))


class Undo:
    """The second step is refused, and the undo of the first fails so many times."""

    def __init__(self, failures: int, status: int = 500) -> None:
        self.left = failures
        self._status = status

    def __call__(self, request: CallRequest) -> Answer:
        if request.op == "call":
            return said(409) if request.step == "ship" else ok()
        if self.left:
            self.left -= 1
            return said(self._status)
        return ok()


async def failing(behave: Any) -> House:
    """A house in which a run has turned back, until idle."""
    house = House(content(*TWO), services=Services(behave))
    house.publish("e1")
    await house.run()
    house.prove()
    return house


@pytest.mark.parametrize(("failures", "items"), [(2, 0), (3, 1), (9, 1)])
async def test_an_item_is_queued_at_the_third_failure_and_closed_when_a_later_attempt_succeeds(
    failures: int, items: int
) -> None:
    house = await failing(Undo(failures))
    assert house.states() == ["FAILED"]
    kinds = [kind for kind in house.kinds() if kind in ("step.retrying", "hitl.queued", "hitl.closed")]
    assert (
        kinds
        == (["step.retrying"] * min(failures, 3) + ["hitl.queued"] * items + ["step.retrying"] * 9)[: failures + items]
        + ["hitl.closed"] * items
    )
    assert items_json(house.store) == []


async def stuck(status: int = 422) -> tuple[House, str]:
    """A run that is stuck, and its item; nobody is up."""
    house = await failing(Undo(1_000, status))
    assert house.states() == ["STUCK"]
    (item,) = items_json(house.store)
    assert (item["kind"], item["step"], item["decisions"]) == ("undo", "pay", ["retry", "undone", "abandon"])
    return house, item["id"]


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
@pytest.mark.parametrize(("decision", "state"), [("retry", "FAILED"), ("undone", "FAILED"), ("abandon", "ABANDONED")])
async def test_a_stuck_run_does_what_is_decided(up: bool, decision: str, state: str) -> None:
    house, item = await stuck()
    house.services.behave = Undo(0)
    calls = len(house.services.calls)
    process = house.up()
    await process.until_idle()
    assert len(house.services.calls) == calls, "nothing is called again without a decision"
    assert process.orchestrator.runner.live == {}
    if up:
        await process.ask.decide(item, decision, "eve", "so be it")
        await process.until_idle()
        await process.stop()
    else:
        await process.stop()
        house.ask(lambda people: people.decide(item, decision, "eve", "so be it"))
        await house.run()
    assert house.states() == [state]
    assert len(house.services.calls) - calls == (1 if decision == "retry" else 0)
    if decision == "retry":
        assert house.services.calls[-1].key == f"{house.ids()[0]}:pay:compensate:2"
    assert items_json(house.store) == []
    house.prove()


async def test_an_undo_that_is_only_exhausted_keeps_its_key() -> None:
    house, item = await stuck(500)
    house.services.behave = Undo(0)
    house.ask(lambda people: people.decide(item, "retry", "eve", "again"))
    await house.run()
    assert house.states() == ["FAILED"]
    assert house.services.calls[-1].key == f"{house.ids()[0]}:pay:compensate"


def refused(request: CallRequest) -> Answer:
    """Nothing works."""
    return said(409)


def asked(house: House, kind: str = "failures") -> list[str]:
    """Ids of the items about a definition that were ever queued."""
    events = [e for e in house.store.scan() if e.stream.startswith("hitl/") and e.type == "hitl.queued"]
    return [data["id"] for data in (orjson.loads(e.data or "") for e in events) if data["kind"] == kind]


@pytest.mark.parametrize(("threshold", "runs"), [(None, 3), (1, 1), (5, 5)])
async def test_so_many_failed_runs_in_a_row_ask_one_question(threshold: int | None, runs: int) -> None:
    keys = {} if threshold is None else {"hitlAfter": threshold}
    house = House(content(step("pay"), **keys), services=Services(refused))
    for number in range(runs - 1):
        house.publish(f"e{number}")
        await house.run()
    assert asked(house) == []
    for number in range(4):
        house.publish(f"f{number}")
        await house.run()
        assert asked(house) == [f"{SAGA}.1"], "however many more fail"
    (item,) = items_json(house.store)
    assert (item["kind"], item["saga"], item["sagaId"], item["decisions"]) == ("failures", SAGA, None, ["done"])
    house.prove()


async def test_a_run_that_completes_begins_the_count_anew() -> None:
    house = House(content(step("pay")), services=Services(refused))
    for number in range(8):
        house.services.behave = refused if number % 3 != 2 else lambda request: ok()
        house.publish(f"e{number}")
        await house.run()
    assert asked(house) == []
    house.prove()


@pytest.mark.parametrize("up", [True, False], ids=["live", "alone"])
async def test_done_begins_the_count_anew_and_counts_once(up: bool) -> None:
    house = House(content(step("pay"), hitlAfter=2), services=Services(refused))
    house.publish("e1", "e2")
    await house.run()
    (item,) = asked(house)
    if up:
        process = house.up()
        await process.ask.decide(item, "done", "eve", "seen")
        with pytest.raises(NotAllowed):
            await process.ask.decide(item, "done", "ann", "seen")
        await process.stop()
    else:
        house.ask(lambda people: people.decide(item, "done", "eve", "seen"))
        with pytest.raises(NotAllowed):
            house.ask(lambda people: people.decide(item, "done", "ann", "seen"))
    house.publish("e3")
    await house.run()
    assert asked(house) == [item]
    house.publish("e4")
    await house.run()
    assert asked(house) == [item, f"{SAGA}.2"]
    house.prove()


async def test_many_that_fail_at_once_ask_one_question() -> None:
    house = House(content(step("pay")), services=Services(refused))
    house.publish(*[f"e{n}" for n in range(60)])
    await house.run()
    assert len(asked(house)) == 1
    house.prove()


async def test_a_crash_between_the_failed_run_and_its_item_asks_at_the_next_start() -> None:
    for after in (False, True):
        dies_at, finished = 0, False
        while not finished:
            dies_at += 1
            assert dies_at < 100
            house = House(content(step("pay", compensate=None), hitlAfter=2), services=Services(refused))
            house.publish("e1", "e2", "e3")
            finished = await house.up(mains=Mains(house.store, dies_at, after=after)).until_dead_or_idle()
            await house.run()
            assert house.states() == ["FAILED"] * 3
            assert asked(house) == [f"{SAGA}.1"]
            house.prove()


async def test_a_chain_too_deep_asks_once() -> None:
    house = House(content(step("a")))
    extensions = orjson.dumps({"sagadepth": 11}).decode()
    process = house.up()
    await process.publish("e1", "e2", extensions=extensions)
    await until(lambda: asked(house, "depth"))
    await process.until_idle()
    await process.stop()
    house.publish("e3", extensions=extensions)
    await house.run()
    (item,) = asked(house, "depth")
    house.prove()
    house.ask(lambda people: people.decide(item, "done", "eve", "seen"))
    house.publish("e4", extensions=extensions)
    await house.run()
    assert asked(house, "depth") == [item, f"{SAGA}.2"]
    house.prove()
