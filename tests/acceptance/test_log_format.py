"""`up` with a log for programs: every line of both streams is a JSON object, whatever happens."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.acceptance.house import House
from tests.acceptance.services import Services, problem

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
"""


def objects(text: str) -> list[dict[str, Any]]:
    """Each line, read back."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_run_is_told_in_objects(house: House, services: Services) -> None:
    services.on("/ship", problem(422, "no \x1b[31mstock"))
    house.deploy(SAGA)
    house.publish("order.placed", "--id", "o-1")
    done = house.orch("up", "--port", "0", "--until-idle", "--log-format", "json")
    assert done.code == 0
    told = objects(done.out)
    assert [(line["event"], line.get("step")) for line in told] == [
        ("saga.started", None),
        ("saga.step.succeeded", "pay"),
        ("saga.step.failed", "ship"),
        ("saga.step.compensated", "pay"),
        ("saga.failed", None),
    ]
    run = house.run()
    assert {line["sagaId"] for line in told} == {run["sagaId"]}
    times = {event["type"]: event["time"] for event in house.log()}
    assert all(line["time"] == times[line["event"]] for line in told)
    assert "\x1b" not in done.out
    assert [line["message"].split(":")[0] for line in objects(done.err)] == ["hms-orch is up", "store"]


def test_the_file_may_say_so_too_and_the_option_wins(house: House) -> None:
    house.address_book('[log]\nformat = "json"\n')
    assert objects(house.orch("up", "--port", "0", "--until-idle").err)
    plain = house.orch("up", "--port", "0", "--until-idle", "--log-format", "text")
    assert plain.err.startswith("hms-orch is up")
    done = house.orch("up", "--port", "0", "--until-idle", env={"HMS_LOG_FORMAT": "jsn"})
    assert done.code == 1
    assert "did you mean json?" in done.err


def test_a_refusal_is_an_object(house: House) -> None:
    with house.up("--log-format", "json"):
        done = house.orch("up", "--log-format", "json")
    assert done.code == 1
    (refused,) = objects(done.err)
    assert (refused["level"], done.out) == ("error", "")
    assert refused["hint"]
