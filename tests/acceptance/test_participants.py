"""What a participant receives: body, headers, a token that its own library verifies, one key for all attempts."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import jwt
import pytest

from tests.acceptance.house import House
from tests.acceptance.services import Services, ok, problem
from tests.participant.fake_service import Reply

pytestmark = pytest.mark.process

SAGA = """
id: shop.order.v1
trigger: order.placed
steps:
  - name: pay
    call: svc:/pay
    compensate: svc:/refund
  - name: ship
    call: svc:/ship
    compensate: svc:/recall
retry: {attempts: 3, backoffMs: 10, jitter: 0}
timeoutMs: 20000
"""


def _jwks(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/.well-known/jwks.json", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_the_bodies_of_call_and_undo_are_those_of_the_contract(house: House, services: Services) -> None:
    """Earlier outputs travel as `context`, and an undo brings what the call answered as `result`."""
    services.on("/pay", ok(payment=7, message="paid"))
    services.on("/ship", problem(422, "no such street"))
    house.deploy(SAGA)
    house.publish("order.placed", "--data", '{"order": [1, 2.5, "ü"]}', "--id", "o-1", "--source", "shop")
    house.until_idle()
    saga_id = house.run()["sagaId"]
    (pay,), (ship,), (refund,) = services.sent("/pay"), services.sent("/ship"), services.sent("/refund")
    trigger = next(event for event in house.log() if event["type"] == "order.placed")
    about = {
        "sagaId": saga_id,
        "saga": "shop.order.v1",
        "attempt": 1,
        "data": {"order": [1, 2.5, "ü"]},
        "event": {"id": "o-1", "source": "shop", "type": "order.placed", "time": trigger["time"]},
    }
    paid = {"payment": 7, "message": "paid"}
    assert _without_callback(pay.json) == {**about, "step": "pay", "op": "call", "context": {}}
    assert _without_callback(ship.json) == {**about, "step": "ship", "op": "call", "context": {"pay": paid}}
    assert _without_callback(refund.json) == {
        **about, "step": "pay", "op": "compensate", "context": {"pay": paid}, "result": paid,
    }  # fmt: skip
    assert {request.method for request in services.requests} == {"POST"}
    assert {request.headers["content-type"] for request in services.requests} == {"application/json"}
    assert re.fullmatch(r"http://[^/]+/v1/callbacks/\S+", pay.json["callback"])


def _without_callback(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "callback"}


def test_the_result_of_an_undo_is_null_if_nobody_knows_what_the_call_answered(house: House, services: Services) -> None:
    """The member is there, so that a participant can tell."""
    services.on("/ship", Reply(500))
    house.deploy(SAGA)
    house.publish("order.placed")
    house.until_idle()
    (recall,) = services.sent("/recall")
    assert recall.json["result"] is None
    assert recall.json["data"] is None


def test_tokens_verify_against_the_published_keys_and_are_fresh_for_each_attempt(
    house: House, services: Services
) -> None:
    """ES256, a kid of the JWKS, and the claims of the contract."""
    services.on("/pay", Reply(500), ok())
    house.address_book(svc=services.url)
    house.write("hms-orch.toml", f'[services]\nsvc = {{ url = "{services.url}", audience = "the-shop" }}\n')
    house.deploy(SAGA)
    with house.up() as up:
        assert house.bus("publish", "order.placed", "--wait", "--timeout", "50").code == 0
        keys = {key["kid"]: jwt.PyJWK(key) for key in _jwks(up.url)["keys"]}
    saga_id = house.run()["sagaId"]
    seen = []
    for request in services.requests:
        token = request.headers["authorization"].removeprefix("Bearer ")
        header = jwt.get_unverified_header(token)
        assert header["alg"] == "ES256"
        claims = jwt.decode(
            token, keys[header["kid"]], algorithms=["ES256"], audience="the-shop", issuer="hms-orch",
            options={"require": ["iss", "aud", "sub", "iat", "exp", "jti"]},
        )  # fmt: skip
        assert 0 < claims["exp"] - claims["iat"] <= 60
        assert claims["sub"] == saga_id
        seen.append((claims["step"], claims["op"], claims["attempt"], claims["jti"]))
    assert [each[:3] for each in seen] == [("pay", "call", 1), ("pay", "call", 2), ("ship", "call", 1)]
    assert len({each[3] for each in seen}) == 3
    for key in _jwks_members(keys):
        assert "d" not in key


def _jwks_members(keys: dict[str, jwt.PyJWK]) -> list[dict[str, Any]]:
    return [key._jwk_data for key in keys.values()]


def test_keys_are_made_on_first_use_and_only_their_owner_can_read_them(house: House) -> None:
    """Nothing in the folder of the store is open to others."""
    house.deploy(SAGA)
    house.publish("order.placed")
    house.until_idle()
    modes = {path.name: path.stat().st_mode & 0o777 for path in house.store.parent.rglob("*") if path.is_file()}
    assert len(modes) > 2
    assert {name: mode for name, mode in modes.items() if mode != 0o600} == {}


def test_one_idempotency_key_for_all_attempts_also_across_a_restart(house: House, services: Services) -> None:
    """The key is the structured-field string "<sagaId>:<step>:<op>"; the trace is the run's."""
    services.on("/pay", Reply(act="drop"), Reply(hold="never"), ok())
    house.deploy(SAGA)
    with house.up() as up:
        house.publish("order.placed")
        services.arrived("/pay", 2)
        assert up.stop() == 130
    house.until_idle()
    saga_id = house.run()["sagaId"]
    pays = services.sent("/pay")
    assert len(pays) == 3
    assert {pay.headers["idempotency-key"] for pay in pays} == {f'"{saga_id}:pay:call"'}
    traces = {pay.headers["traceparent"].split("-")[1] for pay in services.requests}
    assert len(traces) == 1
    assert [pay.json["attempt"] for pay in pays] == [1, 2, 2], "an attempt cut off uses no attempt"
    assert house.run()["state"] == "COMPLETED"


