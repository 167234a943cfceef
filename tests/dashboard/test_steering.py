"""What a person wants over HTTP: cancel to redrive, decisions, locks, definitions; and every body that is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from hms_orch_cli.saga.outcome import Answer, Wire
from tests.dashboard.house import House, event, saga

NO = Answer(Wire.ANSWERED, 422, reason="no room")
LATER = Answer(Wire.ANSWERED, 202)
HELD = saga().replace("ship-svc:/return", "ship-svc:/return\n    onExhausted: hitl")
BY_EVENT = saga().replace("pay-svc:/refund", "event")
LOCKED = saga().replace("trigger:", "lock: data.n\ntrigger:")
YAML = {"content-type": "application/yaml"}


async def run_of(house: House, text: str | None = None, **answers: Answer) -> str:
    """A run that has come to rest."""
    await house.deploy(text)
    house.participants.answers.update({f"/{path}": answer for path, answer in answers.items()})
    await house.publish(event(1))
    await house.settle()
    return str((await house.client.get("/v1/sagas")).json()["sagas"][0]["sagaId"])


async def refused(house: House, path: str, status: int, body: Any = None, **more: Any) -> dict[str, Any]:
    """The problem; the log is as it was."""
    before = house.store.last_seq()
    answer = await house.client.post(path, json=body, **more) if body is not None else await _bare(house, path, more)
    problem: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"]) == (status, status), problem
    assert problem["detail"]
    assert house.store.last_seq() == before
    return problem


async def _bare(house: House, path: str, more: dict[str, Any]) -> httpx.Response:
    return await house.client.post(path, **more)


async def told(house: House, saga_id: str, kind: str) -> dict[str, Any]:
    """The data of a run's last event of a type."""
    found = [each for each in house.store.read(f"run/{saga_id}") if each.type == kind]
    data: dict[str, Any] = orjson.loads(found[-1].data or "{}")
    return data


async def test_a_cancel_is_answered_with_the_run_and_the_undo_follows(house: House) -> None:
    run = await run_of(house, pay=LATER)
    answer = await house.client.post(f"/v1/sagas/{run}/cancel", json={"actor": "ann", "note": "twice"})
    assert (answer.status_code, answer.json()["sagaId"]) == (200, run)
    await house.settle()
    one = (await house.client.get(f"/v1/sagas/{run}")).json()
    assert (one["state"], one["reason"]) == ("CANCELLED", "cancelled by ann: twice")
    await refused(house, f"/v1/sagas/{run}/cancel", 409)


async def test_without_a_body_the_actor_is_api(house: House) -> None:
    run = await run_of(house, pay=LATER)
    answer = await house.client.post(f"/v1/sagas/{run}/pause")
    assert answer.json()["state"] == "PAUSED"
    assert (await told(house, run, "saga.paused"))["actor"] == "api"
    await refused(house, f"/v1/sagas/{run}/pause", 409)
    assert (await house.client.post(f"/v1/sagas/{run}/resume", json={})).json()["state"] == "WAITING"
    await refused(house, f"/v1/sagas/{run}/resume", 409)


async def test_abandon_needs_a_note(house: House) -> None:
    run = await run_of(house, pay=LATER)
    assert "needs a note" in (await refused(house, f"/v1/sagas/{run}/abandon", 400))["detail"]
    answer = await house.client.post(f"/v1/sagas/{run}/abandon", json={"note": "by hand"})
    assert (answer.json()["state"], answer.json()["reason"]) == ("ABANDONED", "by hand")


async def test_redrive_names_the_run_that_goes_on(house: House) -> None:
    run = await run_of(house, pay=NO)
    house.participants.answers.clear()
    answer = await house.client.post(f"/v1/sagas/{run}/redrive")
    assert answer.json() == {"sagaId": run, "redriveOf": None}
    await house.settle()
    assert (await house.client.get(f"/v1/sagas/{run}")).json()["state"] == "COMPLETED"
    await refused(house, f"/v1/sagas/{run}/redrive", 409)


