"""Named tokens: whose name stands in the log, and how far a token reaches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from hms_orch_cli.config.tokens import Token, hash_of
from tests.dashboard.house import House, event, open_house, saga
from tests.dashboard.test_steering import BY_EVENT, HELD, LATER, LOCKED, NO, YAML, run_of, told

TOKENS = (
    Token("ann", "operator", hash_of("of ann")),
    Token("night", "operator", hash_of("of the night shift"), sagas=("shop.*",)),
    Token("billing", "publisher", hash_of("of billing"), sagas=("other.v1",), types=("order.*", "invoice.sent")),
)
ANN, NIGHT, BILLING = ({"authorization": f"Bearer {each}"} for each in ("of ann", "of the night shift", "of billing"))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """One that knows the tokens; its client has one without a name."""
    async with open_house(host="0.0.0.0", tokens=["full"], named=TOKENS) as opened:
        opened.client.headers["authorization"] = "Bearer full"
        yield opened


async def post(house: House, path: str, headers: dict[str, str], body: Any = None) -> httpx.Response:
    return await house.client.post(path, json={"note": "why"} if body is None else body, headers=headers)


async def test_the_name_of_the_token_is_the_actor_whatever_the_body_says(house: House) -> None:
    run = await run_of(house, pay=LATER)
    await post(house, f"/v1/sagas/{run}/pause", ANN, {"actor": "the boss"})
    assert (await told(house, run, "saga.paused"))["actor"] == "ann"
    await house.client.post(f"/v1/sagas/{run}/resume", json={"actor": "the boss"})
    assert (await told(house, run, "saga.resumed"))["actor"] == "the boss"


async def test_a_decision_carries_the_name_of_the_token(house: House) -> None:
    run = await run_of(house, HELD, ship=NO)
    answer = await post(house, f"/v1/hitl/{run}.1", ANN, {"decision": "skip", "note": "n", "actor": "eve"})
    assert answer.json()["actor"] == "ann"
    assert (await house.client.get(f"/v1/hitl/{run}.1")).json()["actor"] == "ann"


@pytest.mark.parametrize("verb", ["cancel", "abandon", "pause", "redrive"])
async def test_a_run_of_another_definition_is_out_of_reach(house: House, verb: str) -> None:
    run = await run_of(house, saga("other.v1"), pay=LATER)
    length = house.store.last_seq()
    answer = await post(house, f"/v1/sagas/{run}/{verb}", NIGHT)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:hms-orch:problem:not-permitted")
    assert "night may not act on other.v1" in answer.json()["detail"]
    assert house.store.last_seq() == length


async def test_a_run_within_reach_is_steered(house: House) -> None:
    run = await run_of(house, pay=LATER)
    assert (await post(house, f"/v1/sagas/{run}/cancel", NIGHT)).status_code == 200
    assert (await post(house, "/v1/sagas/nix/cancel", NIGHT)).status_code == 404


async def test_items_locks_and_definitions_of_others_are_out_of_reach(house: House) -> None:
    run = await run_of(house, HELD.replace("shop.order.v1", "other.v1"), ship=NO)
    length = house.store.last_seq()
    decision = {"decision": "skip", "note": "n"}
    assert (await post(house, f"/v1/hitl/{run}.1", NIGHT, decision)).status_code == 403
    for path in ("/v1/definitions/other.v1/pause", "/v1/definitions/other.v1/resume"):
        assert (await post(house, path, NIGHT)).status_code == 403
    assert (await house.client.delete("/v1/definitions/other.v1", headers=NIGHT)).status_code == 403
    text = saga("other.v1", "data.n > 7")
    assert (await house.client.post("/v1/definitions", content=text, headers={**NIGHT, **YAML})).status_code == 403
    assert house.store.last_seq() == length
    text = saga("shop.returns.v1")
    assert (await house.client.post("/v1/definitions", content=text, headers={**NIGHT, **YAML})).status_code == 201


@pytest.mark.parametrize(("name", "status"), [("other.v1", 403), ("shop.order.v1", 200)])
async def test_a_lock_is_taken_from_runs_within_reach_only(house: House, name: str, status: int) -> None:
    await run_of(house, LOCKED.replace("shop.order.v1", name), pay=LATER)
    length = house.store.last_seq()
    assert (await post(house, "/v1/locks/release", NIGHT, {"key": 1, "note": "n"})).status_code == status
    assert (house.store.last_seq() > length) is (status == 200)


@pytest.mark.parametrize(("name", "status"), [("other.v1", 204), ("shop.order.v1", 403)])
async def test_a_publisher_acknowledges_undos_within_reach(house: House, name: str, status: int) -> None:
    run = await run_of(house, BY_EVENT.replace("shop.order.v1", name), ship=NO)
    assert (await post(house, f"/v1/sagas/{run}/steps/pay/compensated", BILLING)).status_code == status


@pytest.mark.parametrize(("kind", "status"), [("order.placed", 202), ("invoice.sent", 202), ("invoice.paid", 403)])
async def test_a_publisher_publishes_its_own_types_only(house: House, kind: str, status: int) -> None:
    assert (await post(house, "/v1/events", BILLING, event(1, type=kind))).status_code == status
    assert house.store.last_seq() == (status == 202)


async def test_a_batch_with_a_type_that_is_not_its_own_takes_nothing_and_names_it(house: House) -> None:
    house.client.headers.update(BILLING)
    answer = await house.publish(event(1), event(2, type="invoice.paid"), event(3))
    assert (answer.status_code, answer.json()["index"], house.store.last_seq()) == (403, 1, 0)


async def test_who_asks_is_told_who_they_are(house: House) -> None:
    assert (await house.client.get("/v1/me", headers=NIGHT)).json() == {
        "name": "night",
        "role": "operator",
        "sagas": ["shop.*"],
        "types": [],
        "rights": ["acknowledge", "follow", "operate", "publish", "read"],
    }
    assert (await house.client.get("/v1/me")).json()["name"] is None
