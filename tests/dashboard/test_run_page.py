"""One run on a page: its drawing, what was sent and answered, its times, and what can be done about it."""

from __future__ import annotations

from typing import Any

import pytest

from hms_orch_cli.saga.attention import DECISIONS
from hms_orch_cli.saga.outcome import Answer, Wire
from tests.dashboard.house import House, event
from tests.dashboard.pages import Elements, is_harmless

SECRETIVE = """
id: shop.order.v1
trigger: order.placed
steps:
  - name: pay
    call:
      service: pay-svc
      path: /pay
      headers: {X-Api-Key: "${secret.KEY}", X-Session-Token: abcdef, X-Office: north}
      body: {amount: "${data.n}", pin: "${secret.PIN}"}
    redact: [card]
    compensate: pay-svc:/refund
  - name: ship
    call: ship-svc:/ship
    compensate: ship-svc:/return
retry: {attempts: 1}
"""


async def run_of(house: House, text: str | None = None, **answers: Answer) -> str:
    """The id of a run that has gone as far as it goes."""
    house.participants.answers |= {f"/{path}": answer for path, answer in answers.items()}
    await house.deploy(text)
    await house.publish(event(1))
    await house.settle()
    (run,) = (await house.client.get("/v1/sagas")).json()["sagas"]
    return str(run["sagaId"])


async def page_of(house: House, run: str) -> Elements:
    """The page of a run, which is harmless."""
    return is_harmless((await house.client.get(f"/runs/{run}")).text)


async def requests_of(house: House, run: str) -> list[dict[str, Any]]:
    """What the API says was sent."""
    found: list[dict[str, Any]] = (await house.client.get(f"/v1/sagas/{run}/requests")).json()["requests"]
    return found


async def test_what_was_sent_is_told_without_secrets(house: House) -> None:
    run = await run_of(house, SECRETIVE, pay=Answer(Wire.ANSWERED, 200, {"card": "4111", "ok": True}))
    pay, ship = await requests_of(house, run)
    assert (pay["step"], pay["op"], pay["attempts"]) == ("pay", "call", 1)
    sent = pay["request"]
    assert (sent["method"], sent["service"], sent["path"]) == ("POST", "pay-svc", "/pay")
    assert sent["body"] == {"amount": 1, "pin": "(secret PIN)"}
    assert sent["headers"]["X-Office"] == "north"
    assert {sent["headers"][name] for name in ("X-Api-Key", "X-Session-Token", "Authorization")} == {"(not shown)"}
    assert "/v1/callbacks/" not in str(pay) + str(ship)
    assert pay["answer"]["status"] == 200
    assert "4111" not in str(pay["answer"]) and pay["answer"]["body"]["ok"] is True
    words = (await page_of(house, run)).words
    assert "4111" not in words and "abcdef" not in words
    assert '"pin": "(secret PIN)"' in words


async def test_what_was_sent_is_what_went_out(house: House) -> None:
    """But for what gives a right."""
    run = await run_of(house, ship=Answer(Wire.ANSWERED, 422, reason="no van"))
    told = await requests_of(house, run)
    assert [(each["step"], each["op"]) for each in told] == [("pay", "call"), ("pay", "compensate"), ("ship", "call")]
    import orjson

    for each in told:
        (call,) = [c for c in house.participants.calls if (c.step, c.op) == (each["step"], each["op"])]
        body = orjson.loads(call.body or b"null")
        assert each["request"]["body"] == {**body, "callback": each["request"]["body"]["callback"]}
        assert each["request"]["key"] == call.key
        assert (each["request"]["path"], each["request"]["method"]) == (call.path, call.method)


async def test_a_run_that_is_not_there_has_sent_nothing(house: House) -> None:
    assert (await house.client.get("/v1/sagas/none/requests")).status_code == 404


async def test_the_drawing_shows_where_the_run_stands(house: House) -> None:
    run = await run_of(house, ship=Answer(Wire.ANSWERED, 422, reason="no van"))
    elements = await page_of(house, run)
    assert [each["class"] for each in elements.of_class("step") if "card" not in str(each["class"])] == [
        "step call taken-back",
        "step call s-failed",
    ]
    assert [each["class"] for each in elements.of_class("undo") if "way" not in str(each["class"])] == [
        "undo s-compensated",
        "undo ",
    ]