async def test_redrive_of_an_undone_run_starts_another_that_is_linked(house: House) -> None:
    run = await run_of(house, ship=NO)
    house.participants.answers.clear()
    anew = (await house.client.post(f"/v1/sagas/{run}/redrive")).json()
    assert anew["redriveOf"] == run
    await house.settle()
    one, other = [(await house.client.get(f"/v1/sagas/{each}")).json() for each in (run, anew["sagaId"])]
    assert (one["replacedBy"], one["redriveOf"]) == (anew["sagaId"], None)
    assert (other["replacedBy"], other["redriveOf"], other["state"]) == (None, run, "COMPLETED")
    await refused(house, f"/v1/sagas/{run}/redrive", 409)


async def test_redrive_after_another_deploy_wants_to_be_told(house: House) -> None:
    run = await run_of(house, pay=NO)
    await house.deploy(saga(condition="data.n > 5"))
    problem = await refused(house, f"/v1/sagas/{run}/redrive", 409)
    assert "has changed since" in problem["detail"]
    assert (await house.client.post(f"/v1/sagas/{run}/redrive", json={"keepRevision": True})).status_code == 200


async def test_an_undo_by_event_is_acknowledged_once_and_the_second_is_answered_as_the_first(house: House) -> None:
    run = await run_of(house, BY_EVENT, ship=NO)
    path = f"/v1/sagas/{run}/steps/pay/compensated"
    await refused(house, f"/v1/sagas/{run}/steps/nix/compensated", 404)
    await refused(house, f"/v1/sagas/{run}/steps/ship/compensated", 409)
    first = await house.client.post(path, json={"whatever": "it says"})
    assert (first.status_code, first.content) == (204, b"")
    await house.settle()
    length = house.store.last_seq()
    assert (await house.client.post(path)).status_code == 204
    assert house.store.last_seq() == length
    assert (await house.client.get(f"/v1/sagas/{run}")).json()["state"] == "FAILED"


async def test_an_acknowledgement_that_nothing_waits_for_is_refused(house: House) -> None:
    run = await run_of(house, BY_EVENT)
    await refused(house, f"/v1/sagas/{run}/steps/pay/compensated", 409)
    await refused(house, "/v1/sagas/nix/steps/pay/compensated", 404)


async def test_items_are_listed_shown_and_decided_once(house: House) -> None:
    run = await run_of(house, HELD, ship=NO)
    (item,) = (await house.client.get("/v1/hitl")).json()["items"]
    assert (item["id"], item["kind"], item["decisions"]) == (
        f"{run}.1",
        "hold",
        ["retry", "done", "skip", "compensate"],
    )
    path = f"/v1/hitl/{run}.1"
    assert (await house.client.get(path)).json() == {
        **item,
        **{"state": "open", "ended": None, "decision": None, "actor": None, "note": None},
    }
    answer = await house.client.post(
        path, json={"decision": "done", "actor": "ann", "note": "by hand", "output": {"no": 7}}
    )
    assert {**answer.json(), "run": None} == {"id": f"{run}.1", "decision": "done", "actor": "ann", "run": None}
    assert answer.json()["run"]["state"] == "COMPLETED"
    assert (await told(house, run, "saga.step.succeeded"))["answer"] == {"no": 7}
    assert (await house.client.get(path)).json()["state"] == "decided"
    assert (await house.client.get("/v1/hitl")).json() == {"items": []}
    problem = await refused(house, path, 409, {"decision": "retry", "note": "x"})
    assert f"item {run}.1 is decided already: done by ann" in problem["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"note": "x"}, 400),
        ({"decision": 5, "note": "x"}, 400),
        ({"decision": None, "note": "x"}, 400),
        ({"decision": "skip", "note": 5}, 400),
        ({"decision": "skip", "note": "x", "actor": ""}, 400),
        ({"decision": "skip", "note": "x", "actor": "a" * 201}, 400),
        ({"decision": "skip", "note": "x", "actor": ["a"]}, 400),
        ({"decision": "skip", "note": "x", "nots": "y"}, 400),
        ([], 400),
        ("skip", 400),
        ({"decision": "skip"}, 400),
        ({"decision": "skip", "note": " "}, 400),
        ({"decision": "yes", "note": "x"}, 409),
        ({"decision": "approve", "note": "x"}, 409),
        ({"decision": "skip", "note": "x", "output": 1}, 409),
        ({"decision": "done", "note": "x", "output": "y" * 65_536}, 409),
    ],
)
async def test_a_bad_decision_changes_nothing(house: House, body: Any, status: int) -> None:
    run = await run_of(house, HELD, ship=NO)
    await refused(house, f"/v1/hitl/{run}.1", status, body)
    assert (await house.client.get(f"/v1/hitl/{run}.1")).json()["state"] == "open"


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"decision": "\\ud800"}', b"[" * 2_000, b"NaN"])
async def test_a_body_that_is_no_json_is_refused(house: House, content: bytes) -> None:
    run = await run_of(house, HELD, ship=NO)
    for path in (f"/v1/hitl/{run}.1", f"/v1/sagas/{run}/cancel", "/v1/definitions/shop.order.v1/pause"):
        await refused(house, path, 400, content=content)


