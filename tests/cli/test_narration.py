"""What the console of `up` says of waits, questions and what people did: a line each, nothing told twice."""

import pytest

from hms_orch_cli.cli.narration import lines_of
from hms_orch_cli.saga.definition import saga_from
from hms_orch_cli.saga.events import (
    Closed,
    Decided,
    LockAcquired,
    LockQueued,
    LockReleased,
    MatchFailed,
    Paused,
    Queued,
    Redriven,
    Replaced,
    Resumed,
    RunFact,
    StepHeld,
    StepWaiting,
)
from hms_orch_cli.saga.machine import begin

AT = 1_767_225_600_000
SAGA = saga_from({"id": "s.v1", "trigger": "t", "steps": [{"name": "ship", "call": "a:/b"}]}, "r1")

SAID: list[tuple[RunFact, str]] = [
    (LockQueued(AT, '"x"', "run-7"), '… s.v1  waits for lock "x", held by run-7'),
    (LockAcquired(AT, '"x"', 3, 2_100), '… s.v1  has lock "x" after 2.1 s'),
    (LockAcquired(AT, '"x"', 3, 0), ""),
    (LockReleased(AT, '"x"', "ann", "dead"), '! s.v1  lock "x" taken away by ann: dead'),
    (StepWaiting(AT, "ship", "event", None, "paid"), "… ship  waits for event paid"),
    (StepWaiting(AT, "ship", "event", AT, "paid"), "… ship  waits for event paid until 2026-01-01T00:00:00.000Z"),
    (StepWaiting(AT, "ship", "approval", AT, None, "Ship?"), ""),
    (
        Queued(AT, "ship", "r.1", "approval", "Ship?", ["approve", "reject"]),
        "? ship  hms-orch hitl decide r.1 approve|reject  Ship?",
    ),
    (StepHeld(AT, "ship", 1, "failed", False, "no room", 422), "✗ ship  422 no room, held"),
    (
        Queued(AT, "ship", "r.1", "hold", "ship: 422 no room", ["retry", "done"]),
        "? ship  hms-orch hitl decide r.1 retry|done",
    ),
    (MatchFailed(AT, "ship", 9, "no such key"), "– ship  event at position 9 does not match: no such key"),
    (Decided(AT, "r.1", "hold", "skip", "ann", "not needed"), "! s.v1  r.1 decided: skip by ann: not needed"),
    (Closed(AT, "r.1", "undo", "a later attempt"), "– s.v1  r.1 needs no decision: a later attempt"),
    (Paused(AT, "ann", ""), "! s.v1  PAUSED by ann"),
    (Resumed(AT, "ann", "ok"), "! s.v1  RESUMED by ann: ok"),
    (Redriven(AT, "ann", ""), "▶ s.v1  REDRIVEN by ann"),
    (Replaced(AT, "run-8", "ann", ""), "! s.v1  started anew as run-8 by ann"),
]


@pytest.mark.parametrize(("fact", "said"), SAID, ids=[f"{type(fact).__name__} {said}" for fact, said in SAID])
def test_a_fact_has_its_line(fact: RunFact, said: str) -> None:
    lines = [f"{line.sign} {line.name}  {line.text}" for line in lines_of(begin(SAGA, "run-1"), [fact])]
    assert lines == ([said] if said else [])