async def test_a_failed_run_says_why_and_can_be_redriven(house: House) -> None:
    run = await run_of(house, ship=Answer(Wire.ANSWERED, 422, reason="no van"))
    elements = await page_of(house, run)
    assert "ship: 422 no van" in elements.words
    assert [each["data-post"] for each in elements.having("data-post")] == [f"/v1/sagas/{run}/redrive"]


async def test_a_completed_run_offers_nothing(house: House) -> None:
    elements = await page_of(house, await run_of(house))
    assert elements.having("data-post") == []
    assert "completed" in elements.words


async def test_a_stuck_run_leads_to_its_question(house: House) -> None:
    run = await run_of(
        house, ship=Answer(Wire.ANSWERED, 422, reason="no van"), refund=Answer(Wire.ANSWERED, 409, reason="too late")
    )
    elements = await page_of(house, run)
    (item,) = (await house.client.get("/v1/hitl")).json()["items"]
    assert f"/hitl/{item['id']}" in [each["href"] for each in elements.having("href")]
    assert "hms-orch hitl decide" not in elements.words


async def test_every_decision_of_every_kind_is_offered_in_words() -> None:
    from hms_orch_cli.dashboard.pages.decisions import ABOUT, CHOICES, KINDS

    assert set(CHOICES) == {(kind, decision) for kind, decisions in DECISIONS.items() for decision in decisions}
    assert set(ABOUT) == set(KINDS) == set(DECISIONS)


async def test_an_item_offers_its_decisions_and_later_who_decided(house: House) -> None:
    await run_of(
        house, ship=Answer(Wire.ANSWERED, 422, reason="no van"), refund=Answer(Wire.ANSWERED, 409, reason="too late")
    )
    (item,) = (await house.client.get("/v1/hitl")).json()["items"]
    address = f"/hitl/{item['id']}"
    elements = is_harmless((await house.client.get(address)).text)
    assert [each["data-body"] for each in elements.having("data-body")] == [
        '{"decision":"retry"}',
        '{"decision":"undone"}',
        '{"decision":"abandon"}',
    ]
    told = {"decision": "undone", "actor": "ann", "note": "called <b>them</b>"}
    assert (await house.client.post(f"/v1/hitl/{item['id']}", json=told)).status_code == 200
    elements = is_harmless((await house.client.get(address)).text)
    assert elements.having("data-body") == []
    assert "undone, decided by ann" in elements.words
    assert "called <b>them</b>" in elements.words


@pytest.mark.parametrize(("state", "offered"), [("paused", "resume"), ("running", "pause")])
async def test_a_definition_offers_what_fits(house: House, state: str, offered: str) -> None:
    await house.deploy()
    await house.settle()
    if state == "paused":
        await house.client.post("/v1/definitions/shop.order.v1/pause", json={"actor": "ann"})
    elements = is_harmless((await house.client.get("/definitions/shop.order.v1")).text)
    (button,) = elements.having("data-post")
    assert button["data-post"] == f"/v1/definitions/shop.order.v1/{offered}"


async def test_revisions_say_what_they_changed(house: House) -> None:
    await house.deploy()
    await house.deploy(SECRETIVE)
    await house.settle()
    newest, first = (await house.client.get("/v1/definitions/shop.order.v1/revisions")).json()["revisions"]
    assert first["changes"] == [] and newest["changes"]
    assert (newest["undeployedAt"], newest["inFlight"]) == (None, 0)
    assert (await house.client.delete("/v1/definitions/shop.order.v1")).status_code == 204
    (newest, _) = (await house.client.get("/v1/definitions/shop.order.v1/revisions")).json()["revisions"]
    assert newest["undeployedAt"] is not None
    assert (await house.client.get("/v1/definitions")).json()["definitions"] == []
    assert "undeployed" in (await house.client.get("/definitions/shop.order.v1")).text
    assert (await house.client.get("/v1/definitions/none/revisions")).status_code == 404


async def test_a_definition_is_listed_the_moment_it_is_deployed(house: House) -> None:
    """Before the dispatcher has come by."""
    await house.deploy()
    assert [each["id"] for each in (await house.client.get("/v1/definitions")).json()["definitions"]] == [
        "shop.order.v1"
    ]
