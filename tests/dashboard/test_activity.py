"""GET /v1/activity and /v1/services, and their pages."""

from __future__ import annotations

from typing import Any

import pytest

from hms_orch_cli.application.activity import before
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.ports.store import Derived, RunRow
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.views.activity import WINDOWS
from tests.dashboard.house import House, event
from tests.dashboard.pages import is_harmless

NOON = 1_800_000_000_000


async def activity(house: House, **query: str) -> dict[str, Any]:
    """The answer of the API."""
    found: dict[str, Any] = (await house.client.get("/v1/activity", params=query)).json()
    return found


@pytest.mark.parametrize("window", WINDOWS)
async def test_runs_are_counted_where_they_begin_and_end(house: House, window: str) -> None:
    await house.deploy()
    await house.publish(event(1), event(2))
    await house.settle()
    house.participants.answers["/ship"] = Answer(Wire.ANSWERED, 422, reason="no van")
    await house.publish(event(3))
    await house.settle()
    told = await activity(house, window=window)
    total = told["total"]
    assert (total["started"], total["completed"], total["failed"]) == (3, 2, 1)
    assert len(told["slots"]) == WINDOWS[window].slots
    assert sum(slot["started"] for slot in told["slots"]) == 3
    assert told["failures"] == [{"saga": "shop.order.v1", "step": "ship", "count": 1}]
    assert (await activity(house, window=window, saga="other"))["total"]["started"] == 0
    assert (await activity(house, window=window, saga="shop.order.v1"))["total"] == total
    assert "3" in is_harmless((await house.client.get("/charts", params={"window": window})).text).words


async def test_a_window_that_is_none_is_refused(house: House) -> None:
    for path in ("/v1/activity", "/charts"):
        assert (await house.client.get(path, params={"window": "year"})).status_code == 400


async def test_without_runs_the_charts_say_so(house: House) -> None:
    assert "Nothing in this time" in (await house.client.get("/charts")).text


def row(saga_id: str, started_at: int, ended_at: int | None, state: str, steps: str = "[]") -> RunRow:
    """A row of the run list."""
    return RunRow(saga_id, "a", "r", state, "", started_at, ended_at, None, 1, "e", "s", "t", steps)


def test_what_was_before_this_process_is_folded_from_the_run_list() -> None:
    store = MemoryStore()
    failed = '[{"name":"pay","state":"COMPENSATED"},{"name":"ship","state":"FAILED"}]'
    rows = [
        row("1", NOON - 9_000, NOON - 8_000, "COMPLETED"),
        row("2", NOON - 7_000, NOON - 5_000, "FAILED", failed),
        row("3", NOON - 3_000, None, "RUNNING"),
        row("4", NOON - 2_000, NOON + 5, "COMPLETED"),
        row("5", NOON + 1, NOON + 2, "COMPLETED"),
    ]
    store.append([], Derived(rows))
    slots = before(store, NOON).slots("week")
    folded = [slot for by_saga in slots.values() for slot in by_saga.values()]
    assert sum(slot.started for slot in folded) == 4, "what begins later is heard of by itself"
    assert sum(slot.ended["completed"] for slot in folded) == 1
    assert sum(slot.ended["failed"] for slot in folded) == 1
    assert [slot.failed_at for slot in folded if slot.failed_at] == [{"ship": 1}]


async def test_services_are_those_of_the_book_of_the_definitions_and_of_the_calls(house: House) -> None:
    await house.deploy()
    house.participants.answers["/ship"] = Answer(Wire.ANSWERED, 503, reason="closed")
    await house.publish(event(1))
    await house.settle()
    pay, ship = (await house.client.get("/v1/services")).json()["services"]
    assert (pay["name"], pay["url"], pay["usedBy"]) == ("pay-svc", "http://127.0.0.1:9001", ["shop.order.v1"])
    assert (pay["state"], pay["answered"], pay["failed"]) == ("up", 2, 0)
    assert (ship["name"], ship["url"], ship["state"]) == ("ship-svc", None, "unsteady")
    assert ship["lastFailure"] == "503 closed"
    assert sum(failed for _, failed in ship["minutes"]) == ship["failed"] == 1
    words = is_harmless((await house.client.get("/services")).text).words
    assert "503 closed" in words and "http://ship-svc" in words


async def test_a_service_that_nobody_has_called_is_quiet(house: House) -> None:
    (pay,) = (await house.client.get("/v1/services")).json()["services"]
    assert (pay["name"], pay["state"], pay["p50Ms"]) == ("pay-svc", "quiet", None)