OWN_BODY = """
id: own.body.v1
trigger: order.placed
steps:
  - name: pay
    call:
      service: svc
      method: PUT
      path: /orders/${data.id}/pay
      query: {dry: "${data.dry}"}
      headers: {X-Tenant: "${data.tenant}", X-Api-Key: "${secret.API_KEY}"}
      body: {amount: "${data.amount}", text: "for ${data.id}"}
"""


def test_with_a_body_of_its_own_the_particulars_travel_as_headers(house: House, services: Services) -> None:
    """Expressions are filled in and keep their types; path parts are percent-encoded; a secret is stored nowhere."""
    house.deploy(OWN_BODY)
    data = {"id": "a/b ü", "dry": True, "tenant": "t1", "amount": 12.5}
    house.publish("order.placed", "--data", json.dumps(data), "--id", "o-1")
    house.ok("hms-orch", "up", "--port", "0", "--until-idle", env={"HMS_SECRET_API_KEY": "s3cr3t-value"})
    (pay,) = services.requests
    assert (pay.method, pay.path) == ("PUT", "/orders/a%2Fb%20%C3%BC/pay?dry=true")
    assert pay.json == {"amount": 12.5, "text": "for a/b ü"}
    saga_id = house.run()["sagaId"]
    told = {name: value for name, value in pay.headers.items() if name.startswith("hms-")}
    assert told.pop("hms-callback").startswith("http://")
    assert told == {
        "hms-saga-id": saga_id,
        "hms-saga": "own.body.v1",
        "hms-step": "pay",
        "hms-op": "call",
        "hms-attempt": "1",
        "hms-event-id": "o-1",
        "hms-event-source": "hms-bus",
        "hms-event-type": "order.placed",
    }
    assert (pay.headers["x-tenant"], pay.headers["x-api-key"]) == ("t1", "s3cr3t-value")
    stored = b"".join(path.read_bytes() for path in house.store.parent.rglob("*") if path.is_file())
    assert b"s3cr3t-value" not in stored
