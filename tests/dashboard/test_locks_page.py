"""The page of locks: holders, lines, and that what takes a lock away means the key and the run that were shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hms_orch_cli.dashboard.pages import locks
from hms_orch_cli.dashboard.words import number
from hms_orch_cli.saga.moment import from_rfc3339
from tests.dashboard.house import House, event
from tests.dashboard.pages import HOSTILE, Elements, is_harmless
from tests.dashboard.test_steering import LATER, refused

LOCKED = """
id: {id}
trigger: {trigger}
lock: data.key
steps:
  - name: pay
    call: pay-svc:/pay
    compensate: pay-svc:/refund
"""
DEEP = {"b": [1.5, None, True, {"é": "\u202e"}], "a": "x"}
KEYS: tuple[Any, ...] = (
    HOSTILE, 5, "5", 1.5, -7, True, DEEP, [HOSTILE, 0], "", " ", "null", "'\"`<>&\\", "\u05e9\u202e\u200f",
    "\x7f\x9b\x01\n", "𝔘🏳️‍🌈", "__proto__", {"__proto__": 1}, "W" * 1_022, "é" * 511, "\u202e" * 340,
    "\x9b" * 511, "\x7f" * 1_022,
)  # fmt: skip
"""What CEL may make of the data of an event, up to the longest that a lock can have."""


async def claims(house: House, *keys: Any, trigger: str = "order.placed") -> list[str]:
    """Runs that ask for these locks, one after another; none of them ends."""
    house.participants.answers["/pay"] = LATER
    await house.deploy(LOCKED.format(id=f"shop.{trigger.partition('.')[0]}.v1", trigger=trigger))
    before = len((await house.client.get("/v1/sagas")).json()["sagas"])
    for place, key in enumerate(keys):
        await house.publish(event(1, id=f"{trigger}-{before + place}", type=trigger, data={"key": key}))
    await house.settle()
    runs = (await house.client.get("/v1/sagas", params={"limit": 200})).json()["sagas"]
    return [run["sagaId"] for run in runs][: len(keys)][::-1]


async def page_of(house: House, **query: str) -> Elements:
    answer = await house.client.get("/locks", params=query)
    assert answer.status_code == 200, answer.text
    return is_harmless(answer.text)


def buttons(page: Elements) -> list[dict[str, Any]]:
    """What each button would send."""
    return [json.loads(found["data-body"] or "") for found in page.having("data-ask")]


async def test_without_locks_it_teaches(house: House) -> None:
    page = await page_of(house)
    assert "No run holds a lock" in page.words and "lock: data.personId" in page.words
    assert not page.having("data-ask")


async def test_a_lock_has_its_holder_and_its_line_in_the_order_of_the_events(house: House) -> None:
    first, second, third = await claims(house, "a", "a", "a")
    page = await page_of(house)
    assert "1 lock is held, 2 runs wait in line." in page.words
    assert [row["href"] for row in page.of_class("name")] == [f"/runs/{run}" for run in (first, second, third)]
    assert "holds it fence 1" in page.words and "1. in line" in page.words and "2. in line" in page.words
    (ask,) = page.having("data-ask")
    assert f"Run {first} of shop.order.v1 goes on without it. Run {second}" in str(ask["data-says"])
    assert "this run's is 1" in str(ask["data-warns"])
    assert buttons(page) == [{"key": "a", "sagaId": first}]


async def test_a_holder_has_it_since_its_turn_came_and_the_others_wait_since_they_asked(house: House) -> None:
    first, second, third = await claims(house, "a", "a", "a")
    await house.client.post("/v1/locks/release", json={"key": "a", "note": "dead"})
    await house.settle()
    page = await page_of(house)
    assert [row["href"] for row in page.of_class("name")] == [f"/runs/{run}" for run in (second, third)]
    told = [(event.stream, event.type, event.time) for event in house.store.read_all(0, 1_000)]
    wanted = ((f"run/{second}", "saga.lock.acquired"), (f"run/{third}", "saga.lock.queued"))
    times = [time for each in wanted for stream, kind, time in told if (stream, kind) == each]
    assert [row["data-since"] for row in page.having("data-since")] == [str(from_rfc3339(time)) for time in times]
    assert first not in page.words


async def test_a_lock_between_two_holders_is_said_to_be_free(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, second = await claims(house, "a", "a")
    (lock,) = house.office.locks()
    monkeypatch.setattr(house.office, "locks", lambda: [{**lock, "holder": None}])
    page = await page_of(house)
    assert "It is being handed on." in page.words and second in page.words
    assert not page.having("data-ask")


async def test_one_that_nobody_waits_for_is_said_to_go_to_whoever_asks(house: House) -> None:
    (run,) = await claims(house, "a")
    page = await page_of(house)
    assert "1 lock is held, nobody waits." in page.words
    (ask,) = page.having("data-ask")
    assert "Nobody waits for it" in str(ask["data-says"]) and "pause it first" in str(ask["data-warns"])
    await house.client.post(f"/v1/sagas/{run}/pause")
    (ask,) = (await page_of(house)).having("data-ask")
    assert "It is paused" in str(ask["data-warns"]) and "pause it first" not in str(ask["data-warns"])


async def test_the_longest_line_comes_first_and_what_is_left_out_is_counted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await claims(house, "a", *["b"] * (locks.IN_LINE + 3), "c")
    page = await page_of(house)
    assert [told["key"] for told in buttons(page)] == ["b", "a", "c"]
    assert page.words.count("in line") == locks.IN_LINE + 2
    assert "and 2 more in line" in page.words
    monkeypatch.setattr(locks, "SHOWN", 1)
    page = await page_of(house)
    assert [told["key"] for told in buttons(page)] == ["b"]
    assert f"3 locks are held, {number(locks.IN_LINE + 2)} runs wait in line." in page.words
    assert "the 1 that most runs wait for, of 3" in page.words


async def test_a_search_looks_at_keys_sagas_and_runs(house: House) -> None:
    (first,) = await claims(house, "p-17")
    _, second = await claims(house, "p-18", "p-18", trigger="claim.granted")
    for words, found in (
        ("P-17", ["p-17"]),
        ('"p-1', ["p-17", "p-18"]),
        ("shop.claim", ["p-18"]),
        (first[-12:], ["p-17"]),
        (second, ["p-18"]),
        ("p-19", []),
    ):
        page = await page_of(house, text=words)
        assert sorted(told["key"] for told in buttons(page)) == found, words
        assert ("No lock fits" in page.words) == (not found)
        assert "2 locks are held, 1 run waits in line." in page.words
    is_harmless((await house.client.get("/locks", params={"text": HOSTILE})).text)


@pytest.mark.parametrize("key", KEYS)
async def test_a_key_is_harmless_and_the_button_means_it_exactly(house: House, key: Any) -> None:
    (run,) = await claims(house, key)
    page = await page_of(house)
    assert "1 lock is held" in page.words
    (body,) = buttons(page)
    assert (body["key"], type(body["key"]), body["sagaId"]) == (key, type(key), run)
    answer = await house.client.post("/v1/locks/release", json={**body, "note": "dead"})
    assert (answer.status_code, answer.json().get("sagaId")) == (200, run)
    assert "No run holds a lock" in (await page_of(house)).words
    is_harmless((await house.client.get(f"/runs/{run}")).text)


async def test_two_long_keys_that_begin_alike_are_told_apart(house: House) -> None:
    await claims(house, "x" * 600 + "1", "x" * 600 + "2")
    page = await page_of(house)
    names = [card["data-key"] for card in page.of_class("lock")]
    assert len(set(names)) == 2
    assert "x" * 600 + "1" in page.words and "x" * 600 + "2" in page.words


async def test_a_key_that_grows_when_it_is_written_out_can_be_read_whole(house: House) -> None:
    await claims(house, "\u202e" * 40)
    assert "\\u202e" * 40 in (await page_of(house)).words


async def test_the_page_of_a_run_leads_to_its_lock(house: House) -> None:
    run, other = await claims(house, "a", "a")
    for each in (run, other):
        page = is_harmless((await house.client.get(f"/runs/{each}")).text)
        (link,) = [found["href"] for found in page.having("href") if str(found["href"]).startswith("/locks?")]
        assert buttons(is_harmless((await house.client.get(str(link))).text)) == [{"key": "a", "sagaId": run}]


async def test_a_lock_is_not_taken_from_whoever_has_it_by_now(house: House) -> None:
    first, second = await claims(house, "a", "a")
    wish = {"key": "a", "sagaId": first, "note": "dead"}
    assert (await house.client.post("/v1/locks/release", json=wish)).status_code == 200
    await house.settle()
    told = await refused(house, "/v1/locks/release", 409, wish)
    assert f"held by run {second} by now" in told["detail"]
    await refused(house, "/v1/locks/release", 400, {**wish, "sagaId": 5})
    assert (await house.client.post("/v1/locks/release", json={**wish, "sagaId": second})).status_code == 200
