"""The power goes out at every append, before and after it: the next process ends each run as it would have ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import orjson
import pytest

from hms_orch_cli.application.replay import Rebuilt, rewritten
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.orchestrator.projection import DISPATCHED, TOTALS
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.ports.store import Derived, Event
from hms_orch_cli.saga.outcome import Answer

from ..specs import group, sequence, step
from .house import House, Mains, Services, content, ok, said

THREE = (step("pay"), step("ship"), step("mail"))
CHECKED = (step("pay"), step("ship", check="svc:/shipped"), step("mail"))
BRANCHES = (group(step("a"), sequence(step("b"), step("c"))), step("d"))


def fine(request: CallRequest) -> Answer:
    """Everything works."""
    return ok({"step": request.step})


def refuses_mail(request: CallRequest) -> Answer:
    """The last step is refused."""
    return said(409) if (request.step, request.op) == ("mail", "call") else ok()


def doubts_ship(request: CallRequest) -> Answer:
    """The second step is never certain."""
    return said(500) if (request.step, request.op) == ("ship", "call") else ok()


def refuses_the_undo(request: CallRequest) -> Answer:
    """The last step is refused, and so is the undo of the one before."""
    return said(422) if request.step == "mail" or (request.step, request.op) == ("ship", "compensate") else ok()


def checks_ship(request: CallRequest) -> Answer:
    """The second step is in doubt until its check settles it."""
    if request.purpose == "check":
        return ok({"step": "ship"})
    return said(500) if request.step == "ship" else ok()


def polls_ship(request: CallRequest) -> Answer:
    """The second step takes its time."""
    if request.purpose == "poll" or request.step != "ship":
        return ok()
    return said(202, location="http://svc/jobs/1")


def refuses_d(request: CallRequest) -> Answer:
    """What comes after the branches is refused."""
    return said(409) if (request.step, request.op) == ("d", "call") else ok()


RUNS: dict[str, tuple[tuple[dict[str, Any], ...], Callable[[CallRequest], Answer], int, str]] = {
    "completed": (THREE, fine, 1, "COMPLETED"),
    "refused": (THREE, refuses_mail, 1, "FAILED"),
    "unknown": (THREE, doubts_ship, 1, "FAILED"),
    "undo failing": (THREE, refuses_the_undo, 1, "STUCK"),
    "two at once": (THREE, refuses_mail, 2, "FAILED"),
    "checked": (CHECKED, checks_ship, 1, "COMPLETED"),
    "polled": (THREE, polls_ship, 1, "COMPLETED"),
    "branches": (BRANCHES, refuses_d, 1, "FAILED"),
}


def house_of(name: str) -> House:
    """A store with what this run needs, and its event."""
    steps, behave, runs, _ = RUNS[name]
    house = House(content(*steps), services=Services(behave))
    house.publish(*[f"e{n}" for n in range(runs)])
    return house


def is_sound(house: House, name: str) -> None:
    """The run ended as it always does, and the log tells one story of it."""
    _, _, runs, end = RUNS[name]
    assert house.states() == [end] * runs
    keys: Counter[str] = Counter()
    for event in house.events():
        data = orjson.loads(event.data or "")
        if event.type in ("saga.step.succeeded", "saga.step.failed", "saga.step.skipped"):
            keys[f"{event.stream} {data['step']['name']} call"] += 1
        if event.type in ("saga.step.compensated", "saga.step.stuck"):
            keys[f"{event.stream} {data['step']['name']} undo"] += 1
    assert set(keys.values()) == {1}, "one outcome is recorded for each key"
    if end == "COMPLETED":
        assert "compensate" not in {each.op for each in house.services.calls}
    if end == "FAILED":
        called = {(c.saga_id, c.step) for c in house.services.calls if c.op == "call"}
        undone = {(c.saga_id, c.step) for c in house.services.calls if c.op == "compensate"}
        refused = {"mail", "d"} if name != "unknown" else set()
        assert undone | {pair for pair in called if pair[1] in refused} == called
    house.prove()


@pytest.mark.parametrize("name", RUNS)
async def test_the_power_goes_out_at_every_append(name: str) -> None:
    for after in (False, True):
        dies_at = 0
        finished = False
        while not finished:
            dies_at += 1
            assert dies_at < 200
            house = house_of(name)
            finished = await house.up(mains=Mains(house.store, dies_at, after=after)).until_dead_or_idle()
            if not finished:
                await house.run()
            is_sound(house, name)


@pytest.mark.parametrize("seed", range(60))
async def test_the_power_goes_out_again_and_again(seed: int) -> None:
    """Also while derived rows are on their way: they are written much more often here than they need be."""
    rng = Random(seed)
    name = rng.choice(list(RUNS))
    house = house_of(name)
    for _ in range(40):
        mains = Mains(house.store, rng.randint(1, 5), after=rng.random() < 0.5)
        process = house.up(mains=mains)
        if rng.random() < 0.7:
            flush_with_every_fold(process.orchestrator.projection)
        if await process.until_dead_or_idle():
            break
    await house.run()
    is_sound(house, name)


@pytest.mark.parametrize("seed", range(20))
async def test_runs_abandoned_at_any_moment_are_taken_up_and_totals_are_counted_once(seed: int) -> None:
    """Thirty runs with random answers; the process is left at a random call, between any two appends."""
    rng = Random(seed)
    house = House(content(*BRANCHES), content(*THREE, id="shop.other.v1"))
    ends = (ok(), ok(), ok(), ok(), said(409), said(500), said(429))
    told: dict[str, Answer] = {}
    house.services.behave = lambda r: told.setdefault(r.key, rng.choice(ends) if r.op == "call" else ok())
    house.publish(*[f"e{n}" for n in range(15)])
    for _ in range(6):
        process = house.up()
        calls = len(house.services.calls) + rng.randint(1, 40)
        mains = process.mains
        house.services.on_call = lambda _, mains=mains, calls=calls: (  # type: ignore[misc]
            mains.die() if len(house.services.calls) == calls else None
        )
        if rng.random() < 0.5:
            flush_with_every_fold(process.orchestrator.projection)
        await process.until_dead_or_idle()
    house.services.on_call = lambda request: None
    await house.run()
    assert set(house.states()) <= {"COMPLETED", "FAILED"}
    assert len(house.rows()) == 30
    house.prove()


async def test_totals_written_while_appends_were_under_way_are_folded_on_from_there() -> None:
    """The mark says what was counted up to the position beside it, neither more nor less, at every commit."""
    house = House(content(*THREE), services=Services(refuses_mail))
    seen: list[tuple[int, str]] = []

    class Watched(Mains):
        def append(self, batch: Any, derived: Any = None) -> Any:
            results = super().append(batch, derived)
            if derived is not None and TOTALS in derived.marks:
                seen.append((self.store.folded_to(), derived.marks[TOTALS]))
            return results

    process = house.up(mains=Watched(house.store))
    flush_with_every_fold(process.orchestrator.projection)
    await process.publish(*[f"e{n}" for n in range(30)])
    await process.until_idle()
    await process.stop()
    assert len(seen) > 10
    assert len({position for position, _ in seen}) > 5
    for position, written in seen:
        assert orjson.loads(written) == counted_to(house, position)
    house.prove()


def counted_to(house: House, position: int) -> Any:
    """Totals of the log up to a position."""
    rebuilt = Rebuilt()
    rebuilt.fold((e.seq, e.stream, e.type, e.time, e.data) for e in house.store.scan() if e.seq <= position)
    return rebuilt.totals.to_json()


def flush_with_every_fold(projection: Any) -> None:
    """Derived rows go to the journal with every fact instead of five times a second."""
    fold = projection.fold

    def and_flush(*told: Any) -> None:
        fold(*told)
        projection.flush()

    projection.fold = and_flush


async def test_derived_tables_that_were_thrown_away_are_made_anew() -> None:
    house = House(content(*THREE), services=Services(refuses_mail))
    house.publish("e1", "e2")
    await house.run()
    rows = house.rows()
    house.store.forget_derived()
    await house.run()
    assert house.rows() == rows
    assert len(house.events("saga.started")) == 2, "no event starts a run twice"
    house.prove()


@pytest.mark.parametrize("condition", ["true", "data.nowhere"], ids=["run", "filter failed"])
async def test_derived_tables_rewritten_from_the_log_start_nothing_twice(condition: str) -> None:
    """As after `replay`, or in a store made from an export: how far events were dispatched is not known exactly."""
    house = House(content(*THREE, filter=condition))
    house.publish("e1", "e2", data={})
    await house.run()
    facts = house.kinds()
    house.store.forget_derived()
    rebuilt = Rebuilt()
    rebuilt.fold((e.seq, e.stream, e.type, e.time, e.data) for e in house.store.scan())
    house.store.append([], rewritten(rebuilt, house.store))
    await house.run()
    assert house.kinds() == facts
    house.publish("e3", data={})
    await house.run()
    assert len(house.kinds()) == len(facts) * 3 // 2
    house.prove()


@pytest.mark.parametrize("condition", ["true", "data.nowhere"], ids=["run", "filter failed"])
async def test_derived_tables_folded_to_the_end_start_nothing_twice(condition: str) -> None:
    """As after a crash and `replay`: the mark of how far events were dispatched is that of an earlier moment."""
    house = House(content(*THREE, filter=condition))
    house.publish("e1", "e2", "e3", data={})
    await house.run()
    facts = house.kinds()
    house.store.append([], Derived(marks={DISPATCHED: "1"}))
    rebuilt = Rebuilt()
    rebuilt.fold((e.seq, e.stream, e.type, e.time, e.data) for e in house.store.scan())
    derived = rewritten(rebuilt, house.store)
    house.store.forget_derived()
    house.store.append([], derived)
    await house.run()
    assert house.kinds() == facts
    house.prove()


@pytest.mark.parametrize("condition", ["true", "data.nowhere"], ids=["run", "filter failed"])
async def test_a_process_that_died_when_the_tail_was_folded_leaves_a_store_that_starts(condition: str) -> None:
    """The tables are then folded to the end of the log, and the mark of how far it was dispatched is older than that.
    An event that was refused has no row to tell that it was looked at."""
    house = House(content(step("pay"), filter=condition))
    house.publish("e1", "e2", "e3", data={})
    facts: list[str] = []
    for _ in range(2):
        process = house.up()
        process.orchestrator.projection.flush = lambda: None  # type: ignore[method-assign]  # dies before its time
        await process.until_idle()
        await process.stop()
        facts = facts or house.kinds()
    assert (house.store.folded_to(), house.store.mark(DISPATCHED)) == (house.store.last_seq(), "0")
    await house.run()
    assert house.kinds() == facts
    house.prove()


async def test_a_process_that_finds_nothing_to_do_writes_nothing_into_the_log() -> None:
    house = House(content(*THREE))
    house.publish("e1")
    await house.run()
    last = house.store.last_seq()
    await house.run()
    await house.run()
    assert house.store.last_seq() == last
    assert int(house.store.mark(DISPATCHED) or 0) > 0


async def test_an_attempt_cut_off_is_made_again_with_the_same_key_and_number() -> None:
    house = House(content(step("pay")))
    house.publish("e1")
    process = house.up()
    house.services.on_call = lambda request: process.mains.die()
    assert not await process.until_dead_or_idle()
    house.services.on_call = lambda request: None
    await house.run()
    first, second = house.services.calls
    assert (first.key, first.attempt) == (second.key, second.attempt)
    started = [orjson.loads(e.data or "") for e in house.events("saga.step.started")]
    assert [each.get("interrupted") for each in started] == [None, True]


async def test_a_request_sent_again_for_a_425_and_cut_off_is_in_doubt() -> None:
    """What the second request did nobody knows, so a refusal after it does not settle the step."""
    told = iter([said(425)])
    house = House(content(step("pay")))
    house.publish("e1")
    process = house.up()
    house.services.behave = lambda request: next(told, None) or process.mains.die() or ok()  # type: ignore[func-returns-value]
    assert not await process.until_dead_or_idle()
    house.services.behave = lambda request: said(409) if request.op == "call" else ok()
    await house.run()
    assert house.services.made("compensate") == ["pay"]
    (failed,) = [orjson.loads(e.data or "") for e in house.events("saga.step.failed")]
    assert (failed["outcome"], failed["undo"]) == ("unknown", True)
    house.prove()


async def test_a_store_of_its_own_knows_nothing_of_another() -> None:
    """Ids of runs are made of the chain: the same event in two stores never makes the same run."""
    ids = []
    for source in ("a", "b"):
        house = House(content(step("pay")))
        house.store = MemoryStore()
        house.deploy(content(step("pay")), revision=source * 64)
        house.publish("e1")
        await house.run()
        ids.append(house.rows()[0].saga_id)
    assert ids[0] != ids[1]


async def test_more_attempts_were_cut_off_than_there_are_places_now() -> None:
    """Started again with a smaller bound, what was in flight waits in line."""
    house = House(content(step("pay")))
    house.publish(*[f"e{n}" for n in range(20)])
    process = house.up(calls=20)
    waits: list[CallRequest] = []
    house.services.on_call = lambda request: waits.append(request)
    house.services.behave = lambda r: process.mains.die() or ok() if len(waits) == 20 else ok()  # type: ignore[func-returns-value]
    await process.until_dead_or_idle()
    house.services.behave = lambda r: ok()
    house.services.most = 0
    await house.run(calls=2)
    assert house.services.most <= 2
    assert house.states() == ["COMPLETED"] * 20
    house.prove()


async def test_what_has_gathered_since_the_last_run_is_not_asked_for_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog is dispatched without a look into the log for each of its events."""
    house = House(content(step("pay")))
    house.publish("e1")
    await house.run()
    house.publish("e2", "e3")
    read = house.store.read
    asked: list[str] = []

    def watched(stream: str, after: int = 0) -> list[Event]:
        if stream.startswith("run/"):
            asked.append(stream)
        return read(stream, after)

    monkeypatch.setattr(house.store, "read", watched)
    await house.run()
    assert len(house.events("saga.started")) == 3
    assert len(asked) <= 1, "the last event that was dispatched, at the most"
