"""Sagas that are triggered by sagas: how deep a chain may be, and what the dispatcher looks at for it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hms_orch_cli.orchestrator import orchestrator

from ..specs import step
from .house import House, Mains, content, ok, said


def chained(name: str, after: str) -> dict[str, Any]:
    """A definition that starts when another has completed."""
    return content(step("a"), id=name, trigger="saga.completed", filter=f'data.saga == "{after}"')


async def test_the_end_of_a_run_starts_the_next_one() -> None:
    house = House(content(step("a"), id="one"), chained("two", "one"), chained("three", "two"))
    house.publish("e1")
    await house.run()
    assert [(row.saga, row.state) for row in house.rows()] == [
        ("one", "COMPLETED"),
        ("two", "COMPLETED"),
        ("three", "COMPLETED"),
    ]
    depths = [orjson.loads(e.data or "")["depth"] for e in house.events("saga.started")]
    assert depths == [0, 1, 2]
    house.prove()


async def test_a_chain_of_more_than_ten_is_skipped_and_recorded() -> None:
    house = House(
        content(step("a"), id="first"), chained("ping", "pong"), chained("pong", "ping"), chained("x", "first")
    )
    house.deploy(content(step("a"), id="ping", trigger="saga.completed", filter='data.saga in ["first", "pong"]'))
    house.publish("e1")
    await house.run()
    depths = [orjson.loads(e.data or "")["depth"] for e in house.events("saga.started")]
    assert max(depths) == 10
    (skipped,) = house.events("saga.skipped")
    assert "11 sagas in a chain" in orjson.loads(skipped.data or "")["reason"]
    counts = orjson.loads(house.store.mark("totals") or "{}")["counts"]
    assert sum(counts["skipped"].values()) == 1
    await house.run()
    assert len(house.events("saga.skipped")) == 1
    house.prove()


@pytest.mark.parametrize("told", [10, 11])
async def test_an_event_from_outside_may_say_how_deep_it_is(told: int) -> None:
    house = House(content(step("a")))
    house.publish("e1", extensions=orjson.dumps({"sagadepth": told}).decode())
    await house.run()
    assert len(house.events("saga.started")) == (1 if told == 10 else 0)
    assert len(house.events("saga.skipped")) == (0 if told == 10 else 1)


async def test_a_depth_that_is_none_counts_as_zero() -> None:
    house = House(content(step("a")))
    house.publish("e1", extensions='{"sagadepth": "deep", "other": 1}')
    await house.run()
    assert orjson.loads(house.events("saga.started")[0].data or "")["depth"] == 0


async def test_sagas_that_hear_of_skips_are_no_way_round_the_bound() -> None:
    """The end of a chain is recorded once, and starts nothing anew."""
    house = House(content(step("a"), id="one"))
    for name, other in (("x", "y"), ("y", "x")):
        heard = f'data.saga in ["one", "{other}"]'
        house.deploy(content(step("a"), id=name, trigger="saga.skipped", filter=heard))
    house.publish("e1", extensions='{"sagadepth": 11}')
    await house.run()
    assert house.kinds() == ["skipped"]


async def test_filters_that_fail_because_of_one_another_come_to_an_end() -> None:
    house = House(content(step("a"), id="one", filter="data.nowhere"))
    for name, other in (("x", "y"), ("y", "x")):
        broken = f'data.saga in ["one", "{other}"] && data.nowhere'
        house.deploy(content(step("a"), id=name, trigger="saga.filter.failed", filter=broken))
    house.publish("e1", data={})
    await house.run()
    assert house.events("saga.started") == []
    assert 10 <= house.kinds().count("filter.failed") <= 21
    assert house.kinds()[-1] == "skipped"
    house.prove()


async def test_a_definition_deployed_while_up_hears_of_every_fact_behind_it() -> None:
    """What was read ahead before the deployment passed over the facts of runs."""
    house = House(content(step("a"), id="one"))
    house.publish("e1")
    process = house.up()
    await process.until_idle()
    await process.stop()
    house.store.forget_derived()
    house.deploy(chained("two", "one"))
    house.publish("e2")
    await house.run()
    house.publish("e3")
    await house.run()
    assert [row.saga for row in house.rows()].count("two") == 2, "for e2 and e3"
    house.prove()


async def test_facts_between_a_deployment_and_the_next_event_are_not_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The power goes out when the run has ended and nobody has heard of it; then comes another event."""
    monkeypatch.setattr(orchestrator, "FLUSH_S", 60)
    house = House(content(step("a"), id="one"), chained("two", "one"))
    house.publish("e1")
    process = house.up(mains=Mains(house.store, 2, after=True))
    assert not await process.until_dead_or_idle()
    assert house.kinds()[-1] == "completed" and not house.store.folded_to()
    house.publish("e2")
    await house.run()
    assert sorted(row.saga for row in house.rows()) == ["one", "one", "two", "two"]
    house.prove()


async def test_a_failed_run_starts_what_listens_to_failures() -> None:
    house = House(content(step("a"), id="one"))
    house.services.behave = lambda r: said(409) if r.step == "a" else ok()
    house.deploy(content(step("b"), id="sorry", trigger="saga.failed", filter='data.saga == "one"'))
    house.publish("e1")
    await house.run()
    assert [(row.saga, row.state) for row in house.rows()] == [("one", "FAILED"), ("sorry", "COMPLETED")]
