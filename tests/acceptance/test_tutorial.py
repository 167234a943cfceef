"""The tutorial as printed: three commands, three services, and the console of the contract."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.acceptance.house import ROOT, House, masked
from tests.acceptance.services import Services, ok, problem

pytestmark = pytest.mark.process

ID = "dol.benefit.increase.v1"
DATA = '{"policyId":"dol.unemployment.v3"}'
CALLS = ["/recalc", "/broadcast", "/snapshot"]

COMPLETED = """\
▶ dol.benefit.increase.v1  START
✓ recalc_payments          117 956 payments updated
✓ send_notices             2 001 445 e-mails queued
✓ archive_rule             snapshot #834 saved
✔ dol.benefit.increase.v1  COMPLETED (TIME)
"""

ROLLED_BACK = """\
▶ dol.benefit.increase.v1  START
✓ recalc_payments          117 956 payments updated
✗ send_notices             422 the mail gateway is closed
↩ recalc_payments          compensated
✖ dol.benefit.increase.v1  FAILED send_notices: 422 the mail gateway is closed (TIME)
"""


@pytest.fixture
def tutorial(house: House, services: Services) -> House:
    """The saga of the tutorial, deployed unchanged, and three services that say what they did."""
    (house.folder / "sagas").mkdir()
    shutil.copy(ROOT / "sagas/benefit-increase.yaml", house.folder / "sagas")
    services.on("/recalc", ok(message="117 956 payments updated"))
    services.on("/broadcast", ok(message="2 001 445 e-mails queued"))
    services.on("/snapshot", ok(message="snapshot #834 saved"))
    done = house.orch("deploy", "sagas/benefit-increase.yaml")
    assert (done.code, done.err) == (0, "")
    return house


def test_a_run_completes_with_the_console_of_the_contract(tutorial: House, services: Services) -> None:
    """Deploy, up, publish: each service is called once, in the order of the file."""
    with tutorial.up() as up:
        done = tutorial.bus("publish", "policy.changed", "--data", DATA, "--wait", "--timeout", "50")
        assert done.code == 0, done.err
        assert "COMPLETED" in done.out
    assert masked(up.out) == COMPLETED
    assert services.order() == CALLS


def test_a_refused_step_rolls_back_what_was_done_before_it(tutorial: House, services: Services) -> None:
    """The step that was refused is not undone, the one before it is, and the step after it is never called."""
    services.on("/broadcast", problem(422, "the mail gateway is closed"))
    with tutorial.up() as up:
        done = tutorial.bus("publish", "policy.changed", "--data", DATA, "--wait", "--timeout", "50")
        assert done.code == 1
    assert masked(up.out) == ROLLED_BACK
    assert services.order() == ["/recalc", "/broadcast", "/revert"]


def test_undo_goes_in_reverse_order(tutorial: House, services: Services) -> None:
    """What was done first is undone last."""
    services.on("/snapshot", problem(409, "there is one"))
    tutorial.publish("policy.changed", "--data", DATA)
    console = tutorial.until_idle()
    assert services.order() == [*CALLS, "/cancel", "/revert"]
    assert [line[0] for line in console.splitlines()] == ["▶", "✓", "✓", "✗", "↩", "↩", "✖"]
    assert tutorial.run()["state"] == "FAILED"


def test_an_event_that_the_filter_rejects_starts_no_run(tutorial: House, services: Services) -> None:
    """Nothing is called, the run list stays empty, and --wait has nothing to wait for."""
    with tutorial.up() as up:
        done = tutorial.bus("publish", "policy.changed", "--data", '{"policyId":"other"}', "--wait", "--timeout", "50")
        assert done.code == 0, done.err
    assert (up.out, services.requests, tutorial.runs()) == ("", [], [])


def test_status_as_json_has_exactly_the_fields_of_the_contract(tutorial: House) -> None:
    """Every member of a row and of its steps, with the types that a script relies on."""
    tutorial.publish("policy.changed", "--data", DATA, "--id", "e-1")
    tutorial.until_idle()
    row = tutorial.run()
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert list(row) == [
        "sagaId", "saga", "revision", "state", "reason", "startedAt", "endedAt", "durationMs", "event", "steps",
    ]  # fmt: skip
    assert row["saga"] == ID
    assert row["state"] == "COMPLETED"
    assert re.fullmatch("[0-9a-f]{64}", row["revision"])
    assert re.fullmatch(moment, row["startedAt"])
    assert re.fullmatch(moment, row["endedAt"])
    assert isinstance(row["durationMs"], int)
    assert row["event"] == {"id": "e-1", "source": "hms-bus", "type": "policy.changed"}
    assert row["steps"] == [
        {"name": "recalc_payments", "state": "SUCCEEDED", "attempts": 1, "summary": "117 956 payments updated"},
        {"name": "send_notices", "state": "SUCCEEDED", "attempts": 1, "summary": "2 001 445 e-mails queued"},
        {"name": "archive_rule", "state": "SUCCEEDED", "attempts": 1, "summary": "snapshot #834 saved"},
    ]


def test_the_run_list_is_newest_first_and_can_be_narrowed(tutorial: House, services: Services) -> None:
    """--state in either case, --saga, --limit; --fail-on is an exit code for cron."""
    services.on("/recalc", ok(), problem(422, "no"), ok())
    for number in (1, 2, 3):
        tutorial.publish("policy.changed", "--data", DATA, "--id", f"e-{number}")
        tutorial.until_idle()
    assert [row["event"]["id"] for row in tutorial.runs()] == ["e-3", "e-2", "e-1"]
    assert [row["event"]["id"] for row in tutorial.runs("--limit", "1")] == ["e-3"]
    assert [row["event"]["id"] for row in tutorial.runs("--state", "failed")] == ["e-2"]
    assert [row["event"]["id"] for row in tutorial.runs("--state", "Failed,COMPLETED")] == ["e-3", "e-2", "e-1"]
    assert tutorial.runs("--saga", "another.saga") == []
    assert tutorial.orch("status", "--fail-on", "stuck,failed").code == 1
    assert tutorial.orch("status", "--fail-on", "STUCK").code == 0
    done = tutorial.orch("status", "--fail-on", "stuk")
    assert done.code == 2 and "stuk" in done.err


def test_one_run_is_shown_with_its_timeline(tutorial: House) -> None:
    """Every event of the run, in the order of the log."""
    tutorial.publish("policy.changed", "--data", DATA)
    tutorial.until_idle()
    saga_id = tutorial.run()["sagaId"]
    (shown,) = json.loads(tutorial.ok("hms-orch", "status", saga_id, "-o", "json"))
    types = [event["type"] for event in shown["timeline"]]
    step = ["saga.step.started", "saga.step.succeeded"]
    assert types == ["saga.started", *step, *step, *step, "saga.completed"]
    assert "recalc_payments" in tutorial.ok("hms-orch", "status", saga_id)
    done = tutorial.orch("status", "no-such-run")
    assert done.code == 1 and "no-such-run" in done.err


def test_the_log_tells_what_happened(tutorial: House) -> None:
    """`tail` shows each event as CloudEvents JSON with its position, and --type narrows it."""
    tutorial.publish("policy.changed", "--data", DATA, "--id", "e-1", "--subject", "unemployment")
    tutorial.until_idle()
    log = tutorial.log()
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    assert {event["specversion"] for event in log} == {"1.0"}
    trigger = log[1]
    assert (trigger["type"], trigger["id"], trigger["source"]) == ("policy.changed", "e-1", "hms-bus")
    assert (trigger["subject"], trigger["data"]) == ("unemployment", json.loads(DATA))
    out = tutorial.ok("hms-bus", "tail", "--from", "1", "--no-follow", "--type", "saga.completed", "-o", "json")
    (completed,) = map(json.loads, out.splitlines())
    assert completed["data"]["sagaId"] == tutorial.run()["sagaId"]
    assert "saga.completed" in tutorial.ok("hms-bus", "tail", "--from", "1", "--no-follow")
