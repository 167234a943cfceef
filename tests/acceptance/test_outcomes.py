"""Every row of the outcome table, against a service that behaves so.

All rows run at once in one `up`; each test then looks at what its service was asked, at the run, and at the log.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.acceptance.house import House
from tests.acceptance.outcome_rows import ROWS, Row, definition
from tests.acceptance.services import Services, closed_port
from tests.participant.fake_service import Recorded, Reply

pytestmark = pytest.mark.process

BY_NAME = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


class Ran:
    """What all the rows left behind."""

    def __init__(self, house: House, services: Services) -> None:
        self.services = services
        self.runs = {row["saga"].removeprefix("row."): row for row in house.runs("--limit", "1000")}
        self.log = house.log()

    def sent(self, row: Row, path: str) -> list[Recorded]:
        """What the service was asked for a row."""
        return self.services.sent(f"/{row.name}/{path}")

    def facts(self, row: Row) -> list[dict[str, Any]]:
        """The events of a row's run."""
        saga_id = self.runs[row.name]["sagaId"]
        return [event for event in self.log if (event.get("data") or {}).get("sagaId") == saga_id]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """All rows, run to their ends by one `up`."""
    with Services() as services:
        house = House(tmp_path_factory.mktemp("rows"))
        house.address_book(svc=services.url, nobody=f"http://127.0.0.1:{closed_port()}")
        for row in ROWS:
            house.write(f"sagas/{row.name}.yaml", yaml.safe_dump(definition(row), sort_keys=False))
            for path in ("call", "undo", "poll", "check", "after"):
                services.on(f"/{row.name}/{path}", *(_placed(reply, services) for reply in getattr(row, path)))
        house.ok("hms-orch", "deploy", "sagas")
        house.publish("rows.go", "--data", "{}")
        house.until_idle()
        yield Ran(house, services)


def _placed(reply: Reply, services: Services) -> Reply:
    """The reply, with the address of the service where it says so."""
    headers = {name: value.replace("{url}", services.url) for name, value in reply.headers.items()}
    return Reply(**{**vars(reply), "headers": headers})


@BY_NAME
def test_the_run_ends_as_the_table_says(ran: Ran, row: Row) -> None:
    """State of the run, state of the step under test, and of the steps around it."""
    run = ran.runs[row.name]
    steps = {step["name"]: step for step in run["steps"]}
    assert (run["state"], steps["tested"]["state"]) == (row.state, row.step), run
    before = {"COMPLETED": "SUCCEEDED", "FAILED": "COMPENSATED", "STUCK": "SUCCEEDED"}
    assert steps["before"]["state"] == before[row.state]
    assert len(ran.sent(row, "unbefore")) == (row.state == "FAILED")
    assert ran.sent(row, "unafter") == []


@BY_NAME
def test_the_service_is_asked_as_often_as_the_table_says(ran: Ran, row: Row) -> None:
    """Calls, undos, polls and checks; -1 stands for several."""
    for path, expected in {"call": row.calls, "undo": row.undos, "poll": row.polls, "check": row.checks}.items():
        count = len(ran.sent(row, path))
        assert count > 1 if expected == -1 else count == expected, f"{path}: {count}"
    (tested,) = [step for step in ran.runs[row.name]["steps"] if step["name"] == "tested"]
    expected_attempts = row.calls if row.attempts is None else row.attempts
    assert tested["attempts"] == expected_attempts


@BY_NAME
def test_all_attempts_carry_one_key_and_each_a_token_of_its_own(ran: Ran, row: Row) -> None:
    """The key is <sagaId>:<step>:<op> in quotes, for polls and checks too."""
    saga_id = ran.runs[row.name]["sagaId"]
    for op, paths in {"call": ("call", "check"), "compensate": ("undo",)}.items():
        asked = [request for path in paths for request in ran.sent(row, path)]
        assert {request.headers["idempotency-key"] for request in asked} <= {f'"{saga_id}:tested:{op}"'}
    everything = [request for path in ("call", "undo", "poll", "check") for request in ran.sent(row, path)]
    assert len({_claims(request)["jti"] for request in everything}) == len(everything)


@BY_NAME
def test_every_attempt_is_in_the_log_before_it_is_made(ran: Ran, row: Row) -> None:
    """As many intents as attempts, and one recorded outcome of the call and of the undo."""
    facts = [fact for fact in ran.facts(row) if fact["data"].get("step", {}).get("name") == "tested"]
    types = [fact["type"] for fact in facts]
    attempts = row.calls if row.attempts is None else row.attempts
    assert types.count("saga.step.started") == attempts
    outcomes = [kind for kind in types if kind in ("saga.step.succeeded", "saga.step.failed")]
    assert len(outcomes) == 1
    undo_outcomes = [kind for kind in types if kind in ("saga.step.compensated", "saga.step.stuck")]
    assert len(undo_outcomes) == (row.step in ("COMPENSATED", "STUCK"))
    asked_to_undo = types.count("saga.compensate")
    assert asked_to_undo <= 10
    assert (asked_to_undo > 0) == (row.step in ("COMPENSATED", "STUCK") and row.name != "undo-expression-wrong")


def test_no_redirect_is_ever_followed(ran: Ran) -> None:
    """Neither that of a call nor that of a poll."""
    assert ran.services.sent("/elsewhere") == []


@pytest.mark.parametrize("name", ["throttled-then-ok", "unavailable-then-ok"])
def test_retry_after_sets_the_pause(ran: Ran, name: str) -> None:
    """The next attempt is due a second later, and begins no sooner."""
    row = next(row for row in ROWS if row.name == name)
    facts = ran.facts(row)
    place = next(n for n, fact in enumerate(facts) if fact["type"] == "saga.step.retrying")
    retrying, again = facts[place], facts[place + 1]
    due, began = retrying["data"]["dueAt"], _ms(again["time"])
    assert due == _ms(retrying["time"]) + 1_000
    assert began >= due


def test_a_poll_is_plain_get_on_the_same_origin(ran: Ran) -> None:
    """Without the body of the call, and each with a token that says what it is for."""
    row = next(row for row in ROWS if row.name == "poll")
    polls = ran.sent(row, "poll")
    assert [(poll.method, poll.body) for poll in polls] == [("GET", b"")] * 3
    assert {(_claims(poll)["step"], _claims(poll)["op"], _claims(poll)["aud"]) for poll in polls} == {
        ("tested", "call", "svc")
    }


def test_a_check_is_a_get(ran: Ran) -> None:
    """It asks, and changes nothing."""
    row = next(row for row in ROWS if row.name == "check-yes")
    (check,) = ran.sent(row, "check")
    assert check.method == "GET"
    (tested,) = [step for step in ran.runs[row.name]["steps"] if step["name"] == "tested"]
    assert tested["summary"] == "it did"


def _claims(request: Recorded) -> dict[str, Any]:
    payload = request.headers["authorization"].split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _ms(moment: str) -> int:
    from hms_orch_cli.saga.moment import from_rfc3339

    return from_rfc3339(moment)
