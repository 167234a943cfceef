"""Participants that take their time: polls, the same request again, callbacks, checks."""

from __future__ import annotations

import asyncio
from typing import Any

from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.outcome import Answer, Verdict, Wire

from ..specs import step
from .house import House, Services, content, ok, said, until

ORDER = content(step("pay"), step("ship"))


def polled(*answers: Answer) -> Services:
    """A service that says 202 with a location, and then these to each poll in turn."""
    told = iter(answers)

    def behave(request: CallRequest) -> Answer:
        if request.purpose == "poll":
            return next(told)
        return said(202, location="http://svc/jobs/1") if request.step == "pay" and request.op == "call" else ok()

    return Services(behave)


async def test_a_202_is_polled_until_it_is_done() -> None:
    services = polled(said(202), said(503), said(429, retry_after_ms=0), ok({"n": 1}))
    house = House(ORDER, services=services)
    house.publish("e1")
    await house.run()
    assert house.states() == ["COMPLETED"]
    polls = [each for each in services.calls if each.purpose == "poll"]
    assert {(each.method, each.url, each.body) for each in polls} == {("GET", "http://svc/jobs/1", None)}
    assert len(polls) == 4


async def test_a_poll_follows_a_new_location() -> None:
    services = polled(said(202, location="http://svc/jobs/2"), ok())
    house = House(ORDER, services=services)
    house.publish("e1")
    await house.run()
    assert [each.url for each in services.calls if each.purpose == "poll"] == ["http://svc/jobs/1", "http://svc/jobs/2"]


async def test_a_poll_refused_twice_is_failed_and_the_call_is_not_made_again() -> None:
    services = polled(said(401), said(401))
    house = House(ORDER, services=services)
    house.publish("e1")
    await house.run()
    assert house.states() == ["FAILED"]
    assert [each.purpose for each in services.calls] == ["send", "poll", "poll"]


async def test_a_poll_that_outlasts_its_time_makes_way_for_the_next_attempt() -> None:
    """The next attempt, or the check, begins while the poll of the one before is still asleep or under way."""
    asleep = asyncio.Event()
    attempts: list[int] = []

    def behave(request: CallRequest) -> Any:
        if request.purpose == "poll":
            return wait_for_ever(asleep)
        if request.step == "pay" and request.op == "call":
            attempts.append(request.attempt)
            return said(202, location="http://svc/jobs/1") if len(attempts) == 1 else ok()
        return ok()

    house = House(content(step("pay", timeoutMs=30), step("ship")), services=Services(behave))
    house.publish("e1")
    process = house.up()
    await until(lambda: "completed" in house.kinds())
    await process.stop()
    assert attempts == [1, 2]
    assert house.states() == ["COMPLETED"]


async def test_a_poll_that_outlasts_its_time_makes_way_for_the_check() -> None:
    asleep = asyncio.Event()

    def behave(request: CallRequest) -> Any:
        if request.purpose == "poll":
            return wait_for_ever(asleep)
        return ok() if request.purpose == "check" else said(202, location="http://svc/jobs/1")

    house = House(content(step("pay", timeoutMs=30, check="svc:/paid")), services=Services(behave))
    house.publish("e1")
    process = house.up()
    await until(lambda: "completed" in house.kinds())
    await process.stop()


async def wait_for_ever(event: asyncio.Event) -> Answer:
    """An answer that does not come."""
    await event.wait()
    return ok()


async def test_a_425_is_sent_again_as_the_same_attempt() -> None:
    told = iter([said(425), said(425), ok()])
    house = House(content(step("pay")), services=Services(lambda r: next(told)))
    house.publish("e1")
    await house.run()
    assert [(each.attempt, each.purpose, each.method) for each in house.services.calls] == [(1, "send", "POST")] * 3
    assert house.states() == ["COMPLETED"]


async def test_an_undo_that_says_425_and_then_404_is_done_if_the_call_was_in_doubt() -> None:
    told = iter([said(500), said(425), said(404)])
    house = House(content(step("pay", retry={"attempts": 1})), services=Services(lambda r: next(told)))
    house.publish("e1")
    await house.run()
    assert house.states() == ["FAILED"]


async def test_a_callback_ends_a_202() -> None:
    house = House(ORDER, services=Services(lambda r: said(202) if r.step == "pay" else ok()))
    house.publish("e1")
    process = house.up()
    await process.until_idle()
    assert house.services.made() == ["pay"], "idle: only the callback moves it"
    (saga_id,) = process.orchestrator.runner.live
    report = process.orchestrator.report
    assert not await report(saga_id, "ship", "call", Verdict.SUCCESS, ok()), "nothing waits there"
    assert await report(saga_id, "pay", "call", Verdict.SUCCESS, Answer(Wire.ANSWERED, body={"n": 1}))
    assert await report(saga_id, "pay", "call", Verdict.FAILED, ok()), "a second one is answered as the first"
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"]
    house.prove()


async def test_a_callback_before_the_202_counts() -> None:
    held = asyncio.Event()

    async def slow(request: CallRequest) -> Answer:
        await held.wait()
        return said(202)

    house = House(ORDER, services=Services(lambda r: slow(r) if r.step == "pay" else ok()))
    house.publish("e1")
    process = house.up()
    await until(lambda: house.services.calls)
    (saga_id,) = process.orchestrator.runner.live
    assert await process.orchestrator.report(saga_id, "pay", "call", Verdict.SUCCESS, ok())
    held.set()
    await process.until_idle()
    await process.stop()
    assert house.states() == ["COMPLETED"]


async def test_doubt_is_settled_by_the_check() -> None:
    def behave(request: CallRequest) -> Answer:
        if request.purpose == "check":
            return next(checks)
        return said(500) if request.step == "pay" else ok()

    checks = iter([said(425), ok({"n": 7})])
    house = House(content(step("pay", check="svc:/paid"), step("ship")), services=Services(behave))
    house.publish("e1")
    await house.run()
    assert house.states() == ["COMPLETED"]
    assert [each.method for each in house.services.calls] == ["POST", "GET", "GET", "POST"]
