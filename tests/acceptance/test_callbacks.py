"""A participant that answers 202 and reports the end later, by callback."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.acceptance.house import House
from tests.acceptance.services import Services, ok, problem
from tests.participant.fake_service import Reply

pytestmark = pytest.mark.process

SAGA = """
id: long.work.v1
trigger: work.asked
steps:
  - name: work
    call: svc:/work
    compensate: svc:/unwork
  - name: finish
    call: svc:/finish
retry: {attempts: 2, backoffMs: 10, jitter: 0}
timeoutMs: 40000
"""


def _report(url: str, **members: Any) -> int:
    body = json.dumps(members).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            code: int = answer.status
            return code
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _wait(house: House, event: str) -> int:
    """Follows the run of an event that was published before; the exit code."""
    return house.bus("publish", "work.asked", "--id", event, "--wait", "--timeout", "50").code


def test_a_callback_ends_a_202_and_its_result_is_the_answer(house: House, services: Services) -> None:
    """The run goes on with what the participant reports, and a second report is answered as the first."""
    services.on("/work", Reply(202))
    house.deploy(SAGA)
    with house.up():
        house.publish("work.asked", "--id", "w-1")
        services.arrived("/work")
        callback = services.sent("/work")[0].json["callback"]
        first = _report(callback, outcome="success", result={"count": 3, "message": "3 done"})
        assert _wait(house, "w-1") == 0
        assert _report(callback, outcome="success", result={"count": 3, "message": "3 done"}) == first
        assert _report(callback, outcome="failed") == first
        assert 200 <= first < 300
        assert _report(callback[:-1] + ("a" if callback[-1] != "a" else "b"), outcome="success") in (403, 404)
    assert services.sent("/finish")[0].json["context"] == {"work": {"count": 3, "message": "3 done"}}
    row = house.run()
    assert (row["state"], row["steps"][0]["summary"], row["steps"][0]["attempts"]) == ("COMPLETED", "3 done", 1)


def test_a_callback_that_comes_before_the_202_counts(house: House, services: Services) -> None:
    """The report arrives while the request is still unanswered; the 202 changes nothing any more."""
    services.on("/work", Reply(202, hold="gate"))
    house.deploy(SAGA)
    with house.up():
        house.publish("work.asked", "--id", "w-1")
        services.arrived("/work")
        callback = services.sent("/work")[0].json["callback"]
        assert 200 <= _report(callback, outcome="success", result={"n": 1}) < 300
        services.arrived("/finish")
        services.release("gate")
        assert _wait(house, "w-1") == 0
    assert (len(services.sent("/work")), house.run()["state"]) == (1, "COMPLETED")


def test_a_callback_that_says_failed_is_definite(house: House, services: Services) -> None:
    """The step failed and is not undone."""
    services.on("/work", Reply(202))
    house.deploy(SAGA)
    with house.up():
        house.publish("work.asked", "--id", "w-1")
        services.arrived("/work")
        assert 200 <= _report(services.sent("/work")[0].json["callback"], outcome="failed") < 300
        assert _wait(house, "w-1") == 1
    assert services.sent("/unwork") == []
    assert [step["state"] for step in house.run()["steps"]] == ["FAILED", "PENDING"]


def test_an_undo_that_reports_failed_is_stuck(house: House, services: Services) -> None:
    """A person has to look: publish --wait says so with exit code 5."""
    services.on("/finish", problem(422, "no"))
    services.on("/unwork", Reply(202))
    house.deploy(SAGA)
    with house.up():
        house.publish("work.asked", "--id", "w-1")
        services.arrived("/unwork")
        assert 200 <= _report(services.sent("/unwork")[0].json["callback"], outcome="failed") < 300
        assert _wait(house, "w-1") == 5
    assert house.run()["state"] == "STUCK"


def test_until_idle_ends_while_a_callback_is_awaited_and_the_run_goes_on_later(
    house: House, services: Services
) -> None:
    """Nothing moves without the participant; its callback URL still holds after a restart on the same address."""
    services.on("/work", Reply(202))
    house.deploy(SAGA)
    house.publish("work.asked", "--id", "w-1")
    house.until_idle()
    row = house.run()
    assert (row["state"], row["steps"][0]["state"]) == ("WAITING", "WAITING")
    with house.up() as up:
        token = services.sent("/work")[0].json["callback"].rpartition("/")[2]
        assert 200 <= _report(f"{up.url}/v1/callbacks/{token}", outcome="success") < 300
        assert _wait(house, "w-1") == 0
    assert len(services.sent("/work")) == 1


def test_a_bad_report_is_refused_and_changes_nothing(house: House, services: Services) -> None:
    """Not JSON, no outcome, another outcome: 4xx each, and the run still waits."""
    services.on("/work", Reply(202))
    house.deploy(SAGA)
    with house.up():
        house.publish("work.asked", "--id", "w-1")
        services.arrived("/work")
        callback = services.sent("/work")[0].json["callback"]
        assert 400 <= _report(callback) < 500
        assert 400 <= _report(callback, outcome="maybe") < 500
        assert house.run()["state"] in ("RUNNING", "WAITING")
        assert 200 <= _report(callback, outcome="success") < 300
        assert _wait(house, "w-1") == 0


def test_a_425_that_turns_into_a_202_waits_for_the_callback(house: House, services: Services) -> None:
    """Accepted is accepted: the request is not repeated any more, and nothing moves until the participant reports."""
    services.on("/work", Reply(425), Reply(202))
    house.deploy(SAGA)
    house.publish("work.asked", "--id", "w-1")
    house.until_idle()
    assert (len(services.sent("/work")), house.run()["state"]) == (2, "WAITING")


def test_the_first_poll_waits_as_long_as_the_202_asks_for(house: House, services: Services) -> None:
    """A callback overtakes a poll that is due in 200 seconds, so the poll is never made."""
    services.on("/work", Reply(202, headers={"location": "/poll", "retry-after": "200"}))
    house.deploy(SAGA.replace("40000", "300000"))
    house.publish("work.asked", "--id", "w-1")
    with house.up("--until-idle") as up:
        while house.run()["steps"][0]["state"] != "WAITING":
            assert not services.sent("/poll")
        assert 200 <= _report(services.sent("/work")[0].json["callback"], outcome="success") < 300
        assert up.ended() == 0
    assert (services.sent("/poll"), house.run()["state"]) == ([], "COMPLETED")


def test_a_poll_that_was_told_to_come_much_later_does_not_hold_up_the_end(house: House, services: Services) -> None:
    """The callback ends the run, and `up --until-idle` with it, long before the next poll would be due."""
    services.on("/work", Reply(202, headers={"location": "/poll"}))
    services.on("/poll", Reply(202, headers={"location": "/poll", "retry-after": "200"}))
    services.on("/finish", ok(hello=1))
    house.deploy(SAGA.replace("40000", "300000"))
    house.publish("work.asked", "--id", "w-1")
    with house.up("--until-idle") as up:
        services.arrived("/poll")
        assert 200 <= _report(services.sent("/work")[0].json["callback"], outcome="success") < 300
        assert up.ended() == 0
    assert house.run()["state"] == "COMPLETED"
