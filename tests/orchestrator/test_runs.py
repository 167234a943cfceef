"""From event to end: each event starts each definition once, and a run goes its way."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from hms_orch_cli.application.deploy import deploy_append
from hms_orch_cli.errors import EventConflict, StoreFull
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.inputs import Abandon, Cancel
from hms_orch_cli.saga.outcome import Answer
from hms_orch_cli.saga.state import Status

from ..specs import NOW, group, step
from .house import SAGA, House, Mains, Services, content, event, ok, said, until

ORDER = content(step("pay"), step("ship"))


async def test_an_event_starts_a_run_that_calls_its_steps_in_order() -> None:
    house = House(ORDER)
    house.publish("e1", data={"n": 1})
    await house.run()
    assert house.services.made() == ["pay", "ship"]
    assert house.states() == ["COMPLETED"]
    expected = ["started", "step.started", "step.succeeded", "step.started", "step.succeeded", "completed"]
    assert house.kinds() == expected
    assert [type(fact).__name__ for _, fact in house.heard.facts][-1] == "Completed"
    house.prove()


async def test_the_answer_of_a_step_and_the_intent_of_the_next_share_an_append() -> None:
    house = House(ORDER)
    house.publish("e1")
    process = await house.run()
    assert process.mains.appends - 1 <= 4, "started+intent, answer+intent, answer+end, and the derived rows"


async def test_a_refused_step_rolls_back_what_was_done() -> None:
    house = House(ORDER, services=Services(lambda r: said(409) if r.step == "ship" else ok({"id": 9})))
    house.publish("e1")
    await house.run()
    assert [(each.step, each.op) for each in house.services.calls] == [
        ("pay", "call"),
        ("ship", "call"),
        ("pay", "compensate"),
    ]
    assert house.states() == ["FAILED"]
    assert house.rows()[0].reason == "ship: 409 says 409"
    envelope = orjson.loads(house.services.calls[-1].body or b"")
    assert (envelope["op"], envelope["result"], envelope["context"]) == ("compensate", {"id": 9}, {"pay": {"id": 9}})
    house.prove()


async def test_each_event_starts_each_definition_once() -> None:
    house = House(ORDER, content(step("book"), id="shop.books.v1"))
    house.publish("e1", "e2")
    house.publish("e1", "e2")
    process = house.up()
    await process.until_idle()
    await process.publish("e1", "e3")
    await process.until_idle()
    await process.stop()
    await house.run()
    assert len(house.events("saga.started")) == 6
    assert sorted(house.services.made()) == ["book"] * 3 + ["pay"] * 3 + ["ship"] * 3
    house.prove()


async def test_the_same_id_with_other_data_is_refused_and_starts_nothing() -> None:
    house = House(ORDER)
    house.publish("e1", data={"n": 1})
    process = house.up()
    with pytest.raises(EventConflict):
        await process.publish("e1", data={"n": 2})
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"]


async def test_the_intent_is_in_the_log_before_the_participant_sees_the_key() -> None:
    behave = Services(lambda r: said(500) if r.step == "ship" and r.op == "call" else ok())
    house = House(ORDER, services=behave)

    def look(request: CallRequest) -> None:
        intents = [orjson.loads(e.data or "") for e in house.store.read(f"run/{request.saga_id}")]
        found = [i for i in intents if i.get("key") == request.key and i.get("attempt") == request.attempt]
        assert len(found) == 1, f"{request.key} attempt {request.attempt} was sent without intent"
        seen.append(request)

    seen: list[CallRequest] = []
    behave.on_call = look
    house.publish("e1", "e2")
    await house.run()
    assert len(seen) == len(behave.calls) == 12
    assert house.states() == ["FAILED", "FAILED"]
    assert len({each.key for each in seen}) == 8


async def test_an_answer_is_in_the_log_before_the_next_step_starts() -> None:
    house = House(ORDER)

    def look(request: CallRequest) -> None:
        if request.step == "ship":
            assert "saga.step.succeeded" in [e.type for e in house.store.read(f"run/{request.saga_id}")]

    house.services.on_call = look
    house.publish(*[f"e{n}" for n in range(20)])
    await house.run()
    assert house.states() == ["COMPLETED"] * 20


async def test_a_filter_that_is_false_starts_no_run_and_records_nothing() -> None:
    house = House(content(step("pay"), filter="data.n > 1"))
    house.publish("e1", data={"n": 1})
    house.publish("e2", data={"n": 2})
    await house.run()
    assert len(house.events("saga.started")) == 1
    assert house.services.made() == ["pay"]


async def test_a_filter_that_fails_is_recorded_counted_and_starts_no_run() -> None:
    house = House(content(step("pay"), filter="data.n > 1"))
    house.publish("e1", data={"m": 1})
    await house.run()
    (failed,) = house.events()
    assert failed.type == "saga.filter.failed"
    told = orjson.loads(failed.data or "")
    assert told["saga"] == SAGA and told["event"]["id"] == "e1" and told["reason"].startswith("filter: ")
    assert house.services.calls == [] and house.rows() == []
    await house.run()
    assert len(house.events()) == 1, "and only once"
    counts = orjson.loads(house.store.mark("totals") or "{}")["counts"]
    assert counts["filter_errors"] == {SAGA: 1}
    house.prove()


async def test_a_definition_hears_only_of_events_after_it_was_deployed() -> None:
    house = House()
    house.publish("e1")
    house.deploy(ORDER)
    house.publish("e2")
    house.undeploy()
    house.publish("e3")
    await house.run()
    assert [row.event_id for row in house.rows()] == ["e2"]


async def test_a_run_keeps_the_revision_it_started_with() -> None:
    """Whatever is deployed or undeployed meanwhile, and after a restart too."""
    house = House()
    first = house.deploy(ORDER)
    house.publish("e1")
    held = asyncio.Event()

    async def hold(request: CallRequest) -> Answer:
        await held.wait()
        return ok()

    house.services.behave = lambda r: hold(r) if r.step == "pay" else ok()
    process = house.up()
    await until(lambda: house.services.calls)
    await process.journal.append(*deploy_append(SAGA, "2" * 64, content(step("pay"), step("mail")), 1, 1))
    await process.publish("e2")
    await until(lambda: len(house.services.calls) == 2)
    await process.stop()
    house.undeploy()
    house.publish("e3")
    held.set()
    await house.run()
    assert [row.revision for row in house.rows()] == [first, "2" * 64]
    assert [list(steps) for steps in house.steps()] == [["pay", "ship"], ["pay", "mail"]]
    assert house.states() == ["COMPLETED", "COMPLETED"]
    house.prove()


async def test_a_later_step_reads_what_an_earlier_one_put_out() -> None:
    steps = (
        step("pay", output={"n": "response.n * 2"}, summary="${response.n} paid"),
        step("ship", call={"service": "svc", "path": "/s/${context.pay.n}", "body": {"n": "${context.pay.n}"}}),
    )
    house = House(content(*steps), services=Services(lambda r: ok({"n": 4})))
    house.publish("e1")
    await house.run()
    ship = house.services.calls[1]
    assert (ship.path, orjson.loads(ship.body or b""), ship.headers["HMS-Step"]) == ("/s/8", {"n": 8}, "ship")
    assert orjson.loads(house.rows()[0].steps)[0]["summary"] == "4 paid"


async def test_an_output_that_fails_undoes_the_step() -> None:
    house = House(content(step("pay", output={"n": "response.n.m"})), services=Services(lambda r: ok({"n": 4})))
    house.publish("e1")
    await house.run()
    assert house.states() == ["FAILED"]
    assert house.services.made("compensate") == ["pay"]
    assert house.rows()[0].reason.startswith("pay: 200 output n: ")


async def test_a_request_that_cannot_be_written_sends_nothing() -> None:
    house = House(content(step("pay"), step("ship", call="svc:/${data.nowhere}")))
    house.publish("e1", data={})
    await house.run()
    assert house.services.made() == ["pay", "pay"]
    assert house.states() == ["FAILED"]


async def test_a_step_whose_condition_is_false_is_not_called() -> None:
    house = House(content(step("pay", when="data.n > 1"), step("ship")))
    house.publish("e1", data={"n": 1})
    await house.run()
    assert house.services.made() == ["ship"]
    assert house.steps() == [{"pay": "SKIPPED", "ship": "SUCCEEDED"}]


async def test_what_is_redacted_is_stored_nowhere() -> None:
    """Neither in the answer, nor in what is mapped from it, nor in the summary made of it."""
    pay = step("pay", redact=["iban"], output={"account": "response.iban"}, summary="paid to ${response.iban}")
    ship = step("ship", redact=["message"])
    house = House(
        content(pay, ship), services=Services(lambda r: ok({"iban" if r.step == "pay" else "message": "DE0012"}))
    )
    house.publish("e1")
    await house.run()
    assert house.states() == ["COMPLETED"]
    assert not [e for e in house.store.scan() if e.data and "DE0012" in e.data]
    assert "DE0012" not in house.rows()[0].steps


@pytest.mark.parametrize("member", ["detail", "message", "error.message"])
async def test_what_is_redacted_is_no_part_of_a_reason(member: str) -> None:
    """A refusal of the call and one of its undo, in words that the file says are never stored."""

    def refuse(request: CallRequest) -> Answer:
        if (request.step, request.op) == ("pay", "call"):
            return ok()
        outer, _, inner = member.partition(".")
        body = {outer: {inner: "DE0012" * 200} if inner else "DE0012" * 200}
        return said(422, body=body, reason=("DE0012" * 200)[:500])

    house = House(content(step("pay", redact=[member]), step("ship", redact=[member])), services=Services(refuse))
    house.publish("e1")
    await house.run()
    assert house.states() == ["STUCK"]
    assert house.rows()[0].reason == "undo of pay: 422 [redacted]"
    assert not [e for e in house.store.scan() if e.data and "DE0012" in e.data]


async def test_a_reason_keeps_what_is_not_redacted() -> None:
    refusal = said(422, body={"title": "No", "detail": "DE0012"}, reason="No: DE0012")
    house = House(content(step("pay", redact=["detail", "x"])), services=Services(lambda r: refusal))
    house.publish("e1")
    await house.run()
    assert house.rows()[0].reason == "pay: 422 No: [redacted]"


async def test_a_large_answer_is_not_kept_but_its_output_is() -> None:
    big = {"n": 1, "text": "x" * 70_000}
    house = House(content(step("pay", output={"n": "response.n"}), step("ship")), services=Services(lambda r: ok(big)))
    house.publish("e1")
    await house.run()
    pay, ship = (orjson.loads(e.data or "") for e in house.events("saga.step.succeeded"))
    assert "answer" not in pay and pay["output"] == {"n": 1}
    assert "answer" not in ship
    assert house.states() == ["COMPLETED"]


async def test_a_cancel_lets_the_call_settle_and_undoes_it() -> None:
    held = asyncio.Event()

    async def slow(request: CallRequest) -> Answer:
        await held.wait()
        return ok()

    house = House(ORDER, services=Services(lambda r: slow(r) if r.op == "call" else ok()))
    house.publish("e1")
    process = house.up()
    await until(lambda: house.services.calls)
    (saga_id,) = process.orchestrator.runner.live
    run = await process.orchestrator.tell(process.orchestrator.run(saga_id), Cancel("wrong order"))
    assert run.status is Status.COMPENSATING
    held.set()
    await process.until_idle()
    await process.stop()
    assert house.states() == ["CANCELLED"]
    assert house.services.made() == ["pay", "pay"]
    house.prove()


async def test_a_stuck_run_is_not_called_again_and_can_be_abandoned() -> None:
    def behave(request: CallRequest) -> Answer:
        return said(422) if request.step == "ship" or request.op == "compensate" else ok()

    house = House(ORDER, services=Services(behave))
    house.publish("e1")
    await house.run()
    assert house.states() == ["STUCK"]
    calls = len(house.services.calls)
    process = house.up()
    await process.until_idle()
    assert len(house.services.calls) == calls
    run = await process.orchestrator.tell(process.orchestrator.run(house.rows()[0].saga_id), Abandon("by hand", "ann"))
    assert run.status is Status.ABANDONED
    await process.stop()
    assert house.states() == ["ABANDONED"]
    house.prove()


async def test_a_deadline_passes_while_nobody_is_up() -> None:
    house = House(content(step("pay"), deadlineMs=60_000), services=Services(lambda r: said(202)))
    house.publish("e1")
    process = house.up(clock=Stopped(NOW))
    await until(lambda: "step.accepted" in house.kinds())
    await process.crash()
    house.services.behave = lambda r: ok()
    await house.run(clock=Stopped(NOW + 60_000))
    assert house.states() == ["FAILED"]
    assert house.rows()[0].reason == "not done within 60000 ms"
    assert [each.op for each in house.services.calls] == ["call", "compensate"]
    house.prove()


class Stopped:
    """A clock that stands still."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self.at_ms


