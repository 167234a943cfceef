"""An event is durable when `emit` returns, and counts once however often it was sent."""

from __future__ import annotations

import asyncio
import json

import pytest

from hms_orch_cli.dashboard.serve import bind
from hms_orch_cli.sdk import Emitted, Refused, Unreachable, emit, sync
from tests.dashboard.house import House
from tests.participant.fake_service import FakeService, Reply

TAKEN = Reply(202, json={"position": 7, "duplicate": False, "positions": [7]})
AWAY = Reply(503, json={"title": "The orchestrator is not ready for work", "detail": "it stops"})


async def test_it_is_a_cloudevent(service: FakeService) -> None:
    service.on("/v1/events", TAKEN)
    told = await emit("policy.changed", {"policyId": "p"}, id="e1", subject="p", url=service.url, token="t")
    (sent,) = service.requests
    assert told == Emitted(7, duplicate=False)
    assert (sent.method, sent.headers["content-type"]) == ("POST", "application/cloudevents+json")
    assert sent.headers["authorization"] == "Bearer t"
    assert sent.json == {
        "specversion": "1.0",
        "id": "e1",
        "source": "hms-sdk",
        "type": "policy.changed",
        "subject": "p",
        "data": {"policyId": "p"},
    }


async def test_the_surroundings_say_where_and_who(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    service.on("/v1/events", TAKEN)
    for name, value in {"HMS_URL": service.url + "/", "HMS_TOKEN": "secret", "HMS_SOURCE": "registry"}.items():
        monkeypatch.setenv(name, value)
    await emit("policy.changed")
    (sent,) = service.requests
    assert sent.path == "/v1/events"
    assert sent.headers["authorization"] == "Bearer secret"
    assert sent.json["source"] == "registry"
    assert "data" not in sent.json


@pytest.mark.parametrize("act", ["drop", "reset", "drop_mid_body", "garbage"])
async def test_doubt_is_sent_again_with_the_same_id(service: FakeService, act: str) -> None:
    service.on("/v1/events", Reply(act=act), AWAY, Reply(429, headers={"Retry-After": "0"}), TAKEN)
    assert (await emit("policy.changed", {}, url=service.url)).position == 7
    assert len(service.requests) == 4
    assert len({request.body for request in service.requests}) == 1


async def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that never begins nor one that never ends."""
    monkeypatch.setattr("hms_orch_cli.sdk.server.ATTEMPT_S", 0.05)
    service.on("/v1/events", Reply(act="silent"), Reply(act="slow_bytes"), TAKEN)
    assert (await emit("policy.changed", {}, url=service.url)).position == 7


async def test_retry_after_is_waited_for(service: FakeService) -> None:
    service.on("/v1/events", Reply(429, headers={"Retry-After": "2"}), TAKEN)
    with pytest.raises(Unreachable, match="429"):
        await emit("policy.changed", {}, url=service.url, patience_s=1.5)
    assert len(service.requests) == 1


async def test_impatience_says_what_it_met(service: FakeService) -> None:
    service.on("/v1/events", AWAY)
    with pytest.raises(Unreachable, match=f"{service.url}.*503 The orchestrator is not ready for work: it stops"):
        await emit("policy.changed", {}, url=service.url, patience_s=0)


async def test_nobody_there(service: FakeService) -> None:
    url = service.url
    await service.__aexit__()
    with pytest.raises(Unreachable, match="no answer"):
        await emit("policy.changed", {}, url=url, patience_s=0.01)


async def test_a_no_is_not_sent_again(service: FakeService) -> None:
    problem = {"title": "An event cannot be taken as it is", "detail": "the type is empty", "hint": "name it"}
    service.on("/v1/events", Reply(400, json=problem))
    with pytest.raises(Refused, match="400 An event cannot be taken as it is: the type is empty: name it") as caught:
        await emit("", {}, url=service.url)
    assert caught.value.status == 400
    assert len(service.requests) == 1


@pytest.mark.parametrize("body", ["", "[1]", "<h1>proxy</h1>", '{"title": 7}'])
async def test_a_no_of_somebody_else_has_its_status(service: FakeService, body: str) -> None:
    service.on("/v1/events", Reply(404, body=body))
    with pytest.raises(Refused, match="404"):
        await emit("a", {}, url=service.url)


async def test_what_is_no_json_is_not_sent(service: FakeService) -> None:
    for data in (float("nan"), {1, 2}):
        with pytest.raises((ValueError, TypeError)):
            await emit("a", data, url=service.url)
    assert service.requests == []


async def test_a_real_orchestrator_counts_it_once(house: House) -> None:
    server = bind("127.0.0.1", 0)
    await server.start(house.app)
    data = {"text": "ü \u2028 \x00", "n": 1}
    try:
        first = await emit("policy.changed", data, id="e1", source="registry", url=server.url)
        second = await asyncio.to_thread(sync.emit, "policy.changed", data, id="e1", source="registry", url=server.url)
        with pytest.raises(Refused, match="409"):
            await emit("policy.changed", {"n": 2}, id="e1", source="registry", url=server.url)
        with pytest.raises(Refused, match="400"):
            await emit("saga.completed", {}, url=server.url)
    finally:
        await server.stop()
    assert (first.duplicate, second) == (False, Emitted(first.position, duplicate=True))
    (event,) = house.store.read("event/registry e1")
    assert (event.type, json.loads(event.data or "")) == ("policy.changed", data)


async def test_the_blocking_one_says_that_a_loop_runs() -> None:
    with pytest.raises(RuntimeError, match=r"await hms_orch_cli\.sdk\.emit"):
        sync.emit("a", {})
