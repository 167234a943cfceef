"""A stop in good order: no new attempt starts, what is in flight may settle, everything is resumable."""

from __future__ import annotations

import asyncio

import pytest

from hms_orch_cli.orchestrator import orchestrator
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.outcome import Answer

from ..specs import step
from .house import House, Process, Services, content, ok, said, until


async def test_no_attempt_begins_after_a_stop_and_what_is_in_flight_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orchestrator, "GRACE_S", 5)
    held = asyncio.Event()

    async def hold(request: CallRequest) -> Answer:
        await held.wait()
        return ok()

    house = House(content(step("pay"), step("ship")), services=Services(hold))
    house.publish(*[f"e{n}" for n in range(10)])
    process = house.up(calls=3)
    await until(lambda: len(house.services.calls) == 3)
    stopping = asyncio.ensure_future(process.stop())
    await asyncio.sleep(0)
    held.set()
    await stopping
    assert house.services.made() == ["pay"] * 3
    assert len(house.events("saga.step.succeeded")) == 3, "their answers are kept"
    assert len(house.events("saga.step.started")) == 3
    house.prove()
    house.services.behave = lambda r: ok()
    await house.run()
    assert house.states() == ["COMPLETED"] * 10
    assert not [e for e in house.events() if "interrupted" in (e.data or "")]
    house.prove()


async def test_a_call_that_outlasts_the_grace_is_in_doubt_and_made_again() -> None:
    house = House(content(step("pay")), services=Services(for_ever))
    house.publish("e1")
    process = house.up()
    await until(lambda: house.services.calls)
    await process.stop()
    house.services.behave = lambda r: said(409) if r.op == "call" else ok()
    await house.run()
    assert house.states() == ["FAILED"]
    assert [each.op for each in house.services.calls] == ["call", "call", "compensate"]


async def for_ever(request: CallRequest) -> Answer:
    """No answer."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError


async def test_an_event_published_while_it_stops_waits_for_the_next_start() -> None:
    house = House(content(step("pay")))
    process = house.up()
    await process.until_idle()
    process.orchestrator.wake()
    await process.stop()
    house.publish("e1")
    assert house.rows() == []
    await house.run()
    assert house.states() == ["COMPLETED"]


async def test_a_decision_that_comes_while_it_stops_is_kept_in_the_log_and_in_what_is_derived() -> None:
    """Requests that were under way are answered, after nothing begins any more."""
    house = House(content({"name": "boss", "approval": {"prompt": "?"}}, step("pay")))
    house.publish("e1")
    process = house.up()
    await process.until_idle()
    (item,) = house.told("hitl.queued")
    await process.orchestrator.stop()
    await process.ask.decide(item["id"], "approve", "eve", "so be it")
    process.orchestrator.flush()
    await process.journal.close()
    assert house.services.made() == []
    house.prove()
    await house.run()
    assert house.states() == ["COMPLETED"]


async def test_a_stop_does_not_wait_for_polls_that_are_asleep() -> None:
    """Only calls in flight get their grace."""
    house = House(content(step("pay")))
    house.services.behave = lambda r: said(202, location="http://svc/jobs/1", retry_after_ms=120_000)
    house.publish("e1")
    process = house.up()
    await until(lambda: "step.accepted" in house.kinds())
    await process.stop()
    assert house.states() == ["WAITING"]
    house.services.behave = lambda r: ok()
    await house.run()
    assert house.states() == ["COMPLETED"]


async def test_polls_and_attempts_that_stand_in_line_at_a_stop_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(content(step("pay"), step("ship")))
    house.services.behave = lambda r: (
        for_ever(r) if r.purpose == "poll" or r.step == "ship" else said(202, location="http://svc/jobs/1")
    )
    house.publish(*[f"e{n}" for n in range(6)])
    process = house.up(calls=6, calls_per_service=2)
    await until(lambda: len([c for c in house.services.calls if c.purpose == "poll"]) >= 2)
    for _ in range(200):
        await asyncio.sleep(0.0001)
    await process.stop()
    assert process.orchestrator.gate.taken == 0
    house.services.behave = lambda r: ok()
    await house.run()
    assert house.states() == ["COMPLETED"] * 6
    house.prove()


async def test_a_stop_before_anything_has_happened() -> None:
    house = House(content(step("pay")))
    house.publish("e1")
    process = house.up()
    await process.stop()
    await house.run()
    assert house.states() == ["COMPLETED"]
    house.prove()


async def test_idle_is_when_only_people_events_and_callbacks_can_move_anything() -> None:
    house = House(content(step("pay"), step("ship", compensate="event"), step("mail")))
    house.services.behave = lambda r: said(409) if r.step == "mail" else ok()
    process: Process = house.up()
    await process.until_idle()
    await process.publish("e1")
    await process.until_idle()
    assert house.kinds()[-1] == "compensate", "announced, and nobody has acknowledged it"
    await process.stop()
    assert house.states() == ["COMPENSATING"]


async def test_a_pause_before_a_retry_is_not_idle() -> None:
    answers = iter([said(500), said(500), ok()])
    house = House(content(step("pay"), retry={"backoffMs": 15, "factor": 1, "jitter": 0}))
    house.services.behave = lambda r: next(answers)
    house.publish("e1")
    await house.run()
    assert house.states() == ["COMPLETED"]


@pytest.mark.parametrize("where", ["alarm", "grant", "parked"])
async def test_a_bug_in_what_the_loop_calls_stops_it_too(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run would wait for ever otherwise, and nobody would know why."""

    def bug(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    house = House(content(step("pay"), {"name": "boss", "approval": {"prompt": "?", "ttlMs": 100}}, lock="1"))
    house.clock.stop()
    house.publish("e1", "e2")
    process = house.up()
    await process.until_idle()
    if where == "alarm":
        monkeypatch.setattr(process.orchestrator.runner, "_turn", bug)
    elif where == "grant":
        monkeypatch.setattr(process.orchestrator, "_granted", bug)
    else:
        await process.stop()
        process = house.up()
        monkeypatch.setattr(orchestrator, "load_run", bug)
    house.clock.forward(100)
    with pytest.raises(RuntimeError, match="a bug"):
        await asyncio.wait_for(process.orchestrator.until_failed(), 30)
    await process.stop()


async def test_what_stopped_it_is_raised_even_if_nothing_moves_any_more() -> None:
    house = House(content(step("pay")))
    process = house.up()
    await process.until_idle()
    process.orchestrator.runner._on_fatal(RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        await process.until_idle()
    await process.stop()
