"""What the pages on the rules of lint say of runs is so: their examples, run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.outcome import Answer, Wire

from ..rule_pages import sagas
from .house import EAGER, House, Services, ok, said

FAILS, PASSES = "## Fails", "## Passes"
DATA = {"id": "7", "amount": 5, "customer": "c", "bill": "b", "parcel": "p"}
ANSWER = {"id": "r1", "reference": "x", "lines": [1, 2], "amount": 3}

Behaviour = Callable[[CallRequest], Answer]


def answers(request: CallRequest) -> Answer:
    """Every service does what it is asked."""
    return ok(ANSWER)


def refusing(*steps: str) -> Behaviour:
    """The calls of these steps are refused."""
    return lambda request: said(422) if request.step in steps and request.op == "call" else ok(ANSWER)


def lost(request: CallRequest) -> Answer:
    """No call is ever answered; undos are."""
    return ok() if request.op == "compensate" else Answer(Wire.LOST, reason="no answer")


async def ran(contents: list[dict[str, Any]], *kinds: str, behave: Behaviour = answers) -> House:
    """What became of an event of each of these types."""
    house = House(*({**content, **EAGER} for content in contents), services=Services(behave))
    for kind in kinds or ("policy.changed",):
        house.publish(kind, kind=kind, data=DATA)
    await house.run()
    return house


@pytest.mark.parametrize("rule", ["HMS105", "HMS106", "HMS107", "HMS108", "HMS109"])
async def test_what_cannot_be_read_fails_the_step_and_its_mended_twin_runs(rule: str) -> None:
    """All services do as they are asked, so nothing else can be the reason."""
    assert (await ran(sagas(rule, FAILS))).states() == ["FAILED"]
    assert (await ran(sagas(rule, PASSES))).states() == ["COMPLETED"]


async def test_the_member_of_a_step_that_was_skipped_cannot_be_asked_for() -> None:
    (content,) = sagas("HMS107", PASSES)
    asked = content["steps"][1]["call"].replace("has(context.discount)", "has(context.discount.id)")
    content = {**content, "steps": [content["steps"][0], {**content["steps"][1], "call": asked}]}
    assert (await ran([content])).states() == ["FAILED"]


async def test_an_undo_that_reads_a_step_that_was_skipped_is_stuck() -> None:
    (content,) = sagas("HMS107", FAILS)
    pay = {**content["steps"][1], "call": "payment-svc:/pay", "compensate": content["steps"][1]["call"]}
    last = {"name": "last", "call": "payment-svc:/last"}
    house = await ran([{**content, "steps": [content["steps"][0], pay, last]}], behave=refusing("last"))
    assert house.states() == ["STUCK"]


async def test_an_undo_that_needs_an_answer_that_never_came_is_stuck() -> None:
    assert (await ran(sagas("HMS119", FAILS), behave=lost)).states() == ["STUCK"]
    by_run, _ = sagas("HMS119", PASSES)
    assert (await ran([by_run], behave=lost)).states() == ["FAILED"]


async def test_a_check_brings_the_answer_that_the_undo_needs() -> None:
    _, checking = sagas("HMS119", PASSES)
    last = {"name": "last", "call": "payment-svc:/last"}

    def behave(request: CallRequest) -> Answer:
        if request.purpose == "check":
            return ok(ANSWER)
        return refusing("last")(request) if request.step == "last" else lost(request)

    house = await ran([{**checking, "steps": [*checking["steps"], last]}], behave=behave)
    assert house.states() == ["FAILED"]
    assert house.services.calls[-1].path == "/payments/r1/refund"


async def test_what_nothing_undoes_stays_when_the_run_turns_back() -> None:
    house = await ran(sagas("HMS102", FAILS), behave=refusing("pay"))
    assert house.states() == ["FAILED"]
    assert house.steps() == [{"notice": "SUCCEEDED", "pay": "FAILED"}]
    last, held = sagas("HMS102", PASSES)
    assert (await ran([last], behave=refusing("pay"))).services.made() == ["pay"]
    assert (await ran([held], behave=refusing("pay"))).states() == ["WAITING"]


async def test_of_two_that_nothing_undoes_the_second_may_ask_first() -> None:
    assert (await ran(sagas("HMS118", FAILS), behave=refusing("archive"))).states() == ["FAILED"]
    assert (await ran(sagas("HMS118", PASSES), behave=refusing("archive"))).states() == ["WAITING"]


async def test_a_person_who_rejects_turns_the_run_back_although_the_saga_says_hitl() -> None:
    """So an approval after an irreversible step is told of whatever `onExhausted` says."""
    notice = {"name": "notice", "call": "notice-svc:/letters", "irreversible": True}
    content = {"id": "pay.v1", "trigger": "policy.changed", "onExhausted": "hitl"}
    house = await ran([{**content, "steps": [notice, {"name": "sure", "approval": {"prompt": "Sure?"}}]}])
    assert house.states() == ["WAITING"]
    (item,) = house.told("hitl.queued")
    house.ask(lambda office: office.decide(item["id"], "reject", "ada", "no"))
    await house.run()
    assert house.states() == ["FAILED"]


async def test_two_runs_wait_for_each_other_if_one_holds_the_lock_of_the_other() -> None:
    kinds = ("order.placed", "order.paid")
    assert (await ran(sagas("HMS111", FAILS), *kinds)).states() == ["WAITING", "WAITING"]
    assert (await ran(sagas("HMS111", PASSES), *kinds)).states() == ["COMPLETED", "COMPLETED"]


async def test_sagas_that_start_one_another_do_so_until_the_chain_is_cut() -> None:
    house = await ran(sagas("HMS112", FAILS), "bill.wanted", behave=refusing("bill"))
    assert {row.saga: row.state for row in house.rows()} == {"bill.v1": "FAILED", "dun.v1": "COMPLETED"}
    assert len(house.rows()) > 10
    assert len((await ran(sagas("HMS112", PASSES), "bill.wanted", behave=refusing("bill"))).rows()) == 2


async def test_after_an_expiry_nobody_has_decided() -> None:
    """The answer has no actor, and no note."""
    sure = {"name": "sure", "approval": {"prompt": "Sure?", "ttlMs": 60_000, "onExpire": "continue"}}
    last = {"name": "last", "call": "payment-svc:/last/${context.sure.actor}"}
    content = {"id": "pay.v1", "trigger": "policy.changed", "steps": [sure, last]}
    house = await ran([content])
    house.clock.forward(60_000)
    await house.run()
    assert house.states() == ["FAILED"]