async def test_a_deep_or_a_large_output_is_refused(house: House) -> None:
    run = await run_of(house, HELD, ship=NO)
    deep = b'{"decision": "done", "note": "x", "output": ' + b"[" * 500 + b"]" * 500 + b"}"
    await refused(house, f"/v1/hitl/{run}.1", 400, content=deep)
    await refused(house, f"/v1/hitl/{run}.1", 413, content=b" " * (256 << 10) + b"{}")


@pytest.mark.parametrize(
    "path",
    [
        *(f"/v1/sagas/nix/{verb}" for verb in ("cancel", "abandon", "pause", "resume", "redrive")),
        "/v1/hitl/nix.1",
        "/v1/definitions/nix/pause",
    ],
)
async def test_what_is_unknown_is_not_found(house: House, path: str) -> None:
    body = {"decision": "skip"} if path.startswith("/v1/hitl") else {}
    await refused(house, path, 404, {**body, "note": "x"})


@pytest.mark.parametrize("body", [{"actor": 5}, {"note": None}, {"keepRevision": "yes"}, {"force": True}, 5])
async def test_a_wish_of_wrong_types_changes_nothing(house: House, body: Any) -> None:
    run = await run_of(house, pay=NO)
    await refused(house, f"/v1/sagas/{run}/redrive", 400, body)


async def test_explain_and_plan_write_nothing(house: House) -> None:
    run = await run_of(house, ship=LATER)
    length = house.store.last_seq()
    told = (await house.client.get(f"/v1/sagas/{run}/explain")).json()
    assert "step ship was taken with 202" in told["explanation"].lower()
    calls = (await house.client.get(f"/v1/sagas/{run}/plan")).json()["calls"]
    assert [(call["step"], call["certain"]) for call in calls] == [("ship", False), ("pay", True)]
    calls = (await house.client.get(f"/v1/sagas/{run}/plan?failAt=ship")).json()["calls"]
    assert [call["step"] for call in calls] == ["pay"]
    assert (await house.client.get(f"/v1/sagas/{run}/plan?failAt=nix")).status_code == 404
    assert (await house.client.get("/v1/sagas/nix/plan")).status_code == 404
    assert house.store.last_seq() == length


