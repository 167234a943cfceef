"""explain: in one sentence why a run does not move, and who can move it."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Desk, Run
from tests.cli.workshop import APPROVAL, HOLDS, LATER, LOCKED, NO, OK, ORDER, Workshop

AWAITS = """\
id: shop.bill.v1
trigger: bill.sent
deadlineMs: 86400000
steps:
  - {name: remind, call: "mail-svc:/remind"}
  - {name: paid, await: {event: bill.paid, match: "true", timeoutMs: 3600000}}
"""
BY_EVENT = ORDER.replace('"pay-svc:/refund"', "event")


def said(orch: Run | Desk, run: str) -> str:
    ended = orch("explain", run)
    assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1)
    return ended.out.rstrip("\n")


STORIES = {
    "it has ended": (ORDER, {"pay": OK, "ship": OK}, "It does not move because it has ended, COMPLETED at 20"),
    "it has failed": (ORDER, {"pay": NO}, "has ended, FAILED at "),
    "a retry": (ORDER, {"pay": LATER}, "Step pay is tried again at 20"),
    "a call": (ORDER, {}, "Step pay is being called since 20"),
    "it is stuck": (ORDER, {"pay": OK, "ship": NO, "undo_pay": NO}, "a person decides (hms-orch hitl decide {id}.1)."),
    "an undo": (ORDER, {"pay": OK, "ship": NO}, "because of this: ship: 422 no room; the undo of step pay is being "),
    "it is held": (HOLDS, {"pay": OK, "ship": NO}, "is held until a person decides (hms-orch hitl decide {id}.1)."),
    "an approval": (APPROVAL, {"reserve": OK}, "waits for a person until 20"),
    "an event": (AWAITS, {"remind": OK}, "Step paid waits for an event bill.paid until 20"),
    "a deadline": (AWAITS, {"remind": OK}, "Z; not done by 20"),
    "an acknowledgement": (BY_EVENT, {"pay": OK, "ship": NO}, "for the participant to acknowledge saga.compensate"),
}


@pytest.mark.parametrize("story", STORIES)
def test_why_it_does_not_move(orch: Run, workshop: Workshop, story: str) -> None:
    """Alone: an `up` would move what can."""
    saga, told, expected = STORIES[story]
    workshop.deploy(saga)
    run = workshop.run(saga.split()[1], **told)
    assert expected.format(id=run) in said(orch, run)


def test_the_line_for_a_lock(desk: Desk, workshop: Workshop) -> None:
    workshop.deploy(LOCKED)
    first, second, third = (workshop.run("shop.stock.v1", n="a") for _ in range(3))
    assert f'It waits for lock "a", held by run {first}, since 20' in said(desk, second)
    assert f'It waits for lock "a", held by run {first}, behind 1 other in line, since 20' in said(desk, third)


def test_a_pause(desk: Desk, workshop: Workshop) -> None:
    workshop.deploy(ORDER)
    run = workshop.run(pay=LATER)
    desk("pause", run)
    assert said(desk, run) == f"It is paused: nothing begins until somebody types: hms-orch resume {run}."


def test_as_json(desk: Desk, workshop: Workshop) -> None:
    workshop.deploy(HOLDS)
    run = workshop.run(pay=OK, ship=NO)
    told = json.loads(desk("explain", run, "-o", "json").out)
    assert told == {
        "sagaId": run,
        "saga": "shop.order.v1",
        "state": "WAITING",
        "explanation": said(desk, run),
        "items": [f"{run}.1"],
    }


def test_the_server_elsewhere_says_the_same(
    orch: Run, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workshop.deploy(HOLDS)
    run = workshop.run(pay=OK, ship=NO)
    here = said(orch, run)
    with workshop.up() as url:
        monkeypatch.setenv("HMS_URL", url)
        monkeypatch.chdir(tmp_path)
        assert said(orch, run) == here
        assert orch("explain", "nix").err.startswith("error: there is no run nix\n")