async def test_branches_run_side_by_side() -> None:
    both = asyncio.Barrier(2)

    async def meet(request: CallRequest) -> Answer:
        await both.wait()
        return ok()

    house = House(content(group(step("a"), step("b")), step("c")))
    house.services.behave = lambda r: ok() if r.step == "c" else meet(r)
    house.publish("e1")
    await house.run()
    assert house.states() == ["COMPLETED"]


async def test_a_disk_that_is_full_stops_the_orchestrator_with_its_error() -> None:
    house = House(ORDER)
    house.publish("e1")

    class Full(Mains):
        def append(self, batch: Any, derived: Any = None) -> Any:
            if any(member.events for member in batch) and self.appends >= 1:
                raise StoreFull("full")
            return super().append(batch, derived)

    process = house.up(mains=Full(house.store))
    with pytest.raises(StoreFull):
        await process.until_idle()
    with pytest.raises(StoreFull):
        await process.until_idle()
    await process.stop()
    await house.run()
    assert house.states() == ["COMPLETED"]
    house.prove()


async def test_events_that_nobody_listens_to_are_passed_over() -> None:
    house = House(ORDER)
    house.publish("e1", kind="other.thing")
    process = await house.run()
    assert house.events() == []
    assert process.orchestrator.projection.dispatched == house.store.last_seq()
    assert event("e1").id == "e1"