async def test_locks_are_listed_and_taken_away_by_their_exact_key(house: House) -> None:
    run = await run_of(house, LOCKED, pay=LATER)
    await house.publish(event(1, id="e2"))
    await house.settle()
    (lock,) = (await house.client.get("/v1/locks")).json()["locks"]
    assert (lock["key"], lock["holder"]["sagaId"], len(lock["queue"])) == (1, run, 1)
    for body, status in (({"key": "1", "note": "x"}, 404), ({"note": "x"}, 400), ({"key": 1}, 400)):
        await refused(house, "/v1/locks/release", status, body)
    answer = await house.client.post("/v1/locks/release", json={"key": 1, "note": "dead", "actor": "ann"})
    assert answer.json()["sagaId"] == run
    await house.settle()
    (after,) = (await house.client.get("/v1/locks")).json()["locks"]
    assert after["holder"]["sagaId"] == lock["queue"][0]["sagaId"]
    assert after["holder"]["fence"] > lock["holder"]["fence"]


async def test_a_definition_is_paused_its_events_wait_and_what_is_in_flight_is_counted(house: House) -> None:
    run = await run_of(house, pay=LATER)
    (listed,) = (await house.client.get("/v1/definitions")).json()["definitions"]
    assert (listed["paused"], listed["inFlight"]) == (False, {listed["revision"]: 1})
    path = "/v1/definitions/shop.order.v1"
    answer = await house.client.post(f"{path}/pause", json={"actor": "ann", "note": "down"})
    assert answer.json() == {"id": "shop.order.v1", "paused": True}
    await refused(house, f"{path}/pause", 409)
    await house.publish(event(2))
    await house.settle()
    (listed,) = (await house.client.get("/v1/definitions")).json()["definitions"]
    assert (listed["paused"], len((await house.client.get("/v1/sagas")).json()["sagas"])) == (True, 1)
    assert (await house.client.post(f"{path}/resume")).json() == {"id": "shop.order.v1", "paused": False}
    await house.settle()
    assert len((await house.client.get("/v1/sagas")).json()["sagas"]) == 2
    deployed = await house.client.post("/v1/definitions", content=saga(), headers=YAML)
    assert deployed.json()["inFlight"] == {listed["revision"]: 2}
    await refused(house, f"{path}/resume", 409)
    assert run


async def test_the_run_list_goes_page_by_page(house: House) -> None:
    await house.deploy()
    await house.publish(*(event(n) for n in range(5)))
    await house.settle()
    pages, query = [], "limit=2"
    while page := (await house.client.get(f"/v1/sagas?{query}")).json()["sagas"]:
        pages.append([run["event"]["id"] for run in page])
        query = f"limit=2&before={page[-1]['sagaId']}"
    assert pages == [["e4", "e3"], ["e2", "e1"], ["e0"]]


async def test_a_callback_forged_replayed_or_late_changes_nothing(house: House) -> None:
    run = await run_of(house, ship=LATER)
    report = {"outcome": "success", "result": {"n": 1}}
    token = house.callback(run, "ship")
    forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    await refused(house, forged, 404, report)
    await refused(house, house.callback(run, "nix"), 409, report)
    assert (await house.client.post(token, json=report)).status_code == 204
    await house.settle()
    length = house.store.last_seq()
    assert (await house.client.post(token, json={"outcome": "failed"})).status_code == 204
    assert house.store.last_seq() == length


async def test_a_callback_after_the_run_was_cancelled_is_late(house: House) -> None:
    run = await run_of(house, pay=LATER)
    await house.client.post(f"/v1/sagas/{run}/cancel")
    await house.settle()
    await refused(house, house.callback(run, "pay"), 409, {"outcome": "success"})


async def test_an_approval_that_has_expired_is_decided_by_nobody(house: House) -> None:
    approval = "id: a.v1\ntrigger: order.placed\nsteps:\n  - {name: ok, approval: {prompt: Ok?, ttlMs: 1}}\n"
    run = await run_of(house, approval)
    for _ in range(10_000):  # until the clock has moved on, and what follows is durable
        if house.orchestrator.run(run).state.status.ended:
            break
        await asyncio.sleep(0.001)
    await house.settle()
    problem = await refused(house, f"/v1/hitl/{run}.1", 409, {"decision": "approve", "note": "late"})
    assert f"item {run}.1 is closed: nobody decided in time" in problem["detail"]
